"""One job engine after the other, killed and stopped, on both databases."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from adapters.attempts import Pace
from adapters.engine import DbosJobs
from adapters.schedules import last_due, written
from adapters.stores.open import open_db
from adapters.stores.replicas import OwnName, Replicas
from bot.errors import ConfigError, StoreUnavailable
from bot.ports import Db, Payload
from tests.contract.engines import PATIENCE, QUICK, Home, Process, Seen, new_home

pytestmark = pytest.mark.slow  # processes of their own, killed and waited for


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    yield from new_home(request, request.param, tmp_path)


def test_a_killed_process_loses_no_job(home: Home) -> None:
    first = Process(home, 40, "work")
    first.up()
    first.wait_keys(lambda keys: len(keys) >= 8)
    first.kill()
    assert len(set(first.keys())) < 40
    second = Process(home, 0, "work")
    second.wait_keys(lambda keys: len(keys) == 40)
    second.kill()
    doubled = [key for key, times in Counter(second.keys()).items() if times > 1]
    assert len(doubled) <= QUICK.workers  # those that ran when it died


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_job_that_kills_the_process_is_given_up(home: Home) -> None:
    for _ in range(2):  # the first time, and the one crash that is allowed
        crashing = Process(home, 1, "crash")
        assert crashing.process.wait(PATIENCE) == 9
        crashing.kill()
    seen = Seen()
    engine = home.engine(on_failed=seen.fail, pace=Pace(poll=0.05, crashes=1, beat=0.05))
    engine.start({"work": lambda payload: None})
    assert seen.wait_failed("k000") == ("work", "k000", "Crashed")
    engine.stop(0)
    assert seen.failed == [("work", "k000", "Crashed")]


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_job_of_a_kind_that_is_gone_is_given_up(home: Home) -> None:
    engine = home.engine()
    engine.start({"old": lambda payload: None})
    engine.submit("old", "o1", {}, delay=0.2)
    engine.stop(0)
    seen = Seen()
    engine = home.engine(on_failed=seen.fail)
    engine.start({"new": lambda payload: None})
    assert seen.wait_failed("o1") == ("old", "o1", "NoHandler")
    engine.stop(0)


def test_a_stopping_engine_lets_running_jobs_end(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    engine = home.engine()

    def slow(payload: Payload) -> None:
        seen.note("begun", payload["id"])
        threading.Event().wait(0.3)
        seen.note("ended", payload["id"])

    with caplog.at_level(logging.INFO):
        engine.start({"slow": slow})
        engine.submit("slow", "s1", {"id": "s1"})
        seen.wait_called("begun", "s1")
        engine.stop(5)
    assert seen.calls == [("begun", "s1"), ("ended", "s1")]
    assert engine.state() == ("off", "")
    assert caplog.records == []  # the engine is quiet about what goes well
    with pytest.raises(StoreUnavailable, match="not running"):
        engine.submit("slow", "s2", {"id": "s2"})


def test_a_schedule_runs_its_kind_and_leaves_with_its_line(home: Home) -> None:
    seen = Seen()
    engine = home.engine()
    engine.schedule("often", "* * * * * *", "sweep")  # six fields: seconds first, so that the test need not wait

    def sweep(payload: Payload) -> None:
        assert payload["schedule"] == "often"
        seen.note("sweep", payload["at"])

    engine.start({"sweep": sweep})
    seen.wait(lambda: len(set(seen.calls)) >= 1)
    engine.stop(0)
    assert "often" in home.text("workflow_schedules")
    without = home.engine()
    without.start({"sweep": sweep})
    without.stop(0)
    assert "often" not in home.text("workflow_schedules")


def test_the_last_time_that_nobody_started_is_made_up_for_once(home: Home) -> None:
    seen = Seen()
    begun = time.time()
    handlers: dict[str, Callable[[Payload], None]] = {
        "sweep": lambda payload: seen.note("sweep", payload["at"]) and None,
        "work": lambda payload: seen.note("work", payload["id"]) and None,
    }

    def engine() -> DbosJobs:
        made = home.engine()
        made.schedule("tens", "*/10 * * * *", "sweep")
        made.schedule(
            "daily", f"0 {(datetime.now(UTC).hour + 12) % 24} * * *", "sweep"
        )  # for longer ago than is made up for
        made.start(handlers)
        return made

    first = engine()
    assert 0 == first.make_up(time.time())  # a first start has missed nothing
    first.submit("work", "w1", {"id": "w1"})
    seen.wait_called("work", "w1")
    first.stop(0)
    second = engine()
    assert 0 == second.make_up(time.time())  # nor has the next one what was due before it
    later = begun + 1800  # three times have passed by then
    assert [1, 0] == [second.make_up(later), second.make_up(later)]
    second.stop(5)
    third = engine()  # another replica, or the next start
    assert 0 == third.make_up(later)
    due = last_due("*/10 * * * *", "UTC", later - 15)
    for late in (
        due,
        due.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    ):  # the engine's own, in whatever form
        third._tick(late, "tens")  # type: ignore[arg-type]
    third.submit("work", "w2", {"id": "w2"})
    seen.wait_called("work", "w2")
    third.stop(5)
    swept = [at for kind, at in seen.calls if kind == "sweep" and datetime.fromisoformat(at) >= due]
    assert [written(due)] == swept


def test_a_schedule_needs_a_handler(tmp_path: Path) -> None:
    engine = DbosJobs("", tmp_path)
    engine.schedule("nightly", "0 3 * * *", "sweep")
    with pytest.raises(ValueError, match="sweep"):
        engine.start({})


# SQLite


def test_the_jobs_file_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    engine = DbosJobs("", tmp_path / "data", pace=QUICK)
    engine.start({}, wait=False)
    assert engine.wait_ready(PATIENCE)
    path = tmp_path / "data" / "jobs.db"
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    engine.stop(0)
    again = DbosJobs("", tmp_path / "data", pace=QUICK)
    again.start({})  # the lock went with the first one
    again.stop(0)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        DbosJobs("", tmp_path / "file").start({})


def test_a_jobs_file_that_cannot_be_opened_is_said_with_its_place_and_the_lock_given_back(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").mkdir()
    engine = DbosJobs("", tmp_path, pace=QUICK)
    with pytest.raises(StoreUnavailable, match=r"cannot start .*jobs\.db"):
        engine.start({})
    (tmp_path / "jobs.db").rmdir()
    engine.start({})
    engine.stop(0)


# several replicas


def test_the_jobs_of_a_dead_replica_are_taken_over_once(
    postgres: str, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    url = fresh_schema()
    home = Home(url, tmp_path, f"jobs_{uuid4().hex[:8]}")
    dead = Process(home, 2, "hang", replica="dead")
    dead.up()
    dead.wait_keys(lambda keys: len(keys) == 2)
    dead.kill()
    db = open_db(url, tmp_path)
    seen = Seen()
    engine = home.engine(replica="alive", db=db)

    def work(payload: Payload) -> None:
        seen.note("work", payload["id"])

    engine.start({"work": work})
    now = time.time()
    assert engine.rescue(now) == 0  # just come: others may only seem dead
    assert engine.rescue(now + 100) == 2
    assert engine.rescue(now + 200) == 0
    seen.wait_called("work", "k000")
    seen.wait_called("work", "k001")
    engine.stop(0)
    db.close()


def test_a_replica_is_reported_dead_to_one_only(db: Db) -> None:
    replicas = Replicas(db)
    for name, at in (("a", 100.0), ("b", 100.0), ("b", 160.0), ("c", 170.0)):
        replicas.beat(name, at)
    assert [replicas.take_dead(150.0), replicas.take_dead(150.0), replicas.take_dead(165.0)] == [["a"], [], ["b"]]


def test_a_name_is_taken_again_after_the_server_has_restarted_and_nobody_else_gets_it(postgres: str) -> None:
    schema = uuid4().hex

    def thrown_out() -> None:
        with psycopg.connect(postgres, autocommit=True) as server:
            held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = (hashtext(%s)::bigint & 4294967295)"
            for (pid,) in server.execute(held, (f"{schema}/one",)).fetchall():
                server.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    mine = OwnName(postgres, schema, "one")
    mine.keep()
    thrown_out()
    mine.keep()
    with pytest.raises(ConfigError, match="running under the name one"):
        OwnName(postgres, schema, "one")
    thrown_out()
    other = OwnName(postgres, schema, "one")
    with pytest.raises(ConfigError, match="running under the name one"):
        mine.keep()
    other.release()
    mine.keep()
    mine.release()


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        DbosJobs(f"postgresql://u:secret@/d?host={tmp_path}", tmp_path).start({})


# a clock that was set, a file that is lost


def test_what_waits_for_years_goes_on_and_schedules_begin_anew(home: Home) -> None:
    seen = Seen()
    engine = home.engine()
    engine.schedule("often", "* * * * * *", "sweep")
    engine.start({"sweep": lambda payload: seen.note("sweep", payload["at"]) and None, "work": lambda payload: None})
    years = 3 * 365 * 86_400.0
    engine.submit("work", "soon", {}, delay=600.0)
    engine.submit("work", "never", {}, delay=years)
    assert 1 == engine.clock_was_set(time.time())  # and not the one that only waits its turn
    assert "'often@" in home.text("workflow_schedules") or '"often@' in home.text("workflow_schedules")
    before = len(seen.calls)
    seen.wait(lambda: len(seen.calls) > before + 1)  # they still run
    engine._tick(datetime.fromtimestamp(time.time() - years, UTC), "often@1")
    engine._tick(datetime(2030, 1, 1, tzinfo=UTC), "gone")
    engine.stop(0)
    assert [] == [at for _, at in seen.calls if at.startswith(str(datetime.now(UTC).year - 3))]


def test_a_damaged_or_lost_file_is_replaced_and_everything_given_again(tmp_path: Path) -> None:
    lost: list[str] = []
    engine = DbosJobs("", tmp_path, pace=QUICK, on_lost=lambda: lost.append("lost"))
    engine.start({})
    engine.stop(0)
    assert ["lost"] == lost  # a first start has nothing to give
    engine.start({})
    engine.stop(0)
    assert ["lost"] == lost
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"no database" * 1000), _scratched):
        damage(tmp_path / "jobs.db")
        lost.clear()
        engine.start({})
        engine.stop(0)
        assert ["lost"] == lost
    kept = sorted(path.name for path in tmp_path.glob("jobs.db.damaged-*") if path.suffix[-3:] not in {"wal", "shm"})
    assert len(kept) >= 1  # whoever wants to may look


def _scratched(path: Path) -> None:
    """The head is whole, the middle is not."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : 2 * len(data) // 3] = b"\xff" * (len(data) // 3)
    path.write_bytes(data)
