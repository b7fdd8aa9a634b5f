"""Mail as a channel: answers to people who report by mail and are on no chat. What they answer comes back through the mailbox.

The Message-ID holds the delivery's id, which nobody knows but who got the mail: an answer that names it is that person's.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Protocol

from adapters.mailers.compose import Letterhead, compose
from bot.cards import Attached, Card
from bot.errors import NotFound, Unreachable
from bot.learning.mydata import HANDED
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.ports import Clock, SentRef, Vault

NAME = "mail"
MOST_AN_HOUR = 60  # mails to one person: whatever writes to us by itself is not answered for ever
_CODE = re.compile(r"\[sd-([0-9a-f]{32})-(\d{1,2})-([0-9a-f]{16})\]")
_ID = re.compile(r"<sd\.([0-9a-f]{32})\.([0-9a-f]{16})@[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{3,250}")


class Sender(Protocol):
    """Hands a mail in. Raises `Unreachable`, `RetryLater`, `ChannelError`."""

    def send(self, mail: EmailMessage, to: str) -> None: ...


class SentStore(Protocol):
    """SQL of what was sent, and of the letters that it answers."""

    def delivery_of(self, key: str) -> str: ...

    def mailed(self, person: str, since: float) -> int: ...

    def thread(self, letter: str) -> bytes: ...


class Proofs:
    """Names of deliveries that only who got them can know."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def message_id(self, delivery: str, domain: str) -> str:
        return f"<sd.{delivery}.{self._mac(delivery)}@{domain}>"

    def code(self, delivery: str, button: int) -> str:
        return f"[sd-{delivery}-{button}-{self._mac(f'{delivery}:{button}')}]"

    def delivery_in(self, reference: str) -> str:
        """The delivery that a Message-ID of ours names; "" if it is none of ours."""
        hit = _ID.fullmatch(reference)
        return hit[1] if hit and hit[2] == self._mac(hit[1]) else ""

    def button_in(self, subject: str) -> tuple[str, int]:
        """The delivery and the number of its button that a subject presses; ("", 0) for none."""
        hit = _CODE.search(subject)
        if hit is None or hit[3] != self._mac(f"{hit[1]}:{int(hit[2])}"):
            return "", 0
        return hit[1], int(hit[2])

    def _mac(self, name: str) -> str:
        return self._vault.digest("mail-answer", name.encode())[:16]


class MailChannel:
    """`Channel` whose places are people: `Place("mail", pseudonym, letter)`."""

    name = NAME
    real = True

    def __init__(
        self,
        sender: Sender,
        address: str,
        store: SentStore,
        vault: Vault,
        clock: Clock,
        who: Callable[[str], Person | None],
        organisation: Callable[[], Organisation],
        opened: Callable[[str], bytes] | None = None,
    ) -> None:
        self._opened = opened
        self._sender, self._address, self._store, self._vault, self._clock = sender, address, store, vault, clock
        self._who, self._organisation, self._proofs = who, organisation, Proofs(vault)

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        return await asyncio.to_thread(self._send, place, card, key)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        raise Unreachable("a mail that was sent cannot be changed")

    def _send(self, place: Place, card: Card, key: str) -> SentRef:
        person = self._who(place.conversation)
        if person is None or not _ADDRESS.fullmatch(person.email):
            raise Unreachable("nobody with an address")
        if self._store.mailed(place.conversation, self._clock.now() - 3600) >= MOST_AN_HOUR:
            raise Unreachable("too many mails to one person in an hour")
        delivery = self._store.delivery_of(key)
        domain = self._address.rpartition("@")[2]
        message_id = self._proofs.message_id(delivery, domain)
        head = self._letterhead(card.lang, delivery)
        answers, files = self._answers(place.thread), self._files(card)
        mail = compose(card, head, person.email, message_id, answers, self._clock.now(), files)
        self._sender.send(mail, person.email)
        return SentRef(NAME, place.conversation, delivery)

    def _files(self, card: Card) -> list[tuple[str, bytes]]:
        """What was handed to a person of their own data goes to their address; other files stay with us."""
        if self._opened is None or card.source != HANDED:
            return []
        try:
            return [(block.name, self._opened(block.id)) for block in card.blocks if isinstance(block, Attached)]
        except NotFound:
            raise Unreachable("the file is not kept any more") from None

    def _letterhead(self, lang: str, delivery: str) -> Letterhead:
        org = self._organisation()
        name = org.file.name

        def say(key: str) -> str:
            return org.words.say(lang, key, organisation=name)

        return Letterhead(
            say("mail.from"), self._address, say("mail.subject"), say("mail.how_to_answer"), say("mail.footer"),
            lambda button: self._proofs.code(delivery, button),
        )  # fmt: skip

    def _answers(self, letter: str) -> str:
        sealed = self._store.thread(letter) if letter else b""
        return str(json.loads(self._vault.unseal("letter", sealed))["message_id"]) if sealed else ""
