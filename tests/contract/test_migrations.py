"""Migrations, on both databases."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.stores.migrations import Migration, migrate, packaged, rehearse
from adapters.stores.open import connect, open_db
from bot.errors import NewerDatabase
from bot.ports import Db
from tests.contract.conftest import Store

FIRST = Migration(9001, "first", "CREATE TABLE one_of_test (a TEXT); INSERT INTO one_of_test VALUES ('x; 100%');")
SECOND = Migration(9002, "second", "CREATE TABLE two_of_test (a TEXT);")
BROKEN = Migration(9002, "broken", "CREATE TABLE two_of_test (a TEXT); INSERT INTO nowhere_of_test VALUES (1);")


def steps(db: Db) -> list[int]:
    return [row["number"] for row in db.query("SELECT number FROM migration ORDER BY number")]


def tables(db: Db) -> set[str]:
    if db.dialect == "sqlite":
        return {row["name"] for row in db.query("SELECT name FROM sqlite_master WHERE type = 'table'")}
    sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
    return {row["name"] for row in db.query(sql)}


def test_a_new_database_gets_every_packaged_step_once(db: Db) -> None:
    assert steps(db) == [step.number for step in packaged(db.dialect)]
    assert migrate(db) == ()
    core = {"event", "outbox", "delivery", "identity", "audit", "audit_head", "utterance", "dialogue", "setting"}
    assert core <= tables(db)


def test_missing_steps_are_applied_in_order_also_below_the_last_one(db: Db) -> None:
    known = packaged(db.dialect)
    assert migrate(db, (*known, SECOND)) == ("second",)
    assert migrate(db, (*known, FIRST, SECOND)) == ("first",)
    assert db.query("SELECT a FROM one_of_test") == [{"a": "x; 100%"}]


def test_a_step_that_fails_leaves_nothing(db: Db) -> None:
    known = packaged(db.dialect)
    with pytest.raises(Exception, match="nowhere_of_test"):
        migrate(db, (*known, FIRST, BROKEN))
    assert steps(db) == [*(step.number for step in known), 9001]
    assert "two_of_test" not in tables(db)
    assert migrate(db, (*known, FIRST, SECOND)) == ("second",)


def test_a_newer_database_is_refused_in_clear_words_and_left_alone(store: Store) -> None:
    db = store.open()
    known = packaged(db.dialect)
    migrate(db, (*known, Migration(9001, "from_the_future", "CREATE TABLE future_of_test (a TEXT)")))
    before = steps(db)
    with pytest.raises(NewerDatabase, match=r"newer Secdesk \(it has step 9001 from_the_future.*Nothing was changed"):
        store.open()
    with pytest.raises(NewerDatabase):
        migrate(db, (*known, SECOND))
    assert steps(db) == before
    db.close()


def test_threads_that_start_at_once_migrate_once(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: store.open(), range(6)))
    assert steps(opened[0]) == [step.number for step in packaged(store.dialect)]
    assert opened[0].query("SELECT id, seq FROM audit_head") == [{"id": "head", "seq": 0}]
    for db in opened:
        db.close()


def test_processes_that_start_at_once_migrate_once(store: Store) -> None:
    program = (
        "import sys; from pathlib import Path; from adapters.stores.open import open_db; "
        "open_db(sys.argv[1], Path(sys.argv[2])).close()"
    )
    command = [sys.executable, "-c", program, store.url, str(store.folder)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 3
    db = store.open()
    assert steps(db) == [step.number for step in packaged(store.dialect)]
    db.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_packaged_steps_are_numbered_from_one_and_know_both_databases(dialect: str) -> None:
    found = packaged(dialect)
    assert found[0].number == 1
    assert all("{" not in step.sql.replace("'{}'", "") for step in found)
    assert [step.number for step in found] == [step.number for step in packaged("sqlite")]


def test_opening_twice_keeps_the_rows(tmp_path: Path) -> None:
    with open_db("", tmp_path).tx() as tx:
        tx.execute("INSERT INTO setting (name, value, updated_at) VALUES ('a', 'b', 0)")
    assert open_db("", tmp_path).query("SELECT value FROM setting") == [{"value": "b"}]


def test_a_rehearsal_says_what_would_be_done_and_does_nothing(store: Store) -> None:
    db = connect(store.url, store.folder)
    before = tables(db)
    assert [name for name, _ in rehearse(db)] == [step.name for step in packaged(db.dialect)]
    assert tables(db) == before
    assert migrate(db) == tuple(step.name for step in packaged(db.dialect))
    assert rehearse(db) == ()
    db.close()
