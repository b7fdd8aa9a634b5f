"""What machines ask: health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from bot.cards import text_card
from bot.health import Check, Health
from bot.model import Action, File, Message, Person, Place, Reply
from tests.fakes.web import Fixture, fill

PLACE = Place("web", "c")
PERSON = Person("dana.reyes", "Dana Reyes")


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def test_alive_says_so(fixture: Fixture) -> None:
    assert fixture.client().get("/healthz").json() == {"status": "ok"}


def test_ready_names_each_check_and_no_more(fixture: Fixture) -> None:
    answer = fixture.client().get("/readyz")
    expected = {"ready": True, "checks": {"database": "ok", "jobs": "ok", "knowledge": "ok"}}
    assert (answer.status_code, answer.json()) == (200, expected)


def test_not_ready_is_503(fixture: Fixture) -> None:
    fixture.health = Health((Check("database", "bad", "/srv/secret/path is read-only"),), ready=False)
    answer = fixture.client().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "checks": {"database": "bad"}})


def test_probes_may_ask_by_address(fixture: Fixture) -> None:
    assert fixture.client(host="10.1.2.3:8765").get("/readyz").status_code == 200
    assert fixture.client(host="10.1.2.3:8765").get("/").status_code == 421


def test_metrics_count_without_naming_anybody(fixture: Fixture) -> None:
    fill(fixture)
    reply = Reply(text_card("x"), PLACE, "d")
    metrics = fixture.services.metrics
    metrics.observe(Message("1", PERSON, PLACE, "hi"), reply, 0.02)
    metrics.observe(Message("2", PERSON, PLACE, action=Action("a.b")), replace(reply, repeated=True), 0.02)
    metrics.observe(Message("3", PERSON, PLACE, files=(File("a.eml", b""),)), replace(reply, delivery=""), 0.02)
    metrics.outcome("escalate")
    text = fixture.client().get("/metrics").text
    for line in (
        'secdesk_events_total{channel="web",kind="message"} 1.0',
        'secdesk_events_total{channel="web",kind="action"} 1.0',
        'secdesk_events_total{channel="web",kind="file"} 1.0',
        'secdesk_events_repeated_total{channel="web"} 1.0',
        'secdesk_replies_unstored_total{channel="web"} 1.0',
        'secdesk_outcomes_total{outcome="escalate"} 1.0',
        'secdesk_tickets_open{severity="S1"} 2.0',
        'secdesk_tickets_open{severity="S3"} 1.0',
        'secdesk_reports{verdict="likely_phishing"} 1.0',
        'secdesk_outbox{state="queued"} 4.0',
        "secdesk_pages_unacknowledged 1.0",
    ):
        assert line in text
    for person in fixture.directory.people():
        assert person.id not in text
        assert person.name not in text


def test_a_state_that_is_over_is_no_longer_shown() -> None:
    metrics = Metrics()
    metrics.refresh(by_state={"outbox": {"queued": 3}}, events=1, pages=0)
    metrics.refresh(by_state={"outbox": {"done": 3}}, events=1, pages=0)
    assert 'secdesk_outbox{state="queued"}' not in metrics.text().decode()


def test_metrics_are_for_this_machine(fixture: Fixture) -> None:
    away = TestClient(fixture.app, base_url="http://127.0.0.1:8765", client=("10.0.0.9", 4000))
    assert away.get("/metrics").status_code == 403
    for name in ("x-forwarded-for", "forwarded", "x-real-ip"):
        assert fixture.client(**{name: "10.0.0.9"}).get("/metrics").status_code == 403


def test_or_for_whoever_has_the_token(fixture: Fixture) -> None:
    app = create_web(replace(fixture.services, metrics_token="token"))
    away = TestClient(app, base_url="http://127.0.0.1:8765", client=("10.0.0.9", 4000))
    found = [
        away.get("/metrics", headers={"authorization": value}).status_code for value in ("Bearer token", "Bearer x", "")
    ]
    assert found == [200, 403, 403]
