"""Keeping another ticket system and ours the same, in both directions.

Our side: the timeline of a ticket is the outbox. For each ticket we remember the line up to which the tracker has everything
(`done_seq`), and before each sending the line that is tried (`trying_seq`), so that after a crash we look whether it has arrived
before we send it again. Lines go out one after the other: a ticket whose line is refused waits, with the reason, and the others
go on. Nothing is ever given up: it is tried again with growing pauses, or when somebody presses Retry.

Their side: the tracker names tickets that have moved; each is looked at as it stands, while nobody else exchanges anything about
it, and merged by the table of `trackers_merge`. Lines that we write for them are marked, so that they never go back.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, cast

from bot.errors import ChannelError, NotFound, RetryLater, StoreUnavailable
from bot.helpdesk.tickets import Ticket, Tickets
from bot.helpdesk.trackers_inbound import Inbound
from bot.helpdesk.trackers_lines import Event, lines, pending
from bot.helpdesk.trackers_merge import FIELDS, Field, Master, Seen, decide
from bot.people import Identities
from bot.ports import Clock, Payload, Pushed, RemoteTicket, Row, TicketLine, Tracker, Tx, Vault
from bot.turn import TicketChanged, Work

log = logging.getLogger(__name__)
SYNC, POLL = "tracker.sync", "tracker.poll"
LEASE = 150.0  # seconds that one exchange may take between two signs of life
POLL_LEASE = 600.0
ROUNDS = 5  # of one exchange, while the ticket goes on changing
AT_ONCE = 200  # tickets a run
SOON, REFUSED_MOST, AWAY_MOST = 15.0, 3600.0, 900.0  # seconds between two tries
UNSURE = 60.0  # seconds before we look whether a ticket was opened: search indexes lag behind
_CLOSING: tuple[Field, ...] = ("severity", "owner", "status")  # a closed ticket is given to nobody any more
_OPENING: tuple[Field, ...] = ("severity", "status", "owner")
TIRED = 3  # tickets in a row that could not reach the tracker: the rest of a run would not either


class TrackedStore(Protocol):
    """SQL of what is tracked. `token` names who holds a ticket: what somebody else has taken is not written (False)."""

    def touch(self, tx: Tx, tracker: str, ticket: str, at: float) -> None: ...

    def claim(self, tracker: str, ticket: str, token: str, at: float, until: float) -> Row | None: ...

    def keep(self, tracker: str, ticket: str, token: str, until: float, changes: Mapping[str, object]) -> bool: ...

    def keep_in(self, tx: Tx, tracker: str, ticket: str, changes: Mapping[str, object]) -> None: ...

    def release(self, tracker: str, ticket: str, token: str, changes: Mapping[str, object]) -> bool: ...

    def row(self, tracker: str, ticket: str) -> Row | None: ...

    def behind(self, tracker: str, at: float, limit: int) -> list[str]: ...

    def events(self, tracker: str, ticket: str, after: int, limit: int) -> list[Row]: ...

    def lock(self, tx: Tx, ticket: str) -> int:
        """Hold the ticket; the number of its last line."""
        ...

    def came(self, tx: Tx, tracker: str, ticket: str, after: int) -> None:
        """Mark the lines from there on as theirs."""
        ...

    def take_cursor(self, tracker: str, token: str, at: float, until: float) -> Row | None: ...

    def put_cursor(self, tracker: str, token: str, changes: Mapping[str, object], remotes: Sequence[str]) -> None: ...

    def cursor(self, tracker: str) -> Row | None: ...

    def undelivered(self, tracker: str, limit: int) -> list[Row]: ...

    def counts(self, tracker: str) -> Mapping[str, int]: ...

    def retry(self, tx: Tx, tracker: str, ticket: str) -> bool: ...


@dataclass(frozen=True)
class Parts:
    """What the exchange is made of. `label` says what a kind of line is called; `kinds` limits which tickets go there."""

    tracker: Tracker
    store: TrackedStore
    tickets: Tickets
    identities: Identities
    vault: Vault
    clock: Clock
    work: Callable[[Callable[[Work], Any]], Any]
    inbound: Inbound
    link: Callable[[str], str]
    label: Callable[[str], str]
    master: Master = "secdesk"
    kinds: tuple[str, ...] = ()
    notes: bool = True


class _Lost(Exception):
    """Somebody else has taken the ticket meanwhile: we were too slow."""


@dataclass
class _Held:
    """A ticket that we hold: its row as it stands, and what proves that it is ours."""

    row: Row
    token: str
    ticket: Ticket

    @property
    def void(self) -> dict[str, int]:
        return {name: int(self.row[f"void_{name}"]) for name in FIELDS}


class Tracking:
    """The exchange with one tracker."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self.tracker, self.name = parts.tracker, parts.tracker.name

    # what starts it

    def on_change(self, work: Work, event: TicketChanged) -> None:
        """A ticket of ours has changed: the tracker has to hear of it."""
        p, number = self._p, event.ticket
        if p.kinds and p.tickets.get(number).kind not in p.kinds:
            return
        p.store.touch(work.tx, self.name, number, work.at)
        if not any(kind == SYNC and payload["ticket"] == number for kind, _, payload in work.submitted):
            self._job(work, number)

    def sync_job(self, payload: Payload) -> None:
        """The job of one ticket."""
        self.sync(payload["ticket"])

    def poll(self, _payload: Payload) -> None:
        """Every minute: what is new there, and what could not be sent before."""
        p, token, now = self._p, secrets.token_hex(8), self._p.clock.now()
        row = p.store.take_cursor(self.name, token, now, now + POLL_LEASE)
        if row is None:
            return
        changes: dict[str, object] = {}
        remotes: Sequence[str] = ()
        try:
            self._take_pushed()
            remotes, cursor = p.tracker.changed(row["cursor"], now)
            changes = {"cursor": cursor, "asked_at": now, "error": "", "failing_since": 0.0}
        except StoreUnavailable:
            raise
        except Exception as error:
            changes = {"error": _why(error), "failing_since": row["failing_since"] or now}
        finally:
            p.store.put_cursor(self.name, token, changes, remotes)
        self.catch_up()

    def catch_up(self) -> int:
        """Exchange everything that waits; how many tickets are done."""
        done = away = 0
        for number in self._p.store.behind(self.name, self._p.clock.now(), AT_ONCE):
            went = self.sync(number)
            done += went == "done"
            away = away + 1 if went == "away" else 0
            if away >= TIRED:
                break
        return done

    def retry(self, work: Work, number: str) -> bool:
        """Try a ticket again now; False if there is nothing to try."""
        if not self._p.store.retry(work.tx, self.name, number):
            return False
        self._job(work, number)
        return True

    def receive(self, work: Work, pushed: Pushed) -> None:
        """What the tracker sent us by itself, once. Raises `NotFound` for a ticket that it has not got from us."""
        if not work.store.first_time(work.tx, f"tracker:{self.name}:push:{pushed.id}", work.at):
            return
        row = self._p.store.row(self.name, pushed.number)
        if row is None or not row["done_seq"]:
            raise NotFound(pushed.number)
        self._merge(work, row, pushed.ticket)

    def undelivered(self, limit: int = 200) -> list[Row]:
        """Tickets whose exchange failed, the oldest trouble first."""
        return self._p.store.undelivered(self.name, limit)

    def state(self) -> tuple[Mapping[str, int], Row | None]:
        """Numbers of tickets (waiting, failing, all), and how asking for news went."""
        return self._p.store.counts(self.name), self._p.store.cursor(self.name)

    # one ticket

    def sync(self, number: str) -> str:
        """Exchange what waits about a ticket: done, away (nobody answers there), refused, or busy."""
        p = self._p
        for _ in range(ROUNDS):
            token, now = secrets.token_hex(8), p.clock.now()
            row = p.store.claim(self.name, number, token, now, now + LEASE)
            if row is None:
                return "done"
            held = _Held(row, token, p.tickets.get(number))
            try:
                self._exchange(held)
            except _Lost:
                return "busy"
            except StoreUnavailable:
                raise
            except Exception as error:
                return self._failed(held, error)
            settled = {"settled": row["changes"], "looked": row["looks"], "attempts": 0, "next_at": 0.0, "error": "",
                       "failing_since": 0.0}  # fmt: skip
            p.store.release(self.name, number, token, settled)
        return "busy"

    def _exchange(self, held: _Held) -> None:
        row = held.row
        if row["remote"] and row["looks"] > row["looked"]:
            theirs = self.tracker.ticket(row["remote"])
            if theirs is None:
                raise ChannelError("the ticket is not there any more, or we may not see it")
            changed: dict[str, object] = self._p.work(lambda work: self._merge(work, row, theirs))
            row.update(changed)
            held.ticket = self._p.tickets.get(held.ticket.number)
        while events := self._events(row, 50):
            for event in events:
                self._send(held, event)
        for name in sorted(set(row["restate"].split())):
            self._restate(held, name)

    def _send(self, held: _Held, event: Event) -> None:
        made = lines(event, self._stands(held, event.actor), held.void, self._p.label, notes=self._p.notes)
        if not made:
            return self._keep(held, done_seq=event.seq, trying_seq=0)
        unsure = held.row["trying_seq"] == event.seq
        if not unsure:
            self._keep(held, trying_seq=event.seq)
        agreed: dict[str, object] = {}
        for line in made:
            agreed |= self._one(held, line, unsure=unsure)
        self._keep(held, done_seq=event.seq, trying_seq=0, **agreed)

    def _one(self, held: _Held, line: TicketLine, *, unsure: bool) -> dict[str, object]:
        """Send one line, unless it is there already; what both sides have then."""
        remote = held.row["remote"]
        if line.kind == "open":
            remote = remote or self.tracker.find(line.number) or self.tracker.open(line)
            held.row["remote"] = remote
            return {"remote": remote, "status": line.status, "severity": line.severity, "owner": ""}
        if line.kind in FIELDS:
            return self._field(held, line)
        if not (unsure and self.tracker.has(remote, line.key)):
            self.tracker.send(remote, line)
        return {}

    def _field(self, held: _Held, line: TicketLine) -> dict[str, object]:
        wanted = {"status": line.status, "severity": line.severity, "owner": self._owner(line.owner_mail or line.owner)}
        if held.row[line.kind] == wanted[line.kind]:
            return {}
        now = self.tracker.send(held.row["remote"], line)
        return {line.kind: self._owner(now) if line.kind == "owner" else now}

    def _restate(self, held: _Held, name: str) -> None:
        stands = self._stands(held, "secdesk")
        line = replace(stands, key=f"{stands.number}/{name}{held.row['changes']}", kind=cast(Any, name))
        self._keep(held, restate=" ".join(sorted(set(held.row["restate"].split()) - {name})), **self._field(held, line))

    def _keep(self, held: _Held, **changes: object) -> None:
        until = self._p.clock.now() + LEASE
        if not self._p.store.keep(self.name, held.ticket.number, held.token, until, changes):
            raise _Lost
        held.row.update(changes)

    def _failed(self, held: _Held, error: Exception) -> str:
        now, row, number = self._p.clock.now(), held.row, held.ticket.number
        away = isinstance(error, RetryLater)
        pause = min(SOON * 2.0 ** min(int(row["attempts"]), 10), AWAY_MOST if away else REFUSED_MOST)
        pause = max(
            pause, error.seconds if isinstance(error, RetryLater) else 0.0, UNSURE if row["trying_seq"] == 1 else 0.0
        )
        log.warning("a ticket waits for its tracker", extra={"ticket": number, "error": type(error).__name__})
        changes = {"attempts": row["attempts"] + 1, "next_at": now + pause, "error": _why(error),
                   "failing_since": row["failing_since"] or now}  # fmt: skip
        self._p.store.release(self.name, number, held.token, changes)
        return "away" if away else "refused"

    # merging

    def _merge(self, work: Work, row: Row, theirs: RemoteTicket) -> dict[str, object]:
        """Take over what has changed there, in one transaction; the changes of our row."""
        p, number = self._p, str(row["ticket"])
        last = p.store.lock(work.tx, number)
        ticket = p.tickets.get(number)
        waiting = pending(self._events(row, 1000), {name: int(row[f"void_{name}"]) for name in FIELDS})
        said = {"status": theirs.status, "severity": theirs.severity,
                "owner": None if theirs.owner is None else self._owner(theirs.owner)}  # fmt: skip
        unanswered = ticket.severity == "S3" and not ticket.acknowledged_at
        changes: dict[str, object] = {}
        restate = set(row["restate"].split())
        p.inbound.words(work, ticket, theirs.words, self.name)
        for name in _CLOSING if theirs.status == "resolved" else _OPENING:
            seen = Seen(name, row[name], said[name], waiting, p.master, unanswered)
            decision = decide(seen)
            if decision == "same":
                continue
            changes[name] = said[name]
            if decision == "ours":
                restate.add(name)
            else:
                p.inbound.field(work, p.tickets.get(number), name, theirs)
                changes[f"void_{name}"] = last
                restate.discard(name)
        if theirs.status == "resolved" and p.tickets.get(number).state != "resolved":
            restate.add("status")  # it goes on here, and they have to hear of it
        p.store.came(work.tx, self.name, number, last)
        if restate != set(row["restate"].split()):
            changes["restate"] = " ".join(sorted(restate))
        if changes:
            p.store.keep_in(work.tx, self.name, number, changes)
        return changes

    def _take_pushed(self) -> None:
        for pushed in self.tracker.pushed():
            try:
                self._p.work(partial(self.receive, pushed=pushed))
            except NotFound:
                log.warning("a tracker wrote about a ticket that it has not got from us")
            self.tracker.taken(pushed)

    # inside

    def _events(self, row: Row, limit: int) -> list[Event]:
        rows = self._p.store.events(self.name, row["ticket"], int(row["done_seq"]), limit)
        return [Event(**{**one, "visible": bool(one["visible"]), "theirs": bool(one["theirs"])}) for one in rows]

    def _stands(self, held: _Held, actor: str) -> TicketLine:
        """The ticket as it is now, on behalf of somebody."""
        ticket, who = held.ticket, self._p.identities.who
        requester, holder = who(ticket.requester), who(ticket.assignee)
        status: Any = "resolved" if ticket.state == "resolved" else "waiting" if ticket.waiting else "open"
        author = "Secdesk" if actor in {"", "secdesk"} else self._p.identities.name(actor)
        return TicketLine(
            "", ticket.number, "note", subject=ticket.subject, author=author, status=status, severity=ticket.severity,
            requester=requester.name if requester else "", requester_mail=requester.email if requester else "",
            owner=holder.name if holder else "", owner_mail=holder.email if holder else "",
            url=self._p.link(ticket.number),
        )  # fmt: skip

    def _owner(self, who: str) -> str:
        """How an owner is kept: nobody's name stands in our table."""
        return self._p.vault.digest("tracker", who.strip().casefold().encode())[:32] if who.strip() else ""

    def _job(self, work: Work, number: str) -> None:
        key = f"track:{number}:{uuid.uuid4().hex[:12]}"
        work.job(SYNC, key, {"ticket": number, "job": key})


def _why(error: Exception) -> str:
    """The reason, as an administrator reads it. What is not ours may hold a person's words: then only its kind."""
    return (str(error) if isinstance(error, ChannelError) else type(error).__name__)[:300]
