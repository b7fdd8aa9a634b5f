"""The whole of Secdesk with Teams switched on, driven through its endpoint with genuine tokens, on the fake platform.

No server and no job engine: requests go in by ASGI, and `drain` does what the engine would do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from adapters.web.metrics import Metrics
from bot.app import App, build
from bot.app.contents import Contents, load_contents
from bot.app.serving import Edge
from bot.errors import ChannelError
from bot.settings import Settings
from tests.fakes.own import organisation
from tests.fakes.teams import APP, TENANT, FakeTeams, Json, member

DESK = "19:desk@thread.tacv2"
PEOPLE = ("dana.reyes", "sam.ortiz", "ines.brandt", "jonas.keller")


def settings(folder: Path, teams: FakeTeams, **more: Any) -> Settings:
    """Settings for the fake platform."""
    given = Settings(
        folder=folder, data=folder / "data", knowledge=organisation(folder), channels=("teams",), search="words",
        teams_app_id=APP, teams_tenant=TENANT, teams_secret="s3cret", teams_desk=DESK, teams_hosts=("127.0.0.1",),
        teams_login=teams.base, teams_metadata=f"{teams.base}/.well-known/openidconfiguration",
        teams_service=teams.service_url,
    )  # fmt: skip
    return replace(given, **more)


@dataclass
class Driver:
    """One running Secdesk."""

    app: App
    teams: FakeTeams
    edge: Edge
    door: Any
    answers: list[httpx.Response] = field(default_factory=list)

    async def send(self, activity: Json, token: str | None = None) -> httpx.Response:
        """One request, and everything that follows from it."""
        headers = {"authorization": f"Bearer {self.teams.token() if token is None else token}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.door)) as client:
            answer = await client.post("http://bot.example/api/messages", json=activity, headers=headers)
        if answer.content and answer.headers.get("content-type") == "application/json":
            for card in shown(answer.json()):
                self.teams.wrong += self.teams.examine(card)
        await self.settle()
        return answer

    async def settle(self) -> None:
        """Wait for what runs behind the acknowledgement."""
        platform: Any = self.app.platforms["teams"]
        await platform._turns.close(10)

    async def drain(self, *kinds: str) -> None:
        """Run what lies in the outbox, once, as the engine would."""
        await asyncio.get_running_loop().run_in_executor(None, self._drain, kinds)

    def _drain(self, kinds: tuple[str, ...]) -> None:
        handlers = self.app.handlers()
        for row in self.app.core.due(self.app.clock.now() + 10, 1_000):
            if not kinds or row["kind"] in kinds:
                try:
                    handlers[row["kind"]](json.loads(row["payload"]))
                except ChannelError:
                    if row["kind"] in kinds:
                        raise
                    continue
                self.app.core.done(row["key"])
        for tip in [] if kinds else self.app.core.due_tips(self.app.clock.now() + 10, 1_000):
            self.app.deliver(tip["delivery"])


@asynccontextmanager
async def driving(app: App, teams: FakeTeams) -> AsyncIterator[Driver]:
    """The driver, in this event loop."""
    for person in PEOPLE:
        teams.members.setdefault(f"29:{person}", member(person))
    edge = Edge(app, Metrics())
    app.bridge.use(asyncio.get_running_loop())
    doors = edge.doors()
    platform = app.platforms["teams"]
    door = platform.endpoints(doors)["/api/messages"]
    await platform.start(doors)
    try:
        yield Driver(app, teams, edge, door)
    finally:
        await platform.stop()
        edge.close()


def shared_contents(folder: Path, cache: Path) -> Contents:
    """Content of an organisation that is no sample, loaded once for many applications: fitting the search takes seconds."""
    return load_contents(organisation(folder), cache, date.today, "words")


def make(folder: Path, teams: FakeTeams, contents: Contents | None = None, **more: Any) -> App:
    """The application, built but not started."""
    return build(settings(folder, teams, **more), contents=contents)


def run(app: App, teams: FakeTeams, script: Callable[[Driver], Any]) -> Any:
    """Run an asynchronous script against a driver."""

    async def go() -> Any:
        async with driving(app, teams) as driver:
            return await script(driver)

    return asyncio.run(go())


def buttons(card: Json) -> dict[str, Json]:
    """The actions of a card, by their title."""
    found: dict[str, Json] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "Action.Execute":
                found[value["title"]] = value
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(card)
    return found


def shown(answer: Any) -> Iterator[Json]:
    """The cards in what an invoke is answered with. Dialogs know Action.Submit only, so those are left out."""
    if isinstance(answer, dict):
        if answer.get("type") == "AdaptiveCard":
            yield answer
        for name, inner in answer.items():
            yield from shown(inner) if name != "task" else ()


def words(value: Any) -> str:
    """Everything a card shows."""
    if isinstance(value, dict):
        own = str(value["text"]) if value.get("type") in {"TextRun", "TextBlock"} else ""
        return " ".join(filter(None, (own, *(words(value.get(key)) for key in ("body", "items", "inlines")))))
    return " ".join(filter(None, map(words, value))) if isinstance(value, list) else ""
