"""The door: is this upload a mail we take? Looked at by content, before anything parses it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.errors import Refused, TooLarge
from bot.reporting.lexicon import packaged_lexicon
from bot.reporting.mail_files import ARCHIVES, PICTURES, ending, sniff
from bot.reporting.mail_model import MAX_BYTES

_OUTLOOK = "__properties_version1.0".encode("utf-16-le")
_HEADER = re.compile(rb"^[!-9;-~]{1,80}[ \t]*:", re.M)
_PROGRAMS = {"program", "shortcut", "java", "chm", "onenote"}
_TEXTS = {
    "text",
    "html",
    "calendar",
    "card",
    "data",
    "svg",
    "bmp",
    "audio",
}  # a mail's first bytes may look like any of these
_MAIL_ENDINGS = ("eml", "msg", "txt", "mht", "mbox", "email", "dat", "")

Texts = Mapping[str, Mapping[str, str]]


def admit(data: bytes, name: str = "", *, texts: Texts | None = None, language: str = "en") -> str:
    """What kind of mail the bytes are: `eml`, `msg` or `tnef` (winmail.dat).

    Raises `TooLarge` from `MAX_BYTES` on, and `Refused` for what is no mail; both say in plain words what to do. `texts`:
    refusals of the organisation's lexicon, by reason and language.
    """
    if len(data) >= MAX_BYTES:
        raise TooLarge(_say("too_large", texts, language).format(limit=MAX_BYTES // 1_000_000))
    kind = sniff(data)
    if kind == "tnef":
        return "tnef"
    if kind == "ole" and (_OUTLOOK in data or ending(name) == "msg"):
        return "msg"
    if reason := _reason(kind, data, name):
        raise Refused(_say(reason, texts, language))
    return "eml"


def _reason(kind: str, data: bytes, name: str) -> str:
    """Why something is no mail; empty if it may be one."""
    if kind == "empty":
        return "empty"
    if kind in _TEXTS and (_HEADER.search(data[:20_000]) or data[:2] in (b"\xff\xfe", b"\xfe\xff")):
        return ""
    if kind in ("text", "html", "data") and ending(name) in _MAIL_ENDINGS and name:
        return ""
    if kind in PICTURES:
        return "picture"
    if kind in _PROGRAMS:
        return "program"
    if kind in ARCHIVES:
        return "archive"
    return "document" if kind in ("pdf", "ole", "office", "rtf") else "other"


def _say(reason: str, texts: Texts | None, language: str) -> str:
    sentences = (texts or packaged_lexicon().refusals)[reason]
    return sentences.get(language) or sentences["en"]
