"""`secdesk doctor`: says what is on, what is missing and how to mend it; `bad` only where something cannot work."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.doctor import examine
from bot.errors import ConfigError
from bot.health import Check
from bot.settings import Settings, load_settings
from tests.warm import WORDS, data_folder

Checks = dict[str, Check]
ROTA = "schema: oncall/1\nstart: 2026-01-05\nweekly: []\n"
ORG = (
    'schema: org/1\nname: "Example"\nvalues: {helpdesk_phone: "+44 20 7946 1000", oncall: "+44 20 7946 1999"}\n'
    "domains: [example.org]\n"
)


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(request.config, tmp_path_factory.mktemp("doctor"))


@pytest.fixture
def free() -> Iterator[str]:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return port


@pytest.fixture
def env(data: Path, free: str) -> dict[str, str]:
    return {"SECDESK_DATA": str(data), "SECDESK_PORT": free, "SECDESK_PAGERDUTY_KEY": "k" * 32, **WORDS}


def examined(settings: Settings) -> Checks:
    """By name; of several with one name the worst."""
    rank = ["ok", "note", "bad"]
    found: Checks = {}
    for check in examine(settings):
        if check.name not in found or rank.index(check.level) > rank.index(found[check.name].level):
            found[check.name] = check
    return found


def bad(checks: Checks) -> list[str]:
    return sorted(name for name, check in checks.items() if check.level == "bad")


def test_the_sample_works(tmp_path: Path, env: dict[str, str]) -> None:
    checks = examined(load_settings(tmp_path, env))
    assert [] == bad(checks)
    assert ("note", "sample values (Northwind (sample))") == (checks["organisation"].level, checks["organisation"].says)
    assert {"ok"} == {
        checks[name].level for name in ("installation", "data folder", "answers", "people", "on call", "port")
    }
    assert "words mode" == checks["search"].says
    assert [] == [name for name, check in checks.items() if check.level == "bad" and not check.mend]


def test_a_misspelt_setting_is_said(tmp_path: Path, env: dict[str, str]) -> None:
    checks = examine(load_settings(tmp_path, {**env, "SECDESK_PROT": "1"}))
    assert [("settings", "note")] == [
        (one.name, one.level) for one in checks if one.says == "SECDESK_PROT is not a setting"
    ]


def test_no_secret_is_printed(tmp_path: Path, env: dict[str, str]) -> None:
    url = "postgresql://user:hush-hush@127.0.0.1:1/nowhere?connect_timeout=1"
    checks = examine(load_settings(tmp_path, {**env, "SECDESK_DATABASE": url}))
    assert ["start"] == [check.name for check in checks if check.level == "bad"]
    assert "hush-hush" not in "".join(f"{check.says}{check.mend}" for check in checks)


def test_nobody_on_call_is_bad(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "oncall.yaml").write_text(ROTA, "utf-8")
    checks = examined(load_settings(tmp_path, env))
    assert ["content", "on call"] == bad(checks)
    assert "nobody is on call" == checks["on call"].says


def test_faults_that_stop_the_start_are_all_there(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "org.yaml").write_text("schema: org/1\nname: A\nvalues: {odd: x, odder: y}\n", "utf-8")
    found = [check.says for check in examine(load_settings(tmp_path, env)) if check.level == "bad"]
    assert 2 == sum("is not a value that content uses" in says for says in found)
    assert any("helpdesk_phone" in says and "is not set" in says for says in found)


def test_a_file_that_is_a_folder_is_said(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "knowledge" / "answers" / "odd.yaml").mkdir(parents=True)
    checks = examined(load_settings(tmp_path, env))
    assert bad(checks)
    assert any("odd.yaml" in checks[name].says for name in bad(checks))


def test_values_that_are_not_set_are_named_in_a_short_line(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "org.yaml").write_text(ORG, "utf-8")
    for name in ("people", "oncall"):
        text = {
            "people": 'schema: people/1\npeople: [{id: "kim", name: "Kim Lee", roles: ["it_helpdesk"]}]\n',
            "oncall": "schema: oncall/1\nstart: 2026-01-05\nweekly: [kim]\n",
        }[name]
        (tmp_path / "knowledge" / f"{name}.yaml").write_text(text, "utf-8")
    checks = examined(load_settings(tmp_path, env))
    assert [] == bad(checks)
    assert ("ok", "Example") == (checks["organisation"].level, checks["organisation"].says)
    assert "note" == checks["values"].level
    assert len(checks["values"].says) < 300
    assert "now kim, then nobody" == checks["on call"].says


def test_nobody_at_the_desk_is_bad(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "knowledge").mkdir()
    people = 'schema: people/1\npeople: [{id: "sam.ortiz", name: "Sam", roles: ["regular"]}]\n'
    (tmp_path / "knowledge" / "people.yaml").write_text(people, "utf-8")
    (tmp_path / "knowledge" / "oncall.yaml").write_text(
        "schema: oncall/1\nstart: 2026-01-05\nweekly: [sam.ortiz]\n", "utf-8"
    )
    checks = examined(load_settings(tmp_path, env))
    assert "people" in bad(checks)
    assert "1 people, 0 at the help desk" == checks["people"].says


def test_a_data_folder_that_cannot_be_used_ends_it(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    checks = examine(load_settings(tmp_path, {**env, "SECDESK_DATA": str(tmp_path / "file")}))
    assert ("data folder", "bad") == (checks[-1].name, checks[-1].level)
    assert f"{tmp_path / 'file'} cannot be used (it is a file)" == checks[-1].says


def test_a_port_that_is_taken_by_somebody_else_is_bad(tmp_path: Path, env: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        checks = examined(load_settings(tmp_path, {**env, "SECDESK_PORT": str(other.getsockname()[1])}))
    assert ["port"] == bad(checks)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_other_addresses_end_the_local_chat(tmp_path: Path, env: dict[str, str]) -> None:
    assert "ok" == examined(load_settings(tmp_path, {**env, "SECDESK_HOST": "::1"}))["web chat"].level
    assert "note" == examined(load_settings(tmp_path, {**env, "SECDESK_HOST": "0.0.0.0"}))["web chat"].level
    assert ["port"] == bad(examined(load_settings(tmp_path, {**env, "SECDESK_HOST": "192.0.2.1"})))


def test_a_provider_that_is_not_there_is_bad_and_one_that_is_says_what_it_has_to_know(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {**env, "SECDESK_ISSUER": "http://127.0.0.1:9", "SECDESK_SIGNIN_CLIENT": "console"}
    checks = examined(load_settings(tmp_path, env))
    assert ["sign-in"] == bad(checks)
    assert "console-link" in checks["sign-in"].mend
    assert "note" == checks["web chat"].level
    about: dict[str, object] = {"issuer": "http://127.0.0.1:9", "backchannel_logout_supported": True}
    about |= dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://id.example/x")
    monkeypatch.setattr("adapters.web.oidc._fetch", lambda *_asked: about)
    checks = examined(load_settings(tmp_path, env))
    assert ("ok", "note") == (checks["sign-in"].level, checks["roles by groups"].level)
    for part in ("/console/sign-in/back", "/console/sign-in/out", "ends sessions here too"):
        assert part in checks["sign-in"].says
    assert "sign-in by address" not in checks
    about["claims_supported"] = ["sub", "email"]
    assert "names no email_verified" in examined(load_settings(tmp_path, env))["sign-in by address"].says
    trusting = examined(load_settings(tmp_path, {**env, "SECDESK_SIGNIN_UNVERIFIED": "1"}))["sign-in by address"]
    assert ("note", True) == (trusting.level, "without the provider's word" in trusting.says)
    checks = examined(load_settings(tmp_path, {**env, "SECDESK_SIGNIN_ROLES": "a=viewer"}))
    assert "no group has the role admin" in checks["roles by groups"].says
    assert "roles by groups" not in examined(load_settings(tmp_path, {**env, "SECDESK_SIGNIN_ROLES": "a=admin"}))


def test_without_a_route_that_rings_paging_is_bad(tmp_path: Path, env: dict[str, str]) -> None:
    silent = {name: value for name, value in env.items() if name != "SECDESK_PAGERDUTY_KEY"}
    checks = examined(load_settings(tmp_path, silent))
    assert ["paging"] == bad(checks)
    assert "pages go to: chat, log, and the console; no phone rings" == checks["paging"].says
    hook = {"SECDESK_PAGER_WEBHOOK": "https://ring.example/hook", "SECDESK_PAGER_SECRET": "s"}
    assert [] == bad(examined(load_settings(tmp_path, {**silent, **hook})))


def test_a_webhook_without_a_secret_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="set SECDESK_PAGER_SECRET too"):
        load_settings(tmp_path, {**env, "SECDESK_PAGER_WEBHOOK": "https://ring.example/hook"})


def test_behind_a_proxy_it_has_to_be_known(tmp_path: Path, env: dict[str, str]) -> None:
    env = {**env, "SECDESK_PUBLIC_URL": "https://desk.northwind.example"}
    assert "note" == examined(load_settings(tmp_path, env))["proxies"].level
    assert "proxies" not in examined(load_settings(tmp_path, {**env, "SECDESK_PROXIES": "10.0.0.7"}))
