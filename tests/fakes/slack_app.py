"""The whole of Secdesk with Slack switched on, driven through its endpoint with signed requests, on the fake platform.

No server and no job engine: requests go in by ASGI, and `drain` does what the engine would do. Time stands still: waiting for
a turn moves the clock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from adapters.stores.open import FILE, open_db
from adapters.web.metrics import Metrics
from bot.app import App, build
from bot.app.contents import Contents, load_contents
from bot.app.serving import Edge
from bot.errors import RetryLater
from bot.settings import Settings
from tests.fakes.desk import FakeClock, InProcess
from tests.fakes.own import organisation
from tests.fakes.slack import DESK, SECRET, TOKEN, FakeSlack, Json, signed, words

ENDPOINT = "/slack/events"
PEOPLE = ("dana.reyes", "sam.ortiz", "ines.brandt", "jonas.keller")


def settings(folder: Path, slack: FakeSlack, **more: Any) -> Settings:
    """Settings for the fake platform."""
    given = Settings(
        folder=folder, data=folder / "data", knowledge=organisation(folder), channels=("slack",), search="words",
        slack_bot_token=TOKEN, slack_signing_secret=SECRET, slack_desk=DESK, slack_hosts=("127.0.0.1",), slack_api=slack.url,
    )  # fmt: skip
    return replace(given, **more)


def shared_contents(folder: Path, warm: Path) -> Contents:
    """Content of an organisation that is no sample, for many applications: fitting the search takes seconds."""
    return load_contents(organisation(folder), warm, date.today, "words")


@dataclass
class Driver:
    """One running Secdesk. `people` are ids of those who are in the workspace, by their name in the directory."""

    app: App
    slack: FakeSlack
    edge: Edge
    endpoints: dict[str, Any]
    people: dict[str, str]

    @property
    def platform(self) -> Any:
        return self.app.platforms["slack"]

    async def send(
        self, body: Json | bytes, *, settle: bool = True, headers: dict[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """One signed request, and everything that follows from it."""
        raw, signature = signed(body, **how)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.endpoints[ENDPOINT])) as client:
            answer = await client.post(
                f"http://bot.example{ENDPOINT}", content=raw, headers=signature | (headers or {})
            )
        if settle:
            await self.settle()
        return answer

    async def again(self, body: Json, number: int = 1) -> httpx.Response:
        """The same delivery once more, as Slack does when it got no answer."""
        return await self.send(body, headers={"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"})

    async def tell(self, event: Json) -> list[Json]:
        """Something happens in the workspace; the messages that came of it."""
        return await self.came(self.send(self.slack.event(event)))

    async def say(self, who: str, text: str, channel: str = "", **more: Any) -> list[Json]:
        """Somebody writes."""
        return await self.tell(self.slack.message(self.people[who], text, channel, **more))

    async def press(self, who: str, message: Json, label: str) -> list[Json]:
        return await self.came(self.send(self.slack.press(self.people[who], message, label)))

    async def submit(self, who: str, view: Json, **typed: str) -> list[Json]:
        return await self.came(self.send(self.slack.submit(self.people[who], view, **typed)))

    async def came(self, doing: Awaitable[Any]) -> list[Json]:
        """Messages that are new after something was done."""
        before = len(self.slack.messages)
        await doing
        return self.slack.messages[before:]

    async def settle(self) -> None:
        """Wait for what runs behind the acknowledgement."""
        await self.platform._turns.close(10)

    async def drain(self, *kinds: str) -> list[Json]:
        """Run what lies in the outbox, as the engine would, until nothing new comes; the messages that came of it."""
        return await self.came(asyncio.get_running_loop().run_in_executor(None, self._drain, kinds))

    def _drain(self, kinds: tuple[str, ...]) -> None:
        clock: Any = self.app.clock
        for _ in range(8):  # of four messages to one room each may have to wait for another first
            rows = self.app.core.due(self.app.clock.now() + 10, 1_000)
            for row in rows:
                if kinds and row["kind"] not in kinds:
                    continue
                try:
                    self.app.handlers()[row["kind"]](json.loads(row["payload"]))
                except RetryLater as later:
                    clock.forward(later.seconds)
                    continue
                self.app.core.done(row["key"])
            for tip in [] if kinds else self.app.core.due_tips(self.app.clock.now() + 10, 1_000):
                self.app.deliver(tip["delivery"])

    def mine(self, who: str) -> list[Json]:
        """Somebody's direct messages as they stand now."""
        return self.slack.posted(self.slack.dm(self.people[who]))

    def last_view(self) -> Json:
        """The modal that was opened or changed last."""
        return list(self.slack.views.values())[-1]


@asynccontextmanager
async def driving(app: App, slack: FakeSlack) -> AsyncIterator[Driver]:
    """The driver, in this event loop."""
    people = {name: slack.user(name) for name in PEOPLE}
    edge = Edge(app, Metrics())
    app.bridge.use(asyncio.get_running_loop())
    platform: Any = app.platforms["slack"]
    endpoints = dict(platform.endpoints(edge.doors()))
    slack.links = tuple(platform._trusted().values())
    try:
        yield Driver(app, slack, edge, endpoints, people)
    finally:
        await platform.stop()
        edge.close()


@cache
def migrated() -> bytes:
    """A migrated, empty database: migrating anew for each test is slow."""
    with TemporaryDirectory() as folder:
        open_db("", Path(folder)).close()
        return (Path(folder) / FILE).read_bytes()


def make(folder: Path, slack: FakeSlack, contents: Contents | None = None, **more: Any) -> App:
    """The application, built but not started, with a clock that stands still. A folder that has been used goes on."""
    clock = more.pop("clock", None) or FakeClock()
    data = folder / "data"
    if not data.exists():
        data.mkdir(mode=0o700)
        (data / FILE).write_bytes(migrated())
    app = build(settings(folder, slack, **more), contents=contents, clock=clock, examiner=InProcess())

    async def pause(seconds: float) -> None:
        clock.forward(seconds)

    platform: Any = app.platforms["slack"]
    platform._api._pause = pause
    return app


def run(app: App, slack: FakeSlack, script: Callable[[Driver], Any]) -> Any:
    """Run an asynchronous script against a driver. Slack must not have refused anything that we made."""

    async def go() -> Any:
        async with driving(app, slack) as driver:
            return await script(driver)

    result = asyncio.run(go())
    assert [] == slack.rejected
    return result


def shown(messages: list[Json]) -> str:
    """What messages show."""
    return "\n".join(words(message.get("blocks") or [{"text": {"text": message["text"]}}]) for message in messages)


def buttons(message: Json) -> list[str]:
    """What can be pressed in a message, as it is written there."""
    found = []
    for block in message["blocks"]:
        for element in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]:
            if element["type"] == "feedback_buttons":
                found += [element[key]["text"]["text"] for key in ("positive_button", "negative_button")]
            elif element["type"] == "button":
                beside = block["text"]["text"].partition(". ")[2] if "accessory" in block else ""
                found.append(beside or element["text"]["text"])
    return found
