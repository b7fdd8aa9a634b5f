"""WordPiece over the uncased BERT vocabulary (Devlin et al. 2018, section 3), as MiniLM was trained with.

Lower case, accents off, punctuation and CJK characters on their own, then the longest known piece first.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files

_LONGEST_WORD = 100
_CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


class WordPiece:
    """Turns text into token ids, at most `limit` of them, with the opening and closing marks."""

    def __init__(self, limit: int, vocabulary: str | None = None) -> None:
        self._ids = {piece: i for i, piece in enumerate((vocabulary or shipped_vocabulary()).splitlines())}
        self._start, self._end, self._unknown = (self._ids[mark] for mark in ("[CLS]", "[SEP]", "[UNK]"))
        self._limit = limit
        self._pieces = lru_cache(maxsize=8192)(self._split)

    def ids(self, text: str) -> list[int]:
        """Token ids of a text."""
        found = [self._start]
        for word in _words(text):
            found += self._pieces(word)
            if len(found) >= self._limit:
                break
        return [*found[: self._limit - 1], self._end]

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(mark + word[start:end])
                if piece is not None:
                    break
            else:
                return (self._unknown,)
            found.append(piece)
            start = end
        return tuple(found)


def shipped_vocabulary() -> str:
    """The vocabulary, one piece a line; its frequent words come first."""
    return files("bot.answering").joinpath("vocabulary/bert-uncased.txt").read_text(encoding="utf-8")


def _words(text: str) -> list[str]:
    if text.isascii():
        clean = text.lower()
    else:
        lowered = unicodedata.normalize("NFD", _spaced(text).lower())
        clean = "".join(c for c in lowered if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _punctuation(c) else c for c in clean if c.isspace() or not _control(c)).split()


def _spaced(text: str) -> str:
    return "".join(f" {c} " if any(low <= ord(c) <= high for low, high in _CJK) else c for c in text)


@lru_cache(maxsize=4096)
def _punctuation(char: str) -> bool:
    code = ord(char)
    if code < 128:
        return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return unicodedata.category(char).startswith("P")


@lru_cache(maxsize=4096)
def _control(char: str) -> bool:
    return char in ("\0", "\ufffd") or unicodedata.category(char) in ("Cc", "Cf")
