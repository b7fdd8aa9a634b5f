"""Softmax regression on embeddings, fitted by L-BFGS in numpy: which entry does this vector speak of?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SCALE = 10.0  # embeddings have length one; without this the regularisation would drown them
_MEMORY = 8
_ENOUGH = 2e-4  # change of the loss, relative, below which nobody can tell the difference


def fit_head(
    vectors: Floats,
    owners: NDArray[np.int64],
    size: int,
    *,
    l2: float = 1e-3,
    rounds: int = 60,
    start: Floats | None = None,
) -> Floats:
    """Weights, shape (dim + 1, size); the last row is the bias. `owners[i]` is the entry of row i. `start`: warm start."""
    rows = with_bias(vectors)
    weights = np.zeros((rows.shape[1], size), np.float32) if start is None else start.copy()
    loss, gradient = _loss(rows, owners, weights, l2)
    history: list[tuple[Floats, Floats, float]] = []
    for _ in range(rounds):
        step = -_direction(gradient, history)
        slope = float(np.vdot(gradient, step))
        length = 1.0 if history else min(1.0, 1.0 / max(float(np.abs(gradient).sum()), 1e-9))
        for _ in range(12):
            tried = weights + np.float32(length) * step
            new_loss, new_gradient = _loss(rows, owners, tried, l2)
            if new_loss <= loss + 1e-4 * length * slope:
                break
            length /= 2
        moved, turned = tried - weights, new_gradient - gradient
        curvature = float(np.vdot(moved, turned))
        if curvature > 1e-12:
            history = [*history[-(_MEMORY - 1) :], (moved, turned, 1.0 / curvature)]
        gain = (loss - new_loss) / max(abs(loss), 1e-9)
        weights, loss, gradient = tried, new_loss, new_gradient
        if gain < _ENOUGH and len(history) > 3:
            break
    return weights


def with_bias(vectors: Floats) -> Floats:
    """Rows as the head takes them, shape (n, dim + 1)."""
    ones = np.ones((len(vectors), 1), np.float32)
    return np.hstack([vectors * np.float32(SCALE), ones]).astype(np.float32)


def log_softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Log-probabilities over the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: NDArray[Any] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _loss(rows: Floats, owners: NDArray[np.int64], weights: Floats, l2: float) -> tuple[float, Floats]:
    logs = log_softmax(rows @ weights)
    index = np.arange(len(rows))
    loss = -float(logs[index, owners].mean()) + 0.5 * l2 * float(np.vdot(weights, weights))
    wrong = np.exp(logs)
    wrong[index, owners] -= 1.0
    gradient: Floats = rows.T @ wrong / np.float32(len(rows)) + np.float32(l2) * weights
    return loss, gradient


def _direction(gradient: Floats, history: list[tuple[Floats, Floats, float]]) -> Floats:
    """The two-loop recursion (Nocedal 1980): the inverse Hessian times the gradient."""
    q = gradient.copy()
    alphas = []
    for moved, turned, rho in reversed(history):
        alpha = rho * float(np.vdot(moved, q))
        q -= np.float32(alpha) * turned
        alphas.append(alpha)
    if history:
        moved, turned, _ = history[-1]
        q *= np.float32(float(np.vdot(moved, turned)) / float(np.vdot(turned, turned)))
    for (moved, turned, rho), alpha in zip(history, reversed(alphas), strict=True):
        q += moved * np.float32(alpha - rho * float(np.vdot(turned, q)))
    return q
