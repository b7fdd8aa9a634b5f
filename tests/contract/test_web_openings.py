"""What only who is written down may see: each opening is in the audit log, and what cannot be written down stays shut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.web.console import _NAVIGATION, Guarded
from bot.app.contents import Contents
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, MAIL, FailingDb, House
from tests.fakes.web_roles import browser_of, signed_in_as, whole_app

contents, home = fakes.contents, fakes.home
PERSON = f"/console/people/one?who={DANA}"
SHUT = "Not shown, since it could not be written down"


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, FailingDb(db), contents)
    yield made
    made.close()


@pytest.fixture
def sam(house: House) -> Any:
    return signed_in_as(house, "analyst", app=whole_app(house))


def openings(house: House) -> list[tuple[str, str]]:
    rows = house.db.query(
        "SELECT action, subject FROM audit WHERE action IN ('people.opened', 'report.opened') ORDER BY seq"
    )
    return [(row["action"], row["subject"]) for row in rows]


def reported(house: House) -> str:
    house.send(DANA, MAIL)
    return f"/console/mail/{house.db.query('SELECT sha256 FROM mail')[0]['sha256']}"


def test_each_opening_is_a_line_even_of_somebody_who_has_never_been_met(house: House, sam: Any) -> None:
    assert house.app.identities.known_key(house.person(DANA)) == ""
    for _ in range(2):
        assert sam.get(PERSON).status_code == 200
    assert [("people.opened", house.key(DANA))] * 2 == openings(house)
    mail = reported(house)
    assert sam.get(mail).status_code == 200
    assert ("report.opened", "SEC-101") == openings(house)[-1]


def test_a_store_that_takes_nothing_keeps_them_shut_and_says_so(house: House, sam: Any) -> None:
    mail = reported(house)
    ours: Any = house.db
    ours.read_only = True
    for path in (PERSON, mail, f"{mail}/frame?tab=text"):
        answer = sam.get(path)
        assert (path, 503, True) == (path, answer.status_code, SHUT in answer.text)
        assert "Dana Reyes" not in answer.text
    for path in ("/console/queue", "/console/health", "/console/mail", "/console/people", "/console/tickets/SEC-101"):
        assert (path, 200) == (path, sam.get(path).status_code)
    ours.read_only = False
    assert [] == openings(house)
    assert sam.get(PERSON).status_code == 200


def test_the_navigation_offers_what_the_routes_let_in_and_nothing_else(house: House) -> None:
    app = whole_app(house)
    there = {route.path for route in app.routes if isinstance(route, Guarded)}
    assert ["/trackers"] == [path for path, _, _ in _NAVIGATION if f"/console{path}" not in there]  # none is set up
    for role in ("viewer", "analyst", "author", "approver", "admin"):
        browser = signed_in_as(house, role, app=app)
        page = browser.get("/console/queue").text
        offered = {path for path, _, _ in _NAVIGATION if f'<li><a href="/console{path}"' in page}
        let_in = {path for path, _, _ in _NAVIGATION if browser.get(f"/console{path}").status_code == 200}
        assert (role, let_in) == (role, offered)
    assert browser_of(app).get("/console/people").status_code == 303
