"""A browser that is signed in with the console roles a test wants, and the whole application over a whole desk."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapters.stores.sessions import NewSession
from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from adapters.web.sessions import COOKIE, digest_of
from bot.app.wiring import web_services
from tests.fakes.desk import House
from tests.fakes.web import Fixture

URL = "http://127.0.0.1:8765"


def whole_app(house: House) -> Starlette:
    """The web application with every page that the program has."""

    async def run(work: Callable[[], Any]) -> Any:
        return work()

    edge, jobs = SimpleNamespace(handle=None, run=run), SimpleNamespace(state=lambda: ("running", ""))
    return create_web(web_services(house.app, edge, Metrics(), jobs))  # type: ignore[arg-type]


def browser_of(app: Starlette) -> TestClient:
    headers = {"origin": URL, "sec-fetch-site": "same-origin"}
    return TestClient(app, base_url=URL, headers=headers, follow_redirects=False, client=("127.0.0.1", 50000))


def signed_in_as(
    desk: Fixture | House, *roles: str, who: str = "sam.ortiz", app: Starlette | None = None
) -> TestClient:
    """A browser of `who` in a session whose provider said just these roles."""
    ours: Any = desk.app if isinstance(desk, House) else desk
    token = secrets.token_urlsafe(16)
    digest = digest_of(ours.vault, "session", token)
    person = desk.person(who)

    def begin(work: Any) -> None:
        met = ours.identities.meet(work.tx, person, work.at)
        until = work.at + 8 * 3600
        new = NewSession(digest, secrets.token_hex(4), met.key, work.at, until, "oidc", json.dumps(sorted(roles)))
        ours.sessions.begin(work.tx, new)

    ours.work(begin)
    browser = browser_of(app or ours.app)
    browser.cookies.set(COOKIE, token, domain="127.0.0.1", path="/console")
    return browser


def form_of(browser: TestClient, page: str = "/console/health") -> dict[str, str]:
    """What every form of a session carries."""
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(page).text)
    assert found is not None
    return {"csrf": found[1], "event": secrets.token_hex(6)}
