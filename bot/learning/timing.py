"""When a person may get the next message: the planner's rules, in the order of the behaviour guide.

A rule names the earliest instant it allows; the first one that objects moves the time, and all are asked again. The
codes of those that moved it are kept on the decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from math import ceil

from bot.learning.record import Kind, Record
from bot.learning.workdays import ONE_DAY, Diary, Hours

WEEK, FOUR_WEEKS = timedelta(days=7), timedelta(days=28)
QUIET_END = 1800.0  # no time is planned in the last seconds of the hours, so that a slow queue still fits in
Rule = Callable[[float, date], float]


@dataclass(frozen=True)
class Policy:
    """The organisation's rules. Counts are per local calendar days, in any window of 7 or 28 of them."""

    seed: str = "secdesk"
    hours: Hours = field(default_factory=Hours)
    per_week: int = 1
    per_four_weeks: int = 4
    high_risk_per_week: int = 2  # or the six would not fit in
    high_risk_per_four_weeks: int = 6
    gap_workdays: int = 3
    triggered_per_week: int = 2
    back_off: tuple[tuple[int, int], ...] = ((6, 30), (3, 14))  # (unanswered in a row, days between messages)
    new_per_year: int = 12
    high_risk_new_per_year: int = 16
    group_new_per_year: int = 2  # besides those, for who is in a group
    starter: int = 4  # lessons that a new person meets before the first review
    new_every_days: int = 40  # after that, one new lesson goes before the reviews: twelve fit into a year
    again_days: int = 28  # an unanswered lesson comes back after this
    horizon_days: int = 120
    blackout: frozenset[date] = frozenset()  # change freeze, all-hands
    switched_off: bool = False
    test: bool = False  # decide and keep the decisions, send nothing
    paused: frozenset[str] = frozenset()  # lesson ids
    at_once: bool = False  # an operator sends now: office hours and spreading don't hold, everything else does

    def hash(self) -> str:
        """The same for the same rules in every process."""
        return blake2b(json.dumps(asdict(self), default=_plain).encode(), digest_size=8).hexdigest()

    def caps(self, high_risk: bool) -> tuple[int, int]:
        """Messages in 7 and in 28 days."""
        if high_risk:
            return self.high_risk_per_week, self.high_risk_per_four_weeks
        return self.per_week, self.per_four_weeks


@dataclass(frozen=True)
class Slot:
    """A time, None if there is none within the horizon, and the codes of the rules that moved it there."""

    at: float | None
    rules: tuple[str, ...] = ()


@dataclass
class Timing:
    """The rules of one person."""

    key: str
    high_risk: bool
    diary: Diary
    record: Record
    policy: Policy
    _floors: dict[Kind, list[tuple[str, date]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._dates = [self.diary.day(message.at) for message in self.record.sent]
        self._hash = int.from_bytes(blake2b(f"{self.policy.seed}/{self.key}".encode(), digest_size=8).digest(), "big")

    def earliest(self, kind: Kind, start: float) -> Slot:
        """The first instant from `start` on that every rule for this kind of message allows."""
        at, moved, limit = start, dict[str, None](), start + self.policy.horizon_days * 86_400
        rules = tuple(self._rules(kind))
        while at <= limit:
            day = self.diary.day(at)
            code, later = next(((code, new) for code, rule in rules if (new := rule(at, day)) > at), ("", at))
            if not code:
                return Slot(at, tuple(moved))
            moved[code] = None
            at = later
        return Slot(None, tuple(moved))

    def _rules(self, kind: Kind) -> Iterator[tuple[str, Rule]]:
        yield "incident", lambda _at, _day: self.record.hold_until
        yield "leave", self._leave
        if not self.policy.at_once:
            yield "day_off", self._day_off
            yield "holiday", self._holiday
            yield "quiet_hours", self._quiet
        for code, first in self.floors(kind):
            yield code, self._not_before(first)
        if kind == "scheduled" and not self.policy.at_once:
            yield "spread", self._spread
        yield "blackout", lambda at, day: self._next(day) if day in self.policy.blackout else at

    def _not_before(self, first: date) -> Rule:
        return lambda at, day: at if day >= first else self.diary.at(first)

    def floors(self, kind: Kind) -> list[tuple[str, date]]:
        """The first day that each cap allows, by code. They depend on what was sent only."""
        if kind not in self._floors:
            self._floors[kind] = list(self._caps(kind))
        return self._floors[kind]

    def _caps(self, kind: Kind) -> Iterator[tuple[str, date]]:
        dates = self._dates
        if not dates:
            return
        yield "one_a_day", dates[-1] + ONE_DAY
        if kind == "triggered":
            yield from self._cap("triggered_cap", self._of("triggered"), self.policy.triggered_per_week, WEEK)
        if kind != "scheduled":
            return
        week, four_weeks = self.policy.caps(self.high_risk)
        if slots := self._of("scheduled", "requested"):
            yield "gap", self.diary.after_workdays(slots[-1], self.policy.gap_workdays, self.policy.hours.days)
        yield from self._cap("week_cap", dates, week, WEEK)  # a triggered message takes the week's place
        yield from self._cap("four_weeks_cap", self._of("scheduled"), four_weeks, FOUR_WEEKS)
        if self.record.rate < 1:
            yield "less_often", dates[-1] + timedelta(days=ceil(28 / (four_weeks * self.record.rate)))
        if days := next((days for least, days in self.policy.back_off if self.record.unanswered >= least), 0):
            yield "back_off", dates[-1] + timedelta(days=days)

    @staticmethod
    def _cap(code: str, dates: list[date], most: int, window: timedelta) -> Iterator[tuple[str, date]]:
        if len(dates) >= most:
            yield code, dates[-most] + window

    def _of(self, *kinds: Kind) -> list[date]:
        return [day for day, message in zip(self._dates, self.record.sent, strict=True) if message.kind in kinds]

    def _next(self, day: date) -> float:
        return self.diary.at(day + ONE_DAY)

    def _leave(self, at: float, day: date) -> float:
        last = self.diary.on_leave(day)
        return at if last is None else self._next(last)

    def _day_off(self, at: float, day: date) -> float:
        return at if day.weekday() in self.diary.hours.days else self._next(day)

    def _holiday(self, at: float, day: date) -> float:
        return self._next(day) if self.diary.holiday(day) else at

    def _quiet(self, at: float, day: date) -> float:
        start, end = self.diary.window(day)
        before = self.diary.window(day - ONE_DAY)  # a night shift that began yesterday
        if before[0] <= at < before[1] or start <= at < end:
            return at
        return start if at < start else self._next(day)

    def _spread(self, at: float, day: date) -> float:
        """A personal minute every time; a personal day of the week for those who have had nothing lately."""
        if not self._dates or day - self._dates[-1] >= 2 * WEEK:
            home = self._home(day)
            if home is None or day > home:
                return self.diary.at(day + timedelta(days=7 - day.weekday()))
            if day < home:
                return self._minute(home)
        start, end = self.diary.window(day)
        return max(at, self._minute(day)) if start <= at < end else at

    def scattered(self, start: float, salt: str, days: int = 5) -> float:
        """An instant of one of the person's next working days, by hash: so a message to many does not come all at once."""
        day, free = self.diary.day(start), list[date]()
        for _ in range(self.policy.horizon_days):
            if (
                day not in self.policy.blackout
                and self.diary.works(day)
                and self.diary.window(day)[1] - QUIET_END > start
            ):
                free.append(day)
            if len(free) == days:
                break
            day += ONE_DAY
        if not free:
            return start
        lot = int.from_bytes(blake2b(f"{salt}/{self.key}".encode(), digest_size=4).digest(), "big")
        return max(start, self._minute(free[lot % len(free)]))

    def _home(self, day: date) -> date | None:
        """The person's day among those of this week on which they work."""
        monday = day - timedelta(days=day.weekday())
        week = [monday + timedelta(days=i) for i in range(7)]
        free = [day for day in week if day not in self.policy.blackout and self.diary.works(day)]
        return free[self._hash % len(free)] if free else None

    def _minute(self, day: date) -> float:
        start, end = self.diary.window(day)
        room = max(1, int((end - start - QUIET_END) // 60))
        return start + (self._hash // 1000 % room) * 60


def _plain(value: object) -> object:
    """Sets in an order that does not depend on the process, everything else as text."""
    return sorted(str(item) for item in value) if isinstance(value, frozenset) else str(value)
