"""Which figures about groups may be shown, so that nothing about fewer than ten people can be worked out from them.

A row says: of `n` people, `hits` did something. Three numbers can be read off it, `n`, `hits` and `n - hits`, each about people;
so a row is shown only if all three are ten or more. A row that is hidden could be found again as the total less the rows that
are shown. So at least two rows are hidden, or none, and what they add up to must itself be ten or more in all three: then each
hidden number may be anything from nought to a sum of at least ten. If that cannot be had, the total is hidden as well.

Each person may stand in one row only, and rows of different tables must not add up to each other (months of one year don't, since
nobody shows the year's sum).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SMALLEST = 10  # people


@dataclass(frozen=True)
class Row:
    """Of `n` people, `hits`. `name` is what the row is about."""

    name: str
    n: int
    hits: int

    @property
    def large(self) -> bool:
        """Whether every number that can be read off it is about enough people."""
        return min(self.n, self.hits, self.n - self.hits) >= SMALLEST


@dataclass(frozen=True)
class Shown:
    """A row as it may be seen. None: not shown, and nobody can tell whether it was small itself or hides another one."""

    name: str
    n: int | None
    hits: int | None

    @property
    def share(self) -> float | None:
        """`hits` of `n`, from 0 to 1."""
        return None if self.n is None or self.hits is None else self.hits / self.n


def total(rows: Iterable[Row], name: str = "total") -> Row:
    """All rows as one."""
    found = list(rows)
    return Row(name, sum(row.n for row in found), sum(row.hits for row in found))


def suppress(rows: Sequence[Row]) -> tuple[Shown, tuple[Shown, ...]]:
    """The total and the rows, with what may not be seen taken out."""
    whole = total(rows)
    if not whole.large:
        return _hidden(whole), tuple(_hidden(row) for row in rows)
    hidden = {row.name for row in rows if not row.large}
    spare = sorted((row for row in rows if row.large), key=lambda row: (row.n, row.name))
    while hidden and not _covered([row for row in rows if row.name in hidden]):
        if not spare:
            return _hidden(whole), tuple(_hidden(row) for row in rows)
        hidden.add(spare.pop(0).name)
    return _open(whole), tuple(_hidden(row) if row.name in hidden else _open(row) for row in rows)


def _covered(hidden: Sequence[Row]) -> bool:
    """Whether hidden rows hide each other: together they are no more telling than a row that is shown."""
    return len(hidden) > 1 and total(hidden).large


def _open(row: Row) -> Shown:
    return Shown(row.name, row.n, row.hits)


def _hidden(row: Row) -> Shown:
    return Shown(row.name, None, None)


def suppress_counts(counts: Mapping[str, int]) -> tuple[int | None, dict[str, int | None]]:
    """The total of a table of counts and its cells, with what may not be seen taken out, by the same rule.

    Each case stands in one cell. A count is a row of which one number can be read.
    """
    whole, rows = suppress([Row(name, 2 * n, n) for name, n in counts.items()])
    return whole.hits, {row.name: row.hits for row in rows}
