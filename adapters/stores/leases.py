"""Leases: what only one of several replicas does at a time. One text for SQLite and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.errors import StoreUnavailable
from bot.ports import Clock, Db

LASTS = 15.0  # seconds without a renewal after which a holder stops by itself
RENEWED = 5.0  # seconds between renewals
GRACE = 30.0  # seconds that the clocks of two machines may differ: nobody takes over sooner


class Lease:
    """One thing that one holder does. `mine()` is asked often and goes to the database every few seconds.

    Whoever dies or hangs stops at once or after `LASTS`; another one begins `LASTS + GRACE` after the last renewal.
    """

    def __init__(
        self, db: Db, clock: Clock, name: str, holder: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db, self._clock, self._name, self._holder, self._monotonic = db, clock, name, holder, monotonic
        self._asked = self._renewed = float("-inf")
        self._mine = False

    def mine(self) -> bool:
        """Whether this holder may do it now."""
        now = self._monotonic()
        if now - self._asked >= RENEWED:
            self._asked = now
            try:
                self._mine = self._take()
            except StoreUnavailable:
                return self._mine and now - self._renewed < LASTS
            self._renewed = now if self._mine else float("-inf")
        return self._mine and now - self._renewed < LASTS

    def release(self) -> None:
        """Let somebody else begin at once."""
        self._mine, self._asked = False, float("-inf")
        with self._db.tx() as tx:
            tx.execute(
                "DELETE FROM lease WHERE name = :name AND holder = :holder", name=self._name, holder=self._holder
            )

    def _take(self) -> bool:
        at = self._clock.now()
        sql = """INSERT INTO lease (name, holder, until) VALUES (:name, :holder, :until)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE lease.holder = excluded.holder OR lease.until < :before RETURNING holder"""
        with self._db.tx() as tx:
            return bool(tx.query(sql, name=self._name, holder=self._holder, until=at + LASTS, before=at - GRACE))
