"""Buttons in Teams: quiz, "did you mean", the desk's card on clients that know Action.Submit only, and what takes long."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from adapters.channels import teams_turns
from bot.app import App
from tests.fakes import teams_fixtures as fixtures
from tests.fakes.teams import FakeTeams, Json
from tests.fakes.teams_app import DESK, Driver, buttons, run, words

app, contents, server, teams = fixtures.app, fixtures.contents, fixtures.server, fixtures.teams


def newest(teams: FakeTeams, verb: str) -> tuple[str, Json]:
    """(message, action) of the first button with this verb on the newest card that has one."""
    for name, body in reversed(teams.messages.items()):
        card = body["attachments"][0]["content"] if body.get("attachments") else {}
        if found := [action for action in buttons(card).values() if action["verb"] == verb]:
            return name, found[0]
    raise AssertionError(f"no {verb} on any card")


def now(teams: FakeTeams, name: str) -> Json:
    found: Json = teams.messages[name]["attachments"][0]["content"]
    return found


def test_a_tips_question_is_answered_by_a_button_and_closes(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.installed())
        await asyncio.to_thread(lambda: app.nudge_send(now=True))
        await t.drain()
        name, option = newest(teams, "learning.answer")
        label, sent = option["title"], len(teams.cards())
        answer = await t.send(teams.press(option, name))
        return label, answer.json()["value"], teams.cards()[sent:]

    label, closed, after = run(app, teams, script)
    assert [] == [action for action in buttons(closed).values() if action["verb"] == "learning.answer"]
    assert f"You chose: {label}" in words(closed)
    assert 1 == len(after)
    assert words(after[0])


def test_did_you_mean_is_answered_by_a_button(app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("how do I report"))
        name, option = newest(teams, "answering.ask")
        answer = await t.send(teams.press(option, name))
        return option["title"], answer.json()["value"], words(teams.cards()[-1])

    title, closed, said = run(app, teams, script)
    assert f"You chose: {title}" in words(closed)
    assert title in said


def test_the_desk_works_on_clients_that_know_submit_only(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("talk to a person"))
        await t.drain()
        name, claim = newest(teams, "desk.claim")

        async def submitted(action: Json, **typed: str) -> int:
            data = {**action["fallback"]["data"], **typed}
            sent = teams.activity("message", "sam.ortiz", value=data, replyToId=name)
            status = (await t.send(teams.in_channel(sent, DESK, name))).status_code
            await t.drain()
            return status

        statuses = [await submitted(claim)]
        held = words(now(teams, name))
        field = buttons(now(teams, name))["Send answer"]["data"]["secdesk"]["inputs"][0]
        statuses.append(await submitted(buttons(now(teams, name))["Send answer"], **{field: "Try it again now."}))
        statuses.append(await submitted(buttons(now(teams, name))["Resolve"]))
        return statuses, held, now(teams, name)

    statuses, held, card = run(app, teams, script)
    assert [200] * 3 == statuses
    assert "Held by:  Sam Ortiz" in held
    assert ["Reopen"] == list(buttons(card))
    told = " ".join(words(card) for card in teams.cards("a:dana.reyes"))
    assert ("Try it again now." in told, "SEC-101 is closed." in told) == (True, True)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("press", ("type", "application/vnd.microsoft.activity.message")), ("dialog", ("task", "message"))],
)
def test_an_invoke_that_takes_long_is_answered_in_its_own_shape(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch, kind: str, shape: tuple[str, str]
) -> None:
    monkeypatch.setattr(teams_turns, "ANSWERED_BY", 0.05)
    real = app.desk.handle
    monkeypatch.setattr(app.desk, "handle", lambda message: (time.sleep(0.3), real(message))[1])
    payload = {
        "id": "1",
        "from": {"user": {"displayName": "Mallory"}},
        "body": {"content": "log in", "contentType": "text"},
    }
    value = {"commandId": "reportMessage", "messagePayload": payload, "data": {}}
    mine = {
        "type": "Action.Execute",
        "verb": "tickets.mine",
        "data": {"secdesk": {"action": "tickets.mine", "value": ""}},
    }

    async def script(t: Driver) -> Any:
        asked = teams.press(mine, "m0")
        if kind == "dialog":
            asked = teams.activity("invoke", name="composeExtension/submitAction", value=value)
        return (await t.send(asked)).json()

    answer = run(app, teams, script)
    name, wanted = shape
    assert wanted == (answer[name] if name == "type" else answer[name]["type"])
    assert "I am still on it." in str(answer)
    assert 1 == len(teams.cards("a:dana.reyes"))
