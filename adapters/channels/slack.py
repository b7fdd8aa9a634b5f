"""Slack as a channel: cards out, in their turn, to people and channels of every workspace that has the app.

A conversation is `[installation/]id`: a user's id for direct messages, a channel's id else. `id!user` is that channel as only
this one person sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.channels.slack_api import SlackApi, SlackFault
from adapters.channels.slack_blocks import messages, plain_messages
from adapters.channels.slack_events import NAME
from adapters.channels.slack_state import SlackState
from bot.cards import Attached, Card
from bot.errors import NotFound
from bot.model import Place
from bot.ports import SentRef

log = logging.getLogger(__name__)
EDIT: Final = ":edit:"  # in the key of a reply that takes the place of an earlier one
_PATIENT: Final = "nudge:"  # deliveries whose key starts so give way to people who are waiting
_BAD_BLOCKS: Final = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "block_mismatch",
    "invalid_attachments",
}
_NOT_THERE: Final = {"message_not_found", "cant_update_message", "edit_window_closed"}


@dataclass(frozen=True)
class Address:
    """A conversation taken apart. `only` is the one person who sees it, "" for everybody there."""

    install: str
    id: str
    only: str = ""

    @property
    def prefix(self) -> str:
        return f"{self.install}/" if self.install else ""


def address(conversation: str) -> Address:
    """The parts of a stored conversation."""
    install, slash, rest = conversation.rpartition("/")
    target, _, only = rest.partition("!")
    return Address(install if slash else "", target, only)


def aside(place: Place, user: str, thread: str) -> Place:
    """The same place, for one person's eyes. `thread` has to have replies in it: elsewhere Slack shows no such message."""
    return Place(place.channel, f"{place.conversation}!{user}", thread, private=False)


class SlackChannel:
    """`Channel` over the Web API. `trusted` is what may become a link: the organisation's own addresses."""

    name = NAME
    real = True

    def __init__(
        self,
        api: SlackApi,
        state: SlackState,
        trusted: Callable[[], Mapping[str, str]],
        attached: Callable[[str], bytes] = lambda _id: b"",
    ) -> None:
        self._api, self._state, self._trusted, self._attached = api, state, trusted, attached

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        """Post the card; a long one in several messages, the ref is the last one's. Parts that went out stay out."""
        to = address(place.conversation)
        parts = messages(card, self._trusted())
        files = [block for block in card.blocks if isinstance(block, Attached)]
        done: dict[int, tuple[str, str]] = {}
        several = len(parts) + len(files) > 1
        if several or EDIT in key:
            done = await self._api.run(lambda: self._state.parts(key), done)
        if -1 in done and 0 not in done and _same(to, address(done[-1][0])):
            # an edited question: its new answer stands where the old one did, if the same people read it there
            done[0] = await self._replace(*done[-1], place.thread, parts[0], card)
            await self._keep(key, 0, *done[0])
        where, ts = "", ""
        for part, message in enumerate(parts):
            if part in done:
                where, ts = done[part]
                continue
            where, ts = await self._post(to, place.thread, message, card, patient=key.startswith(_PATIENT))
            if several:
                await self._keep(key, part, where, ts)
        for number, file in enumerate(files, len(parts)):
            if number not in done:
                await self._upload(to, address(where).id, place.thread, file)
                await self._keep(key, number, where, ts)
        return SentRef(NAME, where, ts)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        """Replace the card for everybody. A message that is gone is posted again; parts before the last are posted anew."""
        *before, message = messages(card, self._trusted())
        for more in before:
            await self._post(address(ref.conversation), "", more, card)
        return SentRef(NAME, *await self._replace(ref.conversation, ref.id, "", message, card))

    # inside

    async def _replace(
        self, conversation: str, ts: str, thread: str, message: Mapping[str, Any], card: Card
    ) -> tuple[str, str]:
        """(conversation, id) of the message that shows this now; `thread` is for one that has to be posted again."""
        to = address(conversation)
        try:
            await self._shown(to, ts, message, card)
        except SlackFault as error:
            if error.code not in _NOT_THERE:
                raise
            log.warning("a message was gone and is posted again")
            return await self._post(to, thread, message, card)
        return conversation, ts

    async def _post(
        self, to: Address, thread: str, message: Mapping[str, Any], card: Card, *, patient: bool = False
    ) -> tuple[str, str]:
        """(conversation, id) of the message, which goes out as text alone if its blocks are refused."""
        try:
            return await self._posted(to, thread, message, patient)
        except SlackFault as error:
            if error.code not in _BAD_BLOCKS:
                raise
            log.error("Slack refused the blocks of a card (%s); it goes out as text", card.source or card.tone)
            sent = [await self._posted(to, thread, plain, patient) for plain in plain_messages(card)]
            return sent[-1]

    async def _posted(self, to: Address, thread: str, message: Mapping[str, Any], patient: bool) -> tuple[str, str]:
        body: dict[str, Any] = {"channel": to.id, **message, "parse": "none"}
        body |= {"thread_ts": thread} if thread else {}
        if to.only:
            sent = await self._api.call(to.install, "chat.postEphemeral", body | {"user": to.only}, channel=to.id)
            return f"{to.prefix}{to.id}", str(sent.get("message_ts", ""))
        body |= {"unfurl_links": False, "unfurl_media": False}
        pace: dict[str, Any] = {"patient": True} if patient else {}
        sent = await self._api.call(to.install, "chat.postMessage", body, channel=to.id, **pace)
        return f"{to.prefix}{sent.get('channel') or to.id}", str(sent.get("ts", ""))

    async def _shown(self, to: Address, ts: str, message: Mapping[str, Any], card: Card) -> None:
        try:
            await self._api.call(to.install, "chat.update", {"channel": to.id, "ts": ts, **message, "parse": "none"})
        except SlackFault as error:
            if error.code not in _BAD_BLOCKS:
                raise
            log.error("Slack refused the blocks of a card (%s); it shows as text", card.source or card.tone)
            plain = {**plain_messages(card)[-1], "blocks": []}
            await self._api.call(to.install, "chat.update", {"channel": to.id, "ts": ts, **plain, "parse": "none"})

    async def _upload(self, to: Address, channel: str, thread: str, file: Attached) -> None:
        """A file of the card, into the same conversation. One that is gone by now is only named."""
        try:
            data = await self._api.run(lambda: self._attached(file.id), b"")
        except NotFound:
            return
        if data:
            await self._api.upload(to.install, channel, thread, file.name, data)

    async def _keep(self, key: str, part: int, where: str, ts: str) -> None:
        await self._api.run(lambda: self._state.keep_part(key, part, where, ts), None)


def _same(new: Address, old: Address) -> bool:
    """Whether two addresses are one conversation. Direct messages go to a user's id and come back with the id of a channel."""
    return new.install == old.install and (new.id == old.id or (new.id[:1] in "UW" and old.id.startswith("D")))
