"""Content that can be edited while Secdesk runs: the last good version stays until a better one loads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from bot.errors import ContentError, Fault

log = logging.getLogger(__name__)
T = TypeVar("T")


class Watched(Generic[T]):
    """One kind of content. `current` is always usable; `faults` says what is wrong with what lies on disk now.

    `load` raises `ContentError` when the files have faults; `spare` is what to start with then (packaged content, or a
    loader that raises when there is nothing honest to start with).
    """

    def __init__(
        self, name: str, load: Callable[[], T], stamp: Callable[[], object], spare: Callable[[], T] | None = None
    ) -> None:
        self.name = name
        self.faults: tuple[Fault, ...] = ()
        self._load, self._stamp = load, stamp
        self._seen = stamp()
        self._lock = threading.Lock()
        try:
            self.current = load()
        except ContentError as error:
            if spare is None:
                raise
            self.faults = error.faults
            self.current = spare()
            log.error(
                "content has faults; started with what ships", extra={"content": name, "faults": len(error.faults)}
            )

    def poll(self) -> bool:
        """Load again if the files changed; True when a new version is live."""
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            self._seen = stamp
            try:
                self.current, self.faults = self._load(), ()
            except ContentError as error:
                self.faults = error.faults
                log.error(
                    "edit not taken: content has faults", extra={"content": self.name, "faults": len(error.faults)}
                )
                return False
            except OSError as error:
                log.error("edit not taken: %s", error.strerror, extra={"content": self.name})
                self._seen = None
                return False
            log.info("content reloaded", extra={"content": self.name})
            return True


class Poller:
    """Polls everything that is watched, once a second, in a thread."""

    def __init__(self, watched: Sequence[Watched[object]], interval: float = 1.0) -> None:
        self._watched, self._interval = watched, interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="content", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            for item in self._watched:
                try:
                    item.poll()
                except Exception:
                    log.exception("content could not be polled", extra={"content": item.name})
