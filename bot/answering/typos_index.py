"""The delete index behind typo repair (Garbe's symmetric deletes): two words within an edit share a word with letters left out.

The hash of a word is a polynomial over its letters, so that the hashes of all its shorter forms come from the sums before and
after the gaps: thousands of words in one pass of numpy. A collision only offers one candidate more to measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.wordpiece import shipped_vocabulary

SHORTEST = 3  # letters of a word that is mended
LONGEST = 24
TWO_EDITS_FROM = 6  # letters: shorter words have too many neighbours at distance two

Hashes = NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse among 64-bit numbers
_POWERS = np.array([pow(_BASE, i, 1 << 64) for i in range(LONGEST + 1)], np.uint64)
_BACK = [np.uint64(pow(_BASE, -i, 1 << 64)) for i in range(3)]


@dataclass(frozen=True)
class Deletes:
    """Sorted hashes of words with up to one or two letters left out, and for each the number of its word."""

    hashes: NDArray[np.uint32]
    owners: NDArray[np.int32]

    @classmethod
    def fit(cls, words: Sequence[str], *, two: bool) -> Deletes:
        """An index over words. `two`: long ones also with two letters left out."""
        sizes = np.array([len(word) for word in words], np.int64)
        found, owners = [np.zeros(0, np.uint32)], [np.zeros(0, np.int32)]
        for size in range(SHORTEST - 1, LONGEST + 1):
            numbers = np.flatnonzero(sizes == size)
            if len(numbers):
                hashes = _deleted([words[i] for i in numbers.tolist()], 2 if two and size >= TWO_EDITS_FROM else 1)
                found.append(hashes.ravel())
                owners.append(np.repeat(numbers.astype(np.int32), hashes.shape[1]))
        every = np.concatenate(found)
        order = np.argsort(every, kind="stable")
        return cls(every[order], np.concatenate(owners)[order])

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Deletes:
        return cls(arrays["hashes"], arrays["owners"])

    def near(self, wanted: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Numbers of the words that share one of the hashes, in order."""
        starts, ends = (np.searchsorted(self.hashes, wanted, side) for side in ("left", "right"))
        spans = [self.owners[a:b] for a, b in zip(starts, ends, strict=True) if a < b]
        return np.unique(np.concatenate(spans)) if spans else np.zeros(0, np.int32)


def deletes_of(word: str) -> NDArray[np.uint32]:
    """Hashes of a typed word with up to as many letters left out as its length allows edits."""
    hashes: NDArray[np.uint32] = _deleted([word], 2 if len(word) >= TWO_EDITS_FROM else 1)[0]
    return hashes


@dataclass(frozen=True)
class Common:
    """Words that many know, the frequent first, each with its number; and their index."""

    words: tuple[str, ...]
    numbers: Mapping[str, int]
    deletes: Deletes

    @classmethod
    def fit(cls, words: Iterable[str]) -> Common:
        used = tuple(dict.fromkeys(word for word in words if word.isalpha()))
        return cls(used, {word: i for i, word in enumerate(used)}, Deletes.fit(used, two=False))


@lru_cache(maxsize=1)
def common_words() -> Common:
    """The whole words of the BERT vocabulary: a list of frequent English words that we have anyway. Made once a process."""
    return Common.fit(word for word in shipped_vocabulary().splitlines() if len(word) > 1 and word.isalpha())


def _deleted(words: Sequence[str], reach: int) -> NDArray[np.uint32]:
    """Hashes of words of one length, whole and with up to `reach` letters left out: shape (words, forms)."""
    size = len(words[0])
    letters = np.array(words, f"U{size}").view(np.uint32).reshape(len(words), size).astype(np.uint64)
    sums = np.zeros((len(words), size + 1), np.uint64)  # sums[:, i]: the letters before i
    np.cumsum(letters * _POWERS[:size], axis=1, out=sums[:, 1:])
    forms = [sums[:, -1:]]
    if size > 1:
        forms.append(sums[:, :-1] + (sums[:, -1:] - sums[:, 1:]) * _BACK[1])
    if reach > 1:
        a, b = np.array(list(combinations(range(size), 2))).T
        middle = (sums[:, b] - sums[:, a + 1]) * _BACK[1]
        forms.append(sums[:, a] + middle + (sums[:, -1:] - sums[:, b + 1]) * _BACK[2])
    mixed: Hashes = np.concatenate(forms, axis=1)
    mixed ^= mixed >> np.uint64(29)
    result: NDArray[np.uint32] = ((mixed * _POWERS[1]) >> np.uint64(32)).astype(np.uint32)
    return result
