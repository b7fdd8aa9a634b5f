"""How long each step takes, and where people leave the path. About steps, never about people.

A step's figures are shown from ten visits on, by at least three people: below that they would say how quick somebody is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from bot.ports import Row
from bot.procedures.shapes import Procedure
from bot.procedures.state import leaves

FEWEST_VISITS, FEWEST_PEOPLE = 10, 3
WINDOW = 365 * 86_400.0
MOST_RUNS = 500


class TrailStore(Protocol):
    """Rows of chains, run by run in order: run, seq, at, step, action, detail, actor, started_at."""

    def trail(self, procedure: str, since: float, limit: int) -> list[Row]: ...


@dataclass(frozen=True)
class StepFigures:
    """One step. `median` and `p90` are seconds until it was done (nine in ten took no longer); None where they may not be shown.

    `visits` are the times it was left or could not be done; `skipped`, `cannot` and `over` (longer than its time box) are parts
    of them, None where they may not be shown.
    """

    step: str
    visits: int
    median: float | None = None
    p90: float | None = None
    skipped: int | None = None
    cannot: int | None = None
    over: int | None = None

    @property
    def shown(self) -> bool:
        return self.skipped is not None


@dataclass(frozen=True)
class _Visit:
    step: str
    seconds: float
    action: str
    actor: str


def figures(procedure: Procedure, store: TrailStore, now: float) -> tuple[int, list[StepFigures]]:
    """Runs of the last year, and the figures of each step of the present version, in its order."""
    rows = store.trail(procedure.id, now - WINDOW, MOST_RUNS)
    visits = [visit for _, run in groupby(rows, lambda row: row["run"]) for visit in _visits([*run])]
    found = [_figures(step.id, step.minutes, [v for v in visits if v.step == step.id]) for step in procedure.steps]
    return len({row["run"] for row in rows}), found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered) - 1e-9), 1) - 1]


def _figures(step: str, minutes: int, visits: Sequence[_Visit]) -> StepFigures:
    people = {visit.actor for visit in visits}
    if len(visits) < FEWEST_VISITS or len(people) < FEWEST_PEOPLE:
        return StepFigures(step, len(visits))
    times = [visit.seconds for visit in visits if visit.action in ("done", "answer")]
    timed = len(times) >= FEWEST_VISITS
    return StepFigures(
        step, len(visits), statistics.median(times) if timed else None, percentile(times, 0.9) if timed else None,
        _count(visits, "skip"), _count(visits, "cannot"),
        sum(visit.seconds > 60 * minutes for visit in visits if visit.action != "cannot") if minutes else 0,
    )  # fmt: skip


def _count(visits: Iterable[_Visit], action: str) -> int:
    return sum(visit.action == action for visit in visits)


def _visits(rows: Sequence[Row]) -> Iterator[_Visit]:
    """The steps of one run as they were left. "Cannot" is a visit too where the run then waits for its owner."""
    entered = float(rows[0]["started_at"])
    for row in rows:
        if leaves(row["action"], row["detail"]) or row["action"] == "cannot":
            yield _Visit(row["step"], row["at"] - entered, row["action"], row["actor"])
        if leaves(row["action"], row["detail"]):
            entered = row["at"]
