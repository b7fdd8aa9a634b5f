"""`secdesk doctor` with Teams on: app id, tenant, sign-in, keys, endpoint, desk channel; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.channels import teams_setup
from adapters.stores.open import open_db
from adapters.stores.teams import SqlTeamsStore
from adapters.vault import KeyVault
from bot.app import SystemClock
from bot.platforms import Foundation
from tests.fakes.teams import FakeTeams, Fault, running
from tests.fakes.teams_app import DESK, settings


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    with running() as fake:
        yield fake


def examined(folder: Path, teams: FakeTeams, **more: Any) -> dict[str, tuple[str, str]]:
    """name → (level, what it says)."""
    db: Any = open_db("", folder)
    nobody: Any = None
    given = settings(folder, teams, **more)
    base = Foundation(given, db, KeyVault({1: b"k" * 32}), SystemClock(), nobody, nobody, nobody)
    try:
        checks = list(teams_setup.TeamsPlatform(base, SqlTeamsStore(db)).doctor())
    finally:
        db.close()
    return {check.name: (check.level, check.says) for check in checks}


def answering(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """What the public endpoint answers to somebody without a token."""
    monkeypatch.setattr(teams_setup.httpx, "post", lambda *_a, **_k: httpx.Response(status))


def test_all_is_well(tmp_path: Path, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 401)
    found = examined(tmp_path, teams, public_url="https://secdesk.northwind.example")
    assert {"ok"} == {level for level, _ in found.values()}
    assert ["teams app id", "teams tenant", "teams keys", "teams sign-in", "teams endpoint", "teams desk"] == list(
        found
    )
    assert DESK == found["teams desk"][1]
    assert ["1 keys", "secret"] == [found["teams keys"][1], found["teams sign-in"][1]]
    assert [] == teams.posted()


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ({"teams_app_id": "secdesk"}, "teams app id", "secdesk"),
        ({"teams_tenant": "northwind"}, "teams tenant", "northwind"),
        (
            {"public_url": ""},
            "teams endpoint",
            "http://127.0.0.1:8765/api/messages is not https: Teams cannot reach it",
        ),
    ],
)
def test_what_is_wrong_is_bad(
    tmp_path: Path, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], name: str, says: str
) -> None:
    answering(monkeypatch, 401)
    found = examined(tmp_path, teams, **{"public_url": "https://secdesk.northwind.example", **change})
    assert ("bad", says) == found[name]


def test_a_refused_secret_says_so(tmp_path: Path, teams: FakeTeams) -> None:
    teams.sign_in = Fault(401)
    assert ("bad", "the sign-in service refused us (401)") == examined(tmp_path, teams)["teams sign-in"]


def test_keys_that_cannot_be_had(tmp_path: Path, teams: FakeTeams) -> None:
    teams.metadata = Fault(503)
    assert "bad" == examined(tmp_path, teams)["teams keys"][0]


def test_a_proxy_that_answers_for_us(tmp_path: Path, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 404)
    found = examined(tmp_path, teams, public_url="https://secdesk.northwind.example")
    assert ("bad", "https://secdesk.northwind.example/api/messages answers 404") == found["teams endpoint"]


def test_no_desk_channel_is_a_note(tmp_path: Path, teams: FakeTeams) -> None:
    assert ("note", "no desk channel") == examined(tmp_path, teams, teams_desk="")["teams desk"]
