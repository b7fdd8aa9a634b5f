"""Text to Slack and back. Pure.

Slack reads `& < >` as its own marks (docs.slack.dev: "Formatting text for app surfaces"): escaped, nothing typed can ping a
channel or a person or become a link. Text from Slack arrives escaped and is read once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from adapters.shown import visible

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# What is as it should be already: most text. Without & < >, and none of what `visible` marks.
_AS_IT_IS = re.compile("[\t\n\r -%'-;=?-~\u00a1-\u00ac\u00ae-\u024f\u2010-\u2026]*")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_PLAIN = {"amp": "&", "lt": "<", "gt": ">"}
_MARK = re.compile(r"<((?:[@#!]|[a-z][a-z0-9+.-]*:)[^<>]{1,3000})>")
_FORMATTING: Final = frozenset("*_~`\n")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\u00a0]+")


def storable(text: str) -> str:
    """Text from outside without what JSON can hold and a database refuses."""
    return _UNSTORABLE.sub("\ufffd", text)


def escape(text: str) -> str:
    """Text that Slack shows as it is; invisible and order-changing characters become marks."""
    return text if _AS_IT_IS.fullmatch(text) else visible(text).translate(_ESCAPES)


def unescape(text: str) -> str:
    """Escaped text as it was meant, read once."""
    return _ENTITY.sub(lambda match: _PLAIN[match[1]], text)


def linked(text: str, trusted: Mapping[str, str]) -> str:
    """mrkdwn: escaped, with the organisation's own addresses and phone numbers as links."""
    pattern = _trusted(tuple(trusted)) if trusted else None
    if pattern is None or not pattern.search(text):
        return escape(text)
    parts, at = [], 0
    for match in pattern.finditer(text):
        parts += [escape(text[at : match.start()]), f"<{trusted[match[0]].translate(_ESCAPES)}|{escape(match[0])}>"]
        at = match.end()
    return "".join(parts) + escape(text[at:])


@lru_cache(maxsize=64)
def _trusted(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))


def bold(text: str) -> str:
    """Already escaped text in bold, or as it is where its own characters would break that."""
    return f"*{text}*" if text.strip() == text and text and not _FORMATTING.intersection(text) else text


def read(text: str, bot: str = "") -> str:
    """What somebody wrote, plain: our own name taken out, Slack's marks as words, escapes read once."""
    plain = _MARK.sub(lambda match: _word(match[1], bot), text)
    lines = (_SPACE.sub(" ", line).strip() for line in unescape(plain).splitlines())
    return "\n".join(lines).strip()


def _word(mark: str, bot: str) -> str:
    """One mark (`@U1|dana`, `#C1|help`, `!here`, `https://…|label`) as people read it."""
    target, _, label = mark.partition("|")
    match target[:1]:
        case "@":
            return " " if bot and target[1:] == bot else "@" + (label.lstrip("@") or target[1:])
        case "#":
            return "#" + (label or target[1:])
        case "!":
            return label or "@" + target[1:].partition("^")[0]
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    if not label or label == bare or bare.endswith(f"//{label}"):
        return bare
    return f"{label} ({bare})"
