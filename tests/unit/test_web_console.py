"""The console: queue, ticket, and the other pages, as an analyst uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.web import web_place
from bot.health import Check, Health
from bot.model import Severity
from bot.turn import TicketRequest, Work
from tests.fakes import mail_desk
from tests.fakes.web import Fixture, fill
from tests.unit.test_web_security import csrf, signed_in


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def open_ticket(
    fixture: Fixture, subject: str = "Help", severity: Severity = "S1", who: str = "dana.reyes", page: str = ""
) -> str:
    person = fixture.person(who)
    place = web_place(fixture.vault, person.id)
    request = TicketRequest(person.key, place, "person", subject, f"{subject}: the words", severity, page=page)

    def run(work: Work) -> str:
        return fixture.tickets.open(work, request).number

    return fixture.work(run)


def act(browser: Any, number: str, verb: str, event: str = "", **fields: str) -> Any:
    """Press a button of the ticket's page, and look at the page that follows."""
    token = csrf(browser, f"/console/tickets/{number}")
    data = {"csrf": token, "event": event or f"event-{verb}-{fields}", **fields}
    answer = browser.post(f"/console/tickets/{number}/{verb}", data=data)
    assert answer.status_code == 303
    return browser.get(answer.headers["location"])


def dana_sees(fixture: Fixture) -> str:
    browser = fixture.client()
    browser.post("/who", data={"person": "dana.reyes"})
    return str(browser.get("/chat").text)


def subjects(page: str) -> list[str]:
    return re.findall(r"<strong dir=\"auto\">([^<]*)</strong>", page)


# the queue ------------------------------------------------------------------------------------------------------------


def test_the_queue_is_sorted_by_the_next_breach(fixture: Fixture, sam: Any) -> None:
    order: list[tuple[str, Severity]] = [("Low", "S0"), ("Emergency", "S3"), ("Normal", "S1"), ("Urgent", "S2")]
    for subject, severity in order:
        open_ticket(fixture, subject, severity)
    assert subjects(sam.get("/console/queue").text) == ["Emergency", "Urgent", "Normal", "Low"]


def test_a_row_says_severity_age_and_due_in_words(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture, "Help", "S2")
    assert fixture.clock.at is not None
    fixture.clock.at += 600
    row = sam.get("/console/queue").text
    for words in ("Urgent", "SEC-101", "Dana Reyes", "10 min old", "answer in 20 min", "Nobody yet"):
        assert words in row
    fixture.clock.at += 3600
    assert "answer 40 min late" in sam.get("/console/queue").text


def test_filters_by_state_and_by_owner(fixture: Fixture, sam: Any) -> None:
    for subject in ("Waiting one", "Mine", "Closed one"):
        open_ticket(fixture, subject)
    act(sam, "SEC-102", "claim")
    act(sam, "SEC-103", "resolve", text="")
    expected = {"": ["Mine", "Waiting one"], "?state=open": ["Waiting one"], "?state=claimed": ["Mine"]}
    expected |= {"?state=resolved": ["Closed one"], "?mine=1": ["Mine"], "?state=nonsense": ["Mine", "Waiting one"]}
    for query, found in expected.items():
        assert sorted(subjects(sam.get(f"/console/queue{query}").text)) == found


def test_empty_queues_say_what_to_do(sam: Any) -> None:
    assert "New tickets appear here by themselves" in sam.get("/console/queue").text
    assert "claim the first one" in sam.get("/console/queue?mine=1").text
    assert "can be opened again" in sam.get("/console/queue?state=resolved").text


def test_the_live_update_sends_rows_only_when_they_changed(fixture: Fixture, sam: Any) -> None:
    mark = re.findall(r'data-mark="([0-9a-f]+)"', sam.get("/console/queue").text)[0]
    assert sam.get(f"/console/queue/rows?mark={mark}").status_code == 204
    open_ticket(fixture, "Fresh")
    fresh = sam.get(f"/console/queue/rows?mark={mark}")
    assert (fresh.status_code, "Fresh" in fresh.text, "<html" in fresh.text) == (200, True, False)
    assert sam.get(f"/console/queue/rows?mark={fresh.headers['x-mark']}").status_code == 204


@pytest.mark.parametrize("wanted", ["SEC-101", "sec-101", "101", " #101 "])
def test_a_ticket_is_found_by_its_number(fixture: Fixture, sam: Any, wanted: str) -> None:
    open_ticket(fixture)
    answer = sam.get("/console/find", params={"q": wanted})
    assert answer.headers["location"] == "/console/tickets/SEC-101"


def test_what_is_nowhere_says_how_to_search(sam: Any) -> None:
    answer = sam.get("/console/find", params={"q": "<b>999"})
    assert (200, True) == (answer.status_code, "Nothing found for “&lt;b&gt;999”" in answer.text)


def test_lists_show_the_role_of_somebody_discreet_and_the_ticket_the_name(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture, "A contract", who="tom.whitaker")
    open_ticket(fixture, "A file")
    queue = sam.get("/console/queue").text
    assert ("HR and legal" in queue, "Tom Whitaker" in queue, "Dana Reyes" in queue) == (True, False, True)
    found = sam.get("/console/find", params={"q": "contract"})
    assert "Tom Whitaker" not in found.text
    assert fixture.db.query("SELECT * FROM audit WHERE action = 'ticket.read'") == []
    assert "Tom Whitaker" in sam.get("/console/tickets/SEC-101").text
    rows = fixture.db.query("SELECT subject FROM audit WHERE action = 'ticket.read'")
    assert [row["subject"] for row in rows] == ["SEC-101"]


def test_a_wave_is_seen_in_the_queue(fixture: Fixture, sam: Any) -> None:
    person = fixture.person("dana.reyes")
    for subject, reporters in (("One", ["dana.reyes"]), ("Many", ["dana.reyes", "ama.mensah", "tom.whitaker"])):
        request = TicketRequest(person.key, web_place(fixture.vault, person.id), "report", subject, subject, "S1")
        number = fixture.work(lambda work, request=request: fixture.tickets.open(work, request).number)  # type: ignore[misc]
        mail_desk.add_mail(fixture, reporters, number, {}, mail_desk.HOSTILE.replace(b"full", subject.encode()))
    page = sam.get("/console/queue").text
    assert re.findall(r"reports: \d+", page) == ["reports: 3"]


# a ticket -------------------------------------------------------------------------------------------------------------


def test_claim_reply_note_resolve_and_reopen(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    assert "SEC-101 is yours." in act(sam, "SEC-101", "claim").text
    assert "goes out in 10 seconds" in act(sam, "SEC-101", "reply", text="Change your password now.").text
    fixture.wait()
    assert "The note is kept" in act(sam, "SEC-101", "note", text="Seems harmless to me.").text
    assert "SEC-101 is closed" in act(sam, "SEC-101", "resolve", text="All good.").text
    assert "open again" in act(sam, "SEC-101", "reopen").text
    kinds = [event.kind for event in fixture.tickets.timeline("SEC-101")]
    assert kinds == ["opened", "claimed", "reply", "note", "resolved", "reopened"]
    seen = dana_sees(fixture)
    for words in ("Sam Ortiz has your ticket SEC-101 now", "Change your password now.", "All good.", "is open again"):
        assert words in seen
    assert "Seems harmless to me." not in seen


def test_a_note_looks_unlike_a_reply_in_three_ways(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    act(sam, "SEC-101", "reply", text="To you")
    fixture.wait()
    page = act(sam, "SEC-101", "note", text="To us").text
    note = re.findall(r'<li class="note">.*?</li>', page, flags=re.DOTALL)[0]
    reply = re.findall(r'<li class="reply">.*?</li>', page, flags=re.DOTALL)[0]
    assert ("Internal note" in note, "Only the desk sees this" in note) == (True, True)
    assert ("The person sees this" in reply, "Only the desk" in reply) == (True, False)
    icons = [re.findall(r"<path d='([^']+)'", part)[0] for part in (note, reply)]
    assert icons[0] != icons[1]


def test_what_the_person_sees_is_what_they_got(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    act(sam, "SEC-101", "note", text="Only us")
    act(sam, "SEC-101", "reply", text="For you")
    fixture.wait()
    page = sam.get("/console/tickets/SEC-101?view=person").text
    shown = page[page.index("messages preview") : page.index('class="write"')]
    assert ("Help: the words" in shown, "For you" in shown, "Only us" in shown) == (True, True, False)
    assert shown.count("<button") == shown.count("disabled>")


def test_pressing_twice_says_it_once(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    for _ in range(2):
        act(sam, "SEC-101", "reply", event="the-same-form", text="Once")
    fixture.wait()
    assert [event.text for event in fixture.tickets.timeline("SEC-101") if event.kind == "reply"] == ["Once"]


def test_the_second_to_claim_is_told_who_was_first(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    act(sam, "SEC-101", "claim")
    ines = signed_in(fixture, "ines.brandt")
    page = act(ines, "SEC-101", "claim").text
    assert ("Sam Ortiz has SEC-101 already." in page, 'role="alert"' in page) == (True, True)


def test_severity_is_set_and_moves_the_ticket(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture, "First", "S1")
    open_ticket(fixture, "Second", "S0")
    assert "Severity set" in act(sam, "SEC-102", "severity", severity="S3").text
    assert subjects(sam.get("/console/queue").text) == ["Second", "First"]
    assert "Choose one of the four" in act(sam, "SEC-102", "severity", severity="S9").text


def test_put_back_makes_it_free(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    act(sam, "SEC-101", "claim")
    assert "back in the queue" in act(sam, "SEC-101", "release").text
    assert fixture.tickets.get("SEC-101").state == "open"


@pytest.mark.parametrize(("text", "words"), [("", "There was no text"), ("x" * 4001, "longer than 4000 characters")])
def test_an_empty_or_endless_reply_is_refused_in_words(fixture: Fixture, sam: Any, text: str, words: str) -> None:
    open_ticket(fixture)
    assert words in act(sam, "SEC-101", "reply", text=text).text
    assert [event.kind for event in fixture.tickets.timeline("SEC-101")] == ["opened"]


def test_a_pasted_secret_is_taken_out_of_what_analysts_type(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    object.__setattr__(fixture.services, "redact", lambda text: text.replace("hunter2", "[removed: password]"))
    page = act(sam, "SEC-101", "note", text="it was hunter2").text
    assert ("hunter2" in page, "[removed: password]" in page) == (False, True)


def test_what_is_not_there_is_said_in_words(fixture: Fixture, sam: Any) -> None:
    assert sam.get("/console/tickets/SEC-999").status_code == 404
    open_ticket(fixture)
    token = csrf(sam)
    assert sam.post("/console/tickets/SEC-101/delete", data={"csrf": token}).status_code == 404
    assert sam.post("/console/pages/acknowledge", data={"csrf": token, "key": "x"}).status_code == 404


def test_opening_a_ticket_is_in_the_audit_log_once_a_session(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    for _ in range(3):
        sam.get("/console/tickets/SEC-101")
    actions = [row["action"] for row in fixture.console.audit_tail(50)]
    assert actions.count("ticket.read") == 1
    assert fixture.audit.verify(fixture.db).ok


def test_hostile_fields_are_shown_as_text(fixture: Fixture, sam: Any) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202efdp.exe'
    open_ticket(fixture, hostile)
    act(sam, "SEC-101", "note", text=hostile)
    for page in ("/console/queue", "/console/tickets/SEC-101", "/console/tickets/SEC-101?view=person"):
        text = sam.get(page).text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "[U+202E]" in text


# the other pages ------------------------------------------------------------------------------------------------------


def test_a_call_waits_on_every_page_until_somebody_has_it(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture, "Trouble", "S3", page="Password typed. Reported by Dana Reyes.")
    assert "Calls that nobody has answered: 1." in sam.get("/console/queue").text
    page = sam.get("/console/pages").text
    key = re.findall(r'name="key" value="([^"]+)"', page)[0]
    token = csrf(sam)
    answers = []
    for _ in range(2):
        sam.post("/console/pages/acknowledge", data={"csrf": token, "key": key})
        answers.append(sam.get("/console/pages").text)
    assert ["The call for SEC-101 is yours." in answers[0], "answered this call already" in answers[1]] == [True, True]
    assert "Calls that nobody has answered" not in sam.get("/console/queue").text
    assert "acknowledged" in [event.kind for event in fixture.tickets.timeline("SEC-101")]


def test_each_page_says_what_to_do_while_it_is_empty(sam: Any) -> None:
    for page, words in (("mail", "send an .eml file in the web chat"), ("pages", "When an emergency comes in"),
                        ("knowledge", "Every file is in order"), ("nudges", "Publish a lesson"),
                        ("audit", "The chain is whole"), ("health", "No job has failed")):  # fmt: skip
        assert words in sam.get(f"/console/{page}").text


def test_full_pages_show_what_they_are_for(fixture: Fixture, sam: Any) -> None:
    fill(fixture)
    sam = signed_in(fixture)
    expected = {
        "mail": ["Likely phishing", "Reported mail: Your mailbox is full", "SEC-103"],
        "mail?state=judged": ["No mail here"],
        "tickets/SEC-103": ["Signs seen", "act within the hour", "Could not be checked: attachments."],
        "tickets/SEC-103?view=person": [
            "box@other[.]example",
            "shows “northwind.example”, goes to hxxps://nοrthwind-login[.]example/a",
            "invoice‹U+202E›fdp.exe (program, 70.0 kB): disguised",
            "Look at the mail",
        ],
        "knowledge": ["knowledge/answers/public-wifi.yaml:12:3", "check its spelling", "last good version in use",
                      "Overdue", "the review was due on 2026-11-01"],
        "nudges": ["Ruth Adeyemi", "A sign-in prompt you did not start", "First lesson of the year"],
        "audit": ["ticket.open", "kind: emergency, severity: S3", "Dana Reyes"],
        "health": ["Secdesk is ready", "no phone rings: somebody must watch the console"],
    }  # fmt: skip
    for page, words in expected.items():
        text = sam.get(f"/console/{page}").text
        assert [word for word in words if word not in text] == []


def test_a_broken_chain_is_loud(fixture: Fixture, sam: Any) -> None:
    with fixture.db.tx() as tx:
        tx.execute("UPDATE audit SET action = 'nothing.happened' WHERE seq = 1")
    page = sam.get("/console/audit").text
    assert ("The chain is broken at row 1" in page, 'role="alert"' in page) == (True, True)


def test_a_long_chain_is_checked_when_somebody_asks(
    fixture: Fixture, sam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.console_pages.CHECKED", 1)
    open_ticket(fixture)
    page = sam.get("/console/audit").text
    assert "The chain is whole" not in page
    assert 'href="/console/audit?check=1"' in page
    assert "The chain is whole" in sam.get("/console/audit?check=1").text


def test_what_is_not_ready_is_loud(fixture: Fixture, sam: Any) -> None:
    fixture.health = Health((Check("jobs", "bad", "the engine stopped", "start Secdesk again"),), ready=False)
    page = sam.get("/console/health").text
    assert ("Secdesk is not ready" in page, "start Secdesk again" in page) == (True, True)


def test_the_page_says_which_one_it_is(sam: Any) -> None:
    for page in ("queue", "mail", "pages", "knowledge", "nudges", "audit", "health"):
        text = sam.get(f"/console/{page}").text
        assert text.count('aria-current="page"') == 1
        assert f'href="/console/{page}" aria-current="page"' in text


def test_a_message_is_shown_once(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    assert "is yours" in act(sam, "SEC-101", "claim").text
    assert "is yours" not in sam.get("/console/tickets/SEC-101").text


def test_a_forgotten_person_is_a_pseudonym(fixture: Fixture, sam: Any) -> None:
    open_ticket(fixture)
    dana = fixture.person("dana.reyes")
    with fixture.db.tx() as tx:
        fixture.identities.drop(tx, replace(dana))
    text = sam.get("/console/tickets/SEC-101").text
    assert ("Dana" in text, dana.key in text) == (False, True)
