"""Figures of a month: which promises of a partner fell due or were kept in it, and which of them were broken.

A promise belongs to the month in which it was decided: kept, or run out. One that was taken away before (the ticket came back to
us, or somebody closed it) is not counted, and how many these are is said. Without a promise there is no percentage: nothing was
measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot import periods
from bot.model import SEVERITIES
from bot.promises import Promise, What

WHATS: tuple[What, ...] = ("acknowledge", "update", "resolve")


@dataclass(frozen=True)
class Pause:
    """A pause that was claimed: by whom (pseudonym), the line of the timeline that says why, from when to when (0: lasts)."""

    who: str
    line: int
    begin: float
    end: float


@dataclass(frozen=True)
class Case:
    """A ticket that a partner had or has. `handed` and `reopened` are when that happened to it."""

    ticket: str
    severity: str
    promises: tuple[Promise, ...] = ()  # theirs
    ours: tuple[Promise, ...] = ()
    pauses: tuple[Pause, ...] = ()  # that stop their clock
    handed: tuple[float, ...] = ()
    reopened: tuple[float, ...] = ()


@dataclass(frozen=True)
class Rate:
    """How many promises, and how many of them were kept. `percent` is None where there was none."""

    n: int = 0
    kept: int = 0

    @property
    def percent(self) -> float | None:
        return round(100 * self.kept / self.n, 1) if self.n else None


@dataclass(frozen=True)
class Breach:
    """A promise that was broken, with our own clocks of the same ticket and the pauses that were claimed in it."""

    ticket: str
    promise: Promise
    ours: tuple[Promise, ...]
    pauses: tuple[Pause, ...]

    @property
    def name(self) -> str:
        """What a dispute is opened from."""
        return f"{self.promise.what}.{self.promise.since:.3f}"


@dataclass(frozen=True)
class Figures:
    """What came out of a span of time. `rates` by (severity, what); `handed` tickets by severity."""

    begin: float
    end: float
    rates: Mapping[tuple[str, str], Rate]
    breaches: tuple[Breach, ...]
    handed: Mapping[str, int]
    void: int
    reopened: int

    @property
    def total(self) -> Rate:
        return Rate(sum(rate.n for rate in self.rates.values()), sum(rate.kept for rate in self.rates.values()))

    def rate(self, severity: str, what: str) -> Rate:
        return self.rates.get((severity, what), Rate())


def figures(cases: Sequence[Case], begin: float, end: float) -> Figures:
    """The figures of `begin` to `end` (not included)."""
    counts: dict[tuple[str, str], list[int]] = {}
    breaches: list[Breach] = []
    void, handed = 0, Counter[str]()
    for case in cases:
        handed[case.severity] += sum(begin <= at < end for at in case.handed)
        for promise in case.promises:
            if not begin <= promise.decided < end or promise.result == "running":
                continue
            if promise.result == "void":
                void += 1
                continue
            tally = counts.setdefault((promise.severity, promise.what), [0, 0])
            tally[0] += 1
            tally[1] += promise.result == "kept"
            if promise.result == "missed":
                breaches.append(_breach(case, promise))
    reopened = sum(begin <= at < end for case in cases for at in case.reopened)
    rates = {key: Rate(n, kept) for key, (n, kept) in counts.items()}
    breaches.sort(key=lambda one: (one.promise.due, one.ticket))
    return Figures(begin, end, rates, tuple(breaches), {k: n for k, n in handed.items() if n}, void, reopened)


def _breach(case: Case, promise: Promise) -> Breach:
    until = promise.ended or float("inf")
    pauses = tuple(one for one in case.pauses if one.begin < until and (one.end or until) > promise.since)
    ours = tuple(one for one in case.ours if one.since < until)
    return Breach(case.ticket, promise, ours, pauses)


def find_breach(cases: Sequence[Case], ticket: str, name: str) -> Breach | None:
    """A broken promise by its ticket and name."""
    found = [
        _breach(case, one) for case in cases if case.ticket == ticket for one in case.promises if one.result == "missed"
    ]
    return next((one for one in found if one.name == name), None)


# months --------------------------------------------------------------------------------------------------------------


def span(month: str, zone: str) -> tuple[float, float]:
    """When a month (`2026-11`) begins and ends in a zone. Raises `ValueError`."""
    found = periods.span_of(periods.index_of(month), ZoneInfo(zone))
    return found.start, found.end


def month_of(at: float, zone: str) -> str:
    """The month of a moment, as a zone counts."""
    return periods.month_name(periods.month_at(at, ZoneInfo(zone)))


def before(month: str) -> str:
    """The month before."""
    return periods.month_name(periods.index_of(month) - 1)


def day_of(at: float, zone: str) -> date:
    """The day of a moment, as a zone counts."""
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone)).date()


def quarter_of(day: date) -> str:
    """`2026-Q4`."""
    return periods.quarter_name(day.year * 12 + day.month - 1)


# as JSON, for what is kept -------------------------------------------------------------------------------------------


def as_json(found: Figures) -> dict[str, Any]:
    """Plain values, in an order of their own."""
    return {
        "begin": found.begin, "end": found.end, "void": found.void, "reopened": found.reopened,
        "handed": {severity: found.handed.get(severity, 0) for severity in SEVERITIES},
        "rates": [
            {"severity": severity, "what": what, "n": rate.n, "kept": rate.kept, "percent": rate.percent}
            for severity in SEVERITIES
            for what in WHATS
            if (rate := found.rate(severity, what)).n
        ],
        "breaches": [breach_json(one) for one in found.breaches],
    }  # fmt: skip


def breach_json(one: Breach) -> dict[str, Any]:
    """A breach as plain values."""
    return {
        "ticket": one.ticket, "name": one.name, "promise": promise_json(one.promise),
        "ours": [promise_json(clock) for clock in one.ours],
        "pauses": [{"who": p.who, "line": p.line, "begin": p.begin, "end": p.end} for p in one.pauses],
    }  # fmt: skip


def promise_json(one: Promise) -> dict[str, Any]:
    """A promise as plain values."""
    return {
        "owner": one.owner, "what": one.what, "severity": one.severity, "since": one.since, "due": one.due,
        "ended": one.ended, "target": one.target, "used": one.used, "calendar": one.calendar, "result": one.result,
        "stops": [list(stop) for stop in one.stops],
    }  # fmt: skip
