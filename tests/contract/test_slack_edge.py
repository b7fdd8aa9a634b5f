"""The guard of Slack's endpoint: what is let in, what is refused, and that nothing from outside breaks or forges anything."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.channels.slack_edge import BODY_BYTES, DEPTH, SlackEdge
from adapters.channels.slack_events import Event, read
from bot.app import App
from bot.app.contents import Contents
from tests.fakes import slack_house
from tests.fakes.cards import HOSTILE
from tests.fakes.slack import DESK, GENERAL, SECRET, FakeSlack, Json, signed
from tests.fakes.slack_app import ENDPOINT, Driver, make, run, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app

FORM = "application/x-www-form-urlencoded"
URL = f"http://bot.example{ENDPOINT}"


@pytest.fixture(scope="module")
def shut(server: FakeSlack, contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A Secdesk for requests that never get to it."""
    made = make(tmp_path_factory.mktemp("shut"), server, contents)
    yield made
    assert [] == made.db.query("SELECT * FROM event")
    made.close()


def raw(app: App, slack: FakeSlack, method: str, content: Any, headers: dict[str, str]) -> tuple[int, str]:
    """(status, body) of a request as it is."""

    async def script(t: Driver) -> tuple[int, str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(t.endpoints[ENDPOINT])) as client:
            answer = await client.request(method, URL, content=content, headers=headers)
        await t.settle()
        return answer.status_code, answer.text

    status, text = run(app, slack, script)
    return int(status), str(text)


def hello(slack: FakeSlack) -> Json:
    return slack.event(slack.message(slack.user("dana.reyes"), "hello"))


# who is let in


def without(name: str) -> Any:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize(
    "spoil",
    [
        without("X-Slack-Signature"),
        without("X-Slack-Request-Timestamp"),
        lambda headers: headers | {"X-Slack-Signature": "v0=" + "0" * 64},
        lambda headers: headers | {"X-Slack-Signature": headers["X-Slack-Signature"].removeprefix("v0=")},
        lambda headers: headers | {"X-Slack-Signature": headers["X-Slack-Signature"].upper()},
        lambda headers: headers | {"X-Slack-Signature": headers["X-Slack-Signature"].replace("v0=", "v1=")},
        lambda headers: headers | {"X-Slack-Signature": "v0=ünsigned"},
        lambda headers: headers | {"X-Slack-Signature": ""},
        lambda headers: headers | {"X-Slack-Request-Timestamp": "now"},
        lambda headers: headers | {"X-Slack-Request-Timestamp": "²"},
        lambda headers: headers | {"X-Slack-Request-Timestamp": "-1"},
        lambda headers: headers | {"X-Slack-Request-Timestamp": "1e9"},
        lambda headers: headers | {"X-Slack-Request-Timestamp": "9" * 40},
        lambda headers: headers | {"X-Slack-Request-Timestamp": str(int(headers["X-Slack-Request-Timestamp"]) + 1)},
    ],
)
def test_what_slack_has_not_signed_is_401(shut: App, slack: FakeSlack, spoil: Any) -> None:
    body, headers = signed(hello(slack))
    spoilt = {key: value.encode("latin-1") for key, value in spoil(headers).items()}
    assert (401, "") == raw(shut, slack, "POST", body, spoilt)
    assert [] == slack.calls


@pytest.mark.parametrize("off", [-301, 302, -86_400])
def test_a_replayed_request_is_401(shut: App, slack: FakeSlack, off: int) -> None:
    body, headers = signed(hello(slack), at=time.time() + off)
    assert 401 == raw(shut, slack, "POST", body, headers)[0]


def test_another_secret_another_body_and_no_secret_are_401(shut: App, slack: FakeSlack) -> None:
    body, headers = signed(hello(slack))
    assert 401 == raw(shut, slack, "POST", body + b" ", headers)[0]
    assert 401 == raw(shut, slack, "POST", *signed(hello(slack), secret="x" * 32))[0]

    async def empty() -> int:
        async def dispatch(*_: Any) -> Any:
            raise AssertionError("let through")

        async with httpx.AsyncClient(transport=httpx.ASGITransport(SlackEdge("", dispatch))) as client:
            body, headers = signed(hello(slack), secret="")
            return (await client.post(URL, content=body, headers=headers)).status_code

    assert 401 == asyncio.run(empty())


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post(shut: App, slack: FakeSlack, method: str) -> None:
    assert 405 == raw(shut, slack, method, b"", {})[0]


# what is let in


async def streamed(size: int) -> Any:
    for _ in range(0, size, 65_536):
        yield b" " * 65_536


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x" * (BODY_BYTES + 1), {}, 413),
        (streamed(BODY_BYTES * 20), {"Transfer-Encoding": "chunked"}, 413),
        (b"{}", {"Content-Length": "9" * 30}, 413),
        (b"{}", {"Content-Length": str(BODY_BYTES + 1)}, 413),
        (b"{}", {"Content-Length": "two"}, 400),
        (b"{}", {"Content-Length": "-2"}, 400),
    ],
)
def test_a_body_that_is_too_large_is_not_read_to_its_end(
    shut: App, slack: FakeSlack, content: Any, headers: dict[str, str], status: int
) -> None:
    assert status == raw(shut, slack, "POST", content, headers)[0]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b"1" * 5_000, "application/json"),
        (b'{"type": "event_callback"', FORM),
        (b"\xff\xfe{}", "application/json"),
        (json.dumps({"type": "event_callback"}).encode("utf-16"), "application/json; charset=utf-16"),
        ('{"text": "ü"}'.encode("latin-1"), "application/json; charset=latin-1"),
        (b"\xef\xbb\xbf{}", "application/json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "application/json"),
        (b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1), "application/json"),
        (b"payload=" + b"[" * 50_000, FORM),
        (b"payload=not+json", FORM),
        (b"payload=%5B%5D", FORM),
        (b"&".join(b"a%d=1" % n for n in range(500)), FORM),
        (b"hello", "text/plain"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"<a/>", "application/xml"),
    ],
)
def test_signed_nonsense_is_400(shut: App, slack: FakeSlack, body: bytes, kind: str) -> None:
    assert 400 == raw(shut, slack, "POST", *signed(body, kind=kind))[0]


def test_a_form_that_says_it_is_something_else_is_judged_by_what_it_is(shut: App, slack: FakeSlack) -> None:
    body, _ = signed(slack.command(slack.user("dana.reyes"), "help"))
    assert 400 == raw(shut, slack, "POST", *signed(body, kind="application/json"))[0]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "event_callback"},
        {"type": "event_callback", "event": "x", "team_id": "T0NORTH"},
        {"type": "event_callback", "event": {}, "team_id": "T0NORTH"},
        {"type": "event_callback", "event": {"type": 1}, "authorizations": 5, "team_id": []},
        {"type": "event_callback", "event": {"type": "message"}, "authorizations": [5], "enterprise_id": {}},
        {"type": "block_actions"},
        {"type": "block_actions", "user": 3, "team": 4, "actions": "x"},
        {"type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T0NORTH"}, "actions": [None], "container": []},
        {"type": "view_submission", "view": None},
        {"type": "view_submission", "user": {"id": "U1"}, "view": {"id": "V", "state": {"values": {"a": [1]}}}},
        {"type": "message_action", "callback_id": {"a": 1}, "message": 3},
        {"type": ["list"]},
        {"type": None, "command": 5},
    ],
)
def test_a_signed_shape_that_slack_never_sends_is_no_fault_of_ours(shut: App, slack: FakeSlack, body: Json) -> None:
    assert raw(shut, slack, "POST", *signed(body))[0] in (200, 400)
    assert [] == slack.messages


def test_the_address_is_verified(shut: App, slack: FakeSlack) -> None:
    asked = {"type": "url_verification", "challenge": "3eZb", "token": "t"}
    assert (200, '{"challenge":"3eZb"}') == raw(shut, slack, "POST", *signed(asked))
    unsigned = signed(asked, secret="somebody else's")
    assert 401 == raw(shut, slack, "POST", *unsigned)[0]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "app_rate_limited", "team_id": "T0NORTH", "minute_rate_limited": 1},
        {"type": "event_callback", "team_id": "T0NORTH", "event": {"type": "reaction_added", "user": "U1"}},
        {
            "type": "event_callback",
            "team_id": "T0NORTH",
            "event": {"type": "message", "subtype": "channel_join", "user": "U1"},
        },
        {
            "type": "event_callback",
            "team_id": "T0NORTH",
            "event": {"type": "message", "subtype": "bot_message", "text": "hi"},
        },
        {"type": "event_callback", "team_id": "T0NORTH", "event": {"type": "assistant_thread_started"}},
        {"type": "event_callback", "team_id": "T0NORTH", "event": {"type": "an_event_of_the_future"}},
        {"type": "block_suggestion", "team": {"id": "T0NORTH"}, "user": {"id": "U1"}, "action_id": "x", "value": ""},
        {"type": "view_closed", "team": {"id": "T0NORTH"}, "user": {"id": "U1"}, "view": {"type": "modal", "id": "V"}},
        {"type": "shortcut", "team": {"id": "T0NORTH"}, "user": {"id": "U1"}, "callback_id": "x", "trigger_id": "1"},
        {
            "type": "message_action",
            "team": {"id": "T0NORTH"},
            "user": {"id": "U1"},
            "callback_id": "x",
            "trigger_id": "1",
        },
        {"type": "something_new"},
        {"ssl_check": "1", "token": "t"},
    ],
)
def test_what_nobody_here_wants_is_acknowledged(shut: App, slack: FakeSlack, body: Json) -> None:
    assert (200, "") == raw(shut, slack, "POST", *signed(body, form="ssl_check" not in body and body["type"] in (
        "block_suggestion", "view_closed", "shortcut", "message_action")))  # fmt: skip
    assert [] == slack.messages


def test_another_command_is_acknowledged(shut: App, slack: FakeSlack) -> None:
    body = slack.command(slack.user("dana.reyes"), "help") | {"command": "/other"}
    assert (200, "") == raw(shut, slack, "POST", *signed(body))
    assert [] == slack.messages


@pytest.mark.parametrize("more", [{"bot_id": "B0OTHER"}, {"user": "U0BOT"}, {"user": ""}, {"ts": ""}])
def test_bots_and_we_ourselves_are_not_answered(app: App, slack: FakeSlack, more: Json) -> None:
    run(app, slack, lambda t: t.tell(slack.message(t.people["dana.reyes"], "hello") | more))
    assert [] == slack.messages


def test_what_breaks_on_our_side_is_503_so_that_slack_sends_it_again(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    async def script(t: Driver) -> tuple[int, int]:
        event = hello(slack)
        with monkeypatch.context() as patched:
            patched.setattr(t.platform._people, "person", broken)
            first = await t.send(event)
        return first.status_code, (await t.again(event)).status_code

    assert (503, 200) == run(app, slack, script)
    assert 1 == len(slack.messages)


def test_a_reinstalled_app_is_answered_and_a_removed_one_is_forgotten(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        slack.revoked.update(slack.tokens)
        await t.say("dana.reyes", "hello")
        bad = [check.level for check in t.platform.health() if check.name == "slack token"]
        slack.revoked.clear()
        await t.say("dana.reyes", "hello")
        return bad, [check.level for check in t.platform.health() if check.name == "slack token"]

    assert (["bad"], []) == run(app, slack, script)


# untrusted text


PING = "<!channel> <@U123> <!subteam^S1> <https://evil.example|our bank> & *bold* `x` > \u202egnp.exe\u200b"


TRICKS = {
    "pings": PING,
    "hostile": HOSTILE,
    "surrogate": "\ud800 lone \x00 nul",
    "entities": "&lt;!channel&gt;",
    "code": "```" + "x" * 200,
    "lines": "\n" * 500 + "x",
}


@pytest.mark.parametrize("name", TRICKS)
def test_nothing_that_people_write_pings_links_or_breaks_at_the_desk(app: App, slack: FakeSlack, name: str) -> None:
    """The fake refuses pings, links that are not ours, and what is not escaped; `run` asserts that it refused nothing."""
    text = TRICKS[name]

    async def script(t: Driver) -> None:
        slack.users[t.people["dana.reyes"]]["profile"]["real_name"] = text
        await t.say("dana.reyes", "talk to a person")
        await t.say("dana.reyes", text)
        await t.drain()
        card = slack.posted(DESK)[0]
        await t.say("sam.ortiz", text, DESK, thread_ts=card["ts"])
        files = [slack.file(f"{text}.txt", b"x")]
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=files))
        await t.tell(slack.message(t.people["dana.reyes"], text, files=[slack.file(f"{text}.eml", b"no mail")]))
        await t.drain()
        await t.press("sam.ortiz", card, "Give back")
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))
        await t.drain()

    run(app, slack, script)
    assert 3 <= len(slack.posted(DESK))
    assert {"sent"} == {row["state"] for row in app.db.query("SELECT state FROM delivery")}
    assert app.verify_audit().ok


@pytest.mark.parametrize("name", ["pings", "surrogate", "lines"])
def test_nothing_in_a_reported_message_does_either(app: App, slack: FakeSlack, name: str) -> None:
    text = TRICKS[name]

    async def script(t: Driver) -> None:
        stranger = slack.user("mallory", "mallory@elsewhere.example")
        slack.users[stranger]["profile"]["real_name"] = text
        message = slack.message(stranger, text, GENERAL, files=[slack.file(f"{text}.eml", b"no mail")])
        await t.send(slack.shortcut(t.people["dana.reyes"], "report_message", message))
        await t.drain()
        await t.send(slack.shortcut(t.people["sam.ortiz"], "propose_answer", message))

    run(app, slack, script)
    assert [] == [row for row in app.db.query("SELECT state FROM delivery") if row["state"] != "sent"]


def test_a_command_with_tricks(app: App, slack: FakeSlack) -> None:
    run(app, slack, lambda t: t.send(slack.command(t.people["dana.reyes"], PING + " payload=%7B%7D&payload=x")))
    assert 1 == len(slack.messages)


# the translator


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([
    "type", "event", "user", "team", "actions", "view", "message", "channel", "container", "authorizations", "files",
    "state", "values", "id", "ts", "text", "subtype", "previous_message", "thread_ts", "edited", "tokens", "blocks",
])  # fmt: skip
kinds = st.sampled_from(
    ["event_callback", "block_actions", "view_submission", "message_action", "message", "app_home_opened"]
)
bodies = st.recursive(
    junk | kinds,
    lambda inner: st.dictionaries(names, inner | kinds, max_size=6) | st.lists(inner, max_size=2),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies)
def test_any_shape_is_read_without_a_fault(body: Any) -> None:
    event = read(body)
    assert isinstance(event, Event)
    assert "" != event.key or event.kind == "other"
    json.dumps([event.text, event.user, event.channel], ensure_ascii=False).encode()


def test_a_secret_never_stands_in_a_log(app: App, slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(10):
        raw(app, slack, "POST", b"x", {"X-Slack-Signature": SECRET})
        run(app, slack, lambda t: t.say("dana.reyes", "my password is Hunter2!Blue"))
    assert "Hunter2" not in caplog.text
    assert SECRET not in caplog.text
    assert "xoxb-" not in caplog.text
    assert urlencode({"a": "Hunter2!Blue"}) not in caplog.text
    assert "I have not kept it" in shown(slack.messages)
