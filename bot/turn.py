"""One message on its way through the desk, and the unit of work that its effects go into.

A pillar's responder looks at a `Turn` (search, parsing: outside any transaction) and returns an `Effect`; the desk then runs
the effect in one short transaction, together with the event's key and the outbox row for the reply.
Pillars speak to each other through the frozen domain events below; `app` registers who listens.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.cards import Card, as_text, dump
from bot.model import Action, File, Person, Place, Severity, Verdict
from bot.ports import Payload, Row, Tx

SEND, TIP = "delivery.send", "delivery.tip"  # job kinds: a message that somebody waits for, and one that may wait
SENDING = "delivery:"  # what the key of such a job begins with; the delivery's id follows
BULK = 5  # from this priority on a message may wait


@dataclass(frozen=True)
class Turn:
    """A message as the responders see it: secrets already removed (`removed` names their kinds)."""

    key: str
    person: Person
    place: Place
    text: str
    lang: str
    at: float
    values: Mapping[str, str]
    action: Action | None = None
    files: tuple[File, ...] = ()
    removed: tuple[str, ...] = ()
    dialogue: Dialogue | None = None
    told: float = 0.0


@dataclass(frozen=True)
class Dialogue:
    """What the person is in the middle of, in this place (`kind` is `pillar.name`)."""

    kind: str
    state: Mapping[str, str]
    updated_at: float


class CoreStore(Protocol):
    """SQL of events, outbox, deliveries, conversation and dialogues (one implementation, both databases)."""

    def first_time(self, tx: Tx, key: str, at: float, told: float = 0.0) -> bool:
        """Note an event; False if it was noted before. `told`: when the platform says that it happened."""
        ...

    def earlier_reply(self, key: str) -> Row | None: ...

    def bind_reply(self, tx: Tx, key: str, delivery: str) -> None: ...

    def enqueue(self, tx: Tx, kind: str, key: str, payload: str, due_at: float, at: float) -> None: ...

    def add_delivery(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def add_utterance(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def set_dialogue(self, tx: Tx, person: str, place: str, kind: str, state: str, at: float) -> None: ...

    def end_dialogue(self, tx: Tx, person: str, place: str) -> None: ...

    def dialogue(self, person: str, place: str) -> Row | None: ...

    def last_card(self, person: str, place: str) -> str: ...

    def conversation(self, person: str, place: str, limit: int) -> list[Row]: ...


class Auditor(Protocol):
    """Appends to the audit chain inside the caller's transaction."""

    def append(self, tx: Tx, at: float, actor: str, action: str, subject: str, detail: Mapping[str, str]) -> None: ...


def place_key(place: Place) -> str:
    """The stored form of a place."""
    return json.dumps([place.channel, place.conversation, place.thread, place.private], ensure_ascii=False)


def place_from(key: str) -> Place:
    """The place back from its stored form."""
    channel, conversation, thread, private = json.loads(key)
    return Place(channel, conversation, thread, private)


@dataclass
class Work:
    """The one transaction of an event: effects, jobs, messages, audit rows. Everything commits together or not at all."""

    tx: Tx
    at: float
    store: CoreStore
    auditor: Auditor
    listeners: Mapping[type, tuple[Callable[[Work, Any], None], ...]]
    submitted: list[tuple[str, str, Payload]] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    lines: int = 0

    def job(self, kind: str, key: str, payload: Payload, delay: float = 0.0) -> None:
        """Leave a job in the outbox; handed to the engine after the commit."""
        self.store.enqueue(self.tx, kind, key, json.dumps(dict(payload)), self.at + delay, self.at)
        self.submitted.append((kind, key, payload))

    def say(
        self,
        person: str,
        place: Place,
        card: Card,
        key: str,
        *,
        priority: int = 0,
        ticket: str = "",
        live: bool = False,
    ) -> str:
        """Queue a message to a person. The same `key` is sent once. `live`: the edge sends it right after the commit, and
        the outbox only steps in if the edge dies. From priority `BULK` on it goes behind everything that somebody waits for.
        Returns the delivery id ("" when the key was known already)."""
        delivery = uuid.uuid4().hex
        where, shown = place_key(place), dump(card)
        row = {
            "id": delivery,
            "key": key,
            "channel": place.channel,
            "place": where,
            "person": person,
            "card": shown,
            "priority": priority,
            "at": self.at,
        }
        if not self.store.add_delivery(self.tx, row):
            return ""
        self.store.add_utterance(
            self.tx,
            {
                "id": uuid.uuid4().hex,
                "person": person,
                "place": where,
                "direction": "out",
                "text": as_text(card),
                "card": shown,
                "delivery": delivery,
                "ticket": ticket,
                "at": self._moment(),
            },
        )
        kind = TIP if priority >= BULK else SEND
        self.job(kind, SENDING + delivery, {"delivery": delivery}, delay=5.0 if live else 0.0)
        self.deliveries.append(delivery)
        return delivery

    def heard(self, person: str, place: Place, text: str, ticket: str = "") -> None:
        """Keep what the person said (already redacted)."""
        self.store.add_utterance(
            self.tx,
            {
                "id": uuid.uuid4().hex,
                "person": person,
                "place": place_key(place),
                "direction": "in",
                "text": text,
                "card": "",
                "delivery": "",
                "ticket": ticket,
                "at": self._moment(),
            },
        )

    def _moment(self) -> float:
        """A microsecond later for each line: what one event said keeps its order, on every database."""
        self.lines += 1
        return self.at + (self.lines - 1) * 1e-6

    def dialogue(self, person: str, place: Place, kind: str, state: Mapping[str, str]) -> None:
        """The person is now in the middle of this."""
        text = json.dumps(dict(state), ensure_ascii=False)  # as people write it, so that a name can be found in it
        self.store.set_dialogue(self.tx, person, place_key(place), kind, text, self.at)

    def end_dialogue(self, person: str, place: Place) -> None:
        self.store.end_dialogue(self.tx, person, place_key(place))

    def audit(self, actor: str, action: str, subject: str, **detail: str) -> None:
        """One row of the chain: pseudonyms and short tokens only."""
        self.auditor.append(self.tx, self.at, actor, action, subject, detail)

    def publish(self, event: object) -> None:
        """Tell the other pillars, inside this transaction."""
        for listener in self.listeners.get(type(event), ()):
            listener(self, event)


Effect = Callable[[Work], Card]


class Responder(Protocol):
    """One pillar's door. `prefix` is the part of its action ids before the dot."""

    prefix: str

    def respond(self, turn: Turn) -> Effect | None:
        """What to do about this turn, or None if it is not for this pillar. Computes, writes nothing."""
        ...


@dataclass(frozen=True)
class TicketRequest:
    """What another pillar asks the help desk to take. `text` is redacted. `join` makes repeats one ticket."""

    person: str
    place: Place
    kind: str  # question | person | report | emergency
    subject: str
    text: str
    severity: Severity
    queue: str = "desk"
    join: str = ""
    page: str = ""  # a short sentence for the person on call; "" pages nobody
    opener: str = ""  # who opened it, where that is not the person it is for: both see it and hear of it
    opener_place: Place | None = None
    cause: str = ""  # what several people may be in trouble by at once: then they become one incident and one page


@dataclass(frozen=True)
class TicketRef:
    """A ticket by its number (`SEC-142`). `joined`: the request went into an existing one."""

    number: str
    joined: bool = False


class Escalation(Protocol):
    """The help desk as the other pillars see it."""

    def open(self, work: Work, request: TicketRequest) -> TicketRef: ...

    def log(self, work: Work, number: str, actor: str, kind: str, text: str) -> None:
        """Add an event to a ticket's timeline that only the desk sees."""
        ...

    def raise_severity(self, work: Work, number: str, severity: Severity) -> None: ...

    def page(self, work: Work, number: str, summary: str) -> None:
        """Call the person on duty about a ticket."""
        ...

    def attended(self, work: Work, number: str) -> bool:
        """Whether a person of the desk has taken it up since it was (last) opened, or closed it."""
        ...

    def reopen(self, work: Work, number: str, person: Person, text: str = "") -> None:
        """Open it again if it is closed."""
        ...

    def close(self, work: Work, number: str, actor: str) -> None:
        """Close it without a word to anybody: there is nothing left to do."""
        ...

    def merge(self, work: Work, number: str, analyst: Person, into: str) -> None:
        """Close it in favour of another."""
        ...


# Domain events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuestionAsked:
    """Somebody asked. `entry` is "" when nothing fitted; the text is not carried."""

    person: str
    entry: str
    group: str
    outcome: str


@dataclass(frozen=True)
class ReportFiled:
    """A mail was reported (`sha256` of its bytes)."""

    person: str
    sha256: str
    ticket: str
    first: bool


@dataclass(frozen=True)
class VerdictGiven:
    """A mail has its verdict; `people` are those who reported it."""

    sha256: str
    ticket: str
    verdict: Verdict
    people: tuple[str, ...]


@dataclass(frozen=True)
class RecipientsWarned:
    """These people were warned of a wave of mails that they were sent (`campaign` is the wave's id)."""

    campaign: str
    people: tuple[str, ...]


@dataclass(frozen=True)
class EmergencyRaised:
    """Somebody is in trouble now."""

    person: str
    kind: str
    ticket: str


@dataclass(frozen=True)
class TicketChanged:
    """Something about a ticket is different: its state, its holder, its severity, or a line of its timeline."""

    ticket: str


@dataclass(frozen=True)
class TicketResolved:
    """A ticket was closed."""

    person: str
    ticket: str


@dataclass(frozen=True)
class ProcedureEnded:
    """A run of a procedure is over. `state`: done, stopped (a step that could not be done ends it) or aborted."""

    run: str
    procedure: str
    state: str
    person: str  # who did the last thing
