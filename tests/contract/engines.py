"""What the tests of the job engine share: where an engine lives, what its handlers saw, an engine to kill."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from adapters.attempts import Pace
from adapters.engine import DbosJobs

QUICK = Pace(poll=0.05, first_wait=0.0, store_wait=0.0, attempts=3, beat=3600.0)
PATIENCE = 20.0


@dataclass(frozen=True)
class Home:
    """Where an engine keeps its rows."""

    url: str
    folder: Path
    schema: str

    def engine(self, **given: object) -> DbosJobs:
        settings: dict[str, object] = {"schema": self.schema, "pace": QUICK, **given}
        make: Callable[..., DbosJobs] = DbosJobs
        return make(self.url, self.folder, **settings)

    def text(self, tables: str = "") -> str:
        """Everything in the engine's rows, or in those of one table."""
        if not self.url:
            with closing(sqlite3.connect(self.folder / "jobs.db")) as file:
                names = (
                    [tables] if tables else column(file.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
                )
                return str([file.execute(f'SELECT * FROM "{name}"').fetchall() for name in names])
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        with psycopg.connect(self.url) as server:
            names = [tables] if tables else column(server.execute(sql, (self.schema,)))
            return str([server.execute(f'SELECT * FROM "{self.schema}"."{name}"').fetchall() for name in names])


def column(rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [row[0] for row in rows]


@dataclass
class Seen:
    """What handlers saw; `wait` until something is so."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, kind: str, id_: str) -> int:
        """Note a call; how many there were of it."""
        with self.changed:
            self.calls.append((kind, id_))
            self.changed.notify_all()
            return self.calls.count((kind, id_))

    def fail(self, kind: str, key: str, error: str) -> None:
        with self.changed:
            self.failed.append((kind, key, error))
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), (self.calls, self.failed)

    def wait_called(self, kind: str, id_: str, times: int = 1) -> None:
        self.wait(lambda: self.calls.count((kind, id_)) >= times)

    def wait_failed(self, key: str) -> tuple[str, str, str]:
        self.wait(lambda: any(entry[1] == key for entry in self.failed))
        return next(entry for entry in self.failed if entry[1] == key)


def new_home(request: pytest.FixtureRequest, dialect: str, folder: Path) -> Iterator[Home]:
    if dialect == "sqlite":
        yield Home("", folder, "unused")
        return
    url: str = request.getfixturevalue("postgres")
    schema = f"jobs_{uuid4().hex[:8]}"
    yield Home(url, folder, schema)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


class Process:
    """An engine in a process of its own."""

    def __init__(self, home: Home, jobs: int, mode: str, replica: str = "main") -> None:
        self.done = home.folder / "done"
        program = str(Path(__file__).with_name("engine_process.py"))
        arguments = [home.url, str(home.folder), home.schema, replica, str(self.done), str(jobs), mode]
        self.process = subprocess.Popen(
            [sys.executable, program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def up(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def keys(self) -> list[str]:
        return self.done.read_text().splitlines() if self.done.exists() else []

    def wait_keys(self, condition: Callable[[set[str]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(set(self.keys())):
            assert time.monotonic() < deadline, self.keys()
            threading.Event().wait(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
