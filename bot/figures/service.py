"""Figures of how the help desk does: closed once when a month (or, for what is rare, a quarter) is over, and pooled over a range.

What may be seen is decided when a period is closed (`bot.learning.suppression`), and only that is kept. A range is the sum of the
periods whose cells may be seen, so that the difference of two ranges is never less than a cell that may be seen itself.
Nothing here is about one person, and nothing says who at the desk did it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, Protocol

from bot.figures.counting import FOLLOWED, Asked, Opened, containment, percentile, ratings, spread, unknown
from bot.learning.suppression import suppress_counts
from bot.model import SEVERITIES
from bot.periods import Range, Span, finished
from bot.ports import Tx
from bot.turn import Work

log = logging.getLogger(__name__)
Shape = Literal["share", "time"]
HIDDEN = -1  # `Cell.n`
TOTAL = "total"
Took = tuple[str, float | None]  # (cell, seconds; None: it has not come to pass)


@dataclass(frozen=True)
class Metric:
    """`cells` are what its cases are split into. A share says what part of all is in each cell, a time how long it took."""

    name: str
    shape: Shape
    months: int  # of a period: 1 or 3
    cells: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("containment", "share", 1, ("contained", "not_contained")),
    Metric("unknown", "share", 1, ("missed", "known")),
    Metric("ratings", "share", 1, ("helped", "unhelpful")),
    Metric("first_reply", "time", 1, SEVERITIES),
    Metric("verdict", "time", 1),
    Metric("verdict_working", "time", 1),
    Metric("contain", "time", 3),
    Metric("page", "time", 3),
    Metric("tips", "share", 1, ("answered", "later", "silent")),
)


@dataclass(frozen=True)
class Cell:
    """A row of `service_figure`. `counts`: how many took how many seconds."""

    period: str
    metric: str
    cell: str
    n: int
    counts: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Pooled:
    """One figure of a range. `n` cases (None: not shown); `of`: all cases of the same periods. Seconds: None is "not yet"."""

    n: int | None
    of: int = 0
    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """From 0 to 1."""
        return None if self.n is None or not self.of else self.n / self.of

    def within(self, share: float) -> int | None:
        """Seconds within which this share of the cases had come to pass; None if it had not, or may not be seen."""
        return None if self.n is None else percentile(share, self.n, self.counts)


class FigureStore(Protocol):
    """SQL of the figures. Times are UTC epoch seconds: from `start` on, before `end`."""

    def first(self) -> float | None:
        """The first moment there is anything of."""
        ...

    def asked(self, start: float, end: float) -> list[Asked]: ...

    def opened(self, start: float, end: float) -> list[Opened]: ...

    def first_replies(self, start: float, end: float) -> list[Took]:
        """By severity; tickets that were closed without anybody having to answer don't count."""
        ...

    def verdicts(self, start: float, end: float) -> list[tuple[float, float | None]]:
        """(reported, told) of each report that waited for its verdict; None: not told yet."""
        ...

    def contained(self, start: float, end: float) -> list[float]:
        """Seconds from the first sentence to sessions closed, of emergencies of the highest severity."""
        ...

    def heard(self, start: float, end: float) -> list[float | None]:
        """Seconds from a call to somebody's answer; None: nobody answered."""
        ...

    def tips(self, start: float, end: float) -> list[tuple[str, str]]:
        """(person, cell) of each tip that was sent: answered, later or silent."""
        ...

    def closed(self) -> set[tuple[str, str]]:
        """(period, metric) that have been made."""
        ...

    def put(self, tx: Tx, cells: Iterable[Cell], at: float) -> None:
        """Once a period, metric and cell."""
        ...

    def cells(self, periods: Collection[str]) -> list[Cell]: ...


@dataclass(kw_only=True)
class ServiceFigures:
    """`urgent` are the entries of severity S2 and S3, `working` the working seconds between two moments, `counted` says whose
    tips may be counted."""

    store: FigureStore
    zone: Callable[[], tzinfo]
    urgent: Callable[[], Collection[str]]
    working: Callable[[float, float], float]
    counted: Callable[[], Collection[str]]

    # closing

    def close(self, work: Callable[[Callable[[Work], None]], None], now: float) -> int:
        """Make the figures of periods that are over, and had three days for what follows; how many had not been made yet.

        What is read is read outside of a transaction: a month of a large desk takes a second.
        """
        first, done, made = self.store.first(), self.store.closed(), 0
        if first is None:
            return 0
        for size in (1, 3):
            metrics = [metric for metric in METRICS if metric.months == size]
            for span in finished(first, now, self.zone(), size):
                due = [metric for metric in metrics if (span.name, metric.name) not in done]
                if due and span.end + FOLLOWED <= now:
                    cells = [cell for metric in due for cell in self.made(metric, span)]
                    work(lambda unit, cells=cells: self.store.put(unit.tx, cells, unit.at))  # type: ignore[misc]
                    made += 1
        return made

    def made(self, metric: Metric, span: Span) -> list[Cell]:
        """The cells of a period, with what may not be seen taken out."""
        if metric.shape == "share":
            counts = self._shares(metric, span)
            whole, cells = suppress_counts(counts)
            shown = {TOTAL: whole, **cells}
            return [Cell(span.name, metric.name, name, HIDDEN if n is None else n) for name, n in shown.items()]
        took = self._times(metric, span)
        counts = dict(Counter(cell for cell, _ in took))
        whole, cells = suppress_counts({name: counts.get(name, 0) for name in metric.cells} or {TOTAL: len(took)})
        found = [self._timed(metric, span, TOTAL, whole, [seconds for _, seconds in took])]
        for name in metric.cells:
            found.append(
                self._timed(metric, span, name, cells[name], [seconds for cell, seconds in took if cell == name])
            )
        return found

    @staticmethod
    def _timed(metric: Metric, span: Span, cell: str, n: int | None, seconds: Sequence[float | None]) -> Cell:
        if n is None:
            return Cell(span.name, metric.name, cell, HIDDEN)
        return Cell(span.name, metric.name, cell, *spread(seconds))

    def _shares(self, metric: Metric, span: Span) -> dict[str, int]:
        if metric.name == "tips":
            may = self.counted()
            found = Counter(cell for person, cell in self.store.tips(span.start, span.end) if person in may)
            return {cell: found[cell] for cell in metric.cells}
        if metric.name == "containment":
            later = span.end + FOLLOWED
            asked, opened = self.store.asked(span.start, later), self.store.opened(span.start, later)
            pair = containment(asked, opened, self.urgent(), span.end)
        else:
            count = {"unknown": unknown, "ratings": ratings}[metric.name]
            pair = count(self.store.asked(span.start, span.end))
        return dict(zip(metric.cells, pair, strict=True))

    def _times(self, metric: Metric, span: Span) -> list[Took]:
        store = self.store
        match metric.name:
            case "first_reply":
                return store.first_replies(span.start, span.end)
            case "verdict":
                return [(TOTAL, told and told - at) for at, told in store.verdicts(span.start, span.end)]
            case "verdict_working":
                return [(TOTAL, told and self.working(at, told)) for at, told in store.verdicts(span.start, span.end)]
            case "contain":
                return [(TOTAL, seconds) for seconds in store.contained(span.start, span.end)]
            case _:
                return [(TOTAL, seconds) for seconds in store.heard(span.start, span.end)]

    # reading

    def read(self, chosen: Range) -> Read:
        """Everything that may be seen of these months."""
        periods = [*chosen.names(1), *chosen.names(3)]
        cells = {(cell.metric, cell.period, cell.cell): cell for cell in self.store.cells(periods)}
        return Read(chosen, cells)


@dataclass(frozen=True)
class Read:
    """The cells of a range by metric, period and cell."""

    range: Range
    cells: Mapping[tuple[str, str, str], Cell]

    def periods(self, metric: Metric) -> list[str]:
        """Those that have been made, the oldest first."""
        return [name for name in self.range.names(metric.months) if (metric.name, name, TOTAL) in self.cells]

    def one(self, metric: Metric, period: str, cell: str = TOTAL) -> Pooled:
        """A cell of one period."""
        return self._pool(metric, [period], cell)

    def pooled(self, metric: Metric, cell: str = TOTAL) -> Pooled:
        """A cell over the range: of the periods in which it may be seen."""
        return self._pool(metric, self.periods(metric), cell)

    def left_out(self, metric: Metric, cell: str = TOTAL) -> int:
        """How many periods are not in `pooled`."""
        return sum(self.one(metric, period, cell).n is None for period in self.periods(metric))

    def _pool(self, metric: Metric, periods: Sequence[str], cell: str) -> Pooled:
        n, of, counts, seen = 0, 0, Counter[int](), False
        for period in periods:
            found, whole = (self.cells.get((metric.name, period, name)) for name in (cell, TOTAL))
            if found is None or whole is None or found.n < 0:
                continue
            seen = True
            n, of = n + found.n, of + whole.n
            counts.update(found.counts)
        return Pooled(n, of, counts) if seen else Pooled(None)
