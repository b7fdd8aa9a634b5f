"""The organisation's folder, shared over the database."""

from __future__ import annotations

from pathlib import Path

from adapters.stores.content import SqlContentStore
from adapters.stores.open import is_postgres
from bot.content import packaged_shelf
from bot.ports import Clock, Db, Vault
from bot.settings import Settings
from bot.shared_folder import SharedFolder


def shared_folder(settings: Settings, db: Db, vault: Vault, clock: Clock) -> SharedFolder:
    """That of the settings, shared where there can be replicas. The packaged folder itself (a checkout) is nobody's own."""
    ours = Path(str(packaged_shelf().packaged)).resolve() == settings.knowledge.resolve()
    store = SqlContentStore(db, vault) if is_postgres(settings.database) and not ours else None
    return SharedFolder(store, settings.knowledge, settings.data, clock, settings.replica, over_what_ships=not ours)
