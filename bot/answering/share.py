"""How much the second encoder says beside the main one, for these entries.

Everyday questions gain from both; where entries differ in a professional detail, the main one tells them apart better. Each
variant, left out of its entry, is looked up among the centroids: the share with which most find home is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.answering.encoder import SHARE

Floats = NDArray[np.float32]
_SHARES = (SHARE, 0.6, 1.0, 0.45)  # among equals the first
_FEWEST, _MOST = 100, 10_000  # variants: of fewer chance decides, of more nobody would notice


def fit_share(vectors: Sequence[Floats], owners: NDArray[np.int64]) -> float:
    """The second encoder's share. `vectors`: one array an encoder, rows in the order of `owners`, which ascend."""
    if len(vectors) < 2 or not _FEWEST <= len(owners) <= _MOST:
        return SHARE
    parts = [_left_out(each, owners) for each in vectors]
    hits = [_hits([1.0, share], parts, owners) for share in _SHARES]
    return _SHARES[int(np.argmax(hits))]


def _left_out(vectors: Floats, owners: NDArray[np.int64]) -> tuple[Floats, Floats, Floats, Floats]:
    """Dot products with each entry's sum, squares of those sums; and both for the own entry without the variant itself."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sums = np.add.reduceat(vectors, starts, axis=0)
    rest = sums[owners] - vectors
    return vectors @ sums.T, (sums * sums).sum(axis=1), (rest * vectors).sum(axis=1), (rest * rest).sum(axis=1)


def _hits(
    shares: Sequence[float], parts: Sequence[tuple[Floats, Floats, Floats, Floats]], owners: NDArray[np.int64]
) -> int:
    """Variants whose own entry's centroid is the nearest."""
    dots, squares, own, own_squares = (
        sum(np.float32(share * share) * part[i] for share, part in zip(shares, parts, strict=True)) for i in range(4)
    )
    cosines = dots / np.sqrt(np.maximum(squares, 1e-9))
    cosines[np.arange(len(owners)), owners] = own / np.sqrt(np.maximum(own_squares, 1e-9))
    return int((cosines.argmax(axis=1) == owners).sum())
