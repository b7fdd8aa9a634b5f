"""Guardrails: signs, in a finished quarter, that tips are too much, of no use, or make people report everything.

A guardrail is said only where its limit is ten people or more: below that, one person more or less would break it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bot.learning.finished import HIDDEN, Figure, Period
from bot.learning.suppression import SMALLEST
from bot.model import Kind
from bot.ports import Row

# Shares of the people who got tips that are too much (content 1.11).
WISHES: Mapping[str, float] = {"stops": 0.03, "snoozes": 0.25, "useless": 0.15}
# Reports that turned out harmless, of all with a verdict: about double of what a large company saw without tips (21 %, ETH 2021).
GUARDS: Mapping[str, float] = {**WISHES, "harmless": 0.40}
UNWANTED = "unwanted"
ATTACK, SPAM, HARMLESS = "attack", "spam", "harmless"
SORTS: Mapping[str, str] = {
    Kind.LIKELY_PHISHING: ATTACK, Kind.PRACTICE: ATTACK, Kind.SPAM: SPAM, Kind.NOTHING_FOUND: HARMLESS,
    Kind.OURS: HARMLESS,
}  # fmt: skip


def wishes(period: Period, rows: Sequence[Row]) -> list[Figure]:
    """Whether too many stop tips, put them off, or call them not useful. Each person counts once (`MeasureStore.tips`)."""
    n = len(rows)
    return [
        _guard(period, name, n, n, sum(int(row[name]) > 0 for row in rows))
        for name in WISHES
    ]  # fmt: skip


def unwanted(period: Period, lessons: Iterable[str]) -> list[Figure]:
    """Tips that ten people or more called not useful, with how many: `lessons` holds one for each person and tip."""
    counts = sorted(Counter(lessons).items())
    return [Figure(period.name, UNWANTED, lesson, n, n) for lesson, n in counts if lesson and n >= SMALLEST]


def precision(period: Period, rows: Sequence[Row]) -> list[Figure]:
    """How many reports were of an attack or a practice mail, how many of spam, and whether too many were harmless.

    Shown only if reports of each sort come from ten people or more: each number can be taken from the two others.
    """
    reports, people = Counter[str](), defaultdict[str, set[str]](set)
    for row in rows:
        sort = SORTS[row["kind"]]
        reports[sort] += int(row["n"])
        people[sort].add(row["person"])
    n, shown = reports.total(), all(len(people[sort]) >= SMALLEST for sort in (ATTACK, SPAM, HARMLESS))
    figures = [
        Figure(period.name, name, "total", n, reports[sort]) if shown else Figure(period.name, name, "total", HIDDEN)
        for name, sort in (("precision", ATTACK), ("spam", SPAM))
    ]
    who = len(set().union(*people.values())) if people else 0
    return [*figures, _guard(period, HARMLESS, who, n, reports[HARMLESS])]


def _guard(period: Period, name: str, people: int, n: int, hits: int) -> Figure:
    """Whether `hits` of `n` are over the limit; not said where the limit is fewer than ten of the people concerned."""
    told = GUARDS[name] * people >= SMALLEST
    return Figure(period.name, name, "total", n if told else HIDDEN, 0, float(told and hits > GUARDS[name] * n))
