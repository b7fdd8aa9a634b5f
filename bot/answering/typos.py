"""Typo repair: an unknown word becomes the nearest known one, by optimal string alignment.

Known are the words of the knowledge base and common English ones, the frequent first. Candidates come from a delete index, so
the time does not grow with the list; the distance is rapidfuzz's. Among equals wins what fingers do: a neighbouring key, two
letters swapped, the first letter right. Where most words are unknown, the text is in another language: it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.typos_index import LONGEST, SHORTEST, TWO_EDITS_FROM, Common, Deletes, common_words, deletes_of

_WORD = re.compile(r"[^\W\d_]+")
_LONG = 8  # letters from which two slips leave little doubt
_FREQUENT = 400  # words of the knowledge base that are meant rather than a rarer one
_ENDINGS = ("s", "ed", "ing")  # "tacos" is no typo where "taco" is a word
_NEGATED = """
can't won't don't didn't doesn't isn't wasn't aren't weren't hasn't haven't hadn't wouldn't shouldn't couldn't mustn't
"""
_CONTRACTED = {
    word.replace("'", ""): word for word in _NEGATED.split()
}  # mended to "can", a question would be turned round
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Typos:
    """Repairs texts. `words`: the knowledge base's own, the frequent first; `arrays`: their index."""

    def __init__(self, words: Sequence[str], arrays: Mapping[str, NDArray[Any]], common: Common | None = None) -> None:
        self.words, self.arrays = words, arrays
        self._own = frozenset(words)
        self._deletes = Deletes.of(arrays)
        self._common = common or common_words()

    @classmethod
    def fit(cls, counted: Mapping[str, int], common: Iterable[str] | None = None) -> Typos:
        """From the knowledge base's words with their counts, and common words. The former win a tie, then the frequent."""
        own = sorted((word for word in counted if _WORD.fullmatch(word)), key=lambda word: (-counted[word], word))
        shared = None if common is None else Common.fit(common)
        return cls(own, vars(Deletes.fit(own, two=True)), shared)

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
        fitting = [word for word in unknown if SHORTEST <= len(word) <= LONGEST]
        mended = {word: self._nearest(word.lower(), own) for word in fitting}
        return _WORD.sub(lambda match: mended.get(match[0]) or match[0], text)

    def _is_word(self, word: str) -> bool:
        return self._known(word) or any(
            word.endswith(ending) and self._known(word[: -len(ending)]) for ending in _ENDINGS if len(word) > 4
        )

    def _known(self, word: str) -> bool:
        return word in self._own or word in self._common.numbers

    def _nearest(self, word: str, own: bool) -> str | None:
        if not own and word in _CONTRACTED:
            return _CONTRACTED[word]
        from rapidfuzz.distance import OSA  # noqa: PLC0415  (20 ms that a start need not spend)

        reach = 2 if len(word) >= TWO_EDITS_FROM else 1
        best: tuple[float, int, str] | None = None
        for number, known in self._candidates(word, own):
            distance = OSA.distance(word, known, score_cutoff=reach)
            if distance > reach or not _likely(word, known, distance, number):
                continue
            cost = (distance + _oddness(word, known) + 0.15 * float(np.log1p(number)), number, known)
            best = cost if best is None or cost < best else best
        return best[2] if best else None

    def _candidates(self, word: str, own: bool) -> Iterator[tuple[int, str]]:
        """Words that may be meant, each with its number: the own ones first, then the common ones that are not own."""
        wanted = deletes_of(word)
        yield from ((number, self.words[number]) for number in self._deletes.near(wanted).tolist())
        if not own:
            for number in self._common.deletes.near(wanted).tolist():
                if (place := int(self._places[number])) >= 0:
                    yield place, self._common.words[number]

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """The number of each common word behind the own ones, -1 if it is one of them."""
        numbers = self._common.numbers
        fresh = np.ones(len(numbers), bool)
        fresh[[numbers[word] for word in self.words if word in numbers]] = False
        return np.where(fresh, len(self.words) - 1 + np.cumsum(fresh), -1)


def _likely(typed: str, meant: str, distance: int, number: int) -> bool:
    """Whether a short word, which has many neighbours, can be meant. Three letters: one was left out ("wht"), or two are swapped
    ("teh"). Two slips in less than eight: only one of the knowledge base's frequent words, and its first letter is right.
    """
    if len(typed) == SHORTEST:
        return len(meant) > SHORTEST or sorted(typed) == sorted(meant)
    return distance < 2 or len(typed) >= _LONG or (number < _FREQUENT and typed[0] == meant[0])


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
