"""The one door. Every message, button, form and file of every platform comes through `Desk.handle`.

It holds only the order: emergency, redaction, then one responder a pillar. Compute first, then one short transaction with the
event's key, its effects, and outbox rows for jobs and for the reply. The same event key has its effect once.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from threading import Lock
from typing import Any, Protocol

from bot import cards
from bot.cards import Card, Text
from bot.errors import Conflict, NotFound, Refused, StoreUnavailable
from bot.model import Action, File, Message, Person, Place, Reply
from bot.organisation import Organisation, speaking
from bot.people import Identities
from bot.ports import Clock, Db
from bot.tracing import traced
from bot.turn import Auditor, CoreStore, Dialogue, Effect, Responder, Turn, Work, place_from, place_key

log = logging.getLogger(__name__)
MAX_TEXT = 4_000
END_KEPT = 1_500  # of these, characters of the end of a longer text
PER_MINUTE = 40  # messages one person may send before being asked to wait; emergencies are exempt
DIALOGUE_SECONDS = 24 * 3600.0
_IDS = re.compile(r"[\w.-]+(:[\w.-]*)+|")  # values of our own buttons that are parts with colons between
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}")


class Emergencies(Protocol):
    """The emergency door: it needs no search, no database and no network to answer."""

    prefix: str

    def fires(self, message: Message) -> bool:
        """Somebody is in trouble now, by what they wrote or pressed (pure, a few milliseconds)."""
        ...

    def respond(self, turn: Turn) -> Effect | None: ...

    def without_store(self, message: Message, values: Mapping[str, str]) -> Card:
        """The card without a ticket number; pages and spools by itself."""
        ...


class Redactor(Protocol):
    """Removes pasted secrets."""

    def __call__(self, text: str) -> Redacted: ...


class Redacted(Protocol):
    """Clean text and the kinds of what was removed."""

    @property
    def text(self) -> str: ...

    @property
    def removed(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Parts:
    """Everything the desk is made of (wired in `bot.app`)."""

    db: Db
    store: CoreStore
    identities: Identities
    auditor: Auditor
    clock: Clock
    organisation: Callable[[], Organisation]
    emergencies: Emergencies
    redact: Redactor
    notice: Callable[[Turn], Card]  # what to say to somebody who pasted a secret
    responders: Sequence[Responder]  # in the order in which they are asked
    listeners: Mapping[type, tuple[Callable[[Work, Any], None], ...]]
    committed: Callable[[], None] = lambda: None  # wakes the sweeper
    inside: Callable[[Place], bool] = lambda _place: False  # where the desk talks about tickets: no gate, no answers
    room: Responder | None = None  # who takes what is written there
    confidential: Callable[[Message], bool] = lambda _message: False  # whether others should not read the answer
    count: Callable[[str], None] = lambda _outcome: None
    pasted: Callable[[str], tuple[File, str] | None] = lambda _text: None  # a mail in a text, and what stands above it
    # what a fixed phrase of this person presses; its form's `lang` is the language of the phrase
    command: Callable[[str, Person], Action | None] = lambda _text, _person: None
    language: Callable[[str], str] = lambda _text: ""  # what a text is written in; "" where it does not tell


def _kind(message: Message) -> str:
    return "action" if message.action else "file" if message.files else "message"


class Desk:
    """Handles messages. Synchronous and thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pace = Pace(PER_MINUTE)
        self._by_prefix = {responder.prefix: responder for responder in parts.responders}
        self._by_prefix[parts.emergencies.prefix] = parts.emergencies
        if parts.room:
            self._by_prefix[parts.room.prefix] = parts.room

    @traced("gate")
    def urgent(self, message: Message) -> bool:
        """Whether the message belongs on the emergency executor."""
        action = message.action.id if message.action else ""
        if not action and self._inside(message.place):
            return False
        return action.startswith(self._parts.emergencies.prefix) or self._parts.emergencies.fires(message)

    @traced("event", lambda _desk, message: {"channel": message.place.channel, "kind": _kind(message)})
    def handle(self, message: Message) -> Reply:
        """One message in, one reply out, always: if nothing can be stored the reply says so and names a phone number."""
        try:
            message = self._in_private(message)
            if not self.urgent(message) and not self._pace.allows(message.person.id, self._parts.clock.now()):
                too_fast = Reply(self._plain(message, "desk.too_fast"), message.place)
                return self._earlier(message.key) or too_fast
            return self.replay(message)
        except StoreUnavailable as error:
            log.error("message not stored: %s", error)
            return self._unstored(message, "desk.store_down")
        except Exception:
            log.exception("message could not be handled", extra={"event": message.key})
            return self._unstored(message, "desk.broken")

    def replay(self, message: Message) -> Reply:
        """As `handle`, for a message that nobody waits with: raises what goes wrong instead of calling for help again."""
        if earlier := self._earlier(message.key):
            return earlier
        values = self._parts.organisation().values(message.person.entity, message.person.language)
        turn = self._turn(message, values)
        try:
            return self._commit(turn, self._route(turn))
        except (Refused, Conflict) as refused:
            card = Card("", (Text(str(refused)),), lang=turn.lang)
            return self._commit(turn, lambda _work: card)
        except NotFound:
            card = self._plain(message, "desk.not_found")
            return self._commit(turn, lambda _work: card)

    def _in_private(self, message: Message) -> Message:
        """The message in the person's own chat, if it was written where others read and they should not read the answer."""
        if message.aside is None or message.place.private or self._inside(message.place):
            return message
        return replace(message, place=message.aside) if self._parts.confidential(message) else message

    def _earlier(self, key: str) -> Reply | None:
        """The reply to an event that has been handled."""
        row = self._parts.store.earlier_reply(key)
        return Reply(cards.load(row["card"]), place_from(row["place"]), row["id"], repeated=True) if row else None

    def _unstored(self, message: Message, key: str) -> Reply:
        """The reply when nothing could be stored. Whoever is in trouble gets help all the same."""
        try:
            if self._parts.emergencies.fires(message):
                values = self._parts.organisation().values(message.person.entity, message.person.language)
                return Reply(self._parts.emergencies.without_store(message, values), message.place)
        except Exception:
            log.exception("the emergency door failed", extra={"event": message.key})
        return Reply(self._plain(message, key), message.place)

    def _turn(self, message: Message, values: Mapping[str, str]) -> Turn:
        person, at = self._ensure(message), message.at or self._parts.clock.now()
        clean, removed = self._without_secrets(message)
        where, text, action = place_key(message.place), clean.text.strip(), clean.action
        last = self._parts.store.last_card(person.key, where)
        if action is None and not clean.files:
            action = pressed(text, last) or self._command(message.person, text)
            text = "" if action else text
        lang = self._spoken(text, last if action and message.place.private else "") or person.language
        lang = action.form.get("lang") or lang if action else lang
        return Turn(
            key=message.key, person=replace(person, language=lang), place=message.place, text=text, lang=lang, at=at,
            values=speaking(values, lang), action=action, files=clean.files, removed=removed,
            dialogue=self._dialogue(person.key, where, at), told=message.told,
        )  # fmt: skip

    def _command(self, person: Person, text: str) -> Action | None:
        """A fixed phrase that does what a button does ("my data"). It is one before it can be taken for an emergency's."""
        found = self._parts.command(text, person) if person.known else None
        return replace(found, form={"typed": text, **found.form}) if found else None

    def _spoken(self, text: str, last: str = "") -> str:
        """The language of what was written; of the card whose button was pressed; "" where nothing tells."""
        return self._parts.language(text) or (cards.load(last).lang if last else "")

    def _dialogue(self, person: str, where: str, at: float) -> Dialogue | None:
        row = self._parts.store.dialogue(person, where)
        if row is None or at - row["updated_at"] > DIALOGUE_SECONDS:
            return None
        return Dialogue(row["kind"], json.loads(row["state"]), row["updated_at"])

    def _without_secrets(self, message: Message) -> tuple[Message, tuple[str, ...]]:
        """The message with secrets taken out of everything that is stored, and the kinds of what was in it.

        More is read than is kept, so that the cut at `MAX_TEXT` never leaves half a secret that nothing recognises.
        """
        removed: set[str] = set()

        def clean(text: str) -> str:
            found = self._parts.redact(text[: 10 * MAX_TEXT])
            removed.update(found.removed)
            return _cut(found.text)

        action = message.action
        if action:
            value = action.value if _IDS.fullmatch(action.value) else clean(action.value)
            action = replace(action, value=value, form={name: clean(text) for name, text in action.form.items()})
        files = tuple(replace(file, name=_ending_kept(file.name, clean(file.name))) for file in message.files)
        text = clean(message.text)
        if len(message.text) > MAX_TEXT and not files and (mail := self._long_mail(message)):
            files, text = (mail[0],), clean(mail[1])
        return replace(message, text=text, action=action, files=files), tuple(sorted(removed))

    def _long_mail(self, message: Message) -> tuple[File, str] | None:
        """A pasted mail that is longer than what we keep of a text, and what was written above it. Not in an emergency."""
        if self._parts.emergencies.fires(message):
            return None
        return self._parts.pasted(self._parts.redact(message.text[: 10 * MAX_TEXT]).text)

    def _ensure(self, message: Message) -> Any:
        """The person with their pseudonym; whoever is new is met in a transaction of its own."""
        person = message.person
        if key := person.key or self._parts.identities.known_key(person):
            return replace(person, key=key)
        with self._parts.db.tx() as tx:
            return self._parts.identities.meet(tx, person, message.at or self._parts.clock.now())

    @traced("search")
    def _route(self, turn: Turn) -> Effect:
        effects = [effect for effect in (self._main(turn), self._secret(turn)) if effect]
        return effects[0] if len(effects) == 1 else _all(turn, effects)

    def _main(self, turn: Turn) -> Effect | None:
        if turn.action:
            responder = self._by_prefix.get(turn.action.id.partition(".")[0])
            effect = responder.respond(turn) if responder else None
            return effect or (lambda _work: self._stale(turn))
        if self._parts.room and self._inside(turn.place):
            return self._parts.room.respond(turn)
        urgent = self._parts.emergencies.respond(turn)
        rest = (responder.respond(turn) for responder in self._parts.responders)
        if urgent and turn.files:  # "I clicked this" with the mail attached: help first, and take the report too
            report = next((effect for effect in rest if effect), None)
            return _all(turn, [urgent, report]) if report else urgent
        if urgent:
            pasted = self._by_prefix["reporting"].respond(turn) if "reporting" in self._by_prefix else None
            return _all(turn, [urgent, pasted]) if pasted else urgent  # what alarms may be the pasted mail's own words
        if turn.removed and not turn.files and not _rest_of(turn.text):
            return None
        return next((effect for effect in rest if effect), None)

    def _inside(self, place: Place) -> bool:
        try:
            return not place.private and self._parts.inside(place)
        except StoreUnavailable:  # an emergency must not wait for an answer to this
            return False

    def _secret(self, turn: Turn) -> Effect | None:
        if not turn.removed:
            return None
        card = self._parts.notice(turn)
        return lambda _work: card

    @traced("transaction")
    def _commit(self, turn: Turn, effect: Effect) -> Reply:
        parts = self._parts
        with parts.db.tx() as tx:
            if not parts.store.first_time(tx, turn.key, turn.at, turn.told):
                # without a reply: it went when its person was forgotten
                return self._earlier(turn.key) or Reply(self._stale(turn), turn.place, repeated=True)
            work = Work(tx, turn.at, parts.store, parts.auditor, parts.listeners)
            said = turn.text if not turn.action else _pressed_words(turn)
            if said or turn.files:
                work.heard(turn.person.key, turn.place, said or ", ".join(file.name[:80] for file in turn.files))
            card = effect(work)
            delivery = work.say(turn.person.key, turn.place, card, f"reply:{turn.key}", live=True)
            parts.store.bind_reply(tx, turn.key, delivery)
        parts.committed()
        parts.count(card.tone)
        return Reply(card, turn.place, delivery)

    def _plain(self, message: Message, key: str) -> Card:
        org, lang = self._parts.organisation(), self._spoken(message.text) or message.person.language
        phone = org.values(message.person.entity, lang).get("helpdesk_phone", "")
        text = org.words.say(lang, key, helpdesk_phone=phone)
        return Card("", (Text(text),), "warning", lang=lang)

    def _stale(self, turn: Turn) -> Card:
        return Card("", (Text(self._parts.organisation().words.say(turn.lang, "desk.stale")),), lang=turn.lang)


def pressed(text: str, last: str) -> Action | None:
    """Typed text as the button it names on the last card (`cards.named`)."""
    button = cards.named(cards.load(last), text) if last else None
    return Action(button.action, button.value, {"typed": button.label}) if button else None


class Pace:
    """At most `per_minute` messages a person: a token bucket in memory (a replica each is close enough)."""

    def __init__(self, per_minute: int) -> None:
        self._rate, self._burst = per_minute / 60, float(per_minute)
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def allows(self, who: str, now: float) -> bool:
        with self._lock:
            left, then = self._left.get(who, (self._burst, now))
            left = min(self._burst, left + max(0.0, now - then) * self._rate)
            if len(self._left) > 10_000:
                self._left.clear()
            self._left[who] = (left - 1 if left >= 1 else left, now)
            return left >= 1


def _all(turn: Turn, effects: Sequence[Effect]) -> Effect:
    """Run several effects: the first one's card is the reply, the others follow as messages of their own."""

    def run(work: Work) -> Card:
        first = effects[0](work)
        for number, effect in enumerate(effects[1:], 2):
            work.say(turn.person.key, turn.place, effect(work), f"reply:{turn.key}:{number}")
        return first

    return run


def _cut(text: str) -> str:
    """A long text with its end: what has happened often stands there."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[: MAX_TEXT - END_KEPT - 3]}\n…\n{text[-END_KEPT:]}"


def _ending_kept(name: str, clean: str) -> str:
    """A file name without its secret still says what kind of file it is."""
    ending = PurePath(name).suffix
    return clean if clean.endswith(ending) or not _ENDING.fullmatch(ending) else clean + ending


def _rest_of(text: str) -> bool:
    """Whether anything worth answering is left beside what was removed."""
    outside, depth = "", 0
    for char in text:
        depth += (char == "[") - (char == "]")
        outside += char if depth == 0 else ""
    return len(outside.split()) >= 5


def _pressed_words(turn: Turn) -> str:
    form = turn.action.form if turn.action else {}
    return form.get("typed") or form.get("text") or ""
