"""What machines and the desk are shown of Teams: `/readyz` and the console's health page, with the platform slow or down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.channels import teams_auth, teams_setup, teams_tokens
from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from bot.app import App
from bot.app.channels import Front
from bot.app.contents import Contents
from bot.app.wiring import web_services
from tests.fakes.teams import FakeTeams, Fault, Json, running
from tests.fakes.teams_app import DESK, Driver, make, run, shared_contents, words
from tests.warm import warm_cache

URL = "http://127.0.0.1:8765"


@pytest.fixture
def teams(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTeams]:
    monkeypatch.setattr(teams_setup, "TENDED_EVERY", 0.01)
    monkeypatch.setattr(teams_auth, "REST", 0.0)
    monkeypatch.setattr(teams_auth, "REFETCHES", 10_000)
    monkeypatch.setattr(teams_tokens, "REST", 0.0)
    with running() as fake:
        yield fake


@pytest.fixture(scope="module")
def contents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return shared_contents(tmp_path_factory.mktemp("contents"), warm_cache(request.config))


@pytest.fixture
def app(teams: FakeTeams, tmp_path: Path, contents: Contents) -> Iterator[App]:
    made = make(tmp_path, teams, contents)
    yield made
    made.close()


class Engine:
    """The job engine as the health check asks it."""

    def state(self) -> tuple[str, str]:
        return "running", ""


class Browser:
    """The whole web application, endpoints of platforms in front, as `serve` puts it together."""

    def __init__(self, t: Driver) -> None:
        jobs: Any = Engine()
        web = create_web(web_services(t.app, t.edge, Metrics(), jobs))
        self.app = t.app
        self._transport = httpx.ASGITransport(Front(web, {"/api/messages": t.door}), client=("127.0.0.1", 50_000))
        self._cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"origin": URL, "sec-fetch-site": "same-origin"} | more.pop("headers", {})
        async with httpx.AsyncClient(transport=self._transport, base_url=URL, cookies=self._cookies) as client:
            answer = await client.request(method, path, headers=headers, **more)
        self._cookies |= dict(answer.cookies)
        return answer

    async def ready(self) -> Json:
        answer = await self.ask("GET", "/readyz")
        found: Json = json.loads(answer.text)
        return found

    async def levels(self) -> dict[str, str]:
        """The state of each part of Teams."""
        checks = (await self.ready())["checks"]
        return {name.removeprefix("teams "): level for name, level in checks.items() if name.startswith("teams ")}

    async def health_page(self) -> str:
        _, link = await asyncio.to_thread(self.app.console_link, "sam.ortiz")
        await self.ask("POST", "/console/sign-in", data={"token": link.partition("token=")[2]})
        return (await self.ask("GET", "/console/health")).text


async def until(wanted: Any, look: Callable[[], Any]) -> None:
    """Wait until it is so, with a limit."""
    seen = None
    for _ in range(1_000):
        if (seen := await look()) == wanted:
            return
        await asyncio.sleep(0.005)
    assert wanted == seen


def test_a_stranger_at_the_running_application_is_401(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> list[int]:
        browser = Browser(t)
        given: list[Json] = [{}, {"authorization": "Bearer a.b.c"}, {"authorization": f"Bearer {teams.token()}"}]
        asked = [await browser.ask("POST", "/api/messages", json=teams.message("x"), headers=one) for one in given]
        await t.settle()
        return [answer.status_code for answer in asked]

    assert [401, 401, 200] == run(app, teams, script)


@pytest.mark.parametrize("fault", [Fault(503), Fault(200, wait=0.001, drip=3), Fault(0, wait=30.0)])
def test_metadata_that_is_down_useless_or_slow_shows_and_holds_nothing_up(
    app: App, teams: FakeTeams, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.platforms["teams"]._keys, "_fetched_by", 0.2)  # type: ignore[attr-defined]
    teams.metadata = fault

    async def script(t: Driver) -> Any:
        browser = Browser(t)
        first = await browser.levels()
        await until({"keys": "bad", "sign-in": "ok"}, browser.levels)
        asking = asyncio.ensure_future(browser.ask("POST", "/api/messages", json=teams.message("x"),
                                                   headers={"authorization": f"Bearer {teams.token()}"}))  # fmt: skip
        beside = [(await browser.ask("GET", "/healthz")).status_code, (await browser.ready())["ready"]]
        page = await browser.health_page()
        refused = (await asking).status_code
        teams.metadata = None
        await until({"keys": "ok", "sign-in": "ok"}, browser.levels)
        return first["keys"], beside, refused, page

    first, beside, refused, page = run(app, teams, script)
    assert first in {"note", "bad"}
    assert ([200, True], 503) == (beside, refused)
    assert "the signing keys cannot be fetched" in page
    assert "the endpoint answers 503 until the sign-in metadata can be read" in page


@pytest.mark.parametrize("fault", [Fault(503), Fault(0, wait=30.0)])
def test_a_sign_in_service_that_is_down_or_slow_shows_and_what_waits_is_sent_later(
    app: App, teams: FakeTeams, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.platforms["teams"]._tokens, "_signed_in_by", 0.2)  # type: ignore[attr-defined]
    teams.sign_in = fault

    async def script(t: Driver) -> Any:
        browser = Browser(t)
        answer = await t.send(teams.message("help"))
        down = await browser.levels()
        assert [] == teams.posted()
        teams.sign_in = None
        await until({"keys": "ok", "sign-in": "ok"}, browser.levels)
        await t.drain("delivery.send")
        return answer.status_code, down

    assert (200, {"keys": "ok", "sign-in": "bad"}) == run(app, teams, script)
    assert 1 == len(teams.posted())


def test_who_cannot_be_reached_is_named_on_the_health_page(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> tuple[str, str]:
        browser = Browser(t)
        await t.send(teams.message("help"))
        teams.faults.append(Fault(403, code="MessageWritesBlocked"))
        await t.send(teams.message("help"))
        blocked = await browser.health_page()
        await t.send(teams.message("help"))
        return blocked, await browser.health_page()

    blocked, later = run(app, teams, script)
    assert "1 cannot be reached: Dana Reyes (Teams answered 403 MessageWritesBlocked)" in blocked
    assert "cannot be reached" not in later


def test_the_desk_learns_in_the_tickets_thread_and_page_that_its_answer_did_not_arrive(
    app: App, teams: FakeTeams
) -> None:
    async def script(t: Driver) -> tuple[list[str], str]:
        browser = Browser(t)
        await t.send(teams.message("talk to a person"))
        await t.drain()
        desk = next(name for name, message in teams.messages.items() if "SEC-101 ·" in str(message))
        await t.send(teams.in_channel(teams.message("Which mail do you mean?", "sam.ortiz"), DESK, desk))
        teams.faults.append(Fault(403, code="MessageWritesBlocked"))
        await t.drain("delivery.send")
        await t.drain("desk.show")
        await browser.health_page()
        page = (await browser.ask("GET", "/console/tickets/SEC-101")).text
        return [words(card) for card in teams.cards(f"{DESK};messageid={desk}")], page

    thread, page = run(app, teams, script)
    assert (
        "Dana Reyes cannot be reached in their chat, and your last message did not get there. Ring them or write a mail. "
        "Teams answered 403 MessageWritesBlocked"
    ) == thread[-1]
    assert "Not delivered" in page
    assert [False] == [event.visible for event in app.tickets.timeline("SEC-101") if event.kind == "unreached"]


def test_a_desk_channel_that_takes_no_messages_is_bad(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        browser = Browser(t)
        await t.send(teams.message("talk to a person"))
        teams.faults.append(Fault(403, code="BotNotInConversationRoster"))
        with pytest.raises(Exception, match="BotNotInConversationRoster"):
            await t.drain("desk.show")
        refused = await browser.levels(), await browser.health_page()
        await t.drain("desk.show")
        return refused, (await browser.levels()).get("channels")

    (levels, page), after = run(app, teams, script)
    assert "bad" == levels["channels"]
    assert f"{DESK}: Teams answered 403 BotNotInConversationRoster" in page
    assert after is None
