"""Undo send: what somebody at the desk sends waits for some seconds, in which they can take it back.

A reply or a verdict is a row and a job of the outbox first. When the time is over the job makes it, in one transaction with the
end of the row: so it is made once, also if the process dies, and nobody needs a page open. Until then nothing has happened at
all: no line, no clock, no message. In an emergency nothing waits.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bot.errors import Conflict, NotFound, Refused
from bot.model import Person
from bot.people import Identities
from bot.ports import Payload, Row, Tx
from bot.turn import Escalation, Work

T = TypeVar("T")
JOB = "undo.over"
Make = Callable[[Work, Person, str, Mapping[str, str]], None]  # of a ticket, with the fields that were sent


@dataclass(frozen=True)
class Sent:
    """Something that waits (`back`: that was taken back, or could not be made). Times are epoch seconds."""

    id: str
    kind: str
    ticket: str
    person: str
    fields: Mapping[str, str]
    at: float
    due_at: float
    back: bool = False


class UndoStore(Protocol):
    """SQL of what waits, and of what came back to whoever sent it."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def row(self, tx: Tx, id_: str) -> Row | None: ...

    def take(self, tx: Tx, ticket: str, until: float) -> list[Row]:
        """What waits at a ticket and was sent by then, the oldest first; the rows are gone."""
        ...

    def give_back(self, tx: Tx, id_: str, person: str) -> Row | None:
        """It waits no more, if it did and was this person's."""
        ...

    def keep(self, tx: Tx, row: Mapping[str, object]) -> None:
        """A row that was taken, as one that came back."""
        ...

    def drop_back(self, tx: Tx, person: str, ticket: str, kind: str) -> None: ...

    def of_ticket(self, ticket: str) -> list[Row]: ...


@dataclass(frozen=True)
class Parts:
    """`makes`: what can be sent, by kind. `urgent`: whether nothing may wait at a ticket. `too_late`: what to say then."""

    store: UndoStore
    identities: Identities
    escalation: Escalation
    run: Callable[[Callable[[Work], None]], None]
    makes: Mapping[str, Make]
    urgent: Callable[[str], bool]
    too_late: Callable[[str], str]
    seconds: int


class Undo:
    """Sends what waits, and takes back."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._store = parts, parts.store

    @property
    def seconds(self) -> int:
        """How long things wait."""
        return self._parts.seconds

    def send(self, work: Work, kind: str, ticket: str, person: Person, fields: Mapping[str, str]) -> Sent | None:
        """Send something about a ticket when the time is over; None if it was made at once. Raises what making it raises."""
        self._store.drop_back(work.tx, person.key, ticket, kind)
        if not self._parts.seconds or self._parts.urgent(ticket):
            self.settle(work, ticket)
            self._parts.makes[kind](work, person, ticket, fields)
            return None
        sent = Sent(uuid.uuid4().hex, kind, ticket, person.key, fields, work.at, work.at + self._parts.seconds)
        self._store.add(work.tx, _row(sent))
        work.job(JOB, key_of(sent.id), {"id": sent.id}, delay=self._parts.seconds)
        return sent

    def take_back(self, work: Work, id_: str, person: Person) -> Sent:
        """It is not sent; only whoever sent it can say so. Raises `Conflict` where it is too late."""
        row = self._store.give_back(work.tx, id_, person.key)
        if row is None:
            raise Conflict(self._parts.too_late(person.language))
        sent = _sent(row)
        self._parts.escalation.log(work, sent.ticket, person.key, "undone", sent.kind)
        work.audit(person.key, "ticket.undo", sent.ticket, what=sent.kind, id=id_[:16])
        return sent

    def settle(self, work: Work, ticket: str) -> None:
        """Make what waits at a ticket now: what follows is about to close it, and has to come after."""
        self._make(work, ticket, work.at)

    def over(self, payload: Payload) -> None:
        """Job: the time of one is over. What was sent before it at the same ticket goes first. Safe to run again."""

        def run(work: Work) -> None:
            if row := self._store.row(work.tx, payload["id"]):
                self._make(work, str(row["ticket"]), float(row["at"]))

        self._parts.run(run)

    def waiting(self, ticket: str) -> list[Sent]:
        """What waits at a ticket, the oldest first."""
        return [sent for sent in map(_sent, self._store.of_ticket(ticket)) if not sent.back]

    def back(self, ticket: str, kind: str, person: Person) -> Sent | None:
        """What this person took back there last and has not sent again."""
        rows = map(_sent, self._store.of_ticket(ticket))
        mine = [sent for sent in rows if sent.back and (sent.kind, sent.person) == (kind, person.key)]
        return mine[-1] if mine else None

    def _make(self, work: Work, ticket: str, until: float) -> None:
        for row in self._store.take(work.tx, ticket, until):
            sent = _sent(row)
            person = self._parts.identities.who(sent.person)
            try:
                if person is None:
                    raise NotFound(sent.person)
                self._parts.makes[sent.kind](work, person, ticket, sent.fields)
            except (NotFound, Refused, Conflict):  # each looks before it writes
                self._store.keep(work.tx, row)
                self._parts.escalation.log(work, ticket, sent.person, "unsent", sent.kind)
                work.audit(sent.person, "ticket.unsent", ticket, what=sent.kind, id=sent.id[:16])


def key_of(id_: str) -> str:
    """The key of the job of one."""
    return f"undo:{id_}"


def _row(sent: Sent) -> dict[str, object]:
    fields = json.dumps(dict(sent.fields), ensure_ascii=False)  # as people write it, so that a name can be found in it
    return {"id": sent.id, "kind": sent.kind, "ticket": sent.ticket, "person": sent.person, "fields": fields, "at": sent.at,
            "due_at": sent.due_at}  # fmt: skip


def _sent(row: Row) -> Sent:
    return Sent(
        str(row["id"]), str(row["kind"]), str(row["ticket"]), str(row["person"]), json.loads(row["fields"]), float(row["at"]),
        float(row["due_at"]), bool(row["back"]),
    )  # fmt: skip
