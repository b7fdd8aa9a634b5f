"""Tickets: a state machine whose event log is the truth.

    open ── claim ──▶ claimed ── resolve ──▶ resolved
      │                  │ ▲                    │
      └── resolve ───────┼─┼────────────────────┘
                 release ▼ │ claim     reopen, or the person writes again ──▶ open / claimed

Every change is one conditional UPDATE inside the caller's transaction, one timeline event, and one audit row.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.cards import Attached, Block, Button, Buttons, Card, Text
from bot.errors import Conflict, NotFound, Refused
from bot.helpdesk.attachments import MOST_BYTES, MOST_FILES, Attachments, Sealed, short_name
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.sla import Target, next_due
from bot.model import File, Person, Severity
from bot.organisation import Words
from bot.people import Identities
from bot.ports import Row, Tx
from bot.turn import TicketChanged, TicketRef, TicketRequest, TicketResolved, Work, place_from, place_key

State = Literal["open", "claimed", "resolved"]
JOIN_SECONDS = 1800.0
SUBJECT_LENGTH = 120


@dataclass(frozen=True)
class Ticket:
    """One ticket. `requester` and `assignee` are pseudonyms; times are epoch seconds, 0 for "not yet"."""

    number: str
    seq: int
    kind: str
    subject: str
    severity: Severity
    state: State
    queue: str
    requester: str
    assignee: str
    place: str
    join_key: str
    created_at: float
    updated_at: float
    acknowledged_at: float
    resolved_at: float
    next_due_at: float


@dataclass(frozen=True)
class TicketEvent:
    """One line of a timeline. `visible`: the requester sees it too."""

    seq: int
    at: float
    actor: str
    kind: str
    text: str
    visible: bool


class TicketStore(Protocol):
    """SQL of tickets. `lock` takes the row so that two changes of one ticket queue up."""

    def next_number(self, tx: Tx) -> int: ...

    def joinable(self, tx: Tx, join_key: str, after: float) -> Row | None: ...

    def add_ticket(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def lock(self, tx: Tx, number: str, at: float) -> Row | None: ...

    def change(self, tx: Tx, number: str, changes: Mapping[str, object]) -> None: ...

    def add_event(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def ticket(self, number: str) -> Row | None: ...

    def events(self, number: str, *, visible_only: bool) -> list[Row]: ...

    def tickets(self, *, state: str, assignee: str, limit: int) -> list[Row]: ...

    def of_person(self, requester: str, limit: int) -> list[Row]: ...


class Tickets:
    """What can be done with tickets. Methods that change one take the caller's `Work`.

    `redact` takes pasted secrets out of what people type: not every way to a ticket leads through the desk. Without
    `attachments` files are not taken.
    """

    def __init__(
        self,
        store: TicketStore,
        identities: Identities,
        oncall: OnCall,
        words: Callable[[], Words],
        targets: Callable[[], Mapping[Severity, Target]],
        prefix: str,
        redact: Callable[[str], str] = lambda text: text,
        attachments: Attachments | None = None,
    ) -> None:
        self._store, self._identities, self._oncall = store, identities, oncall
        self._words, self._targets, self._prefix, self._redact = words, targets, prefix, redact
        self._attachments = attachments

    # reading

    def get(self, number: str) -> Ticket:
        """A ticket. Raises `NotFound`."""
        row = self._store.ticket(number.strip().upper())
        if row is None:
            raise NotFound(number)
        return Ticket(**row)

    def timeline(self, number: str, *, visible_only: bool = False) -> list[TicketEvent]:
        rows = self._store.events(number, visible_only=visible_only)
        return [TicketEvent(**{**row, "visible": bool(row["visible"])}) for row in rows]

    def queue(self, state: str = "unresolved", assignee: str = "", limit: int = 200) -> list[Ticket]:
        """Emergencies in progress first, then by next breach. `state`: unresolved, open, claimed, resolved or all."""
        return [Ticket(**row) for row in self._store.tickets(state=state, assignee=assignee, limit=limit)]

    def of_person(self, key: str, limit: int = 20) -> list[Ticket]:
        return [Ticket(**row) for row in self._store.of_person(key, limit)] if key else []

    def files(self, number: str) -> dict[int, Attached]:
        """Files of a ticket by the line of its timeline that they came with."""
        return self._attachments.of(number) if self._attachments else {}

    def sealed(self, files: Sequence[File], lang: str) -> list[Sealed]:
        """Files, ready for `reply`, `note` and `said`. Raises `Refused` when they are too many or too large."""
        too_much = lambda: self._words().say(lang, "ticket.files_too_much", n=MOST_FILES, mb=MOST_BYTES >> 20)  # noqa: E731
        return self._attachments.seal(files, too_much) if self._attachments else []

    def promise(self, severity: Severity, at: float) -> float:
        """When a person will have answered a ticket of this severity opened at `at`."""
        return at + 60 * self._targets()[severity].acknowledge

    # opening

    def open(self, work: Work, request: TicketRequest) -> TicketRef:
        """A new ticket, or the open one that this repeats (same `join` within 30 minutes)."""
        seq = self._store.next_number(work.tx)  # also serialises openings, so that a join cannot race
        if request.join and (row := self._store.joinable(work.tx, request.join, work.at - JOIN_SECONDS)):
            number = str(row["number"])
            self._store.lock(work.tx, number, work.at)
            self._event(work, number, request.person, "again", self._redact(request.text), visible=True)
            return TicketRef(number, joined=True)
        number = f"{self._prefix}-{seq}"
        due = next_due(self._targets()[request.severity], work.at, 0, 0)
        subject = self._redact(request.subject)[:SUBJECT_LENGTH]
        row = {"number": number, "seq": seq, "kind": request.kind, "subject": subject,
               "severity": request.severity, "state": "open", "queue": request.queue, "requester": request.person,
               "assignee": "", "place": place_key(request.place), "join_key": request.join, "created_at": work.at,
               "updated_at": work.at, "acknowledged_at": 0.0, "resolved_at": 0.0, "next_due_at": due}  # fmt: skip
        self._store.add_ticket(work.tx, row)
        self._event(work, number, request.person, "opened", self._redact(request.text), visible=True)
        work.audit(request.person, "ticket.open", number, severity=request.severity, kind=request.kind)
        if request.page:
            self.page(work, number, request.page)
        return TicketRef(number)

    def page(self, work: Work, number: str, summary: str) -> None:
        """Call the person on duty about a ticket."""
        key = f"page:{number}:{uuid.uuid4().hex[:8]}"
        self._oncall.request(work.tx, key, number, summary, work.at)
        work.job("oncall.page", key, {"page": key})
        self._event(work, number, "secdesk", "paged", summary, visible=False)

    def log(self, work: Work, number: str, actor: str, kind: str, text: str) -> None:
        if self._store.lock(work.tx, number, work.at):
            self._event(work, number, actor, kind, text, visible=False)

    def raise_severity(self, work: Work, number: str, severity: Severity, actor: str = "secdesk") -> None:
        """Set a severity; the due time follows."""
        row = self._store.lock(work.tx, number, work.at)
        if row is None or row["severity"] == severity:
            return
        due = next_due(self._targets()[severity], self._since(row), row["acknowledged_at"], row["resolved_at"])
        self._store.change(work.tx, number, {"severity": severity, "next_due_at": due})
        self._event(work, number, actor, "severity", severity, visible=False)
        work.audit(actor, "ticket.severity", number, severity=severity)

    # the desk

    def claim(self, work: Work, number: str, analyst: Person) -> None:
        """Take a ticket. A second analyst who claims is told who has it (`Conflict`)."""
        row = self._locked(work, number)
        if row["state"] == "resolved":
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        if row["assignee"] == analyst.key:
            return
        if row["assignee"]:
            name = self._identities.name(row["assignee"])
            raise Conflict(self._words().say(analyst.language, "ticket.taken", number=number, name=name))
        self._assign(work, row, analyst)
        self._tell(work, row, "ticket.claimed", name=analyst.name)

    def release(self, work: Work, number: str, analyst: Person) -> None:
        """Put a ticket back into the queue."""
        row = self._locked(work, number)
        if row["state"] != "claimed":
            raise Conflict(self._words().say(analyst.language, "ticket.not_claimed", number=number))
        self._store.change(work.tx, number, {"assignee": "", "state": "open"})
        self._event(work, number, analyst.key, "released", "", visible=False)
        work.audit(analyst.key, "ticket.release", number)

    def reply(self, work: Work, number: str, analyst: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """Answer the person; it reaches them where they asked. Replying to an unclaimed ticket claims it."""
        row = self._locked(work, number)
        text = text.strip() and self._redact(text.strip()) if files else self._needed(analyst, text)
        if row["state"] == "open":
            self._assign(work, row, analyst)
        if text:
            self._event(work, number, analyst.key, "reply", text, visible=True)
        sent = self._files(work, number, analyst.key, files, visible=True)
        work.audit(analyst.key, "ticket.reply", number)
        if self._tell(work, row, "ticket.reply", quote=text, files=sent, name=analyst.name):
            work.dialogue(row["requester"], place_from(row["place"]), "tickets.talk", {"ticket": number})

    def note(self, work: Work, number: str, analyst: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """An internal note; the person never sees it."""
        self._locked(work, number)
        self._event(work, number, analyst.key, "note", self._needed(analyst, text), visible=False)
        self._files(work, number, analyst.key, files, visible=False)
        work.audit(analyst.key, "ticket.note", number)

    def resolve(self, work: Work, number: str, analyst: Person, text: str = "") -> None:
        """Close it and tell the person, who can reopen it."""
        row, text = self._locked(work, number), self._redact(text.strip())
        if row["state"] == "resolved":
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        acknowledged = row["acknowledged_at"] or work.at
        due = next_due(self._targets()[row["severity"]], self._since(row), acknowledged, work.at)
        changes = {"state": "resolved", "resolved_at": work.at, "acknowledged_at": acknowledged, "next_due_at": due}
        self._store.change(work.tx, number, changes)
        self._event(work, number, analyst.key, "resolved", text, visible=True)
        work.audit(analyst.key, "ticket.resolve", number)
        if self._tell(work, row, "ticket.resolved", quote=text):
            work.end_dialogue(row["requester"], place_from(row["place"]))
        work.publish(TicketResolved(row["requester"], number))

    def reopen(self, work: Work, number: str, person: Person, text: str = "") -> None:
        """Open it again: the desk, or the person whose ticket it is."""
        row = self._locked(work, number)
        if row["state"] != "resolved":
            return
        self._reopen(work, row, person.key, self._redact(text))
        if person.key != row["requester"]:
            self._tell(work, row, "ticket.reopened")

    # the person

    def said(self, work: Work, number: str, person: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """The person adds something to their own ticket; a resolved one opens again."""
        row = self._locked(work, number)
        if row["requester"] != person.key:
            raise NotFound(number)
        if row["state"] == "resolved":
            self._reopen(work, row, person.key, "")
        if text or not files:
            self._event(work, number, person.key, "said", self._redact(text), visible=True)
        self._files(work, number, person.key, files, visible=True)

    # inside

    def _files(self, work: Work, number: str, actor: str, files: Sequence[Sealed], *, visible: bool) -> list[Attached]:
        """One line of the timeline for each file."""
        kept = []
        for sealed in files if self._attachments else ():
            event = self._event(work, number, actor, "file", short_name(sealed.file.name), visible=visible)
            assert self._attachments is not None  # noqa: S101
            kept.append(self._attachments.keep(work, number, event, actor, sealed))
        return kept

    def _locked(self, work: Work, number: str) -> Row:
        row = self._store.lock(work.tx, number, work.at)
        if row is None:
            raise NotFound(number)
        return row

    def _assign(self, work: Work, row: Row, analyst: Person) -> None:
        acknowledged = row["acknowledged_at"] or work.at
        due = next_due(self._targets()[row["severity"]], self._since(row), acknowledged, 0)
        changes = {"assignee": analyst.key, "state": "claimed", "acknowledged_at": acknowledged, "resolved_at": 0.0,
                   "next_due_at": due}  # fmt: skip
        self._store.change(work.tx, row["number"], changes)
        self._event(work, row["number"], analyst.key, "claimed", "", visible=True)
        work.audit(analyst.key, "ticket.claim", row["number"])

    def _since(self, row: Row) -> float:
        """When the clock of a ticket started: at its opening, or when it was last opened again."""
        events = self._store.events(row["number"], visible_only=True)
        return max((event["at"] for event in events if event["kind"] == "reopened"), default=float(row["created_at"]))

    def _reopen(self, work: Work, row: Row, actor: str, text: str) -> None:
        due = next_due(self._targets()[row["severity"]], work.at, 0, 0)
        state = "claimed" if row["assignee"] else "open"
        changes = {"state": state, "resolved_at": 0.0, "acknowledged_at": 0.0, "next_due_at": due}
        self._store.change(work.tx, row["number"], changes)
        self._event(work, row["number"], actor, "reopened", text, visible=True)
        work.audit(actor, "ticket.reopen", row["number"])

    def _event(self, work: Work, number: str, actor: str, kind: str, text: str, *, visible: bool) -> str:
        event = uuid.uuid4().hex
        row = {"id": event, "ticket": number, "at": work.at, "actor": actor, "kind": kind, "text": text,
               "visible": int(visible)}  # fmt: skip
        self._store.add_event(work.tx, row)
        work.publish(TicketChanged(number))
        return event

    def _needed(self, analyst: Person, text: str) -> str:
        if not text.strip():
            raise Refused(self._words().say(analyst.language, "ticket.empty"))
        return self._redact(text.strip())

    def _tell(
        self, work: Work, row: Row, key: str, quote: str = "", files: Sequence[Attached] = (), **params: Any
    ) -> bool:
        """Say what happened to the requester, where they asked. False if they have been forgotten."""
        requester = self._identities.who(row["requester"])
        if requester is None or not row["place"]:
            return False
        words, lang, number = self._words(), requester.language, row["number"]
        said = Text(words.say(lang, key, number=number, subject=row["subject"], **params))
        blocks: list[Block] = [said, *([Text(quote, "quote")] if quote else []), *files]
        buttons = [Button(words.say(lang, "button.my_tickets"), "tickets.mine")]
        if key == "ticket.resolved":
            buttons.insert(0, Button(words.say(lang, "button.reopen"), "tickets.reopen", number))
        if key == "ticket.reply":
            buttons.insert(0, Button(words.say(lang, "button.leave_ticket"), "tickets.leave", number))
        card = Card("", (*blocks, Buttons(tuple(buttons))), "desk", lang=lang)
        once = f"ticket:{number}:{uuid.uuid4().hex}"
        work.say(row["requester"], place_from(row["place"]), card, once, priority=1, ticket=number)
        return True
