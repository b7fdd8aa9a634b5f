"""Calibrating the search on its own entries: no real question is needed, or seen.

Positives leave one variant out: index and head are asked about a variant that they never saw (in five folds). Near negatives
hide a third of the entries and ask their variants. Far negatives are the generic lines. Near negatives weigh more where the
entries resemble one another: there, what people ask beside the point is near as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.answering.confidence import (
    FEATURES_1,
    FEATURES_3,
    HIDDEN,
    Evidence,
    Logistic,
    Read,
    fit_logistic,
    read_evidence,
)
from bot.answering.head import fit_head, with_bias
from bot.answering.lexical import Lexical
from bot.answering.state import MANY, Floats, Ints, State

FOLDS = 5
HIDDEN_FOLDS = 3
MOST_ROWS = 4000  # variants that calibration asks at most
FEWEST_ROWS = 20
FEWEST_ENTRIES = 5
FAR_WEIGHT = 0.2  # all far negatives together; all positives are 1
TOO_NEAR = 0.75  # a generic line this near to a variant is a real question here
_NEAR_WEIGHT, _NEAR_SLOPE, _NEAR_FROM, _NEAR_MOST = 0.05, 0.65, 0.4, 0.4
_CHUNK = 256

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """Everything that calibration asks with: variants and generic lines, as texts and as joined vectors.

    `words` None: only `habit` is asked for, and what encoders say suffices for it.
    """

    texts: list[str]
    vectors: Floats
    generic: tuple[str, ...]
    far: Floats
    words: Lexical | None


class Calibration:
    """Works on a state that has everything but `habit`, `first` and `third`."""

    def __init__(self, state: State, asked: Asked) -> None:
        self._state, self._asked = state, asked
        self._owners: Ints = state.arrays["owners"]
        counts = np.bincount(self._owners, minlength=len(state.ids))
        total = len(asked.texts)
        rows = np.arange(total) if total <= MOST_ROWS else np.linspace(0, total - 1, MOST_ROWS).astype(np.int64)
        self._all, self._paired = rows, rows[counts[self._owners[rows]] > 1]
        self._found = self._evidence_of_all() if len(state.ids) <= MANY else {}  # of ten thousand it is a gigabyte

    def habit(self) -> Array:
        """Mean similarity of each entry's variants with the rest of it, drawn towards the mean where they are few."""
        size = len(self._state.ids)
        totals, seen = np.zeros((2, size)), np.zeros(size)
        for chunk in _chunks(self._paired):
            found, own = self._left_out(chunk), self._owners[chunk]
            index = np.arange(len(chunk))
            for total, value in zip(totals, (found.main_centroid, found.main_nearest), strict=True):
                np.add.at(total, own, value[index, own])
            np.add.at(seen, own, 1)
        means = totals.sum(axis=1) / max(seen.sum(), 1)
        result: Array = (totals + 3 * means[:, None]) / (seen + 3)
        return result

    def fit(self) -> tuple[Array, Array]:
        """The two logistic regressions as arrays, for `first` and `third`."""
        far = self._far()
        if len(self._paired) < FEWEST_ROWS or len(self._state.ids) < FEWEST_ENTRIES or not far:
            return _default(FEATURES_1), _default(FEATURES_3)
        found, near = list(self._positives()), list(self._near())
        right = np.concatenate([read.order[:, 0] == own for read, own in found])
        among = np.concatenate([(read.order[:, :3] == own[:, None]).any(axis=1) for read, own in found])
        positive = [read for read, _ in found]
        others, strangers = (sum(len(read.order) for read in reads) for reads in (near, far))
        count, nearness = len(right), _near_weight(positive, near, far)
        shares = [(count, 1.0), (others, nearness * count / others), (strangers, FAR_WEIGHT * count / strangers)]
        weight = np.concatenate([np.full(size, share) for size, share in shares])
        fitted = []
        for features, truth in ((FEATURES_1, right), (FEATURES_3, among)):
            matrix = np.concatenate([read.matrix(features) for read in [*positive, *near, *far]])
            labels = np.concatenate([truth, np.zeros(others + strangers)]).astype(float)
            fitted.append(fit_logistic(matrix, labels, weight).arrays())
        return fitted[0], fitted[1]

    def _evidence_of_all(self) -> dict[str, Floats]:
        """The evidence of every row that is asked, by name: worked out once, used for all that is fitted."""
        found: dict[str, Floats] = {}
        for start in range(0, len(self._all), _CHUNK):
            rows = self._all[start : start + _CHUNK]
            for name, values in vars(self._ask(rows)).items():
                kept = found.setdefault(name, np.empty((len(self._all), values.shape[1]), np.float32))
                kept[start : start + len(rows)] = values
        return found

    def _left_out(self, rows: Ints, shown: NDArray[np.bool_] | None = None) -> Evidence:
        """Evidence of variants, each with itself left out of its entry (the head still knows it)."""
        if not self._found:
            return self._ask(rows, shown)
        places = np.searchsorted(self._all, rows)
        return Evidence(**{name: values[places].astype(np.float64) for name, values in self._found.items()})

    def _ask(self, rows: Ints, shown: NDArray[np.bool_] | None = None) -> Evidence:
        state, vectors = self._state, self._asked.vectors[rows]
        words = self._similarities([self._asked.texts[i] for i in rows])
        found = state.evidence(vectors, words, skip=rows, shown=shown)
        if state.main:
            index, own = np.arange(len(rows)), self._owners[rows]
            rest = state.arrays["sums"][own] - vectors
            found.centroid[index, own] = _cosine(rest, vectors)
            found.main_centroid[index, own] = _cosine(rest[:, : state.main], vectors[:, : state.main])
        return found

    def _similarities(self, texts: Sequence[str]) -> Floats:
        """Of words with each variant, shape (texts, variants)."""
        if self._asked.words is None:
            return np.zeros((len(texts), len(self._asked.texts)), np.float32)
        return np.stack([self._asked.words.similarities(text) for text in texts])

    def _positives(self) -> Iterator[tuple[Read, Ints]]:
        """Each variant as a question, by an index and a head that never saw it; with its entry."""
        arrays, state, vectors = self._state.arrays, self._state, self._asked.vectors
        fold = (np.arange(len(self._owners)) - arrays["starts"][self._owners]) % FOLDS
        for number in range(FOLDS):
            asked = self._paired[fold[self._paired] == number]
            kept = fold != number
            head = None
            if len(arrays["head"]) and len(asked):
                head = fit_head(vectors[kept], self._owners[kept], len(state.ids))
            for chunk in _chunks(asked):
                found = self._left_out(chunk)
                if head is not None:
                    found.head[:] = with_bias(vectors[chunk]) @ head
                yield read_evidence(found, state.habit), self._owners[chunk]

    def _near(self) -> Iterator[Read]:
        """Each variant as a question that nothing answers: its entry is hidden, with a third of the others."""
        arrays, state, vectors = self._state.arrays, self._state, self._asked.vectors
        size = len(state.ids)
        for number in range(HIDDEN_FOLDS):
            shown = np.arange(size) % HIDDEN_FOLDS != number
            kept = shown[self._owners]
            head = None
            if len(arrays["head"]):
                places = np.cumsum(shown) - 1
                head = fit_head(vectors[kept], places[self._owners[kept]], int(shown.sum()))
            for chunk in _chunks(self._all[~kept[self._all]]):
                found = self._left_out(chunk, shown)
                if head is not None:
                    found.head[:, shown] = with_bias(vectors[chunk]) @ head
                yield read_evidence(hide(found, shown), state.habit)

    def _far(self) -> list[Read]:
        """The generic lines, without those that come near to a variant."""
        if not self._asked.generic:
            return []
        found = self._state.evidence(self._asked.far, self._similarities(self._asked.generic))
        strange = found.main_nearest.max(axis=1) < TOO_NEAR
        parts = (value[strange] for value in vars(found).values())
        return [read_evidence(Evidence(*parts), self._state.habit)] if strange.any() else []


def hide(evidence: Evidence, shown: NDArray[np.bool_]) -> Evidence:
    """The evidence as if only these entries existed."""
    if shown.all():
        return evidence
    values = {
        name: np.where(shown, value, HIDDEN if name == "head" else -1.0) for name, value in vars(evidence).items()
    }
    return Evidence(**values)


def _near_weight(positive: list[Read], near: list[Read], far: list[Read]) -> float:
    """Weight of all near negatives, from where they lie between far ones (0) and positives (1)."""
    means = [np.concatenate([read.features["similarity"] for read in reads]).mean() for reads in (far, near, positive)]
    place = float((means[1] - means[0]) / max(means[2] - means[0], 1e-6))
    return min(max(_NEAR_WEIGHT + _NEAR_SLOPE * (place - _NEAR_FROM), _NEAR_WEIGHT), _NEAR_MOST)


def _default(features: tuple[str, ...]) -> Array:
    """For a handful of entries there is nothing to fit: sure where a question is as near as the entry's own ones."""
    weights = np.array([{"main_centroid": 16.0, "log_p": 1.0}.get(name, 0.0) for name in features])
    return Logistic(np.zeros(len(features)), np.ones(len(features)), weights, 2.0).arrays()


def _cosine(a: Floats, b: Floats) -> Floats:
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    result: Floats = (a * b).sum(axis=1) / np.maximum(length, 1e-9)
    return result


def _chunks(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
