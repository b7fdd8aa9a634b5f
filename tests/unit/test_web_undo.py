"""What can be taken back is taken back by one press on the page that follows, in place of a question before."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.turn import Work
from tests.fakes import mail_desk
from tests.fakes.web import Fixture
from tests.unit.test_web_security import signed_in
from tests.unit.test_web_triage import opened, send

UNDO = re.compile(r'<form class="row undo" method="post" action="([^"]+)"[^>]*>(.*?)</form>')


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
    for path, fields in (("note", {"text": "Odd"}), ("sort/wait", {"value": "person", "text": "Which?"})):
        assert UNDO.findall(send(sam, address, f"{address}/{path}", **fields).text) == []


# sending


def told(fixture: Fixture) -> list[str]:
    return [row["text"] for row in fixture.db.query("SELECT text FROM utterance WHERE direction = 'out' ORDER BY at")]


def test_a_reply_waits_and_its_text_comes_back(fixture: Fixture, sam: Any) -> None:
    number = opened(fixture, "A file")
    address = f"/console/tickets/{number}"
    page = send(sam, address, f"{address}/reply", text="Send <it> on.")
    assert "Your reply on SEC-101 goes out in 10 seconds." in page.text
    assert (page.text.count("Take it back</button>"), 'data-left="10"' in page.text) == (1, True)
    again = sam.get(address).text  # without the message on top the button stands at the words that wait
    assert ("Send &lt;it&gt; on." in again, again.count("Take it back</button>")) == (True, 1)
    back = take_back(sam, sam.get(address))
    assert "Nobody was told" in back.text
    assert re.findall(r'<textarea id="reply"[^>]*>([^<]*)', back.text) == ["Send &lt;it&gt; on."]
    fixture.wait()
    assert (told(fixture), [event.kind for event in fixture.tickets.timeline(number)]) == ([], ["opened", "undone"])
    assert fixture.db.query("SELECT action FROM audit ORDER BY seq DESC LIMIT 1") == [{"action": "ticket.undo"}]
    send(sam, address, f"{address}/reply", text="Send it on.")
    fixture.wait()
    assert ["Send it on." in text for text in told(fixture)] == [True]
    assert re.findall(r'<textarea id="reply"[^>]*>([^<]*)', sam.get(address).text) == [""]


def test_only_whoever_sent_it_takes_it_back_and_only_in_time(fixture: Fixture, sam: Any) -> None:
    number = opened(fixture, "A file")
    address = f"/console/tickets/{number}"
    page = send(sam, address, f"{address}/reply", text="Send it on.")
    (found,) = re.findall(r'name="id" value="(\w+)"', page.text)
    ines = signed_in(fixture, "ines.brandt")
    assert ("Send it on." in ines.get(address).text, UNDO.findall(ines.get(address).text)) == (True, [])
    assert "gone out already" in send(ines, address, "/console/undo", id=found, ticket=number).text
    fixture.wait()
    assert "gone out already" in send(sam, address, "/console/undo", id=found, ticket=number).text
    assert len(told(fixture)) == 1


@pytest.mark.parametrize("severity", ["S1", "S3"])
def test_in_an_emergency_nothing_waits(fixture: Fixture, sam: Any, severity: Any) -> None:
    number = opened(fixture, "A file", severity)
    address = f"/console/tickets/{number}"
    page = send(sam, address, f"{address}/reply", text="Pull the plug.")
    assert (bool(UNDO.findall(page.text)), len(told(fixture))) == {"S1": (True, 0), "S3": (False, 1)}[severity]


def test_a_verdict_waits_and_comes_back_into_its_form(fixture: Fixture, sam: Any) -> None:
    number = opened(fixture, "A mail")
    sha = mail_desk.add_mail(fixture, ["dana.reyes"], number, {})
    address = f"/console/mail/{sha}"
    page = send(sam, address, f"{address}/verdict", kind="spam", note="We know them.", do="send")
    assert "Your verdict on SEC-101 goes out to everybody who reported it in 10 seconds." in page.text
    back = take_back(sam, page)
    assert re.findall(r'value="(\w+)" required checked', back.text) == ["spam"]
    assert ("We know them.</textarea>" in back.text, "What reporters will read" in back.text) == (True, True)
    fixture.wait()
    assert fixture.db.query("SELECT decided_by FROM campaign") == [{"decided_by": "secdesk"}]


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
