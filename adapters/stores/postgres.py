"""`Db` on PostgreSQL: psycopg 3 and its pool, for several replicas."""

from __future__ import annotations

import select
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Literal, cast

import psycopg
from psycopg import conninfo, errors
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import FloatLoader
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from adapters.stores.sqltext import plain, pyformat
from bot.errors import ConfigError, Conflict, StoreUnavailable
from bot.ports import Row, Tx

CONNECTIONS = 16
WAITS = 5.0  # seconds for a free connection, and for the server to answer a new one
# No statement of ours runs long; a lock or a forgotten transaction must not hold the others up.
_LIMITS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
_TRUSTED = 10.0  # seconds after which a silent connection is asked whether it lives


class _Connection(psycopg.Connection[DictRow]):
    """`checked`: when it last answered, on the monotonic clock."""

    checked = 0.0


class PostgresDb:
    """`Db` on the server at `url` (libpq URL; `options=-csearch_path%3D…` picks a schema).

    Connections are autocommit, so that a read holds no transaction. Transactions are READ COMMITTED: guard a
    read-then-write with a conditional UPDATE. Raises `ConfigError` for a URL that cannot be read and
    `StoreUnavailable` while the server cannot be reached.
    """

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, *, connections: int = CONNECTIONS, waits: float = WAITS) -> None:
        self._inside = threading.local()
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            _conninfo(url, waits),
            connection_class=_Connection,
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=connections,
            timeout=waits,
            configure=_configure,
            check=_check,
            name="secdesk",
            open=True,
        )

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        if self._open():
            raise RuntimeError("a transaction is open in this thread: pass its Tx on, transactions don't nest")
        with _clear_errors(), self._pool.connection() as connection:
            self._inside.connection = connection
            try:
                with connection.transaction():
                    yield _PostgresTx(connection)
            finally:
                self._inside.connection = None

    def query(self, sql: str, **params: object) -> list[Row]:
        values = plain(params)
        if inside := self._open():
            with _clear_errors():
                return _query(inside, sql, values)
        with _clear_errors(), self._pool.connection() as connection:
            return _query(connection, sql, values)

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], Iterator[Row]]]:
        with _clear_errors(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(f"SET LOCAL {limit} = 0")

            def read(sql: str) -> Iterator[Row]:
                with connection.cursor(name=f"snapshot_{uuid.uuid4().hex}") as cursor:
                    cursor.itersize = 500
                    yield from cursor.execute(sql)

            yield read

    def close(self) -> None:
        self._pool.close()

    def _open(self) -> _Connection | None:
        """The connection of this thread's open transaction."""
        return getattr(self._inside, "connection", None)


class _PostgresTx:
    """One transaction on one connection."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, **params: object) -> int:
        values = plain(params)
        with _clear_errors():
            return max(0, self._connection.execute(pyformat(sql), values).rowcount)

    def query(self, sql: str, **params: object) -> list[Row]:
        values = plain(params)
        with _clear_errors():
            return _query(self._connection, sql, values)


def _query(connection: _Connection, sql: str, values: dict[str, object]) -> list[Row]:
    cursor = connection.execute(pyformat(sql), values)
    if cursor.description is None:
        raise ValueError("query() is for SQL that returns rows, use execute() for other statements")
    return cursor.fetchall()


def _conninfo(url: str, waits: float) -> str:
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text repeats the URL, password and all
        raise ConfigError("the database URL cannot be read: write postgresql://user:password@host/name") from None
    limits = " ".join(f"-c {name}={value}" for name, value in _LIMITS.items())
    given["options"] = f"{limits} {given.get('options', '')}".strip()
    given.setdefault("connect_timeout", max(2, round(waits)))
    given.setdefault("application_name", "secdesk")
    return conninfo.make_conninfo(**cast("dict[str, Any]", given))


def _check(connection: _Connection) -> None:
    """Whether the pool may hand it out; a server that restarted shall not cost a failure.

    A server that ends a connection says so: then the socket has something to read. So a round trip each time is not needed.
    """
    now, waiting = monotonic(), select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0) or now - connection.checked > _TRUSTED:
        ConnectionPool.check_connection(connection)
        connection.checked = now


def _configure(connection: _Connection) -> None:
    # SUM of a bigint is NUMERIC there and an integer on SQLite: never let a Decimal out.
    connection.adapters.register_loader("numeric", FloatLoader)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except errors.UniqueViolation:  # its text holds the value
        raise Conflict("Somebody else was first.") from None
    except (PoolTimeout, PoolClosed) as error:
        raise StoreUnavailable("The database server cannot be reached") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnavailable(_sentence(error)) from error
    except (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege) as error:
        raise StoreUnavailable(_sentence(error)) from error


def _sentence(error: psycopg.Error) -> str:
    """What to tell the operator: our words and the SQLSTATE, since server texts can hold values."""
    reasons: dict[type[psycopg.Error], str] = {
        errors.DiskFull: "cannot store more: its disk is full",
        errors.ReadOnlySqlTransaction: "is read-only",
        errors.InsufficientPrivilege: "does not let this user do that",
        errors.LockNotAvailable: "is held up by another transaction",
        errors.QueryCanceled: "took too long",
        errors.TooManyConnections: "has no connection left",
    }
    for kind, reason in reasons.items():
        if isinstance(error, kind):
            return f"The database server {reason} (SQLSTATE {error.sqlstate})"
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return f"The database server cannot be reached or broke off{state}"
