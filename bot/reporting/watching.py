"""Watching the reporting mailbox: one replica at a time, every letter until it is taken, then moved out of the way.

A letter is moved after its transaction, so a crash in between finds it again, sees that it was taken, and only moves it. What
cannot be taken again and again is moved aside and told of, never deleted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from bot.errors import ChannelError, StoreUnavailable
from bot.health import Check, Level
from bot.platforms import InTransaction
from bot.ports import Clock, Mailbox, Row, Tx, Waiting
from bot.reporting.mail_model import MAX_BYTES
from bot.reporting.postbox import Folder, Postbox, Taken
from bot.turn import Work

log = logging.getLogger(__name__)
LEASE = 120.0  # seconds for which one replica watches
ROUND = 25.0  # seconds between two looks at most
MOST_BYTES = MAX_BYTES * 3 // 2  # of a letter: a mail of the largest size, base64 coded in it
TRIES = 5  # failures of one letter in this process
CRASHES = 20  # tries altogether: the process may have died each time
BATCH = 20  # letters that are moved at once
LOST_AFTER = 900.0  # seconds without a good look before that is a fault


class WatchStore(Protocol):
    """SQL of a mailbox: who watches it, what was seen in it."""

    def lease(self, tx: Tx, mailbox: str, holder: str, at: float, until: float) -> bool: ...

    def looked(self, tx: Tx, mailbox: str, at: float, waiting: int, error: str) -> None: ...

    def mailbox(self, name: str) -> Row | None: ...

    def seen(self, mailbox: str, validity: str, uids: Sequence[int]) -> dict[int, Row]: ...

    def attempt(self, tx: Tx, mailbox: str, validity: str, uid: int, at: float) -> int: ...

    def taken(self, tx: Tx, mailbox: str, validity: str, uid: int, folder: str, at: float) -> None: ...

    def tidy(self, tx: Tx, before: float) -> int: ...


class Watch:
    """A thread that looks into the mailbox. `folders` name the mailbox's folders; `deliver` sends a stored answer, if it can."""

    def __init__(
        self,
        mailbox: Mailbox,
        postbox: Postbox,
        store: WatchStore,
        work: InTransaction,
        clock: Clock,
        holder: str,
        folders: dict[Folder, str],
        deliver: Callable[[str], object] = lambda _delivery: None,
    ) -> None:
        self._mailbox, self._postbox, self._store, self._work = mailbox, postbox, store, work
        self._clock, self._holder, self._folders, self._deliver = clock, holder, folders, deliver
        self._failures: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # the thread

    def start(self) -> None:
        """Begin watching."""
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the letter that is being taken."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=12)

    def _run(self) -> None:
        wait = 2.0
        while not self._stop.is_set():
            try:
                mine = self.look()
                wait = 2.0
                if mine:
                    self._mailbox.wait(ROUND, self._stop.is_set)
                else:
                    self._stop.wait(ROUND)
            except (ChannelError, StoreUnavailable) as error:
                self._trouble(error)
                self._stop.wait(wait)
                wait = min(2 * wait, 300.0)
            except Exception:
                log.exception("watching the mailbox failed and goes on")
                self._stop.wait(wait)
                wait = min(2 * wait, 300.0)
        self._mailbox.close()

    def _trouble(self, error: Exception) -> None:
        log.warning("the mailbox cannot be read: %s", error)
        self._mailbox.close()
        try:
            self._work(lambda work: self._store.looked(work.tx, self._mailbox.name, work.at, 0, str(error)))
        except StoreUnavailable:
            return

    # one look

    def look(self) -> bool:
        """Take everything that lies there; False if another replica watches. Raises `ChannelError`, `StoreUnavailable`."""
        name, at = self._mailbox.name, self._clock.now()
        if not self._work(lambda work: self._store.lease(work.tx, name, self._holder, at, at + LEASE)):
            self._mailbox.close()
            return False
        validity = self._mailbox.open()
        waiting = self._mailbox.waiting()
        self._work(lambda work: self._store.looked(work.tx, name, at, len(waiting), ""))
        for start in range(0, len(waiting), BATCH):
            self._batch(validity, waiting[start : start + BATCH])
            if self._stop.is_set():
                break
        return True

    def _batch(self, validity: str, letters: Sequence[Waiting]) -> None:
        """Take some and move them, also those that were taken before we died."""
        known = self._store.seen(self._mailbox.name, validity, [item.uid for item in letters])
        at = self._clock.now()
        self._work(lambda work: self._store.lease(work.tx, self._mailbox.name, self._holder, at, at + LEASE))
        moved: dict[Folder, list[int]] = {}
        try:
            for item in letters:
                if self._stop.is_set():
                    break
                row = known.get(item.uid)
                folder: Folder | None = row["folder"] if row and row["folder"] else self._take(validity, item)
                if folder:
                    moved.setdefault(folder, []).append(item.uid)
        finally:
            for folder, uids in moved.items():
                self._mailbox.file(uids, self._folders[folder])

    def _take(self, validity: str, item: Waiting) -> Folder | None:
        """The folder that a letter belongs into now; None if it stays for the next look."""
        name, uid = self._mailbox.name, item.uid

        def mark(work: Work, folder: Folder) -> None:
            self._store.taken(work.tx, name, validity, uid, folder, work.at)

        tries = self._work(lambda work: self._store.attempt(work.tx, name, validity, uid, work.at))
        data = self._mailbox.fetch(uid, MOST_BYTES)
        if not data:
            return None
        try:
            if tries > CRASHES:
                raise RuntimeError("tried too often")
            taken = self._postbox.take(data, mark, whole=item.size <= MOST_BYTES)
        except StoreUnavailable:
            raise
        except Exception:
            return self._failed(uid, tries, mark)
        self._failures.pop(uid, None)
        self._send(taken)
        return taken.folder

    def _failed(self, uid: int, tries: int, mark: Callable[[Work, Folder], None]) -> Folder | None:
        failures = self._failures[uid] = self._failures.get(uid, 0) + 1
        log.exception("a letter could not be taken", extra={"uid": uid, "failures": failures})
        if failures < TRIES and tries <= CRASHES:
            return None
        self._work(lambda work: mark(work, "failed"))
        return "failed"

    def _send(self, taken: Taken) -> None:
        for delivery in taken.deliveries:
            self._deliver(delivery)

    # how it is

    def health(self) -> Check:
        """From memory of the last look."""
        row = self._store.mailbox(self._mailbox.name)
        if row is None or not row["looked_at"]:
            error = str(row["error"]) if row else ""
            return Check("mailbox", "note", error or "not looked into yet", "see secdesk doctor" if error else "")
        age = self._clock.now() - row["looked_at"]
        if row["error"]:
            level: Level = "bad" if age > LOST_AFTER else "note"
            return Check(
                "mailbox", level, f"{row['error']}; last read {age / 60:.0f} minutes ago", "see secdesk doctor"
            )
        return Check("mailbox", "ok", f"{row['waiting']} letters at the last look")
