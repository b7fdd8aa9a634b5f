"""Options of the whole suite."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import adapters.stores.open as stores
from bot.answering.emergency import Gate
from bot.answering.emergency_book import FOLDER
from bot.app import contents
from bot.content import Shelf
from bot.kept import content
from bot.ports import Db

gc.set_threshold(
    100_000, 20, 100
)  # what thousands of tests leave behind is looked through less often: a tenth of the time

# Every commit is synced to the disk, as it must be. Tests throw theirs away: where there is room in memory, they live there.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 6 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True, scope="session")
def _files_are_migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite file is a copy of one that was migrated: the sixty steps cost more than most tests."""
    folder = tmp_path_factory.mktemp("migrated")
    stores.open_db("", folder).close()
    migrated, connect = (folder / stores.FILE).read_bytes(), stores.connect

    def copied(url: str, data_dir: Path) -> Db:
        file = data_dir / stores.FILE
        if not url and data_dir.is_dir() and not file.exists():
            with suppress(OSError), tempfile.NamedTemporaryFile(dir=data_dir) as new:
                new.write(migrated)
                new.flush()
                os.link(new.name, file)  # whole or not at all: others may open it at this moment
        return connect(url, data_dir)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "connect", copied)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", metavar="URL", help="a PostgreSQL server for the contract suite: postgresql://…")


@pytest.fixture(autouse=True, scope="session")
def _gates_are_built_once() -> Iterator[None]:
    """`lint` builds the emergency gate anew each time, half a second; here once a process for the same content."""
    built: dict[bytes, Gate] = {}

    def once(shelf: Shelf) -> Gate:
        key = b"".join(content(shelf, FOLDER))
        if key not in built:
            built[key] = Gate(shelf)
        return built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "Gate", once)
        yield
