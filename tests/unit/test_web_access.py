"""The page of access: sessions and who looked at what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.web import Fixture
from tests.fakes.web_roles import form_of, signed_in_as
from tests.unit.test_web_console import open_ticket
from tests.unit.test_web_security import csrf, signed_in

FIREFOX = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def test_one_sees_where_one_is_signed_in_and_can_leave_one_place_or_all(fixture: Fixture) -> None:
    first, second, third = signed_in(fixture), signed_in(fixture), signed_in(fixture)
    page = first.get("/console/access").text
    ids = re.findall(r'name="session" value="([0-9a-f]+)"', page)
    assert (len(ids), "This one" in page) == (2, True)
    other = signed_in(fixture, "ines.brandt")
    assert other.post("/console/access/end", data={"csrf": csrf(other), "session": ids[0]}).status_code == 404
    assert first.post("/console/access/end", data={"csrf": csrf(first), "session": ids[0]}).status_code == 303
    codes = sorted(browser.get("/console/queue").status_code for browser in (second, third))
    assert ([first.get("/console/queue").status_code, *codes]) == [200, 200, 303]
    left = fixture.link()
    answer = first.post("/console/access/end", data={"csrf": csrf(first)})
    assert answer.headers["location"] == "/console/sign-in"
    assert [browser.get("/console/queue").status_code for browser in (first, second, third)] == [303, 303, 303]
    assert "We do not know this link" in fixture.client().get(left).text  # unused links are gone too
    assert other.get("/console/queue").status_code == 200


def test_an_administrator_signs_somebody_else_out_and_nobody_else_can(fixture: Fixture) -> None:
    ines = signed_in(fixture, "ines.brandt")
    admin, analyst = signed_in_as(fixture, "admin"), signed_in_as(fixture, "analyst")
    key = fixture.person("ines.brandt").key
    page = admin.get("/console/access").text
    assert f'name="person" value="{key}"' in page
    assert "Others who are signed in" not in analyst.get("/console/access").text
    assert analyst.post("/console/access/end-of", data=form_of(analyst) | {"person": key}).status_code == 403
    assert ines.get("/console/queue").status_code == 200
    assert admin.post("/console/access/end-of", data=form_of(admin) | {"person": key}).status_code == 303
    assert ines.get("/console/queue").status_code == 303
    assert "Ines Brandt is signed out everywhere" in admin.get("/console/access").text


def test_the_log_says_who_looked_at_whose_data_and_from_where(fixture: Fixture) -> None:
    number = open_ticket(fixture, "Secret subject")
    browser = fixture.client(**FIREFOX)
    browser.post("/console/sign-in", data={"token": fixture.link().partition("token=")[2]})
    browser.get(f"/console/tickets/{number}")
    page = browser.get("/console/access").text
    for words in (
        "Opened a ticket",
        "Dana Reyes",
        number,
        "Signed in",
        "Firefox Linux",
        "One-time link made in this name",
    ):
        assert words in page
    assert "Secret subject" not in page
    assert "127.0.0.1" not in page
    assert "Opened a ticket" not in browser.get("/console/access?state=in").text
    assert "Firefox Linux</td>" not in browser.get("/console/access?state=looked").text.partition("<h2>Who came in")[2]
    somebody = fixture.person("ines.brandt").key
    assert "Nothing here yet" in browser.get(f"/console/access?who={somebody}").text


def test_the_log_goes_back_page_by_page(fixture: Fixture) -> None:
    sam = fixture.person("sam.ortiz").key
    for n in range(130):
        fixture.work(lambda work, n=n: work.audit(sam, "ticket.read", f"SEC-{n}"))
    browser = signed_in(fixture)
    first = browser.get("/console/access?state=looked").text
    older = re.search(r'href="(/console/access\?state=looked&amp;before=\d+)"', first)
    assert older is not None
    second = browser.get(older[1].replace("&amp;", "&")).text
    shown = [re.findall(r">(SEC-\d+)</a>", page) for page in (first, second)]
    assert [number for page in shown for number in page] == [f"SEC-{n}" for n in reversed(range(130))]


def test_the_log_asks_no_more_of_the_database_with_more_lines(
    fixture: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam, asked, query = fixture.person("sam.ortiz").key, list[str](), fixture.db.query

    def counted(sql: str, **params: Any) -> Any:
        asked.append(sql)
        return query(sql, **params)

    def asked_for(*numbers: str) -> int:
        for number in numbers:
            fixture.work(lambda work, number=number: work.audit(sam, "ticket.read", number))
        asked.clear()
        page = browser.get("/console/access?state=looked").text
        assert all(number in page for number in numbers)
        assert "Dana Reyes" in page
        return len([sql for sql in asked if "ticket" in sql])

    browser, numbers = signed_in(fixture), [open_ticket(fixture, f"Number {n}") for n in range(4)]
    monkeypatch.setattr(fixture.db, "query", counted)
    assert asked_for(numbers[0]) == asked_for(*numbers[1:])
