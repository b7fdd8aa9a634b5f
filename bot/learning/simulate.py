"""A year of tips to people who don't exist: the real planner and memory, invented lives, every message judged afterwards.

Each person lives alone, by a random stream of their own that the seed and their number give: the same seed, the same
content and the same first day give the same figures, in whatever order and in however many processes they are worked out.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from heapq import heappop, heappush
from multiprocessing import get_context
from statistics import mean, median
from zoneinfo import ZoneInfo

from bot.learning.memory import DAY, Fsrs, review
from bot.learning.planner import Decision, Planner
from bot.learning.record import Enrolment, Learner, Record, Sent
from bot.learning.referee import RULES, House, Went, judge
from bot.learning.shapes import TRACKS, Library
from bot.learning.timing import Policy
from bot.learning.triggers import COOL_DOWN, HOLD
from bot.learning.workdays import Holidays, Hours, PublicHolidays, zone

TICK = 600.0  # seconds between two looks of the real planner
LATEST = 366.0 * DAY  # as far back as the real planner reads messages
SHARE = 250  # people worked out at a time
HERDED = 0.4  # of first messages on one weekday: more is no spread
ZONES = (
    ("Europe/Berlin", "DE", "de"), ("Europe/Berlin", "DE-BY", "de"), ("Europe/London", "GB", "en"),
    ("Europe/Paris", "FR", "fr"), ("Europe/Madrid", "ES", "es"), ("America/New_York", "US", "en"),
    ("America/Sao_Paulo", "BR", "en"), ("Asia/Kolkata", "IN", "en"), ("Asia/Tokyo", "JP", "en"),
    ("Australia/Sydney", "AU", "en"),
)  # fmt: skip
WEIGHTS = (22, 8, 20, 12, 10, 12, 4, 6, 3, 3)


@dataclass(frozen=True)
class Setup:
    """What is simulated. `start` is the first day; `values` the organisation's set values."""

    people: int
    weeks: int
    seed: int
    start: date
    library: Library
    values: frozenset[str]
    policy: Policy = field(default_factory=Policy)
    holidays: Holidays = field(default_factory=PublicHolidays)
    timezone: str = "Europe/London"
    language: str = "en"

    @property
    def zone(self) -> ZoneInfo:
        return zone(self.timezone) or ZoneInfo("UTC")

    @property
    def first(self) -> float:
        """UTC epoch seconds of the first midnight."""
        return datetime.combine(self.start, time(), self.zone).timestamp()

    @property
    def last(self) -> float:
        return datetime.combine(self.start + timedelta(weeks=self.weeks), time(), self.zone).timestamp()

    def house(self) -> House:
        """A day without tips for everybody, two days with the kill switch on, a week in which one lesson is held back."""
        quarter = self.first + self.weeks * 7 * DAY / 4
        blackout = self.start + timedelta(days=self.weeks * 7 // 2)
        policy = replace(self.policy, seed=f"{self.policy.seed}/{self.seed}", blackout=frozenset({blackout}))
        first = next((item.id for item in self.library.published() if item.curriculum == "core"), "")
        return House(
            policy, self.holidays, self.zone, ((quarter, quarter + 2 * DAY),),
            ((first, self.first + 7 * DAY, self.first + 14 * DAY),),
        )  # fmt: skip


@dataclass
class Life:
    """What became of one person. `weeks` counts messages by week since the first day."""

    track: str
    high_risk: bool
    present: float  # weeks here
    whole: bool  # here all the time, never stopped, language and time zone served
    weeks: dict[int, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)  # days between a memory's due date and the review's message
    slow: list[float] = field(default_factory=list)  # days between an event and the lesson that it brought
    seen: int = 0
    course: int = 0
    weekday: int | None = None  # of the first message
    reviews: int = 0
    rights: int = 0


def simulate(setup: Setup, *, processes: int = 1, progress: Callable[[int], None] = lambda _done: None) -> list[Life]:
    """Everybody's life, in order. `progress` hears how many are done."""
    shares = [range(start, min(start + SHARE, setup.people)) for start in range(0, setup.people, SHARE)]
    lives: list[Life] = []
    if processes <= 1:
        ready(setup)
        for share in shares:
            lives += live(share)
            progress(len(lives))
        return lives
    # spawned, not forked: this process has threads
    with ProcessPoolExecutor(processes, get_context("spawn"), ready, (setup,)) as pool:
        for part in pool.map(live, shares):
            lives += part
            progress(len(lives))
    return lives


_READY: list[_World] = []


def ready(setup: Setup) -> None:
    """Prepare this process."""
    _READY[:] = [_World(setup)]


def live(share: range) -> list[Life]:
    """The lives of these people, by number."""
    return [_Life(_READY[0], number).run() for number in share]


class _World:
    """What all people share: planners for when all is on, all is off, and one lesson is held back."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.house, self.scheduler = setup, setup.house(), Fsrs()
        policy = self.house.policy
        self.on = self._planner(policy)
        self.off = self._planner(replace(policy, switched_off=True))
        self.paused = self._planner(replace(policy, paused=frozenset(name for name, _, _ in self.house.paused)))
        spans = [*self.house.off, *((start, end) for _, start, end in self.house.paused)]
        self.turns = sorted(moment for span in spans for moment in span)  # when a switch is turned
        lessons = setup.library.published()
        self.asked = {
            name: [item.id for item in lessons if any(t.topic == name for t in item.triggers)]
            for name in sorted({t.topic for item in lessons for t in item.triggers if t.topic})
        }
        self.reported = [item.id for item in lessons if any(t.event == "verdict" for t in item.triggers)]

    def _planner(self, policy: Policy) -> Planner:
        setup = self.setup
        return Planner(setup.library, policy, setup.holidays, timezone=setup.timezone, language=setup.language)

    def planner(self, at: float) -> Planner:
        if any(start <= at < end for start, end in self.house.off):
            return self.off
        return self.paused if any(start <= at < end for _, start, end in self.house.paused) else self.on


class _Life:
    """One person, from event to event. Between two events nothing changes, so neither does the planner's decision."""

    def __init__(self, world: _World, number: int) -> None:
        self.world, self.setup = world, world.setup
        self.chance = random.Random(f"{self.setup.seed}/{number}")  # noqa: S311 (a simulation)
        self.starts, self.ends = self._span()
        self.learner = self._born(number)
        self.willing = self.chance.choices((0.02, 0.4, 0.75, 0.95), (8, 17, 50, 25))[0]
        self.skill = self.chance.uniform(0.6, 0.9)
        self.sent, self.log, self.events = list[Sent](), list[Went](), list[tuple[float, int, str, str]]()
        self.record = Record()
        self.asked: dict[str, list[float]] = {}
        self.enrolled: dict[str, float] = {}
        self.wanted_at: dict[str, float] = {}  # enrolment → from when on it was wanted
        self.count, self.look_at = 0, math.inf
        weeks = max(0.0, self.ends - self.starts) / (7 * DAY)
        self.life = Life(self.learner.track, self.learner.high_risk, weeks, self._whole())

    def run(self) -> Life:
        """Everything that happens to them, in its order; after each thing the planner looks again, at its next turn."""
        self._plan_life()
        while self.events and self.events[0][0] < self.ends:
            at, _, what, detail = heappop(self.events)
            if what != "look":
                self._happen(at, what, detail)
                self._look_again(_tick(at))
            elif at == self.look_at:
                self.look_at = math.inf
                self._look(at)
        return self._told()

    def _look(self, now: float) -> None:
        recent = tuple(item for item in self.sent if item.at >= now - LATEST)
        record = replace(self.record, sent=recent)
        decision = self.world.planner(now).decide(self.learner, record, now)
        if decision.when is None:
            self.life.waiting[decision.reason] += 1
        elif decision.when <= now:
            self._send(decision, now)
            self._look_again(now + TICK)
        else:
            self.life.rules.update(decision.rules)
            self._look_again(_tick(decision.when))

    def _look_again(self, at: float) -> None:
        if at < self.look_at:
            self.look_at = at
            self._push(at, "look")

    def _push(self, at: float, what: str, detail: str = "") -> None:
        self.count += 1
        heappush(self.events, (at, self.count, what, detail))

    # what the planner sends

    def _send(self, decision: Decision, now: float) -> None:
        lesson = self.world.on.lessons[decision.lesson]
        facts, place = dict(decision.facts), len(self.sent)
        went = Went(
            now, decision.kind, lesson, decision.language, self.learner, decision.reason, self.record.rate,
            self.record.stopped, self.record.hold_until,
        )  # fmt: skip
        if decision.kind == "requested":
            went.wanted = next((item.until for item in reversed(self.sent) if item.lesson == lesson.id), None)
        if decision.reason == "review":
            went.due = self.record.memories[lesson.id].due
            self.life.late.append((now - went.due) / DAY)
        if enrolment := facts.get("enrolment"):
            self.life.slow.append((now - self.wanted_at[enrolment]) / DAY)
            left = tuple(item for item in self.record.enrolments if item.topic != facts.get("topic"))
            self.record = replace(self.record, enrolments=left)
        self.log.append(went)
        self.sent.append(Sent(lesson.id, decision.kind, now))
        self.life.kinds[decision.kind] += 1
        self._react(now, place)

    def _react(self, now: float, place: int) -> None:
        """What they do about it, and when. Some do nothing, some much later."""
        if self.chance.random() >= self.willing:
            return
        hours = self.chance.choices((3.0, 30.0, 200.0), (65, 25, 10))[0]
        at = now + self.chance.expovariate(1 / (hours * 3600))
        does = self.chance.choices(("answer", "later", "less", "stop", "why"), (900, 70, 12, 4, 14))[0]
        self._push(at, does, str(place))
        if does in ("later", "why"):
            self._push(at + self.chance.expovariate(1 / DAY) + 14 * DAY, "answer", str(place))
        if does == "stop" and self.chance.random() < 0.4:
            self._push(at + self.chance.uniform(20, 90) * DAY, "resume", str(place))

    # what they and others do

    def _happen(self, at: float, what: str, detail: str) -> None:
        match what:
            case "answer" | "later" | "less" | "stop" | "why" | "resume":
                self._pressed(at, what, int(detail))
            case "incident":
                self.record = replace(self.record, hold_until=max(self.record.hold_until, at + HOLD))
            case "ask":
                since = [moment for moment in self.asked.get(detail, []) if moment > at - COOL_DOWN]
                self.asked[detail] = [*since, at]
                if since and at - self.enrolled.get("topic", -math.inf) >= COOL_DOWN:
                    self._enrol(at, "topic", detail, self.world.asked[detail])
            case "report":
                if self.world.reported and at - self.enrolled.get("verdict", -math.inf) >= COOL_DOWN:
                    self._enrol(at, "verdict", f"mail-{at:.0f}", self.world.reported)
            case "role":
                self.learner = replace(self.learner, track=detail, roles=frozenset({detail}))

    def _enrol(self, at: float, reason: str, topic: str, lessons: list[str]) -> None:
        self.enrolled[reason] = at
        made = [Enrolment(f"{reason}/{topic}/{name}/{at}", name, topic, reason, at) for name in lessons]
        self.wanted_at.update((item.id, at) for item in made)
        self.record = replace(self.record, enrolments=(*self.record.enrolments, *made))

    def _pressed(self, at: float, what: str, place: int) -> None:
        message, record = self.sent[place], self.record
        if self.log[place].reacted_at is None:
            self.log[place].reacted_at = at
        self.sent[place] = replace(message, reacted=True)
        if what == "answer" and message.state in ("sent", "later"):
            self._answered(at, place)
        elif what == "later" and message.state in ("sent", "later"):
            days = self.chance.choice((1, 7, 16))
            where = zone(self.learner.timezone) or self.setup.zone
            until = datetime.fromtimestamp(at, where).date() + timedelta(days=days)
            self.sent[place] = replace(self.sent[place], state="later", until=until)
        elif what == "less":
            self.record = replace(record, rate=record.rate / 2)
        elif what in ("stop", "resume"):
            rate = 1.0 if what == "resume" else record.rate
            self.record = replace(record, stopped=what == "stop", rate=rate)
            self.life.whole = False

    def _answered(self, at: float, place: int) -> None:
        lesson, right = self.sent[place].lesson, self.chance.random() < self.skill
        old = self.record.memories.get(lesson)
        new = review(
            self.world.scheduler, self.learner.key, lesson, self.log[place].lesson.version, old, right=right, at=at
        )
        self.record = replace(self.record, memories={**self.record.memories, lesson: new})
        self.life.reviews += 1
        self.life.rights += right
        for other, message in enumerate(self.sent):
            if message.lesson == lesson and message.state in ("sent", "later"):
                self.sent[other] = replace(message, state="answered" if other == place else "closed")

    # who they are

    def _span(self) -> tuple[float, float]:
        """When they are here: some join later, some leave before the end."""
        first, last = self.setup.first, self.setup.last
        kind = self.chance.choices(("stays", "joins", "leaves"), (87, 8, 5))[0]
        moment = self.chance.uniform(first, last)
        return (moment if kind == "joins" else first), (moment if kind == "leaves" else last)

    def _born(self, number: int) -> Learner:
        chance = self.chance
        track = chance.choices(TRACKS, (3, 9, 6, 82))[0]  # in the order of TRACKS
        where, region, language = chance.choices(ZONES, WEIGHTS)[0]
        language = chance.choices((language, "en", "de-CH", "it"), (90, 7, 2, 1))[0]
        return Learner(
            f"s_{number}",
            track,
            frozenset({track}),
            high_risk=chance.random() < (0.5 if track == "executive" else 0.03),
            language=language,
            timezone=chance.choices((where, "Nowhere/Land"), (99, 1))[0],
            region=region,
            known=chance.random() >= 0.01,
            values=self.setup.values,
            hours=chance.choices((None, Hours(days=frozenset({0, 1, 3})), Hours(time(22), time(6))), (88, 9, 3))[0],
            leave=tuple(self._leaves()),
        )

    def _leaves(self) -> Iterator[tuple[date, date]]:
        """Two or three leaves in a year, and for some a long one."""
        days = self.setup.weeks * 7
        for _ in range(self.chance.choice((2, 3))):
            first = self.setup.start + timedelta(days=self.chance.randrange(max(1, days)))
            yield first, first + timedelta(days=self.chance.choice((4, 11, 18)))
        if self.chance.random() < 0.03:
            first = self.setup.start + timedelta(days=self.chance.randrange(max(1, days)))
            yield first, first + timedelta(days=120)

    def _whole(self) -> bool:
        served = self.learner.known and self.learner.language != "it"
        return served and (self.starts, self.ends) == (self.setup.first, self.setup.last)

    def _plan_life(self) -> None:
        """What will happen to them whatever the planner does."""
        self._look_again(_tick(self.starts))
        for moment in self.world.turns:
            if moment >= self.starts:
                self._push(moment, "switch")
        years = self.setup.weeks / 52
        for what, often in (("incident", 0.15), ("report", 1.2), ("ask", 0.8), ("role", 0.03)):
            for _ in range(_poisson(self.chance, often * years)):
                at = self.chance.uniform(self.starts, max(self.starts, self.ends))
                if what == "ask" and self.world.asked:
                    topic = self.chance.choice(list(self.world.asked))
                    self._push(at, what, topic)
                    self._push(at + self.chance.uniform(0, 20) * DAY, what, topic)
                elif what != "ask":
                    self._push(at, what, self.chance.choice(TRACKS) if what == "role" else "")

    def _told(self) -> Life:
        life = self.life
        life.broken = judge(self.log, self.world.house, gone_at=self.ends)
        for went in self.log:
            week = int((went.at - self.setup.first) // (7 * DAY))
            life.weeks[week] = life.weeks.get(week, 0) + 1
        if self.log:
            where = zone(self.learner.timezone) or self.setup.zone
            life.weekday = datetime.fromtimestamp(self.log[0].at, where).weekday()
        course = {lesson.id for lesson in self.world.on.course(self.learner)}
        life.course, life.seen = len(course), len(course & {item.lesson for item in self.sent})
        return life


def _tick(at: float) -> float:
    """The planner's next turn."""
    return math.ceil(at / TICK) * TICK


def _poisson(chance: random.Random, often: float) -> int:
    """How often something happens that happens so often on average (Knuth)."""
    limit, product, count = math.exp(-often), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


# what is told of them all


def figures(setup: Setup, lives: list[Life]) -> dict[str, object]:
    """The figures of a simulation, ready for JSON."""
    weeks = sum(life.present for life in lives)
    total = sum(life.kinds.total() for life in lives)
    broken = sum((life.broken for life in lives), Counter[str]())
    first = Counter(life.weekday for life in lives if life.weekday is not None and life.present >= setup.weeks - 1)
    share = max(first.values(), default=0) / max(1, first.total())
    violations = {code: broken[code] for code in RULES}
    violations["spread"] = int(share > HERDED and first.total() >= 100)
    return {
        "people": setup.people,
        "weeks": setup.weeks,
        "seed": setup.seed,
        "start": setup.start.isoformat(),
        "messages": {
            "total": total,
            "per_person_and_week": round(total / weeks, 4) if weeks else 0.0,
            "by_kind": dict(sorted(sum((life.kinds for life in lives), Counter[str]()).items())),
            "weeks_with": _weeks_with(setup, lives),
            "by_role": _by_role(lives),
        },
        "lateness_days": {
            "review": _spread([days for life in lives for days in life.late]),
            "triggered": _spread([days for life in lives for days in life.slow]),
        },
        "violations": violations,
        "violations_total": sum(violations.values()),
        "coverage": _coverage(lives),
        "answers": {
            "total": sum(life.reviews for life in lives),
            "right": round(sum(life.rights for life in lives) / max(1, sum(life.reviews for life in lives)), 4),
        },
        "moved_by_rule": dict(sum((life.rules for life in lives), Counter[str]()).most_common()),
        "nothing_to_send": dict(sum((life.waiting for life in lives), Counter[str]()).most_common()),
        "first_message_by_weekday": {str(day): first[day] for day in sorted(first)},
    }


def _weeks_with(setup: Setup, lives: list[Life]) -> dict[str, int]:
    """How many person-weeks had 0, 1, 2 … messages."""
    found: Counter[int] = Counter(count for life in lives for count in life.weeks.values())
    present = round(sum(life.present for life in lives))
    found[0] = max(0, present - found.total())
    return {str(count): found[count] for count in sorted(found)}


def _by_role(lives: list[Life]) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for name, mine in _groups(lives).items():
        weeks, total = sum(life.present for life in mine), sum(life.kinds.total() for life in mine)
        told[name] = {"people": len(mine), "per_person_and_week": round(total / weeks, 4) if weeks else 0.0}
    return told


def _coverage(lives: list[Life]) -> dict[str, dict[str, float]]:
    """Of those who were here all the time and did not stop: how much of their course they have been sent."""
    told: dict[str, dict[str, float]] = {}
    for name, mine in _groups([life for life in lives if life.whole]).items():
        told[name] = {
            "people": len(mine),
            "lessons": max(life.course for life in mine),
            "mean": round(mean(life.seen / life.course if life.course else 1.0 for life in mine), 4),
            "all_of_it": round(mean(life.seen >= life.course for life in mine), 4),
        }
    return told


def _groups(lives: list[Life]) -> Mapping[str, list[Life]]:
    found: dict[str, list[Life]] = {}
    for life in lives:
        found.setdefault(life.track + ("+high_risk" if life.high_risk else ""), []).append(life)
    return dict(sorted(found.items()))


def _spread(days: list[float]) -> dict[str, float]:
    if not days:
        return {"count": 0}
    ordered = sorted(days)
    return {
        "count": len(days),
        "median": round(median(ordered), 2),
        "p90": round(ordered[int(len(ordered) * 0.9)], 2),
        "longest": round(ordered[-1], 2),
    }
