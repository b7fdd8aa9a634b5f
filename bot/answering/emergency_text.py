"""Text as the emergency gate reads it: capped, folded, cut into words. Pure; every step is linear in the text.

People write emergencies in a hurry: accents missing, letters doubled, two languages at once, odd characters from phones.
What is folded away here need not be thought of again in any rule.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARS = 2000
MAX_WORDS = 400
URL, ADDRESS, EXTENSION = "urltoken", "addresstoken", "extensiontoken"

_CONFUSABLE = str.maketrans(
    "аеорсухіјѕԁһӏѵԛԝαεικνορτυχκοενікαåøłđıſ",
    "aeopcyxijsdhlvqwaeiknoptuxkoevikaaoldis",
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_URL = re.compile(r"(?:https?|hxxps?|ftp)://\S+|www\.\S+")
_ADDRESS = re.compile(r"(?<!\S)\S{1,80}@[\w.-]{3,80}")
_EXTENSION = re.compile(r"(?<![\w.])[.*]{1,2}[a-z][a-z0-9]{2,15}(?![\w.])")
_GROUPED = re.compile(r"(?<=\d)[.,'](?=\d)")
_SPACED = re.compile(r"(?<!\S)(?:[^\W_] ){3,40}[^\W_](?!\S)")
_ELISION = re.compile(r"\b(j|l|d|n|m|t|s|c|qu|jusqu|lorsqu|puisqu|quelqu)['’`´]")
_APOSTROPHE = re.compile(r"['’`´]")
_EMAIL = re.compile(r"\be[- ]?mails?\b")
_RUN = re.compile(r"(.)\1{2,}")
_TOKEN = re.compile(r"[^\W_]+|[.!?;:\n…]+|,")
_CURRENCY = str.maketrans({"€": " euro ", "$": " dollar ", "£": " pound ", "¥": " yen ", "₿": " bitcoin "})
_AMOUNT = re.compile(r"(?:\d+k|(?!(?:19|20)\d\d\Z)\d{4,9})\Z")  # not a year
_MONEY_WORDS = frozenset(
    ("euro", "euros", "eur", "dollar", "dollars", "usd", "pound", "pounds", "gbp", "quid", "franken", "chf", "francs", "franc",
     "dolares", "libras", "grand", "tsd")
)  # fmt: skip
_WIDE_GAP = 3  # a full stop counts as this many words of distance


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `exact` keeps its accents, `folded` has none. `place` counts words and gaps; `sentence` counts sentences.

    `clause` counts commas as well. `amount` marks a number that is a sum of money.
    """

    exact: str
    folded: str
    place: int
    sentence: int
    clause: int
    amount: bool = False


def clean(text: str) -> str:
    """The text capped, lower-cased, with invisible and look-alike characters and addresses folded. Accents stay."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS])[:MAX_CHARS].casefold()
    if not text.isascii():
        text = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Me"))
        text = unicodedata.normalize("NFC", text.translate(_CONFUSABLE))
    text = _CONTROL.sub("", text).translate(_CURRENCY)
    text = _ADDRESS.sub(f" {ADDRESS} ", _URL.sub(f" {URL} ", text))
    text = _EXTENSION.sub(f" {EXTENSION} ", _GROUPED.sub("", text))
    text = _SPACED.sub(lambda found: found[0].replace(" ", ""), text)
    text = _EMAIL.sub("mail", _APOSTROPHE.sub("", _ELISION.sub(r"\1 ", text)))
    return _RUN.sub(r"\1\1", text)


def fold(word: str) -> str:
    """The word without accents; `ß` is `ss` already by case folding."""
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def plain(word: str) -> str:
    """A single word as `clean` and `fold` leave it."""
    return word if word.isascii() and word.isalpha() and word.islower() else fold(clean(word))


def words(text: str) -> tuple[Word, ...]:
    """The words of a text as `clean` leaves them."""
    found: list[Word] = []
    place = sentence = clause = 0
    for piece in _TOKEN.findall(text):
        if len(found) == MAX_WORDS:
            break
        if piece == ",":
            clause += 1
        elif piece[0] in ".!?;:\n…":
            place, sentence, clause = place + _WIDE_GAP, sentence + 1, clause + 1
        else:
            found.append(Word(piece, fold(piece), place, sentence, clause))
            place += 1
    return _with_amounts(found)


def _with_amounts(found: list[Word]) -> tuple[Word, ...]:
    for i, word in enumerate(found):
        if not word.folded[0].isdigit():
            continue
        beside = [found[j].folded for j in (i - 1, i + 1) if 0 <= j < len(found)]
        money = any(other in _MONEY_WORDS for other in beside)
        if money or _AMOUNT.match(word.folded):
            found[i] = Word(word.exact, word.folded, word.place, word.sentence, word.clause, amount=True)
    return tuple(found)
