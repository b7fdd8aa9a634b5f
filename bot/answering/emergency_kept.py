"""The built gate, kept between starts: building it from YAML takes half a second, reading it back a tenth of that."""

from __future__ import annotations

from pathlib import Path

from bot.answering.emergency import Gate
from bot.answering.emergency_book import FOLDER
from bot.content import Shelf
from bot.kept import content, kept


def open_gate(shelf: Shelf, cache: Path | None) -> Gate:
    """The gate of a shelf, from the cache folder if it is there and whole. Never raises."""
    return kept(cache, "emergency", content(shelf, FOLDER), Gate, lambda: Gate(shelf), lambda gate: not gate.faults)
