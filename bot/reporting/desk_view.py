"""What an analyst sees of a mail: plain values, every address defanged, tricks with invisible characters made visible."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from bot.reporting.explain import defang, short, where
from bot.reporting.folding import INVISIBLE
from bot.reporting.mail_model import Address, Attachment, Email, Link

MAX_TEXT = 4_000
MAX_LINKS = 50
MAX_FILES = 50
_ADDRESS = re.compile(r"(?:https?://|www\.|[\w.+-]+@)[^\s<>\"']+", re.I)


def desk_view(email: Email, cover: Email | None = None) -> dict[str, Any]:
    """JSON values. `links` pair what is shown with where it goes; `text` is the readable text, cut, with marks."""
    return {
        "from": person(email.sender),
        "reply_to": [person(box) for box in email.reply_to[:5]],
        "subject": marked(short_line(email.subject)),
        "date": email.date,
        "links": [link(item) for item in _once(email.links)[:MAX_LINKS]],
        "attachments": [attachment(file) for file in email.attachments[:MAX_FILES]],
        "auth": [{"method": item.method, "result": item.result, "domain": defang(item.domain)} for item in email.auth],
        "text": safe_text(email.text[:MAX_TEXT]),
        "hidden": safe_text(email.hidden[:500]),
        "defects": list(email.defects),
        "sha256": email.sha256,
        "size": email.size,
        "form": email.form,
        "forwarded_by": person(cover.sender) if cover else "",
    }


def person(box: Address) -> str:
    """Name and defanged address."""
    address = defang(short(box.email, 120))
    return f"{marked(short_line(box.name))} <{address}>" if box.name else address


def link(item: Link) -> dict[str, str]:
    """What a link shows and where it goes."""
    return {"shown": safe_text(short_line(item.shown)), "goes_to": where(item.target), "kind": item.kind}


def attachment(file: Attachment) -> dict[str, Any]:
    """Name, type by content, size and hash. Never the content."""
    return {
        "name": marked(short_line(file.name)),
        "type": file.type,
        "size": file.size,
        "sha256": file.sha256,
        "traits": list(file.traits),
        "members": [marked(short_line(name)) for name in file.members],
    }


def safe_text(text: str) -> str:
    """Text in which no program finds a link any more."""
    return _ADDRESS.sub(lambda match: defang(match[0]), marked(text))


def marked(text: str) -> str:
    """Invisible and direction-changing characters as `‹U+202E›`; runs of one count once."""
    return re.sub(rf"({INVISIBLE.pattern})\1*", lambda match: f"‹U+{ord(match[1]):04X}›", _plain(text))


def _plain(text: str) -> str:
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def short_line(text: str, limit: int = 200) -> str:
    """One line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _once(links: tuple[Link, ...]) -> list[Link]:
    return list({(item.shown, item.target): item for item in links}.values())
