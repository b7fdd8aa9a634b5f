"""Whoever sends a request byte by byte (a "slow loris") is cut off, so that connections are left for the others.

Uvicorn waits for a request as long as it takes. Here its head must be there in `HEAD` seconds, and its body must come at
`RATE` after `HEAD` seconds more, as Apache's mod_reqtimeout has it. Whoever reads our answers slowly holds nothing but
a connection, and uvicorn's limits on keep-alive hold in between.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)
LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimedProtocol(H11Protocol):
    """Uvicorn's protocol with a limit on the time that a request may take to arrive."""

    HEAD: ClassVar[float] = 20.0  # seconds from the connection, or the first byte, to the end of the headers
    RATE: ClassVar[float] = 500.0  # bytes a second of a body, on average
    LOOK: ClassVar[float] = 5.0  # seconds between two looks at a body

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._since, self._got, self._between = self.loop.time(), 0, False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        if self._between:
            self._begin()
        self._got += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._between = True
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._since, self._got, self._between = self.loop.time(), 0, False
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.HEAD, self._look)

    def _look(self) -> None:
        self._timer = None
        state = self.conn.their_state
        if self._between or self.transport.is_closing() or state not in {h11.IDLE, h11.SEND_BODY}:
            return
        waited = self.loop.time() - self._since - 2 * self.HEAD
        if state is h11.IDLE:
            self._cut_off("head")
        elif self._got < self.RATE * waited and not self.flow.read_paused:
            self._cut_off("body")
        else:
            self._timer = self.loop.call_later(self.LOOK, self._look)

    def _cut_off(self, part: str) -> None:
        log.info("a request came too slowly", extra={"part": part, "bytes": self._got})
        if not self.cycle or self.cycle.response_complete:
            self.transport.write(LATE)
        self.transport.close()


def many_connections() -> None:
    """Let this process hold as many connections as the system allows it (often only 1,024 until one asks)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
