"""The console's page of what another ticket system does not take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.web.app import create_web
from tests.fakes.web import Fixture
from tests.unit.test_web_security import csrf, signed_in

ROW = {"ticket": "SEC-101", "subject": "<b>Badge</b>\u202e", "severity": "S2", "error": "it does not take it (HTTP 400: <i>)",
       "failing_since": 1.0, "next_at": 9e9, "attempts": 4, "lines": 3, "remote": ""}  # fmt: skip


class Stub:
    """`Tracking` as the page uses it."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.rows: list[dict[str, Any]] = [ROW]
        self.cursor: dict[str, Any] | None = {"error": "it cannot be reached (TimeoutError)", "failing_since": 1.0}
        self.tracker = type("T", (), {"label": "Request Tracker"})()

    def state(self) -> Any:
        return {"every": 9, "waiting": 1, "failing": len(self.rows)}, self.cursor

    def undelivered(self, _limit: int) -> list[dict[str, Any]]:
        return self.rows

    def retry(self, _work: Any, number: str) -> bool:
        self.tried.append(number)
        return number == "SEC-101"


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def fixture(tmp_path: Path, stub: Stub) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    made.services = replace(made.services, tracking=stub)  # type: ignore[arg-type]
    made.app = create_web(made.services)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def test_what_waits_is_listed_with_its_reason_and_nothing_of_it_is_markup(sam: Any) -> None:
    text = sam.get("/console/trackers").text
    assert "it does not take it (HTTP 400: &lt;i&gt;)" in text
    assert "&lt;b&gt;Badge&lt;/b&gt;[U+202E]" in text
    assert "it cannot be reached (TimeoutError)" in text
    assert 'href="/console/trackers" aria-current="page"' in text


def test_retry_one_and_all(sam: Any, stub: Stub, fixture: Fixture) -> None:
    token = csrf(sam, "/console/trackers")
    for fields, said in (
        ({"number": "SEC-101"}, "1 ticket(s)"),
        ({}, "1 ticket(s)"),
        ({"number": "SEC-9"}, "Nothing waits"),
    ):
        done = sam.post("/console/trackers/retry", data={"csrf": token, **fields})
        assert said in sam.get(done.headers["location"]).text
    assert stub.tried == ["SEC-101", "SEC-101", "SEC-9"]
    rows = fixture.db.query("SELECT subject FROM audit WHERE action = 'tracker.retry'")
    assert [row["subject"] for row in rows] == ["SEC-101", "SEC-101"]
    assert sam.post("/console/trackers/retry", data={"number": "SEC-101"}).status_code == 403


def test_when_everything_has_arrived(sam: Any, stub: Stub) -> None:
    stub.rows, stub.cursor = [], None
    text = sam.get("/console/trackers").text
    assert "Everything has arrived" in text
    assert "Retry" not in text


def test_without_another_ticket_system_there_is_no_page(tmp_path: Path) -> None:
    plain = Fixture(tmp_path)
    browser = signed_in(plain)
    assert "/console/trackers" not in browser.get("/console/queue").text
    assert browser.get("/console/trackers").status_code == 404
    plain.close()
