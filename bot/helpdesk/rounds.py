"""What became of every promise of a ticket: each round of each clock, kept, missed, not needed any more, or running.

It is read from the same timeline by the same clocks that warn (`bot.helpdesk.clocks`): a round is missed if its clock ever ran
out, whatever happened to the ticket afterwards. So what was decided in a month stays decided, however the ticket goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.helpdesk import clocks
from bot.helpdesk.clocks import Course, Mark, Running
from bot.helpdesk.sla import US, Sla
from bot.model import Severity
from bot.promises import Promise, Result

_KEPT = {
    "acknowledge": {"partner"},
    "update": {"partner"},
    "resolve": {"resolved"},
}  # lines by which a partner keeps one


def rounds(marks: Iterable[Mark], sla: Sla, until: float, fallback: Severity = "S1") -> list[Promise]:
    """Every round of every owner up to `until`, in the order in which they began."""
    course, missed = Course(severity=fallback), dict[str, tuple[Running, Severity]]()
    found: list[Promise] = []
    runs = {clock.name: clock for clock in clocks.promised(course, sla)}
    for mark in marks:
        if mark.at > until:
            break
        _note(missed, runs, mark.at, course.severity)
        changed = clocks.follow_on(course, mark)
        after = {clock.name: clock for clock in clocks.promised(changed, sla)}
        found += [
            _round(clock, course.severity, mark, missed, sla) for name, clock in runs.items() if name not in after
        ]
        course, runs = changed, after
    _note(missed, runs, until, course.severity)
    found += [_round(clock, course.severity, None, missed, sla, until) for clock in runs.values()]
    return sorted(found, key=lambda one: (one.since, one.owner, one.what))


def _note(
    missed: dict[str, tuple[Running, Severity]], clocks_: dict[str, Running], at: float, severity: Severity
) -> None:
    """Clocks that have run out by `at`, as they were when they did."""
    for name, clock in clocks_.items():
        if clock.due < at:
            missed.setdefault(name, (clock, severity))


def _round(
    clock: Running, severity: Severity, mark: Mark | None, missed: dict[str, tuple[Running, Severity]], sla: Sla,
    until: float = 0.0,
) -> Promise:  # fmt: skip
    ended = mark.at if mark else 0.0
    ran_out, at_severity = missed.get(clock.name, (clock, severity))
    if clock.name in missed:
        result: Result = "missed"
    elif mark is None:
        result = "running"
    else:
        result = "kept" if _keeps(clock, mark) else "void"
    stops = tuple((begin, end) for begin, end in clock.stops)
    used = _used(clock, ended or until, sla)
    return Promise(clock.owner, clock.what, at_severity, clock.since, ran_out.due, ended, ran_out.target, used,
                 ran_out.calendar, result, stops)  # fmt: skip


def _keeps(clock: Running, mark: Mark) -> bool:
    if clock.owner == US:
        return mark.kind != "reopened"  # passing it on is an answer of ours too
    return mark.kind in _KEPT[clock.what]


def _used(clock: Running, end: float, sla: Sla) -> float:
    """Working seconds from its start to `end`, without what it stood still."""
    calendar, cursor, total = sla.calendars.get(clock.calendar), clock.since, 0.0
    assert calendar is not None  # noqa: S101 (loading checked it)
    for begin, stop in clock.stops:
        if begin >= end:
            break
        total += calendar.between(cursor, max(begin, cursor))
        cursor = max(cursor, stop or end)
    return total + calendar.between(cursor, max(end, cursor))
