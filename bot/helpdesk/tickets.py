"""Tickets: a state machine whose event log is the truth.

    open ── claim ──▶ claimed ── resolve ──▶ resolved
      │                  │ ▲                    │
      └── resolve ───────┼─┼────────────────────┘
                 release ▼ │ claim     reopen, or the person writes again ──▶ open / claimed

Every change is one conditional UPDATE inside the caller's transaction, one timeline event, and one audit row.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, Protocol

from bot.cards import Attached, Block, Button, Buttons, Card, Text
from bot.errors import Conflict, NotFound, Refused
from bot.helpdesk import clocks
from bot.helpdesk.attachments import MOST_BYTES, MOST_FILES, Attachments, Sealed, short_name
from bot.helpdesk.oncall import STEPS, OnCall
from bot.helpdesk.rounds import rounds
from bot.helpdesk.sla import NEVER, STILL, US, Sla
from bot.model import File, Person, Place, Severity
from bot.organisation import Words
from bot.people import Identities
from bot.ports import Row, Tx
from bot.promises import Promise
from bot.turn import TicketChanged, TicketRef, TicketRequest, TicketResolved, Work, place_from, place_key

State = Literal["open", "claimed", "resolved"]
JOIN_SECONDS = 1800.0
SUBJECT_LENGTH = 120
MANY = 3  # people in the same trouble within `JOIN_SECONDS` are one incident
INCIDENT_SECONDS = 4 * 3600.0  # how long one goes on taking others in after its last news
LONGEST_WORD, MOST_WORDS = 40, 200
_WORD = re.compile(r"\w{2,}")


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
    next_warn_at: float = NEVER
    owner: str = US  # a partner's id, where it was handed over
    waiting: str = ""  # who is waited for: person, partner, or us by a partner
    entity: str = ""
    opener: str = ""  # who opened it for the requester
    priority: int = 0  # 1 is pulled up, -1 put back, within a severity
    merged_into: str = ""
    cause: str = ""
    satisfaction: str = ""  # good or bad, as the requester said

    @property
    def still(self) -> bool:
        """Whether no clock runs: somebody is waited for, or it is closed. Then `next_due_at` is no moment."""
        return self.next_due_at >= STILL


@dataclass(frozen=True)
class TicketEvent:
    """One line of a timeline. `visible`: the requester sees it too."""

    seq: int
    at: float
    actor: str
    kind: str
    text: str
    visible: bool
    detail: str = ""  # for the clocks: a severity, an owner, who is waited for


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

    def marks(self, tx: Tx, number: str) -> list[Row]:
        """The lines that move a clock, of `clocks.KINDS`, in order."""
        ...

    def row(self, tx: Tx, number: str) -> Row | None: ...

    def hold(self, tx: Tx, number: str) -> Row | None:
        """The ticket, locked until the transaction ends, and not changed by it."""
        ...

    def warned(self, tx: Tx, number: str) -> set[str]: ...

    def watch(self, tx: Tx, number: str, person: str, place: str, at: float) -> None: ...

    def watchers(self, number: str) -> list[Row]: ...

    def incident(self, tx: Tx, cause: str, after: float) -> str: ...

    def same_cause(self, tx: Tx, cause: str, after: float) -> list[Row]: ...

    def add_to_incident(self, tx: Tx, incident: str, number: str, at: float) -> None: ...

    def members(self, incident: str) -> list[str]: ...

    def incident_of(self, number: str) -> str: ...

    def index_words(self, tx: Tx, number: str, words: Sequence[str]) -> None: ...


class Tickets:
    """What can be done with tickets. Methods that change one take the caller's `Work`.

    `redact` takes pasted secrets out of what people type: not every way to a ticket leads through the desk. Without
    `attachments` files are not taken. `settle` sends what waits at a ticket, before it is closed.
    """

    def __init__(
        self,
        store: TicketStore,
        identities: Identities,
        oncall: OnCall,
        words: Callable[[], Words],
        sla: Callable[[], Sla],
        prefix: str,
        redact: Callable[[str], str] = lambda text: text,
        attachments: Attachments | None = None,
        language: Callable[[], str] = lambda: "en",
        settle: Callable[[Work, str], object] = lambda _work, _number: None,
    ) -> None:
        self._store, self._identities, self._oncall = store, identities, oncall
        self._words, self._sla, self._prefix, self._redact = words, sla, prefix, redact
        self._attachments, self._language, self._settle = attachments, language, settle

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
        sla = self._sla()
        return sla.calendar(sla[severity]).add(at, 60 * sla[severity].acknowledge)

    def colleague(self, work: Work, who: str) -> Person | None:
        """Somebody of the directory, by id, address or name, with their pseudonym."""
        person = self._identities.find(who.strip())
        if person is None:
            same = [one for one in self._identities.people() if one.name.casefold() == who.strip().casefold()]
            person = same[0] if len(same) == 1 else None
        return self._identities.meet(work.tx, person, work.at) if person else None

    def partners(self) -> dict[str, str]:
        """Names of the partners a ticket can be handed to, by id."""
        return self._sla().partners()

    def ended(self, owner: str, at: float) -> date | None:
        """The last day of a partner's contract, if it has gone by."""
        return self._sla().ended(owner, datetime.fromtimestamp(at, UTC).date())

    def rounds(self, number: str, at: float) -> list[Promise]:
        """Every promise about a ticket up to now: ours and those of partners who had it."""
        ticket = self.get(number)
        marks = (clocks.Mark(e.at, e.kind, e.detail) for e in self.timeline(ticket.number))
        return rounds(marks, self._sla(), at, ticket.severity)

    def course(self, number: str) -> clocks.Course:
        """How a ticket's clocks stand, from its timeline."""
        ticket = self.get(number)
        return clocks.follow(
            (clocks.Mark(e.at, e.kind, e.detail) for e in self.timeline(ticket.number)), ticket.severity
        )

    def sees(self, requester: str, number: str, person: str) -> bool:
        """Whether this ticket is this person's: theirs, or one they opened for somebody."""
        return requester == person or any(row["person"] == person for row in self._store.watchers(number))

    def in_trouble(self, number: str, person: str) -> bool:
        """Whether this is an emergency of this person's that is not closed."""
        row = self._store.ticket(number.strip().upper())
        return bool(row and row["kind"] == "emergency" and row["state"] != "resolved" and row["requester"] == person)

    # clocks and locks

    def hold(self, work: Work, number: str) -> Ticket:
        """A ticket as it is now; nobody else changes it until this transaction is over. Raises `NotFound`."""
        row = self._store.hold(work.tx, number)
        if row is None:
            raise NotFound(number)
        return Ticket(**row)

    def index(self, tx: Tx, number: str) -> bool:
        """Make `next_due_at`, `next_warn_at` and `acknowledged_at` again from the timeline; whether they were wrong."""
        row = self._store.row(tx, number)
        if row is None:
            return False
        course = clocks.follow(clocks.marks(self._store.marks(tx, number)), row["severity"])
        given, sla = self._store.warned(tx, number), self._sla()
        coming = (one.when for one in clocks.thresholds(course, sla) if one.key not in given)
        wanted = {"next_due_at": clocks.next_due(course, sla), "next_warn_at": min(coming, default=NEVER),
                  "acknowledged_at": course.acknowledged, "waiting": course.waiting}  # fmt: skip
        if all(row[name] == value for name, value in wanted.items()):
            return False
        self._store.change(tx, number, wanted)
        return True

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
        subject = self._redact(request.subject)[:SUBJECT_LENGTH]
        row = {"number": number, "seq": seq, "kind": request.kind, "subject": subject,
               "severity": request.severity, "state": "open", "queue": request.queue, "requester": request.person,
               "assignee": "", "place": stored_place(request.place), "join_key": request.join, "created_at": work.at,
               "updated_at": work.at, "acknowledged_at": 0.0, "resolved_at": 0.0, "next_due_at": NEVER,
               "entity": self._entity(request.person), "opener": request.opener,
               "cause": request.cause}  # fmt: skip
        self._store.add_ticket(work.tx, row)
        text = self._redact(request.text)
        who = request.opener or request.person
        self._event(work, number, who, "opened", text, visible=True, detail=request.severity)
        self._store.index_words(work.tx, number, words_of(f"{subject} {text}"))
        self._behalf(work, number, request)
        work.audit(who, "ticket.open", number, severity=request.severity, kind=request.kind)
        if request.page and not self._part_of_incident(work, number, request):
            self.page(work, number, request.page)
        return TicketRef(number)

    def _part_of_incident(self, work: Work, number: str, request: TicketRequest) -> bool:
        """Whether several people are in it: then they are one incident, and one call is enough for all of them."""
        if not request.cause:
            return False
        incident = self._store.incident(work.tx, request.cause, work.at - INCIDENT_SECONDS)
        if not incident:
            others = self._store.same_cause(work.tx, request.cause, work.at - JOIN_SECONDS)
            if len({row["requester"] for row in others}) < MANY:
                return False
            incident = self._incident(work, request, [row["number"] for row in others])
        self._store.add_to_incident(work.tx, incident, number, work.at)
        self.log(work, incident, "secdesk", "joined", f"{number}: {self._identities.name(request.person)}")
        self.log(work, number, "secdesk", "incident", incident)
        holder = self.get(incident).assignee
        if holder and (analyst := self._identities.who(holder)):
            self.claim(work, number, analyst)
        return True

    def _incident(self, work: Work, request: TicketRequest, numbers: Sequence[str]) -> str:
        """A ticket for all of them, and the one call."""
        subject = self._words().say(self._language(), "incident.subject", n=len(numbers), what=request.subject)
        ref = self.open(work, TicketRequest("", Place("", ""), "incident", subject, subject, "S3", request.queue))
        self._store.change(work.tx, ref.number, {"cause": request.cause})
        for number in numbers:
            self._store.add_to_incident(work.tx, ref.number, number, work.at)
            self.log(work, number, "secdesk", "incident", ref.number)
        self.page(work, ref.number, subject)
        return ref.number

    def incident_of(self, number: str) -> str:
        """The open incident that a ticket is part of, "" if none."""
        return self._store.incident_of(number)

    def members(self, number: str) -> list[str]:
        """Tickets that are part of an incident."""
        return self._store.members(number)

    def page(self, work: Work, number: str, summary: str) -> None:
        """Call the person on duty about a ticket."""
        key = f"page:{number}:{uuid.uuid4().hex[:8]}"
        self._oncall.request(work.tx, key, number, summary, work.at)
        work.job("oncall.page", key, {"page": key})
        for step, seconds in STEPS.items():
            work.job("oncall.chase", f"{key}:{step}", {"page": key, "step": step}, delay=seconds)
        self._event(work, number, "secdesk", "paged", summary, visible=False)

    def log(self, work: Work, number: str, actor: str, kind: str, text: str) -> None:
        if self._store.lock(work.tx, number, work.at):
            self._event(work, number, actor, kind, text, visible=False)

    def raise_severity(self, work: Work, number: str, severity: Severity, actor: str = "secdesk") -> None:
        """Set a severity; the due time follows."""
        row = self._store.lock(work.tx, number, work.at)
        if row is None or row["severity"] == severity:
            return
        self._store.change(work.tx, number, {"severity": severity})
        self._event(work, number, actor, "severity", severity, visible=False, detail=severity)
        work.audit(actor, "ticket.severity", number, severity=severity)
        if actor not in {"secdesk", row["requester"]} and severity > row["severity"]:
            self._tell(work, row, "ticket.severity")

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
        for member in self._store.members(number) if row["kind"] == "incident" else ():
            if self._locked(work, member)["state"] == "open":  # whoever has the incident has everybody in it
                self.claim(work, member, analyst)

    def release(self, work: Work, number: str, analyst: Person) -> None:
        """Put a ticket back into the queue."""
        row = self._locked(work, number)
        if row["state"] != "claimed":
            raise Conflict(self._words().say(analyst.language, "ticket.not_claimed", number=number))
        self._store.change(work.tx, number, {"assignee": "", "state": "open"})
        self._event(work, number, analyst.key, "released", "", visible=False)
        work.audit(analyst.key, "ticket.release", number)
        self._tell(work, row, "ticket.released")

    def assign(self, work: Work, number: str, analyst: Person, holder: Person) -> None:
        """Give a ticket to somebody of the desk, whoever holds it now."""
        row = self._locked(work, number)
        if row["state"] == "resolved":
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        if row["assignee"] == holder.key:
            return
        self._store.change(work.tx, number, {"assignee": holder.key, "state": "claimed"})
        self._event(work, number, analyst.key, "assigned", holder.name, visible=True)
        work.audit(analyst.key, "ticket.assign", number, to=holder.key)
        self._tell(work, row, "ticket.claimed", name=holder.name)

    def wait(self, work: Work, number: str, analyst: Person, who: str, text: str = "") -> None:
        """Stop clocks: somebody owes an answer. `who`: person, partner, or us, which a partner claims with a reason."""
        row = self._locked(work, number)
        if row["state"] == "resolved" or who not in {"person", "partner", "us"}:
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        if who == "us":
            if not row["owner"]:
                raise Conflict(self._words().say(analyst.language, "ticket.not_handed", number=number))
            self.needed(analyst, text)
        if row["state"] == "open":
            self._assign(work, row, analyst)
        self._store.change(work.tx, number, {"waiting": who})
        self._event(work, number, analyst.key, "paused", self._redact(text.strip()), visible=who != "us", detail=who)
        work.audit(analyst.key, "ticket.wait", number, on=who)
        if who == "us":  # between us and the partner: whoever waits for both of us is told nothing
            return
        if self._tell(work, row, f"ticket.waiting_{who}", quote=self._redact(text.strip())) and who == "person":
            work.dialogue(row["requester"], place_from(row["place"]), "tickets.talk", {"ticket": number})

    def carry_on(self, work: Work, number: str, actor: str) -> None:
        """The clocks run again."""
        row = self._locked(work, number)
        if row["waiting"]:
            self._resumed(work, row, actor)

    def hand_over(self, work: Work, number: str, analyst: Person, owner: str) -> None:
        """To a partner, whose clock starts now; "" takes it back."""
        row, partners = self._locked(work, number), self.partners()
        if (owner and owner not in partners) or row["state"] == "resolved":
            raise NotFound(owner or number)
        if row["owner"] == owner:
            return
        self._store.change(work.tx, number, {"owner": owner})
        self._event(work, number, analyst.key, "handed", partners.get(owner, ""), visible=True, detail=owner)
        work.audit(analyst.key, "ticket.hand_over", number, to=owner)
        if day := self.ended(owner, work.at):  # it can be handed over all the same; nobody should believe it is owed
            said = self._words().say(
                self._language(), "ticket.contract_ended", name=partners[owner], day=day.isoformat()
            )
            self._event(work, number, "secdesk", "warned", said, visible=False)
        self._tell(work, row, "ticket.handed" if owner else "ticket.taken_back_over", name=partners.get(owner, ""))

    def partner_said(self, work: Work, number: str, actor: str, text: str) -> None:
        """A person of the partner has answered (an automatic message is none): their clock is acknowledged."""
        row = self._locked(work, number)
        self._event(work, number, actor, "partner", self._redact(text), visible=False)
        if row["waiting"] == "partner":
            self._resumed(work, row, actor)

    def reply(self, work: Work, number: str, analyst: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """Answer the person; it reaches them where they asked. Replying to an unclaimed ticket claims it."""
        row = self._locked(work, number)
        text = text.strip() and self._redact(text.strip()) if files else self.needed(analyst, text)
        if row["state"] == "open":
            self._assign(work, row, analyst)
        if text:
            self._event(work, number, analyst.key, "reply", text, visible=True)
            self._store.index_words(work.tx, number, words_of(text))
        sent = self._files(work, number, analyst.key, files, visible=True)
        work.audit(analyst.key, "ticket.reply", number)
        if self._tell(work, row, "ticket.reply", quote=text, files=sent, name=analyst.name):
            work.dialogue(row["requester"], place_from(row["place"]), "tickets.talk", {"ticket": number})

    def preview(self, number: str, analyst: Person, text: str) -> Card:
        """What the person would read of a reply, in their language. Raises `NotFound`, `Refused`."""
        ticket, text = self.get(number), self.needed(analyst, text)
        person = self._identities.who(ticket.requester)
        row = {"number": ticket.number, "subject": ticket.subject, "severity": ticket.severity}
        lang = person.language if person else self._language()
        return told_card(self._words(), lang, row, "ticket.reply", text, name=analyst.name)

    def note(self, work: Work, number: str, analyst: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """An internal note; the person never sees it."""
        self._locked(work, number)
        self._event(work, number, analyst.key, "note", self.needed(analyst, text), visible=False)
        self._files(work, number, analyst.key, files, visible=False)
        work.audit(analyst.key, "ticket.note", number)

    def false_alarm(self, work: Work, number: str, analyst: Person) -> None:
        """Close it kindly: nothing had happened, and telling us was right."""
        self.resolve(work, number, analyst, said="ticket.false_alarm")

    def resolve(
        self, work: Work, number: str, analyst: Person, text: str = "", *, said: str = "ticket.resolved"
    ) -> None:
        """Close it and tell the person, who can reopen it."""
        self._settle(work, number)
        row, text = self._locked(work, number), self._redact(text.strip())
        if row["state"] == "resolved":
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        acknowledged = row["acknowledged_at"] or work.at
        changes = {"state": "resolved", "resolved_at": work.at, "acknowledged_at": acknowledged, "waiting": ""}
        self._store.change(work.tx, number, changes)
        self._event(work, number, analyst.key, "resolved", text, visible=True)
        work.audit(analyst.key, "ticket.resolve", number)
        if row["kind"] == "emergency" and said == "ticket.resolved":
            said = "ticket.resolved_emergency"
        if self._tell(work, row, said, quote=text):
            work.end_dialogue(row["requester"], place_from(row["place"]))
        work.publish(TicketResolved(row["requester"], number))
        for member in self._store.members(number) if row["kind"] == "incident" else ():
            if self._locked(work, member)["state"] != "resolved":
                self.resolve(work, member, analyst, text, said=said)

    def reopen(self, work: Work, number: str, person: Person, text: str = "") -> None:
        """Open it again: the desk, or the person whose ticket it is."""
        row = self._locked(work, number)
        if row["state"] != "resolved":
            return
        self._reopen(work, row, person.key, self._redact(text))
        if self.sees(row["requester"], number, person.key):
            self.rate(work, number, person, good=False)
        if person.key != row["requester"]:
            self._tell(work, row, "ticket.reopened")

    def sort(self, work: Work, number: str, analyst: Person, name: str, value: str | int, kind: str) -> None:
        """Set one of the things that only the desk sees (`queue`, `priority`)."""
        row = self._locked(work, number)
        if row[name] == value:
            return
        self._store.change(work.tx, number, {name: value})
        self._event(work, number, analyst.key, kind, str(value), visible=False)
        work.audit(analyst.key, f"ticket.{kind}", number, to=str(value))

    def put_back(self, work: Work, number: str, analyst: Person, assignee: str) -> None:
        """To whoever had it before, "" for the queue."""
        row = self._locked(work, number)
        if row["assignee"] == assignee:
            return
        self._store.change(work.tx, number, {"assignee": assignee, "state": "claimed" if assignee else "open"})
        name = self._identities.name(assignee) if assignee else ""
        self._event(work, number, analyst.key, "assigned" if assignee else "released", name, visible=True)
        work.audit(analyst.key, "ticket.assign" if assignee else "ticket.release", number)
        self._tell(work, row, "ticket.claimed" if assignee else "ticket.released", name=name)

    def merge(self, work: Work, number: str, analyst: Person, into: str) -> None:
        """Close this one in favour of another; its people see and hear of the other one from now on."""
        self._settle(work, number)
        row, target = (self._locked(work, one) for one in sorted((number, into)))  # always in one order
        row, target = (row, target) if row["number"] == number else (target, row)
        if row["merged_into"]:
            raise Conflict(self._words().say(analyst.language, "ticket.already_resolved", number=number))
        seen = [{"person": row["requester"], "place": row["place"]}, *self._store.watchers(number)]
        for other in seen:
            if other["person"] != target["requester"]:
                self._store.watch(work.tx, into, other["person"], other["place"], work.at)
        acknowledged = row["acknowledged_at"] or work.at
        changes = {"state": "resolved", "resolved_at": work.at, "acknowledged_at": acknowledged, "waiting": "",
                   "merged_into": into}  # fmt: skip
        self._store.change(work.tx, number, changes)
        self._event(work, number, analyst.key, "resolved", "", visible=True, detail=into)
        self._event(work, number, analyst.key, "merged", into, visible=True)
        self._event(work, into, analyst.key, "merged", number, visible=False)
        work.audit(analyst.key, "ticket.merge", number, to=into)
        self._tell(work, row, "ticket.merged", into=into)
        if row["place"]:
            work.end_dialogue(row["requester"], place_from(row["place"]))
        work.publish(TicketResolved(row["requester"], number))

    def rate(self, work: Work, number: str, person: Person, *, good: bool) -> None:
        """What the requester thinks of how it went; "not solved" opens it again and counts as bad."""
        row = self._locked(work, number)
        if not self.sees(row["requester"], number, person.key):
            raise NotFound(number)
        said = "good" if good else "bad"
        if row["satisfaction"] == said:
            return
        self._store.change(work.tx, number, {"satisfaction": said})
        self._event(work, number, person.key, "rated", said, visible=False)

    def attended(self, work: Work, number: str) -> bool:
        row = self._store.lock(work.tx, number, work.at)
        return row is None or row["state"] == "resolved" or row["acknowledged_at"] > 0

    def close(self, work: Work, number: str, actor: str) -> None:
        row = self._store.lock(work.tx, number, work.at)
        if row is None or row["state"] == "resolved":
            return
        acknowledged = row["acknowledged_at"] or work.at
        changes = {"state": "resolved", "resolved_at": work.at, "acknowledged_at": acknowledged, "waiting": ""}
        self._store.change(work.tx, number, changes)
        self._event(work, number, actor, "resolved", "", visible=True)
        work.audit(actor, "ticket.close", number)

    # the person

    def said(self, work: Work, number: str, person: Person, text: str, files: Sequence[Sealed] = ()) -> None:
        """The person adds something to their own ticket; a resolved one opens again."""
        row = self._locked(work, number)
        if not self.sees(row["requester"], row["number"], person.key):
            raise NotFound(number)
        if row["merged_into"]:
            return self.said(work, row["merged_into"], person, text, files)
        if row["state"] == "resolved":
            self._reopen(work, row, person.key, "")
        if text or not files:
            text = self._redact(text)
            self._event(work, number, person.key, "said", text, visible=True)
            self._store.index_words(work.tx, number, words_of(text))
        if row["waiting"] == "person":
            self._resumed(work, row, person.key)
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
        changes = {"assignee": analyst.key, "state": "claimed", "acknowledged_at": acknowledged, "resolved_at": 0.0}
        self._store.change(work.tx, row["number"], changes)
        self._event(work, row["number"], analyst.key, "claimed", "", visible=True)
        work.audit(analyst.key, "ticket.claim", row["number"])

    def _resumed(self, work: Work, row: Row, actor: str) -> None:
        self._store.change(work.tx, row["number"], {"waiting": ""})
        self._event(work, row["number"], actor, "resumed", "", visible=False)

    def _reopen(self, work: Work, row: Row, actor: str, text: str) -> None:
        state = "claimed" if row["assignee"] else "open"
        changes = {"state": state, "resolved_at": 0.0, "acknowledged_at": 0.0, "merged_into": ""}
        self._store.change(work.tx, row["number"], changes)
        self._event(work, row["number"], actor, "reopened", text, visible=True)
        work.audit(actor, "ticket.reopen", row["number"])

    def _event(
        self, work: Work, number: str, actor: str, kind: str, text: str, *, visible: bool, detail: str = ""
    ) -> str:
        event = uuid.uuid4().hex
        row = {"id": event, "ticket": number, "at": work.at, "actor": actor, "kind": kind, "text": text,
               "visible": int(visible), "detail": detail}  # fmt: skip
        self._store.add_event(work.tx, row)
        if kind in clocks.KINDS:
            self.index(work.tx, number)
        work.publish(TicketChanged(number))
        return event

    def needed(self, analyst: Person, text: str) -> str:
        """A text without pasted secrets. Raises `Refused` for none."""
        if not text.strip():
            raise Refused(self._words().say(analyst.language, "ticket.empty"))
        return self.clean(text.strip())

    def clean(self, text: str) -> str:
        """A text without pasted secrets."""
        return self._redact(text)

    def _entity(self, key: str) -> str:
        person = self._identities.who(key) if key else None
        return person.entity if person else ""

    def _behalf(self, work: Work, number: str, request: TicketRequest) -> None:
        """Both see a ticket that one opened for the other; the other is told of it."""
        if not request.opener or request.opener == request.person:
            return
        place = place_key(request.opener_place) if request.opener_place else ""
        self._store.watch(work.tx, number, request.opener, place, work.at)
        row = {
            "number": number,
            "requester": request.person,
            "place": stored_place(request.place),
            "subject": request.subject,
        }
        who = self._identities.name(request.opener)
        self._send(work, row, request.person, row["place"], "ticket.opened_for_you", name=who)

    def _tell(
        self, work: Work, row: Row, key: str, quote: str = "", files: Sequence[Attached] = (), **params: Any
    ) -> bool:
        """Say what happened to the requester and to whoever sees it with them, where they asked.

        False if the requester has been forgotten.
        """
        told = self._send(work, row, row["requester"], row["place"], key, quote, files, **params)
        for other in self._store.watchers(row["number"]):
            self._send(work, row, other["person"], other["place"], key, quote, files, **params)
        return told

    def _send(
        self, work: Work, row: Row, who: str, place: str, key: str, quote: str = "", files: Sequence[Attached] = (),
        **params: Any,
    ) -> bool:  # fmt: skip
        person = self._identities.who(who)
        if person is None or not place:
            return False
        card = told_card(self._words(), person.language, row, key, quote, files, **params)
        once = f"ticket:{row['number']}:{uuid.uuid4().hex}"
        work.say(who, place_from(place), card, once, priority=1, ticket=row["number"])
        return True


def stored_place(place: Place) -> str:
    """ "" for somebody who is nowhere on chat yet."""
    return place_key(place) if place.channel else ""


def told_card(
    words: Words, lang: str, row: Row, key: str, quote: str = "", files: Sequence[Attached] = (), **params: Any
) -> Card:
    """What somebody reads about a change of their ticket."""
    number = row["number"]
    said = Text(words.say(lang, key, number=number, subject=row["subject"], **params))
    blocks: list[Block] = [said, *([Text(quote, "quote")] if quote else []), *files]
    buttons = [Button(words.say(lang, "button.my_tickets"), "tickets.mine")]
    if key in {"ticket.resolved", "ticket.resolved_emergency", "ticket.false_alarm"}:
        buttons.insert(0, Button(words.say(lang, "button.reopen"), "tickets.reopen", number))
        if row["severity"] != "S3":  # nobody who has just been in trouble is asked how it was
            buttons.insert(0, Button(words.say(lang, "button.good"), "tickets.good", number))
    if key == "ticket.reply":
        buttons.insert(0, Button(words.say(lang, "button.leave_ticket"), "tickets.leave", number))
    return Card("", (*blocks, Buttons(tuple(buttons))), "desk", lang=lang)


def words_of(text: str) -> list[str]:
    """The words that a ticket is found by: folded, without accents, in order."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(plain)))[:MOST_WORDS]
