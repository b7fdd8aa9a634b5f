"""Pages about partners: overview, report, review and dispute, with forms alone; hostile words stay words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
from icalendar import Calendar

from adapters.papers.pdf import pdf
from adapters.web.app import create_web
from adapters.web.partner_services import PartnerServices
from bot.app import partnering
from bot.content import Faults, packaged_shelf
from bot.helpdesk.sla import load_sla
from bot.model import Place
from bot.partners.chain import fault_of_file
from bot.turn import TicketRequest
from tests.fakes.paper_reader import pdf_text
from tests.fakes.web import Fixture
from tests.unit.test_web_security import csrf, signed_in

HOSTILE = '<script>alert(1)</script> "x" =1+1'
ONE = "/console/partners/brightwell"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    made.clock.at = 1_900_000_000.0
    sla = load_sla(packaged_shelf(), Faults())
    assert sla is not None
    contracts = {name: owed.contract for name, owed in sla.owners.items() if owed.contract}
    contents = Mock(partners=Mock(current=contracts), sla=Mock(current=sla))
    partners = partnering.make(
        made.db, made.vault, made.clock, contents, made.identities, lambda: made.org, made.chat_of, "http://d.example", made.work
    )  # fmt: skip
    made.services = replace(made.services, partners=PartnerServices(partners, pdf))
    made.app = create_web(made.services)
    yield made
    made.close()


def later(fixture: Fixture, seconds: float) -> None:
    fixture.clock.at = fixture.clock.now() + seconds


def broken(fixture: Fixture) -> str:
    """A ticket that the partner answered too late."""
    dana, sam = fixture.person("dana.reyes"), fixture.person("sam.ortiz")
    request = TicketRequest(dana.key, Place("", ""), "question", f"Held back {HOSTILE}", HOSTILE, "S3")
    number = fixture.work(lambda work: fixture.tickets.open(work, request)).number
    fixture.work(lambda work: fixture.tickets.hand_over(work, number, sam, "brightwell"))
    fixture.work(lambda work: fixture.tickets.wait(work, number, sam, "us", HOSTILE))
    later(fixture, 600)
    fixture.work(lambda work: fixture.tickets.carry_on(work, number, sam.key))
    later(fixture, 3600)
    fixture.work(lambda work: fixture.tickets.partner_said(work, number, sam.key, "Late"))
    return number


def press(browser: Any, path: str, page: str = ONE, event: str = "e1", **fields: str) -> str:
    """A form, and what the page that follows says."""
    answer = browser.post(path, data={"csrf": csrf(browser, page), "event": event, **fields})
    assert answer.status_code == 303, answer.text
    return str(browser.get(answer.headers["location"]).text)


def dispute(fixture: Fixture, browser: Any) -> str:
    number = broken(fixture)
    page = str(browser.get(ONE).text)
    name = page.split('name="breach" value="')[1].split('"', maxsplit=1)[0]
    return press(browser, f"{ONE}/dispute", ticket=number, breach=name)


def test_every_page_is_there_and_shows_no_markup_of_others(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    dispute(fixture, browser)
    press(browser, f"{ONE}/review/action", f"{ONE}/review", text=HOSTILE, owner=HOSTILE, day="2030-04-01")
    press(browser, f"{ONE}/review/minutes", f"{ONE}/review", event="e2", text=HOSTILE, day="2030-03-15")
    for path in ("/console/partners", ONE, f"{ONE}/report/2030-03", f"{ONE}/review", "/console/disputes/DIS-1"):
        answer = browser.get(path)
        assert (path, answer.status_code, "<script>alert" in answer.text) == (path, 200, False)
    assert "&lt;script&gt;" in browser.get("/console/disputes/DIS-1").text


def test_an_empty_month_says_no_tickets(fixture: Fixture) -> None:
    page = str(signed_in(fixture).get(f"{ONE}/report/2030-02").text)
    assert ("No tickets" in page, "100" in page.partition("<main")[2]) == (True, False)


def test_a_report_is_issued_once_and_is_the_same_as_pdf_and_json(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    broken(fixture)
    later(fixture, 20 * 86_400.0)
    browser = signed_in(fixture)
    page = press(browser, f"{ONE}/issue", month="2030-03")
    assert "The report for 2030-03 is issued" in page
    assert "was issued already" in press(browser, f"{ONE}/issue", event="e2", month="2030-03")
    data = browser.get(f"{ONE}/report/2030-03/pdf")
    text = pdf_text(data.content)
    body = json.loads(browser.get(f"{ONE}/report/2030-03/json").content)
    assert (data.headers["content-type"], body["sha256"][:20] in text.replace("\n", "")) == ("application/pdf", True)
    assert all(words in text for words in ("SEC-101", "S3 Answer", "Pauses that were claimed", "not met"))
    assert data.content == browser.get(f"{ONE}/report/2030-03/pdf").content
    with fixture.db.tx() as tx:
        tx.execute("UPDATE partner_report SET body = REPLACE(body, '\"kept\":0', '\"kept\":1')")
    assert "is not what was issued" in browser.get(f"{ONE}/report/2030-03").text


def test_the_calendar_file_has_its_zone_and_the_same_name_each_time(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    data = browser.get(f"{ONE}/review/ics").content
    assert data == browser.get(f"{ONE}/review/ics").content
    calendar = Calendar.from_ical(data)
    (event,) = cast(Any, calendar).walk("VEVENT")
    (zone,) = cast(Any, calendar).walk("VTIMEZONE")
    assert (calendar["METHOD"], event["UID"], zone["TZID"]) == (
        "PUBLISH",
        "review-brightwell-2030-04-15@secdesk",
        "Europe/London",
    )
    assert event.decoded("DTSTART").isoformat() == "2030-04-15T10:00:00+01:00"
    assert "Promises kept" in event["DESCRIPTION"]
    assert [str(who) for who in event["ATTENDEE"]] == [
        "mailto:ines.brandt@northwind.example",
        "mailto:sam.ortiz@northwind.example",
    ]


def test_a_dispute_is_led_by_the_contracts_owner_and_ends_in_files(fixture: Fixture) -> None:
    sam, ines, path = signed_in(fixture), signed_in(fixture, "ines.brandt"), "/console/disputes/DIS-1"
    assert "its evidence is frozen" in dispute(fixture, sam)
    assert "Only the owner of the contract" in sam.get(path).text
    assert "Only the owner of the contract" in press(sam, f"{path}/close", path, text="Settled")
    assert "is kept in the record" in press(sam, f"{path}/say", path, event="e2", kind="offer", text="Ten per cent")
    assert "a few words" in press(ines, f"{path}/step", path, to="executives", text="")
    assert "has gone on" in press(ines, f"{path}/step", path, event="e2", to="executives", text="On leave")
    assert "DIS-1 is closed" in press(ines, f"{path}/close", path, event="e3", text="Settled")
    assert fault_of_file(sam.get(f"{path}/json").content) == ""
    text = pdf_text(sam.get(f"{path}/pdf").content)
    assert all(words in text for words in ("Ten per cent", "skipped", "On leave", "it is whole", "Europe/London"))
    answer = sam.post(f"{path}/say", data={"csrf": csrf(sam, path), "event": "e9", "kind": "nonsense", "text": "x"})
    assert answer.status_code == 404


def test_an_action_is_verified_by_somebody_else(fixture: Fixture) -> None:
    sam, ines, review = signed_in(fixture), signed_in(fixture, "ines.brandt"), f"{ONE}/review"
    assert "like 2026-12-01" in press(sam, f"{review}/action", review, text="A list", owner="sam.ortiz", day="soon")
    press(sam, f"{review}/action", review, event="e2", text="A list", owner="sam.ortiz", day="2030-04-01")
    assert "This action is with Sam Ortiz" in press(ines, f"{review}/done", review, id="ACT-1", text="Seen")
    assert "somebody else looks" in press(sam, f"{review}/done", review, event="e3", id="ACT-1", text="Sent on Monday")
    assert "Somebody else has to verify" in press(sam, f"{review}/verify", review, event="e4", id="ACT-1")
    assert "review/verify" not in sam.get(review).text
    with fixture.db.tx() as tx:
        tx.execute("UPDATE partner_action SET partner = 'another'")
    token = csrf(ines, review)
    for verb in ("verify", "reject", "done", "drop"):
        answer = ines.post(f"{review}/{verb}", data={"csrf": token, "event": f"o-{verb}", "id": "ACT-1", "text": "x"})
        assert answer.status_code == 404  # of another partner
    with fixture.db.tx() as tx:
        tx.execute("UPDATE partner_action SET partner = 'brightwell'")
    page = press(ines, f"{review}/verify", review, event="e2", id="ACT-1")
    assert ("ACT-1 is verified" in page, "Verified by Ines Brandt" in page) == (True, True)


@pytest.mark.parametrize("path", [
    "/console/partners/nobody", f"{ONE}/report/2030-13", f"{ONE}/report/x", "/console/disputes/DIS-9",
    "/console/partners/nobody/review/ics",
])  # fmt: skip
def test_what_is_not_there_is_not_found(fixture: Fixture, path: str) -> None:
    assert signed_in(fixture).get(path).status_code == 404


def test_the_ticket_shows_who_has_it_and_both_clocks(fixture: Fixture) -> None:
    number = broken(fixture)
    page = str(signed_in(fixture).get(f"/console/tickets/{number}").text)
    assert "It is with <strong>Brightwell Managed Security</strong>" in page
    assert ("Brightwell Managed Security: Answer" in page, "Us: Solution" in page) == (True, True)
