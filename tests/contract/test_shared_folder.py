"""The organisation's folder on several replicas, on both databases: each edit is everywhere, none is lost, none wins silently."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.stores.content import SqlContentStore
from adapters.vault import KeyVault
from bot.errors import Conflict
from bot.ports import Db
from bot.shared_folder import SharedFolder
from tests.fakes.web import FakeClock

USB, WIFI, PEOPLE = "answers/usb.yaml", "answers/wifi.yaml", "people.yaml"
Make = Callable[[str], SharedFolder]


@pytest.fixture
def store(db: Db) -> SqlContentStore:
    return SqlContentStore(db, KeyVault({1: b"k" * 32}))


@pytest.fixture
def make(store: SqlContentStore, tmp_path: Path) -> Make:
    """A replica of that name, on folders of its own; the same name again is the same replica, started anew."""
    clock = FakeClock(1_800_000_000.0)
    return lambda name: SharedFolder(store, tmp_path / name / "knowledge", tmp_path / name / "data", clock, name)


def write(shared: SharedFolder, path: str, text: str) -> None:
    target = shared.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def text(shared: SharedFolder, path: str) -> str:
    target = shared.folder / path
    return target.read_text("utf-8") if target.exists() else ""


def files(shared: SharedFolder) -> list[str]:
    return sorted(path.relative_to(shared.folder).as_posix() for path in shared.folder.rglob("*") if path.is_file())


def test_what_one_writes_the_others_have(make: Make) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    a.sync()
    assert b.sync()
    assert "usb: 1\n" == text(b, USB)
    b.put(USB, b"usb: 2\n", b.digest(USB), "sam")
    assert "usb: 2\n" == text(b, USB)
    a.sync()
    assert ("usb: 2\n", [USB]) == (text(a, USB), files(a))
    assert not a.sync()
    assert not b.sync()


def test_a_new_replica_is_filled_and_one_that_is_started_anew_goes_on(make: Make) -> None:
    a = make("a")
    write(a, USB, "usb: 1\n")
    write(a, "org.yaml", "name: Northwind\n")
    a.sync()
    c = make("c")
    c.sync()
    assert [USB, "org.yaml"] == files(c)
    a.put(USB, b"usb: 2\n", a.digest(USB), "sam")
    write(c, "org.yaml", "name: Southwind\n")  # while it does not run
    again = make("c")
    again.sync()
    a.sync()
    assert ("usb: 2\n", "name: Southwind\n", "name: Southwind\n") == (
        text(again, USB),
        text(again, "org.yaml"),
        text(a, "org.yaml"),
    )


def test_two_editors_never_overwrite_each_other(make: Make, store: SqlContentStore) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    a.sync()
    b.sync()
    seen = b.digest(USB)
    a.put(USB, b"usb: a\n", a.digest(USB), "sam")
    with pytest.raises(Conflict):
        b.put(USB, b"usb: b\n", seen, "ines")
    assert ("usb: a\n", "usb: a\n", []) == (text(a, USB), text(b, USB), store.asides())


def test_alone_it_compares_and_sets_as_well(tmp_path: Path) -> None:
    alone = SharedFolder(None, tmp_path / "knowledge", tmp_path / "data", FakeClock(1.0))
    alone.put(USB, b"usb: 1\n", alone.digest(USB), "sam")
    seen = alone.digest(USB)
    write(alone, USB, "usb: by hand\n")
    with pytest.raises(Conflict):
        alone.put(USB, b"usb: 2\n", seen, "sam")
    assert not alone.sync()
    assert "usb: by hand\n" == text(alone, USB)
    alone.put(USB, None, alone.digest(USB), "sam")
    assert [] == files(alone)


def test_of_many_who_write_at_once_one_wins(make: Make, store: SqlContentStore) -> None:
    replicas = [make(f"r{n}") for n in range(6)]
    write(replicas[0], USB, "usb: 0\n")
    for one in replicas:
        one.sync()

    def edit(one: SharedFolder) -> bool:
        try:
            one.put(USB, one.folder.parent.name.encode(), seen, "sam")
        except Conflict:
            return False
        return True

    seen = replicas[0].digest(USB)
    with ThreadPoolExecutor(len(replicas)) as pool:
        won = list(pool.map(edit, replicas))
    assert 1 == sum(won)
    for one in replicas:
        one.sync()
    assert {replicas[won.index(True)].folder.parent.name} == {text(one, USB) for one in replicas}
    assert [] == store.asides()


def test_an_edit_by_hand_that_comes_too_late_is_set_aside_and_kept(make: Make, store: SqlContentStore) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    a.sync()
    b.sync()
    a.put(USB, b"usb: a\n", a.digest(USB), "sam")
    write(b, USB, "usb: by hand\n")
    b.sync()
    b.sync()
    (waiting,) = store.asides()
    assert ("usb: a\n", USB, (USB, b"usb: by hand\n")) == (text(b, USB), waiting.path, store.aside(waiting.version))
    assert "by hand, b" == waiting.who
    a.sync()
    assert "usb: a\n" == text(a, USB)
    assert store.settle(waiting.version)
    assert not store.settle(waiting.version)
    assert [] == store.asides()
    write(b, USB, "usb: by hand\n")  # now it is made from what is in use
    b.sync()
    a.sync()
    assert "usb: by hand\n" == text(a, USB)


def test_what_nobody_knows_the_beginning_of_never_wins(make: Make, store: SqlContentStore) -> None:
    a, late = make("a"), make("late")
    write(a, USB, "usb: 1\n")
    a.sync()
    a.put(USB, b"usb: 2\n", a.digest(USB), "sam")
    write(late, USB, "usb: 1\n")  # an old copy: no edit
    write(late, WIFI, "wifi: 1\n")  # new: an edit
    late.sync()
    assert ("usb: 2\n", []) == (text(late, USB), store.asides())
    a.sync()
    assert "wifi: 1\n" == text(a, WIFI)
    other = make("other")
    write(other, USB, "usb: something else\n")
    other.sync()
    assert ("usb: 2\n", [USB]) == (text(other, USB), [one.path for one in store.asides()])


def test_what_a_writer_has_tried_is_proven_everywhere_until_somebody_edits_it(make: Make) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: by hand\n")
    a.sync()
    b.sync()
    assert (False, False) == (a.proven(USB), b.proven(USB))
    a.put(USB, b"usb: 2\n", a.digest(USB), "sam")
    b.sync()
    assert (True, True) == (a.proven(USB), b.proven(USB))
    write(b, USB, "usb: by hand\n")
    b.sync()
    a.sync()
    assert (False, False) == (a.proven(USB), b.proven(USB))


def test_a_file_taken_away_goes_everywhere_a_folder_that_is_gone_is_filled(make: Make) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    write(a, WIFI, "wifi: 1\n")
    a.sync()
    b.sync()
    (b.folder / USB).unlink()
    b.sync()
    a.sync()
    assert [WIFI] == files(a) == files(b)
    a.put(WIFI, None, a.digest(WIFI), "sam")
    write(a, USB, "usb: 2\n")
    a.sync()
    b.sync()
    assert [USB] == files(b)
    shutil.rmtree(b.folder)
    b.sync()
    a.sync()
    assert [USB] == files(a) == files(b)


def test_the_memory_of_another_folder_says_nothing(make: Make, store: SqlContentStore, tmp_path: Path) -> None:
    a = make("a")
    write(a, USB, "usb: 1\n")
    write(a, WIFI, "wifi: 1\n")
    a.sync()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "org.yaml").write_text("name: Northwind\n")
    moved = SharedFolder(store, tmp_path / "elsewhere", tmp_path / "a" / "data", FakeClock(1.0))
    moved.sync()
    assert [USB, WIFI, "org.yaml"] == files(moved)


def test_a_database_from_a_backup_wins_and_later_edits_are_set_aside(
    make: Make, store: SqlContentStore, db: Db
) -> None:
    a = make("a")
    write(a, USB, "usb: 1\n")
    a.sync()
    kept = {table: db.query(f"SELECT * FROM {table}") for table in ("content_file", "content_version")}
    a.put(USB, b"usb: 2\n", a.digest(USB), "sam")
    with db.tx() as tx:
        for table, rows in kept.items():
            tx.execute(f"DELETE FROM {table}")
            for row in rows:
                columns = ", ".join(row)
                tx.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in row)})", **row)
        tx.execute("UPDATE counter SET n = 1 WHERE name = 'content'")
    a.sync()
    assert ("usb: 1\n", [USB]) == (text(a, USB), [one.path for one in store.asides()])


def test_people_are_sealed_and_have_no_history(make: Make, db: Db) -> None:
    a, b = make("a"), make("b")
    for name in ("Dana Reyes", "Kim Lee"):
        write(a, PEOPLE, f"people: [{name}]\n")
        a.sync()
    b.sync()
    assert "people: [Kim Lee]\n" == text(b, PEOPLE)
    rows = db.query("SELECT sealed FROM content_version") + db.query("SELECT sealed FROM content_file")
    assert [0, 0] == [len(bytes(row["sealed"])) for row in rows[:2]]
    assert not [row for row in rows if b"Kim" in bytes(row["sealed"])]


def test_a_folder_that_cannot_be_written_is_a_fault_until_it_can(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    a.sync()

    def refuse(_path: Path, _write: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("bot.shared_folder.replace_file", refuse)
        with pytest.raises(OSError, match="denied"):
            b.sync()  # what it remembers cannot be written either
    real = b._write
    monkeypatch.setattr(b, "_write", lambda path, data: refuse(Path(path), data))
    b.sync()
    assert [(str(b.folder / USB), "let Secdesk write in this folder")] == [(one.file, one.mend) for one in b.faults]
    monkeypatch.setattr(b, "_write", real)
    b.sync()
    assert ((), "usb: 1\n") == (b.faults, text(b, USB))


def test_hidden_and_other_files_are_nobodys_business(make: Make) -> None:
    a, b = make("a"), make("b")
    write(a, USB, "usb: 1\n")
    write(a, "answers/.usb.yaml.77", "half")
    write(a, ".git/x.yaml", "half")
    write(a, "notes.txt", "mine")
    a.sync()
    b.sync()
    assert [USB] == files(b)
