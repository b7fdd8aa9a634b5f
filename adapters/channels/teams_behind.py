"""What goes on behind an acknowledgement: kept until it ends, and never louder than a log line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from bot.errors import ChannelError, StoreUnavailable

log = logging.getLogger(__name__)


class Behind:
    """Runs work that nobody waits for."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __call__(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start it. What fails here is in the outbox, or worth a log line only."""
        self.keep(asyncio.ensure_future(self._guarded(work)))

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task: the loop itself would forget it."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self, seconds: float) -> None:
        """Let what is running end, what it starts as well."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    await asyncio.wait(set(self._running))

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (ChannelError, StoreUnavailable, TimeoutError) as error:
            log.warning("behind the acknowledgement: %s", error or type(error).__name__)
        except Exception:
            log.exception("behind the acknowledgement")
