"""How sure the search is, as two calibrated probabilities fitted from the entries alone.

`p1`: the best candidate is right. `p3`: the right one is among the best three. Both are logistic regressions on a few signs of
a ranking, fitted on three kinds of rows: each variant with itself left out (positive if found), each variant with its own
entry hidden (a near question that nothing answers), and generic lines (far ones). Thresholds on them are all the triage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.head import log_softmax

Array = NDArray[np.float64]
Signal = NDArray[np.floating[Any]]  # of many entries in single precision: four times as fast, and as good
HIDDEN = -1e9  # the head's score of an entry that is not there
FEATURES_1 = ("main_centroid", "main_nearest", "head", "log_p", "lead", "words_centroid")
FEATURES_3 = (*FEATURES_1, "log_p3", "gap3", "main_centroid3", "head3")
_WEIGHTS = {"log_p": 0.2, "centroid": 1.0, "words_nearest": 0.15, "words_centroid": 0.3}
_FLOOR = -30.0
_WORTH_PARTING = 500


@dataclass(frozen=True)
class Evidence:
    """What each signal says of each entry, arrays of shape (questions, entries).

    `head`: scores of the softmax regression (`HIDDEN` where an entry is not visible); the others are cosines: with the
    entry's centroid over all encoders, with its centroid and nearest variant over the main one, and of words (TF-IDF).
    """

    head: Signal
    centroid: Signal
    main_centroid: Signal
    main_nearest: Signal
    words_centroid: Signal
    words_nearest: Signal


@dataclass(frozen=True)
class Habit:
    """How near an entry's own questions usually are to it, shape (entries,) each: some entries are broader than others."""

    main_centroid: Array
    main_nearest: Array


@dataclass(frozen=True)
class Read:
    """A ranking read from evidence: entries best first (shape (questions, up to 4)), scores, and named features."""

    order: NDArray[np.int64]
    scores: Array
    features: Mapping[str, Array]

    def matrix(self, names: tuple[str, ...]) -> Array:
        return np.stack([self.features[name] for name in names], axis=1)


def read_evidence(evidence: Evidence, habit: Habit) -> Read:
    """Rank every row and name the signs of its best candidates. Rows need at least one visible entry."""
    visible = evidence.head > HIDDEN / 2
    log_p = np.maximum(log_softmax(evidence.head), _FLOOR)
    scores = sum(
        (weight * (log_p if name == "log_p" else getattr(evidence, name)) for name, weight in _WEIGHTS.items()),
        np.zeros_like(log_p),
    )
    scores = np.where(visible, scores, HIDDEN)
    count = min(4, scores.shape[1])
    order = np.stack([_best(row, count) for row in scores])
    means = np.where(visible, evidence.head, 0).sum(axis=1) / visible.sum(axis=1)
    centred = np.where(visible, evidence.head - means[:, None], _FLOOR)
    return Read(order, scores, _features(evidence, habit, order, scores, log_p, centred))


def _best(scores: Array, count: int) -> NDArray[np.int64]:
    """Places of the highest scores, best first, among equals the first: what a stable sort says, in a tenth of its time."""
    if len(scores) <= _WORTH_PARTING:
        return np.argsort(-scores, kind="stable")[:count]
    lowest = np.partition(scores, -count)[-count]
    likely = np.flatnonzero(scores >= lowest)
    return likely[np.argsort(-scores[likely], kind="stable")][:count]


def _features(
    evidence: Evidence, habit: Habit, order: NDArray[np.int64], scores: Array, log_p: Array, centred: Array
) -> dict[str, Array]:
    row = np.arange(len(order))
    rows, best, three = row[:, None], order[:, 0], order[:, :3]
    second = order[:, min(1, order.shape[1] - 1)]
    last = order[:, -1] if order.shape[1] == 4 else best
    over = evidence.main_centroid - habit.main_centroid
    return {
        "main_centroid": over[row, best],
        "main_nearest": evidence.main_nearest[row, best] - habit.main_nearest[best],
        "similarity": evidence.main_nearest[row, best],
        "head": centred[row, best],
        "log_p": np.maximum(log_p[row, best], -8),
        "lead": np.clip(log_p[row, best] - log_p[row, second], -10, 10),
        "words_centroid": evidence.words_centroid[row, best],
        "log_p3": np.maximum(np.log(np.exp(log_p[rows, three]).sum(axis=1)), -8),
        "gap3": np.minimum(scores[row, three[:, -1]] - scores[row, last], 5) if order.shape[1] == 4 else row * 0.0,
        "main_centroid3": over[rows, three].max(axis=1),
        "head3": centred[rows, three].max(axis=1),
    }


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression: `sigmoid(((x - mean) / spread) @ weights + bias)`."""

    mean: Array
    spread: Array
    weights: Array
    bias: float

    def __call__(self, features: Array) -> Array:
        result: Array = 1 / (1 + np.exp(-((features - self.mean) / self.spread @ self.weights + self.bias)))
        return result

    def arrays(self) -> Array:
        """All of it as one array, shape (4, features)."""
        return np.stack([self.mean, self.spread, self.weights, np.full_like(self.mean, self.bias)])

    @classmethod
    def of(cls, arrays: NDArray[Any]) -> Logistic:
        return cls(arrays[0], arrays[1], arrays[2], float(arrays[3, 0]))


def fit_logistic(features: Array, truth: Array, weight: Array, l2: float = 1e-2) -> Logistic:
    """Weighted logistic regression by Newton's method, on standardised features."""
    mean = np.average(features, axis=0, weights=weight)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight)) + 1e-6
    rows = np.hstack([(features - mean) / spread, np.ones((len(features), 1))])
    ridge = np.full(rows.shape[1], l2 * weight.sum())
    ridge[-1] = 1e-6
    theta = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(rows @ theta)))
        gradient = rows.T @ (weight * (p - truth)) + ridge * theta
        hessian = (rows * (weight * p * (1 - p))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        theta -= step
        if float(np.abs(step).max()) < 1e-7:
            break
    return Logistic(mean, spread, theta[:-1], float(theta[-1]))
