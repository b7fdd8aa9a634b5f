"""A ticket's clocks, worked out from its timeline alone.

The timeline is the truth. `next_due_at` and `next_warn_at` in the store are indexes that `rebuild` makes again from it.

A clock runs for an owner from a start, in a calendar, and stands still while somebody is waited for. Ours starts when the
ticket is opened (or opened again), a partner's when we hand the ticket over. Acknowledged is what a person did: taking the
ticket, answering, picking up a call. An automatic message never is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from bot.contracts import Target
from bot.helpdesk.sla import NEVER, STILL, US, Owed, Sla
from bot.model import Severity
from bot.promises import What

KINDS = ("opened", "severity", "reopened", "resolved", "paused", "resumed", "handed", "partner", "claimed", "reply",
         "acknowledged", "assigned", "status")  # fmt: skip  # lines that move a clock
_WORDS = {"reply", "resolved", "claimed", "reopened", "paused", "status"}  # after these the person has heard from us
_ACKNOWLEDGED = {"claimed", "reply", "acknowledged", "resolved", "assigned", "paused", "handed"}


@dataclass(frozen=True)
class Mark:
    """What a clock has to know of one line of a timeline. `detail`: a severity, an owner, or who is waited for."""

    at: float
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class Course:
    """How a ticket stands after the lines read so far. `pauses`: (who is waited for, from, to or 0 while it lasts)."""

    severity: Severity = "S1"
    owner: str = US
    since: float = 0.0
    acknowledged: float = 0.0
    heard: float = 0.0  # when the person last heard from us
    resolved: float = 0.0
    handed: float = 0.0  # to the owner, if it is a partner
    taken: float = 0.0  # by the partner
    partner_heard: float = 0.0
    pauses: tuple[tuple[str, float, float], ...] = ()

    @property
    def waiting(self) -> str:
        """Who is waited for now, "" if nobody."""
        return next((who for who, _, end in self.pauses if not end), "")


@dataclass(frozen=True)
class Running:
    """One clock: whose, what for, since when, when it is missed, and what it takes."""

    owner: str
    what: What
    since: float
    due: float
    target: float  # working seconds
    calendar: str
    stops: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """What tells this round of this clock from every other."""
        return f"{self.owner}.{self.what}.{self.since:.3f}"


def follow(marks: Iterable[Mark], fallback: Severity = "S1") -> Course:
    """The course of a ticket. `fallback`: its severity where the timeline is older than the keeping of severities in it."""
    course = Course(severity=fallback)
    for mark in marks:
        course = _step(course, mark)
    return course


def _step(course: Course, mark: Mark) -> Course:
    at, kind = mark.at, mark.kind
    match kind:
        case "opened":
            severity = cast(Severity, mark.detail or course.severity)
            return replace(course, severity=severity, since=at)
        case "severity":
            return replace(course, severity=cast(Severity, mark.detail or course.severity))
        case "reopened":
            return Course(course.severity, course.owner, at, handed=at if course.owner else 0.0)
        case "resolved":
            course = _resumed(course, at, course.waiting)
            return replace(course, acknowledged=course.acknowledged or at, resolved=at, heard=at)
        case "paused":
            course = _resumed(course, at, course.waiting)
            course = replace(course, pauses=(*course.pauses, (mark.detail, at, 0.0)))
        case "resumed":
            return _resumed(course, at, course.waiting)
        case "handed":
            started = at if mark.detail else 0.0
            course = replace(course, owner=mark.detail, handed=started, taken=0.0, partner_heard=0.0)
        case "partner":  # a person of the partner has answered
            taken = course.taken or (at if course.owner else 0.0)
            return replace(course, taken=taken, partner_heard=at)
    if kind in _ACKNOWLEDGED and not course.acknowledged:
        course = replace(course, acknowledged=at)
    return replace(course, heard=at) if kind in _WORDS else course


def _resumed(course: Course, at: float, who: str) -> Course:
    if not who:
        return course
    pauses = tuple((name, begin, end or at) for name, begin, end in course.pauses)
    return replace(course, pauses=pauses)


def running(course: Course, sla: Sla) -> list[Running]:
    """Every clock that counts: also those that stand still (their `due` is `STILL` until then). None once resolved."""
    if course.resolved:
        return []
    clocks = _of(sla.owners[US], course, sla, course.since, course.acknowledged, course.heard)
    partner = sla.owners.get(course.owner) if course.owner else None
    if partner:
        clocks += _of(partner, course, sla, course.handed, course.taken, course.partner_heard)
    return clocks


def promised(course: Course, sla: Sla) -> list[Running]:
    """As `running`, and with the time to resolve while nobody has answered yet: it is promised from the start."""
    if course.resolved or not course.since:
        return []
    clocks = running(course, sla)
    for owner, since, taken in ((US, course.since, course.acknowledged), (course.owner, course.handed, course.taken)):
        if since and not taken and owner in sla.owners:
            target = sla.owners[owner].targets[course.severity]
            clocks.append(_clock(sla.owners[owner], course, sla, target, "resolve", since, target.resolve))
    return clocks


def follow_on(course: Course, mark: Mark) -> Course:
    """The course after one more line."""
    return _step(course, mark)


def _of(owed: Owed, course: Course, sla: Sla, since: float, taken: float, heard: float) -> list[Running]:
    target = owed.targets[course.severity]
    if not taken:
        return [_clock(owed, course, sla, target, "acknowledge", since, target.acknowledge)]
    found = [_clock(owed, course, sla, target, "resolve", since, target.resolve)]
    if target.update:
        found.append(_clock(owed, course, sla, target, "update", max(taken, heard), target.update))
    return found


def _clock(
    owed: Owed, course: Course, sla: Sla, target: Target, what: What, since: float, minutes: int
) -> Running:  # fmt: skip
    stops = tuple((begin, end) for who, begin, end in course.pauses if who in owed.pause and (not end or end > since))
    seconds = 60.0 * minutes
    due = reach(sla, target, since, seconds, stops)
    return Running(owed.owner, what, since, due, seconds, target.calendar, stops)


def reach(sla: Sla, target: Target, since: float, seconds: float, stops: Sequence[tuple[float, float]]) -> float:
    """When `seconds` of working time have gone by since `since`, without the stops; `STILL` if one is still on by then."""
    calendar, cursor, left = sla.calendar(target), since, seconds
    for stopped, end in stops:
        begin = max(stopped, cursor)
        used = calendar.between(cursor, begin)
        if used >= left:
            break
        if not end:
            return STILL
        cursor, left = max(end, cursor), left - used
    due = calendar.add(cursor, left)
    return STILL if math.isinf(due) else due


def next_due(course: Course, sla: Sla) -> float:
    """When the next target is missed; `STILL` while all stand still, `NEVER` once resolved. One that was missed stays first."""
    return min((clock.due for clock in running(course, sla)), default=NEVER)


@dataclass(frozen=True)
class Threshold:
    """`at` per cent of a clock's time are reached at `when`: `to` are told. `round` is the clock's own name."""

    when: float
    at: int
    to: tuple[str, ...]
    clock: Running

    @property
    def key(self) -> str:
        return f"{self.clock.name}.{self.at}"


def thresholds(course: Course, sla: Sla) -> list[Threshold]:
    """When who is warned, soonest first, as far as it is known now."""
    found = []
    for clock in running(course, sla):
        owed = sla.owners[clock.owner]
        target = owed.targets[course.severity]
        for step in owed.chain:
            when = reach(sla, target, clock.since, clock.target * step.at / 100, clock.stops)
            if when < STILL:
                found.append(Threshold(when, step.at, tuple(step.to), clock))
    return sorted(found, key=lambda one: (one.when, one.at))


def marks(rows: Iterable[Mapping[str, object]]) -> list[Mark]:
    """The marks among a timeline's rows."""
    return [Mark(float(cast(float, row["at"])), str(row["kind"]), str(row.get("detail") or "")) for row in rows]
