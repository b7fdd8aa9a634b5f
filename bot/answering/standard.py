"""Standard replies: the answers of the knowledge base as plain text, for an analyst to send as they are or to change first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from bot.answering.answer_card import answer_card
from bot.answering.entries import Entry, Library
from bot.cards import Buttons, Card, Choices, Input, Text, as_text
from bot.errors import NotFound
from bot.model import Person
from bot.organisation import Organisation, pick


class StandardReplies:
    """What the person of a ticket may be shown, in their language, with their organisation's values."""

    def __init__(
        self, library: Callable[[], Library], organisation: Callable[[], Organisation], today: Callable[[], date]
    ) -> None:
        self._library, self._organisation, self._today = library, organisation, today

    def titles(self, reader: Person, lang: str) -> list[tuple[str, str]]:
        """(id, title) of each, by title, in the language of whoever chooses. An emergency has steps, not a text."""
        found = [(entry.id, pick(entry.title, lang)) for entry in self._for(reader)]
        return sorted(found, key=lambda one: one[1].casefold())

    def text(self, id_: str, reader: Person) -> str:
        """One as it would be sent. Raises `NotFound` for one that this person is not shown."""
        entry = next((one for one in self._for(reader) if one.id == id_), None)
        if entry is None:
            raise NotFound(id_)
        org = self._organisation()
        card = answer_card(
            entry.told_to(reader.roles), reader.language, org.values(reader.entity, reader.language), org.words, self._today()
        )  # fmt: skip
        return as_text(_plain(card))

    def _for(self, reader: Person) -> list[Entry]:
        library = self._library()
        shown = library.visible(reader.roles, reader.known)
        return [library.entries[id_] for id_ in sorted(shown) if library.entries[id_].severity != "S3"]


def _plain(card: Card) -> Card:
    """Without what is pressed, and without the small print about the entry."""
    kept = (
        block
        for block in card.blocks
        if not isinstance(block, Buttons | Choices | Input) and not (isinstance(block, Text) and block.style == "muted")
    )
    return replace(card, blocks=tuple(kept))
