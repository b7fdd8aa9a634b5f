"""The answer search beside what most bots do, on the same entries and questions. Seconds are processor time a question.

Measures on the knowledge base: its English questions are indexed, its held-out golden questions asked, as they are and with a
typo; then among 1,000 and 10,000 entries, where the others are made up. `BENCH_INTENTS=FILE.json` takes an intent set
instead, with the first `BENCH_SHOTS` (5) variants of each entry. All questions are asked in several rounds, and the times are
those of the quietest: a machine that others work on is slower by its caches, in processor time too.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s  # type: ignore[import-untyped,unused-ignore]
from rapidfuzz import fuzz, process

from bot.answering.encoder import Encoders, load_encoders
from bot.answering.entries import Library
from bot.answering.evaluate_answers import auroc, resident_mb
from bot.answering.golden import goldens
from bot.answering.lexical import words_of
from bot.answering.pools import texts_in
from bot.answering.search import Index, load_generic
from bot.content import packaged_shelf
from tests.fakes.search import library, misspelt, others

TAKEN = 40  # variants that a plain engine gives back; entries are told apart afterwards
SLOW = 60  # questions that are asked of every engine among many entries
ROUNDS = 3
SIZES = (1_000, 10_000)
Entries = Sequence[tuple[str, Sequence[str]]]
Ask = Callable[[str], tuple[list[str], float]]  # ids, best first, and how sure


@dataclass(frozen=True)
class Case:
    """Entries, and questions as (question, with a typo, id); no id where nothing answers."""

    entries: Entries
    questions: Sequence[tuple[str, str, str]]


def measure() -> Iterator[tuple[str, float]]:
    """`(engine and rates, seconds a question)` of each."""
    path = os.environ.get("BENCH_INTENTS")
    case = _intents(Path(path), int(os.environ.get("BENCH_SHOTS", "5"))) if path else _own(library())
    with tempfile.TemporaryDirectory(prefix="secdesk-bench-") as folder:
        yield from _compared(case, Path(folder))
        for size in () if path else SIZES:
            yield from _among(case, size, Path(folder))


def _compared(case: Case, cache: Path) -> Iterator[tuple[str, float]]:
    variants = sum(len(texts) for _, texts in case.entries)
    yield f"{len(case.entries)} entries, {variants} variants, {len(case.questions)} questions", 0.0
    for name, make in PLAIN.items():
        yield _row(name, make, case)
    for light in (True, False):
        encoders = load_encoders(cache, light=light)
        yield _row(f"Secdesk{', light' * light}", lambda entries, loaded=encoders: _ours(entries, loaded), case)  # type: ignore[misc]


def _among(case: Case, size: int, cache: Path) -> Iterator[tuple[str, float]]:
    """The same questions among many more entries, and questions about those."""
    more = others(size - len(case.entries))
    entries = [*case.entries, *((name, variants[:-1]) for name, variants in more)]
    asked = random.Random(size).sample(more, SLOW)
    fresh = [(variants[-1], misspelt(variants[-1]), name) for name, variants in asked]
    old = random.Random(size).sample(list(case.questions), SLOW)
    yield f"{size:,} entries, {sum(len(texts) for _, texts in entries):,} variants", 0.0
    for name, make in PLAIN.items():
        yield _row(name, make, Case(entries, [*old, *fresh]))
    ask = _ours(entries, load_encoders(cache))
    for what, questions in (("our own", case.questions), ("the others'", fresh)):
        yield _row(f"Secdesk, {what} questions", lambda _: ask, Case(entries, questions))


def _row(name: str, make: Callable[[Entries], Ask], case: Case) -> tuple[str, float]:
    ask = make(case.entries)
    for question, _, _ in case.questions[:5]:
        ask(question)
    found, half, most = _asked(ask, [question for question, _, _ in case.questions])
    inside = [(ids, sure, right) for (ids, sure), (_, _, right) in zip(found, case.questions, strict=True) if right]
    outside = [sure for (_, sure), (_, _, right) in zip(found, case.questions, strict=True) if not right]
    bent = [(ask(typo)[0], right) for _, typo, right in case.questions if right]
    rates = [
        f"first {_share([ids[:1] for ids, _, _ in inside], [right for _, _, right in inside])}",
        f"in three {_share([ids[:3] for ids, _, _ in inside], [right for _, _, right in inside])}",
        f"typos {_share([ids[:1] for ids, _ in bent], [right for _, right in bent])}",
        f"50th {half * 1000:.1f} ms",
        f"99th {most * 1000:.1f} ms",
        *([f"AUROC {auroc([sure for _, sure, _ in inside], outside):.2f}"] if outside else []),
        *([f"{resident_mb():.0f} MB"] if name.startswith("Secdesk") else []),
    ]
    return f"{name}: {', '.join(rates)}", half


def _asked(ask: Ask, questions: Sequence[str]) -> tuple[list[tuple[list[str], float]], float, float]:
    """What was found for each question; median and 99th percentile of the seconds in the quietest round."""
    found: list[tuple[list[str], float]] = []
    rounds = []
    for _ in range(ROUNDS):
        found, times = [], []
        for question in questions:
            started = time.process_time()
            found.append(ask(question))
            times.append(time.process_time() - started)
        times.sort()
        rounds.append((times[len(times) // 2], times[int(0.99 * len(times))]))
    return found, *min(rounds, key=lambda each: each[1])


def _share(found: Sequence[list[str]], right: Sequence[str]) -> str:
    return f"{sum(name in ids for ids, name in zip(found, right, strict=True)) / max(len(right), 1):.1%}"


# The engines ---------------------------------------------------------------------------------------------------------


def _ours(entries: Entries, encoders: Encoders) -> Ask:
    index = Index.fit(entries, encoders=encoders, generic=load_generic(packaged_shelf()))

    def ask(question: str) -> tuple[list[str], float]:
        ranking = index.rank(question)
        return [candidate.id for candidate in ranking.candidates], ranking.p3

    return ask


def _fuzzy(scorer: Any) -> Callable[[Entries], Ask]:
    def make(entries: Entries) -> Ask:
        names, texts = _flat(entries)
        lowered = [text.lower() for text in texts]

        def ask(question: str) -> tuple[list[str], float]:
            found = process.extract(question.lower(), lowered, scorer=scorer, limit=TAKEN)
            return _distinct([names[number] for _, _, number in found]), found[0][1] if found else 0.0

        return ask

    return make


def _fts5(entries: Entries) -> Ask:
    names, texts = _flat(entries)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE variants USING fts5(text, tokenize = 'porter unicode61')")
    db.executemany("INSERT INTO variants (rowid, text) VALUES (?, ?)", enumerate(texts))

    def ask(question: str) -> tuple[list[str], float]:
        words = " OR ".join(f'"{word}"' for word in words_of(question))
        query = f"SELECT rowid, rank FROM variants WHERE variants MATCH ? ORDER BY rank LIMIT {TAKEN}"
        found = db.execute(query, (words,)).fetchall() if words else []
        return _distinct([names[number] for number, _ in found]), -found[0][1] if found else 0.0

    return ask


def _bm25s(entries: Entries) -> Ask:
    names, texts = _flat(entries)
    engine = bm25s.BM25()
    engine.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

    def ask(question: str) -> tuple[list[str], float]:
        tokens = bm25s.tokenize(question, show_progress=False)
        found, scores = engine.retrieve(tokens, k=min(TAKEN, len(texts)), show_progress=False)
        return _distinct([names[number] for number in found[0]]), float(scores[0][0])

    return ask


PLAIN: dict[str, Callable[[Entries], Ask]] = {
    "rapidfuzz WRatio": _fuzzy(fuzz.WRatio),
    "rapidfuzz token_set_ratio": _fuzzy(fuzz.token_set_ratio),
    "SQLite FTS5": _fts5,
    "bm25s": _bm25s,
}


# The entries and questions -------------------------------------------------------------------------------------------


def _own(published: Library) -> Case:
    asked = [golden for golden in goldens(published) if golden.language == "en"]
    questions = [(golden.question, misspelt(golden.question), golden.entry) for golden in asked]
    return Case(texts_in(published, "en"), questions)


def _intents(path: Path, shots: int) -> Case:
    data = json.loads(path.read_text("utf-8"))
    entries = [(entry["id"], entry["variants"][:shots]) for entry in data["entries"]]
    return Case(entries, [(item["q"], item.get("typo") or item["q"], item["id"] or "") for item in data["test"]])


def _flat(entries: Entries) -> tuple[list[str], list[str]]:
    rows = list(itertools.chain.from_iterable(((name, text) for text in texts) for name, texts in entries))
    return [name for name, _ in rows], [text for _, text in rows]


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))[:3]
