"""Judges messages that went out by the rules, without the planner's code: what it plans must hold before somebody else too.

Used on simulated people. Everything is reckoned from the log of one person, message by message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.learning.record import Kind, Learner
from bot.learning.shapes import Lesson
from bot.learning.timing import Policy
from bot.learning.workdays import Holidays, Hours

RULES = (
    "guest", "gone", "incident", "leave", "day_off", "holiday", "quiet_hours", "one_a_day", "gap", "week_cap",
    "four_weeks_cap", "triggered_cap", "back_off", "less_often", "switched_off", "paused", "blackout", "stopped",
    "no_language", "not_theirs", "too_early", "not_due", "cool_down",
)  # fmt: skip
_WEEK, _FOUR_WEEKS = timedelta(days=7), timedelta(days=28)
Span = tuple[float, float]


@dataclass
class Went:
    """A message that went out. `reacted_at` is None until they press something; `wanted` the day they had asked for;
    `due` when the memory of a review was due (or a lesson out of turn was wanted)."""

    at: float
    kind: Kind
    lesson: Lesson
    language: str
    learner: Learner  # as they were then
    reason: str = ""
    rate: float = 1.0
    stopped: bool = False
    held_until: float = 0.0
    wanted: date | None = None
    due: float | None = None
    reacted_at: float | None = None


@dataclass(frozen=True)
class House:
    """What holds for everybody: the policy, spans in which all tips or one lesson were switched off."""

    policy: Policy
    holidays: Holidays
    zone: ZoneInfo
    off: tuple[Span, ...] = ()
    paused: tuple[tuple[str, float, float], ...] = ()


def judge(log: Sequence[Went], house: House, *, gone_at: float | None = None) -> Counter[str]:
    """How often each rule was broken in one person's log (oldest first)."""
    found: Counter[str] = Counter()
    for place, went in enumerate(log):
        found.update(_Judged(log[:place], went, house, gone_at).broken())
    return found


class _Judged:
    """One message, with all that went before it."""

    def __init__(self, before: Sequence[Went], went: Went, house: House, gone_at: float | None) -> None:
        self._before, self._went, self._house, self._gone_at = before, went, house, gone_at
        self._zone = _zone(went.learner.timezone) or house.zone
        self._local = datetime.fromtimestamp(went.at, self._zone)
        self._hours = went.learner.hours or house.policy.hours
        self._day = self._local.date()

    def broken(self) -> Iterator[str]:
        went, learner, house = self._went, self._went.learner, self._house
        checks = {
            "guest": not learner.known,
            "gone": self._gone_at is not None and went.at >= self._gone_at,
            "incident": went.at < went.held_until,
            "leave": any(first <= self._day <= last for first, last in learner.leave),
            "switched_off": any(start <= went.at < end for start, end in house.off),
            "paused": any(went.lesson.id == name and start <= went.at < end for name, start, end in house.paused),
            "blackout": self._day in house.policy.blackout,
            "stopped": went.stopped and not went.lesson.mandatory,
            "no_language": went.language not in went.lesson.languages(),
            "not_theirs": not went.lesson.fits(learner.roles | {learner.track}, learner.high_risk, learner.groups),
            "too_early": went.wanted is not None and self._day < went.wanted,
            "not_due": went.reason == "review" and went.due is not None and went.at < went.due,
        }
        yield from (name for name, wrong in checks.items() if wrong)
        yield from self._hour()
        yield from self._counts()
        if went.kind == "scheduled":
            yield from self._pace()

    def _hour(self) -> Iterator[str]:
        """Working day and hours. In a night shift the hours after midnight belong to the day before."""
        day, clock, night = self._day, self._local.time(), self._hours.end <= self._hours.start
        shift = day - timedelta(days=1) if night and clock < self._hours.end else day
        if day.weekday() not in self._hours.days:
            yield "day_off"
        if self._house.holidays(self._went.learner.region, day):
            yield "holiday"
        start, end = _window(self._hours, shift)
        inside = (clock >= start or clock < end) if night else start <= clock < end
        if not inside:
            yield "quiet_hours"

    def _counts(self) -> Iterator[str]:
        days = [(self._date(item), item) for item in self._before]
        if any(day == self._day for day, _ in days):
            yield "one_a_day"
        triggered = [day for day, item in days if item.kind == "triggered" and self._day - day < _WEEK]
        if self._went.kind == "triggered":
            if len(triggered) >= self._house.policy.triggered_per_week:
                yield "triggered_cap"
            cool = max((trigger.cooldown_days for trigger in self._went.lesson.triggers), default=30)
            same = [day for day, item in days if item.lesson.id == self._went.lesson.id]
            if same and (self._day - same[-1]).days < cool:
                yield "cool_down"

    def _pace(self) -> Iterator[str]:
        """Caps, gap and back-off of scheduled messages."""
        policy, learner = self._house.policy, self._went.learner
        week, four_weeks = policy.caps(learner.high_risk)
        days = [self._date(item) for item in self._before]
        mine = [self._date(item) for item in self._before if item.kind in ("scheduled", "requested")]
        scheduled = [self._date(item) for item in self._before if item.kind == "scheduled"]
        if mine and self._workdays(mine[-1]) < policy.gap_workdays:
            yield "gap"
        if sum(self._day - day < _WEEK for day in days) >= week:
            yield "week_cap"
        if sum(self._day - day < _FOUR_WEEKS for day in scheduled) >= four_weeks:
            yield "four_weeks_cap"
        rest = (self._day - days[-1]).days if days else 10_000
        if self._went.rate < 1 and rest < 28 / (four_weeks * self._went.rate):
            yield "less_often"
        silent = self._silent()
        if rest < next((least for count, least in policy.back_off if silent >= count), 0):
            yield "back_off"

    def _silent(self) -> int:
        """Messages in a row, up to this one, that had got no reaction when it went out."""
        count = 0
        for item in reversed(self._before):
            if item.reacted_at is not None and item.reacted_at <= self._went.at:
                break
            count += 1
        return count

    def _workdays(self, since: date) -> int:
        days = (since + timedelta(days=i) for i in range(1, (self._day - since).days + 1))
        here, region = self._house.policy.hours.days, self._went.learner.region  # part-time does not make it longer
        return sum(day.weekday() in here and not self._house.holidays(region, day) for day in days)

    def _date(self, item: Went) -> date:
        return datetime.fromtimestamp(item.at, self._zone).date()


def _window(hours: Hours, day: date) -> tuple[time, time]:
    """The guide's hours: not before 10:30 on a Monday, not after 15:00 on a Friday; a night shift has its own."""
    start, end = hours.start, hours.end
    if end > start and day.weekday() == 0:
        start = max(start, hours.monday_start)
    if end > start and day.weekday() == 4:
        end = min(end, hours.friday_end)
    return start, end


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
