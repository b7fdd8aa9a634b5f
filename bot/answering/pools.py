"""Which texts each view of the search learns from.

The main encoder knows one language: texts of others are only noise to it, and cost the first start most of its time.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.answering.entries import Library

Entries = Sequence[tuple[str, Sequence[str]]]


def all_texts(entries: Library | Entries) -> Entries:
    """`(id, texts)` of every entry, in every language."""
    return entries.variants() if isinstance(entries, Library) else entries


def texts_in(entries: Library | Entries, language: str) -> Entries:
    """`(id, texts)` in one language. An entry without any keeps them all, and so do entries whose language nobody says."""
    if not isinstance(entries, Library):
        return entries
    found = []
    for entry in entries.published():
        title = [entry.title[language]] if language in entry.title else []
        own = list(dict.fromkeys([*title, *entry.questions.get(language, [])]))
        found.append((entry.id, own or entry.variants()))
    return found
