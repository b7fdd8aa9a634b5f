"""TF-IDF over words, word pairs and character n-grams, as flat arrays.

Terms are their crc32: no dictionary to build or to keep, and a collision among some ten thousand terms costs nothing that
can be measured. Rows are texts; their vectors have length one.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_WORD = re.compile(r"\w+")
_GRAMS = (3, 4, 5)
_LONG = 50_000
_TOO_COMMON, _COMMON_SHARE = 2_000, 0.05  # a term in more rows than this, and in such a share of them, tells nothing


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.casefold())


def terms_of(text: str) -> Counter[int]:
    """Hashed terms of a text, with how often each occurs."""
    words = words_of(text)
    hashed = [_hash(word) for word in words]
    hashed += [_hash(f"{a} {b}") for a, b in itertools.pairwise(words)]
    for word in words:
        hashed += _grams(word)
    return Counter(hashed)


@lru_cache(maxsize=8192)  # an edit fits nearly the same texts again; about a kilobyte each
def _counted(text: str) -> tuple[NDArray[np.uint32], Floats]:
    """The hashed terms of a text of the knowledge base, and how often each occurs."""
    counts = terms_of(text)
    return np.fromiter(counts, np.uint32, len(counts)), np.fromiter(counts.values(), np.float32, len(counts))


@lru_cache(maxsize=4096)  # the same words come again and again
def _grams(word: str) -> tuple[int, ...]:
    padded = f"<{word}>"
    return tuple(_hash(f"#{padded[i : i + n]}") for n in _GRAMS for i in range(len(padded) - n + 1))


def _hash(term: str) -> int:
    return zlib.crc32(term.encode())


class Lexical:
    """An inverted index over texts. `arrays` is its whole state."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.arrays = arrays
        self._terms, self._starts = arrays["terms"], arrays["starts"]
        self._rows, self._values, self._idf = arrays["rows"], arrays["values"], arrays["idf"]
        self._size = int(arrays["size"])

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Lexical:
        """Index texts in their order."""
        counted = [_counted(text) for text in texts]
        flat, tf = (np.concatenate(parts) for parts in zip(*counted, strict=True)) if counted else _counted("")
        rows = np.repeat(np.arange(len(texts), dtype=np.int32), [len(terms) for terms, _ in counted])
        terms, column, df = np.unique(flat, return_inverse=True, return_counts=True)
        idf = (np.log((1 + len(texts)) / (1 + df)) + 1).astype(np.float32)
        telling = df <= max(_TOO_COMMON, _COMMON_SHARE * len(texts))
        if not telling.all():  # "how do I" of ten thousand entries: most of the time, and none of the order
            idf[~telling] = 0
            kept = telling[column]
            column, rows, tf = column[kept], rows[kept], tf[kept]
        values = (1 + np.log(tf)) * idf[column]
        norms = np.sqrt(np.bincount(rows, values * values, minlength=len(texts))) if len(rows) else np.ones(len(texts))
        values = (values / norms[rows]).astype(np.float32)
        order = np.argsort(column, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=len(terms)))])
        return cls(
            {
                "terms": terms,
                "starts": starts.astype(np.int64),
                "rows": rows[order],
                "values": values[order],
                "idf": idf,
                "size": np.int64(len(texts)),  # type: ignore[dict-item]
            }
        )

    def similarities(self, text: str) -> Floats:
        """Cosine of a text with every row, shape (rows,)."""
        found, weights = self._weights(text)
        if not len(found):
            return np.zeros(self._size, np.float32)
        starts, ends = self._starts[found], self._starts[found + 1]
        counts = ends - starts
        if counts.sum() > _LONG:  # long lists are faster copied than gathered
            spans = [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
            rows, values = (np.concatenate([part[span] for span in spans]) for part in (self._rows, self._values))
        else:
            places = np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)
            rows, values = self._rows[places], self._values[places]
        return np.bincount(rows, values * np.repeat(weights, counts), minlength=self._size).astype(np.float32)

    def norms(self, owners: NDArray[np.int64], size: int) -> Floats:
        """Length of the sum of each owner's rows, shape (size,): what turns a sum of similarities into a centroid's."""
        column = np.repeat(np.arange(len(self._terms)), np.diff(self._starts))
        keys, place = np.unique(owners[self._rows] * len(self._terms) + column, return_inverse=True)
        sums = np.bincount(place, self._values, minlength=len(keys))
        squares = np.bincount(keys // max(len(self._terms), 1), sums * sums, minlength=size)
        return np.maximum(np.sqrt(squares), 1e-9).astype(np.float32)

    def _weights(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """Known terms of a text and their weights; unknown ones count in its length with the highest idf."""
        counts = terms_of(text)
        if not counts or not len(self._terms):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        hashed = np.fromiter(counts, np.uint32, len(counts))
        tf = 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))
        at = np.minimum(np.searchsorted(self._terms, hashed), len(self._terms) - 1)
        known = self._terms[at] == hashed
        weights = tf * np.where(known, self._idf[at], self._idf.max())
        weights /= max(float(np.sqrt((weights * weights).sum())), 1e-9)
        return at[known], weights[known].astype(np.float32)


def vocabulary(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs over texts."""
    return Counter(word for text in texts for word in words_of(text))
