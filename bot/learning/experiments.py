"""Comparison groups: written down beforehand in `learning/experiments.yaml`, off until switched on, no claim from too few people.

An arm is drawn by keyed hash of pseudonym and experiment. Who is held out gets no *scheduled* tips; warnings, answers and
required lessons come to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import NormalDist
from typing import Literal

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.learning.shapes import Name, Texts
from bot.learning.suppression import Shown

EXPERIMENTS = "learning/experiments.yaml"
SWITCH = "experiment."  # + id; "on", or "paused" by a guardrail
FEWEST_STAFF = 600  # below, nothing is compared: before and after only
POWER, LEVEL = 0.8, 0.05


class Experiment(Shape):
    """What is to be found out, written down before it starts. `expected`: shares of people without and with tips."""

    title: Texts
    metric: Literal["reporters"] = "reporters"  # the share of people who report something real in the time
    expected: tuple[float, float]
    percent: int = Field(default=10, ge=1, le=50)
    start: date
    stop: date

    def needed(self) -> int:
        """People in each arm, for the expected difference."""
        return needed(*self.expected)

    def runs(self, day: date) -> bool:
        return self.start <= day <= self.stop


class ExperimentsFile(Shape):
    """`learning/experiments.yaml`."""

    schema_: str = Field(alias="schema", pattern="^experiments/1$")
    experiments: dict[Name, Experiment]


def read_experiments(shelf: Shelf, faults: Faults) -> dict[str, Experiment]:
    """The experiments of a shelf. Faults name those that could not show anything."""
    found = shelf.file(EXPERIMENTS)
    document = parse(found[0], found[1], faults) if found else None
    file = read(ExperimentsFile, document, faults) if document else None
    for name, item in file.experiments.items() if file and document else ():
        assert document is not None  # noqa: S101
        place = document.place("experiments", name)
        if not item.start < item.stop:
            faults.add(document.file, place, f'"{name}" ends before it starts', "set a later stop")
        if not 0 < item.expected[0] < 1 or not 0 < item.expected[1] < 1 or item.expected[0] == item.expected[1]:
            faults.add(document.file, place, f'"{name}" expects no difference', "write two shares between 0 and 1")
    return dict(file.experiments) if file else {}


def needed(low: float, high: float) -> int:
    """People in each arm so that a difference between these shares is found four times in five (two-sided, 5 %).

    Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, formula 4.14 without its continuity correction.
    """
    z_level, z_power = NormalDist().inv_cdf(1 - LEVEL / 2), NormalDist().inv_cdf(POWER)
    mean = (low + high) / 2
    spread = z_level * sqrt(2 * mean * (1 - mean)) + z_power * sqrt(low * (1 - low) + high * (1 - high))
    return round(spread**2 / (high - low) ** 2)


@dataclass(frozen=True)
class Claim:
    """What may be said of two arms. `low` and `high`: the 95 % interval of the difference in shares; None: nothing at all."""

    kind: Literal["few", "open", "more", "less"]
    low: float | None = None
    high: float | None = None


def claim(held: Shown, treated: Shown, least: int) -> Claim:
    """What the figures of both arms allow. `few`: fewer than `least` people in one, or not shown at all."""
    if (
        held.n is None
        or treated.n is None
        or held.hits is None
        or treated.hits is None
        or min(held.n, treated.n) < least
    ):
        return Claim("few")
    low, high = difference(held.hits, held.n, treated.hits, treated.n)
    kind: Literal["open", "more", "less"] = "more" if low > 0 else "less" if high < 0 else "open"
    return Claim(kind, low, high)


def difference(hits: int, n: int, hits2: int, n2: int) -> tuple[float, float]:
    """95 % interval of the second share less the first: Newcombe's hybrid score (Statistics in Medicine 17, 1998, method 10)."""
    (low, high), (low2, high2) = wilson(hits, n), wilson(hits2, n2)
    first, second = hits / n, hits2 / n2
    gap = second - first
    return gap - sqrt((second - low2) ** 2 + (high - first) ** 2), gap + sqrt(
        (high2 - second) ** 2 + (first - low) ** 2
    )


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    share, scale = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def running(experiments: Mapping[str, Experiment], switches: Mapping[str, str], day: date) -> list[str]:
    """Those that are switched on and within their time."""
    return [name for name, item in experiments.items() if switches.get(SWITCH + name) == "on" and item.runs(day)]
