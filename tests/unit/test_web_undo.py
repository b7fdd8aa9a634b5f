"""What can be taken back is taken back by one press on the page that follows, in place of a question before."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.turn import Work
from tests.fakes.web import Fixture
from tests.unit.test_web_security import signed_in
from tests.unit.test_web_triage import opened, send

UNDO = re.compile(r'<form class="row undo" method="post" action="([^"]+)">(.*?)</form>')


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def take_back(client: Any, page: Any) -> Any:
    """Press the button of the message on a page."""
    (found,) = UNDO.findall(page.text)
    fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', found[1])}
    done = client.post(found[0], data=fields)
    assert done.status_code == 303, done.text
    return client.get(done.headers["location"])


def claimed(fixture: Fixture, number: str) -> None:
    fixture.work(lambda work: fixture.tickets.claim(work, number, fixture.person("sam.ortiz")))


def tagged(fixture: Fixture, number: str) -> None:
    triage = fixture.services.triage
    assert triage is not None

    def tag(work: Work) -> None:
        triage.tag(work, number, fixture.person("sam.ortiz"), "travel")

    fixture.work(tag)


def nothing(fixture: Fixture, number: str) -> None:
    del fixture, number


@pytest.mark.parametrize(
    ("before", "path", "fields"),
    [
        (nothing, "claim", {}),
        (claimed, "release", {}),
        (nothing, "severity", {"severity": "S2"}),
        (nothing, "resolve", {"text": ""}),
        (nothing, "sort/assign", {"value": "ines.brandt"}),
        (claimed, "sort/assign", {"value": "ines.brandt"}),
        (nothing, "sort/team", {"value": "identity"}),
        (nothing, "sort/priority", {"value": "1"}),
        (nothing, "sort/tag", {"value": "travel"}),
        (tagged, "sort/untag", {"value": "travel"}),
    ],
)
def test_a_ticket_is_as_it_was(
    fixture: Fixture, sam: Any, before: Callable[[Fixture, str], None], path: str, fields: dict[str, str]
) -> None:
    number = opened(fixture, "A file")
    before(fixture, number)
    was, address = state(fixture, number), f"/console/tickets/{number}"
    page = send(sam, address, f"{address}/{path}", **fields)
    assert state(fixture, number) != was
    take_back(sam, page)
    assert state(fixture, number) == was


def state(fixture: Fixture, number: str) -> tuple[object, ...]:
    ticket, triage = fixture.tickets.get(number), fixture.services.triage
    assert triage is not None
    return (
        ticket.state,
        ticket.assignee,
        ticket.severity,
        ticket.queue,
        ticket.priority,
        triage.tags([number]).get(number),
    )


def test_what_somebody_has_read_is_not_taken_back(fixture: Fixture, sam: Any) -> None:
    number = opened(fixture, "A file")
    address = f"/console/tickets/{number}"
    for path, fields in (
        ("reply", {"text": "Hello"}),
        ("note", {"text": "Odd"}),
        ("sort/wait", {"value": "person", "text": "Which?"}),
    ):
        assert UNDO.findall(send(sam, address, f"{address}/{path}", **fields).text) == []


def test_a_view_that_was_deleted_comes_back(fixture: Fixture, sam: Any) -> None:
    triage = fixture.services.triage
    assert triage is not None
    send(
        sam,
        "/console/queue?severity=S2",
        "/console/queue/views",
        name="Soon & late",
        filter='{"severity": "S2"}',
        shared="1",
    )
    ((id_, name, wanted),) = triage.views(fixture.person("sam.ortiz"))
    page = send(sam, "/console/queue", "/console/queue/views/drop", id=id_)
    assert triage.views(fixture.person("ines.brandt")) == []
    take_back(sam, page)
    assert [one[1:] for one in triage.views(fixture.person("ines.brandt"))] == [(name, wanted)]
