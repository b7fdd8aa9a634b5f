"""How good is the search? Measured on an intent set, or on questions for the live knowledge base.

Rates are from 0 to 1. `right`, `wrong`, `suggested_hit`, `suggested_miss` and `escalated` are shares of the questions that an
entry answers and sum to 1; `oos_*` are shares of those that none does; `near_oos_answered` of the near ones among them.
`ece` compares `p1` with the truth over all questions, those out of scope included (nothing is right for them).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.answering.encoder import Encoders
from bot.answering.languages import Languages
from bot.answering.search import Index, Ranking, decide
from bot.errors import ConfigError
from bot.model import Outcome

_BINS = 10


@dataclass(frozen=True)
class Asked:
    """One test question. `id` is "" for one that no entry answers; `kind` is near, far or real then."""

    question: str
    id: str
    kind: str = ""
    lang: str = ""


@dataclass(frozen=True)
class Answered:
    """A question, what the search made of it, and the CPU seconds that took."""

    asked: Asked
    ranking: Ranking
    outcome: Outcome
    seconds: float

    @property
    def first(self) -> str:
        return self.ranking.candidates[0].id if self.ranking.candidates else ""

    @property
    def hit(self) -> bool:
        return bool(self.asked.id) and self.first == self.asked.id

    @property
    def among(self) -> bool:
        return bool(self.asked.id) and self.asked.id in [c.id for c in self.ranking.candidates[:3]]


def evaluate_intents(
    path: Path,
    shots: int,
    typos: bool = False,
    *,
    light: bool = False,
    encoders: Encoders | None = None,
    generic: Sequence[str] = (),
    languages: Languages | None = None,
    cache: Path | None = None,
    split: str = "test",
    lang: str = "",
) -> dict[str, float]:
    """Fit on the first `shots` variants of each entry, ask every question of a split. Raises ConfigError on a bad file.

    Titles are left out, though the knowledge base learns from its own: in these sets they are the names of the intents.
    """
    data = _read(path)
    entries = [(entry["id"], entry["variants"][:shots]) for entry in data["entries"]]
    index = Index.fit(entries, light=light, encoders=encoders, generic=generic, languages=languages, cache=cache)
    asked = [
        Asked(
            item["typo"] if typos and item.get("typo") else item["q"],
            item["id"] or "",
            item.get("kind") or "",
            item.get("lang") or "",
        )
        for item in data[split]
        if not lang or item.get("lang") == lang
    ]
    return summarise(ask(index, asked))


def evaluate_questions(
    index: Index,
    path: Path,
    out_of_scope: Path | None = None,
    allowed: Collection[str] | None = None,
) -> dict[str, Any]:
    """The same for an index over the knowledge base: a TSV of question and id.

    `misses` lists what did not come first, `unknown_ids` (if any) what no entry is called: its questions can only miss.
    """
    asked = [Asked(question, name) for question, name in _rows(path)]
    asked += [Asked(question, "", name or "far") for question, name in (_rows(out_of_scope) if out_of_scope else [])]
    answered = ask(index, asked, allowed)
    misses = [
        {
            "question": item.asked.question,
            "id": item.asked.id or None,
            "outcome": str(item.outcome),
            "found": [c.id for c in item.ranking.candidates[:3]],
            "confidence": round(item.ranking.p1, 3),
        }
        for item in answered
        if (not item.hit if item.asked.id else item.outcome is Outcome.ANSWER)
    ]
    unknown = sorted({item.id for item in asked if item.id} - set(index.ids))
    said = {"unknown_ids": unknown} if unknown else {}
    return {**summarise(answered), "questions": len(answered), **said, "misses": misses}


def ask(index: Index, asked: Sequence[Asked], allowed: Collection[str] | None = None) -> list[Answered]:
    """Every question through the public interface, one by one."""
    for warm in asked[:20]:
        index.rank(warm.question, allowed)
    answered = []
    for item in asked:
        start = time.process_time()
        ranking = index.rank(item.question, allowed)
        outcome = decide(ranking)
        answered.append(Answered(item, ranking, outcome, time.process_time() - start))
    return answered


def summarise(answered: Sequence[Answered]) -> dict[str, float]:
    """All figures. Those that a set cannot give (no question of that kind) are left out."""
    inside = [item for item in answered if item.asked.id]
    outside = [item for item in answered if not item.asked.id]
    near = [item for item in outside if item.asked.kind == "near"]
    rates: Mapping[str, tuple[Sequence[Answered], Callable[[Answered], bool]]] = {
        "top1": (inside, lambda item: item.hit),
        "recall3": (inside, lambda item: item.among),
        "right": (inside, lambda item: item.outcome is Outcome.ANSWER and item.hit),
        "wrong": (inside, lambda item: item.outcome is Outcome.ANSWER and not item.hit),
        "suggested_hit": (inside, lambda item: item.outcome is Outcome.SUGGEST and item.among),
        "suggested_miss": (inside, lambda item: item.outcome is Outcome.SUGGEST and not item.among),
        "escalated": (inside, lambda item: item.outcome is Outcome.ESCALATE),
        "oos_answered": (outside, lambda item: item.outcome is Outcome.ANSWER),
        "oos_suggested": (outside, lambda item: item.outcome is Outcome.SUGGEST),
        "oos_escalated": (outside, lambda item: item.outcome is Outcome.ESCALATE),
        "near_oos_answered": (near, lambda item: item.outcome is Outcome.ANSWER),
    }
    figures = {name: _share(items, test) for name, (items, test) in rates.items() if items}
    if inside and outside:
        figures["oos_auroc"] = auroc([i.ranking.p3 for i in inside], [i.ranking.p3 for i in outside])
    times = np.array([item.seconds for item in answered]) * 1000
    figures["ece"] = calibration_error([i.ranking.p1 for i in answered], [i.hit for i in answered])
    figures["p50_ms"], figures["p99_ms"] = (float(np.percentile(times, q)) if len(times) else 0.0 for q in (50, 99))
    return {name: round(value, 4) for name, value in figures.items()} | {"rss_mb": round(resident_mb(), 1)}


def auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The chance that a question in scope scores above one out of scope; ties count half."""
    values = np.concatenate([inside, outside])
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    positive = len(inside)
    return float((ranks[place][:positive].sum() - positive * (positive + 1) / 2) / (positive * len(outside)))


def calibration_error(p: Sequence[float], truth: Sequence[bool]) -> float:
    """Expected calibration error over ten equal bins (Naeini et al. 2015)."""
    chances, hits = np.asarray(p), np.asarray(truth, float)
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    parts = [(bins == i) for i in range(_BINS) if (bins == i).any()]
    return float(sum(abs(chances[part].mean() - hits[part].mean()) * part.mean() for part in parts))


def resident_mb() -> float:
    """Memory of this process now, in MB (its peak where the system does not tell)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _share(items: Sequence[Answered], test: Callable[[Answered], bool]) -> float:
    return sum(1 for item in items if test(item)) / len(items)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data["entries"], list) and isinstance(data["test"], list):
            return dict(data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not an intent set ({type(error).__name__}): it needs entries and test") from error
    raise ConfigError(f"{path} is not an intent set: it needs entries and test")


def _rows(path: Path) -> list[tuple[str, str]]:
    """Question and second column of each line of a TSV; empty lines and those that start with # are left out."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__})") from error
    parts = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(part[0].strip(), part[1].strip() if len(part) > 1 else "") for part in parts]
