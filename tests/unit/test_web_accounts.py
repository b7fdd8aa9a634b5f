"""At the ticket of an emergency: steps about an account in the console, and the second person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.web import web_place
from bot.turn import TicketRequest
from tests.fakes.web import Fixture
from tests.unit.test_web_security import csrf, signed_in


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def opened(fixture: Fixture, kind: str = "emergency") -> str:
    dana = fixture.person("dana.reyes")
    request = TicketRequest(dana.key, web_place(fixture.vault, dana.id), kind, "Typed a password", "x", "S3")
    return fixture.work(lambda work: fixture.tickets.open(work, request).number)


def post(browser: Any, number: str, verb: str, **fields: str) -> str:
    path = f"/console/tickets/{number}"
    data = {"csrf": csrf(browser, path), "event": f"{fields}", **fields}
    answer = browser.post(f"{path}/account/{verb}", data=data)
    assert answer.status_code == 303
    return str(browser.get(path).text)


def states(fixture: Fixture) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in fixture.db.query("SELECT kind, state FROM containment")]


def test_one_click_for_the_persons_own_account(fixture: Fixture) -> None:
    number, sam = opened(fixture), signed_in(fixture)
    page = post(sam, number, "ask", kind="revoke")
    assert ("It is being done now." in page, states(fixture)) == (True, [("revoke", "approved")])
    post(sam, number, "ask", kind="revoke")  # the same form again
    assert fixture.db.query("SELECT COUNT(*) AS n FROM outbox WHERE kind = 'desk.contain'")[0]["n"] == 1


def test_two_people_for_somebody_elses(fixture: Fixture) -> None:
    number, sam, ines = opened(fixture), signed_in(fixture), signed_in(fixture, "ines.brandt")
    page = post(sam, number, "ask", kind="block", who="clara.moreau@northwind.example", other="1")
    assert ("A second person has to approve it" in page, "Block sign-in of Clara Moreau" in page) == (True, True)
    assert 'value="approve"' not in page  # not for who asked
    step = fixture.db.query("SELECT id FROM containment")[0]["id"]
    assert "Somebody else has to approve it" in post(sam, number, "decide", step=step, do="approve")
    assert 'value="approve"' in str(ines.get(f"/console/tickets/{number}").text)
    post(ines, number, "decide", step=step, do="approve")
    assert states(fixture) == [("block", "approved")]


def test_refusing_and_what_is_not_there(fixture: Fixture) -> None:
    number, sam = opened(fixture), signed_in(fixture)
    post(sam, number, "ask", kind="unblock")
    step = fixture.db.query("SELECT id FROM containment")[0]["id"]
    assert "Refused." in post(sam, number, "decide", step=step, do="refuse")
    other = opened(fixture, "person")
    page = str(sam.get(f"/console/tickets/{other}").text)
    assert "Close all sessions" not in page
    token = csrf(sam, f"/console/tickets/{number}")
    for path, fields in (
        (f"{other}/account/ask", {"kind": "block"}),
        (f"{number}/account/ask", {"kind": "delete"}),
        (f"{number}/account/ask", {"kind": "block", "other": "1"}),
        (f"{other}/account/decide", {"step": step, "do": "approve"}),
    ):
        answer = sam.post(f"/console/tickets/{path}", data={"csrf": token, "event": path, **fields})
        assert answer.status_code == 404, path
    assert states(fixture) == [("unblock", "refused")]
