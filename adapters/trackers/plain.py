"""Plain text out of what ticket systems hold: HTML without its tags, times as epoch seconds, keys of our own lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

_KEY = re.compile(r"\[([A-Z]{1,10}-\d{1,12}/[0-9a-z]{1,24})\]\s*\Z")
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "blockquote", "pre"})
_HIDDEN = frozenset({"script", "style", "head", "title"})
MOST_HTML = 200_000  # characters that are looked at


def key_in(text: str) -> str:
    """The key that a text of ours ends with, "" for none."""
    found = _KEY.search(text[-80:])
    return found[1] if found else ""


def signed(text: str, key: str) -> str:
    """A text with its key at the end, by which it is found again."""
    return f"{text.rstrip()}\n\n[{key}]"


def seconds(text: str) -> float:
    """Epoch seconds of an ISO 8601 time (UTC where it names no zone); 0 for what is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, AttributeError):
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in _HIDDEN
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def from_html(html: str) -> str:
    """What a reader would see."""
    reader = _Text()
    reader.feed(html[:MOST_HTML])
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.parts)).strip()
