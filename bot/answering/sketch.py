"""Many entries: their centroids in few dimensions, to tell which few are worth an exact look.

Ten thousand centroids of 896 numbers are 36 MB to read for each question; in 128 dimensions, those in which the centroids
differ most (their principal axes), 5 MB, and the nearest hundreds hold the nearest one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
DIMENSIONS = 128
LIKELY = 256  # entries that are looked at exactly


def fit_sketch(sums: Floats, norms: Floats) -> dict[str, NDArray[Any]]:
    """`sketch_axes`, shape (dim, 128), and `sketch`, the centroids along them, shape (entries, 128)."""
    centroids = sums / norms[:, None]
    _, axes = np.linalg.eigh(centroids.T @ centroids)  # eigenvalues ascend
    axes = np.ascontiguousarray(axes[:, -DIMENSIONS:], np.float32)
    return {"sketch_axes": axes, "sketch": np.ascontiguousarray(centroids @ axes, np.float32)}


def rough_cosines(arrays: dict[str, NDArray[Any]], vectors: Floats) -> Floats:
    """About the cosine of each question with each centroid, shape (questions, entries)."""
    result: Floats = (vectors @ arrays["sketch_axes"]) @ arrays["sketch"].T
    return result


def likely(rough: Floats, shown: NDArray[np.bool_] | None) -> Ints:
    """Places of the nearest shown entries of one question, in their order."""
    seen = rough if shown is None else np.where(shown, rough, np.float32(-2))
    count = min(LIKELY, len(seen))
    return np.sort(np.argpartition(-seen, count - 1)[:count])
