"""How a message hangs together with the one before it, and how two questions stand in one message.

Everything is told by small words, which `knowledge/search/threads.yaml` lists by language; what the questions mean is for the
search to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from bot.answering.entries import Language
from bot.answering.ours import fold
from bot.content import Faults, Shape, Shelf, parse, read

LONGEST = 14  # words of a message that goes on from another one
BARE = 3  # words of its own that one which only points back may have
SHORTEST = 3  # words of a question that stands beside another one
MOST = 3  # questions of one message that are looked at
READ = 600  # characters: a longer message is a pasted text, not two questions
_WORD = re.compile(r"[^\W_]+")
_BREAK = re.compile(r"(?<=[?¿!;])\s+|(?<=[.])\s+|\s*\n\s*|\s*(?:^|(?<=\s))(?:\d[.)]|[-*•])\s+")


class ThreadsFile(Shape):
    """`search/threads.yaml`: small words by language."""

    schema_: str = Field(alias="schema", pattern="^threads/1$")
    openers: dict[Language, list[str]]
    back: dict[Language, list[str]]
    asks: dict[Language, list[str]]
    also: dict[Language, list[str]]


@dataclass(frozen=True)
class Wording:
    """Folded words. Phrases are tuples of words, longest first."""

    openers: tuple[tuple[str, ...], ...] = ()
    back: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    also: tuple[tuple[str, ...], ...] = ()


def load_threads(shelf: Shelf, faults: Faults) -> Wording:
    """The words of a shelf; none, with the faults added, if the file is missing or broken."""
    found = shelf.file("search/threads.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(ThreadsFile, document, faults) if document else None
    if model is None:
        return Wording()
    return Wording(_phrases(model.openers), _single(model.back), _single(model.asks), _phrases(model.also))


@dataclass(frozen=True)
class Threads:
    """Reads single messages. `small`: words that say nothing by themselves, in every language (folded)."""

    wording: Wording = Wording()
    small: frozenset[str] = frozenset()

    def goes_on(self, text: str) -> bool:
        """Whether a message seems to go on from the one before it: it begins so, or points back and says little else."""
        words = _words(text)
        if not words or len(words) > LONGEST:
            return False
        return self._opens(words) > 0 or (self._points_back(words) and self._own(words) <= BARE)

    def bare(self, text: str) -> bool:
        """Whether it means nothing without the one before: at most two words of its own."""
        words = _words(text)
        return self.goes_on(text) and self._own(words[self._opens(words) :]) <= 2

    def without_opener(self, text: str) -> str:
        """The message without the word that joins it to the last one."""
        words = list(_WORD.finditer(text))
        skipped = self._opens(_words(text))
        return text[words[skipped].start() :] if 0 < skipped < len(words) else text

    def questions(self, text: str) -> tuple[str, ...]:
        """The questions of a message, in order; a single one is the whole message."""
        if len(text) > READ:
            return (text,)
        parts = [part for piece in _BREAK.split(text) if piece and piece.strip() for part in self._joined(piece)]
        parts = self._whole(part.strip(" ,;-") for part in parts)
        return tuple(parts) if 1 < len(parts) <= MOST else (text,)

    def is_question(self, text: str) -> bool:
        """Whether a text asks, by its mark or its first word."""
        words = _words(text)
        return text.rstrip().endswith("?") or bool(words and words[0] in self.wording.asks)

    def points_back(self, text: str) -> bool:
        """Whether a text needs something before it to mean anything."""
        words = _words(text)
        return self._points_back(words) and self._own(words) <= BARE

    # inside

    def _joined(self, text: str) -> list[str]:
        """A piece of a message cut where a second question is joined to the first: "… and how do I …"."""
        found = list(_WORD.finditer(text))
        words = [fold(word[0]) for word in found]
        for i in range(SHORTEST, len(words) - SHORTEST):
            length = _starts(words[i:], self.wording.also)
            start = i + length
            if length and start < len(words) - SHORTEST + 1 and words[start] in self.wording.asks:
                return [text[: found[i].start()], *self._joined(text[found[start].start() :])]
        return [text]

    def _whole(self, parts: Iterable[str]) -> list[str]:
        """Parts that are too short to be a question belong to the one before them."""
        whole: list[str] = []
        for part in parts:
            if len(_words(part)) >= SHORTEST or not whole:
                whole.append(part)
            elif part:
                whole[-1] = f"{whole[-1]} {part}"
        if len(whole) > 1 and len(_words(whole[0])) < SHORTEST:
            whole[:2] = [f"{whole[0]} {whole[1]}"]
        return whole

    def _opens(self, words: Sequence[str]) -> int:
        return _starts(words, self.wording.openers) if len(words) > 1 else 0

    def _points_back(self, words: Sequence[str]) -> bool:
        return any(word in self.wording.back for word in words)

    def _own(self, words: Sequence[str]) -> int:
        known = self.small | self.wording.back | self.wording.asks
        return sum(word not in known for word in words)


def _words(text: str) -> list[str]:
    return [fold(word) for word in _WORD.findall(text[:2_000])]


def _phrases(languages: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    found = {tuple(_words(phrase)) for phrases in languages.values() for phrase in phrases}
    return tuple(sorted(found, key=lambda phrase: (-len(phrase), phrase)))


def _single(languages: Mapping[str, Sequence[str]]) -> frozenset[str]:
    return frozenset(fold(word) for words in languages.values() for word in words)


def _starts(words: Sequence[str], phrases: Sequence[tuple[str, ...]]) -> int:
    """How many words the longest phrase at the start has."""
    return next((len(phrase) for phrase in phrases if tuple(words[: len(phrase)]) == phrase), 0)
