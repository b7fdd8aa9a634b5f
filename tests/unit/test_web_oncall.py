"""The page "On call": who is called now and next, duty that changes hands, calls answered by one tap or two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.web import Fixture
from tests.unit.test_web_console import open_ticket
from tests.unit.test_web_security import csrf, signed_in


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def press(browser: Any, path: str, event: str = "e1", **fields: str) -> str:
    data = {"csrf": csrf(browser, "/console/oncall"), "event": event, **fields}
    answer = browser.post(f"/console/oncall/{path}", data=data)
    assert answer.status_code == 303
    return str(browser.get("/console/oncall").text)


def duty(fixture: Fixture) -> str:
    return fixture.oncall.on_duty(fixture.clock.now())[0]


def call(fixture: Fixture) -> str:
    open_ticket(fixture, page="A password was typed.", severity="S3")
    return str(fixture.db.query("SELECT key FROM page")[0]["key"])


def taps(page: str, label: str) -> int:
    """How many taps a control is away: one more for each folded part around it."""
    at = page.index(f">{label}<")
    return 1 + page[:at].count("<details") - page[:at].count("</details>")


def test_it_shows_who_is_called_now_and_next_with_their_numbers(fixture: Fixture) -> None:
    page = str(signed_in(fixture).get("/console/oncall").text)
    order = [page.index(name) for name in ("<strong>Sam Ortiz", "<strong>Ines Brandt", "<strong>Ruth Adeyemi")]
    assert order == sorted(order)
    assert 'href="tel:+442079460109"' in page
    assert re.search(r"Until .*\.", page)
    assert page.count("<strong>Sam Ortiz</strong><br><time") == 1  # the same person's weeks are one line


def test_whoever_is_on_duty_hands_it_on_and_the_next_is_told(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    page = press(browser, "hand", to="ines.brandt")
    assert "Ines Brandt is on call from now, and has been told." in page
    assert duty(fixture) == "ines.brandt"
    told = fixture.db.query("SELECT card FROM delivery")[0]["card"]
    assert "Sam Ortiz has handed it to you." in told
    assert "Hand over" not in page  # it is not hers to give any more
    assert fixture.db.query("SELECT COUNT(*) AS n FROM audit WHERE action = 'duty.hand_over'")[0]["n"] == 1


@pytest.mark.parametrize("to", ["dana.reyes", "nobody", "sam.ortiz", ""])
def test_duty_goes_to_people_of_the_desk_only(fixture: Fixture, to: str) -> None:
    page = press(signed_in(fixture), "hand", to=to)
    assert "There is nobody else" in page
    assert (duty(fixture), fixture.db.query("SELECT COUNT(*) AS n FROM duty")[0]["n"]) == ("sam.ortiz", 0)


def test_somebody_of_the_desk_takes_over_and_who_had_it_hears_so(fixture: Fixture) -> None:
    sam, ines = signed_in(fixture), signed_in(fixture, "ines.brandt")
    press(sam, "take")  # has it already
    assert fixture.db.query("SELECT COUNT(*) AS n FROM duty")[0]["n"] == 0
    fixture.services.duty.shift({}) if fixture.services.duty else None
    press(ines, "hand", to="dana.reyes")
    assert duty(fixture) == "sam.ortiz"
    page = press(ines, "take", "e2")
    assert ("You are on call from now." in page, duty(fixture)) == (True, "ines.brandt")
    assert "Ines Brandt has taken your duty over." in fixture.db.query("SELECT card FROM delivery")[0]["card"]


def test_a_call_is_taken_by_one_tap_and_closed_as_nothing_by_two(fixture: Fixture) -> None:
    key = call(fixture)
    browser = signed_in(fixture)
    page = str(browser.get("/console/oncall").text)
    assert [taps(page, label) for label in ("I have it", "Call the next", "Yes, close it")] == [1, 1, 2]
    page = press(browser, "call/ack", key=key)
    assert ("You have it. SEC-101" in page, "A password was typed." in page) == (True, False)
    row = fixture.db.query("SELECT acknowledged_by, outcome FROM page")[0]
    assert (row["acknowledged_by"], row["outcome"]) == (fixture.person("sam.ortiz").key, "acknowledged")


def test_the_next_is_called_at_once(fixture: Fixture) -> None:
    page = press(signed_in(fixture), "call/pass", key=call(fixture))
    assert "Ines Brandt is being called now." in page
    jobs = [row["payload"] for row in fixture.db.query("SELECT payload FROM outbox WHERE kind = 'oncall.chase'")]
    assert any('"second"' in job for job in jobs)


def test_a_false_alarm_closes_kindly_and_once(fixture: Fixture) -> None:
    key, browser = call(fixture), signed_in(fixture)
    press(browser, "call/false", key=key)
    press(browser, "call/false", key=key)  # the same form again
    assert fixture.tickets.get("SEC-101").state == "resolved"
    told = [row["card"] for row in fixture.db.query("SELECT card FROM delivery")]
    assert sum("Telling us was right" in card for card in told) == 1
    assert fixture.db.query("SELECT outcome FROM page")[0]["outcome"] == "false_alarm"


@pytest.mark.parametrize("path", ["call/ack", "call/nonsense", "call/false"])
def test_what_is_not_there_is_not_found(fixture: Fixture, path: str) -> None:
    browser = signed_in(fixture)
    data = {"csrf": csrf(browser, "/console/oncall"), "event": "e", "key": "page:SEC-9:x"}
    assert browser.post(f"/console/oncall/{path}", data=data).status_code == 404


def test_nobody_on_call_is_said(fixture: Fixture) -> None:
    fixture.oncall._rota = lambda: None
    page = str(signed_in(fixture).get("/console/oncall").text)
    assert "Nobody is on call" in page
