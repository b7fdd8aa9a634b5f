"""Sending what was promised: the outbox drains into the job engine, deliveries go to their channel.

A reply is a row before it is a message, so a crash between commit and send loses nothing: the sweeper hands the row over and
the engine sends it. Our own record is never doubled; the send itself is keyed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from bot.cards import load
from bot.errors import ChannelError, RetryLater, StoreUnavailable, Unreachable
from bot.ports import Channel, Clock, Jobs, Row, SentRef
from bot.tracing import traced
from bot.turn import place_from

log = logging.getLogger(__name__)
T = TypeVar("T")
LEASE = 60.0  # seconds one sending may take before somebody else may try
AGAIN = 10.0  # seconds until we look again whether somebody else has sent it
MAX_ATTEMPTS = 20
NUDGE = "nudge:"  # how keys of tips begin
ROWS = 256  # tips looked at in one round
SAVED = 2.0  # seconds of a rate that may be made up for after a stall
PROBE = 30.0  # seconds after which a tip may try a channel that failed, though answers wait there too
CAUGHT_UP = 200  # deliveries that are brought at once to a channel that works again
HOPELESS = 3  # of them one after the other that are not taken: then it does not work after all
UNHURRIED = 8  # times that a platform may ask for a wait before we wait longer than it asks


class DeliveryStore(Protocol):
    """SQL of deliveries. `again` in a claimed row: somebody had it before and never said what became of it."""

    def claim_delivery(self, delivery: str, at: float, lease: float) -> Row | None: ...

    def delivery_state(self, delivery: str) -> str: ...

    def settle_delivery(self, delivery: str, state: str, at: float, *, ref: str = "", error: str = "") -> None: ...

    def refuse(self, delivery: str, error: str) -> None:
        """It was not taken and waits again, with one try fewer."""
        ...

    def untaken(self, channel: str, refusals: int, limit: int) -> list[str]:
        """Answers that this channel did not take so far, and refused fewer times than that: the oldest first."""
        ...


class OutboxStore(Protocol):
    """SQL of the outbox."""

    def due(self, at: float, limit: int) -> list[Row]: ...

    def handed(self, keys: list[str]) -> None: ...

    def failed(self, key: str, error: str) -> None: ...

    def requeue_lost(self, before: float, at: float) -> int: ...


class TipStore(Protocol):
    """SQL of messages that may wait."""

    def due_tips(self, at: float, limit: int, without: Sequence[str] = ()) -> list[Row]:
        """Rows (key, delivery, channel) whose time has come, oldest first, of all channels but those."""
        ...

    def put_off(self, key: str, due_at: float) -> None: ...


class Bridge(Protocol):
    """Runs a coroutine on the edge's event loop and waits for it."""

    def __call__(self, work: Awaitable[T], timeout: float) -> T: ...


class Deliverer:
    """Sends one stored delivery through its channel. `unreached` is told of one whose person cannot be reached, and why.

    `left`: whether a pseudonym is no longer in the directory; then a tip that was queued for them does not go.
    """

    def __init__(
        self,
        store: DeliveryStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        bridge: Bridge,
        count: Callable[[str], None] = lambda _what: None,
        unreached: Callable[[str, str], None] = lambda _delivery, _why: None,
        left: Callable[[str], bool] = lambda _person: False,
    ) -> None:
        self._store, self._channels, self._clock, self._bridge, self._count = store, channels, clock, bridge, count
        self._unreached, self._left = unreached, left
        self._failed_at: dict[str, float] = {}  # channels whose last message was not taken, and when that was
        self.aside: Callable[[Callable[[], None]], None] = self._in_a_thread  # where what waits is brought
        self._closing, self._threads = threading.Event(), list[threading.Thread]()

    @traced("send")
    def send(self, delivery: str) -> bool:
        """Send it if it still has to be sent; True when it is on the platform. Raises `RetryLater` to come again.

        After an outage each message would come when its own pause ends, in any order. So the first one that is taken again
        brings all answers that wait there, the oldest first.
        """
        row = self._store.claim_delivery(delivery, self._clock.now(), LEASE)
        if row is None:
            return self._settled(delivery)
        if row["key"].startswith(NUDGE) and self._left(row["person"]):
            return self._give_up(delivery, "failed", "left")
        channel = self._channels.get(row["channel"])
        if channel is None:
            return self._give_up(delivery, "failed", f"channel {row['channel']} is not switched on")
        if row["again"]:
            log.warning("sent again: nobody knows whether the platform has it", extra={"delivery": delivery})
            self._count("sent_again")
        try:
            sending = channel.send(place_from(row["place"]), load(row["card"]), row["key"])
            ref: SentRef = self._bridge(sending, LEASE / 2)
        except Unreachable as error:
            self._unreached(delivery, str(error))
            return self._give_up(delivery, "unreachable", str(error))
        except Exception as error:
            if not isinstance(error, ChannelError | TimeoutError | OSError):
                self._store.settle_delivery(delivery, "queued", self._clock.now(), error=type(error).__name__)
                raise  # a fault of ours: the engine counts it
            self._failed_at[row["channel"]] = self._clock.now()
            return self._not_taken(row, error)
        self._store.settle_delivery(delivery, "sent", self._clock.now(), ref=f"{ref.conversation}/{ref.id}")
        if self._failed_at.pop(row["channel"], None) is not None:
            self.aside(lambda: self._catch_up(row["channel"]))
        return True

    def close(self) -> None:
        """Bring nothing more; what still waits has its own job. Returns when nobody is at it."""
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def resting(self) -> list[str]:
        """Channels that tips leave alone: they do not work just now, and answers wait for them."""
        now = self._clock.now()
        failing = [name for name, at in self._failed_at.items() if abs(now - at) < PROBE]
        return [name for name in failing if self._store.untaken(name, MAX_ATTEMPTS, 1)]

    def _not_taken(self, row: Row, error: Exception) -> bool:
        """It waits for its next try: raises `RetryLater`. False where there is none left."""
        if isinstance(error, RetryLater):  # no refusal, however often: an outage may take a day
            self._store.settle_delivery(row["id"], "queued", self._clock.now(), error=type(error).__name__)
            seconds, tried = error.seconds, row["attempts"] - UNHURRIED
        else:
            seconds, tried = 0.0, row["refusals"] + 1
            if tried >= MAX_ATTEMPTS:
                return self._give_up(row["id"], "failed", type(error).__name__)
            self._store.refuse(row["id"], type(error).__name__)
        seconds = max(seconds, min(2.0 ** min(tried, 9), 300.0) if tried > 0 else 0.0)
        raise RetryLater("the channel did not take it", seconds) from error

    def _catch_up(self, channel: str) -> None:
        """Send the answers that wait for a channel that works again. Their own jobs find them sent.

        The last try of each is left to its own time, since it may be the only one that this channel never takes.
        """
        hopeless = 0
        for delivery in self._store.untaken(channel, MAX_ATTEMPTS - 1, CAUGHT_UP):
            if self._closing.is_set():
                return
            try:
                self.send(delivery)
            except Exception as error:
                hopeless += 1
                log.info("waits on", extra={"delivery": delivery, "error": type(error).__name__})
                if hopeless >= HOPELESS:
                    return
            else:
                hopeless = 0

    def _in_a_thread(self, work: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=lambda: _guarded(work), name="catch-up", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _settled(self, delivery: str) -> bool:
        state = self._store.delivery_state(delivery)
        if state == "sending":  # somebody else is at it, or died of it: then their lease runs out
            raise RetryLater("being sent by another worker", AGAIN)
        return state == "sent"

    def _give_up(self, delivery: str, state: str, error: str) -> bool:
        log.warning("delivery given up", extra={"delivery": delivery, "state": state})
        self._store.settle_delivery(delivery, state, self._clock.now(), error=error)
        return False


class ClockWatch:
    """Tells when the clock was set: when it and the monotonic one have gone apart."""

    MOST = 60.0  # seconds

    def __init__(self, clock: Clock) -> None:
        self._clock, self._apart = clock, clock.now() - time.monotonic()

    def jumped(self) -> bool:
        """Whether that has happened since the last look."""
        apart = self._clock.now() - time.monotonic()
        jumped = abs(apart - self._apart) > self.MOST
        if jumped:
            log.warning("the clock was set", extra={"seconds": round(apart - self._apart)})
            self._apart = apart
        return jumped


class Sweeper:
    """Drains due outbox rows into the job engine, keyed; woken after each commit, and every `interval` seconds.

    `mend(now)` brings back times that a clock ahead of ours has left: at the start, and whenever the clock was set.
    """

    def __init__(
        self,
        store: OutboxStore,
        jobs: Jobs,
        clock: Clock,
        interval: float = 0.5,
        mend: Callable[[float], object] = lambda _now: None,
    ) -> None:
        self._store, self._jobs, self._clock, self._interval, self._mend = store, jobs, clock, interval, mend
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def sweep(self) -> int:
        """Hand over what is due; the number of rows."""
        rows = self._store.due(self._clock.now(), 200)
        handed = [row["key"] for row in rows if self._hand(row)]
        if handed:
            self._store.handed(handed)
        return len(handed)

    def _hand(self, row: Row) -> bool:
        """One row to the engine. A row that the engine will never take is marked, so that it does not hold up the rest."""
        try:
            self._jobs.submit(row["kind"], row["key"], json.loads(row["payload"]))
        except ValueError as error:
            log.error("a job cannot be run", extra={"kind": row["kind"], "key": row["key"]})
            self._store.failed(row["key"], type(error).__name__)
            return False
        return True

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        """Begin sweeping in a thread. Jobs that a lost engine file took with it are queued again first."""
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        now, watch = self._clock.now(), ClockWatch(self._clock)
        self._guarded(lambda: self._mend(now))
        self._guarded(lambda: self._store.requeue_lost(now - 300, now))
        while not self._stop.is_set():
            if watch.jumped():
                self._guarded(lambda: self._mend(self._clock.now()))
            self._guarded(self.sweep)
            self._wake.wait(self._interval)
            self._wake.clear()

    @staticmethod
    def _guarded(step: Callable[[], object]) -> None:
        try:
            step()
        except StoreUnavailable as error:
            log.warning("outbox waits: %s", error)
        except Exception:
            log.exception("the sweeper failed and goes on")


class Pump:
    """Sends what may wait, no faster than `rates` (messages a second, by channel), on threads of its own.

    Tips never enter the job engine: live messages don't stand behind them there, a hundred thousand of them cost it nothing,
    and one that is cancelled is simply not found any more. The platform's own pace holds as well, and leaves its burst to
    people who wait for an answer. `resting` names channels that tips leave alone. `feed` is asked to bring what is due, `held`
    whether nothing may go now, `mine` whether it is this process's turn: of several replicas one sends, so the rates hold
    over all of them.
    """

    def __init__(  # noqa: PLR0913 (each of them has its default)
        self,
        store: TipStore,
        send: Callable[[str], bool],
        clock: Clock,
        *,
        rates: Mapping[str, float],
        feed: Callable[[], object] = lambda: None,
        held: Callable[[], bool] = lambda: False,
        mine: Callable[[], bool] = lambda: True,
        resting: Callable[[], Sequence[str]] = lambda: (),
        workers: int = 24,
        look: float = 0.1,
        idle: float = 1.0,
    ) -> None:
        self._store, self._send, self._clock, self._feed, self._held = store, send, clock, feed, held
        self._rates, self._workers, self._look, self._idle, self._mine = rates, workers, look, idle, mine
        self._resting = resting
        self._allowed: dict[str, float] = {}
        self._filled = time.monotonic()
        self._away: set[str] = set()  # keys that a worker has
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin, in two threads: what is slow to bring must not hold up what is there."""
        for work, name in ((self._feeding, "tips-feed"), (self._sending, "tips")):
            self._threads.append(threading.Thread(target=work, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self, wait: float = 10.0) -> None:
        """Begin nothing new; what is on its way gets `wait` seconds."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=wait)

    def _feeding(self) -> None:
        while not self._stop.is_set():
            found = _guarded(lambda: self._mine() and self._feed())
            self._stop.wait(self._look if found else self._idle)

    def _sending(self) -> None:
        with ThreadPoolExecutor(self._workers, "tip") as pool:
            while not self._stop.is_set():
                begun = _guarded(lambda: self.round(pool.submit))
                self._stop.wait(self._look if begun or self._away else min(self._idle, 0.25))

    def round(self, submit: Callable[[Callable[[], None]], object]) -> int:
        """Give workers what may go now; how many."""
        self._fill()
        if len(self._away) >= self._workers or not self._mine() or self._held():
            return 0
        begun, before = 0, set(self._away)  # what is done while we look must not cost a turn again
        spent = [channel for channel, left in self._allowed.items() if left < 1.0]  # a slow one holds up no other
        for row in self._store.due_tips(self._clock.now(), ROWS, [*spent, *self._resting()]):
            if len(self._away) >= self._workers:
                break
            if row["key"] in before or row["key"] in self._away or not self._may(row["channel"]):
                continue
            self._away.add(row["key"])
            submit(partial(self._one, row))
            begun += 1
        return begun

    def _fill(self) -> None:
        """As time goes by more may go; what was not used is not saved up for longer than `SAVED` seconds."""
        now = time.monotonic()
        for channel, rate in self._rates.items():
            most = max(1.0, rate * SAVED)
            self._allowed[channel] = min(most, self._allowed.get(channel, 0.0) + (now - self._filled) * rate)
        self._filled = now

    def _may(self, channel: str) -> bool:
        if channel not in self._rates:
            return True
        if self._allowed.get(channel, 0.0) < 1.0:
            return False
        self._allowed[channel] -= 1.0
        return True

    def _one(self, row: Row) -> None:
        try:
            self._send(row["delivery"])
        except RetryLater as error:
            self._later(row["key"], error.seconds)
        except Exception:
            log.exception("a tip could not be sent")
            self._later(row["key"], LEASE)
        finally:
            self._away.discard(row["key"])

    def _later(self, key: str, seconds: float) -> None:
        _guarded(lambda: self._store.put_off(key, self._clock.now() + seconds))


def _guarded(step: Callable[[], object]) -> object:
    """What the step returns, None if it failed: the thread goes on."""
    try:
        return step()
    except StoreUnavailable as error:
        log.warning("tips wait: %s", error)
    except Exception:
        log.exception("tips wait: something failed")
    return None
