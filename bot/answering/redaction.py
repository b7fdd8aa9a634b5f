"""Takes pasted secrets out of a text before anything logs, stores, searches or sends it.

Finds passwords in prose ("my password is …", four languages) and in `key: value` form, one-time codes and PINs near a word
for them, payment cards (Luhn), account numbers (IBAN, ISO 7064 mod 97) and keys of well-known services. What is found is
replaced by `[removed: password]`. Pure, no I/O; each pattern is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.answering.redaction_passwords import passwords
from bot.answering.redaction_words import CODE, CODE_HINTS, COMPOUND_CODE, NUMBERED, PLAIN_CODE

KINDS = ("key", "iban", "card", "password", "code")
Span = tuple[int, int, str]  # start, end, kind

_I = re.IGNORECASE


@dataclass(frozen=True, slots=True)
class Redaction:
    """The text without its secrets, and the kind of each one removed, in order of place."""

    text: str
    removed: tuple[str, ...] = ()


def redact(text: str) -> Redaction:
    """The text with every secret replaced by `[removed: kind]`. A text without secrets comes back as it was."""
    clean = _visible(text)
    spans = _merged(span for find in _FINDERS for span in find(clean))
    if not spans:
        return Redaction(text)
    pieces, at = [], 0
    for start, end, kind in spans:
        pieces += [clean[at:start], f"[removed: {kind}]"]
        at = end
    return Redaction("".join([*pieces, clean[at:]]), tuple(kind for _, _, kind in spans))


def _visible(text: str) -> str:
    """Without zero-width characters, which would hide a secret from every pattern."""
    if text.isascii() or not any(unicodedata.category(char) == "Cf" for char in set(text)):
        return text
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _merged(found: Iterator[Span]) -> list[Span]:
    """Spans in order, overlapping ones as one; the kind that stands first in `KINDS` names it."""
    merged: list[Span] = []
    for start, end, kind in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, other = merged[-1]
            merged[-1] = (first, max(last, end), min(kind, other, key=KINDS.index))
        else:
            merged.append((start, end, kind))
    return merged


# ---------------------------------------------------------------- keys of services, `key: value` pairs

_SERVICE = re.compile(
    r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}|\bglpat-[\w-]{20,64}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bxapp-\d-[A-Za-z0-9-]{10,250}"
    r"|https://hooks\.slack\.com/(?:services|workflows)/[\w/-]{8,120}"
    r"|\bAIza[\w-]{30,50}|\bya29\.[\w-]{20,400}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,128}|\bsk-[A-Za-z0-9_-]{20,200}"
    r"|\bnpm_[A-Za-z0-9]{30,50}|\bpypi-[\w-]{40,250}|\bSG\.[\w-]{16,32}\.[\w-]{16,64}|\bdop_v1_[a-f0-9]{60,70}"
    r"|\beyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]{0,1000})?"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PREFIXES = (
    "AKIA", "ASIA", "AROA", "AIDA", "gh", "glpat-", "xox", "xapp-", "hooks.slack", "AIza", "ya29.", "k_live_", "k_test_",
    "sk-", "npm_", "pypi-", "SG.", "dop_v1_", "eyJ",
)  # fmt: skip
_NAMED_KEY = re.compile(
    r"\b[\w.-]{0,24}(?:api[_ -]?key|apikey|secret[_ -]?(?:access[_ -]?)?key|access[_ -]?key(?:[_ -]?id)?|client[_ -]?secret"
    r"|secret|(?:auth|access|refresh|bearer|api|session)[_ -]?token|token|accountkey|sharedaccesskey|private[_ -]?key)\b"
    r"[\"']?\s{0,3}(?:=>|:=|[:=])\s{0,3}[\"']?(?!\[removed)([^\s\"',;]{8,500})",
    _I,
)
_BEARER = re.compile(r"\bbearer\s{1,3}([A-Za-z0-9._~+/=-]{16,4000})", _I)
_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:([^\s/@]{1,200})@", _I)


def _keys(text: str) -> Iterator[Span]:
    lower = text.lower()
    if any(prefix in text for prefix in _PREFIXES):
        yield from ((*found.span(), "key") for found in _SERVICE.finditer(text))
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    if any(word in lower for word in ("key", "secret", "token")):
        yield from ((*found.span(1), "key") for found in _NAMED_KEY.finditer(text) if _looks_like_key(found[1]))
    if "bearer" in lower:
        yield from ((*found.span(1), "key") for found in _BEARER.finditer(text))
    if "://" in text:
        yield from ((*found.span(1), "password") for found in _IN_URL.finditer(text))


def _private_keys(text: str) -> Iterator[Span]:
    """From BEGIN to END; without an END everything that follows."""
    at = 0
    while begin := _PRIVATE_KEY.search(text, at):
        end = _PRIVATE_END.search(text, begin.end())
        at = end.end() if end else len(text)
        yield begin.start(), at, "key"


def _looks_like_key(value: str) -> bool:
    return any(char.isdigit() for char in value) or (len(value) >= 16 and not value.isalpha())


# ---------------------------------------------------------------- cards and account numbers

_CARD = re.compile(r"(?<![\w+-])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)")
# Prefixes and lengths of the card schemes, so that a long order number that passes Luhn by chance stays.
_SCHEME = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{14,17}"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
# Length by country: SWIFT IBAN registry.
_IBAN_LENGTH = {
    code: int(size)
    for size, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM", "28": "AL AZ BY CY DO GT HU LB NI PL SV",
        "29": "BR EG PS QA UA", "30": "JO KW MU", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip


def _cards(text: str) -> Iterator[Span]:
    for found in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", found[0])
        if _SCHEME.fullmatch(digits) and _luhn(digits):
            yield *found.span(), "card"


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + i % 2) for i, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _ibans(text: str) -> Iterator[Span]:
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTH.get(found[0][:2].upper())
        end = _end_of_iban(text, found.start(), length) if length else 0
        if end:
            yield found.start(), end, "iban"


def _end_of_iban(text: str, start: int, length: int) -> int:
    """Where an IBAN of this length ends, or 0 if there is none with a right check number."""
    chars, at = "", start
    while len(chars) < length and at < len(text):
        char = text[at]
        if char.isascii() and char.isalnum():
            chars += char.upper()
        elif char not in " -":
            return 0
        at += 1
    if len(chars) < length or (at < len(text) and text[at].isalnum()):
        return 0
    number = int("".join(str(int(char, 36)) for char in chars[4:] + chars[:4]))
    return at if number % 97 == 1 else 0


# ---------------------------------------------------------------- codes

_NEAR = 40  # characters between the word and the number
_CODE_WORD = re.compile(CODE, _I)
_PLAIN_CODE = re.compile(PLAIN_CODE, _I)
_COMPOUND_CODE = re.compile(COMPOUND_CODE, _I)
_NUMBER = re.compile(
    r"(?<![\w+#.,/-])(?<!\d[ /)])(?:G-)?(?:\d{6,8}|\d{3}[ -]\d{3,4}|\d{4}[ -]\d{4}|\d{2}[ -]\d{2}[ -]\d{2})"
    r"(?![\w-]|[.,/]\d|[ ]\d)"
)
_PIN = re.compile(
    r"\b(?:pin|pin-?code|pin-?nummer|geheimzahl|code pin|tan)\b"
    r"(?:\s+(?:is|was|ist|war|lautet|est|es|code|number)){0,2}\s{0,3}[:=]?\s{0,3}(\d{4,8})\b",
    _I,
)
_NUMBERED = re.compile(rf"(?<!\w){NUMBERED}\s*(?:is|was|ist|est|es|:|#)?\s*\Z", _I)


def _codes(text: str) -> Iterator[Span]:
    lower = text.lower()
    if not any(hint in lower for hint in CODE_HINTS):
        return
    for found in _PIN.finditer(text):
        yield *found.span(1), "code"
    words = [found.span() for found in _CODE_WORD.finditer(text) if _means_secret(text, found.start())]
    starts = [first for first, _ in words]
    for found in _NUMBER.finditer(text) if words else ():
        start, end = found.span()
        after = bisect_left(starts, end)  # the first code word after the number; the one before it stands before
        near = (after < len(words) and starts[after] - end <= _NEAR) or (
            after > 0 and start - words[after - 1][1] <= _NEAR
        )
        if near and not _NUMBERED.search(text, max(0, start - 40), start):
            yield start, end, "code"


def _means_secret(text: str, start: int) -> bool:
    """Whether the code word at `start` is not an "error code", a "barcode" or the like."""
    begin = max(0, start - 24)
    if _PLAIN_CODE.search(text, begin, start):
        return False
    return start == 0 or not text[start - 1].isalpha() or bool(_COMPOUND_CODE.search(text, begin, start))


_FINDERS: tuple[Callable[[str], Iterator[Span]], ...] = (_keys, _cards, _ibans, passwords, _codes)
