"""Which language does somebody write in, and do we speak it? Spoken is what has a `copy/<language>.yaml`.

Told by small words and by script. A text that tells nothing ("VPN") is nobody's foreign language.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import Field

from bot.answering.entries import Language
from bot.answering.lexical import words_of
from bot.content import Faults, Shape, Shelf, parse, read

READ = 600  # characters
_LATIN = "LATIN"
_MANY = 0.5  # share of the letters that a script needs
_SURE, _LEAD = 1.5, 0.5  # points of a foreign language, and how many more than of any spoken one
_SHORT = 0.5  # share of the words that is enough for a short text


class OtherLanguagesFile(Shape):
    """`search/other_languages.yaml`: small words by language, and scripts."""

    schema_: str = Field(alias="schema", pattern="^other-languages/1$")
    words: dict[Language, str]
    scripts: dict[str, Language]


@dataclass(frozen=True)
class Others:
    """Languages that nothing is written in: small words and scripts."""

    words: Mapping[str, str]
    scripts: Mapping[str, str]


def load_others(shelf: Shelf, faults: Faults) -> Others:
    """The lists of a shelf; none, with the faults added, if the file is missing or broken."""
    found = shelf.file("search/other_languages.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(OtherLanguagesFile, document, faults) if document else None
    return Others(model.words, model.scripts) if model else Others({}, {})


class Speech:
    """`spoken`: languages that there are words for; `words`: the small words of those that can be told apart."""

    def __init__(self, spoken: Collection[str], words: Mapping[str, str], others: Others) -> None:
        self._spoken, self._scripts = frozenset(spoken), others.scripts
        listed = {language: _listed(text) for language, text in {**others.words, **words}.items()}
        self._ours = {language: found for language, found in listed.items() if language in self._spoken}
        self._theirs = {language: found for language, found in listed.items() if language not in self._spoken}
        self._known = frozenset(word for found in self._ours.values() for word in found)
        self._letters = _letters(self._ours.values())

    def foreign(self, text: str) -> str:
        """The language of a text that we do not speak (`other`: some language); "" if we do, or if nothing tells."""
        written = script(text[:READ])
        if written != _LATIN:
            language = self._scripts.get(written, "")
            return "" if language in self._spoken else language
        words = list(dict.fromkeys(words_of(text[:READ])))
        strange = sum(1.0 for word in words if not set(word) <= self._letters)
        points = {
            language: sum(0.5 if word in self._known else 1.0 for word in words if word in found)
            for language, found in sorted(self._theirs.items())
        }
        best = max(points, key=lambda language: points[language], default="")
        ours = max((sum(word in found for word in words) for found in self._ours.values()), default=0)
        total = points.get(best, 0.0) + strange
        best = best if points.get(best) else "other"
        return best if total > ours + _LEAD and total >= min(_SURE, _SHORT * len(words)) else ""

    def by_script(self, text: str) -> str:
        """The spoken language that a script belongs to; "" for Latin and for scripts we do not write in."""
        language = self._scripts.get(script(text[:READ]), "")
        return language if language in self._spoken else ""


def script(text: str) -> str:
    """The script that at least half of the letters are of (the first word of their Unicode names); `LATIN` where none is.

    Japanese writes in three: where there are kana, Chinese characters count for them.
    """
    if text.isascii():
        return _LATIN
    counted = Counter(_script_of(char) for char in text if char.isalpha())
    if kana := counted["HIRAGANA"] + counted["KATAKANA"]:
        counted["HIRAGANA"] = kana + counted.pop("CJK", 0)
    name, n = max(counted.items(), key=lambda item: item[1], default=(_LATIN, 0))
    return name if n >= _MANY * sum(counted.values()) and n else _LATIN


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


def _letters(lists: Iterable[Collection[str]]) -> frozenset[str]:
    """Letters of our languages: those of their small words, and the plain ones with every accent that English, German, French
    and Spanish put on them."""
    return frozenset("abcdefghijklmnopqrstuvwxyz0123456789_äöüßàâæçéèêëîïôœùûÿáíñóú").union(
        *(set("".join(listed)) for listed in lists)
    )


@lru_cache(maxsize=4096)
def _script_of(char: str) -> str:
    name = unicodedata.name(char, "LATIN").partition(" ")[0].partition("-")[0]
    return {"FULLWIDTH": _LATIN, "HALFWIDTH": "KATAKANA", "KATAKANA": "KATAKANA"}.get(name, name)
