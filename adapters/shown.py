"""What every way of showing a card shares: which text may become a link, and how invisible characters are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,24}[0-9]\Z")
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[a-z]{2,}\Z", re.IGNORECASE)
_WEB = re.compile(r"https://[^\s<>\"]+\Z")
# Bidirectional controls and characters without a picture (Unicode: Cf and Cc), but not the joiners that emoji and some
# scripts need, and not tab and line ends. Lone surrogates cannot be sent at all.
INVISIBLE: Final = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Text with invisible and order-changing characters as marks like `[U+202E]`."""
    return INVISIBLE.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def trusted_links(values: Mapping[str, str]) -> dict[str, str]:
    """Text that may become a link, and where it leads: the organisation's own web addresses, mailboxes and phones."""
    links: dict[str, str] = {}
    for value in values.values():
        text = value.strip()
        if _WEB.match(text):
            links[text] = text
        elif _PHONE.match(text):
            links[text] = "tel:" + re.sub(r"[^0-9+]", "", text)
        elif _MAIL.match(text):
            links[text] = f"mailto:{text}"
    return links
