"""A running job engine, on both databases. Jobs take real time: the engine's clock cannot be moved."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from adapters.attempts import Next, Pace, attempt
from adapters.engine import DbosJobs
from bot.errors import ConfigError, NotFound, RetryLater, StoreUnavailable, Unreachable
from bot.ports import Payload
from tests.contract.engines import QUICK, Home, Seen, new_home

HOURS = 3600.0
DAYS = 24 * HOURS


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    yield from new_home(request, request.param, tmp_path_factory.mktemp("jobs"))


@dataclass(frozen=True)
class Running:
    jobs: DbosJobs
    seen: Seen
    home: Home
    slow_may_end: threading.Event


@pytest.fixture(scope="module")
def running(shared_home: Home) -> Iterator[Running]:
    """An engine with a handler for each way a job can go. Starting one takes a second, so the tests share it."""
    seen = Seen()
    jobs = shared_home.engine(on_failed=seen.fail, workers={"slow": 1})
    slow_may_end = threading.Event()

    def fine(payload: Payload) -> None:
        seen.note("fine", payload["id"])

    def flaky(payload: Payload) -> None:
        if seen.note("flaky", payload["id"]) < 3:
            raise RuntimeError("what Alice wrote")

    def hopeless(payload: Payload) -> None:
        seen.note("hopeless", payload["id"])
        raise RuntimeError("what Alice wrote")

    def limited(payload: Payload) -> None:
        if seen.note("limited", payload["id"]) < 3:
            raise RetryLater("what Alice wrote", 0.0)

    def storeless(payload: Payload) -> None:
        if seen.note("storeless", payload["id"]) < 5:  # more often than attempts are allowed
            raise StoreUnavailable("what Alice wrote")

    def gone(payload: Payload) -> None:
        seen.note("gone", payload["id"])
        raise Unreachable("what Alice wrote")

    def parent(payload: Payload) -> None:
        jobs.submit("fine", payload["id"], {"id": payload["id"]})
        seen.note("parent", payload["id"])

    def slow(payload: Payload) -> None:
        seen.note("slow", payload["id"])
        slow_may_end.wait()

    handlers = (fine, flaky, hopeless, limited, storeless, gone, parent, slow)
    jobs.start({handler.__name__: handler for handler in handlers})
    yield Running(jobs, seen, shared_home, slow_may_end)
    slow_may_end.set()
    jobs.stop(0)


def test_the_same_key_runs_once(running: Running) -> None:
    for _ in range(3):
        running.jobs.submit("fine", "once", {"id": "once"})
    running.jobs.submit("fine", "once more", {"id": "more"})
    running.seen.wait_called("fine", "more")
    running.jobs.submit("fine", "once", {"id": "once"})
    running.jobs.submit("fine", "last", {"id": "last"})
    running.seen.wait_called("fine", "last")
    assert running.seen.calls.count(("fine", "once")) == 1


def test_many_who_submit_at_once_cause_one_run(running: Running) -> None:
    threads = [threading.Thread(target=running.jobs.submit, args=("fine", "crowd", {"id": "crowd"})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.jobs.submit("fine", "after the crowd", {"id": "after"})
    running.seen.wait_called("fine", "after")
    running.seen.wait_called("fine", "crowd")
    assert running.seen.calls.count(("fine", "crowd")) == 1


def test_keys_of_different_kinds_are_apart(running: Running) -> None:
    running.jobs.submit("fine", "twin", {"id": "twin"})
    running.jobs.submit("limited", "twin", {"id": "twin"})
    running.seen.wait_called("fine", "twin")
    running.seen.wait_called("limited", "twin")


def test_a_slow_kind_holds_up_no_other(running: Running) -> None:
    for number in range(30):  # more than the others' workers
        running.jobs.submit("slow", f"slow{number}", {"id": "slow"})
    running.seen.wait_called("slow", "slow")
    running.jobs.submit("fine", "quick", {"id": "quick"})
    running.seen.wait_called("fine", "quick")
    assert running.seen.calls.count(("slow", "slow")) == 1
    running.slow_may_end.set()


def test_a_failing_job_is_tried_again(running: Running) -> None:
    running.jobs.submit("flaky", "f1", {"id": "f1"})
    running.seen.wait_called("flaky", "f1", 3)
    assert "f1" not in [key for _, key, _ in running.seen.failed]


def test_a_hopeless_job_is_given_up_and_told(running: Running) -> None:
    running.jobs.submit("hopeless", "h1", {"id": "h1"})
    assert running.seen.wait_failed("h1") == ("hopeless", "h1", "RuntimeError")
    assert running.seen.calls.count(("hopeless", "h1")) == QUICK.attempts


def test_retry_later_comes_again(running: Running) -> None:
    running.jobs.submit("limited", "l1", {"id": "l1"})
    running.seen.wait_called("limited", "l1", 3)


def test_a_store_that_is_away_costs_no_attempts(running: Running) -> None:
    running.jobs.submit("storeless", "s1", {"id": "s1"})
    running.seen.wait_called("storeless", "s1", 5)
    assert "s1" not in [key for _, key, _ in running.seen.failed]


def test_an_unreachable_person_is_not_tried_again(running: Running) -> None:
    running.jobs.submit("gone", "g1", {"id": "g1"})
    assert running.seen.wait_failed("g1") == ("gone", "g1", "Unreachable")
    assert running.seen.calls.count(("gone", "g1")) == 1


def test_a_handler_may_submit(running: Running) -> None:
    running.jobs.submit("parent", "p1", {"id": "p1"})
    running.seen.wait_called("fine", "p1")


def test_a_delayed_job_waits(running: Running) -> None:
    asked = time.time()
    running.jobs.submit("fine", "delayed", {"id": "delayed"}, delay=0.5)
    running.seen.wait_called("fine", "delayed")
    assert time.time() - asked >= 0.5


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("unknown", {"id": "1"}),
        ("fine", {"id": "not an id but words"}),
        ("fine", {"id": "x" * 301}),
        ("fine", {"id": 7}),
    ],
)
def test_what_is_no_job_is_refused(running: Running, kind: str, payload: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"no handler|ids only"):
        running.jobs.submit(kind, "refused", payload)


def test_nothing_a_person_wrote_is_in_the_rows(running: Running) -> None:
    running.jobs.submit("hopeless", "h2", {"id": "h2"})
    running.seen.wait_failed("h2")
    text = running.home.text()
    assert "hopeless:h2" in text
    assert "Alice" not in text


def test_finished_jobs_are_deleted_in_time(running: Running) -> None:
    running.jobs.submit("fine", "old", {"id": "old"})
    running.seen.wait_called("fine", "old")
    now = time.time()
    running.jobs.submit("fine", "waiting", {"id": "waiting"}, delay=5 * HOURS)
    running.jobs.purge(now + 13 * DAYS)
    assert "fine:old" in running.home.text()
    while "fine:old" in running.home.text():  # the engine may still be writing that it is done
        running.jobs.purge(now + 15 * DAYS)
    assert "fine:waiting" in running.home.text()


def test_a_second_engine_is_refused_in_clear_words(running: Running) -> None:
    second = running.home.engine()
    with pytest.raises(ConfigError, match=r"another Secdesk is running on|another replica is running under the name"):
        second.start({})
    assert second.state() == ("off", "")


def test_the_state_is_known(running: Running) -> None:
    assert running.jobs.state() == ("running", "")
    assert running.jobs.wait_ready(0)


# what follows an attempt


def raising(error: Exception) -> Callable[[Payload], None]:
    def handler(_: Payload) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        (RetryLater("busy", 30), 2, Next(wait=30, failures=2)),
        (RetryLater("busy", -1), 0, Next(wait=0, failures=0)),
        (StoreUnavailable("full"), 2, Next(wait=15, failures=2)),
        (Unreachable("left"), 0, Next(error="Unreachable")),
        (KeyError("x"), 0, Next(wait=2, failures=1)),
        (KeyError("x"), 3, Next(wait=16, failures=4)),
        (NotFound("x"), 6, Next(wait=100, failures=7)),
        (KeyError("x"), 7, Next(error="KeyError")),
    ],
)
def test_what_follows_an_error(error: Exception, failures: int, expected: Next) -> None:
    assert attempt(raising(error), "k", "key", {}, failures, Pace(longest_wait=100)) == expected


def test_a_failure_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    attempt(raising(ValueError("what Alice wrote")), "reporting.analyse", "r1", {}, 0, Pace())
    (record,) = caplog.records
    told = json.dumps({name: str(value) for name, value in record.__dict__.items()})
    assert "Alice" not in told
    assert (record.__dict__["kind"], record.__dict__["key"]) == ("reporting.analyse", "r1")
    assert record.__dict__["error"] == "ValueError"
    assert record.__dict__["place"].startswith("test_engine.py:")


def test_done_and_no_handler() -> None:
    assert attempt(lambda payload: None, "k", "key", {}, 0, Pace()) == Next()
    assert attempt(None, "k", "key", {}, 0, Pace()) == Next(error="NoHandler")
