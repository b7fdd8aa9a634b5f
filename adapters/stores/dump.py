"""All tables out as they stand at one moment, and back into an empty database, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.stores.migrations import Migration, migrate, packaged
from bot.errors import ConfigError, SecdeskError
from bot.ports import Db, Row, Tx

# Who signed in to the console and when must sign in anew; the migrations are named by themselves.
LEFT_OUT = frozenset({"console_link", "console_session", "migration"})
SEEDED = ("audit_head", "counter", "roster_head")  # the steps themselves put a row there
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    "postgresql": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename",
}


@dataclass(frozen=True)
class Dump:
    """Tables at one moment. `read` runs a query in that snapshot."""

    dialect: str
    read: Callable[[str], Iterator[Row]]

    def migrations(self) -> list[str]:
        """Names of the steps the tables are at, in the order of their numbers."""
        return [str(row["name"]) for row in self.read("SELECT name FROM migration ORDER BY number")]

    def tables(self) -> list[str]:
        return [str(row["name"]) for row in self.read(_TABLES[self.dialect]) if row["name"] not in LEFT_OUT]

    def rows(self, table: str) -> Iterator[Row]:
        yield from self.read(f'SELECT * FROM "{table}"')  # noqa: S608 (named by the database itself)


@contextmanager
def dumping(db: Db) -> Iterator[Dump]:
    """Reads of one moment, however long they take; nobody who writes waits for them."""
    with db.snapshot() as read:
        yield Dump(db.dialect, read)


def left_over(db: Db) -> str:
    """A table that has rows of somebody's, "" for an empty database."""
    for row in db.query(_TABLES[db.dialect]):
        table = str(row["name"])
        if table not in ("migration", *SEEDED) and db.query(f'SELECT 1 AS one FROM "{table}" LIMIT 1'):  # noqa: S608
            return table
    return ""


def _known(db: Db, names: Sequence[str]) -> tuple[Migration, ...]:
    """The steps of that name. Raises `ConfigError` for one that this program does not have."""
    ours = {migration.name: migration for migration in packaged(db.dialect)}
    if unknown := [name for name in names if name not in ours]:
        raise ConfigError(
            f"the backup is of a newer Secdesk (it has the step {unknown[0]}): restore it with that version"
        )
    return tuple(sorted(ours[name] for name in names))


def fill(db: Db, names: Sequence[str], rows: Iterator[tuple[str, Row]]) -> None:
    """Make the tables as they were, put every row in, and bring the tables up to date.

    Rows go in as one transaction. Raises `ConfigError` for what does not fit.
    """
    migrate(db, _known(db, names))
    columns: dict[str, frozenset[str]] = {}
    with db.tx() as tx:
        for table in SEEDED:
            if _columns(db, tx, table):
                tx.execute(f'DELETE FROM "{table}"')  # noqa: S608 (named above)
        for table, row in rows:
            if table not in columns:
                columns[table] = _columns(db, tx, table)
            _insert(tx, table, columns[table], row)
        # The job engine starts with nothing: what it had been handed is handed over again.
        tx.execute("UPDATE outbox SET state = 'queued' WHERE state = 'handed'")
    migrate(db)


def _insert(tx: Tx, table: str, columns: frozenset[str], row: Mapping[str, object]) -> None:
    if not columns or not row or not columns.issuperset(row):
        raise ConfigError(f"the backup holds a table or a column that no backup of ours has: {table[:80]!r}")
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(f":c{number}" for number in range(len(row)))
    values = {f"c{number}": value for number, value in enumerate(row.values())}
    try:
        tx.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', **values)  # noqa: S608 (compared with its own)
    except SecdeskError:
        raise
    except Exception as error:
        raise ConfigError(f"a row of {table} does not fit into this database ({type(error).__name__})") from None


def _columns(db: Db, tx: Tx, table: str) -> frozenset[str]:
    if table in LEFT_OUT:
        return frozenset()
    if db.dialect == "sqlite":
        return frozenset(str(row["name"]) for row in tx.query("SELECT name FROM pragma_table_info(:t)", t=table))
    sql = """SELECT column_name AS name FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = :t"""
    return frozenset(str(row["name"]) for row in tx.query(sql, t=table))
