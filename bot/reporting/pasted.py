"""A mail pasted into the chat: its headers, its text, or both. Made into a mail again, so that the same checks look at it."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP

from bot.model import File
from bot.reporting.chat_message import STAND_IN
from bot.reporting.forward import quoted

NAME = "pasted.eml"
LONG = 60  # characters from which a text can be a mail's
_HEADER = re.compile(r"^([A-Za-z][\w-]{1,60}):\s", re.M)
_FROM = re.compile(r"^from:\s*\S*.*@", re.I | re.M)
_WIRE = {
    "received",
    "return-path",
    "message-id",
    "authentication-results",
    "dkim-signature",
    "delivered-to",
    "mime-version",
}
_LINK = re.compile(r"https?://|www\.\w|hxxps?://|\[\.\]", re.I)


def as_mail(text: str) -> tuple[File, str] | None:
    """The mail in a pasted text that has headers, and what was written above it; None if there are none."""
    lines = text.replace("\r\n", "\n").split("\n")
    start = next((place for place, line in enumerate(lines) if _HEADER.match(line + " ")), -1)
    names = {name.lower() for name in _HEADER.findall(text)}
    if start >= 0 and _FROM.search(text) and names & _WIRE and len(names) >= 4:
        raw = "\r\n".join(_unwrapped(lines[start:]))
        return File(NAME, raw.encode("utf-8", "replace"), "message/rfc822"), "\n".join(lines[:start]).strip()
    found = quoted(text.replace("\r\n", "\n"))
    if found is None:
        return None
    sender = f'"{_line(found.sender.name)}" <{_line(found.sender.email)}>'
    body = "\n".join(lines[found.end :])
    note = "\n".join(lines[: found.start]).strip()
    return _made(sender, found.subject, body, found.date), note


def as_text_only(text: str) -> File | None:
    """A text without headers as a mail; None for what is too little to be one."""
    if len(text) < LONG and not _LINK.search(text) and "\n" not in text:
        return None
    return _made(f'"pasted text" <{STAND_IN}>', text.strip().split("\n")[0][:80], text)


def _made(sender: str, subject: str, body: str, date: str = "") -> File:
    mail = EmailMessage(policy=SMTP.clone(refold_source="none"))
    head = f"From: {sender}\r\nSubject: {_line(subject)}\r\n" + (f"Date: {_line(date)}\r\n" if date else "")
    mail.set_content(_refanged(body).replace("\x00", "") + "\n", cte="8bit")
    return File(NAME, head.encode("utf-8", "replace") + mail.as_bytes(), "message/rfc822")


def _refanged(text: str) -> str:
    """Addresses that somebody made harmless before they pasted them, as they were: the checks have to see where they lead."""
    return re.sub(r"\bhxxp(s?)://", r"http\1://", text, flags=re.I).replace("[.]", ".").replace("[dot]", ".")


def _line(text: str) -> str:
    """One line that cannot end a header or its quotes."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.replace('"', "'").replace("\\", "/").split())[:300]


def _unwrapped(lines: list[str]) -> list[str]:
    """Chat programs break long header lines anew: what is no header and stands before the first empty line goes on the last."""
    kept: list[str] = []
    for place, line in enumerate(lines):
        if not line.strip():
            return [*kept, *lines[place:]]
        if kept and not _HEADER.match(line + " ") and line[:1] not in " \t":
            kept[-1] += " " + line
        else:
            kept.append(line)
    return kept
