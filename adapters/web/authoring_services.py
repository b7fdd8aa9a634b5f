"""What the pages for authors need, beside the rest of the web application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.web.authoring_preview import Translators
from bot.answering.authoring import Authoring
from bot.answering.entries import Entry
from bot.answering.updates import Updates
from bot.cards import Card


@dataclass(frozen=True)
class Authors:
    """`card`: an entry in a language as people with these roles get it, with the buttons of a real answer."""

    authoring: Authoring
    card: Callable[[Entry, str, frozenset[str]], Card]
    translators: Translators
    updates: Updates
