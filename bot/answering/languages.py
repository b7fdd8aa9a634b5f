"""Which language is a question in? Told by its small words, which a short list a language holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pydantic import Field

from bot.answering.entries import Language
from bot.answering.lexical import words_of
from bot.content import Faults, Shape, Shelf, parse, read


class LanguagesFile(Shape):
    """`search/languages.yaml`: small words by language, each list as one text."""

    schema_: str = Field(alias="schema", pattern="^languages/1$")
    words: dict[Language, str]


class Languages:
    """Small words by language. A word of several languages counts for each of them, but less."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = dict(words)
        listed = {language: set(text.casefold().split()) for language, text in words.items()}
        shared = Counter(word for found in listed.values() for word in found)
        self._weights = {
            language: {word: 1 / shared[word] ** 2 for word in found} for language, found in sorted(listed.items())
        }

    def guess(self, text: str) -> str:
        """The language with the most small words in the text; "" where there are none, or two are equal."""
        words = words_of(text)
        scores = sorted(
            ((sum(weights.get(word, 0.0) for word in words), language) for language, weights in self._weights.items()),
            reverse=True,
        )
        if not scores or scores[0][0] <= 0 or (len(scores) > 1 and scores[0][0] - scores[1][0] < 1e-9):
            return ""
        return scores[0][1]


def load_languages(shelf: Shelf, faults: Faults | None = None) -> Languages:
    """The lists of a shelf; none, with the faults added, if the file is missing or broken."""
    faults = faults or Faults()
    found = shelf.file("search/languages.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(LanguagesFile, document, faults) if document else None
    return Languages(model.words if model else {})
