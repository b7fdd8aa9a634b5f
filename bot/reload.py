"""Content that can be edited while Secdesk runs: the last good version stays until a better one loads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from bot.errors import ContentError, Fault, StoreUnavailable

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
        self._lock = threading.Lock()
        try:
            self._seen = stamp()
            self.current = load()
        except (ContentError, OSError) as error:
            if spare is None:
                raise error if isinstance(error, ContentError) else ContentError(self._faults_of(error)) from error
            self.faults = self._faults_of(error)
            self.current = spare()
            log.error(
                "content has faults; started with what ships", extra={"content": name, "faults": len(self.faults)}
            )

    def poll(self) -> bool:
        """Load again if the files changed; True when a new version is live."""
        with self._lock:
            try:
                stamp = self._stamp()
                if stamp == self._seen:
                    return False
                self._seen = stamp
                self.current, self.faults = self._load(), ()
            except Exception as error:  # whatever an edit does, what is in use stays
                self.faults = self._faults_of(error)
                if isinstance(error, OSError):
                    self._seen = None  # it may be there again in a moment
                log.error(
                    "edit not taken: content has faults", extra={"content": self.name, "faults": len(self.faults)}
                )
                return False
            log.info("content reloaded", extra={"content": self.name})
            return True

    def _faults_of(self, error: Exception) -> tuple[Fault, ...]:
        if isinstance(error, ContentError):
            return error.faults
        if isinstance(error, OSError):
            what, mend = f"the file cannot be read ({error.strerror})", "check that it is there and may be read"
            return (Fault(str(error.filename or self.name), 0, 0, what, mend),)
        log.exception("content could not be loaded", extra={"content": self.name})
        return (Fault(self.name, 0, 0, f"this cannot be loaded ({type(error).__name__})", "undo the last edit"),)


class Poller:
    """Polls everything that is watched, once a second, in a thread; `before` brings what comes from elsewhere to the disk."""

    def __init__(
        self, watched: Sequence[Watched[object]], interval: float = 1.0, before: Callable[[], object] = lambda: None
    ) -> None:
        self._watched, self._interval, self._before = watched, interval, before
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="content", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._fetch()
            for item in self._watched:
                try:
                    item.poll()
                except Exception:
                    log.exception("content could not be polled", extra={"content": item.name})

    def _fetch(self) -> None:
        try:
            self._before()
        except StoreUnavailable as error:
            log.warning("edits from elsewhere wait: %s", error)
        except Exception:
            log.exception("edits from elsewhere could not be fetched")
