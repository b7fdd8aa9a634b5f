"""Forwards: which mail did the reporter mean? The one inside, attached or quoted, but the cover is judged too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bot.reporting.mail_headers import addresses
from bot.reporting.mail_model import Email

MAX_CANDIDATES = 8
_FORWARDED = re.compile(r"^\s*(?:fwd?|wg|tr|rv|enc|doorst|i|vs|pd)\s*:", re.I)
_FROM = re.compile(r"^[>\s*]*(?:From|Von|De|Da|Van|Expéditeur|Remitente|Afzender)\s*:\**\s*(\S.*)$", re.I | re.M)
_SUBJECT = re.compile(r"^[>\s*]*(?:Subject|Betreff|Objet|Asunto|Assunto|Onderwerp|Oggetto)\s*:\**\s*(.*)$", re.I | re.M)
_HEADER_LINE = re.compile(r"^[>\s*]*[A-Za-zÀ-ÿ][\w\s.-]{1,20}\s*:\**\s")


def candidates(email: Email) -> tuple[Email, ...]:
    """Mails to judge: the one that was sent in, then those forwarded inside it, as attachment or quoted."""
    return tuple(_all(email))[:MAX_CANDIDATES]


def _all(email: Email) -> Iterator[Email]:
    yield email
    if quoted := _quoted(email):
        yield quoted
    for inner in email.inner:
        yield from _all(inner)


def _quoted(email: Email) -> Email | None:
    """An inline forward as the mail it was: sender, subject and text from the quoted header block."""
    if not _FORWARDED.match(email.subject):
        return None
    start = _FROM.search(email.text)
    subject = _SUBJECT.search(email.text, start.end()) if start else None
    if start is None or subject is None or email.text.count("\n", start.end(), subject.start()) > 8:
        return None
    boxes = addresses([re.sub(r"\[mailto:([^\]]+)\]", r"<\1>", start[1])])
    if not boxes or not boxes[0].email:
        return None
    text = _body(email.text[subject.end() :])
    return replace(
        email,
        sender=boxes[0],
        senders=boxes,
        reply_to=(),
        subject=subject[1].strip()[:1000],
        text=text,
        auth=(),
        inner=(),
    )


def _body(text: str) -> str:
    """The text behind the quoted header block."""
    lines = text.lstrip("\n").split("\n")
    while lines and _HEADER_LINE.match(lines[0]) and len(lines[0]) < 200:
        lines.pop(0)
    return "\n".join(lines)
