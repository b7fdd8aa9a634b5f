"""Socket Mode: we connect out to Slack, for a laptop or a site behind a firewall. The connection is watched.

The SDK's client can go silently dead after a reconnect, its tasks ended or its pings unanswered; then all of it is made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_app import SlackApp
from bot.health import Check

log = logging.getLogger(__name__)
LOOKED_AFTER: Final = 2.0  # seconds between looks
DEAD_AFTER: Final = 20.0  # seconds without a live connection before the client is made anew
PING: Final = 5.0


class SlackSocket:
    """One connection, held up."""

    def __init__(
        self, app: SlackApp, api: SlackApi, token: str, *, now: Callable[[], float] = monotonic, look: float = LOOKED_AFTER,
        dead: float = DEAD_AFTER,
    ) -> None:  # fmt: skip
        self._app, self._api, self._token, self._now = app, api, token, now
        self._look, self._dead = look, dead
        self._client: SocketModeClient | None = None
        self._connecting: asyncio.Task[Any] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._alive_at: float | None = None
        self._begun = 0.0
        self.renewed = 0

    async def run(self) -> None:
        """Connect, and keep the connection alive until cancelled."""
        try:
            while True:
                await self._look_after()
                await asyncio.sleep(self._look)
        finally:
            if self._client is not None:
                self._client.socket_mode_request_listeners.clear()  # what comes now goes to whoever connects next
            if self._running:
                await asyncio.wait(set(self._running), timeout=10)
            await self._drop()

    def health(self) -> Check:
        """Whether events come in."""
        if self._alive_at is None:
            return Check(
                "slack socket", "bad", "not connected yet", "check SECDESK_SLACK_APP_TOKEN and the way out to Slack"
            )
        silent = self._now() - self._alive_at
        if silent > self._dead:
            return Check(
                "slack socket", "bad", f"no connection for {silent:.0f} s", "it is made anew; check the way out"
            )
        return Check("slack socket", "ok", "connected" + (f", made anew {self.renewed} times" if self.renewed else ""))

    # inside

    async def _look_after(self) -> None:
        client, now = self._client, self._now()
        if client is not None and self._whole(client) and await client.is_connected():
            self._alive_at = now
            return
        if client is None or now - max(self._begun, self._alive_at or 0.0) > self._dead:
            if client is not None:
                log.error("the connection to Slack is dead and is made anew")
                self.renewed += 1
            await self._drop()
            self._connect()

    def _connect(self) -> None:
        web = self._api.client()
        client = SocketModeClient(self._token, web_client=web, ping_interval=PING, logger=log_of_sdk())
        client.proxy = web.proxy  # none on loopback, whatever the environment says
        client.socket_mode_request_listeners.append(self._take)
        self._client, self._begun = client, self._now()
        self._connecting = asyncio.ensure_future(self._connected(client))

    async def _connected(self, client: SocketModeClient) -> None:
        await client.connect()  # type: ignore[no-untyped-call]
        if client is self._client:
            self._alive_at = self._now()

    @staticmethod
    def _whole(client: SocketModeClient) -> bool:
        """Whether the SDK's own tasks still run."""
        tasks = (client.message_receiver, client.current_session_monitor, client.message_processor)
        return all(task is not None and not task.done() for task in tasks)

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if self._connecting:
            self._connecting.cancel()
        if client is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.close(), 5)  # type: ignore[no-untyped-call]

    async def _take(self, client: Any, request: SocketModeRequest) -> None:
        """One envelope, on a task of its own: the SDK takes them one after the other."""
        task = asyncio.ensure_future(self._answer(client, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, client: Any, request: SocketModeRequest) -> None:
        try:
            answer = await run_async_bolt_app(self._app.bolt, request)
        except Exception:
            log.exception("an event could not be handled")
            return  # not acknowledged: Slack sends it again
        if answer.status >= 500:
            return
        kind = (answer.headers.get("content-type") or [""])[0]
        payload = json.loads(answer.body) if answer.body and kind.startswith("application/json") else None
        if answer.status == 200 and answer.body and payload is None:
            payload = {"text": answer.body}
        response = SocketModeResponse(
            envelope_id=request.envelope_id, payload=payload if answer.status == 200 else None
        )
        with contextlib.suppress(
            Exception
        ):  # the connection went meanwhile: Slack sends it again, and it is known then
            await client.send_socket_mode_response(response)


def log_of_sdk() -> logging.Logger:
    """A logger of the SDK's that says in a line what is wrong with the connection, and never what people wrote."""
    logger = logging.getLogger("slack_sdk.socket_mode")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_without_trace)  # the same function is added once
    return logger


def _without_trace(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True
