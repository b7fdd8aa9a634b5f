"""A neutral card as a safe HTML fragment.

Everything in a card is text and is escaped. Links are made only of what the organisation itself has set (its addresses
and phone numbers in `org.yaml`), never of what is written in a card: a quoted mail cannot become something to click.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from adapters.web.pages import visible
from bot.cards import Button, Card, Choices


@dataclass(frozen=True)
class Post:
    """A card in its place. `id` is "" for a card that could not be stored; `chosen` is the label pressed on it.

    `event` is the client event id its forms send. `live` is False where a card is only shown, to somebody else.
    """

    card: Card
    id: str = ""
    event: str = ""
    chosen: str = ""
    live: bool = True
    trusted: Mapping[str, str] = field(default_factory=dict)


def render_card(env: Environment, say: Callable[..., str], post: Post) -> Markup:
    """The fragment: an `<article>` with forms that post to `/chat/act`."""
    template: Any = env.get_template("card.html").module
    return Markup(template.card(post, say, _linker(post.trusted), pressed, _closed(post)))  # noqa: S704 # nosec B704


def pressed(button: Button) -> str:
    """What a button's form field sends."""
    return json.dumps([button.action, button.value, button.label])


def unpressed(value: str) -> tuple[str, str, str]:
    """(action, value, label) of a sent field, empty texts if it is not one. The desk authorises the action again."""
    try:
        parts = json.loads(value)
    except (ValueError, RecursionError):
        return "", "", ""
    if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        return "", "", ""
    return parts[0][:100], parts[1][:2_000], parts[2][:200]


def _closed(post: Post) -> bool:
    """Whether the card's question has been answered."""
    labels = [option.label for block in post.card.blocks if isinstance(block, Choices) for option in block.options]
    return bool(post.chosen) and post.chosen in labels


def _linker(trusted: Mapping[str, str]) -> Callable[[str], Markup]:
    """A function from plain text to safe HTML with the trusted links in it."""
    if not trusted:
        return lambda text: escape(visible(text))
    longest_first = sorted(trusted, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(text) for text in longest_first))

    def link(text: str) -> Markup:
        parts, at = [], 0
        for match in pattern.finditer(text):
            parts += [escape(visible(text[at : match.start()])), _anchor(match[0], trusted[match[0]])]
            at = match.end()
        return Markup().join([*parts, escape(visible(text[at:]))])

    return link


def _anchor(text: str, target: str) -> Markup:
    rel = Markup(' rel="noreferrer noopener" target="_blank"') if target.startswith("https:") else Markup()
    return Markup('<a href="{}"{}>{}</a>').format(target, rel, text)
