"""A reported chat message as the mail it is examined as: the checks look at words, links and names, whatever the carrier.

The sender is a name without a mailbox of its own; the stand-in address keeps checks of mail senders out of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from bot.model import File

STAND_IN = "chat-message@chat.invalid"
MOST_CHARACTERS = 100_000
_NAME = re.compile(r"[a-z]{1,20}-message\.eml")


@dataclass(frozen=True)
class ChatMessage:
    """What was reported. `link` leads to the message, `at` is epoch seconds (0: unknown), `files` are names only."""

    platform: str
    author: str
    text: str
    link: str = ""
    at: float = 0.0
    html: str = ""
    files: tuple[str, ...] = ()


def as_mail(message: ChatMessage) -> File:
    """The message as an RFC 5322 file that `admit` takes."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f'"{_line(message.author) or "unknown"}" <{STAND_IN}>'
    mail["To"] = f"<{STAND_IN}>"
    first = _line(message.text)[:80]
    mail["Subject"] = f"{message.platform} message: {first}" if first else f"{message.platform} message"
    if message.at:
        mail["Date"] = datetime.fromtimestamp(message.at, UTC)
    if message.link:
        mail["X-Chat-Link"] = _line(message.link)[:900]
    files = "".join(f"\n[file: {_line(name)[:120]}]" for name in message.files[:20])
    mail.set_content(_clean(message.text) + files + "\n")
    if message.html:
        mail.add_alternative(f"<html><body>{_clean(message.html)}</body></html>", subtype="html")
    return File(f"{message.platform.lower()}-message.eml", mail.as_bytes(), "message/rfc822")


def is_message(name: str) -> bool:
    """Whether a report's name is that of a chat message: what people read of it then says so."""
    return _NAME.fullmatch(name) is not None


def _line(text: str) -> str:
    """One line that cannot end a header or its quotes."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.replace('"', "'").replace("\\", "/").split())[:200]


def _clean(text: str) -> str:
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
