"""Socket Mode over a real WebSocket: what is acknowledged and when, what travels back, a dead connection, the way out at a stop.

Slack's side is a small server in the same loop; the SDK's client and dispatcher are the real ones, only the turns are not.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_app import SlackApp
from adapters.channels.slack_events import Event
from adapters.channels.slack_socket import DEAD_AFTER, SlackSocket
from adapters.channels.slack_state import Install, SlackState
from adapters.stores.open import open_db
from adapters.stores.slack import SqlSlackStore
from adapters.vault import KeyVault
from bot.app import SystemClock

TOKEN, APP_TOKEN = "xoxb-fake-1", "xapp-fake-1"
Json = dict[str, Any]


@dataclass
class Gateway:
    """Slack's side of the connection."""

    url: str = ""
    refuse: str = ""
    links: list[web.WebSocketResponse] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    acks: list[Json] = field(default_factory=list)
    ids: Any = field(default_factory=itertools.count)

    async def open(self, request: web.Request) -> web.Response:
        self.opened.append(request.headers.get("Authorization", ""))
        if self.refuse:
            return web.json_response({"ok": False, "error": self.refuse})
        return web.json_response({"ok": True, "url": self.url.replace("http", "ws") + "/link"})

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        link = web.WebSocketResponse()
        await link.prepare(request)
        self.links.append(link)
        await link.send_json({"type": "hello", "num_connections": 1, "debug_info": {}, "connection_info": {}})
        async for message in link:
            if message.type == WSMsgType.TEXT:
                self.acks.append(json.loads(message.data))
        return link

    async def send(self, kind: str, payload: Json, **more: Any) -> str:
        """One envelope; its id."""
        name = f"envelope-{next(self.ids)}"
        await self.links[-1].send_json({"envelope_id": name, "type": kind, "payload": payload, **more})
        return name

    async def acknowledged(self, name: str) -> Json:
        return await until(lambda: next((ack for ack in self.acks if ack["envelope_id"] == name), None))


class Turns:
    """Stands for the turns: keeps what came, answers or fails as told."""

    def __init__(self) -> None:
        self.took: list[Event] = []
        self.answer: Json | None = None
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, event: Event) -> Json | None:
        self.took.append(event)
        await self.gate.wait()
        if self.fails:
            raise self.fails
        return self.answer


@dataclass
class House:
    """Both sides, and a clock for the watcher."""

    gateway: Gateway
    turns: Turns
    socket: SlackSocket
    clock: list[float]
    running: asyncio.Task[None]

    def level(self) -> str:
        return self.socket.health().level


async def until(look: Callable[[], Any]) -> Any:
    """What `look` gives, once it gives something."""
    async with asyncio.timeout(10):
        while not (found := look()):
            await asyncio.sleep(0.002)
    return found


@asynccontextmanager
async def house(folder: Path, gateway: Gateway | None = None, *, connected: bool = True) -> AsyncIterator[House]:
    gateway, turns, clock = gateway or Gateway(), Turns(), [0.0]
    app = web.Application()
    app.add_routes([web.post("/api/apps.connections.open", gateway.open), web.get("/link", gateway.link)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    db = open_db("", folder)
    state = SlackState(db, SqlSlackStore(db), KeyVault({1: b"k" * 32}), SystemClock(), Install("", TOKEN))
    api, stub = SlackApi(f"{gateway.url}/api/", state), turns
    socket = SlackSocket(SlackApp(stub, api, ""), api, APP_TOKEN, now=lambda: clock[0], look=0.01)  # type: ignore[arg-type]
    running = asyncio.ensure_future(socket.run())
    try:
        made = House(gateway, turns, socket, clock, running)
        if connected:
            await until(lambda: gateway.links and made.level() == "ok")
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await api.close()
        await runner.cleanup()
        db.close()


def play(script: Coroutine[Any, Any, None]) -> None:
    asyncio.run(script)


def message(text: str = "hello") -> Json:
    event = {"type": "message", "user": "U0DANA", "text": text, "ts": "1.2", "channel": "D0DANA", "channel_type": "im"}
    return {"type": "event_callback", "team_id": "T0NORTH", "event": event, "event_id": "Ev1", "api_app_id": "A1"}


def submission() -> Json:
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "form",
        "hash": "1.a",
        "private_metadata": "",
        "state": {"values": {}},
    }
    return {
        "type": "view_submission",
        "team": {"id": "T0NORTH"},
        "user": {"id": "U0DANA", "team_id": "T0NORTH"},
        "view": view,
    }


def command() -> Json:
    return {
        "command": "/secdesk",
        "text": "hi",
        "user_id": "U0DANA",
        "team_id": "T0NORTH",
        "channel_id": "C1",
        "trigger_id": "1.2",
    }


def test_it_connects_with_the_app_level_token(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            assert [f"Bearer {APP_TOKEN}"] == at.gateway.opened
            assert ("ok", "connected") == (at.level(), at.socket.health().says)

    play(script())


def test_an_event_is_acknowledged_once_it_has_been_taken(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.gate.clear()
            name = await at.gateway.send("events_api", message("one"))
            await until(lambda: at.turns.took)
            assert [] == at.gateway.acks
            at.turns.gate.set()
            assert {"envelope_id": name} == {
                k: v for k, v in (await at.gateway.acknowledged(name)).items() if v is not None
            }
            assert [("said", "one", "U0DANA")] == [(event.kind, event.text, event.user) for event in at.turns.took]

    play(script())


def test_events_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.gate.clear()
            for text in ("one", "two", "three"):
                await at.gateway.send("events_api", message(text))
            await until(lambda: len(at.turns.took) == 3)
            at.turns.gate.set()

    play(script())


def test_an_event_that_could_not_be_taken_is_not_acknowledged(tmp_path: Path) -> None:
    """Slack sends it again."""

    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.fails = RuntimeError("the database is away")
            failed = await at.gateway.send("events_api", message())
            await until(lambda: at.turns.took)
            at.turns.fails = None
            fine = await at.gateway.send("events_api", message())
            await at.gateway.acknowledged(fine)
            assert failed not in {ack["envelope_id"] for ack in at.gateway.acks}

    play(script())


def test_what_nobody_wants_is_acknowledged(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            name = await at.gateway.send(
                "events_api", {**message(), "event": {"type": "team_join", "user": {"id": "U1"}}}
            )
            await at.gateway.acknowledged(name)
            other = await at.gateway.send(
                "interactive", {"type": "shortcut", "callback_id": "x", "team": {"id": "T0NORTH"}}
            )
            await at.gateway.acknowledged(other)

    play(script())


def test_what_is_wrong_with_a_form_travels_back(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.answer = {"response_action": "errors", "errors": {"field.text": "Write something."}}
            name = await at.gateway.send("interactive", submission(), accepts_response_payload=True)
            assert at.turns.answer == (await at.gateway.acknowledged(name))["payload"]

    play(script())


def test_a_commands_line_travels_back(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.answer = {"response_type": "ephemeral", "text": "In our own chat."}
            name = await at.gateway.send("slash_commands", command(), accepts_response_payload=True)
            assert at.turns.answer == (await at.gateway.acknowledged(name))["payload"]

    play(script())


def test_slack_asks_for_a_new_connection_before_it_ends_one(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            await at.gateway.links[-1].send_json({"type": "disconnect", "reason": "refresh_requested"})
            await until(lambda: len(at.gateway.links) == 2)
            name = await at.gateway.send("events_api", message("after"))
            await at.gateway.acknowledged(name)
            assert 0 == at.socket.renewed

    play(script())


def test_a_silently_dead_client_shows_and_is_made_anew(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            client = at.socket._client
            assert client is not None
            assert client.message_receiver is not None
            client.message_receiver.cancel()  # as after a reconnect that went wrong: nothing is read any more
            await until(lambda: not client.message_receiver or client.message_receiver.done())
            at.clock[0] += DEAD_AFTER - 1
            assert "ok" == at.level()
            at.clock[0] += 2
            assert ("bad", "no connection for 21 s") == (at.level(), at.socket.health().says)
            await until(lambda: at.level() == "ok")
            assert (1, "connected, made anew 1 times") == (at.socket.renewed, at.socket.health().says)
            name = await at.gateway.send("events_api", message("after"))
            await at.gateway.acknowledged(name)

    play(script())


def test_a_refused_token_shows(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path, Gateway(refuse="invalid_auth"), connected=False) as at:
            await until(lambda: at.gateway.opened)
            assert ("bad", "not connected yet") == (at.level(), at.socket.health().says)

    play(script())


def test_nothing_people_wrote_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.fails = RuntimeError("away")
            await at.gateway.send("events_api", message("my secret is Blue-Horse-7"))
            await until(lambda: at.turns.took)
            await at.gateway.links[-1].close()
            await until(lambda: len(at.gateway.links) == 2)

    with caplog.at_level("DEBUG", "slack_sdk"):
        play(script())
    assert "Blue-Horse-7" not in caplog.text


def test_a_stop_lets_what_is_running_end_and_acknowledges_it(tmp_path: Path) -> None:
    async def script() -> None:
        async with house(tmp_path) as at:
            at.turns.gate.clear()
            name = await at.gateway.send("events_api", message())
            await until(lambda: at.turns.took)
            at.running.cancel()
            at.turns.gate.set()
            with suppress(asyncio.CancelledError):
                await at.running
            await at.gateway.acknowledged(name)
            assert at.gateway.links[-1].closed

    play(script())
