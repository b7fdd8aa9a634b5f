"""A backup is restored and every table compared, from either database into either; what is wrong with one is said."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.stores.dump import SEEDED, dumping
from adapters.stores.migrations import migrate, packaged
from adapters.stores.open import connect, open_db
from adapters.vault import open_vault
from bot.app import backup
from bot.errors import ConfigError
from bot.ports import Db
from bot.settings import Settings


def limited(dialect: str) -> dict[tuple[str, str], str]:
    """(table, column) → one of the words that the column takes, of those that take certain words only."""
    script = "\n".join(migration.sql for migration in packaged(dialect))
    parts = re.split(r"CREATE TABLE (\w+)", script)[1:]
    return {
        (table, column): word
        for table, body in zip(parts[::2], parts[1::2], strict=True)
        for column, word in re.findall(r"CHECK \((\w+) IN \('(\w+)'", body)
    }


def everything(db: Db) -> dict[str, list[tuple[str, ...]]]:
    with dumping(db) as dump:
        return {
            table: sorted(tuple(f"{name}={row[name]!r}" for name in sorted(row)) for row in dump.rows(table))
            for table in dump.tables()
        }


def place(folder: Path, database: str = "") -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    return replace(Settings(folder=folder), data=folder / "data", knowledge=folder / "knowledge", database=database)


def fill(db: Db) -> None:
    """A row in every table, of every kind of value: each column gets one that its type takes."""
    kinds = {
        "INTEGER": 7,
        "BIGINT": 2**53,
        "DOUBLE PRECISION": 1764000000.125,
        "BLOB": bytes(range(256)),
        "BYTEA": b"\0",
    }
    words = limited(db.dialect)
    with db.tx() as tx:
        for table in everything(db):
            tx.execute(f'DELETE FROM "{table}"')
            if db.dialect == "sqlite":
                columns = [(row["name"], row["type"]) for row in db.query(f'PRAGMA table_info("{table}")')]
            else:
                sql = """SELECT column_name AS name, upper(data_type) AS type FROM information_schema.columns
                         WHERE table_schema = current_schema() AND table_name = :t"""
                columns = [(row["name"], row["type"]) for row in db.query(sql, t=table)]
            text = 'é "quoted"\n{"base64": "no"} ' + table
            values = {
                f"c{n}": words.get((table, name), kinds.get(kind, text)) for n, (name, kind) in enumerate(columns)
            }
            names = ", ".join(f'"{name}"' for name, _ in columns)
            places = ", ".join(f":{name}" for name in values)
            tx.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', **values)


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, str]:
    return tmp_path / "backup.key", backup.new_key(tmp_path / "backup.key")


@pytest.fixture
def kept(db: Db, tmp_path: Path) -> Settings:
    """An installation with something in every table and every folder."""
    settings = place(tmp_path / "old")
    settings.data.mkdir()
    open_vault("", settings.data)
    (settings.folder / "secdesk.toml").write_text('[knowledge]\nfolder = "ours"\n')
    settings = replace(settings, knowledge=settings.folder / "ours")
    for path in (
        settings.knowledge / "answers" / "a.yaml",
        settings.data / "spool" / "x.spool",
        settings.data / "audit.anchors",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name} é\n")
    fill(db)
    return settings


def again(folder: Path, database: str) -> Callable[[], Settings]:
    return lambda: replace(place(folder, database), knowledge=folder / "ours")


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_was_there_is_there_again(
    db: Db, kept: Settings, sealed: tuple[Path, str], tmp_path: Path, into: str, fresh_schema: Callable[[], str]
) -> None:
    key, public = sealed
    done = backup.back_up(kept, db, tmp_path, (public,))
    assert done.path.stat().st_mode & 0o077 == 0
    assert b"quoted" not in done.path.read_bytes()
    new, database = tmp_path / "new", fresh_schema() if into == "postgresql" else ""
    assert backup.check(done.path, key).tables == done.tables
    back = backup.restore(place(new, database), done.path, key, again(new, database))
    assert (back.files, back.made) == (done.files, done.made)
    other = open_db(database, new / "data")
    expected = everything(db)
    expected["outbox"] = [tuple(one.replace("'handed'", "'queued'") for one in row) for row in expected["outbox"]]
    assert everything(other) == expected
    assert sum(back.tables.values()) == len(expected)
    other.close()
    for name in ("secdesk.toml", "ours/answers/a.yaml", "data/spool/x.spool", "data/audit.anchors", "data/secdesk.key"):
        assert (new / name).read_bytes() == (kept.folder / name).read_bytes()
    assert (new / "data" / "secdesk.key").stat().st_mode & 0o077 == 0


def test_one_moment_while_others_write(db: Db, sealed: tuple[Path, str], tmp_path: Path) -> None:
    """Two tables that are always written together are together in the backup."""
    key, public = sealed
    settings = place(tmp_path / "old")
    settings.data.mkdir()
    open_vault("", settings.data)
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with db.tx() as tx:
                tx.execute("INSERT INTO event (key, at, delivery) VALUES (:k, 1, '')", k=f"k{number}")
                tx.execute("INSERT INTO setting (name, value, updated_at) VALUES (:k, '', 1)", k=f"k{number}")
            if number == 20:
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert wrote.wait(20)
    done = backup.back_up(settings, db, tmp_path / "one.backup", (public,))
    stop.set()
    writer.join()
    assert done.tables["event"] == done.tables["setting"] >= 20
    assert backup.check(done.path, key).tables == done.tables


def test_an_older_backup_is_brought_up_to_date(tmp_path: Path, sealed: tuple[Path, str]) -> None:
    key, public = sealed
    old = place(tmp_path / "old")
    old.data.mkdir()
    open_vault("", old.data)
    db = connect("", old.data)
    migrate(db, packaged("sqlite")[:3])
    with db.tx() as tx:
        tx.execute("INSERT INTO event (key, at, delivery) VALUES ('k', 1, '')")
    done = backup.back_up(old, db, tmp_path / "old.backup", (public,))
    db.close()
    new = place(tmp_path / "new")
    backup.restore(new, done.path, key, lambda: new)
    back = open_db("", new.data)
    assert [row["key"] for row in back.query("SELECT key FROM event")] == ["k"]
    assert back.query("SELECT COUNT(*) AS n FROM migration")[0]["n"] == len(packaged("sqlite"))
    back.close()


@pytest.fixture
def made(tmp_path: Path, sealed: tuple[Path, str]) -> tuple[Path, Path]:
    """(a backup, its key) of a small SQLite installation."""
    key, public = sealed
    settings = place(tmp_path / "small")
    settings.data.mkdir()
    open_vault("", settings.data)
    db = open_db("", settings.data)
    done = backup.back_up(settings, db, tmp_path / "small.backup", (public,))
    db.close()
    return done.path, key


def test_what_was_changed_or_cut_off_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    path, key = made
    whole = path.read_bytes()
    for bad in (whole[:-1], whole[: len(whole) // 2], whole[:-40] + b"x" + whole[-39:], b"", b"nothing"):
        path.write_bytes(bad)
        with pytest.raises(ConfigError, match=r"cut off or changed|not a backup"):
            backup.check(path, key)
        new = place(tmp_path / f"new{len(bad)}")
        with pytest.raises(ConfigError):
            backup.restore(new, path, key, lambda new=new: new)
        assert not _rows_left(new)
    path.write_bytes(whole)
    other = tmp_path / "other.key"
    backup.new_key(other)
    with pytest.raises(ConfigError, match="cannot be opened with that key"):
        backup.check(path, other)


def _rows_left(settings: Settings) -> list[str]:
    if not (settings.data / "secdesk.db").exists():
        return []
    db = connect("", settings.data)
    try:
        return [table for table, rows in everything(db).items() if rows and table not in SEEDED]
    finally:
        db.close()


def test_nothing_that_is_there_is_written_over(made: tuple[Path, Path], tmp_path: Path) -> None:
    path, key = made
    new = place(tmp_path / "new")
    backup.restore(new, path, key, lambda: new)
    db = open_db("", new.data)
    with db.tx() as tx:
        tx.execute("INSERT INTO event (key, at, delivery) VALUES ('k', 1, '')")
    db.close()
    with pytest.raises(ConfigError, match=r"not empty \(event\)"):
        backup.restore(new, path, key, lambda: new)
    other = place(tmp_path / "other")
    other.data.mkdir()
    open_vault("", other.data)
    with pytest.raises(ConfigError, match=r"secdesk\.key is there already and differs"):
        backup.restore(other, path, key, lambda: other)
    with pytest.raises(ConfigError, match="is there already: name a new file"):
        backup.new_key(key)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, made: tuple[Path, Path]) -> None:
    settings = place(tmp_path / "small")
    db = open_db("", settings.data)
    with pytest.raises(ConfigError, match="cannot be written"):
        backup.back_up(settings, db, tmp_path / "nowhere" / "x.backup", (backup.new_key(tmp_path / "k"),))
    with pytest.raises(ConfigError, match="nobody could open that backup"):
        backup.back_up(settings, db, tmp_path / "x.backup", ())
    with pytest.raises(ConfigError, match="is not a public key"):
        backup.back_up(settings, db, tmp_path / "x.backup", ("age1nonsense",))
    if Path("/dev/full").exists():
        (tmp_path / "full.backup.part").symlink_to("/dev/full")
        with pytest.raises(ConfigError, match="cannot be written"):
            backup.back_up(settings, db, tmp_path / "full.backup", (backup.new_key(tmp_path / "k2"),))
        assert not (tmp_path / "full.backup").exists()
    db.close()


def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = place(tmp_path / "small")
    (settings.data / "spool").mkdir()
    (settings.data / "spool" / "big.spool").write_bytes(b"x" * 2000)
    monkeypatch.setattr(backup, "MEMBER", 1000)
    db = open_db("", settings.data)
    with pytest.raises(ConfigError, match=r"spool/big\.spool is too large for a backup"):
        backup.back_up(settings, db, tmp_path / "x.backup", (backup.new_key(tmp_path / "k"),))
    assert not list(tmp_path.glob("x.backup*"))
    db.close()
