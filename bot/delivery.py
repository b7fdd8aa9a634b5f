"""Sending what was promised: the outbox drains into the job engine, deliveries go to their channel.

A reply is a row before it is a message, so a crash between commit and send loses nothing: the sweeper hands the row over and
the engine sends it. Our own record is never doubled; the send itself is keyed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from bot.cards import load
from bot.errors import ChannelError, RetryLater, StoreUnavailable, Unreachable
from bot.ports import Channel, Clock, Jobs, Row, SentRef
from bot.turn import place_from

log = logging.getLogger(__name__)
T = TypeVar("T")
LEASE = 60.0  # seconds one sending may take before somebody else may try
MAX_ATTEMPTS = 20


class DeliveryStore(Protocol):
    """SQL of deliveries. `again` in a claimed row: somebody had it before and never said what became of it."""

    def claim_delivery(self, delivery: str, at: float, lease: float) -> Row | None: ...

    def delivery_state(self, delivery: str) -> str: ...

    def settle_delivery(self, delivery: str, state: str, at: float, *, ref: str = "", error: str = "") -> None: ...


class OutboxStore(Protocol):
    """SQL of the outbox."""

    def due(self, at: float, limit: int) -> list[Row]: ...

    def handed(self, keys: list[str]) -> None: ...

    def failed(self, key: str, error: str) -> None: ...

    def requeue_lost(self, before: float, at: float) -> int: ...


class Bridge(Protocol):
    """Runs a coroutine on the edge's event loop and waits for it."""

    def __call__(self, work: Awaitable[T], timeout: float) -> T: ...


class Deliverer:
    """Sends one stored delivery through its channel."""

    def __init__(
        self,
        store: DeliveryStore,
        channels: Mapping[str, Channel],
        clock: Clock,
        bridge: Bridge,
        count: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._store, self._channels, self._clock, self._bridge, self._count = store, channels, clock, bridge, count

    def send(self, delivery: str) -> bool:
        """Send it if it still has to be sent; True when it is on the platform. Raises `RetryLater` to come again."""
        row = self._store.claim_delivery(delivery, self._clock.now(), LEASE)
        if row is None:
            return self._settled(delivery)
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
            return self._give_up(delivery, "unreachable", str(error))
        except Exception as error:
            if row["attempts"] >= MAX_ATTEMPTS:
                return self._give_up(delivery, "failed", type(error).__name__)
            self._store.settle_delivery(delivery, "queued", self._clock.now(), error=type(error).__name__)
            if not isinstance(error, ChannelError | TimeoutError | OSError):
                raise  # a fault of ours: the engine counts it
            seconds = error.seconds if isinstance(error, RetryLater) else min(2.0 ** row["attempts"], 300.0)
            raise RetryLater("the channel did not take it", seconds) from error
        self._store.settle_delivery(delivery, "sent", self._clock.now(), ref=f"{ref.conversation}/{ref.id}")
        return True

    def _settled(self, delivery: str) -> bool:
        state = self._store.delivery_state(delivery)
        if state == "sending":  # somebody else is at it: look again when their lease has run out
            raise RetryLater("being sent by another worker", LEASE)
        return state == "sent"

    def _give_up(self, delivery: str, state: str, error: str) -> bool:
        log.warning("delivery given up", extra={"delivery": delivery, "state": state})
        self._store.settle_delivery(delivery, state, self._clock.now(), error=error)
        return False


class Sweeper:
    """Drains due outbox rows into the job engine, keyed; woken after each commit, and every `interval` seconds."""

    def __init__(self, store: OutboxStore, jobs: Jobs, clock: Clock, interval: float = 0.5) -> None:
        self._store, self._jobs, self._clock, self._interval = store, jobs, clock, interval
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
        now = self._clock.now()
        self._guarded(lambda: self._store.requeue_lost(now - 300, now))
        while not self._stop.is_set():
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
