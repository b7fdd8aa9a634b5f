"""Duty: who has it now and next, and how it changes hands."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Button, Buttons, Card, Text
from bot.errors import NotFound, Refused
from bot.helpdesk.oncall import OnCall, PageStore
from bot.helpdesk.tickets import Tickets
from bot.model import Person, Place
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import Clock, Payload, Row, Tx
from bot.turn import Turn, Work

AHEAD = 28 * 86_400.0  # how much of the rota is shown


class DutyStore(PageStore, Protocol):
    """SQL of calls, as `adapters.stores.tickets` has it."""

    def acknowledge_page(self, tx: Tx, key: str, at: float, by: str = "", outcome: str = "acknowledged") -> bool: ...

    def pages_of(self, tx: Tx, ticket: str) -> list[Row]: ...

    def judge_pages(self, tx: Tx, ticket: str, outcome: str) -> None: ...

    def last_page(self, prefix: str) -> Row | None: ...

    def add_stint(self, tx: Tx, row: dict[str, object]) -> None: ...

    def remember(self, tx: Tx, name: str, value: str, at: float) -> str: ...


@dataclass(frozen=True)
class Parts:
    """What calls and duty are made of. `place_of` takes a pseudonym; `work` runs a change in one transaction."""

    store: DutyStore
    oncall: OnCall
    tickets: Tickets
    identities: Identities
    organisation: Callable[[], Organisation]
    place_of: Callable[[str], Place | None]
    work: Callable[[Callable[[Work], None]], None]
    clock: Clock


@dataclass(frozen=True)
class Overview:
    """Who is called, first to last; whose turn it is over the next weeks (name, from, to); until when this one lasts."""

    order: tuple[Person, ...]
    turns: tuple[tuple[str, float, float], ...]
    until: float
    candidates: tuple[Person, ...]


class Duty:
    """Reads the rota, and hands duty from one to the next."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def may(self, person: Person) -> bool:
        """People of the desk, and whoever the rota names."""
        rota, org = self._parts.oncall.rota, self._parts.organisation()
        on_rota = rota is not None and person.id in {*rota.names(), rota.partner()}
        return person.known and (on_rota or bool(person.roles & org.desk_roles()))

    def overview(self) -> Overview:
        """As things stand now. Empty where nobody is on call."""
        now, parts = self._parts.clock.now(), self._parts
        found = [parts.identities.find(who) for who in parts.oncall.on_duty(now)]
        turns = parts.oncall.turns(now, now + AHEAD)
        named = tuple((self._parts.identities.shown(one.who), one.start, one.end) for one in turns)
        people = sorted((one for one in parts.identities.people() if self.may(one)), key=lambda one: one.name)
        return Overview(tuple(filter(None, found)), named, turns[0].end if turns else now, tuple(people))

    # changing hands

    def shift(self, _payload: Payload) -> None:
        """Job `oncall.shift`: whoever is on duty now and was not before hears of it, and can hand it on."""
        duty = self._parts.oncall.on_duty(self._parts.clock.now())
        person = self._parts.identities.find(duty[0]) if duty else None
        if person is None:
            return

        def tell(work: Work) -> None:
            met = self._parts.identities.meet(work.tx, person, work.at)
            before = self._parts.store.remember(work.tx, "oncall.first", met.key, work.at)
            if before in {"", met.key}:
                return
            if place := self._parts.place_of(met.key):
                second = self._parts.identities.shown(self._parts.oncall.second(work.at))
                work.say(met.key, place, self._card(met, second), f"shift:{met.key}:{work.at:.0f}", priority=1)

        self._parts.work(tell)

    def hand_shift(self, work: Work, turn: Turn, value: str) -> Card:
        """Button of whoever is on duty: to the second person, until the next hand-over."""
        to = self._parts.oncall.second(work.at) if value in {"", "second"} else value
        try:
            name = self.hand(work, turn.person, to)
        except Refused as refused:
            return Card("", (Text(str(refused)),), "done", lang=turn.lang)
        return Card("", (Text(self._words.say(turn.lang, "oncall.handed", name=name)),), "done", lang=turn.lang)

    def hand(self, work: Work, by: Person, to: str) -> str:
        """From whoever is on duty (`by`) to somebody else until the next hand-over; their name. Raises `Refused`."""
        duty, other = self._parts.oncall.on_duty(work.at), self._parts.identities.find(to) if to else None
        if other is None or not duty or by.id != duty[0] or other.id == by.id or not self.may(other):
            raise Refused(self._words.say(by.language, "oncall.no_other"))
        self._give(work, by, other)
        return other.name

    def take(self, work: Work, by: Person) -> None:
        """Somebody of the desk takes duty over until the next hand-over. Raises `Refused` for who may not."""
        if not self.may(by):
            raise Refused(self._words.say(by.language, "room.not_yours"))
        if next(iter(self._parts.oncall.on_duty(work.at)), "") != by.id:
            self._give(work, by, by)

    def _give(self, work: Work, by: Person, to: Person) -> None:
        rota = self._parts.oncall.rota
        if rota is None:
            raise NotFound("oncall.yaml")
        met = self._parts.identities.meet(work.tx, to, work.at)
        row: dict[str, object] = {"id": uuid.uuid4().hex, "who": met.key, "by": by.key, "start": work.at,
                                  "end": rota.handover_after(work.at), "at": work.at}  # fmt: skip
        self._parts.store.add_stint(work.tx, row)
        work.audit(by.key, "duty.hand_over", met.key)
        before = self._parts.store.remember(work.tx, "oncall.first", met.key, work.at)
        if by.key != met.key:
            self._hear(work, met, "oncall.by", by.name, f"shift:{row['id']}")
        elif before and before != met.key and (other := self._parts.identities.who(before)):
            self._hear(work, other, "oncall.taken_over", met.name, f"shift:{row['id']}")

    def _hear(self, work: Work, person: Person, key: str, name: str, once: str) -> None:
        place = self._parts.place_of(person.key)
        if place is None:
            return
        note = self._words.say(person.language, key, name=name)
        card = self._card(person, note) if key == "oncall.by" else Card("", (Text(note),), "desk", lang=person.language)
        work.say(person.key, place, card, once, priority=1)

    def _card(self, person: Person, note: str) -> Card:
        say, lang = self._words.say, person.language
        hand = Button(say(lang, "oncall.button.shift"), "oncall.shift", "second")
        return Card("", (Text(say(lang, "oncall.now"), "strong"), Text(note), Buttons((hand,))), "desk", lang=lang)

    @property
    def _words(self) -> Words:
        return self._parts.organisation().words
