"""Faults, each injected: the disk, the database, the clock, the platform, names that resolve to nothing, files that rot.

What holds in each: whoever writes gets an answer or a phone number, an error names the place and the mend, nothing is lost,
and nothing has its effect twice. Those that need the server as a process are in `test_faults_served.py`; `tests/README.md`
lists all of them.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.pagers.pagerduty import PagerDutyPager
from adapters.stores.clock_jumps import mend_times
from adapters.stores.leases import Lease
from adapters.stores.open import FILE, open_db
from adapters.stores.sessions import NewSession
from adapters.stores.sqlite import SqliteDb
from adapters.trackers.servicenow import ServiceNow
from bot.answering import minilm, use
from bot.app import build
from bot.app.contents import Contents
from bot.app.doctor import examine
from bot.cards import as_text, text_card
from bot.delivery import LEASE, ClockWatch, Pump
from bot.errors import RetryLater, StoreUnavailable
from bot.model import Message
from bot.ports import Db, Payload, Tx
from bot.reporting import checks
from bot.settings import load_settings
from bot.turn import BULK
from tests.contract.conftest import Emptied
from tests.fakes import desk as fakes
from tests.fakes.desk import (
    CLARA,
    DANA,
    INES,
    JONAS,
    MAIL,
    NOW,
    SAM,
    TROUBLE,
    YEARS,
    FailingDb,
    FakeChannel,
    FakeClock,
    House,
)

contents, home, house = fakes.contents, fakes.home, fakes.house
UNSAVED = "I cannot save anything just now"
PHONE = "+44 20 7946 0000"
BERLIN = "+49 30 5550 0000"
QUESTION = "How do I report a suspicious mail?"


def unsaved(text: str, phone: str = PHONE) -> bool:
    return text.startswith(UNSAVED) and phone in text


# the disk -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 24 MB; that takes root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system of one's own takes root and mount: not tested here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(folder: Path) -> Path:
    """A file that takes all the room there is left."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(b"x" * 4096)
    return path


def test_a_disk_that_is_really_full_is_said_and_what_was_taken_stays(
    small_disk: Path, contents: Contents, request: pytest.FixtureRequest
) -> None:
    data = fakes.data_folder(small_disk / "data", fakes.cache_folder(request.config))
    database = open_db("", data)
    house = House(data, database, contents)
    house.say(DANA, "hello")
    before, room = house.counts(), filled(small_disk)
    assert unsaved(as_text(house.send(DANA, MAIL + b"x" * 900_000).card))
    replies = [house.say(DANA, QUESTION) for _ in range(20)]
    assert [] == [as_text(reply.card) for reply in replies if not reply.delivery and not unsaved(as_text(reply.card))]
    assert not replies[-1].delivery
    with pytest.raises(StoreUnavailable, match=rf"{data / FILE} cannot grow: the disk is full"):
        database_filled(database)
    emergency = house.say(JONAS, TROUBLE)
    assert (emergency.card.tone, BERLIN in as_text(emergency.card)) == ("emergency", True)
    house.clock.forward(6)
    with contextlib.suppress(StoreUnavailable):
        house.sweeper.sweep()
        house.jobs.run()
    assert [page.to for page in house.pager.pages][:1] == [SAM], "stored or not, somebody is called"
    room.unlink()
    house.say(JONAS, TROUBLE)
    house.app.replay_spool()
    house.settle()
    assert {ticket.severity for ticket in house.tickets()} == {"S3"}
    assert all(before[table] <= house.count(table) for table in ("event", "utterance", "delivery"))
    assert "ok" == house.rows("PRAGMA integrity_check")[0]["integrity_check"]
    assert house.whole()
    house.close()
    database.close()


def database_filled(database: Db) -> None:
    with database.tx() as tx:
        tx.execute("INSERT INTO setting (name, value, updated_at) VALUES ('x', :value, 0)", value="x" * 8_000_000)


@pytest.mark.parametrize("command", ["people", "doctor"])
def test_a_read_only_disk_is_said_with_its_place(
    small_disk: Path, request: pytest.FixtureRequest, command: str
) -> None:
    data = fakes.data_folder(small_disk / "data", fakes.cache_folder(request.config))
    open_db("", data).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        ran = subprocess.run(
            [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main())", command],
            cwd=small_disk.parent, env={**os.environ, "SECDESK_DATA": str(data), "SECDESK_SEARCH": "words"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    said = ran.stdout + ran.stderr
    assert (1, True) == (ran.returncode, str(data) in said), said
    assert "Traceback" not in said
    assert "read-only" in said.casefold() or "cannot be written" in said, said


def test_a_disk_that_turns_read_only_stores_nothing_and_an_emergency_is_answered_and_called(
    db: Db, home: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FailingDb(db)
    house = House(home, failing, contents)
    house.say(DANA, "hello")
    failing.read_only, before = True, house.counts()

    def refuse(*_args: object, **_more: object) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)  # the spool's folder is on the same disk
        assert unsaved(as_text(house.say(DANA, QUESTION).card))
        emergency = house.say(JONAS, TROUBLE)
    assert (emergency.card.tone, emergency.delivery, BERLIN in as_text(emergency.card)) == ("emergency", "", True)
    assert len(house.pager.pages) == 1
    assert before == house.counts()
    failing.read_only = False
    assert house.say(JONAS, TROUBLE).delivery
    house.close()


class SlowDb:
    """A disk that takes its time: each commit waits, and holds the one writer's place as a slow fsync does."""

    def __init__(self, db: Db, seconds: float) -> None:
        self.db, self.dialect, self.seconds = db, db.dialect, seconds

    @contextlib.contextmanager
    def tx(self) -> Iterator[Tx]:
        with self.db.tx() as tx:
            yield tx
            time.sleep(self.seconds)

    def query(self, sql: str, **params: object) -> list[dict[str, Any]]:
        return self.db.query(sql, **params)

    def close(self) -> None:
        self.db.close()


def test_on_a_slow_disk_everybody_gets_an_answer_and_what_was_said_to_be_stored_is(
    db: Db, home: Path, contents: Contents
) -> None:
    house = House(home, SlowDb(db, 0.2), contents)
    people = (DANA, JONAS, SAM, INES)
    events = [house.message(people[n % 4], f"{QUESTION} {n}") for n in range(16)]
    cry = house.message(CLARA, TROUBLE)
    with ThreadPoolExecutor(17) as pool:
        replies = list(pool.map(house.desk.handle, [*events, cry]))
    stored = {row["key"] for row in house.rows("SELECT key FROM event")}
    for event, reply in zip([*events, cry], replies, strict=True):
        said = as_text(reply.card)
        assert (event.key in stored) == bool(reply.delivery), said
        assert reply.delivery or UNSAVED in said or reply.card.tone == "emergency", said
    assert replies[-1].card.tone == "emergency"
    assert len(stored) >= 8, "it is slow, not away"
    house.close()


# the database -------------------------------------------------------------------------------------------------------

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
"""


def test_a_database_that_another_process_locks_gives_a_number_and_gets_everything_later(
    home: Path, contents: Contents
) -> None:
    path = home / FILE
    open_db("", home).close()
    database = SqliteDb(path, waits=0.05)
    house = House(home, database, contents)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        asked = house.message(DANA, QUESTION)
        assert unsaved(as_text(house.desk.handle(asked).card))
        emergency = house.say(JONAS, TROUBLE)
        assert (emergency.card.tone, len(house.app.spool.waiting()), len(house.pager.pages)) == ("emergency", 1, 1)
        with pytest.raises(StoreUnavailable, match=rf"{path} is locked by another process"), database.tx():
            pass
        assert house.rows("SELECT key FROM event") == []  # reading goes on
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"
    assert house.desk.handle(asked).delivery  # the platform sends it again
    assert house.app.replay_spool() == 1
    assert [ticket.severity for ticket in house.tickets()] == ["S3"]
    house.close()
    database.close()


class CuttingDb(FailingDb):
    """The connection breaks: `before` the commit, when all is written, or `after` it, when only the answer is lost."""

    def __init__(self, db: Db, postgres: str) -> None:
        super().__init__(db)
        self.postgres, self.cut = postgres, ""

    @contextlib.contextmanager
    def tx(self) -> Iterator[Tx]:
        cut, self.cut = self.cut, ""
        with super().tx() as tx:
            yield tx
            if cut == "before":
                terminate(self.postgres, tx.query("SELECT pg_backend_pid() AS pid")[0]["pid"])
        if cut == "after":
            raise StoreUnavailable("The database server broke off the connection")


def terminate(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        until = time.monotonic() + 20
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("flow", ["ask", "report", "person", "emergency"])
def test_a_connection_that_drops_in_mid_transaction_has_its_effect_once(
    migrated_schema: Emptied, postgres: str, home: Path, contents: Contents, cut: str, flow: str
) -> None:
    database = CuttingDb(migrated_schema.db, postgres)
    house = House(home, database, contents)
    try:
        house.say(DANA, "hello")  # met, so that the next transaction is the event's
        event: Message = {
            "ask": lambda: house.message(DANA, QUESTION),
            "report": lambda: house.message(DANA, files=(fakes.File("parcel.eml", MAIL),)),
            "person": lambda: house.message(DANA, action=fakes.Action("tickets.person", "May I send this file?")),
            "emergency": lambda: house.message(DANA, TROUBLE),
        }[flow]()
        before, database.cut = house.counts(), cut
        first = house.desk.handle(event)
        assert first.delivery == ""
        assert PHONE in as_text(first.card)
        assert first.card.tone == "emergency" if flow == "emergency" else unsaved(as_text(first.card))
        if cut == "before":
            assert {**before, "identity": 0} == {**house.counts(), "identity": 0}, "nothing half-written"
        second, third = house.desk.handle(event), house.desk.handle(event)
        assert (second.repeated, third.repeated) == (cut == "after", True)
        assert second.delivery == third.delivery != ""
        house.app.replay_spool()
        house.settle()
        assert len(house.tickets()) == (0 if flow == "ask" else 1)
        assert [1] == [
            row["n"] for row in house.rows("SELECT COUNT(*) AS n FROM event WHERE key = :key", key=event.key)
        ]
        replies = house.rows("SELECT state FROM delivery WHERE key = :key", key=f"reply:{event.key}")
        assert [{"state": "sent"}] == replies
        assert house.whole()
    finally:
        house.close()
        migrated_schema.empty()


# the clock ----------------------------------------------------------------------------------------------------------

JUMPS = [2_400.0, -2_400.0, YEARS, -YEARS]


@pytest.mark.parametrize("jump", JUMPS)
def test_what_a_wrong_clock_has_written_goes_out_when_it_is_set_right(
    db: Db, home: Path, contents: Contents, jump: float
) -> None:
    """A reply that the edge never sent, one whose sender died, and an emergency's call."""
    clock = FakeClock(NOW + jump)
    channel = FakeChannel(home / "sent")
    house = House(home, db, contents, clock=clock, channels={"web": channel})
    left = house.desk.handle(house.message(DANA, QUESTION))  # the edge dies here
    died = house.desk.handle(house.message(JONAS, QUESTION))
    assert house.app.core.claim_delivery(died.delivery, clock.now(), LEASE)
    house.desk.handle(house.message(INES, TROUBLE))
    house.sweeper.sweep()  # some jobs have been handed over to an engine that is lost
    house.jobs.waiting.clear()
    house.jobs.known.clear()
    clock.at = NOW
    mend_times(db, clock.now())
    clock.forward(2_400.0 + LEASE if abs(jump) < YEARS else LEASE + 1)  # what is ahead by minutes is waited for
    house.app.core.requeue_lost(clock.now() - 1, clock.now())
    house.settle()
    states = {row["id"]: row["state"] for row in house.rows("SELECT id, state FROM delivery")}
    assert {"sent"} == set(states.values())
    assert {left.delivery, died.delivery} <= set(states)
    assert len(channel.keys()) == len(set(channel.keys()))
    called = [page.key for page in house.pager.pages]
    assert {SAM, INES} & {page.to for page in house.pager.pages}, "whoever was due by then"
    assert len(called) == len(set(called))
    house.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_leases_and_pauses_of_a_wrong_clock_do_not_last(db: Db, jump: float) -> None:
    wrong, right = FakeClock(NOW + jump), FakeClock(NOW)
    ticks = itertools.count(0.0, 10.0)
    assert Lease(db, wrong, "tips", "a", lambda: next(ticks)).mine()
    with db.tx() as tx:
        tx.execute("INSERT INTO slack_pace (name, due, paused_until, turn, updated_at) VALUES ('T', :at, :at, 1, :at)",
                   at=NOW + jump)  # fmt: skip
        tx.execute("INSERT INTO replica (id, seen_at) VALUES ('dead', :at)", at=NOW + jump)
    mend_times(db, NOW)
    right.forward(2_400.0 + 60)
    assert Lease(db, right, "tips", "b", lambda: next(ticks)).mine()
    (pace,) = db.query("SELECT due, paused_until FROM slack_pace")
    assert max(pace.values()) <= right.now()
    assert db.query("SELECT seen_at FROM replica")[0]["seen_at"] <= right.now()


def test_times_that_are_meant_are_left_alone(db: Db) -> None:
    with db.tx() as tx:
        for key, created, due in (("soon", NOW - 60, NOW + 5), ("in a month", NOW - 60, NOW + 30 * 86_400)):
            tx.execute(
                """INSERT INTO outbox (id, kind, key, payload, state, due_at, attempts, created_at, error)
                   VALUES (:key, 'a.b', :key, '{}', 'queued', :due, 0, :created, '')""",
                key=key, due=due, created=created,
            )  # fmt: skip
        tx.execute("INSERT INTO slack_pace (name, due, paused_until, turn, updated_at) VALUES ('T', :at, :at, 1, 0)",
                   at=NOW + 3_000)  # fmt: skip
    assert mend_times(db, NOW) == 0


@pytest.mark.parametrize("jump", JUMPS)
def test_sessions_end_rather_than_last_for_years(house: House, jump: float) -> None:
    store, wrong = house.app.sessions, NOW + jump
    with house.db.tx() as tx:
        store.begin(tx, NewSession("s", "1", "p_sam", wrong, wrong + 8 * 3600))
        store.add_link(tx, "l", "p_sam", wrong, wrong + 600)
    mend_times(house.db, NOW)
    assert (store.session("s", NOW, 7_200.0) is not None) == (jump == -2_400.0), "in use within two hours, and begun"
    assert store.session("s", NOW + 9 * 3_600, 1e9) is None
    assert (store.link("l") is not None) == (jump < 0)


@pytest.mark.parametrize("jump", JUMPS)
def test_promises_are_counted_from_the_timeline_whatever_the_clock_did_in_between(house: House, jump: float) -> None:
    house.press(DANA, "tickets.person", "", {"text": "My badge is lost"})
    number = house.ticket().number
    due = house.ticket().next_due_at
    back = house.clock.at
    house.clock.forward(jump)
    house.say(JONAS, QUESTION)
    house.settle()
    house.clock.at = back + 60
    house.settle()
    assert (house.ticket().number, house.ticket().next_due_at) == (number, due)
    house.act("claim", number)
    house.act("reply", number, SAM, "Come by at ten.")
    house.settle()
    assert "Come by at ten." in house.told(DANA)
    assert [] == [one for one in house.app.tickets.rounds(number, house.clock.at) if getattr(one, "missed", False)]
    assert house.whole()


def test_that_the_clock_was_set_is_noticed_once() -> None:
    clock = FakeClock(NOW)
    watch = ClockWatch(clock)
    assert not watch.jumped()
    for jump in JUMPS:
        clock.forward(jump)
        assert (watch.jumped(), watch.jumped()) == (True, False)


# the platform -------------------------------------------------------------------------------------------------------


class Down(FakeChannel):
    """A platform that is away until `back`: each way of being away in turn."""

    def __init__(self, path: Path, clock: FakeClock, back: float) -> None:
        super().__init__(path)
        self.clock, self.back, self.asked = clock, back, 0
        self.errors = [RetryLater("503", 30.0), TimeoutError(), OSError("reset"), RetryLater("429", 1.0)]

    async def send(self, place: Any, card: Any, key: str) -> Any:
        if self.clock.now() < self.back:
            self.asked += 1
            raise self.errors[self.asked % len(self.errors)]
        return await super().send(place, card, key)


class Timed:
    """`Jobs` that run at their time, on the fake clock, as the engine does: whoever asks to come again does."""

    def __init__(self, house: House) -> None:
        self.house, self.number, self.known = house, itertools.count(), set[str]()
        self.waiting: list[tuple[float, int, str, Payload]] = []

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None:
        if f"{kind}:{key}" not in self.known:
            self.known.add(f"{kind}:{key}")
            self._at(self.house.clock.now() + delay, kind, payload)

    def _at(self, at: float, kind: str, payload: Payload) -> None:
        heapq.heappush(self.waiting, (at, next(self.number), kind, payload))

    def until(self, at: float, each: Callable[[], object]) -> None:
        """Let time go by to `at`: every five seconds the sweeper, the jobs that are due, and `each`."""
        clock = self.house.clock
        while clock.at < at:
            clock.forward(5.0)
            self.house.sweeper.sweep()
            while self.waiting and self.waiting[0][0] <= clock.at:
                _, _, kind, payload = heapq.heappop(self.waiting)
                try:
                    self.house.app.handlers()[kind](payload)
                except RetryLater as error:
                    self._at(clock.at + max(1.0, error.seconds), kind, payload)
            each()


@pytest.mark.parametrize("order", ["answers", "tips"])
def test_a_chat_that_is_down_for_an_hour_gets_everything_once_oldest_first_answers_before_tips(
    db: Db, home: Path, contents: Contents, order: str
) -> None:
    clock = FakeClock()
    channel = Down(home / "sent", clock, clock.at + 3_600)
    house = House(home, db, contents, clock=clock, channels={"web": channel})
    jobs = Timed(house)
    house.sweeper._jobs = jobs
    pump = Pump(house.app.core, house.app.deliverer.send, clock, rates={}, resting=house.app.deliverer.resting)
    people = (DANA, JONAS, INES, SAM)
    keys = {who: house.analyst(who).key for who in people}

    def tips() -> None:
        pump.round(lambda work: work())

    def tip(number: int) -> None:
        who = people[number % 4]
        house.app.work(
            lambda work: work.say(keys[who], house.place(who), text_card("Tip"), f"nudge:{number}", priority=BULK)
        )

    asked = []
    for number in range(24):  # every few minutes somebody writes, and a tip becomes due
        tip(number)
        reply = house.say(people[number % 4], f"{QUESTION} {number}") if number != 5 else house.say(CLARA, TROUBLE)
        asked.append(
            next(row["key"] for row in house.rows("SELECT key FROM delivery WHERE id = :id", id=reply.delivery))
        )
        jobs.until(clock.at + 145, tips)
    assert channel.keys() == [], "an hour is nearly over"
    assert house.pager.pages, "nobody waits for the chat to be called"
    assert {"queued"} == {row["state"] for row in house.rows("SELECT state FROM delivery")}
    tried = channel.asked
    jobs.until(channel.back + 310, tips if order == "answers" else lambda: None)
    jobs.until(clock.at + 60, tips)
    got = channel.keys()
    assert sorted(got) == sorted({row["key"] for row in house.rows("SELECT key FROM delivery")}), "each of them once"
    assert {"sent"} == {row["state"] for row in house.rows("SELECT state FROM delivery")}
    live = [key for key in got if not key.startswith("nudge:")]
    answers = [key for key in live if key in asked]
    first = answers[0]  # whichever found that the platform is back brings the others
    assert answers[1:] == [key for key in asked if key != first], "the oldest first"
    assert [key.startswith("nudge:") for key in got] == [False] * len(live) + [True] * 24, "answers before tips"
    assert tried < 40 * (24 + 24), "it is not hammered"
    house.close()


def test_a_platform_that_was_away_for_long_and_then_stumbles_loses_nothing(
    db: Db, home: Path, contents: Contents
) -> None:
    """Waits that it asked for do not use up the tries of a message."""
    channel = FakeChannel(home / "sent")
    house = House(home, db, contents, channels={"web": channel})
    channel.trouble = [*(RetryLater("503", 5.0) for _ in range(60)), TimeoutError(), OSError("reset"), TimeoutError()]
    reply = house.say(DANA, QUESTION)
    for _ in range(62):
        with pytest.raises(RetryLater):
            house.app.deliverer.send(reply.delivery)
    assert house.app.deliverer.send(reply.delivery)
    assert len(channel.keys()) == 1
    house.close()


# names that resolve to nothing --------------------------------------------------------------------------------------


@pytest.fixture
def no_dns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every look-up of a name fails; those that were asked for. Names of this machine still work."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def fails(host: Any, *args: Any, **more: Any) -> Any:
        if host in {"127.0.0.1", "localhost", "::1", None}:
            return real(host, *args, **more)
        asked.append(str(host))
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    return asked


def test_without_dns_mail_is_checked_as_ever_and_what_could_not_be_checked_is_never_safe(
    house: House, no_dns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No check asks the network: a verdict does not hang on whose name server answers. One that did, and failed, is said."""
    house.send(DANA)
    house.settle()
    assert "could not be checked" in house.told(DANA).casefold()  # the gateway's word, which nobody has set up here

    def away(*_args: object) -> Any:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(checks, "all_checks", lambda: dict.fromkeys(checks.check_names(), away))
    house.send(JONAS, MAIL.replace(b"parcel", b"invoice").replace(b"fee", b"sum"), "other.eml")
    house.settle()
    verdicts = {row["ticket"]: str(row["verdict"]) for row in house.rows("SELECT ticket, verdict FROM mail")}
    number = max(verdicts)
    assert '"kind": "unchecked"' in verdicts[number] or "could_not" in verdicts[number], verdicts
    told = house.told(JONAS).casefold()
    assert ("safe to" in told, "harmless" in told, "nothing found" in told) == (False, False, False), told
    assert next(ticket for ticket in house.tickets() if ticket.number == number).state == "open", "a person looks"
    assert no_dns == []


def test_without_dns_a_tracker_waits_and_gets_everything_later(no_dns: list[str]) -> None:
    with pytest.raises(RetryLater, match=r"cannot be reached \(gaierror\)"):
        ServiceNow("https://tickets.example", "user", "token").find("SEC-7")
    assert no_dns == ["tickets.example"]


def test_without_dns_nobody_can_be_rung_so_the_person_is_told_to_ring(
    db: Db, home: Path, contents: Contents, no_dns: list[str]
) -> None:
    clock = FakeClock()
    pager = PagerDutyPager("k" * 32, "https://secdesk.example", clock, "https://events.example/v2/enqueue")
    house = House(home, db, contents, clock=clock, pagers=[pager])
    reply = house.say(DANA, TROUBLE)
    assert PHONE in as_text(reply.card)
    house.settle()
    assert "events.example" in no_dns
    tries = len(no_dns)
    truth = house.app.organisation().words.say("en", "oncall.nobody", helpdesk_phone=PHONE)
    assert truth in house.told(DANA)
    for _ in range(12):
        clock.forward(60)
        house.settle()
    assert len(no_dns) > tries, "it is tried again, and the next person after that"
    house.close()


# files that rot -----------------------------------------------------------------------------------------------------


def test_a_model_file_that_is_not_ours_is_not_used_and_doctor_says_so(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fakes.data_folder(tmp_path / "data", fakes.cache_folder(request.config))
    rotten = tmp_path / "model.onnx"
    rotten.write_bytes(b"\x08\x07" + os.urandom(4096))
    monkeypatch.setattr(minilm, "shipped_model", lambda: rotten)
    monkeypatch.setattr(use, "shipped_files", lambda: (rotten, rotten))
    (data / "cache").unlink()
    shutil.copytree(fakes.cache_folder(request.config), data / "cache")
    for kept in (*(data / "cache").glob("minilm*"), *(data / "cache").glob("use*")):
        kept.unlink()
    settings = load_settings(tmp_path, {"SECDESK_DATA": str(data), "SECDESK_SEARCH": "full"})
    (search,) = [check for check in examine(settings) if check.name == "search"]
    assert ("note", "words mode, full was asked for") == (search.level, search.says)
    assert "is not the file we know" in search.mend
    assert "model.onnx" in search.mend or "reinstall" in search.mend.casefold(), search.mend


@pytest.mark.slow
def test_a_cache_of_garbage_is_made_again_and_answers_stay_the_same(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = fakes.data_folder(tmp_path / "data", fakes.cache_folder(request.config))
    settings = load_settings(tmp_path, {"SECDESK_DATA": str(data), "SECDESK_SEARCH": "words"})

    def asked() -> tuple[str, str]:
        app = build(settings)
        try:
            found = app.ask(QUESTION, app.person(DANA))
            return found.entry, as_text(found.card)
        finally:
            app.close()

    expected = asked()
    (data / "cache").unlink()
    shutil.copytree(fakes.cache_folder(request.config), data / "cache")
    rotten = [path for path in (data / "cache").rglob("*") if path.is_file() and path.name != "lock"]
    for number, path in enumerate(rotten):
        path.write_bytes([b"", b"garbage", os.urandom(path.stat().st_size)][number % 3])
    assert len(rotten) >= 3
    assert expected == asked()
    assert expected == asked()
    assert expected[0], "it is an answer"
