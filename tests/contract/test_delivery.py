"""Nothing that was promised is lost: deliveries, the outbox, and a process that is killed at every step."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.open import open_db
from bot.app import LoopBridge
from bot.app.contents import Contents
from bot.cards import text_card
from bot.delivery import LEASE, MAX_ATTEMPTS, Sweeper
from bot.errors import ChannelError, RetryLater, StoreUnavailable, Unreachable
from bot.model import Place
from bot.ports import Db, Payload
from tests.contract.conftest import Emptied, in_schema
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, NOW, FakeChannel, FakeClock, House, InlineJobs, Says
from tests.fakes.desk_process import FLOWS, FilePager, Process, answered, message

contents, home = fakes.contents, fakes.home


# killed at every step -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    made = Process(fakes.cache_folder(request.config))
    yield made
    made.close()


Fresh = Callable[[], tuple[str, Path, Db]]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """Makes an empty database in a data folder of its own, for a process and for us: (url, folder, db)."""
    fitted, made = fakes.cache_folder(request.config), list[Db]()
    url = ""
    if request.param == "postgresql":
        shared: Emptied = request.getfixturevalue("migrated_schema")
        url = in_schema(request.getfixturevalue("postgres"), shared._schema)

    def make() -> tuple[str, Path, Db]:
        folder = fakes.data_folder(tmp_path / str(len(made)), fitted)
        if url:
            shared.empty()
            made.append(shared.db)
        else:
            made.append(open_db("", folder))
        return url, folder, made[-1]

    yield make
    if url:
        shared.empty()
    else:
        for database in made:
            database.close()


OUTSIDE = {"web_post", "web_conversation", "page_try"}  # a call may be tried twice, and both tries are kept


def picture(house: House) -> dict[str, Any]:
    """What a flow leaves, without what is different each time."""
    rows = house.rows
    return {
        "tickets": [(t.number, t.kind, t.severity, t.state) for t in house.tickets()],
        "timeline": [
            (e["ticket"], e["kind"]) for e in rows("SELECT ticket, kind FROM ticket_event ORDER BY ticket, seq")
        ],
        "mail": [(m["ticket"], m["state"]) for m in rows("SELECT ticket, state FROM mail")],
        "counts": {name: n for name, n in house.counts().items() if name not in OUTSIDE},
        "audit": house.audited(),
        "deliveries": sorted(
            (d["key"].split(":")[0], d["state"]) for d in rows("SELECT key, state FROM delivery ORDER BY key")
        ),
        "outbox": sorted(  # without what looks later whether a promise was kept or a call answered
            (o["kind"], o["state"])
            for o in rows("SELECT kind, state FROM outbox")
            if o["kind"] not in {"reporting.late", "oncall.chase", "procedures.offer"}
        ),
        "pages": [p["state"] for p in rows("SELECT state FROM page")],
        "said": [u["direction"] for u in rows("SELECT direction FROM utterance ORDER BY at")],
    }


def recover(flow: str, folder: Path, db: Db, contents: Contents) -> tuple[House, FakeChannel, FilePager]:
    """A new process, a minute later. The platform sends the event again if it was never acknowledged."""
    channel, pager = FakeChannel(folder / "sent"), FilePager(folder / "rung")
    clock = FakeClock(NOW + 75)
    house = House(folder, db, contents, clock=clock, channels={"web": channel}, pagers=[pager], examiner=Says())
    event = message(house, flow)
    if not house.rows("SELECT key FROM event"):
        house.app.deliver(house.desk.handle(event).delivery)
    if flow == "answer":
        answered(house)
        clock.forward(house.app.undo.seconds)
    house.app.core.requeue_lost(clock.now() - 60, clock.now())
    house.settle()
    assert house.desk.handle(event).repeated
    house.settle()
    assert house.whole()
    return house, channel, pager


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS)
def test_a_process_killed_at_any_step_loses_and_doubles_nothing(
    fresh: Fresh, process: Process, contents: Contents, flow: str
) -> None:
    url, folder, db = fresh()
    steps, killed = process.run(flow, url, folder, kill_at=10_000)
    house, channel, pager = recover(flow, folder, db, contents)
    expected, once = picture(house), len(channel.keys())
    house.close()
    assert not killed
    assert {state for _, state in expected["deliveries"]} == {"sent"}
    assert {state for _, state in expected["outbox"]} == {"done"}
    assert once == len(set(channel.keys())) == len(expected["deliveries"])
    assert len(pager.keys()) == len(expected["pages"])
    assert len([name for name in steps if name == "inside"]) >= 4
    for at, name in enumerate(steps):
        if name == "after" and at + 1 < len(steps):
            continue  # the same moment as the next step
        url, folder, db = fresh()
        passed, killed = process.run(flow, url, folder, kill_at=at)
        where = f"killed at step {at} ({name}), after {passed[-1:]}"
        assert killed, where
        house, channel, pager = recover(flow, folder, db, contents)
        assert picture(house) == expected, where
        keys = channel.keys()
        doubled = len(keys) - len({key.split(":")[0] for key in keys})
        last = passed[:-1] if name == "inside" else passed
        # the platform had it, and we died before that was written down
        in_doubt = name.startswith("sent ") or (bool(last) and last[-1].startswith("sent "))
        assert doubled == int(in_doubt), (where, keys)
        assert house.counted.count("sent_again") >= doubled, where
        assert len(pager.keys()) - len(expected["pages"]) in {0, 1}, where
        house.close()


# one delivery -------------------------------------------------------------------------------------------------------


@pytest.fixture
def channel(tmp_path: Path) -> FakeChannel:
    return FakeChannel(tmp_path / "sent")


@pytest.fixture
def house(db: Db, home: Path, contents: Contents, channel: FakeChannel) -> Iterator[House]:
    made = House(home, db, contents, channels={"web": channel})
    yield made
    made.close()


def queued(house: House, place: Place | None = None) -> str:
    """A message that waits to be sent."""
    where = place or house.place(DANA)
    key = house.analyst(DANA).key
    return house.app.work(lambda work: work.say(key, where, text_card("Hello"), f"k{house.count('delivery')}"))


def state(house: House, delivery: str) -> tuple[str, int, str]:
    (row,) = house.rows("SELECT state, attempts, error FROM delivery WHERE id = :id", id=delivery)
    return row["state"], row["attempts"], row["error"]


def test_a_delivery_is_sent_once(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    assert house.app.deliverer.send(delivery) is True
    assert house.app.deliverer.send(delivery) is True
    house.settle()
    assert channel.keys() == ["k0"]
    assert state(house, delivery) == ("sent", 1, "")
    assert house.app.core.outbox_counts() == {"done": 1}


def test_two_workers_send_it_once(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    start = threading.Barrier(2)

    def send(_: int) -> str:
        start.wait(10)
        try:
            return str(house.app.deliverer.send(delivery))
        except RetryLater:
            return "later"

    with ThreadPoolExecutor(2) as pool:
        said = set(pool.map(send, range(2)))
    assert channel.keys() == ["k0"]
    assert "True" in said
    assert said <= {"True", "later"}


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [(RetryLater("busy", 77.0), 77.0), (ChannelError("no"), 2.0), (TimeoutError(), 2.0), (OSError("reset"), 2.0)],
)
def test_a_channel_that_does_not_take_it_is_tried_again(
    house: House, channel: FakeChannel, trouble: Exception, seconds: float
) -> None:
    delivery = queued(house)
    channel.trouble = [trouble]
    with pytest.raises(RetryLater) as raised:
        house.app.deliverer.send(delivery)
    assert raised.value.seconds == seconds
    assert state(house, delivery) == ("queued", 1, type(trouble).__name__)
    house.settle()
    assert channel.keys() == ["k0"]
    assert state(house, delivery) == ("sent", 2, "")
    assert house.counted == []  # the channel said no: nothing can have been doubled


def test_a_fault_of_ours_is_raised_and_the_message_waits(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    channel.trouble = [KeyError("what Dana wrote")]
    with pytest.raises(KeyError):
        house.app.deliverer.send(delivery)
    assert state(house, delivery) == ("queued", 1, "KeyError")


def test_somebody_who_cannot_be_reached_is_given_up(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    channel.trouble = [Unreachable("they left")]
    assert house.app.deliverer.send(delivery) is False
    assert state(house, delivery) == ("unreachable", 1, "they left")
    assert house.app.core.outbox_counts() == {"failed": 1}
    assert house.app.deliverer.send(delivery) is False
    assert channel.keys() == []


def test_it_is_not_tried_for_ever(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    channel.trouble = [ChannelError("no")] * MAX_ATTEMPTS
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(RetryLater) as raised:
            house.app.deliverer.send(delivery)
        assert raised.value.seconds <= 300.0
    assert house.app.deliverer.send(delivery) is False
    assert state(house, delivery) == ("failed", MAX_ATTEMPTS, "ChannelError")


def test_a_platform_that_asks_to_wait_is_waited_for_however_often(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    channel.trouble = [RetryLater("not now", 10.0)] * 40
    waits = []
    for _ in range(40):
        with pytest.raises(RetryLater) as raised:
            house.app.deliverer.send(delivery)
        waits.append(raised.value.seconds)
    assert [10.0] * 8 == waits[:8]
    assert sorted(waits) == waits
    assert 300.0 == waits[-1]
    assert house.app.deliverer.send(delivery) is True
    assert state(house, delivery)[:2] == ("sent", 41)


def test_a_channel_that_is_off_is_said(house: House) -> None:
    delivery = queued(house, Place("pigeon", "loft"))
    assert house.app.deliverer.send(delivery) is False
    assert state(house, delivery) == ("failed", 1, "channel pigeon is not switched on")


def test_whoever_died_while_sending_is_followed_and_counted(house: House, channel: FakeChannel) -> None:
    delivery = queued(house)
    assert house.app.core.claim_delivery(delivery, house.clock.now(), LEASE) is not None  # and never heard of again
    with pytest.raises(RetryLater):
        house.app.deliverer.send(delivery)
    house.clock.forward(LEASE + 1)
    assert house.app.deliverer.send(delivery) is True
    assert (channel.keys(), house.counted) == (["k0"], ["sent_again"])


def test_the_same_key_is_one_message(house: House) -> None:
    key, place = house.analyst(DANA).key, house.place(DANA)
    first = house.app.work(lambda work: work.say(key, place, text_card("One"), "same"))
    second = house.app.work(lambda work: work.say(key, place, text_card("Two"), "same"))
    assert (bool(first), second) == (True, "")
    assert [house.count(table) for table in ("delivery", "outbox", "utterance")] == [1, 1, 1]


def test_a_send_that_takes_too_long_is_stopped() -> None:
    """Else it might go out after all, while somebody else sends it again."""
    bridge, went_out = LoopBridge(), list[str]()
    release = threading.Event()

    async def slow() -> None:
        while not release.is_set():
            await asyncio.sleep(0.001)
        went_out.append("sent")

    with pytest.raises(TimeoutError):
        bridge(slow(), 0.02)
    release.set()

    async def nothing() -> str:
        await asyncio.sleep(0.01)
        return "next"

    assert bridge(nothing(), 5) == "next"
    assert went_out == []
    bridge.close()


# the outbox ---------------------------------------------------------------------------------------------------------


def work(house: House, *jobs: tuple[str, str, Payload, float]) -> None:
    def change(unit: Any) -> None:
        for kind, key, payload, delay in jobs:
            unit.job(kind, key, payload, delay)

    house.app.work(change)


class Engine:
    """`Jobs` that may be away, or refuse a kind."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.away = False
        self.both = threading.Event()

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None:
        if kind == "unknown":
            raise ValueError("no handler")
        if self.away:
            raise StoreUnavailable("the engine is not running yet")
        self.taken.append((kind, key))
        if len(self.taken) == 2:
            self.both.set()


def test_jobs_are_handed_over_when_they_are_due(house: House) -> None:
    engine = Engine()
    sweeper = Sweeper(house.app.core, engine, house.clock)
    work(house, ("a.now", "1", {"id": "1"}, 0.0), ("a.later", "2", {"id": "2"}, 60.0), ("a.now", "1", {"id": "3"}, 0.0))
    assert sweeper.sweep() == 1
    assert sweeper.sweep() == 0
    assert engine.taken == [("a.now", "1")]
    house.clock.forward(61)
    assert sweeper.sweep() == 1
    assert engine.taken == [("a.now", "1"), ("a.later", "2")]
    assert house.app.core.outbox_counts() == {"handed": 2}


def test_a_transaction_that_fails_leaves_no_job(house: House) -> None:
    def change(unit: Any) -> None:
        unit.job("a.now", "1", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        house.app.work(change)
    assert house.count("outbox") == 0


def test_an_engine_that_is_away_loses_nothing(house: House) -> None:
    engine = Engine()
    sweeper = Sweeper(house.app.core, engine, house.clock)
    work(house, ("a.now", "1", {}, 0.0))
    engine.away = True
    with pytest.raises(StoreUnavailable):
        sweeper.sweep()
    assert house.app.core.outbox_counts() == {"queued": 1}
    engine.away = False
    assert sweeper.sweep() == 1


def test_a_job_that_cannot_be_run_holds_up_no_other(house: House) -> None:
    engine = Engine()
    work(house, ("unknown", "1", {}, 0.0), ("a.now", "2", {}, 0.0))
    assert Sweeper(house.app.core, engine, house.clock).sweep() == 1
    assert engine.taken == [("a.now", "2")]
    assert [(row["key"], row["error"]) for row in house.app.core.failures()] == [("1", "ValueError")]


def test_what_a_lost_engine_took_along_is_queued_again_once(house: House) -> None:
    engine = Engine()
    work(house, ("a.now", "1", {}, 0.0), ("a.now", "2", {}, 0.0))
    Sweeper(house.app.core, engine, house.clock).sweep()
    house.app.core.done("2")
    now = house.clock.now()
    assert house.app.core.requeue_lost(now - 300, now) == 0  # it may still be at it
    house.clock.forward(600)
    now = house.clock.now()
    assert house.app.core.requeue_lost(now - 300, now) == 1
    assert house.app.core.requeue_lost(now - 300, now) == 0


def test_the_sweeper_runs_by_itself_and_when_it_is_woken(house: House) -> None:
    engine = Engine()
    sweeper = Sweeper(house.app.core, engine, house.clock, interval=3600.0)
    house.app.sweeper = sweeper
    engine.away = True
    work(house, ("a.now", "1", {}, 0.0))
    sweeper.start()
    engine.away = False
    work(house, ("a.now", "2", {}, 0.0))  # the commit wakes it
    assert engine.both.wait(10)
    sweeper.stop()
    house.app.sweeper = None
    assert sorted(engine.taken) == [("a.now", "1"), ("a.now", "2")]


def test_replies_are_left_to_the_edge_for_some_seconds(house: House) -> None:
    """The edge sends a reply at once; the outbox steps in when it has not."""
    reply = house.desk.handle(house.message(DANA, "hello"))
    assert house.sweeper.sweep() == 0
    house.clock.forward(5.1)
    assert house.sweeper.sweep() == 1
    assert house.jobs.waiting[0][2] == {"delivery": reply.delivery}


def test_payloads_hold_ids_only(house: House) -> None:
    """No search and no deletion reaches the engine's rows."""
    for who in (DANA, "u-guest"):
        house.send(who)
        house.say(who, fakes.TROUBLE)
        house.say(who, fakes.NONSENSE)
    house.settle()
    rows = house.rows("SELECT key, payload FROM outbox")
    for row in rows:
        values = [row["key"], *json.loads(row["payload"]).values()]
        assert all(len(value) < 300 and " " not in value and "@" not in value for value in values), row
    assert len(rows) >= 8


def test_the_log_of_deliveries_is_quick_to_close(house: House) -> None:
    """Leaving does not wait for the sweeper's next look."""
    sweeper = Sweeper(house.app.core, InlineJobs(house.app), house.clock, interval=3600.0)
    sweeper.start()
    started = time.monotonic()
    sweeper.stop()
    assert time.monotonic() - started < 5
