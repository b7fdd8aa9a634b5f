"""`Db` on SQLite: one file, a connection a thread, write-ahead log, every commit synced to the disk."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlite_utils import Database

from adapters.stores.sqltext import plain
from bot.errors import ConfigError, Conflict, StoreUnavailable
from bot.ports import Row, Tx

OLDEST = (3, 35, 0)  # the first SQLite with RETURNING
WAITS = 5.0  # seconds for another writer's transaction to end

# Result codes (sqlite.org/rescode.html) that mean "not now", and what to tell the operator.
_UNAVAILABLE = {
    sqlite3.SQLITE_PERM: "may not be opened by this user",
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_LOCKED: "is locked by another connection",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_IOERR: "cannot be read or written (the disk reports an error)",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: does its folder exist, and may this user write there?",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database",
}
_TAKEN = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


@dataclass(frozen=True)
class _Opened:
    """A thread's connection. Whoever uses it holds `busy`: closing one that another thread is reading ends the process."""

    thread: threading.Thread
    database: Database
    busy: threading.RLock = field(default_factory=threading.RLock)


class SqliteDb:
    """`Db` on the file at `path`, which is made with mode 0600.

    `synchronous=FULL`: a platform's event is acknowledged after our commit and never sent again, so a commit must
    survive a power cut; with NORMAL the last ones of a write-ahead log may not. Raises `ConfigError` where the file
    system cannot keep such a log, `StoreUnavailable` where the file cannot be opened.
    """

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, waits: float = WAITS) -> None:
        self.path = path
        self._waits = waits
        self._local = threading.local()
        self._lock, self._writer = threading.Lock(), threading.Lock()
        self._opened: list[_Opened] = []
        self._closed = False
        if sqlite3.sqlite_version_info < OLDEST:
            raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old: Secdesk needs 3.35 or newer")
        _private_file(path)
        with self._connection():
            pass

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        if self._inside():
            raise RuntimeError("a transaction is open in this thread: pass its Tx on, transactions don't nest")
        with self._connection() as database, self._turn():
            with self._clear_errors():
                database.conn.execute("BEGIN IMMEDIATE")
            self._local.inside = True
            try:
                yield _SqliteTx(self, database)
                with self._clear_errors():
                    database.conn.execute("COMMIT")
            finally:
                self._local.inside = False
                if database.conn.in_transaction:
                    with suppress(sqlite3.Error):  # what went wrong is already on its way up
                        database.conn.execute("ROLLBACK")

    def query(self, sql: str, **params: object) -> list[Row]:
        with self._connection() as database:
            return self._query(database, sql, params)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], Iterator[Row]]]:
        with self._clear_errors():
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("BEGIN")
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the moment begins with the first read
                yield lambda sql: (dict(row) for row in connection.execute(sql))
            finally:
                connection.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, []
        for entry in opened:
            if not entry.busy.acquire(timeout=2 * self._waits):
                continue  # left open rather than taken from under a reader
            with suppress(sqlite3.Error):
                entry.database.close()
            entry.busy.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time: SQLite itself makes them poll, and the unlucky ones poll for long."""
        if not self._writer.acquire(timeout=self._waits):
            raise StoreUnavailable(f"The database {self.path} is held by another transaction of this process")
        try:
            yield
        finally:
            self._writer.release()

    def _inside(self) -> bool:
        return bool(getattr(self._local, "inside", False))

    def _query(self, database: Database, sql: str, params: dict[str, object]) -> list[Row]:
        values = plain(params)
        with self._clear_errors():
            return list(database.query(sql, values))

    def _execute(self, database: Database, sql: str, params: dict[str, object]) -> int:
        values = plain(params)
        with self._clear_errors():
            cursor = database.execute(sql, values)
            if cursor.description is not None:  # a statement with RETURNING is not done until it is read
                return len(cursor.fetchall())
            return max(0, cursor.rowcount)

    @contextmanager
    def _connection(self) -> Iterator[Database]:
        """This thread's connection, which nobody closes meanwhile."""
        known: _Opened | None = getattr(self._local, "opened", None)
        if known is None and not self._closed:
            known = self._local.opened = self._connect()
        if known is None:
            raise StoreUnavailable(f"The database {self.path} has been closed")
        with known.busy:
            if self._closed:
                raise StoreUnavailable(f"The database {self.path} has been closed")
            yield known.database

    def _connect(self) -> _Opened:
        with self._clear_errors():
            connection = sqlite3.connect(self.path, timeout=self._waits, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
                database = Database(connection, execute_plugins=False)
            except BaseException:
                connection.close()
                raise
        made = _Opened(threading.current_thread(), database)
        with self._lock:
            gone = [entry for entry in self._opened if not entry.thread.is_alive()]
            self._opened = [entry for entry in self._opened if entry.thread.is_alive()]
            self._opened.append(made)
        for entry in gone:
            entry.database.close()
        return made

    def _prepare(self, connection: sqlite3.Connection) -> None:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise ConfigError(f"{self.path} is on a file system without shared memory: put it on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code in _TAKEN:  # the message would name the column, never the value; the value stays out of it
                raise Conflict("Somebody else was first.") from None
            reason = _UNAVAILABLE.get(code & 0xFF)
            if reason is None:
                raise
            raise StoreUnavailable(f"The database {self.path} {reason}") from error


class _SqliteTx:
    """The open transaction of one thread."""

    def __init__(self, db: SqliteDb, database: Database) -> None:
        self._db = db
        self._database = database

    def execute(self, sql: str, **params: object) -> int:
        return self._db._execute(self._database, sql, params)

    def query(self, sql: str, **params: object) -> list[Row]:
        return self._db._query(self._database, sql, params)


def _private_file(path: Path) -> None:
    """Make the file (and its folder) readable by its owner only. SQLite gives its log the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"The database {path} cannot be opened: {error.strerror}") from error
    with suppress(OSError):  # not our file, or a file system without modes
        path.chmod(0o600)
