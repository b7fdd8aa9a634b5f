"""Which database a URL means. The driver of the other one is never imported."""

from __future__ import annotations

from pathlib import Path

from adapters.stores.migrations import migrate
from bot.errors import ConfigError
from bot.ports import Db

FILE = "secdesk.db"


def is_postgres(url: str) -> bool:
    """Whether the URL names a PostgreSQL server."""
    return url.startswith(("postgresql://", "postgres://"))


def open_db(url: str, data_dir: Path) -> Db:
    """The migrated database at `url`: "" is `secdesk.db` in the data folder, else a path, `sqlite:///path` or
    `postgresql://…`.

    Raises `ConfigError` for any other URL, `NewerDatabase` if a newer version wrote it, `StoreUnavailable` if it cannot
    be reached.
    """
    db = connect(url, data_dir)
    try:
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def connect(url: str, data_dir: Path) -> Db:
    """The database at `url` as it stands, migrated or not. Raises as `open_db` does."""
    if is_postgres(url):
        from adapters.stores.postgres import PostgresDb  # noqa: PLC0415  each driver only where it is used

        return PostgresDb(url)
    path = url.removeprefix("sqlite://").removeprefix("/") if url.startswith("sqlite://") else url
    if "://" in path or path == ":memory:":
        raise ConfigError("the database is neither a file nor postgresql://…: correct database.url")
    from adapters.stores.sqlite import SqliteDb  # noqa: PLC0415

    return SqliteDb(Path(path).expanduser() if path else data_dir / FILE)
