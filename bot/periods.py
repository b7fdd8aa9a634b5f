"""Finished months and quarters in the organisation's time zone, and a range of months that somebody asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
MOST_MONTHS = 36  # that can be looked at together


@dataclass(frozen=True, order=True)
class Span:
    """From `start` on, before `end` (UTC epoch seconds). `name` is `2026-11` or `2026-Q4`."""

    start: float
    end: float
    name: str


@dataclass(frozen=True)
class Range:
    """Whole months, the first and the last one as `2026-11`."""

    first: str
    last: str

    def names(self, size: int = 1) -> list[str]:
        """Its months (`size` 1), or the quarters (3) that lie in it entirely."""
        first, last = index_of(self.first), index_of(self.last)
        if size == 1:
            return [month_name(index) for index in range(first, last + 1)]
        begins = range(-(-first // 3) * 3, last - 1, 3)
        return [quarter_name(index) for index in begins]


def index_of(month: str) -> int:
    """Years times twelve, plus months from nought. Raises `ValueError` for what is no month."""
    if not _MONTH.fullmatch(month):
        raise ValueError(month)
    return int(month[:4]) * 12 + int(month[5:]) - 1


def month_name(index: int) -> str:
    """`2026-11`."""
    return f"{index // 12:04}-{index % 12 + 1:02}"


def quarter_name(index: int) -> str:
    """`2026-Q4`, of the quarter that a month lies in."""
    return f"{index // 12:04}-Q{index % 12 // 3 + 1}"


def month_at(moment: float, zone: tzinfo) -> int:
    """The month that a moment lies in, as `index_of` has it."""
    local = datetime.fromtimestamp(moment, zone)
    return local.year * 12 + local.month - 1


def finished(since: float, now: float, zone: tzinfo, size: int = 1, most: int = MOST_MONTHS) -> Iterator[Span]:
    """Months (`size` 1) or quarters (3) that had begun after `since` or held it, and are over; the newest first."""
    index = month_at(now, zone) // size * size - size
    for _ in range(most // size):
        span = span_of(index, zone, size)
        if span.end <= since:
            return
        yield span
        index -= size


def last_finished(now: float, zone: tzinfo) -> int:
    """The month before the one we are in."""
    return month_at(now, zone) - 1


def chosen(first: str, last: str, now: float, zone: tzinfo) -> Range:
    """What was asked for, as months that are over and not too many. Anything that is no month is the last twelve months."""
    newest = last_finished(now, zone)
    oldest = newest - MOST_MONTHS + 1
    try:
        begin, end = sorted((index_of(first), index_of(last)))
    except ValueError:
        begin, end = newest - 11, newest
    begin, end = (min(max(index, oldest), newest) for index in (begin, end))
    return Range(month_name(begin), month_name(end))


def span_of(index: int, zone: tzinfo, size: int = 1) -> Span:
    """The month (`size` 1) or quarter (3) that begins with a month."""
    start, end = (datetime(i // 12, i % 12 + 1, 1, tzinfo=zone).timestamp() for i in (index, index + size))
    return Span(start, end, month_name(index) if size == 1 else quarter_name(index))
