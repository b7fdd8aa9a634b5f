"""`secdesk doctor` with Slack on: who may install, token, scopes, clock, desk channel, the way in, what came; nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from adapters.channels.slack_doctor import CHALLENGE, SlackDoctor
from adapters.channels.slack_edge import SlackEdge, signature
from adapters.channels.slack_scopes import SCOPES
from adapters.channels.slack_setup import SlackPlatform, check_settings
from adapters.channels.slack_state import Install, SlackState
from adapters.stores.open import open_db
from adapters.stores.slack import SqlSlackStore
from adapters.vault import KeyVault
from bot.app import SystemClock
from bot.errors import ConfigError
from bot.platforms import Foundation
from bot.settings import Settings
from tests.fakes.slack import APP_TOKEN, DESK, SECRET, TEAM, FakeSlack, Fault, running
from tests.fakes.slack_app import settings

PUBLIC = "https://secdesk.northwind.example"
ENDPOINT = f"{PUBLIC}/slack/events"
MANY: dict[str, Any] = {"slack_bot_token": "", "slack_client_id": "1.2", "slack_client_secret": "s",
                        "slack_desk": f"{TEAM}/{DESK}", "slack_workspaces": (TEAM,)}  # fmt: skip
Found = dict[str, list[tuple[str, str]]]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running() as fake:
        yield fake


class Front:
    """The public address: our own guard behind it, unless told otherwise."""

    def __init__(self, secret: str = SECRET, status: int = 0, error: Exception | None = None) -> None:
        self.secret, self.status, self.error = secret, status, error

    async def __call__(self, where: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        assert ENDPOINT == where
        if self.error:
            raise self.error
        if self.status:
            return self.status, ""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        good = stamp and headers.get("X-Slack-Signature") == signature(self.secret.encode(), stamp, body)
        return (200, body.decode()) if good else (401, "")


def examined(folder: Path, slack: FakeSlack, front: Front | None = None, *, heard: float = 0.0, install: Install | None = None,
             off: float = 0.0, **more: Any) -> Found:  # fmt: skip
    """name → [(level, what it says)], of a Secdesk whose clock is `off` seconds ahead."""
    given: Settings = settings(folder, slack, **{"public_url": PUBLIC, **more})
    db, clock = open_db("", folder), SystemClock()
    vault = KeyVault({1: b"k" * 32})
    single = Install("", given.slack_bot_token) if given.slack_bot_token else None
    state = SlackState(db, SqlSlackStore(db), vault, clock, single)
    nobody: Any = None
    platform = SlackPlatform(Foundation(given, db, vault, clock, nobody, nobody, nobody), SqlSlackStore(db))
    try:
        if install:
            state.keep_install(install)
        if heard:
            with db.tx() as tx:
                tx.execute("INSERT INTO event (key, at) VALUES ('slack:T0:D0:1.2', :at)", at=clock.now() - heard)
                tx.execute("INSERT INTO event (key, at) VALUES ('web:1', :at)", at=clock.now())
        doctor = SlackDoctor(given, platform._api, state, platform.desk(), lambda: clock.now() + off, front or Front())
        checks = asyncio.run(doctor.checks())
    finally:
        db.close()
    found: Found = {}
    for check in checks:
        assert check.level == "ok" or check.mend or check.name == "slack scopes", check
        found.setdefault(check.name, []).append((check.level, check.says))
    return found


def test_all_is_well(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, heard=90)
    assert ["slack token", "slack scopes", "slack clock", "slack desk", "slack endpoint", "slack events"] == list(found)
    assert {"ok"} == {level for checks in found.values() for level, _ in checks}
    assert [("ok", "secdesk in Northwind")] == found["slack token"]
    assert [("ok", f"all {len(SCOPES)}")] == found["slack scopes"]
    assert [("ok", f"{ENDPOINT} takes what is signed and refuses strangers, as it should")] == found["slack endpoint"]
    assert [("ok", "the last one came 2 min ago")] == found["slack events"]
    assert [] == slack.messages
    assert {"auth.test", "conversations.info"} == {call.method for call in slack.calls}


def test_a_refused_token(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, slack_bot_token="xoxb-old")
    assert [("bad", "Slack refuses it: invalid_auth")] == found["slack token"]


def test_slack_that_is_away(tmp_path: Path, slack: FakeSlack) -> None:
    slack.fail("auth.test", Fault(503))
    level, says = examined(tmp_path, slack)["slack token"][0]
    assert ("bad", True) == (level, says.startswith("Slack refuses it"))


def test_missing_and_needless_scopes(tmp_path: Path, slack: FakeSlack) -> None:
    slack.scopes = (*(scope for scope in SCOPES if scope != "files:read"), "channels:manage")
    found = examined(tmp_path, slack)
    assert [("bad", "missing: files:read"), ("note", "not needed: channels:manage")] == found["slack scopes"]


@pytest.mark.parametrize(("off", "level", "says"), [(-120, "bad", "120 s behind Slack's"), (120, "bad", "120 s ahead of Slack's"),
                                                    (20, "ok", "20 s apart")])  # fmt: skip
def test_the_clock(tmp_path: Path, slack: FakeSlack, off: float, level: str, says: str) -> None:
    found_level, found = examined(tmp_path, slack, off=off)["slack clock"][0]
    number = int(found.split()[0])
    assert (level, says.split()[1:]) == (found_level, found.split()[1:])
    assert abs(number - abs(off)) <= 2


@pytest.mark.parametrize(
    ("channel", "level", "says"),
    [
        ({"is_member": False}, "bad", "#c0desk: the app is not in it"),
        ({"is_archived": True}, "bad", "#c0desk is archived"),
        ({"is_ext_shared": True}, "bad", "#c0desk is shared with another organisation"),
        ({"is_private": False}, "note", "everybody in the workspace can read it"),
    ],
)
def test_the_desk_channel(tmp_path: Path, slack: FakeSlack, channel: dict[str, Any], level: str, says: str) -> None:
    slack.channels[DESK].update(channel)
    assert (level, says) == examined(tmp_path, slack)["slack desk"][-1]


def test_a_desk_channel_that_is_none(tmp_path: Path, slack: FakeSlack) -> None:
    assert [("bad", "C0NOWHERE: channel_not_found")] == examined(tmp_path, slack, slack_desk="C0NOWHERE")["slack desk"]


def test_no_desk_channel_is_a_note(tmp_path: Path, slack: FakeSlack) -> None:
    assert [("note", "no desk channel")] == examined(tmp_path, slack, slack_desk="")["slack desk"]


@pytest.mark.parametrize(
    ("front", "level", "says"),
    [
        (Front(status=404), "bad", f"{ENDPOINT} answers 404"),
        (Front(status=200), "bad", f"{ENDPOINT} answers 200"),
        (Front("another secret of sixteen"), "bad", f"{ENDPOINT} refuses what is signed (401)"),
        (Front(error=aiohttp.ClientConnectionError()), "note", f"{ENDPOINT} does not answer (ClientConnectionError)"),
        (Front(error=TimeoutError()), "note", f"{ENDPOINT} does not answer (TimeoutError)"),
    ],
)
def test_the_way_in(tmp_path: Path, slack: FakeSlack, front: Front, level: str, says: str) -> None:
    assert [(level, says)] == examined(tmp_path, slack, front)["slack endpoint"]


def test_an_address_without_https(tmp_path: Path, slack: FakeSlack) -> None:
    says = "http://127.0.0.1:8765/slack/events is not https: Slack cannot reach it"
    assert [("bad", says)] == examined(tmp_path, slack, public_url="")["slack endpoint"]


def test_our_own_guard_answers_the_challenge(tmp_path: Path, slack: FakeSlack) -> None:
    """What doctor sends is what the running server takes; with another secret it is not."""

    async def knock(secret: str) -> tuple[int, str]:
        edge: Any = SlackEdge(secret, None)  # type: ignore[arg-type]
        nobody: Any = None
        body, headers = SlackDoctor(settings(tmp_path, slack), nobody, nobody, None)._challenge()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(edge)) as client:
            answer = await client.post(ENDPOINT, content=body, headers=headers)
        return answer.status_code, answer.text

    status, said = asyncio.run(knock(SECRET))
    assert (200, True) == (status, CHALLENGE in said)
    assert 401 == asyncio.run(knock("another secret of sixteen"))[0]


def test_nothing_has_come_yet(tmp_path: Path, slack: FakeSlack) -> None:
    assert [("note", "none has come yet")] == examined(tmp_path, slack)["slack events"]


@pytest.mark.parametrize(("seconds", "shown"), [(7_300, "2.0 h"), (500_000, "6 days")])
def test_how_long_ago(tmp_path: Path, slack: FakeSlack, seconds: float, shown: str) -> None:
    assert [("ok", f"the last one came {shown} ago")] == examined(tmp_path, slack, heard=seconds)["slack events"]


# Socket Mode

SOCKET: dict[str, Any] = {"slack_socket": 1, "slack_app_token": APP_TOKEN, "slack_signing_secret": ""}


def test_socket_mode(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, **SOCKET)
    assert [("ok", "Slack lets us connect")] == found["slack socket"]
    assert "slack endpoint" not in found


def test_socket_mode_with_a_token_that_may_not(tmp_path: Path, slack: FakeSlack) -> None:
    slack.fail("apps.connections.open", Fault(error="missing_scope"))
    assert [("bad", "Slack does not let us connect: missing_scope")] == examined(tmp_path, slack, **SOCKET)[
        "slack socket"
    ]


# many workspaces


def test_many_workspaces_with_one_installation(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, install=Install(TEAM, "xoxb-fake-1", TEAM, name="North"), **MANY)
    assert [("ok", "1.2")] == found["slack client"]
    assert [("ok", "secdesk in Northwind (North)")] == found["slack token"]
    assert [("ok", f"#{DESK.lower()}")] == found["slack desk"]
    assert "slack installation" not in found


def test_installed_nowhere_yet(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, **MANY)
    assert [("note", "installed nowhere yet")] == found["slack installation"]
    assert [("bad", f"the app is not installed in {TEAM}")] == found["slack desk"]


def test_nobody_may_install(tmp_path: Path, slack: FakeSlack) -> None:
    found = examined(tmp_path, slack, **{**MANY, "slack_workspaces": ()})
    assert [("bad", "nobody may install it")] == found["slack installation"]


def test_an_installation_that_is_not_served_any_more(tmp_path: Path, slack: FakeSlack) -> None:
    left = Install("T0LEFT", "xoxb-left", "T0LEFT", name="Left")
    found = examined(tmp_path, slack, install=left, **MANY)
    assert [("bad", "Left (T0LEFT) is none of slack.workspaces")] == found["slack installation"]
    assert [("bad", "Slack refuses it (Left): invalid_auth")] == found["slack token"]


def test_a_whole_organisation_is_served_by_its_id(tmp_path: Path, slack: FakeSlack) -> None:
    whole = Install("E0GROUP", "xoxb-fake-1", "", "E0GROUP", "Group")
    more = {**MANY, "slack_workspaces": ("E0GROUP",), "slack_desk": f"E0GROUP/{DESK}"}
    found = examined(tmp_path, slack, install=whole, **more)
    assert "slack installation" not in found
    assert [("ok", f"#{DESK.lower()}")] == found["slack desk"]


def test_credentials_that_slack_does_not_know(tmp_path: Path, slack: FakeSlack) -> None:
    slack.fail("oauth.v2.access", Fault(error="bad_client_secret"))
    says = "Slack does not know these credentials: bad_client_secret"
    assert [("bad", says)] == examined(tmp_path, slack, **MANY)["slack client"]


def test_slack_that_gives_no_answer_about_them(tmp_path: Path, slack: FakeSlack) -> None:
    slack.fail("oauth.v2.access", Fault(503))
    assert [("note", "Slack gave no answer (HTTP 503)")] == examined(tmp_path, slack, **MANY)["slack client"]


# settings: said before anything is started


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"slack_bot_token": ""}, "set SECDESK_SLACK_BOT_TOKEN for one workspace, or slack.client_id for many"),
        ({"slack_client_id": "1.2"}, "not both"),
        ({"slack_bot_token": "xoxp-1"}, "is no bot token"),
        ({"slack_signing_secret": ""}, "SECDESK_SLACK_SIGNING_SECRET is not set"),
        ({**MANY, "slack_client_secret": ""}, "SECDESK_SLACK_CLIENT_SECRET is not set"),
        ({**MANY, "slack_desk": DESK}, "use T…/C…"),
        ({"slack_socket": 1}, "SECDESK_SLACK_APP_TOKEN"),
        ({"slack_desk": "#desk"}, "slack.desk_channel is no channel"),
        ({"slack_api": "http://slack.example/api/"}, "slack.api_url must be https"),
    ],
)
def test_settings_that_cannot_work_say_what_to_do(
    tmp_path: Path, slack: FakeSlack, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")):
        check_settings(settings(tmp_path, slack, **change))
