"""Slack: CPU of one event for bare bolt and for Secdesk, and from start to ready.

All run in one process against a stand-in for the Web API in another, in turns of a few dozen events, so that what slows the
machine down slows all of them. Requests go in signed, without a server between; the next one comes when the reply to the last
has been taken. Bare bolt: one listener, one `say`, one shared session. "Translation and dispatch" is everything of Slack's
between request and reply (guard, dispatcher, both translators, whose event it is, the call) with a desk that answers at once;
the turn at the shared pace, a stored transaction, is shown apart. "Whole" is the real application; its search and its
transactions are taken apart by each thread's own clock. Published limits and the pace of one person are lifted.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import hmac
import itertools
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
SECRET, TOKEN, TEAM, BOT = "0123456789abcdef0123456789abcdef", "xoxb-bench", "T0NORTH", "U0BOT"
WARM, BLOCKS, BLOCK, STARTS = 20, 30, 25, 3
QUESTIONS = (
    "how do i report a suspicious email",
    "how do i change my password",
    "is public wifi safe",
    "i lost my phone",
)
NAMES = ("dana.reyes", "jonas.keller", "lucia.romero", "ama.mensah")
Json = dict[str, Any]


def measure() -> Iterator[tuple[str, float]]:
    """Start to ready; the CPU figures are printed before."""
    with running_fake() as port:
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.slack", "compare", str(port)]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, check=True)
        yield "from start to ready, search prepared", start_to_ready(port)


async def compare(port: int) -> None:
    """The table."""
    requests = (signed(body) for body in events())
    blocks: dict[str, list[float]] = defaultdict(list)
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    async with bare(port) as one, adapter(port) as two, whole(port) as three:
        contenders = {"bare": one, "unpaced": replace(two, paced=False), "adapter": two, "whole": three}
        for _ in range(WARM):
            for contender in contenders.values():
                await contender.block(itertools.islice(requests, 5))
        three.parts.update(dict.fromkeys(three.parts, 0.0))
        for _ in range(BLOCKS):
            for name, contender in contenders.items():
                before = await counts(port)
                blocks[name].append(await contender.block(itertools.islice(requests, BLOCK)) / BLOCK * 1e6)
                calls[name] += await counts(port) - before
    apart = {name: seconds / BLOCKS / BLOCK * 1e6 for name, seconds in three.parts.items()}
    for line in lines(blocks, apart, {name: sum(made.values()) / BLOCKS / BLOCK for name, made in calls.items()}):
        print(f"  {line}", flush=True)
    assert {"chat.postMessage"} == {method for made in calls.values() for method in made}, calls


def lines(blocks: dict[str, list[float]], apart: dict[str, float], calls: dict[str, float]) -> Iterator[str]:
    """Medians over the blocks, in microseconds of CPU an event."""
    middle = {name: statistics.median(figures) for name, figures in blocks.items()}
    ratios = [unpaced / one for unpaced, one in zip(blocks["unpaced"], blocks["bare"], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    pace, dispatch = middle["adapter"] - middle["unpaced"], middle["unpaced"]
    rest = middle["whole"] - apart["search"] - apart["stored"] - dispatch
    yield f"bare bolt, one shared session: {middle['bare']:.0f} µs an event"
    yield (f"Secdesk, translation and dispatch: {dispatch:.0f} µs, {statistics.median(ratios):.2f} times bare bolt "
           f"(half of the blocks: {low:.2f} to {high:.2f})")  # fmt: skip
    yield f"Secdesk, turn at the shared pace (a stored transaction): {pace:.0f} µs"
    yield (f"Secdesk, whole: {middle['whole']:.0f} µs; search step {apart['search']:.0f}, durable commits (desk, delivery, "
           f"pace) {apart['stored']:.0f}, the desk's other work {rest:.0f}")  # fmt: skip
    yield f"calls of the Web API an event: {calls['bare']:.2f} bare, {calls['whole']:.2f} Secdesk"


@dataclass(frozen=True)
class Contender:
    """An application, how to wait for its reply, and what it takes apart. Without `paced` it calls without waiting its turn."""

    app: Any
    settle: Callable[[], Awaitable[Any]]
    api: Any = None
    paced: bool = True
    parts: dict[str, float] = field(default_factory=dict)

    async def block(self, requests: Iterator[tuple[bytes, list[tuple[bytes, bytes]]]]) -> float:
        """Seconds of CPU for these requests and their replies, of all threads."""
        given = list(requests)
        if self.api:
            self.api._turn = type(self.api)._turn.__get__(self.api) if self.paced else _no_turn
        started = time.process_time()
        for raw, headers in given:
            assert await post(self.app, raw, headers) == 200
            await self.settle()
        return time.process_time() - started


async def settled(platform: Any) -> None:
    """Until nothing runs behind an acknowledgement."""
    running = platform._turns._replies._running
    while running:
        await next(iter(running))


async def _no_turn(_lanes: Any, left: float, _patient: bool) -> float:
    return left


# the load, the same for all


def events() -> Iterator[Json]:
    """Direct messages of a few people, all different."""
    for n in itertools.count():
        user = f"U0{NAMES[n % len(NAMES)].replace('.', '').upper()}"
        ts, text = f"{1_900_000_000 + n}.000100", QUESTIONS[n % len(QUESTIONS)]
        event = {"type": "message", "user": user, "text": text, "ts": ts, "event_ts": ts, "channel": f"D{user[1:]}",
                 "channel_type": "im", "team": TEAM}  # fmt: skip
        authorization = {
            "enterprise_id": None,
            "team_id": TEAM,
            "user_id": BOT,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        yield {"token": "t", "team_id": TEAM, "api_app_id": "A0", "event": event, "type": "event_callback",
               "event_id": f"Ev{n}", "event_time": 1, "authorizations": [authorization]}  # fmt: skip


def signed(body: Json) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    raw, stamp = json.dumps(body).encode(), str(int(time.time()))
    made = "v0=" + hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return raw, [(b"content-type", b"application/json"), (b"x-slack-request-timestamp", stamp.encode()),
                 (b"x-slack-signature", made.encode()), (b"content-length", str(len(raw)).encode())]  # fmt: skip


async def post(app: Any, raw: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """One request as a server hands it over; the status."""
    scope = {"type": "http", "method": "POST", "path": "/slack/events", "raw_path": b"/slack/events", "query_string": b"",
             "headers": headers, "scheme": "http", "server": ("bot", 80), "client": ("slack", 1), "root_path": "",
             "http_version": "1.1", "asgi": {"version": "3.0"}}  # fmt: skip
    status: list[int] = []

    async def receive() -> Json:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Json) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    await app(scope, receive, send)
    return status[0]


async def counts(port: int) -> Counter[str]:
    def ask() -> Counter[str]:
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(b"GET /counts HTTP/1.0\r\n\r\n")
            return Counter(json.loads(b"".join(iter(lambda: peer.recv(65_536), b"")).partition(b"\r\n\r\n")[2]))

    return await asyncio.to_thread(ask)


# the three


@contextlib.asynccontextmanager
async def bare(port: int) -> AsyncIterator[Contender]:
    """Bolt with one listener."""
    import aiohttp
    from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
    from slack_bolt.async_app import AsyncApp, AsyncSay
    from slack_sdk.web.async_client import AsyncWebClient
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    said = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(TOKEN, base_url=f"http://127.0.0.1:{port}/api/", session=session)
        app = AsyncApp(client=client, signing_secret=SECRET)

        @app.event("message")  # type: ignore[untyped-decorator]
        async def answer(say: AsyncSay) -> None:
            await say("Open the mail and press Report phishing.")
            said.set()

        handler = AsyncSlackRequestHandler(app)

        async def endpoint(request: Request) -> Response:
            return await handler.handle(request)

        async def settle() -> None:
            await said.wait()
            said.clear()

        yield Contender(Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])]), settle)


@contextlib.asynccontextmanager
async def adapter(port: int) -> AsyncIterator[Contender]:
    """All of Secdesk's Slack, and a desk that answers at once."""
    from bot.cards import Button, Buttons, Card, Steps, Text
    from bot.model import Message, Reply
    from bot.platforms import Doors

    card = Card(
        "How do I report a suspicious email?",
        (
            Text("Open the mail and press Report phishing. That sends it to us with all the hidden details we need."),
            Steps(("No button? Forward the mail to report@northwind.example.", "Keep the mail until you hear from us.")),
            Text("Do not click anything in the mail.", "strong"),
            Buttons((Button("Report a mail", "reporting.start"), Button("Why this answer?", "answering.why", "report"),
                     Button("Solved", "answering.solved", "1"), Button("Did not help", "answering.unhelpful", "1"))),
        ),
        "answer",
    )  # fmt: skip

    async def at_once(message: Message) -> Reply:
        return Reply(card, message.place)

    with application(port, "words") as app:
        app.identities.meet_all(list(app.directory.people()), app.clock.now())
        nothing: Any = None
        platform: Any = app.platforms["slack"]
        endpoints = platform.endpoints(Doors(at_once, nothing, nothing, nothing, nothing))
        app.bridge.use(asyncio.get_running_loop())
        try:
            yield Contender(endpoints["/slack/events"], lambda: settled(platform), platform._api)
        finally:
            await platform.stop()


@contextlib.asynccontextmanager
async def whole(port: int) -> AsyncIterator[Contender]:
    """All of Secdesk but the server and the job engine."""
    from adapters.web.metrics import Metrics
    from bot.app.serving import Edge
    from bot.desk import Pace

    with application(port, "full") as app:
        used = {"search": 0.0, "stored": 0.0}
        app.desk._pace = Pace(10_000_000)
        answers: Any = app.answers
        answers.consider = clocked(answers.consider, used, "search")
        database: Any = app.db
        database.tx = clocked_tx(database.tx, used)
        edge = Edge(app, Metrics())
        platform: Any = app.platforms["slack"]
        endpoints = platform.endpoints(edge.doors())
        app.bridge.use(asyncio.get_running_loop())
        try:
            yield Contender(endpoints["/slack/events"], lambda: settled(platform), parts=used)
        finally:
            await platform.stop()
            edge.close()


def clocked(work: Callable[..., Any], used: dict[str, float], name: str) -> Callable[..., Any]:
    def run(*args: Any, **more: Any) -> Any:
        started = time.thread_time()
        try:
            return work(*args, **more)
        finally:
            used[name] += time.thread_time() - started

    return run


def clocked_tx(tx: Callable[[], Any], used: dict[str, float]) -> Callable[[], Any]:
    @contextlib.contextmanager
    def run() -> Iterator[Any]:
        started = time.thread_time()
        with tx() as opened:
            yield opened
        used["stored"] += time.thread_time() - started

    return run


@contextlib.contextmanager
def application(port: int, search: str) -> Iterator[Any]:
    """A built application with the limits lifted, in a folder of its own with the prepared search of all rounds."""
    from adapters.channels import slack_api
    from adapters.channels.slack_pace import METHODS, Rate
    from bot.app import build

    free = Rate(1e12, 1_000_000)
    slack_api.METHODS = dict.fromkeys(METHODS, free)  # type: ignore[misc]
    slack_api.CHANNEL = free  # type: ignore[misc]
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="secdesk-bench-") as folder:
        app = build(replace(settings(Path(folder), port), search=search))
        gc.collect()
        gc.freeze()  # as the server does
        try:
            yield app
        finally:
            app.close()


def settings(folder: Path, port: int) -> Any:
    from bot.settings import Settings

    own = folder / "knowledge"
    own.mkdir()
    for name in ("org.yaml", "people.yaml"):
        text = (files("knowledge") / name).read_text("utf-8")
        (own / name).write_text(text.replace("sample: true", "sample: false"), "utf-8")
    data = folder / "data"
    data.mkdir()
    shared = ROOT / "build" / "bench-cache"
    shared.mkdir(parents=True, exist_ok=True)
    (data / "cache").symlink_to(shared)
    return Settings(folder=folder, data=data, knowledge=own, channels=("slack",), slack_bot_token=TOKEN,
                    slack_signing_secret=SECRET, slack_api=f"http://127.0.0.1:{port}/api/")  # fmt: skip


def start_to_ready(port: int) -> float:
    """Median of a few starts of `secdesk serve` until `/readyz` says so."""
    from tests.served import Served

    with tempfile.TemporaryDirectory(prefix="secdesk-bench-") as folder:
        given = settings(Path(folder), port)
        env = {"SECDESK_DATA": str(given.data), "SECDESK_KNOWLEDGE": str(given.knowledge), "SECDESK_CHANNELS": "slack",
               "SECDESK_SLACK_BOT_TOKEN": TOKEN, "SECDESK_SLACK_SIGNING_SECRET": SECRET,
               "SECDESK_SLACK_API": given.slack_api}  # fmt: skip

        def once() -> float:
            started = time.perf_counter()
            served = Served.start(Path(folder), **env)
            while time.perf_counter() - started < 120:
                with contextlib.suppress(OSError):
                    if served.ask("GET", "/readyz").status == 200:
                        break
                time.sleep(0.01)
            seconds = time.perf_counter() - started
            served.stop()
            return seconds

        once()  # the first one of all prepares the search
        return statistics.median(once() for _ in range(STARTS))


# the stand-in for Slack


@contextlib.contextmanager
def running_fake() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.slack", "fake", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def serve_fake(port: int) -> None:
    """Takes everything, and counts it by method."""
    from aiohttp import web

    asked: Counter[str] = Counter()
    people = {f"U0{name.replace('.', '').upper()}": name for name in NAMES}

    async def call(request: web.Request) -> web.Response:
        method = request.match_info["method"]
        asked[method] += 1
        body = await request.text()
        if method == "users.info":
            user = next((key for key in people if key in f"{request.query_string}{body}"), "U0X")
            name = people.get(user, "x")
            profile = {"real_name": name, "email": f"{name}@northwind.example"}
            found = {"id": user, "team_id": TEAM, "name": name, "profile": profile, "is_email_confirmed": True}
            return web.json_response({"ok": True, "user": found})
        if method == "auth.test":
            return web.json_response({"ok": True, "team_id": TEAM, "user_id": BOT, "bot_id": "B0BOT", "user": "secdesk",
                                      "team": "Northwind", "url": "https://north.slack.example/"})  # fmt: skip
        if method == "users.list":
            return web.json_response({"ok": True, "members": [], "response_metadata": {"next_cursor": ""}})
        return web.json_response({"ok": True, "channel": "D0X", "ts": f"1.{sum(asked.values()):06d}", "message": {}})

    async def told(_request: web.Request) -> web.Response:
        return web.json_response(asked)

    app = web.Application()
    app.add_routes([web.post("/api/{method}", call), web.get("/api/{method}", call), web.get("/counts", told)])
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    if sys.argv[1] == "fake":
        serve_fake(int(sys.argv[2]))
    else:
        asyncio.run(compare(int(sys.argv[2])))
