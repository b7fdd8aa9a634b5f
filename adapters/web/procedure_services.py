"""What the pages of procedures need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.procedures.exporting import Exports
from bot.procedures.improving import Improving
from bot.procedures.runs import Runs
from bot.procedures.shapes import Library, Pinned
from bot.procedures.statistics import TrailStore


@dataclass(frozen=True)
class Procedures:
    """`offers` gives the procedures that fit a ticket, by its number."""

    runs: Runs
    library: Callable[[], Library]
    improving: Improving
    exports: Exports
    trail: TrailStore
    offers: Callable[[str], Sequence[Pinned]]
