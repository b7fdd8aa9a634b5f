"""The reporting mailbox: what each letter is, whose it is, and what it does. Once, whatever dies on the way.

Whose a letter is, is decided once and strictly:

- *token*: it answers a mail of ours that only this person got (and comes from their address);
- *proved*: our own gateway vouches for the sender's address, and the directory knows it;
- *claimed*: no gateway is set, and the directory knows the address. Such a letter can file a report in that person's name, which
  they hear of and can take back. What it says otherwise is heard as an outsider's: it reaches nothing that they have open;
- everybody else is an outsider: what they forward is examined, and nobody is answered, so that nobody can be flooded through us.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bot import cards
from bot.model import Action, File, Message, Person, Place, Reply
from bot.organisation import Organisation
from bot.people import Identities, outsider
from bot.platforms import InTransaction
from bot.ports import Clock, Row, Tx, Vault
from bot.reporting.reports import Reporter, Reports
from bot.reporting.unpack import Letter
from bot.turn import CoreStore, Work, place_from

log = logging.getLogger(__name__)
CHANNEL = "mail"
TALK_AN_HOUR = 10  # letters without a report that one person is answered: a machine that answers us ends here
Trust = Literal["token", "proved", "claimed", "outsider"]
Folder = Literal["done", "odd", "failed"]
Mark = Callable[[Work, Folder], None]


class LetterStore(Protocol):
    """SQL of letters, and of what we mailed."""

    def add_letter(self, tx: Tx, row: dict[str, object]) -> bool: ...

    def letters(self, person: str, way: str, since: float) -> int: ...

    def delivery(self, delivery: str) -> Row | None: ...


class Proof(Protocol):
    """What names a mail of ours in an answer to it."""

    def delivery_in(self, reference: str) -> str: ...

    def button_in(self, subject: str) -> tuple[str, int]: ...


@dataclass(frozen=True)
class PostParts:
    """`replay` is the desk's door, `alarming` says whether a note is an emergency, `chat_of` where somebody is on chat.

    `address` is the mailbox's own, `gateway` whether one is named that vouches for senders, `mails` whether answers go by mail.
    """

    reports: Reports
    letters: LetterStore
    core: CoreStore
    identities: Identities
    vault: Vault
    clock: Clock
    organisation: Callable[[], Organisation]
    unpack: Callable[[bytes], Letter]
    proofs: Proof
    work: InTransaction
    replay: Callable[[Message], Reply]
    alarming: Callable[[str], bool]
    chat_of: Callable[[str], Place | None]
    address: str
    gateway: bool
    mails: bool


@dataclass(frozen=True)
class Taken:
    """Where a letter belongs now, and the deliveries that can be sent at once."""

    folder: Folder
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sender:
    person: Person
    trust: Trust
    answered: Row | None = None  # the mail of ours that the letter answers
    button: int = 0


class Postbox:
    """Takes letters, one at a time."""

    def __init__(self, parts: PostParts) -> None:
        self._parts = parts

    def take(self, data: bytes, mark: Mark, *, whole: bool = True) -> Taken:
        """One letter. `mark` notes in the same transaction where it belongs; `whole` is False for one that was cut.

        Raises `StoreUnavailable` when nothing can be stored: the letter is then taken again.
        """
        letter = self._parts.unpack(data)
        why = self._ignored(letter)
        if why:
            return self._left(letter, None, why, mark)
        if letter.fault:
            return self._report(letter, self._nobody(letter), data, mark)
        sender = self._sender(letter)
        if sender.answered and (letter.note or sender.button):
            return self._talk(letter, sender, mark)
        if letter.mails or letter.whole or letter.pictures or not whole:
            return self._report(letter, sender, data, mark)
        if sender.trust == "outsider" or letter.automatic:
            return self._left(letter, sender.person, "no report", mark)
        return self._talk(letter, sender, mark)

    def _ignored(self, letter: Letter) -> str:
        """Why no person is behind a letter; "" if one may be. What a report button sends is a report, whatever its marks."""
        if letter.sender.email.casefold() == self._parts.address.casefold():
            return "ours"
        if letter.automatic in ("ours", "bounce") or (letter.automatic == "reply" and not letter.says):
            return letter.automatic
        if letter.automatic in ("generated", "list") and not letter.mails and not letter.whole:
            return letter.automatic
        return "no sender" if letter.fault == "no sender" else ""

    # whose it is

    def _sender(self, letter: Letter) -> _Sender:
        address = letter.sender.email
        if answered := self._answered(letter, address):
            return answered
        person = self._parts.identities.find(address)
        if person and letter.senders == 1 and (letter.proved or not self._parts.gateway):
            return _Sender(person, "proved" if letter.proved else "claimed")
        return self._nobody(letter)

    def _answered(self, letter: Letter, address: str) -> _Sender | None:
        """Whoever got the mail of ours that this letter answers, if it comes from their address."""
        delivery, button = self._parts.proofs.button_in(letter.subject)
        names = [delivery] if delivery else [self._parts.proofs.delivery_in(name) for name in letter.references]
        for name in filter(None, names):
            row = self._parts.letters.delivery(name)
            person = self._parts.identities.who(row["person"]) if row else None
            if row and person and person.email.casefold() == address.casefold():
                return _Sender(person, "token", row, button)
        return None

    def _nobody(self, letter: Letter) -> _Sender:
        """An outsider, under a name that no directory has: never mixed up with whoever's address they wrote."""
        address = letter.sender.email or "unknown"
        lang = self._parts.organisation().file.language
        name = letter.sender.name or address
        return _Sender(Person(outsider(address), name[:100], address, language=lang, known=False), "outsider")

    def _speaker(self, sender: _Sender, letter: Letter) -> Person:
        """Whose words a letter's are: whoever merely claims to be somebody speaks for an outsider of that address."""
        return self._nobody(letter).person if sender.trust == "claimed" else sender.person

    # what it does

    def _report(self, letter: Letter, sender: _Sender, data: bytes, mark: Mark) -> Taken:
        """File what was forwarded. A note that is a cry for help is heard first."""
        deliveries = self._alarm(letter, sender)
        files = [File(item.name, item.data) for item in letter.mails]
        if letter.whole or letter.fault or not (files or letter.pictures):
            files = [File(f"{letter.subject[:60] or 'letter'}.eml", data)]
        files += [File(item.name, item.data) for item in (letter.pictures if not letter.mails else ())]
        prepared = self._parts.reports.prepare(files)
        note = self._note(letter)

        def run(work: Work) -> str:
            if not self._first(work, letter):
                mark(work, "done")
                return ""
            person = self._parts.identities.meet(work.tx, sender.person, work.at)
            reporter = self._reporter(person, sender, letter)
            self._keep(work, letter, person, "report")
            whose = self._parts.reports.whose(note, person)
            card = self._parts.reports.take(work, reporter, prepared, note, whose, dropped=letter.dropped)
            mark(work, "done")
            return self._say(work, reporter, card, letter)

        return Taken("done", (*deliveries, *filter(None, [self._parts.work(run)])))

    def _say(self, work: Work, reporter: Reporter, card: cards.Card, letter: Letter) -> str:
        if reporter.place is None:
            return ""
        key = _key(letter)
        delivery = work.say(reporter.key, reporter.place, card, f"reply:{key}", live=True)
        self._parts.core.bind_reply(work.tx, key, delivery)
        return delivery

    def _alarm(self, letter: Letter, sender: _Sender) -> tuple[str, ...]:
        if sender.trust == "outsider" or not letter.note or not self._parts.alarming(letter.note):
            return ()
        speaker = self._speaker(sender, letter)
        person = self._parts.work(lambda work: self._parts.identities.meet(work.tx, speaker, work.at))
        chat = self._place(person, sender, letter) if sender.trust == "proved" else None
        place = chat or self._mail_place(person, letter)
        at = self._parts.clock.now()
        return _sent(self._parts.replay(Message(f"{_key(letter)}:note", person, place, letter.note, at=at)))

    def _talk(self, letter: Letter, sender: _Sender, mark: Mark) -> Taken:
        """An answer to us, or a question: through the desk's one door, as from any chat."""
        at, speaker = self._parts.clock.now(), self._speaker(sender, letter)
        key = speaker.key or self._parts.identities.known_key(speaker)
        if key and self._parts.letters.letters(key, "talk", at - 3600) >= TALK_AN_HOUR:
            return self._left(letter, sender.person, "too many", mark)

        def keep(work: Work) -> Person:
            person = self._parts.identities.meet(work.tx, speaker, work.at)
            self._keep(work, letter, person, "talk")
            return person

        person = self._parts.work(keep)
        place = place_from(sender.answered["place"]) if sender.answered else self._mail_place(person, letter)
        message = Message(_key(letter), person, place, letter.note, _pressed(sender, letter.note), at=at)
        if message.action:
            message = replace(message, text="")
        reply = self._parts.replay(message)
        self._parts.work(lambda work: mark(work, "done"))
        return Taken("done", _sent(reply))

    def _left(self, letter: Letter, person: Person | None, why: str, mark: Mark) -> Taken:
        """Nothing to do but to put it away."""
        folder: Folder = "done" if letter.automatic or why == "ours" else "odd"

        def run(work: Work) -> None:
            key = (person.key or self._parts.identities.known_key(person)) if person else ""
            row = {"id": letter.digest, "person": key, "sealed": b"", "way": "left", "why": why, "at": work.at}
            self._parts.letters.add_letter(work.tx, row)
            mark(work, folder)

        self._parts.work(run)
        log.info("a letter was put away", extra={"why": why})
        return Taken(folder)

    # inside

    def _first(self, work: Work, letter: Letter) -> bool:
        return self._parts.core.first_time(work.tx, _key(letter), work.at)

    def _keep(self, work: Work, letter: Letter, person: Person, way: str) -> None:
        """What an answer needs to stand under the letter."""
        sealed = json.dumps({"message_id": letter.message_id if letter.message_id.startswith("<") else ""}).encode()
        row = {"id": letter.digest, "person": person.key, "sealed": self._parts.vault.seal("letter", sealed), "way": way,
               "why": "", "at": work.at}  # fmt: skip
        self._parts.letters.add_letter(work.tx, row)

    def _reporter(self, person: Person, sender: _Sender, letter: Letter) -> Reporter:
        values = self._parts.organisation().values(person.entity, person.language)
        return Reporter(person, self._place(person, sender, letter), values)

    def _place(self, person: Person, sender: _Sender, letter: Letter) -> Place | None:
        """Where a reporter hears from us: on chat, else by mail where that cannot do harm, else nowhere."""
        if sender.trust == "outsider":
            return None
        chat = self._parts.chat_of(person.key)
        if chat is not None:
            return chat
        quiet = bool(letter.automatic) or letter.silent or not self._parts.mails
        return None if quiet else self._mail_place(person, letter)

    def _mail_place(self, person: Person, letter: Letter) -> Place:
        """A place of this letter's own: nothing that is open elsewhere can be reached from it."""
        return Place(CHANNEL, person.key, letter.digest)

    def _note(self, letter: Letter) -> str:
        """What the reporter wrote; if a button was pressed to say "wanted mail", that too."""
        if letter.says != "wanted":
            return letter.note
        says = self._parts.organisation().words.say("en", "report.says_wanted")
        return f"{says} {letter.note}".strip()


def _key(letter: Letter) -> str:
    return f"letter:{letter.digest}"


def _sent(reply: Reply) -> tuple[str, ...]:
    return () if reply.repeated or not reply.delivery else (reply.delivery,)


def _pressed(sender: _Sender, note: str) -> Action | None:
    """What a letter presses or fills in of the mail that it answers: the button of its subject, a number, or its one question."""
    if not sender.answered:
        return None
    card = cards.load(sender.answered["card"])
    found, number = list(cards.pressables(card)), sender.button
    button = found[number - 1] if 1 <= number <= len(found) else None if number else cards.named(card, note)
    if button:
        return Action(button.action, button.value, {"typed": button.label})
    asked = [block for block in card.blocks if isinstance(block, cards.Input)]
    if len(asked) == 1 and note and not sender.button:
        return Action(asked[0].action, asked[0].value, {asked[0].name: note})
    return None
