"""Teams: requests a second and p95 of our edge and of stock botbuilder, same load, tokens checked on both.

Both echo a card through the same fake connector, which runs in a process of its own; so does the load. Stock gets its token
for the connector for nothing (its own way blocks the loop on every turn and wants https), which is in its favour. Each request
has a token of its own, so that ours too checks every signature (the platform uses one for an hour). Ours keeps
its pace and its card references in SQLite as always; only the published limits are lifted. A rate counts until the last reply
has arrived, not until the last acknowledgement.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.teams import APP, ISSUER, TENANT, FakeTeams

ROOT = Path(__file__).parent.parent.parent
STOCK = ROOT / "build" / "stock-botbuilder"  # installed for the measurement only; nothing of ours imports it
PACKAGE = "botbuilder-integration-aiohttp==4.17.1"
WARM, COUNT = 60, 400
LEVELS = (1, 8, 32)


def measure() -> Iterator[tuple[str, float]]:
    """p95 for each concurrency, and a line with the rates."""
    if not STOCK.is_dir():
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(STOCK), PACKAGE]
        subprocess.run(install, check=True)
    rates: dict[tuple[str, int], float] = {}
    tails: dict[tuple[str, int], float] = {}
    with running("fake", 0) as platform:
        for who in ("stock", "ours"):
            with running(who, platform) as port:
                asyncio.run(load(port, platform, 4))
                for level in LEVELS:
                    rates[who, level], tails[who, level] = asyncio.run(load(port, platform, level))
                    yield f"{who}, {level} at once: p95", tails[who, level]
    for level in LEVELS:
        ours, stock = rates["ours", level], rates["stock", level]
        tail = tails["stock", level] / tails["ours", level]
        print(
            f"  {level:>2} at once: ours {ours:.0f}/s, stock {stock:.0f}/s: {ours / stock:.1f} times; "
            f"its p95 is {tail:.1f} of ours"
        )


async def load(port: int, platform: int, level: int) -> tuple[float, float]:
    """(requests a second until the last reply, p95 in seconds)."""
    import aiohttp

    fake = FakeTeams(f"http://127.0.0.1:{platform}")
    texts = ((f"hello {i}", f"user{i % 20}", f"{level}-{i}") for i in range(WARM + COUNT))
    bodies = iter([json.dumps(fake.message(text, user, id=key)) for text, user, key in texts])
    times: list[float] = []
    connector = aiohttp.TCPConnector(limit=level)
    async with aiohttp.ClientSession(connector=connector) as client, aiohttp.ClientSession() as asking:

        async def told(path: str) -> str:
            async with asking.get(f"http://127.0.0.1:{platform}{path}") as answer:
                return await answer.text()

        minted = json.loads(await told(f"/mint?count={WARM + COUNT}"))
        headers = iter([{"Authorization": f"Bearer {token}", "Content-Type": "application/json"} for token in minted])

        async def one() -> None:
            for body in bodies:
                head, started = next(headers), time.perf_counter()
                async with client.post(f"http://127.0.0.1:{port}/api/messages", data=body, headers=head) as answer:
                    assert answer.status in {200, 201, 202}, answer.status
                    await answer.read()
                times.append(time.perf_counter() - started)

        before = int(await told("/count"))
        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(level)))
        while int(await told("/count")) - before < WARM + COUNT:
            assert time.perf_counter() - started < 300
            await asyncio.sleep(0.01)
        return (WARM + COUNT) / (time.perf_counter() - started), statistics.quantiles(times[WARM:], n=20)[-1]


@contextlib.contextmanager
def running(what: str, platform: int) -> Iterator[int]:
    """A server of its own process, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join([str(ROOT), str(STOCK)])
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.teams", what, str(port), str(platform)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT)
    before = children()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        if what != "fake":
            requests = (len(LEVELS) + 1) * (WARM + COUNT)
            print(f"  {what}: {1000 * (children() - before) / requests:.2f} ms of CPU a request, its start included")


def children() -> float:
    """Seconds of CPU of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# the servers


def serve_fake(port: int) -> None:
    """The platform as fast as it gets: signing keys, tokens, and a count of what was posted."""
    from aiohttp import web

    fake, posted = FakeTeams(f"http://127.0.0.1:{port}"), [0]
    member = {"id": "29:x", "name": "X", "email": "x@northwind.example", "tenantId": TENANT}

    async def answer(request: web.Request) -> web.Response:
        path, body = request.path, await request.read()
        if path in {"/.well-known/openidconfiguration", "/keys"} or path.endswith("/token"):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url=fake.base) as inner:
                said = await inner.request(request.method, path)
            return web.Response(body=said.content, content_type="application/json")
        if path == "/mint":
            return web.json_response([fake.token(jti=uuid.uuid4().hex) for _ in range(int(request.query["count"]))])
        if path == "/count":
            return web.Response(text=str(posted[0]))
        if "/members/" in path:
            return web.json_response(member)
        posted[0] += b'"type":"typing"' not in body.replace(b" ", b"")
        return web.json_response({"id": f"m{posted[0]}"}, status=201)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def serve_ours(port: int, platform: int) -> None:
    """The real edge, check, turns, channel and state; instead of the desk an echo that is stored nowhere."""
    import uvicorn

    from adapters.channels import teams as channel_module
    from adapters.channels.teams_pace import Limit
    from adapters.channels.teams_setup import TeamsPlatform
    from adapters.stores.open import open_db
    from adapters.stores.teams import SqlTeamsStore
    from adapters.vault import KeyVault
    from bot.app import SystemClock
    from bot.cards import Button, Buttons, Card, Text
    from bot.model import Message, Reply
    from bot.platforms import Doors, Foundation
    from tests.fakes.teams_app import settings
    from tests.fakes.web import sample_organisation

    free = (Limit(1_000_000, 0.001),)
    channel_module.THREAD = channel_module.TENANT = free  # type: ignore[misc]
    base = f"http://127.0.0.1:{platform}"

    class Nobody:
        def find(self, _who: str) -> None:
            return None

        def known_key(self, _person: Any) -> str:
            return "p_bench"

    async def echo(message: Message) -> Reply:
        card = Card("", (Text(f"Echo: {message.text}"), Buttons((Button("Solved", "answering.solved", "1"),))))
        return Reply(card, message.place)

    async def deliver(_delivery: str) -> bool:
        return True

    folder = Path(tempfile.mkdtemp(prefix="secdesk-bench-"))
    clock, org = SystemClock(), sample_organisation()
    db, vault = open_db("", folder), KeyVault({1: b"k" * 32})
    given = settings(folder, FakeTeams(base))
    nobody: Any = Nobody()
    foundation = Foundation(given, db, vault, clock, nobody, lambda: org, lambda _name: SqlTeamsStore(db))
    doors = Doors(echo, deliver, lambda change: None, lambda _action: None, lambda _place: False)  # type: ignore[arg-type]
    door = TeamsPlatform(foundation, SqlTeamsStore(db)).endpoints(doors)["/api/messages"]
    uvicorn.run(door, port=port, log_level="error", access_log=False)  # type: ignore[arg-type]


def serve_stock(port: int, platform: int) -> None:
    """Stock `CloudAdapter` on aiohttp with the same echo, its inbound check on, its outbound token given."""
    from aiohttp import web
    from botbuilder.core import ActivityHandler, MessageFactory, TurnContext
    from botbuilder.integration.aiohttp import CloudAdapter, ConfigurationBotFrameworkAuthentication
    from botbuilder.schema import Attachment
    from botframework.connector.auth import MicrosoftAppCredentials, ServiceClientCredentialsFactory

    from adapters.channels.teams_cards import CONTENT_TYPE, adaptive_cards
    from bot.cards import Button, Buttons, Card, Text

    base = f"http://127.0.0.1:{platform}"

    class Given(MicrosoftAppCredentials):  # type: ignore[misc]
        def get_access_token(self, _force: bool = False) -> str:
            return "given"

    class Factory(ServiceClientCredentialsFactory):  # type: ignore[misc]
        async def is_valid_app_id(self, app_id: str) -> bool:
            return app_id == APP

        async def is_authentication_disabled(self) -> bool:
            return False

        async def create_credentials(self, *_args: Any, **_more: Any) -> Any:
            return Given(APP, "x", TENANT)

    class Configuration:
        APP_ID, APP_PASSWORD, APP_TYPE, APP_TENANTID = APP, "x", "SingleTenant", TENANT
        TO_CHANNEL_FROM_BOT_LOGIN_URL = "https://login.example"
        TO_CHANNEL_FROM_BOT_OAUTH_SCOPE = "https://api.botframework.com"
        TO_BOT_FROM_CHANNEL_TOKEN_ISSUER = ISSUER
        OAUTH_URL = "https://api.botframework.com"
        TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL = f"{base}/.well-known/openidconfiguration"
        TO_BOT_FROM_EMULATOR_OPENID_METADATA_URL = f"{base}/.well-known/openidconfiguration"

    class Echo(ActivityHandler):  # type: ignore[misc]
        async def on_message_activity(self, turn_context: TurnContext) -> None:
            card = Card("", (Text(f"Echo: {turn_context.activity.text}"), Buttons((Button("Solved", "a.b", "1"),))))
            attachment = Attachment(content_type=CONTENT_TYPE, content=adaptive_cards(card)[0])
            await turn_context.send_activity(MessageFactory.attachment(attachment))

    bot = Echo()
    adapter = CloudAdapter(ConfigurationBotFrameworkAuthentication(Configuration(), credentials_factory=Factory()))

    async def messages(request: web.Request) -> web.Response:
        return await adapter.process(request, bot) or web.Response(status=200)

    app = web.Application()
    app.router.add_post("/api/messages", messages)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    what, port, platform = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    {"fake": lambda: serve_fake(port), "ours": lambda: serve_ours(port, platform),
     "stock": lambda: serve_stock(port, platform)}[what]()  # fmt: skip
