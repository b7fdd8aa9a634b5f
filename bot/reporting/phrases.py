"""Finds phrases in text in one pass. The wording files explain how phrases are written.

A phrase is a row of elements: alternatives split by `|`, `word*` for any ending, `?` before what may be missing, `..` for up
to three words in between. Text and phrases are folded first (see `folding.fold`), punctuation does not count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.reporting.folding import fold

GAP = 3
MAX_WORDS = 6_000
MAX_HITS = 60
_WORD = re.compile(r"[^\W_]+|[$€£%]")


@dataclass(frozen=True)
class Element:
    """One place in a phrase."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    optional: bool = False
    gap: bool = False

    def fits(self, word: str) -> bool:
        return word in self.words or (bool(self.stems) and word.startswith(self.stems))


Phrase = tuple[Element, ...]


def words(text: str) -> list[str]:
    """Words of folded text, in order, capped."""
    result = []
    for match in _WORD.finditer(fold(text)):
        result.append(match[0])
        if len(result) >= MAX_WORDS:
            break
    return result


def read(phrase: str) -> Phrase:
    """A phrase as elements. Raises `ValueError` if it could begin anywhere (gap or missing word first)."""
    elements = [_element(part) for part in fold(phrase).split()]
    while elements and elements[-1].gap:
        elements.pop()
    if not elements or elements[0].gap:
        raise ValueError(f"the phrase {phrase!r} must begin with a word | put the first fixed word first")
    return tuple(elements)


def _element(part: str) -> Element:
    if part == "..":
        return Element(gap=True)
    optional = part.startswith("?")
    exact, stems = set(), []
    for word in part.lstrip("?").split("|"):
        clean = "".join(_WORD.findall(word))
        if not clean:
            continue
        if word.endswith("*"):
            stems.append(clean)
        else:
            exact.add(clean)
    return Element(frozenset(exact), tuple(stems), optional)


class Matcher:
    """All phrases of all categories, indexed by the words they begin with."""

    def __init__(self, categories: Mapping[str, Iterable[str]]) -> None:
        self._exact: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)
        self._stems: dict[int, dict[str, list[tuple[str, Phrase]]]] = defaultdict(lambda: defaultdict(list))
        for category, phrases in categories.items():
            for phrase in phrases:
                self._add(category, read(phrase))

    def _add(self, category: str, phrase: Phrase) -> None:
        """Index a phrase; one whose first places may be missing is indexed under each possible beginning."""
        for start, element in enumerate(phrase):
            entry = (category, phrase[start:])
            for word in element.words:
                self._exact[word].append(entry)
            for stem in element.stems:
                self._stems[len(stem)][stem].append(entry)
            if not element.optional:
                return

    def find(self, text: list[str]) -> dict[str, list[str]]:
        """Category → what was found, in the order of the text, each wording once."""
        found: dict[str, list[str]] = {}
        for place, word in enumerate(text):
            for category, phrase in self._starting(word):
                hits = found.setdefault(category, [])
                if len(hits) >= MAX_HITS:
                    continue
                end = _match(text, place, phrase)
                if end and (hit := " ".join(text[place:end])) not in hits:
                    hits.append(hit)
        return {category: hits for category, hits in found.items() if hits}

    def spans(self, text: list[str]) -> dict[str, list[tuple[int, int]]]:
        """Category → where it was found, as word positions."""
        found: dict[str, list[tuple[int, int]]] = {}
        for place, word in enumerate(text):
            for category, phrase in self._starting(word):
                end = _match(text, place, phrase)
                spots = found.setdefault(category, [])
                if end and len(spots) < MAX_HITS and (not spots or spots[-1] != (place, end)):
                    spots.append((place, end))
        return {category: spots for category, spots in found.items() if spots}

    def _starting(self, word: str) -> list[tuple[str, Phrase]]:
        entries = self._exact.get(word, [])
        extra = [entry for length, stems in self._stems.items() for entry in stems.get(word[:length], ())]
        return entries + extra if extra else entries


def _match(text: list[str], place: int, phrase: Phrase) -> int:
    """Where the phrase ends if it starts here, else 0."""
    if not phrase:
        return place
    element, rest = phrase[0], phrase[1:]
    if element.gap:
        return next((end for skip in range(GAP + 1) if (end := _match(text, place + skip, rest))), 0)
    if place < len(text) and element.fits(text[place]) and (end := _match(text, place + 1, rest)):
        return end
    return _match(text, place, rest) if element.optional else 0
