"""Files that people are sent. Teams lets a bot hand one over in a personal chat only, and only after a yes: we offer it, the
person agrees, its bytes go into their own store, and the offer becomes a link (learn.microsoft.com: "Send and receive files").

In the desk's channel a file is named, with a button that offers it to whoever presses it, in their own chat. An offer works in
the chat that it was made in and nowhere else: it carries a keyed digest of both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.channels.teams_activities import Taken
from adapters.channels.teams_cards import DATA
from adapters.channels.teams_files import TeamsFiles
from bot.cards import Attached, Block, Button, Buttons, Card
from bot.errors import Refused
from bot.organisation import Words
from bot.ports import Vault

GET: Final = "teams.file"  # the action of the button in the desk's channel
_PURPOSE: Final = "teams"
_CONSENT: Final = "application/vnd.microsoft.teams.card.file.consent"
_INFO: Final = "application/vnd.microsoft.teams.card.file.info"
Json = dict[str, Any]


@dataclass(frozen=True)
class Sharing:
    """`kept` gives the bytes of a file by its id; raises `NotFound`."""

    vault: Vault
    kept: Callable[[str], bytes]
    files: TeamsFiles
    words: Callable[[], Words]

    def with_buttons(self, card: Card) -> Card:
        """The card as a channel gets it: each file with a button that offers it."""
        blocks: list[Block] = []
        for block in card.blocks:
            blocks.append(block)
            if isinstance(block, Attached):
                label = self.words().say(card.lang, "teams.file_get")
                blocks.append(Buttons((Button(label, GET, f"{block.id}/{block.size}/{block.name}"),)))
        return replace(card, blocks=tuple(blocks)) if len(blocks) > len(card.blocks) else card

    def offer(self, conversation: str, file: Attached, lang: str) -> Json:
        """The activity that offers a file in a personal chat."""
        context = {DATA: {"file": file.id, "for": self._digest(conversation, file.id)}}
        content = {
            "description": self.words().say(lang, "teams.file_offer"), "sizeInBytes": file.size, "acceptContext": context,
            "declineContext": context,
        }  # fmt: skip
        return {"type": "message", "attachments": [{"contentType": _CONSENT, "name": file.name, "content": content}]}

    async def hand_over(self, conversation: str, taken: Taken) -> Json | None:
        """Put the bytes where the person agreed to have them; the activity that takes the offer's place, None if it was
        declined. Raises `Refused` for an offer that is not ours, `NotFound`, `ChannelError`."""
        file = taken.context.get("file")
        if not isinstance(file, str) or taken.context.get("for") != self._digest(conversation, file):
            raise Refused("not an offer of this chat")
        if not taken.upload:
            return None
        await self.files.put(taken.upload, await asyncio.to_thread(self.kept, file))
        content = {"uniqueId": taken.unique, "fileType": taken.ending}
        card = {"contentType": _INFO, "contentUrl": taken.link, "name": taken.name, "content": content}
        return {"type": "message", "attachments": [card]}

    def _digest(self, conversation: str, file: str) -> str:
        return self.vault.digest(_PURPOSE, f"file/{file}/{conversation}".encode())


def asked_for(value: str) -> Attached:
    """The file that a button names."""
    file, _, rest = value.partition("/")
    size, _, name = rest.partition("/")
    return Attached(file, name, int(size) if size.isdecimal() and len(size) < 12 else 0)


def files_of(card: Card) -> list[Attached]:
    """The files of a card."""
    return [block for block in card.blocks if isinstance(block, Attached)]
