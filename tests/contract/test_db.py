"""The `Db` port, on both databases."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

import pytest

from adapters.stores.open import open_db
from adapters.stores.sqltext import plain, pyformat, statements
from bot.errors import ConfigError, Conflict, SecdeskError, StoreUnavailable
from bot.ports import Db
from tests.contract.conftest import Store

PUT = "INSERT INTO setting (name, value, updated_at) VALUES (:name, :value, :at)"
VALUE = "SELECT value FROM setting WHERE name = :name"


def put(db: Db, name: str, value: str = "", at: float = 0.0) -> None:
    with db.tx() as tx:
        tx.execute(PUT, name=name, value=value, at=at)


def names(db: Db) -> list[str]:
    return [row["name"] for row in db.query("SELECT name FROM setting ORDER BY name")]


def together(workers: int, work: Callable[[int], object]) -> None:
    """Run `work(0..workers-1)` in threads that start at the same moment; their first error is raised here."""
    barrier = threading.Barrier(workers)

    def one(number: int) -> None:
        barrier.wait()
        work(number)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(workers)))


def test_a_transaction_commits(db: Db) -> None:
    put(db, "a", "1", 1795000000.123456)
    assert db.query("SELECT * FROM setting") == [{"name": "a", "value": "1", "updated_at": 1795000000.123456}]


def test_an_exception_rolls_everything_back(db: Db) -> None:
    def fail() -> None:
        with db.tx() as tx:
            tx.execute(PUT, name="a", value="", at=0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(db) == []
    put(db, "b")
    assert names(db) == ["b"]


def test_a_transaction_sees_its_own_rows_and_others_do_not(db: Db) -> None:
    seen: list[list[str]] = []
    with db.tx() as tx:
        tx.execute(PUT, name="a", value="", at=0)
        assert tx.query("SELECT name FROM setting") == [{"name": "a"}]
        other = threading.Thread(target=lambda: seen.append(names(db)))
        other.start()
        other.join()
    assert seen == [[]]


def test_transactions_do_not_nest(db: Db) -> None:
    with db.tx(), pytest.raises(RuntimeError, match="don't nest"), db.tx():
        pass
    put(db, "after")
    assert names(db) == ["after"]


def test_a_read_inside_a_transaction_sees_its_rows(db: Db) -> None:
    with db.tx() as tx:
        tx.execute(PUT, name="mine", value="", at=0)
        assert names(db) == ["mine"]


def test_execute_counts_changed_rows(db: Db) -> None:
    for name in "abc":
        put(db, name)
    with db.tx() as tx:
        assert tx.execute("UPDATE setting SET value = 'x' WHERE name <> 'a'") == 2
        assert tx.execute("DELETE FROM setting WHERE name = 'nobody'") == 0
        assert tx.execute(f"{PUT} ON CONFLICT (name) DO NOTHING", name="a", value="", at=0) == 0
        assert tx.execute(f"{PUT} RETURNING name", name="d", value="", at=0) == 1
    assert names(db) == ["a", "b", "c", "d"]


def test_returning_says_who_was_first(db: Db) -> None:
    sql = f"{PUT} ON CONFLICT (name) DO NOTHING RETURNING name"
    with db.tx() as tx:
        assert tx.query(sql, name="a", value="", at=0) == [{"name": "a"}]
        assert tx.query(sql, name="a", value="", at=0) == []


def test_a_taken_key_is_a_conflict_that_does_not_repeat_the_value(db: Db) -> None:
    put(db, "alice@example.org")
    with pytest.raises(Conflict) as caught:
        put(db, "alice@example.org")
    assert "alice" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert names(db) == ["alice@example.org"]


def test_a_mistake_in_the_sql_is_not_called_unavailable(db: Db) -> None:
    with pytest.raises(Exception, match="no_such_table") as caught:
        db.query("SELECT * FROM no_such_table")
    assert not isinstance(caught.value, SecdeskError)


def test_query_refuses_sql_without_rows(db: Db) -> None:
    with pytest.raises(ValueError, match="returns rows"), db.tx() as tx:
        tx.query("UPDATE setting SET value = ''")


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("100 % :name ::text 'quoted' ?", "100 % :name ::text 'quoted' ?"),
        ("nul\x00byte", "nul\ufffdbyte"),
        ("lone \udcff surrogate", "lone \ufffd surrogate"),
        ("emoji \U0001f600 and ü", "emoji \U0001f600 and ü"),
        (Colour.RED, "red"),
    ],
)
def test_text_comes_back(db: Db, value: str, expected: str) -> None:
    put(db, "a", value)
    assert db.query(VALUE, name="a") == [{"value": expected}]


def test_numbers_bytes_and_null_come_back(db: Db) -> None:
    with db.tx() as tx:
        tx.execute("CREATE TABLE value_of_test (i BIGINT, f DOUBLE PRECISION, n TEXT, b INTEGER)")
        tx.execute("INSERT INTO value_of_test VALUES (:i, :f, :n, :b)", i=2**53, f=1, n=None, b=True)
        tx.execute(
            "INSERT INTO identity (pseudonym, digest, sealed, created_at) VALUES ('p', 'd', :sealed, 0)",
            sealed=b"\x00\xff%",
        )
    assert db.query("SELECT * FROM value_of_test") == [{"i": 2**53, "f": 1.0, "n": None, "b": 1}]
    assert db.query("SELECT sealed FROM identity") == [{"sealed": b"\x00\xff%"}]
    (sums,) = db.query("SELECT SUM(i) AS total, COUNT(*) AS n, AVG(i) AS mean FROM value_of_test")
    assert sums == {"total": 2**53, "n": 1, "mean": 2**53}
    assert not any(type(number).__name__ == "Decimal" for number in sums.values())


def test_a_value_of_another_type_is_refused(db: Db) -> None:
    with pytest.raises(TypeError, match="'name' is a list"):
        db.query(VALUE, name=["a"])


def test_percent_signs_and_colons_in_sql_mean_themselves(db: Db) -> None:
    put(db, "50%", ":name")
    sql = "SELECT name FROM setting WHERE name LIKE '5%' AND value = ':name' AND 7 % 4 = :rest -- :not a 100% parameter"
    assert db.query(sql, rest=3) == [{"name": "50%"}]


def test_a_read_then_write_race_has_one_winner(db: Db) -> None:
    """Claiming by conditional UPDATE: each of 20 things is claimed by exactly one of 8 workers."""
    for number in range(20):
        put(db, f"t{number:02}", "free")
    won: list[tuple[int, str]] = []

    def claim_all(worker: int) -> None:
        for number in range(20):
            with db.tx() as tx:
                sql = "UPDATE setting SET value = :me WHERE name = :name AND value = 'free'"
                if tx.execute(sql, me=f"w{worker}", name=f"t{number:02}"):
                    won.append((worker, f"t{number:02}"))

    together(8, claim_all)
    assert sorted(name for _, name in won) == [f"t{number:02}" for number in range(20)]
    assert {row["name"]: row["value"] for row in db.query("SELECT name, value FROM setting")} == {
        name: f"w{worker}" for worker, name in won
    }


def test_a_counter_loses_no_increment(db: Db) -> None:
    with db.tx() as tx:
        tx.execute("CREATE TABLE tally_of_test (n INTEGER NOT NULL)")
        tx.execute("INSERT INTO tally_of_test VALUES (0)")

    def add(_: int) -> None:
        for _ in range(25):
            with db.tx() as tx:
                tx.query("UPDATE tally_of_test SET n = n + 1 RETURNING n")

    together(8, add)
    assert db.query("SELECT n FROM tally_of_test") == [{"n": 200}]


def test_an_event_delivered_by_many_has_one_effect(db: Db) -> None:
    firsts: list[int] = []

    def deliver(worker: int) -> None:
        with db.tx() as tx:
            if tx.query("INSERT INTO event (key, at) VALUES ('e', 0) ON CONFLICT (key) DO NOTHING RETURNING key"):
                firsts.append(worker)
                tx.execute(PUT, name=f"effect{worker}", value="", at=0)

    together(8, deliver)
    assert len(firsts) == 1
    assert names(db) == [f"effect{firsts[0]}"]


def test_threads_that_ended_leave_no_connection(tmp_path: Path) -> None:
    from adapters.stores.sqlite import SqliteDb

    db = SqliteDb(tmp_path / "a.db")
    for _ in range(5):
        thread = threading.Thread(target=lambda: db.query("SELECT 1"))
        thread.start()
        thread.join()
    assert len(db._opened) <= 2
    db.close()


def test_a_database_is_not_closed_under_its_readers(tmp_path: Path) -> None:
    """Closing a connection of SQLite's that another thread is in ends the whole process."""
    from adapters.stores.sqlite import SqliteDb

    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 50000) SELECT COUNT(*) AS n FROM n"
    for round_ in range(5):
        db, said = SqliteDb(tmp_path / f"{round_}.db"), list[int | str]()
        begun = threading.Barrier(4)

        def read(db: SqliteDb = db, said: list[int | str] = said, begun: threading.Barrier = begun) -> None:
            db.query("SELECT 1")
            begun.wait()
            try:
                while True:
                    said.append(int(db.query(slow)[0]["n"]))
            except StoreUnavailable as error:
                said.append("closed" if "has been closed" in str(error) else str(error))

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait()
        db.close()
        for thread in threads:
            thread.join(timeout=30)
        assert 3 == said.count("closed")
        assert {"closed", 50_000} >= set(said)


def test_a_closed_database_says_so(store: Store) -> None:
    db = store.open()
    db.close()
    with pytest.raises(StoreUnavailable):
        db.query("SELECT 1")
    with pytest.raises(StoreUnavailable), db.tx():
        pass


# SQLite: the file


def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    db = open_db("", tmp_path / "new")
    path = tmp_path / "new" / "secdesk.db"
    assert path.stat().st_mode & 0o777 == 0o600
    put(db, "a")
    assert (tmp_path / "new" / "secdesk.db-wal").stat().st_mode & 0o777 == 0o600
    assert db.query("PRAGMA synchronous") == [{"synchronous": 2}]
    assert db.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    db.close()


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_path_is_a_database(tmp_path: Path, form: str) -> None:
    path = tmp_path / "mine.sqlite"
    open_db(form.format(path), tmp_path / "unused").close()
    assert path.exists()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", ":memory:", "postgresql://u:secret@h/d?nonsense=1"])
def test_another_url_is_refused_without_repeating_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_db(url, tmp_path)
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    db = open_db("", tmp_path)
    put(db, "before")
    pages = db.query("PRAGMA page_count")[0]["page_count"]
    db.query(f"PRAGMA max_page_count = {pages + 2}")

    def fill() -> None:
        with db.tx() as tx:
            tx.execute(PUT, name="small", value="", at=0)
            tx.execute(PUT, name="large", value="x" * 100_000, at=0)

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        fill()
    assert names(db) == ["before"]
    db.query(f"PRAGMA max_page_count = {pages + 100}")
    put(db, "room again", "x" * 100_000)
    assert names(db) == ["before", "room again"]
    db.close()


def test_a_read_only_file_is_said(tmp_path: Path) -> None:
    db = open_db("", tmp_path)
    with db.tx() as tx:
        tx.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreUnavailable, match="read-only"):
            tx.execute(PUT, name="a", value="", at=0)
    db.close()


def test_a_locked_file_is_said(tmp_path: Path) -> None:
    from adapters.stores.sqlite import SqliteDb

    db = SqliteDb(tmp_path / "a.db", waits=0.01)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another process"), db.tx():
        pass
    other.execute("ROLLBACK")
    other.close()
    with db.tx() as tx:
        assert tx.query("SELECT 1 AS one") == [{"one": 1}]
    db.close()


def test_a_transaction_that_holds_the_others_up_is_said(tmp_path: Path) -> None:
    from adapters.stores.sqlite import SqliteDb

    db = SqliteDb(tmp_path / "a.db", waits=0.01)
    caught: list[Exception] = []

    def write() -> None:
        try:
            with db.tx():
                pass
        except StoreUnavailable as error:
            caught.append(error)

    with db.tx():
        other = threading.Thread(target=write)
        other.start()
        other.join()
    assert [type(error) for error in caught] == [StoreUnavailable]
    write()
    assert len(caught) == 1
    db.close()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_db("", tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_said_and_kept(tmp_path: Path) -> None:
    (tmp_path / "secdesk.db").write_bytes(b"my diary, not a database" * 100)
    with pytest.raises(StoreUnavailable, match="not a SQLite database"):
        open_db("", tmp_path)
    assert (tmp_path / "secdesk.db").read_bytes() == b"my diary, not a database" * 100


# PostgreSQL: the server


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    from adapters.stores.postgres import PostgresDb

    db = PostgresDb(f"postgresql://u:secret@/d?host={tmp_path}", waits=0.2)
    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        db.query("SELECT 1")
    assert "secret" not in str(caught.value)
    db.close()


def test_a_connection_that_broke_is_said_and_replaced(postgres: str) -> None:
    from adapters.stores.postgres import PostgresDb

    db = PostgresDb(postgres, connections=1)
    with pytest.raises(StoreUnavailable, match="broke off"), db.tx() as tx:
        tx.query("SELECT pg_terminate_backend(pg_backend_pid())")
    assert db.query("SELECT 1 AS one") == [{"one": 1}]
    db.close()


def test_a_read_only_server_is_said(postgres: str) -> None:
    from adapters.stores.postgres import PostgresDb

    db = PostgresDb(postgres)
    with db.tx() as tx:
        tx.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(StoreUnavailable, match="is read-only"):
            tx.execute("CREATE TABLE never (a TEXT)")
    db.close()


def test_more_threads_than_connections_wait_for_their_turn(postgres: str) -> None:
    from adapters.stores.postgres import PostgresDb

    db = PostgresDb(postgres, connections=2)
    answers: list[int] = []
    together(8, lambda number: answers.append(db.query("SELECT :n AS n", n=number)[0]["n"]))
    assert sorted(answers) == list(range(8))
    db.close()


# The text of SQL


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a = :a AND b=:b2", "a = %(a)s AND b=%(b2)s"),
        ("':a' || '100%' || 'it''s :b'", "':a' || '100%%' || 'it''s :b'"),
        ("x::text, :y::int", "x::text, %(y)s::int"),
        ('":a" = :a -- :c %\n, :d', '":a" = %(a)s -- :c %%\n, %(d)s'),
        ("/* :a */ :b $$ :c % $$ $q$ :d $q$", "/* :a */ %(b)s $$ :c %% $$ $q$ :d $q$"),
        ("7 % 2", "7 %% 2"),
        ("a[1:2]", "a[1:2]"),
    ],
)
def test_parameters_for_psycopg(sql: str, expected: str) -> None:
    assert expected == pyformat(sql)


def test_a_script_is_cut_at_its_own_semicolons_only() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END"
    script = f"-- one; not a statement\nSELECT ';' ;; /* ; */ {trigger};\nSELECT 2 -- end\n; -- nothing more"
    assert list(statements(script)) == ["-- one; not a statement\nSELECT ';'", f"/* ; */ {trigger}", "SELECT 2 -- end"]


def test_plain_keeps_what_both_can_hold() -> None:
    assert plain({"a": True, "b": None, "c": b"x", "d": 0.5}) == {"a": 1, "b": None, "c": b"x", "d": 0.5}
