"""Fitting the answer search: everything that can be worked out from the entries before anybody asks.

The fitted state is a dictionary of arrays, stored in one file under the hash of all that went in. Calibration never sees a
real question: positives leave one variant out (the head is refitted without it, in five folds), near negatives hide a third
of the entries and ask their questions, far negatives are the generic lines.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.confidence import (
    FEATURES_1,
    FEATURES_3,
    HIDDEN,
    Evidence,
    Habit,
    Logistic,
    Read,
    fit_logistic,
    read_evidence,
)
from bot.answering.embeddings import Embedded
from bot.answering.encoder import SHARES, Encoders
from bot.answering.files import replace_file
from bot.answering.head import fit_head, with_bias
from bot.answering.lexical import Lexical, vocabulary
from bot.answering.typos import Typos
from bot.answering.wordpiece import shipped_vocabulary

FORMAT = "3"
MANY = 1000  # entries above which the head is the centroids, and only the nearest entries' variants are compared
NEAREST = 50
FOLDS = 5
HIDDEN_FOLDS = 3
ROWS = 4000  # variants that calibration uses at most
NEAR_WEIGHT = 0.15
FAR_WEIGHT = 0.25
TOO_NEAR = 0.75  # a generic line this near to a variant is a real question here
_HEAD_OF_CENTROIDS = 30.0
_KEPT_STATES = 4
_CHUNK = 256

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """The fitted search as arrays. Variants are rows, sorted by entry; `starts[i]` is the first row of entry i."""

    ids: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]

    def group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays of one part, by their own names."""
        return {name[len(prefix) + 1 :]: value for name, value in self.arrays.items() if name.startswith(f"{prefix}.")}

    def list(self, name: str) -> list[str]:
        """A list of words that is stored as one text."""
        text = self.arrays[name].tobytes().decode()
        return text.split("\n") if text else []

    def habit(self) -> Habit:
        return self._habit

    @cached_property
    def _habit(self) -> Habit:
        return Habit(*self.arrays["habit"])

    @property
    def main(self) -> int:
        """How many numbers of a vector are the main encoder's."""
        return int(self.arrays["main"])

    def evidence(self, vectors: Floats, words: Floats, skip: Ints | None = None) -> Evidence:
        """Evidence for questions. `words`: similarities with each variant. `skip`: one variant a question to leave out."""
        a = self.arrays
        starts, sums, main = a["starts"], a["sums"], self.main
        if skip is not None:
            words = words.copy()
            words[np.arange(len(words)), skip] = 0.0
        word_centroid = np.add.reduceat(words, starts, axis=1) / a["word_norms"]
        word_nearest = np.maximum.reduceat(words, starts, axis=1)
        if not vectors.shape[1]:
            head = _HEAD_OF_CENTROIDS * (0.6 * word_centroid + 0.4 * word_nearest)
            parts = (word_centroid, word_nearest, word_centroid, word_nearest)
            return Evidence(head.astype(float), *parts, word_centroid, word_nearest)
        dots = vectors[:, :main] @ sums[:, :main].T
        both = dots + vectors[:, main:] @ sums[:, main:].T if sums.shape[1] > main else dots
        centroid = both / a["norms"]
        main_centroid = dots / (a["main_norms"] * self._main_length)
        near, main_near = self._nearest(vectors, centroid, skip)
        head = with_bias(vectors) @ a["head"] if len(a["head"]) else _HEAD_OF_CENTROIDS * centroid
        return Evidence(head.astype(float), centroid, near, main_centroid, main_near, word_centroid, word_nearest)

    @cached_property
    def _main_length(self) -> float:
        """Length of the main encoder's part in a joined vector."""
        return 1.0 if self.main == self.arrays["sums"].shape[1] else SHARES[0] / float(np.hypot(*SHARES))

    def _nearest(self, vectors: Floats, centroid: Floats, skip: Ints | None) -> tuple[Floats, Floats]:
        """Cosine with the nearest variant of each entry, over all encoders and over the main one."""
        rows, starts, main = self.arrays["rows"], self.arrays["starts"], self.main
        if len(self.ids) > MANY:
            return self._nearest_of_many(vectors, centroid, skip)
        main_dots = vectors[:, :main] @ rows[:, :main].T
        dots = main_dots + vectors[:, main:] @ rows[:, main:].T if rows.shape[1] > main else main_dots
        if skip is not None:
            index = np.arange(len(vectors))
            dots, main_dots = dots.copy(), main_dots.copy()
            dots[index, skip] = main_dots[index, skip] = -1.0
        return np.maximum.reduceat(dots, starts, axis=1), np.maximum.reduceat(
            main_dots, starts, axis=1
        ) / self._main_length**2

    def _nearest_of_many(self, vectors: Floats, centroid: Floats, skip: Ints | None) -> tuple[Floats, Floats]:
        rows, starts, main = self.arrays["rows"], self.arrays["starts"], self.main
        ends = np.append(starts[1:], len(rows))
        near, main_near = np.full_like(centroid, -1.0), np.full_like(centroid, -1.0)
        for i, vector in enumerate(vectors):
            top = np.sort(np.argpartition(-centroid[i], NEAREST)[:NEAREST])
            picked = np.concatenate([np.arange(starts[c], ends[c]) for c in top])
            chosen = rows[picked].astype(np.float32)
            main_dots = chosen[:, :main] @ vector[:main]
            dots = main_dots + chosen[:, main:] @ vector[main:]
            if skip is not None:
                dots[picked == skip[i]] = main_dots[picked == skip[i]] = -1.0
            borders = np.cumsum(np.append(0, (ends - starts)[top][:-1]))
            near[i, top] = np.maximum.reduceat(dots, borders)
            main_near[i, top] = np.maximum.reduceat(main_dots, borders) / self._main_length**2
        return near, main_near


def fit_state(
    entries: Sequence[tuple[str, Sequence[str]]],
    encoders: Encoders,
    generic: tuple[str, ...],
    cache: Path | None,
    previous: State | None = None,
) -> State:
    """The state for these entries: from the cache, or fitted and kept there. With `previous`: quickly, and not kept."""
    used = [(name, list(dict.fromkeys(variants))) for name, variants in entries if variants]
    key = hashlib.sha256(json.dumps([FORMAT, encoders.name, used, generic]).encode()).hexdigest()[:32]
    path = cache / f"index-{key}.npz" if cache else None
    if path and (stored := _load(path)) is not None:
        return stored
    state = _fit(used, encoders, generic, cache, previous)
    if path and previous is None:
        _save(path, state)
    return state


def _fit(
    entries: list[tuple[str, list[str]]],
    encoders: Encoders,
    generic: tuple[str, ...],
    cache: Path | None,
    previous: State | None,
) -> State:
    ids = tuple(name for name, _ in entries)
    texts = [text for _, variants in entries for text in variants]
    counts = np.array([len(variants) for _, variants in entries], np.int64)
    owners = np.repeat(np.arange(len(ids)), counts)
    joined = [Embedded(part, cache).vectors([*texts, *generic]) for part in encoders.parts]
    vectors = encoders.join(joined) if joined else np.zeros((len(texts) + len(generic), 0), np.float32)
    words = Lexical.fit(texts)
    arrays = _plain(vectors[: len(texts)], owners, counts, words)
    arrays["main"] = np.array(encoders.parts[0].dim if encoders.parts else 0)
    typos = Typos.fit(vocabulary(texts), _common())
    arrays |= {f"words.{name}": value for name, value in words.arrays.items()}
    arrays |= {f"typos.{name}": value for name, value in typos.arrays.items()}
    arrays["typo_words"] = np.frombuffer("\n".join(typos.words).encode(), np.uint8)
    state = State(ids, arrays)
    if joined and 1 < len(ids) <= MANY:
        arrays["head"] = fit_head(vectors[: len(texts)], owners, len(ids), start=_start(state, previous))
    _Calibration(state, texts, words, generic, vectors[len(texts) :]).run(previous)
    if len(ids) > MANY:
        arrays["rows"] = arrays["rows"].astype(np.float16)
    return state


def _plain(vectors: Floats, owners: Ints, counts: Ints, words: Lexical) -> dict[str, NDArray[Any]]:
    size = len(counts)
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(vectors, starts, axis=0) if size else np.zeros((0, vectors.shape[1]), np.float32)
    return {
        "rows": vectors,
        "owners": owners,
        "starts": starts,
        "sums": sums,
        "norms": np.maximum(np.linalg.norm(sums, axis=1), 1e-9).astype(np.float32),
        "word_norms": words.norms(owners, size),
        "head": np.zeros((0, size), np.float32),
    }


def _common() -> Iterator[str]:
    return (word for word in shipped_vocabulary().splitlines() if len(word) > 1 and word.isalpha())


def _start(state: State, previous: State | None) -> Floats | None:
    """The previous head's columns for the entries that are still there."""
    if previous is None or previous.arrays["head"].shape[0] != state.arrays["sums"].shape[1] + 1:
        return None
    places = {name: i for i, name in enumerate(previous.ids)}
    start = np.zeros((previous.arrays["head"].shape[0], len(state.ids)), np.float32)
    for i, name in enumerate(state.ids):
        if name in places:
            start[:, i] = previous.arrays["head"][:, places[name]]
    return start


class _Calibration:
    """Fits how sure the search may be. Adds `habit`, `main_norms`, `first` and `third` to the state."""

    def __init__(self, state: State, texts: list[str], words: Lexical, generic: tuple[str, ...], far: Floats) -> None:
        self._state, self._texts, self._words = state, texts, words
        self._generic, self._far = generic, far
        a = state.arrays
        main = a["sums"][:, : state.main]
        a["main_norms"] = np.maximum(np.linalg.norm(main, axis=1), 1e-9).astype(np.float32)
        self._owners: Ints = a["owners"]
        self._counts = np.bincount(self._owners, minlength=len(state.ids))
        total = len(texts)
        self._sample = np.arange(total) if total <= ROWS else np.linspace(0, total - 1, ROWS).astype(np.int64)

    def run(self, previous: State | None) -> None:
        a = self._state.arrays
        a["habit"] = self._habit()
        if previous is not None:
            a["first"], a["third"] = previous.arrays["first"], previous.arrays["third"]
            return
        self._fit()

    def _left_out(self, rows: Ints) -> Evidence:
        """Evidence of variants, each with itself left out of its entry (the head still knows it)."""
        a, state = self._state.arrays, self._state
        vectors = a["rows"][rows]
        words = np.stack([self._words.similarities(self._texts[i]) for i in rows])
        found = state.evidence(vectors, words, skip=rows)
        index, own, main = np.arange(len(rows)), self._owners[rows], state.main
        if vectors.shape[1]:
            rest = a["sums"][own] - vectors
            length = np.maximum(np.linalg.norm(rest, axis=1), 1e-9)
            found.centroid[index, own] = (rest * vectors).sum(axis=1) / length
            part, mine = rest[:, :main], vectors[:, :main]
            scale = np.maximum(np.linalg.norm(part, axis=1) * np.linalg.norm(mine, axis=1), 1e-9)
            found.main_centroid[index, own] = (part * mine).sum(axis=1) / scale
        return found

    def _habit(self) -> NDArray[np.float64]:
        """Mean similarity of each entry's variants with the rest of it, drawn towards the mean where they are few."""
        size = len(self._state.ids)
        totals, seen = np.zeros((3, size)), np.zeros(size)
        rows = self._sample[self._counts[self._owners[self._sample]] > 1]
        for chunk in _chunks(rows):
            found, own = self._left_out(chunk), self._owners[chunk]
            index = np.arange(len(chunk))
            for total, value in zip(totals, (found.centroid, found.main_centroid, found.main_nearest), strict=True):
                np.add.at(total, own, value[index, own])
            np.add.at(seen, own, 1)
        means = totals.sum(axis=1) / max(seen.sum(), 1)
        result: NDArray[np.float64] = (totals + 3 * means[:, None]) / (seen + 3)
        return result

    def _fit(self) -> None:
        a, state = self._state.arrays, self._state
        positive = self._sample[self._counts[self._owners[self._sample]] > 1]
        found = list(self._positives(positive))
        near = list(self._near())
        far = self._far_reads()
        if len(positive) < 20 or len(state.ids) < 5 or not far:
            a["first"], a["third"] = _default(FEATURES_1), _default(FEATURES_3)
            return
        right = np.concatenate([read.order[:, 0] == own for read, own in found])
        among = np.concatenate([(read.order[:, :3] == own[:, None]).any(axis=1) for read, own in found])
        count, others = len(right), sum(len(read.order) for read in near)
        strangers = sum(len(read.order) for read in far)
        weight = np.concatenate(
            [
                np.ones(count),
                np.full(others, NEAR_WEIGHT * count / max(others, 1)),
                np.full(strangers, FAR_WEIGHT * count / strangers),
            ]
        )
        reads = [*(read for read, _ in found), *near, *far]
        for name, features, truth in (("first", FEATURES_1, right), ("third", FEATURES_3, among)):
            matrix = np.concatenate([read.matrix(features) for read in reads])
            labels = np.concatenate([truth, np.zeros(others + strangers)]).astype(float)
            a[name] = fit_logistic(matrix, labels, weight).arrays()

    def _positives(self, rows: Ints) -> Iterator[tuple[Read, Ints]]:
        """Each variant as a question, by an index and a head that never saw it."""
        a, state = self._state.arrays, self._state
        fold = (np.arange(len(self._owners)) - a["starts"][self._owners]) % FOLDS
        for number in range(FOLDS):
            asked = rows[fold[rows] == number]
            if not len(asked):
                continue
            head = None
            if len(a["head"]):
                kept = fold != number
                head = fit_head(a["rows"][kept], self._owners[kept], len(state.ids))
            for chunk in _chunks(asked):
                found = self._left_out(chunk)
                if head is not None:
                    found.head[:] = with_bias(a["rows"][chunk]) @ head
                yield read_evidence(found, state.habit()), self._owners[chunk]

    def _near(self) -> Iterator[Read]:
        """Each variant as a question that nothing answers: its entry is hidden, with a third of the others."""
        a, state = self._state.arrays, self._state
        size = len(state.ids)
        if size < 5:
            return
        for number in range(HIDDEN_FOLDS):
            shown = np.arange(size) % HIDDEN_FOLDS != number
            places = np.cumsum(shown) - 1
            kept = shown[self._owners]
            head = None
            if len(a["head"]):
                head = fit_head(a["rows"][kept], places[self._owners[kept]], int(shown.sum()))
            for chunk in _chunks(self._sample[~kept[self._sample]]):
                found = self._left_out(chunk)
                if head is not None:
                    found.head[:, shown] = with_bias(a["rows"][chunk]) @ head
                yield read_evidence(_without(found, ~shown), state.habit())

    def _far_reads(self) -> list[Read]:
        if not self._generic:
            return []
        state = self._state
        words = np.stack([self._words.similarities(line) for line in self._generic])
        found = state.evidence(self._far, words)
        strange = found.nearest.max(axis=1) < TOO_NEAR
        if not strange.any():
            return []
        return [read_evidence(Evidence(*(value[strange] for value in vars(found).values())), state.habit())]


def _without(evidence: Evidence, hidden: NDArray[np.bool_]) -> Evidence:
    for name, value in vars(evidence).items():
        value[:, hidden] = HIDDEN if name == "head" else -1.0
    return evidence


def _default(features: tuple[str, ...]) -> NDArray[np.float64]:
    """For a handful of entries there is nothing to fit: sure where the question is as near as the entry's own ones."""
    weights = np.array([{"centroid": 8.0, "main_centroid": 8.0, "log_p": 1.0}.get(name, 0.0) for name in features])
    return Logistic(np.zeros(len(features)), np.ones(len(features)), weights, 2.0).arrays()


def _chunks(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _load(path: Path) -> State | None:
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
        ids = arrays.pop("ids").tobytes().decode()
        return State(tuple(ids.split("\n")) if ids else (), arrays)
    return None


def _save(path: Path, state: State) -> None:
    ids = np.frombuffer("\n".join(state.ids).encode(), np.uint8)
    with suppress(OSError):
        replace_file(path, lambda out: np.savez(out, ids=ids, **state.arrays))  # type: ignore[arg-type]
        kept = sorted(path.parent.glob("index-*.npz"), key=lambda item: item.stat().st_mtime, reverse=True)
        for old in kept[_KEPT_STATES:]:
            old.unlink(missing_ok=True)
