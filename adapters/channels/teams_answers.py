"""What invokes are answered with: plain JSON in the shapes that the platform documents for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.channels.teams_cards import CONTENT_TYPE

MESSAGE_TYPE: Final = "application/vnd.microsoft.activity.message"
TITLE_CHARACTERS: Final = 100  # of a dialog


@dataclass(frozen=True)
class Answer:
    """What an invoke is answered with."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


def note(text: str) -> Answer:
    """A line under the card that was pressed."""
    return Answer({"statusCode": 200, "type": MESSAGE_TYPE, "value": text})


def in_place(adaptive: Mapping[str, Any]) -> Answer:
    """The card that was pressed looks so now."""
    return Answer({"statusCode": 200, "type": CONTENT_TYPE, "value": adaptive})


def dialog(title: str, adaptive: Mapping[str, Any]) -> Answer:
    """A dialog with a card in it, or what an open one shows next."""
    shown = {"contentType": CONTENT_TYPE, "content": adaptive}
    value = {"title": title[:TITLE_CHARACTERS], "height": "medium", "width": "medium", "card": shown}
    return Answer({"task": {"type": "continue", "value": value}})


def dialog_note(text: str) -> Answer:
    """A dialog that only says something."""
    return Answer({"task": {"type": "message", "value": text}})
