"""The console's queue as it is sorted: search, filters, views, many at once and back, and what a ticket's page can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.web import web_place
from bot.helpdesk.triage import Filter
from bot.model import Severity
from bot.turn import TicketRequest
from tests.fakes.web import Fixture
from tests.unit.test_web_security import signed_in


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def opened(fixture: Fixture, subject: str, severity: Severity = "S1", who: str = "dana.reyes") -> str:
    person = fixture.person(who)
    request = TicketRequest(person.key, web_place(fixture.vault, person.id), "person", subject, subject, severity)
    return fixture.work(lambda work: fixture.tickets.open(work, request)).number


def subjects(page: str) -> list[str]:
    return re.findall(r'<strong dir="auto">([^<]+)</strong>', page)


def send(client: Any, page: str, path: str, **fields: str) -> Any:
    """Send a form of a page, as a browser does, and follow."""
    text = client.get(page).text
    hidden = {name: re.findall(rf'name="{name}" value="([^"]+)"', text)[0] for name in ("csrf", "event")}
    done = client.post(path, data={**hidden, **fields})
    assert done.status_code == 303, done.text
    return client.get(done.headers["location"])


def test_the_queue_is_searched_and_filtered(fixture: Fixture, sam: Any) -> None:
    opened(fixture, "Invoice from Contoso", "S2")
    opened(fixture, "Odd laptop", who="jonas.keller")
    assert subjects(sam.get("/console/queue?q=contoso").text) == ["Invoice from Contoso"]
    assert subjects(sam.get("/console/queue?entity=de").text) == ["Odd laptop"]
    assert subjects(sam.get("/console/queue?severity=S2&q=laptop").text) == []
    assert "&lt;script&gt;" in sam.get("/console/queue?q=<script>").text
    rows = re.findall(r'data-source="([^"]+)"', sam.get("/console/queue?q=contoso&severity=S2").text)[0]
    assert subjects(sam.get(rows.replace("&amp;", "&")).text) == ["Invoice from Contoso"]


def test_a_view_is_saved_used_and_deleted(fixture: Fixture, sam: Any) -> None:
    opened(fixture, "Urgent", "S2")
    opened(fixture, "Slow", "S0")
    page = send(sam, "/console/queue?severity=S2", "/console/queue/views", name="Soon", filter='{"severity": "S2"}')
    assert "The view Soon is saved." in page.text
    link = re.findall(r'href="(/console/queue\?[^"]+)" dir="auto">Soon', page.text)[0]
    assert subjects(sam.get(link.replace("&amp;", "&")).text) == ["Urgent"]
    assert fixture.services.triage is not None
    ((id_, _, wanted),) = fixture.services.triage.views(fixture.person("sam.ortiz"))
    assert wanted == Filter(severity="S2")
    assert "The view is deleted." in send(sam, "/console/queue", "/console/queue/views/drop", id=id_).text


def test_many_are_changed_at_once_and_back(fixture: Fixture, sam: Any) -> None:
    numbers = [opened(fixture, f"Ticket {n}") for n in range(3)]
    page = sam.get("/console/queue?select=1").text
    assert page.count('form="many"') == 3
    assert "data-source" not in page  # nothing is pulled from under the ticks
    ticked = {f"n-{number}": "on" for number in numbers[:2]}
    done = send(sam, "/console/queue?select=1", "/console/queue/many", what="assign", value="ines.brandt", **ticked)
    assert "Done for 2 tickets." in done.text
    ines = fixture.person("ines.brandt").key
    assert [fixture.tickets.get(number).assignee for number in numbers] == [ines, ines, ""]
    undo = re.findall(r'name="id" value="([0-9a-f]{32})"', done.text)[0]
    assert "Taken back for 2 tickets." in send(sam, "/console/queue", "/console/queue/undo", id=undo).text
    assert {fixture.tickets.get(number).assignee for number in numbers} == {""}


@pytest.mark.parametrize(
    ("verb", "fields", "column", "wanted"),
    [
        ("team", {"value": "identity"}, "queue", "identity"),
        ("priority", {"value": "1"}, "priority", 1),
        ("wait", {"value": "person", "text": "Which one?"}, "waiting", "person"),
        ("hand_over", {"value": "brightwell"}, "owner", "brightwell"),
        ("assign", {"value": "ines.brandt"}, "state", "claimed"),
    ],
)
def test_what_a_tickets_page_can_do(
    fixture: Fixture, sam: Any, verb: str, fields: dict[str, str], column: str, wanted: object
) -> None:
    number = opened(fixture, "A file")
    page = send(sam, f"/console/tickets/{number}", f"/console/tickets/{number}/sort/{verb}", **fields)
    assert f"{number} is changed." in page.text
    assert getattr(fixture.tickets.get(number), column) == wanted


def test_tags_links_and_merging_show_on_the_page(fixture: Fixture, sam: Any) -> None:
    one, two = opened(fixture, "One"), opened(fixture, "Two")
    base = f"/console/tickets/{one}"
    assert '<span dir="auto">travel</span>' in send(sam, base, f"{base}/sort/tag", value="Travel").text
    assert "#travel" in sam.get("/console/queue").text
    assert f'Belongs with <a href="/console/tickets/{two}">' in send(sam, base, f"{base}/sort/link", value=two).text
    assert f'Part of <a href="/console/tickets/{two}">' in send(sam, base, f"{base}/sort/merge", value=two).text
    assert fixture.tickets.get(one).merged_into == two


@pytest.mark.parametrize("path", ["queue/many", "queue/undo", "queue/views", "tickets/SEC-101/sort/team"])
def test_nobody_sorts_without_signing_in(fixture: Fixture, path: str) -> None:
    number = opened(fixture, "One")
    before = fixture.tickets.get(number)
    assert fixture.client().post(f"/console/{path}", data={"value": "x"}).status_code in {303, 401, 403}
    assert fixture.tickets.get(number) == before
