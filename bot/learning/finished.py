"""Periods that are over, and the figures made of them: one number of a period, a metric and a cell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.learning.suppression import Shown

HIDDEN, UNKNOWN = -1, -2  # `Figure.n`


@dataclass(frozen=True)
class Period:
    """A month (`2026-11`) or a quarter (`2026-Q4`) in UTC."""

    name: str
    start: float
    end: float

    def months(self) -> list[str]:
        first = datetime.fromtimestamp(self.start, UTC)
        count = 3 if "Q" in self.name else 1
        return [f"{first.year}-{first.month + i:02}" for i in range(count)]


def last_month(at: float) -> Period:
    """The month before the one we are in."""
    today = datetime.fromtimestamp(at, UTC)
    index = today.year * 12 + today.month - 1
    start = _first_of(index - 1)
    return Period(f"{start:%Y-%m}", start.timestamp(), _first_of(index).timestamp())


def last_quarter(at: float) -> Period:
    """The quarter before the one we are in."""
    today = datetime.fromtimestamp(at, UTC)
    index = today.year * 12 + (today.month - 1) // 3 * 3
    start = _first_of(index - 3)
    return Period(f"{start.year}-Q{(start.month + 2) // 3}", start.timestamp(), _first_of(index).timestamp())


def _first_of(index: int) -> datetime:
    """The first moment of the month with this number (years times twelve, plus months from nought)."""
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Figure:
    """One number of a finished period. `n` people (or cases), `hits` of them; `HIDDEN` or `UNKNOWN` instead of `n`."""

    period: str
    metric: str
    cell: str
    n: int
    hits: int = 0
    value: float = 0.0

    @property
    def shown(self) -> Shown:
        return Shown(self.cell, self.n, self.hits) if self.n >= 0 else Shown(self.cell, None, None)
