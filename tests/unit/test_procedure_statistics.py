"""Figures of steps: median, nine in ten, where people leave the path; nothing that would rank somebody."""

from __future__ import annotations

import random

import pytest

from bot.ports import Row
from bot.procedures.library import unpinned
from bot.procedures.statistics import FEWEST_VISITS, StepFigures, figures, percentile
from tests.fakes.procedures import TAKEOVER

PROCEDURE = unpinned(TAKEOVER)


class Trail:
    """Runs as (person, seconds of the first step, how it was left)."""

    def __init__(self, *runs: tuple[str, float, str]) -> None:
        self._runs = runs

    def trail(self, _procedure: str, _since: float, _limit: int) -> list[Row]:
        rows: list[Row] = []
        for number, (actor, seconds, action) in enumerate(self._runs):
            base = {"run": f"RUN-{number}", "started_at": 100.0, "actor": actor}
            rows.append({**base, "seq": 1, "at": 100.0, "step": "revoke", "action": "start", "detail": "hand"})
            detail = {"cannot": "escalate", "gone": "partner"}.get(action, "")
            left = "cannot" if action == "gone" else action
            rows.append({**base, "seq": 2, "at": 100.0 + seconds, "step": "revoke", "action": left, "detail": detail})
            if action == "cannot":  # it waited for its owner, and was done in the end
                rows.append(
                    {**base, "seq": 3, "at": 100.0 + 2 * seconds, "step": "revoke", "action": "done", "detail": ""}
                )
        return rows


def first(*runs: tuple[str, float, str]) -> StepFigures:
    """The figures of the first step (time box: 15 minutes)."""
    _, found = figures(PROCEDURE, Trail(*runs), 1e9)
    return found[0]


def people(n: int) -> list[str]:
    return [f"p{i % 3}" for i in range(n)]


def test_median_nine_in_ten_and_how_it_was_left() -> None:
    runs = [(who, 60.0 * (i + 1), "done") for i, who in enumerate(people(20))]
    found = first(*runs, ("p0", 5.0, "skip"), ("p1", 30.0, "gone"), ("p2", 10.0, "cannot"))
    times = sorted([60.0 * (i + 1) for i in range(20)] + [20.0])
    assert found == StepFigures("revoke", 24, times[10], times[18], 1, 2, 5)


def test_too_few_visits_or_too_few_people_show_nothing() -> None:
    enough = [(who, 60.0, "done") for who in people(FEWEST_VISITS)]
    assert first(*enough).shown
    hidden = first(*enough[1:])
    assert (hidden.visits, hidden.shown, hidden.median, hidden.over) == (9, False, None, None)
    two = [(f"p{i % 2}", 60.0, "done") for i in range(40)]
    assert not first(*two).shown


def test_times_need_as_many_that_were_done() -> None:
    runs = [(who, 60.0, "skip" if i < 5 else "done") for i, who in enumerate(people(12))]
    found = first(*runs)
    assert (found.shown, found.median, found.p90, found.skipped) == (True, None, None, 5)


def test_a_procedure_that_never_ran() -> None:
    count, found = figures(PROCEDURE, Trail(), 1e9)
    assert (count, len(found), {one.visits for one in found}) == (0, 5, {0})


@pytest.mark.parametrize("seed", range(5))
def test_nine_in_ten_is_the_least_time_that_nine_in_ten_keep(seed: int) -> None:
    values = [random.Random(seed + i).uniform(1, 100) for i in range(10 + 7 * seed)]
    found = percentile(values, 0.9)
    assert found in values
    assert sum(value <= found for value in values) >= 0.9 * len(values)
    assert sum(value < found for value in values) < 0.9 * len(values)
