"""Typo repair: an unknown word becomes the nearest known one, by optimal string alignment.

Known are the words of the knowledge base and the whole words of the BERT vocabulary (a list of common English words that
we have anyway, the frequent first). Candidates come from a delete index (Garbe's symmetric deletes), so the time does not
grow with the list; the distance is rapidfuzz's. Among equals wins what fingers do: a neighbouring key, two letters swapped,
the first letter right. Where most words are unknown, the text is in another language: it is left alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORTEST = 4
TWO_EDITS_FROM = 8  # letters: shorter words have too many neighbours at distance two
_LONGEST = 24
_WORD = re.compile(r"[^\W\d_]+")
_ENDINGS = ("s", "ed", "ing")  # "tacos" is no typo where "taco" is a word
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Typos:
    """Repairs texts. `arrays` is its whole state, beside the words."""

    def __init__(self, words: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> None:
        self.words, self.arrays = words, arrays
        self._known = frozenset(words)
        self._own = int(arrays["own"])
        self._hashes, self._owners = arrays["hashes"], arrays["owners"]

    @classmethod
    def fit(cls, counted: Mapping[str, int], common: Iterable[str]) -> Typos:
        """From the knowledge base's words with their counts, and common words. The former win a tie, then the frequent."""
        own = sorted((word for word in counted if _WORD.fullmatch(word)), key=lambda word: (-counted[word], word))
        words = list(dict.fromkeys([*own, *(word for word in common if word.isalpha())]))
        pairs = [
            (zlib.crc32(variant.encode()), number)
            for number, word in enumerate(words)
            if len(word) + 1 >= SHORTEST and len(word) <= _LONGEST
            for variant in _deletes(word, 2 if len(word) >= TWO_EDITS_FROM and number < len(own) else 1)
        ]
        table = np.array(sorted(pairs), np.int64).reshape(-1, 2)
        own_words = np.array(len(own))
        return cls(
            words, {"own": own_words, "hashes": table[:, 0].astype(np.uint32), "owners": table[:, 1].astype(np.int32)}
        )

    def strange(self, text: str) -> bool:
        """Whether most words are unknown, as in a language that is not covered."""
        words = _WORD.findall(text)
        return 5 * sum(not self._is_word(word.lower()) for word in words) > 2 * len(words) + 2

    def repair(self, text: str, *, own: bool = False) -> str:
        """The text with its unknown words mended where one known word is near. `own`: by the knowledge base's words only."""
        words = _WORD.findall(text)
        unknown = {word for word in words if not self._is_word(word.lower())}
        if not unknown or 2 * sum(word in unknown for word in words) > len(words) + 1:
            return text
        limit = self._own if own else len(self.words)
        fitting = [word for word in unknown if SHORTEST <= len(word) <= _LONGEST]
        mended = {word: self._nearest(word.lower(), limit) for word in fitting}
        return _WORD.sub(lambda match: mended.get(match[0]) or match[0], text)

    def _is_word(self, word: str) -> bool:
        return word in self._known or any(
            word.endswith(ending) and word[: -len(ending)] in self._known for ending in _ENDINGS if len(word) > 4
        )

    def _nearest(self, word: str, limit: int) -> str | None:
        from rapidfuzz.distance import OSA  # noqa: PLC0415  (20 ms that a start need not spend)

        reach = 2 if len(word) >= TWO_EDITS_FROM else 1
        best: tuple[float, int] | None = None
        for number in self._candidates(word, reach):
            if number >= limit:
                break  # numbers come in order, the knowledge base's own words first
            known = self.words[number]
            distance = OSA.distance(word, known, score_cutoff=reach)
            if distance > reach:
                continue
            cost = (distance + _oddness(word, known) + 0.15 * float(np.log1p(number)), number)
            best = cost if best is None or cost < best else best
        return self.words[best[1]] if best else None

    def _candidates(self, word: str, reach: int) -> list[int]:
        wanted = np.fromiter((zlib.crc32(variant.encode()) for variant in _deletes(word, reach)), np.uint32)
        starts = np.searchsorted(self._hashes, wanted, "left")
        ends = np.searchsorted(self._hashes, wanted, "right")
        spans = [self._owners[a:b] for a, b in zip(starts, ends, strict=True) if a < b]
        return np.unique(np.concatenate(spans)).tolist() if spans else []


def _neighbours() -> frozenset[tuple[str, str]]:
    places = {char: (x + y / 2, y) for y, row in enumerate(_ROWS) for x, char in enumerate(row)}
    return frozenset(
        (a, b)
        for a, (ax, ay) in places.items()
        for b, (bx, by) in places.items()
        if abs(ax - bx) <= 1 and abs(ay - by) <= 1
    )


_NEAR = _neighbours()


def _oddness(typed: str, meant: str) -> float:
    """How unlike a slip of the fingers this is, from 0 to 0.8; settles ties between equal distances."""
    odd = 0.3 if typed[0] != meant[0] else 0.0
    if len(typed) != len(meant):
        return odd + 0.2
    differ = [(a, b) for a, b in zip(typed, meant, strict=True) if a != b]
    swapped = len(differ) == 2 and differ[0] == differ[1][::-1]
    return odd if swapped or all(pair in _NEAR for pair in differ) else odd + 0.5


def _deletes(word: str, reach: int) -> Iterator[str]:
    """The word, and it with up to `reach` letters left out."""
    seen = {word}
    for count in range(1, min(reach, len(word) - 1) + 1):
        seen.update("".join(word[i] for i in range(len(word)) if i not in gone) for gone in _gone(len(word), count))
    return iter(sorted(seen))


def _gone(size: int, count: int) -> Iterator[tuple[int, ...]]:
    return combinations(range(size), count)
