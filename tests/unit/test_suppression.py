"""Nothing about fewer than ten people can be worked out from what is shown, whatever the table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.learning.suppression import SMALLEST, Row, Shown, suppress, total

ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: (sum(pair), pair[0])), min_size=1, max_size=5
).map(lambda pairs: [Row(f"r{i}", n, hits) for i, (n, hits) in enumerate(pairs)])


def splits(whole: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to make a number of so many numbers from nought up."""
    if parts == 1:
        yield (whole,)
        return
    for first in range(whole + 1):
        for rest in splits(whole - first, parts - 1):
            yield (first, *rest)


def readings(rows: list[Row]) -> tuple[Shown, list[Shown], list[list[int]]]:
    """What is shown, and for each hidden row the values that an onlooker has to reckon with: of hits, then of the others.

    The onlooker knows every number that is shown, that rows add up to the total, and that nobody is counted below nought.
    """
    whole, shown = suppress(rows)
    dark = [row for row in shown if row.n is None]
    if whole.n is None or whole.hits is None:
        return whole, list(shown), []
    hits = whole.hits - sum(row.hits or 0 for row in shown)
    others = whole.n - whole.hits - sum((row.n or 0) - (row.hits or 0) for row in shown)
    possible: list[list[int]] = []
    for left in (hits, others) if dark else ():
        ways = list(splits(min(left, 25), len(dark)))  # a larger remainder leaves no less open
        possible += [sorted({way[i] for way in ways}) for i in range(len(dark))]
    return whole, list(shown), possible


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_no_hidden_number_can_be_derived_or_even_known_to_be_small(rows: list[Row]) -> None:
    _, _, possible = readings(rows)
    assert [values for values in possible if values[0] > 0 or values[-1] < SMALLEST] == []


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_what_is_shown_is_true_and_about_ten_people_or_more(rows: list[Row]) -> None:
    whole, shown = suppress(rows)
    for row, said in zip([total(rows), *rows], [whole, *shown], strict=True):
        assert (said.n, said.hits) in [(None, None), (row.n, row.hits)]
        assert said.n is None or min(row.n, row.hits, row.n - row.hits) >= SMALLEST


@given(ROWS)
@settings(max_examples=300, deadline=None)
def test_what_the_shown_rows_leave_over_is_nobody_or_ten_people_or_more(rows: list[Row]) -> None:
    whole, shown = suppress(rows)
    if whole.n is not None and whole.hits is not None:
        left = whole.n - sum(row.n or 0 for row in shown)
        hits = whole.hits - sum(row.hits or 0 for row in shown)
        assert (left, hits) == (0, 0) or min(left, hits, left - hits) >= SMALLEST


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_a_table_without_small_rows_is_shown_as_it_is(rows: list[Row]) -> None:
    large = [row for row in rows if row.large]
    _, shown = suppress(large or rows)
    assert not large or [(row.n, row.hits) for row in shown] == [(row.n, row.hits) for row in large]


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        ([("a", 40, 20), ("b", 30, 15)], "total a b"),
        ([("a", 40, 20), ("b", 30, 15), ("c", 9, 4)], "total a"),  # c is small, b hides it
        ([("a", 40, 20), ("b", 30, 25)], "total"),  # five of b did not, and a hides it
        ([("a", 40, 20), ("b", 30, 15), ("c", 8, 4), ("d", 14, 7)], "total a b"),  # c and d hide each other
        ([("a", 19, 9)], ""),
        ([("a", 40, 20), ("b", 0, 0)], "total"),
    ],
)
def test_small_rows_take_another_one_along(rows: list[tuple[str, int, int]], seen: str) -> None:
    whole, shown = suppress([Row(*row) for row in rows])
    names = [row.name for row in (whole, *shown) if row.n is not None]
    assert names == seen.split()
