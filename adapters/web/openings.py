"""Who opened what about whom, in the audit log: once a session, in the console as in the API, whatever the database does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from bot.errors import StoreUnavailable
from bot.turn import Work

log = logging.getLogger(__name__)
MOST = 50_000  # openings that are remembered


class Openings:
    """Notes each opening once for a session. Thread-safe; after a restart an opening is noted again."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def note(
        self, run: Callable[[Callable[[Work], None]], Any], session: str, row: tuple[str, str, str], **detail: str
    ) -> bool:
        """`row` is actor, action and subject of the line; False if it could not be written. Reading may go on then: the line is
        made up for at the next reading, and the server's log says so now."""
        actor, action, subject = row
        seen = (session, action, subject)
        with self._lock:
            if seen in self._seen:
                return True
        try:
            run(lambda work: work.audit(actor, action, subject, **detail))
        except StoreUnavailable:
            log.warning("nothing can be written: an opening is not in the audit log", extra={"action": action})
            return False
        with self._lock:
            if len(self._seen) >= MOST:
                self._seen.clear()
            self._seen.add(seen)
        return True
