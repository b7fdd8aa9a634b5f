"""Passwords in prose and in `name: value` form, in four languages.

The rule: what follows "my password is" is the secret, to the end of the line or to where the sentence goes on, unless it
starts like an ordinary remark ("expired", "not working"). Beside any talk of a password, a word of letters, digits and
symbols is one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.answering.redaction_words import GOES_ON, IS, NAME_HINTS, NAMES, STILL, TALK, TALK_ALONE, UNITS

Span = tuple[int, int, str]  # start, end, kind
_I = re.IGNORECASE

_QUOTED = re.compile(r"[\"'“”„«»‘’`]([^\"'“”„«»‘’`\n]{1,200})[\"'“”„«»‘’`]")
_MENTION = re.compile(rf"(?:{NAMES})|\b(?:pass|passkey)(?=\s{{0,3}}[:=])", _I)
# These are tried right after a mention, or right before it.
_IS = re.compile(
    r"(?:\s+(?:for|to|of|on|from|in|für|zum|zur|vom|von|auf|pour|de|du|d'|del|para)(?:\s+\S{1,30}){1,4}?)?"
    rf"(?:\s{{0,3}}[:=]\s{{0,3}}|\s+{IS}\s*:?\s+)(?:{STILL}\s+)?(?=\S)",
    _I,
)
_TO = re.compile(r"\s+(?:to|auf|in|en|à|por|a)\s+(?=\S)", _I)
_CHANGED = re.compile(r"\b(?:chang|set|reset|updat|änder|geändert|modifi|cambi)\w*[^\n.]{0,30}\Z", _I)
_BARE = re.compile(r"\s{1,3}(\S{6,64})")
_BEFORE = re.compile(
    r"(?<!\S)(\S{4,64})\s+(?:is|was|ist|war|est|es|as|als|comme|como)\s+(?:my|our|the|mein|unser|das|mon|notre|le|mi|nuestra|la)\s+"
    r"(?:new\s+|old\s+|neues\s+|nouveau\s+|nueva\s+)?\Z",
    _I,
)
_COMPOUND = re.compile(r"[\w-]|\s+(?:manager|safe|policy|reset)", _I)
_GOES_ON = re.compile(GOES_ON, _I)
_UNITS = re.compile(UNITS, _I)
_MASKED = re.compile(r"[*•.xX?_\-#]+\Z")
_WORD = re.compile(r"[^\s,;.!?:\"'“”«»()]+")
_WORD_ENDS = re.compile(r"[,;.!?:)\"'”»]*(?:\s|\Z)")
_SYMBOL = re.compile(r"[!#$%&*+?^~|<>=§](?=\S)|(?<=\d)[!#$%&*+?^~|<>=§]")
_TOKEN_END = re.compile(r"\s|\Z")
_PRODUCT = re.compile(
    r"(?:office|windows|win|o|m|microsoft|outlook|iphone|sap|word|excel|v|id|kb|ipad|galaxy)[ -]?\d+\w{0,2}[.,?!]?\Z",
    _I,
)
_TICKET = re.compile(r"[A-Za-z]{2,6}-\d+[.,?!]?\Z")
_NOUNS = frozenset(
    ("what", "this", "that", "it", "where", "how", "which", "here", "there", "who", "das", "was", "wo", "dies", "ce", "c'est",
     "où", "quel", "cual", "cuál", "esto", "eso")
)  # fmt: skip


def passwords(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each password in the text; spans may overlap."""
    lower = text.lower()
    if not any(hint in lower for hint in NAME_HINTS):
        return
    done = 0
    for mention in _MENTION.finditer(text):
        for span in _after(text, mention) if mention.end() >= done else ():
            done = span[1]
            yield span
        found = _BEFORE.search(text, max(0, mention.start() - 90), mention.start())
        if found and not _COMPOUND.match(text, mention.end()) and found[1].strip(",.").lower() not in _NOUNS | TALK:
            yield *found.span(1), "password"
    yield from _strong(text)


def _after(text: str, mention: re.Match[str]) -> Iterator[Span]:
    said = _IS.match(text, mention.end())
    if said:
        return _rest(text, said.end())
    to = _TO.match(text, mention.end())
    if to and _CHANGED.search(text, max(0, mention.start() - 50), mention.start()):
        return _one_word(text, to.end())
    bare = _BARE.match(text, mention.end())
    return iter([(*bare.span(1), "password")] if bare and _secret_looking(bare[1]) else [])


def _strong(text: str) -> Iterator[Span]:
    """Words of letters, digits and symbols together: beside any talk of a password they are one."""
    done = 0
    for symbol in _SYMBOL.finditer(text):
        if symbol.start() < done:
            continue
        start = max(text.rfind(space, max(0, symbol.start() - 64), symbol.start()) for space in " \n\t") + 1
        start = start or max(0, symbol.start() - 64)
        ended = _TOKEN_END.search(text, symbol.end())
        done = ended.start() if ended else len(text)
        word = text[start:done]
        if 8 <= len(word) <= 64 and _secret_looking(word) and any(char.isdigit() for char in word) and "\\" not in word:
            yield start, done, "password"


def _rest(text: str, start: int) -> Iterator[Span]:
    """The remainder of the line after "my password is", up to where the sentence goes on, unless it is only talk."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    quoted = _QUOTED.match(text, start, end)
    if quoted:
        yield *quoted.span(1), "password"
        return
    if text.startswith("[removed", start) or _talk(text[start:end]):
        return
    goes_on = _GOES_ON.search(text, start, end)
    end = goes_on.start() if goes_on else end
    secret = text[start:end].rstrip()
    if secret and not _MASKED.match(secret):
        yield start, start + len(secret), "password"


def _talk(rest: str) -> bool:
    """Whether what follows is an ordinary end of the sentence ("expired", "not working") and no secret."""
    if _UNITS.match(rest):
        return True
    found = _WORD.match(rest)
    if not found:
        return not any(char.isalnum() for char in rest.split(maxsplit=1)[0])
    word, after = found[0].lower(), rest[found.end() :]
    if not _WORD_ENDS.match(after):
        return False
    if word in TALK:
        return True
    following = _WORD.search(after)
    ends_here = following is None or following[0].lower() in TALK or after[:1] in ",;." or bool(_GOES_ON.match(after))
    ending = word in TALK_ALONE or (
        word.isalpha() and word.endswith(("ed", "ing", "iert", "able", "ible")) and following
    )
    return bool(ending) and ends_here


def _one_word(text: str, start: int) -> Iterator[Span]:
    """After "changed my password to": one word, unless it reads on like a sentence."""
    quoted = _QUOTED.match(text, start)
    if quoted:
        yield *quoted.span(1), "password"
        return
    ended = _TOKEN_END.search(text, start)
    end = ended.start() if ended else len(text)
    word = text[start:end].rstrip(",.;")
    alone = end == len(text) or text[end] == "\n" or end - start > len(word) or bool(_GOES_ON.match(text, end))
    if _secret_looking(word) or (alone and word.lower() not in TALK and len(word) >= 4):
        yield start, start + len(word), "password"


def _secret_looking(word: str) -> bool:
    """Letters and digits together, or letters with a symbol inside; not a product, a ticket or an address."""
    word = word.rstrip(",.;:?!)") if not re.search(r"\d", word) else word
    if _PRODUCT.match(word) or "@" in word or "/" in word or _TICKET.match(word):
        return False
    letters, digits = any(c.isalpha() for c in word), any(c.isdigit() for c in word)
    symbols = any(c in "!#$%&*+^~|<>=§" for c in word)
    return len(word) >= 6 and letters and (digits or symbols)
