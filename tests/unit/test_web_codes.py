"""The page "On the phone": codes of people we ring, and of callers; shown once, to the right person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.model import Action
from bot.turn import Turn
from tests.fakes.web import Fixture
from tests.unit.test_web_console import open_ticket
from tests.unit.test_web_security import csrf, signed_in

CODE = re.compile(r"\b[a-z]{4}-[a-z]{4}\b")
PATH = "/console/codes"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def dana_asks(fixture: Fixture) -> str:
    """Her code."""
    dana, codes = fixture.person("dana.reyes"), fixture.services.codes
    assert codes
    place = fixture.chat_of(dana.key)
    assert place
    turn = Turn("e", dana, place, "", "en", fixture.clock.now(), {"helpdesk_phone": "1"}, Action("codes.mine"))
    effect = codes.respond(turn)
    assert effect
    return str(CODE.findall(str(fixture.work(effect)))[0])


def send(browser: Any, verb: str, **fields: str) -> Any:
    return browser.post(f"{PATH}/{verb}", data={"csrf": csrf(browser, PATH), "event": f"{fields}", **fields})


def test_the_code_of_somebody_we_ring_is_shown_to_one_analyst_who_asks(fixture: Fixture) -> None:
    code, sam, ines = dana_asks(fixture), signed_in(fixture), signed_in(fixture, "ines.brandt")
    page = str(sam.get(PATH).text)
    assert ("Dana Reyes" in page, code in page, 'href="tel:+442079460105"' in page) == (True, False, True)
    step = fixture.db.query("SELECT id FROM caller_code")[0]["id"]
    answer = send(sam, "show", step=step)
    assert (answer.status_code, code in answer.text, answer.headers["cache-control"]) == (200, True, "no-store")
    assert code not in str(sam.get(PATH).text)  # not on a page that is looked at again
    refused = send(ines, "show", step=step)
    assert (refused.status_code, code in str(ines.get(PATH).text)) == (303, False)
    assert "Sam Ortiz rings them" in str(ines.get(PATH).text)


def test_a_caller_is_checked_from_the_ticket_and_the_result_stands_there(fixture: Fixture) -> None:
    number, sam = open_ticket(fixture), signed_in(fixture)
    assert "Send a code to their chat" in str(sam.get(f"/console/tickets/{number}").text)
    assert send(sam, "check", who="dana.reyes", ticket=number).status_code == 303
    code = CODE.findall(str(fixture.db.query("SELECT card FROM delivery ORDER BY created_at DESC LIMIT 1")))[0]
    page = str(sam.get(PATH).text)
    assert ("Dana Reyes" in page, code in page) == (True, False)
    step = fixture.db.query("SELECT id FROM caller_code")[0]["id"]
    send(sam, "read", step=step, text="bobo-bibi")
    assert "That is not it." in str(sam.get(PATH).text)
    send(sam, "read", step=step, text=code)
    page = str(sam.get(PATH).text)
    assert "Right: whoever calls holds the chat of Dana Reyes. That is not enough for a reset" in page
    kinds = [event.kind for event in fixture.tickets.timeline(number)]
    assert kinds[-3:] == ["code_asked", "code_wrong", "code_right"]


def test_nobody_else_reads_it_in(fixture: Fixture) -> None:
    sam, ines = signed_in(fixture), signed_in(fixture, "ines.brandt")
    send(sam, "check", who="Dana Reyes")
    step = fixture.db.query("SELECT id FROM caller_code")[0]["id"]
    assert send(ines, "read", step=step, text="x").status_code == 404
    assert send(sam, "check", who="nobody").status_code == 303
    assert "I find nobody else" in str(sam.get(PATH).text)
