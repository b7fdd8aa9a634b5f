"""Warnings up the chain: when so much of a target's time has gone by, those who can do something hear of it, once each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Button, Buttons, Card, Text
from bot.helpdesk import clocks
from bot.helpdesk.clocks import Threshold
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.sla import Sla
from bot.helpdesk.tickets import Ticket, Tickets
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Payload, Row, Tx
from bot.turn import Work

ONCE = 200  # tickets a run looks at
BATCH = 500


class WarningStore(Protocol):
    """SQL of warnings. `warn` is True for the one who was first."""

    def to_warn(self, at: float, limit: int) -> list[str]: ...

    def warn(self, tx: Tx, number: str, round_: str, at: float) -> bool: ...

    def warned(self, tx: Tx, number: str) -> set[str]: ...

    def numbers(self, after: int, limit: int) -> list[Row]: ...


@dataclass(frozen=True)
class Parts:
    """What the chain is made of."""

    store: WarningStore
    tickets: Tickets
    oncall: OnCall
    identities: Identities
    organisation: Callable[[], Organisation]
    sla: Callable[[], Sla]
    place_of: Callable[[str], Place | None]
    work: Callable[[Callable[[Work], None]], None]
    clock: Clock


class Chain:
    """Job `tickets.clocks`, every minute, and the rebuilding of the index."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(self, _payload: Payload) -> None:
        """Warn of every ticket whose time has come."""
        for number in self._parts.store.to_warn(self._parts.clock.now(), ONCE):
            self._parts.work(lambda work, number=number: self._warn(work, number))  # type: ignore[misc]

    def rebuild(self) -> int:
        """Make the index of every ticket again from its timeline; how many were wrong."""
        mended, after = 0, 0
        while rows := self._parts.store.numbers(after, BATCH):

            def mend(work: Work, rows: list[Row] = rows) -> None:
                nonlocal mended
                mended += sum(self._parts.tickets.index(work.tx, row["number"]) for row in rows)

            self._parts.work(mend)
            after = int(rows[-1]["seq"])
        return mended

    def _warn(self, work: Work, number: str) -> None:
        """Of several thresholds that one clock has passed (nothing ran for a while) only the last is said."""
        store, sla = self._parts.store, self._parts.sla()
        self._parts.tickets.attended(work, number)  # locks it: two runs queue up
        given = store.warned(work.tx, number)
        passed = [
            one
            for one in clocks.thresholds(self._parts.tickets.course(number), sla)
            if one.when <= work.at and one.key not in given
        ]
        fresh = [one for one in passed if store.warn(work.tx, number, one.key, work.at)]
        ticket = self._parts.tickets.get(number)
        for one in {threshold.clock.name: threshold for threshold in fresh}.values():
            self._say(work, ticket, one, sla)
        self._parts.tickets.index(work.tx, number)

    def _say(self, work: Work, ticket: Ticket, one: Threshold, sla: Sla) -> None:
        people = self._people(work, ticket, one)
        told = [person.name for person in people if self._told(work, person, ticket, one, sla)]
        words = f"{one.clock.what} {one.at} % → {', '.join(told) or '-'}"
        self._parts.tickets.log(work, ticket.number, "secdesk", "warned", words)

    def _told(self, work: Work, person: Person, ticket: Ticket, one: Threshold, sla: Sla) -> bool:
        place = self._parts.place_of(person.key)
        if place is None:
            return False
        say, lang = self._parts.organisation().words.say, person.language
        what = say(lang, f"ticket.warning.{one.clock.what}")
        said = say(
            lang, "ticket.warning", number=ticket.number, severity=ticket.severity, percent=one.at, what=what,
            subject=ticket.subject,
        )  # fmt: skip
        owner = sla.owners[one.clock.owner].name
        more = (Text(say(lang, "ticket.warning.partner", name=owner), "muted"),) if owner else ()
        take = Button(say(lang, "button.open_ticket"), "desk.claim", ticket.number, "primary")
        buttons = () if ticket.assignee == person.key else (Buttons((take,)),)
        card = Card("", (Text(said, "strong"), *more, *buttons), "warning", lang=lang)
        return bool(work.say(person.key, place, card, f"warn:{ticket.number}:{one.key}:{person.key}", priority=1))

    def _people(self, work: Work, ticket: Ticket, one: Threshold) -> list[Person]:
        """Who the step names, without repeats. Nobody is left out for lack of a holder: then it is who is on call."""
        duty, rota = self._parts.oncall.on_duty(work.at), self._parts.oncall.rota
        named = {
            "holder": [self._holder(ticket) or next(iter(duty), "")],
            "on_call": duty[:1],
            "second": duty[1:2],
            "manager": [rota.manager()] if rota else [],
        }
        keepers = self._parts.organisation().file.keepers
        ids = [who for name in one.to for who in named.get(name, keepers.get(name, [name])) if who]
        found = [self._parts.identities.find(who) for who in dict.fromkeys(ids)]
        return [self._parts.identities.meet(work.tx, person, work.at) for person in found if person]

    def _holder(self, ticket: Ticket) -> str:
        person = self._parts.identities.who(ticket.assignee) if ticket.assignee else None
        return person.id if person else ""
