"""Mistyped words: an unknown word is taken for the nearest word the emergency gate cares about.

One mistake is allowed, two in words of nine letters or more: a letter too many, missing, wrong, or two swapped (optimal string
alignment). Everyday words are known and never taken for another. Candidates come from a delete index, so the time does not
grow with the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files

from rapidfuzz.distance import OSA

from bot.answering.emergency_text import plain

SHORTEST = 4
_LONGEST = 24
_LONG = 7  # letters from which the first one may be wrong


class Mender:
    """`near(word, lang)` by the words of that language and those listed under "" for all languages."""

    def __init__(self, words: Mapping[str, Iterable[str]], known: Iterable[str]) -> None:
        self._known = {plain(word) for word in known}
        self._index = {lang: _index({plain(word) for word in listed}) for lang, listed in words.items()}

    def near(self, word: str, lang: str) -> list[str]:
        """The nearest words, in alphabetical order; empty for a known, a short or a quite different word."""
        if not SHORTEST <= len(word) <= _LONGEST or word in self._known or any(char.isdigit() for char in word[1:-1]):
            return []
        best = _mistakes(word)
        indexes = [self._index[name] for name in (lang, "") if name in self._index]
        seen = {entry for shorter in _deletes(word, best) for index in indexes for entry in index.get(shorter, ())}
        alike = sorted(entry for entry in seen if _begins_alike(entry, word))
        scored = [(OSA.distance(word, entry, score_cutoff=best), entry) for entry in alike]
        least = min((score for score, _ in scored), default=best + 1)
        return [entry for score, entry in scored if score == least <= best]


def common_words() -> frozenset[str]:
    """Everyday English words that are packaged anyway (the vocabulary of the search); none if they cannot be read."""
    try:
        text = files("bot.answering").joinpath("vocabulary/bert-uncased.txt").read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError):
        return frozenset()
    return frozenset(word for word in text.split() if word.isalpha())


def _index(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    deletes: dict[str, set[str]] = defaultdict(set)
    for word in words:
        if len(word) >= SHORTEST - 1:
            for shorter in _deletes(word, _mistakes(word)):
                deletes[shorter].add(word)
    return {shorter: tuple(sorted(found)) for shorter, found in deletes.items()}


def _begins_alike(entry: str, word: str) -> bool:
    return entry[0] == word[0] or len(entry) >= _LONG or sorted(entry[:2]) == sorted(word[:2])


def _mistakes(word: str) -> int:
    """How many mistakes a word of this length may have."""
    return 2 if len(word) >= 9 else 1


def _deletes(word: str, depth: int) -> set[str]:
    """The word, and what is left of it with up to `depth` letters taken out."""
    found, edge = {word}, {word}
    for _ in range(depth):
        edge = {item[:i] + item[i + 1 :] for item in edge for i in range(len(item))}
        found |= edge
    return found
