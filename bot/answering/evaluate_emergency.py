"""How good the emergency gate is, on a file of sentences or on ordinary questions. Behind `secdesk eval emergency`.

A sentence file is YAML with the lists `must_fire`, `must_confirm_or_fire` and `must_not_fire`. An intent set is JSON with
`test: [{q, id}]`; questions with `id: null` are out of scope and not counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.answering.emergency import Gate
from bot.content import Faults, parse
from bot.errors import ConfigError

GROUPS: Mapping[str, frozenset[str]] = {  # group -> levels that are a miss
    "must_fire": frozenset({"confirm", "none"}),
    "must_confirm_or_fire": frozenset({"none"}),
    "must_not_fire": frozenset({"fire", "confirm"}),
}
LEVELS = ("fire", "confirm", "none")


def evaluate(gate: Gate, path: Path) -> dict[str, Any]:
    """Rates of each level by group, and the misses: `{must_fire: {fire, confirm, none}, …, misses: […]}`.

    Raises `ConfigError` when the file cannot be read or has another shape.
    """
    misses: list[dict[str, str]] = []
    result: dict[str, Any] = {}
    for group, sentences in _sentences(path).items():
        seen = [(sentence, gate.look(sentence)) for sentence in sentences]
        result[group] = _rates((sighting.level for _, sighting in seen), LEVELS)
        misses += [
            {"group": group, "level": sighting.level, "kind": sighting.kind, "why": sighting.why, "text": sentence}
            for sentence, sighting in seen
            if sighting.level in GROUPS[group]
        ]
    return {**result, "misses": misses}


def evaluate_plain(gate: Gate, path: Path) -> dict[str, dict[str, float]]:
    """How often ordinary questions fire or ask: `{plain: {fire, confirm}}`. Raises `ConfigError` as `evaluate` does."""
    try:
        asked = json.loads(path.read_text(encoding="utf-8"))["test"]
        questions = [str(item["q"]) for item in asked if item["id"] is not None]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read as an intent set ({error}): it needs test: [{{q, id}}]") from error
    return {"plain": _rates((gate.look(question).level for question in questions), LEVELS[:2])}


def _rates(levels: Iterable[str], shown: Sequence[str]) -> dict[str, float]:
    counted = Counter(levels)
    total = max(1, counted.total())
    return {level: round(counted[level] / total, 4) for level in shown}


def _sentences(path: Path) -> dict[str, list[str]]:
    faults = Faults()
    try:
        document = parse(str(path), path.read_bytes(), faults)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): name a file of sentences") from error
    value = document.value if document else None
    if not isinstance(value, dict) or not all(isinstance(value.get(group), list) for group in GROUPS):
        what = "; ".join(str(fault) for fault in faults.found) or f"it needs the lists {', '.join(GROUPS)}"
        raise ConfigError(f"{path} is no file of sentences: {what}")
    return {group: [str(sentence) for sentence in value[group]] for group in GROUPS}
