"""The one door. Every message, button, form and file of every platform comes through `Desk.handle`.

It holds only the order: emergency, redaction, then one responder a pillar. Compute first, then one short transaction with the
event's key, its effects, and outbox rows for jobs and for the reply. The same event key has its effect once.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Protocol

from bot import cards
from bot.cards import Card, Text
from bot.errors import Conflict, NotFound, Refused, StoreUnavailable
from bot.model import Action, Message, Reply
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Db
from bot.turn import Auditor, CoreStore, Dialogue, Effect, Responder, Turn, Work, place_from, place_key

log = logging.getLogger(__name__)
MAX_TEXT = 4_000
PER_MINUTE = 40  # messages one person may send before being asked to wait; emergencies are exempt
DIALOGUE_SECONDS = 24 * 3600.0


class Emergencies(Protocol):
    """The emergency door: it needs no search, no database and no network to answer."""

    prefix: str

    def fires(self, message: Message) -> bool:
        """Somebody is in trouble now (pure, a few milliseconds)."""
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
    count: Callable[[str], None] = lambda _outcome: None


class Desk:
    """Handles messages. Synchronous and thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pace = Pace(PER_MINUTE)
        self._by_prefix = {responder.prefix: responder for responder in parts.responders}
        self._by_prefix[parts.emergencies.prefix] = parts.emergencies

    def urgent(self, message: Message) -> bool:
        """Whether the message belongs on the emergency executor."""
        action = message.action.id if message.action else ""
        return action.startswith(self._parts.emergencies.prefix) or self._parts.emergencies.fires(message)

    def handle(self, message: Message) -> Reply:
        """One message in, one reply out, always: if nothing can be stored the reply says so and names a phone number."""
        urgent = self.urgent(message)
        values = self._parts.organisation().values(message.person.entity)
        if not urgent and not self._pace.allows(message.person.id, time.monotonic()):
            return Reply(self._plain(message, "desk.too_fast", values), message.place)
        try:
            return self._handle(message, values)
        except StoreUnavailable as error:
            log.error("message not stored: %s", error)
            if urgent:
                return Reply(self._parts.emergencies.without_store(message, values), message.place)
            return Reply(self._plain(message, "desk.store_down", values), message.place)
        except Exception:
            log.exception("message could not be handled", extra={"event": message.key})
            if urgent:
                return Reply(self._parts.emergencies.without_store(message, values), message.place)
            return Reply(self._plain(message, "desk.broken", values), message.place)

    def _handle(self, message: Message, values: Mapping[str, str]) -> Reply:
        if row := self._parts.store.earlier_reply(message.key):
            return Reply(cards.load(row["card"]), place_from(row["place"]), row["id"], repeated=True)
        turn = self._turn(message, values)
        effect = self._route(turn)
        try:
            return self._commit(turn, effect)
        except (Refused, Conflict) as refused:
            card = Card("", (Text(str(refused)),), lang=turn.lang)
            return self._commit(turn, lambda _work: card)
        except NotFound:
            card = self._plain(message, "desk.not_found", values)
            return self._commit(turn, lambda _work: card)

    def _turn(self, message: Message, values: Mapping[str, str]) -> Turn:
        person = self._ensure(message)
        redacted = self._parts.redact(message.text[:MAX_TEXT])
        action, removed = message.action, set(redacted.removed)
        if action and action.form:
            form = {name: self._parts.redact(value[:MAX_TEXT]) for name, value in action.form.items()}
            removed.update(kind for item in form.values() for kind in item.removed)
            action = replace(action, form={name: item.text for name, item in form.items()})
        where = place_key(message.place)
        row = self._parts.store.dialogue(person.key, where)
        dialogue = Dialogue(row["kind"], json.loads(row["state"]), row["updated_at"]) if row else None
        if dialogue and message.at - dialogue.updated_at > DIALOGUE_SECONDS:
            dialogue = None
        text = redacted.text.strip()
        if (
            action is None
            and not message.files
            and (typed := pressed(text, self._parts.store.last_card(person.key, where)))
        ):
            action, text = typed, ""
        return Turn(
            key=message.key, person=person, place=message.place, text=text, lang=person.language,
            at=message.at or self._parts.clock.now(), values=values, action=action, files=message.files,
            removed=tuple(sorted(removed)), dialogue=dialogue,
        )  # fmt: skip

    def _ensure(self, message: Message) -> Any:
        """The person with their pseudonym; whoever is new is met in a transaction of its own."""
        person = message.person
        if key := person.key or self._parts.identities.known_key(person):
            return replace(person, key=key)
        with self._parts.db.tx() as tx:
            return self._parts.identities.meet(tx, person, message.at or self._parts.clock.now())

    def _route(self, turn: Turn) -> Effect:
        effects = [effect for effect in (self._main(turn), self._secret(turn)) if effect]
        return effects[0] if len(effects) == 1 else _all(turn, effects)

    def _main(self, turn: Turn) -> Effect | None:
        if turn.action:
            responder = self._by_prefix.get(turn.action.id.partition(".")[0])
            effect = responder.respond(turn) if responder else None
            stale = self._parts.organisation().words.say(turn.lang, "desk.stale")
            return effect or (lambda _work: Card("", (Text(stale),), lang=turn.lang))
        urgent = self._parts.emergencies.respond(turn)
        rest = (responder.respond(turn) for responder in self._parts.responders)
        if urgent and turn.files:  # "I clicked this" with the mail attached: help first, and take the report too
            report = next((effect for effect in rest if effect), None)
            return _all(turn, [urgent, report]) if report else urgent
        if urgent:
            return urgent
        if turn.removed and not _rest_of(turn.text):
            return None
        return next((effect for effect in rest if effect), None)

    def _secret(self, turn: Turn) -> Effect | None:
        if not turn.removed:
            return None
        card = self._parts.notice(turn)
        return lambda _work: card

    def _commit(self, turn: Turn, effect: Effect) -> Reply:
        parts = self._parts
        with parts.db.tx() as tx:
            if not parts.store.first_time(tx, turn.key, turn.at):
                row = parts.store.earlier_reply(turn.key)
                if row is None:  # the other delivery of this event has not committed its reply where we can see it yet
                    raise StoreUnavailable("the same event is being handled")
                return Reply(cards.load(row["card"]), place_from(row["place"]), row["id"], repeated=True)
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

    def _plain(self, message: Message, key: str, values: Mapping[str, str]) -> Card:
        words = self._parts.organisation().words
        text = words.say(message.person.language, key, helpdesk_phone=values.get("helpdesk_phone", ""))
        return Card("", (Text(text),), "warning", lang=message.person.language)


def pressed(text: str, last: str) -> Action | None:
    """Typed text as the button it names on the last card: its number, its label, or its first word ("yes")."""
    wanted = text.strip().strip(".!)([]").casefold()
    if not wanted or len(wanted) > 80 or not last:
        return None
    buttons = list(cards.pressables(cards.load(last)))
    if wanted.isdecimal() and 1 <= int(wanted) <= len(buttons):
        button = buttons[int(wanted) - 1]
        return Action(button.action, button.value, {"typed": button.label})
    exact = [button for button in buttons if button.label.casefold() == wanted]
    first = [button for button in buttons if button.label.casefold().split(",")[0] == wanted]
    found = exact or first
    return Action(found[0].action, found[0].value, {"typed": found[0].label}) if len(found) == 1 else None


class Pace:
    """At most `per_minute` messages a person: a token bucket in memory (a replica each is close enough)."""

    def __init__(self, per_minute: int) -> None:
        self._rate, self._burst = per_minute / 60, float(per_minute)
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def allows(self, who: str, now: float) -> bool:
        with self._lock:
            left, then = self._left.get(who, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
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
