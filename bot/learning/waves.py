"""One lesson to many people: planned for everybody by the planner's rules, sent bit by bit, every person accounted for.

A campaign is a row a person: when it goes and why, or why it does not. What is due is looked at again just before it goes
(an incident, a leave, a stop may have come since) and becomes a message, keyed as any nudge; so a plan that runs twice, or a
process that dies half-way, sends once. Whatever has not gone can be cancelled at any moment.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from bot.errors import ConfigError, NotFound
from bot.learning.nudges import Nudges, Run, nudge_id
from bot.learning.planner import Decision, Planner
from bot.learning.record import Record
from bot.model import Person, Place
from bot.organisation import pick
from bot.ports import Row, Tx
from bot.turn import EmergencyRaised, Work

AT_ONCE = 500  # people planned in one transaction
FEED = 200  # messages made in one transaction
AHEAD = 600  # messages that wait for one platform: enough for it never to run dry, few enough to be up to date
DIRECTORY = 60.0  # seconds for which people are not read again
LOOK = 5.0  # seconds between two looks whether a campaign is through
AGAIN = 3600.0  # seconds until we look again at somebody who may not have it after all
State = Literal["queued", "out", "skipped", "unreachable", "cancelled"]


@dataclass(frozen=True)
class Audience:
    """Whom it is for: people with one of the roles and of one of the entities; empty: whatever role, whatever entity."""

    roles: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()  # directory ids

    def holds(self, person: Person) -> bool:
        return (
            (not self.roles or bool(self.roles & person.roles))
            and (not self.entities or person.entity in self.entities)
            and (not self.people or person.id in self.people)
        )

    def dump(self) -> str:
        return json.dumps({name: sorted(value) for name, value in vars(self).items() if value})


@dataclass(frozen=True)
class Order:
    """What somebody wants sent. `test`: decide and keep the decisions, send nothing. `at_once`: not scattered over days,
    and whatever the hour."""

    lesson: str
    audience: Audience = field(default_factory=Audience)
    title: str = ""
    test: bool = False
    at_once: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a campaign is. `counts`: queued, sent, answered, skipped, unreachable, failed, cancelled; they add up to
    `total`. `reasons`: why somebody was left out, with how many. `first` and `last`: UTC epoch seconds of the plan."""

    id: str
    title: str
    lesson: str
    state: str
    test: bool
    at: float
    total: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]
    first: float
    last: float

    @property
    def done(self) -> int:
        return self.total - self.counts.get("queued", 0)


class WaveStore(Protocol):
    """SQL of campaigns."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def add_people(self, tx: Tx, wave: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Who is in already stays as they are."""
        ...

    def set_state(self, tx: Tx, wave: str, states: Sequence[str], state: str, at: float) -> bool:
        """Change its state if it is one of `states`."""
        ...

    def wave(self, wave: str) -> Row | None: ...

    def waves(self, limit: int) -> list[Row]: ...

    def due(self, at: float, limit: int) -> list[Row]:
        """People (wave, person, lesson, title, at_once) of running campaigns whose time has come: of each channel as many as
        it has fewer than `limit` tips that wait for it."""
        ...

    def settle(self, tx: Tx, wave: str, person: str, row: Mapping[str, object]) -> None:
        """What became of a queued person."""
        ...

    def cancel(self, tx: Tx, wave: str) -> int:
        """Whoever has not got it yet does not get it any more; how many."""
        ...

    def hold_back(self, tx: Tx, wave: str, held: bool) -> None:
        """Keep messages that wait for the platform from going, or let them go."""
        ...

    def put_off(self, tx: Tx, person: str, until: float) -> None:
        """Tips to this person that have not gone wait until then."""
        ...

    def running(self) -> bool:
        """Whether there is a campaign that is not through."""
        ...

    def finish(self, tx: Tx, at: float) -> None:
        """Campaigns of which nothing is queued any more are done."""
        ...

    def counts(self, wave: str) -> list[Row]:
        """Rows (state, reason, n, first, last); `state` also tells sent, answered and failed."""
        ...

    def people(self, wave: str) -> list[Row]:
        """Everybody (person, state, reason, planned_at)."""
        ...


class Waves:
    """Campaigns. `names` gives a person of the directory by pseudonym."""

    def __init__(self, nudges: Nudges, store: WaveStore) -> None:
        self._nudges, self._store = nudges, store
        self.ahead = AHEAD
        self._staff: dict[str, Person] = {}
        self._read_at = self._finished_at = float("-inf")

    # what operators do

    def preview(self, order: Order, now: float) -> list[Decision]:
        """What would be decided for everybody it is for; nothing is kept."""
        order = self._complete(order)
        staff = [person for person in self._nudges.staff() if order.audience.holds(person)]
        return [
            decision
            for start in range(0, len(staff), AT_ONCE)
            for decision, _ in self._decide(order, "preview", staff[start : start + AT_ONCE], now)
        ]

    def start(
        self,
        run: Run,
        actor: str,
        order: Order,
        now: float,
        progress: Callable[[int, int], None] = lambda _n, _of: None,
    ) -> str:
        """Plan it for everybody; the campaign's id. Raises `NotFound`, `ConfigError`. It begins when all are planned: one that
        dies before is `planning` for ever and sends nothing."""
        order = self._complete(order)
        wave = "w" + uuid.uuid4().hex[:12]
        staff = [person for person in self._nudges.staff() if order.audience.holds(person)]
        row = {
            "id": wave, "kind": "lesson", "lesson": order.lesson, "title": order.title, "audience": order.audience.dump(),
            "test": int(order.test), "at_once": int(order.at_once), "actor": actor, "at": now,
        }  # fmt: skip
        run(lambda work: self._store.add(work.tx, row))
        for start in range(0, len(staff), AT_ONCE):
            some = staff[start : start + AT_ONCE]
            rows = [self._row(*found) for found in self._decide(order, wave, some, now)]
            run(lambda work, rows=rows: self._store.add_people(work.tx, wave, rows))  # type: ignore[misc]
            progress(start + len(some), len(staff))
        run(lambda work: self._begin(work, wave, actor, order, len(staff)))
        return wave

    def _begin(self, work: Work, wave: str, actor: str, order: Order, people: int) -> None:
        self._store.set_state(work.tx, wave, ("planning",), "done" if order.test else "running", work.at)
        work.audit(actor, "learning.campaign", wave, lesson=order.lesson, people=str(people), test=str(int(order.test)))

    def pause(self, work: Work, actor: str, wave: str) -> bool:
        """Nothing more of it goes until it is resumed. False if it was not running."""
        done = self._store.set_state(work.tx, wave, ("running",), "paused", 0.0)
        if done:
            self._store.hold_back(work.tx, wave, True)
            work.audit(actor, "learning.campaign_pause", wave)
        return done

    def resume(self, work: Work, actor: str, wave: str) -> bool:
        done = self._store.set_state(work.tx, wave, ("paused",), "running", 0.0)
        if done:
            self._store.hold_back(work.tx, wave, False)
            work.audit(actor, "learning.campaign_resume", wave)
        return done

    def cancel(self, work: Work, actor: str, wave: str) -> int:
        """Whoever has not got it yet never will; how many."""
        if not self._store.set_state(work.tx, wave, ("planning", "running", "paused"), "cancelled", work.at):
            return 0
        work.audit(actor, "learning.campaign_cancel", wave)
        return self._store.cancel(work.tx, wave)

    def progress(self, wave: str) -> Progress:
        """How far it is. Raises `NotFound`."""
        row = self._store.wave(wave)
        if row is None:
            raise NotFound(f"there is no campaign {wave}; see secdesk nudge campaigns")
        return self._progress(row)

    def all(self, limit: int = 20) -> list[Progress]:
        """The newest campaigns."""
        return [self._progress(row) for row in self._store.waves(limit)]

    def people(self, wave: str) -> list[Row]:
        """What became of everybody in it."""
        return self._store.people(wave)

    # what happens by itself

    def feed(self, run: Run, now: float) -> int:
        """Make messages of what is due, as many as the platforms can take soon; how many people were seen to."""
        policy = self._nudges.policy()
        if policy.switched_off or policy.test:
            return 0
        rows = self._store.due(now, self.ahead)
        if rows:
            staff = self._directory(now)
            records = self._nudges.records([row["person"] for row in rows], now)
            planners = {
                how: self._nudges.planner(at_once=how) for how in sorted({bool(row["at_once"]) for row in rows})
            }
            ready = [(row, *self._again(row, planners[bool(row["at_once"])], staff, records, now)) for row in rows]
            for start in range(0, len(ready), FEED):
                run(lambda work, part=ready[start : start + FEED]: self._out(work, part))  # type: ignore[misc]
        elif not 0 <= now - self._finished_at < LOOK and self._store.running():
            self._finished_at = now
            run(lambda work: self._store.finish(work.tx, now))
        return len(rows)

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        """Tips that are about to go to somebody in trouble wait with all others."""
        if event.person:
            self._store.put_off(work.tx, event.person, work.at + self._nudges.hold)

    # inside

    def _complete(self, order: Order) -> Order:
        """The order with a title, since people read it: the lesson's own, if it has none."""
        lesson = self._nudges.lessons().lessons.get(order.lesson)
        if lesson is None:
            raise NotFound(f"there is no lesson {order.lesson}; see the lessons folder")
        if lesson.status != "published":
            raise ConfigError(f"{order.lesson} is not published")
        return replace(order, title=order.title or pick(lesson.title, self._nudges.organisation().file.language))

    def _directory(self, now: float) -> Mapping[str, Person]:
        if not 0 <= now - self._read_at < DIRECTORY:
            self._staff, self._read_at = {person.key: person for person in self._nudges.staff() if person.key}, now
        return self._staff

    def _decide(
        self, order: Order, wave: str, staff: Sequence[Person], now: float
    ) -> Iterator[tuple[Decision, Place | None]]:
        planner = self._nudges.planner(at_once=order.at_once)
        records = self._nudges.records([person.key for person in staff if person.key], now)
        for person in staff:
            learner = self._nudges.learner(person)
            facts = (("campaign", order.title),)
            decision = planner.place(
                learner, records.get(person.key, Record()), order.lesson, now, salt=wave, facts=facts
            )
            place = self._nudges.place(person.key) if decision.when is not None else None
            yield (
                (decision if decision.when is None or place else replace(decision, when=None, reason="no_chat")),
                place,
            )

    def _row(self, decision: Decision, place: Place | None) -> dict[str, object]:
        state = "queued" if decision.when is not None else _LEFT_OUT.get(decision.reason, "skipped")
        reason = decision.reason if state != "queued" else "campaign"
        return {
            "person": decision.person or f"-{uuid.uuid4().hex}", "state": state, "planned_at": decision.when or 0.0,
            "reason": reason, "rules": ",".join(decision.rules), "channel": place.channel if place else "",
        }  # fmt: skip

    def _again(
        self, row: Row, planner: Planner, staff: Mapping[str, Person], records: Mapping[str, Record], now: float
    ) -> tuple[Decision, Person | None, Place | None]:
        """The decision at the moment of sending."""
        person = staff.get(row["person"])
        if person is None:
            return Decision(row["person"], row["lesson"], reason="left"), None, None
        facts = (("campaign", str(row["title"])),)
        record = records.get(person.key, Record())
        decision = planner.place(self._nudges.learner(person), record, row["lesson"], now, facts=facts)
        return decision, person, self._nudges.place(person.key)

    def _out(self, work: Work, ready: Sequence[tuple[Row, Decision, Person | None, Place | None]]) -> None:
        for row, decision, person, place in ready:
            went = {**self._went(work, decision, person, place), "channel": place.channel if place else ""}
            self._store.settle(work.tx, row["wave"], row["person"], went)

    def _went(self, work: Work, decision: Decision, person: Person | None, place: Place | None) -> dict[str, object]:
        left_out = _LEFT_OUT.get(decision.reason, "skipped")
        if decision.when is None or person is None:
            return _settled(left_out, decision.reason)
        if place is None:
            return _settled("unreachable", "no_chat")
        rules = ",".join(decision.rules)
        if decision.when > work.at:
            return _settled("queued", "campaign", planned_at=decision.when, rules=rules)
        delivery = self._nudges.queue(work, decision, person, place)
        if not delivery:  # had another one in this very moment
            return _settled("queued", "campaign", planned_at=work.at + AGAIN, rules=rules)
        return _settled("out", "campaign", planned_at=work.at, nudge=nudge_id(decision), delivery=delivery)

    def _progress(self, row: Row) -> Progress:
        counts, reasons = Counter[str](), Counter[str]()
        first, last, total = 0.0, 0.0, 0
        for part in self._store.counts(row["id"]):
            count = int(part["n"])
            counts[part["state"]] += count
            total += count
            if part["state"] in ("skipped", "unreachable", "failed"):
                reasons[part["reason"] or "unknown"] += count
            if part["first"]:
                first, last = min(first or part["first"], part["first"]), max(last, part["last"])
        return Progress(
            row["id"], row["title"], row["lesson"], row["state"], bool(row["test"]), float(row["at"]), total,
            dict(counts), dict(reasons), first, last,
        )  # fmt: skip


# reasons for which somebody cannot be reached, rather than is left out
_LEFT_OUT: Mapping[str, str] = {
    "guest": "skipped",
    "not_met": "unreachable",
    "no_chat": "unreachable",
    "left": "unreachable",
}


def _settled(
    state: str, reason: str, *, planned_at: float = 0.0, rules: str = "", nudge: str = "", delivery: str = ""
) -> dict[str, object]:
    return {
        "state": state, "reason": reason, "planned_at": planned_at, "rules": rules, "nudge": nudge, "delivery": delivery,
    }  # fmt: skip
