"""Numbered SQL files, applied once each.

`sql/NNNN_name.sql` runs on both databases, `sql/NNNN_name.sqlite.sql` and `….postgresql.sql` on one. `{blob}` stands
for the type of bytes. A file that has been released is never edited: write the next one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from adapters.stores.sqltext import statements
from bot.errors import NewerDatabase
from bot.ports import Db, Tx

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)(?:\.(?P<dialect>sqlite|postgresql))?\.sql")
_BLOB = {"sqlite": "BLOB", "postgresql": "BYTEA"}
_LOCK = 0x5EC_DE5C  # any number: advisory locks are named by one


@dataclass(frozen=True, order=True)
class Migration:
    """One file. `sql` is already in the dialect of the database."""

    number: int
    name: str
    sql: str


def packaged(dialect: str) -> tuple[Migration, ...]:
    """The files that come with the program, in order. Raises `ValueError` for a bad name or a number used twice."""
    found: dict[int, Migration] = {}
    for entry in (resources.files("adapters.stores") / "sql").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE.fullmatch(entry.name)
        if match is None:
            raise ValueError(f"{entry.name}: name a migration NNNN_what_it_does.sql")
        if match["dialect"] not in (None, dialect):
            continue
        number = int(match["number"])
        if number in found:
            raise ValueError(f"{entry.name}: the number {match['number']} is taken by {found[number].name}")
        sql = entry.read_text("utf-8").replace("{blob}", _BLOB[dialect])
        found[number] = Migration(number, match["name"], sql)
    return tuple(found[number] for number in sorted(found))


def migrate(db: Db, migrations: Sequence[Migration] | None = None) -> tuple[str, ...]:
    """Apply what is missing; the names of what was applied.

    Each file is one transaction, and only one process at a time is in one. Raises `NewerDatabase` if the
    database has a migration that this program does not know, and changes nothing then.
    """
    ours = packaged(db.dialect) if migrations is None else tuple(migrations)
    applied: list[str] = []
    while (name := _next(db, ours)) is not None:
        applied.append(name)
    return tuple(applied)


def rehearse(db: Db) -> tuple[tuple[str, float], ...]:
    """(name, seconds) of each step that is missing, tried on this very database and taken back as a whole.

    Writers wait meanwhile. Raises as `migrate` does, and whatever a step fails with.
    """
    tried: list[tuple[str, float]] = []
    try:
        with db.tx() as tx:
            for migration in _missing(db, tx, packaged(db.dialect)):
                started = time.monotonic()
                _apply(tx, migration)
                tried.append((migration.name, time.monotonic() - started))
            raise _TakenBack
    except _TakenBack:
        return tuple(tried)


class _TakenBack(Exception):
    """Ends a rehearsal."""


def _next(db: Db, ours: Sequence[Migration]) -> str | None:
    with db.tx() as tx:
        for migration in _missing(db, tx, ours):
            _apply(tx, migration)
            return migration.name
    return None


def _missing(db: Db, tx: Tx, ours: Sequence[Migration]) -> list[Migration]:
    """What is not applied, while nobody else applies anything."""
    _alone(db, tx)
    tx.execute(
        "CREATE TABLE IF NOT EXISTS migration ("
        " number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at DOUBLE PRECISION NOT NULL)"
    )
    done = {int(row["number"]): str(row["name"]) for row in tx.query("SELECT number, name FROM migration")}
    _refuse_newer(done, ours)
    return [migration for migration in ours if migration.number not in done]


def _alone(db: Db, tx: Tx) -> None:
    """On SQLite the transaction itself keeps others out; on PostgreSQL a lock that ends with it does."""
    if db.dialect == "postgresql":
        tx.execute("SET LOCAL lock_timeout = '10min'")  # another replica may be migrating a large table
        tx.execute("SET LOCAL statement_timeout = 0")
        tx.query("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)


def _refuse_newer(done: dict[int, str], ours: Sequence[Migration]) -> None:
    unknown = sorted(set(done) - {migration.number for migration in ours})
    if unknown:
        raise NewerDatabase(
            f"This database was written by a newer Secdesk (it has step {unknown[-1]:04d} {done[unknown[-1]]}, this "
            f"program knows steps up to {ours[-1].number if ours else 0:04d}). Start the newer version, or restore the "
            "backup made before the upgrade. Nothing was changed."
        )


def _apply(tx: Tx, migration: Migration) -> None:
    for statement in statements(migration.sql):
        tx.execute(statement)
    tx.execute(
        "INSERT INTO migration (number, name, applied_at) VALUES (:number, :name, :at)",
        number=migration.number,
        name=migration.name,
        at=time.time(),
    )
