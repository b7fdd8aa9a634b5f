"""Bringing the tables up to date, or trying it."""

from __future__ import annotations

from contextlib import closing

from adapters.stores.migrations import migrate, rehearse
from adapters.stores.open import connect
from bot.settings import Settings


def upgrade(settings: Settings) -> tuple[str, ...]:
    """The names of the steps that were missing and are taken now, each whole or not at all.

    Raises `NewerDatabase`, `StoreUnavailable`, and whatever a step fails with.
    """
    with closing(connect(settings.database, settings.data)) as db:
        return migrate(db)


def rehearsal(settings: Settings) -> tuple[tuple[str, float], ...]:
    """(name, seconds) of each step that is missing: all are tried as one, and taken back. Raises as `upgrade` does."""
    with closing(connect(settings.database, settings.data)) as db:
        return rehearse(db)
