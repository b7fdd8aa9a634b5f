"""Who runs jobs: one owner a jobs file, one replica a name, and who was last heard of when."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import ConfigError, StoreUnavailable
from bot.ports import Db

if TYPE_CHECKING:
    import psycopg

LOCK_FILE = "jobs.lock"
_LOCKS = 0x5EC_DE5D  # the class of our advisory locks
Release = Callable[[], None]


def own_folder(data_dir: Path) -> Release:
    """Become the one process that runs the jobs of a data folder, until the release or the end of the process.

    Raises `ConfigError` if another one does, `StoreUnavailable` if the folder cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"The data folder {data_dir} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ConfigError(
            f"another Secdesk is running on {data_dir}: stop it first, or give this one a data folder of its own. "
            "For several at once use PostgreSQL"
        ) from None
    return lambda: os.close(descriptor)


class OwnName:
    """Being the one replica of a name in a schema of a PostgreSQL database: a lock that lasts as long as its connection.

    Raises `ConfigError` if another one has it, `StoreUnavailable` if the server cannot be reached.
    """

    def __init__(self, url: str, schema: str, name: str) -> None:
        import psycopg  # noqa: PLC0415  only where PostgreSQL is used

        self._broken = (psycopg.OperationalError, psycopg.InterfaceError)
        self._connect = partial(
            psycopg.connect, url, autocommit=True, connect_timeout=5, application_name="secdesk-replica"
        )
        self._name, self._identity = name, (_LOCKS, f"{schema}/{name}")
        self._connection = self._take()

    def keep(self) -> None:
        """Take it again if the server has restarted since. Raises as it does when it is made."""
        try:
            self._connection.execute("SELECT 1")
        except self._broken:
            self._connection = self._take()

    def release(self) -> None:
        self._connection.close()

    def _take(self) -> psycopg.Connection[Any]:
        try:
            connection = self._connect()
            found = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", self._identity).fetchone()
        except self._broken:
            raise StoreUnavailable("The database server cannot be reached") from None
        if not found or not found[0]:
            connection.close()
            raise ConfigError(
                f"another replica is running under the name {self._name}: give each one a name of its own"
            )
        return connection


class Replicas:
    """Heartbeats, so that the jobs of a dead replica are found."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def beat(self, name: str, at: float) -> None:
        with self._db.tx() as tx:
            tx.execute(
                "INSERT INTO replica (id, seen_at) VALUES (:id, :at) ON CONFLICT (id) DO UPDATE SET seen_at = :at",
                id=name, at=at,
            )  # fmt: skip

    def take_dead(self, before: float) -> list[str]:
        """Replicas not heard of since `before`. Each is returned to one caller only, who must see to its jobs."""
        with self._db.tx() as tx:
            rows = tx.query("DELETE FROM replica WHERE seen_at < :before RETURNING id", before=before)
        return sorted(str(row["id"]) for row in rows)
