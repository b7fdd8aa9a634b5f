"""`secdesk doctor` with Teams on: app id, tenant, sign-in, keys, endpoint, desk channel; nothing is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography import x509

from adapters.channels import teams_doctor, teams_setup
from adapters.stores.open import open_db
from adapters.stores.teams import SqlTeamsStore
from adapters.vault import KeyVault
from bot.app import SystemClock, build
from bot.app.doctor import examine
from bot.platforms import Foundation
from tests.fakes.teams import APP, TENANT, FakeTeams, Fault, certificate, running
from tests.fakes.teams_app import DESK, settings, shared_contents
from tests.warm import warm_cache


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
    monkeypatch.setattr(teams_doctor.httpx, "post", lambda *_a, **_k: httpx.Response(status))


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


def test_the_steps_of_the_guide_are_told_one_after_the_other(
    tmp_path: Path, teams: FakeTeams, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """manifest/README.md, steps 1, 2 and 4: what doctor says after each."""
    contents = shared_contents(tmp_path, warm_cache(request.config))

    def after(**given: str) -> dict[str, tuple[str, str]]:
        url = "https://secdesk.northwind.example"
        checks = examine(settings(tmp_path, teams, public_url=url, **given), lambda it: build(it, contents=contents))
        return {check.name: (check.level, check.says) for check in checks}

    def nobody(*_given: Any, **_more: Any) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(teams_doctor.httpx, "post", nobody)
    assert "teams.app_id is empty" in after(teams_app_id="", teams_tenant="", teams_secret="")["start"][1]
    assert "set exactly one of SECDESK_TEAMS_SECRET" in after(teams_secret="")["start"][1]
    signed_in = after()
    assert ["ok"] * 4 == [signed_in[f"teams {name}"][0] for name in ("app id", "tenant", "sign-in", "keys")]
    assert "does not answer (ConnectError)" in signed_in["teams endpoint"][1]
    answering(monkeypatch, 401)
    assert ("ok", "https://secdesk.northwind.example/api/messages refuses strangers, as it should") == after()[
        "teams endpoint"
    ]


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


YEAR = dt.timedelta(days=365)


@pytest.mark.parametrize(("left", "level"), [(YEAR, "ok"), (dt.timedelta(days=20), "note"), (-YEAR / 365, "bad")])
def test_a_certificate_signs_in_and_its_end_is_told(
    tmp_path: Path, teams: FakeTeams, left: dt.timedelta, level: str
) -> None:
    until = dt.datetime.now(dt.UTC) + left
    public = certificate(tmp_path / "bot.pem", until=until)
    found = examined(tmp_path, teams, teams_secret="", teams_certificate="bot.pem")
    assert (level, f"good until {until:%Y-%m-%d}") == found["teams certificate"]
    assert ("ok", "certificate") == found["teams sign-in"]
    form = parse_qs(teams.asked("token")[0].body)
    key: Any = x509.load_pem_x509_certificate(public).public_key()
    audience = f"{teams.base}/{TENANT}/oauth2/v2.0/token"
    claims = jwt.decode(form["client_assertion"][0], key, algorithms=["PS256"], audience=audience)
    assert (APP, APP) == (claims["iss"], claims["sub"])
    assert ["client_secret" in form, form["client_assertion_type"]] == [
        False,
        ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"teams_app_id": ""},
            "teams.app_id is empty: set it to the application (client) id of the bot's registration",
        ),
        ({"teams_tenant": ""}, "teams.tenant is empty: set it to the directory (tenant) id of the registration"),
        ({"teams_secret": ""}, "teams: set exactly one of SECDESK_TEAMS_SECRET, teams.certificate, teams.managed"),
        (
            {"teams_secret": "", "teams_certificate": "gone.pem"},
            "teams.certificate: {folder}/gone.pem must be a PEM file with the private key and the certificate",
        ),
    ],
)
def test_the_whole_command_says_what_keeps_it_from_starting(
    tmp_path: Path, teams: FakeTeams, request: pytest.FixtureRequest, change: dict[str, str], says: str
) -> None:
    contents = shared_contents(tmp_path, warm_cache(request.config))
    checks = examine(settings(tmp_path, teams, **change), lambda given: build(given, contents=contents))
    assert ("start", "bad", says.replace("{folder}", str(tmp_path))) == (
        checks[-1].name,
        checks[-1].level,
        checks[-1].says,
    )
