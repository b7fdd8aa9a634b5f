"""Every route of the application, every method, every role, and nobody: taken from the application's own routes.

A route that names no permission and is not in `PUBLIC` fails here. What is denied is really sent, with a good form, and has to
leave the database as it was. The API takes tokens (its own tests try each scope); here it is tried with a console's cookie.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from adapters.stores.open import open_db
from adapters.web.console import needed
from bot.app.contents import Contents
from bot.permissions import PERMISSIONS, ROLES, allowed
from tests.fakes.desk import House
from tests.fakes.web_roles import browser_of, form_of, signed_in_as, whole_app
from tests.warm import data_folder, loaded_once

CHAT, IN, MACHINES = "the local chat", "the way in or out", "machines ask this"
PUBLIC = {  # (path, method): why it asks for no role in the console
    ("/healthz", "GET"): MACHINES, ("/readyz", "GET"): MACHINES, ("/metrics", "GET"): MACHINES,
    ("/console/sign-in", "GET"): IN, ("/console/sign-in", "POST"): IN, ("/console/sign-in/out", "GET"): IN,
    ("/console/sign-out", "POST"): IN,
    ("/", "GET"): CHAT, ("/who", "POST"): CHAT, ("/leave", "POST"): CHAT, ("/chat", "GET"): CHAT, ("/chat/send", "POST"): CHAT,
    ("/chat/act", "POST"): CHAT, ("/chat/updates", "GET"): CHAT, ("/chat/file/{file}", "GET"): CHAT,
}  # fmt: skip
API = "/api/"
ACTIONS = {  # what must not move by accident: the permission of what weighs most
    "/console/tickets/{number}/{verb}": "work", "/console/mail/{sha256}/verdict": "work", "/console/mail/{sha256}/raw": "work",
    "/console/mail/{sha256}/decide": "approve", "/console/tickets/{number}/account/decide": "approve",
    "/console/nudges/campaigns/start": "send", "/console/people/one/decide": "people", "/console/codes/show": "work",
}  # fmt: skip
_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("permissions")
    cache = data_folder(request.config, folder) / "cache"
    contents: Contents = loaded_once(None, cache, lambda: datetime.now(UTC).date(), "words")
    made = House(folder, open_db("", folder), contents)
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def app(house: House) -> Starlette:
    return whole_app(house)


def routes(app: Starlette) -> list[tuple[Route, str]]:
    """Every (route, method) that answers."""
    found = [route for route in app.routes if not isinstance(route, Mount)]
    assert all(isinstance(route, Route) for route in found)
    return [
        (route, method)
        for route in found
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def guarded(app: Starlette) -> list[tuple[Route, str]]:
    """What the console's roles decide about."""
    return [(one, how) for one, how in routes(app) if (one.path, how) not in PUBLIC and not one.path.startswith(API)]


def filled(path: str, verb: str = "x") -> str:
    return _PARAM.sub("nothing-there", path.replace("{verb}", verb))


def paths(route: Route) -> list[tuple[str, str]]:
    """(an address, the permission it needs) for each verb of a route."""
    needs = route.needs  # type: ignore[attr-defined]
    verbs = list(needs) if isinstance(needs, Mapping) else ["x"]
    return [(filled(route.path, verb), needed(needs, {"verb": verb})) for verb in verbs]


def test_every_route_names_its_permission_or_is_public(app: Starlette) -> None:
    silent = [f"{method} {route.path}" for route, method in guarded(app) if not getattr(route, "needs", "")]
    assert silent == []
    assert ACTIONS == {
        route.path: route.needs  # type: ignore[attr-defined]
        for route, method in guarded(app)
        if method == "POST" and route.path in ACTIONS
    }
    there = {(route.path, method) for route, method in routes(app)}
    assert [where for where in PUBLIC if where not in there] == []
    assert [mount.path for mount in app.routes if isinstance(mount, Mount)] == ["/static"]


def test_nobody_gets_in_without_a_session(house: House, app: Starlette) -> None:
    browser, watch = browser_of(app), Watch(house)
    for route, method in guarded(app):
        for path, _ in paths(route):
            answer = browser.request(method, path, data={"csrf": "x"} if method != "GET" else None)
            assert (path, answer.status_code) in {(path, 303), (path, 401)}
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/console/sign-in?next=")
    assert not watch.changed()


def test_to_the_api_a_session_of_the_console_is_nothing(house: House, app: Starlette) -> None:
    browser, watch = signed_in_as(house, "admin", app=app), Watch(house)
    found = {
        (method, route.path): browser.request(method, filled(route.path)).status_code
        for route, method in routes(app) if route.path.startswith(API)
    }  # fmt: skip
    assert {code for (_, path), code in found.items() if not path.endswith((".json", "/docs"))} <= {401, 404, 405}
    assert not watch.changed()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_table_says(house: House, app: Starlette, role: str) -> None:
    browser = signed_in_as(house, role, app=app)
    form, watch, wrong, faults = form_of(browser), Watch(house), list[str](), list[str]()
    tried = {True: 0, False: 0}
    for route, method in guarded(app):
        for path, permission in paths(route):
            may = allowed({role}, permission)
            watch.changed()
            answer = browser.request(method, path, data=form if method != "GET" else None)
            denied = answer.status_code == 403
            tried[may] += 1
            if may == denied or (denied and watch.changed()):
                wrong.append(f"{method} {path}: {answer.status_code} for {role}")
            if answer.status_code >= 500:
                faults.append(f"{method} {path}: {answer.status_code}")
            if path == "/console/access/end":  # which signs out everywhere
                browser = signed_in_as(house, role, app=app)
                form = form_of(browser)
    assert (wrong, faults) == ([], [])
    assert tried[True] > 20
    assert (tried[False] > 0) == (role != "admin")


def test_every_role_has_something_and_admins_all() -> None:
    assert {role: sum(role in having for having in PERMISSIONS.values()) for role in ROLES} == {
        "viewer": 2, "analyst": 4, "author": 3, "approver": 4, "admin": len(PERMISSIONS),
    }  # fmt: skip
    with pytest.raises(KeyError):
        allowed({"admin"}, "anything")


class Watch:
    """Whether anything was committed since the last look, by whatever connection."""

    def __init__(self, house: House) -> None:
        file = next(Path(row["file"]) for row in house.db.query("PRAGMA database_list") if row["name"] == "main")
        self._connection = sqlite3.connect(file)
        self._last = self._version()

    def changed(self) -> bool:
        before, self._last = self._last, self._version()
        return before != self._last

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def test_the_watch_sees_a_change(house: House) -> None:
    watch = Watch(house)
    assert not watch.changed()
    house.app.work(lambda work: work.audit("secdesk", "test.change", "x"))
    assert (watch.changed(), watch.changed()) == (True, False)
