"""Proposing an answer from a message's menu in Teams: the form, what is wrong with it, how it will look, and that it is kept."""

from __future__ import annotations

from typing import Any

from bot.app import App
from tests.fakes import teams_fixtures as fixtures
from tests.fakes.teams import FakeTeams, Json
from tests.fakes.teams_app import Driver, run, words

app, contents, server, teams = fixtures.app, fixtures.contents, fixtures.server, fixtures.teams
ASKED = "Where do I leave old phones?"
FILLED = {
    "title": "Where do I leave old phones?",
    "questions": "where do i leave old phones\nold phone where\nreturn my old phone\nwhat about a broken phone\nphone recycling",
    "short": "Bring them to the service desk. They wipe and recycle them.",
    "steps": "", "do_not": "", "ring": "", "group": "devices", "severity": "S0", "source": "NCSC: Erasing personal data",
}  # fmt: skip


def menu(teams: FakeTeams, name: str, user: str = "sam.ortiz", **more: Any) -> Json:
    payload = {
        "id": "1700",
        "from": {"user": {"displayName": "Dana"}},
        "body": {"contentType": "text", "content": ASKED},
    }
    value = {"commandId": "proposeAnswer", "messagePayload": payload, **more}
    return teams.activity("invoke", user, name=f"composeExtension/{name}", value=value)


def shown(answer: Any) -> Json:
    found: Json = answer.json()["task"]["value"]["card"]["content"]
    return found


def inputs(card: Json) -> dict[str, Json]:
    return {item["id"].partition(".")[0]: item for item in card["body"] if item["type"].startswith("Input.")}


def sent(card: Json, typed: Json) -> Json:
    """What the dialog sends: the data of its button, and what stands in its fields."""
    action = card["body"][-1]["actions"][-1]
    assert "Action.Submit" == action["type"]
    return {**action["data"], **{field["id"]: typed[name] for name, field in inputs(card).items() if name in typed}}


def group_of(card: Json) -> str:
    return str(inputs(card)["group"]["choices"][0]["value"])


def test_the_desk_makes_an_answer_of_a_message(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        form = shown(await t.send(menu(teams, "fetchTask")))
        typed = {**FILLED, "group": group_of(form)}
        wrong = shown(await t.send(menu(teams, "submitAction", data=sent(form, {**typed, "title": "", "short": ""}))))
        preview = shown(await t.send(menu(teams, "submitAction", data=sent(wrong, typed))))
        kept = app.db.query("SELECT * FROM proposal")
        done = shown(await t.send(menu(teams, "submitAction", data=sent(preview, typed))))
        return form, wrong, preview, kept, done

    form, wrong, preview, before, done = run(app, teams, script)
    assert (ASKED, ASKED) == (inputs(form)["title"]["value"], inputs(form)["questions"]["value"])
    assert FILLED["questions"] == inputs(wrong)["questions"]["value"]
    assert words(wrong) != words(form)
    assert "This is how people will see it." in words(preview)
    assert FILLED["short"] in words(preview)
    assert [] == before
    assert "waits in answers/where-do-i-leave-old-phones.yaml for a second person to approve it" in words(done)
    assert ["where-do-i-leave-old-phones"] == [row["entry"] for row in app.db.query("SELECT entry FROM proposal")]
    assert "for a second person to approve it" in words(teams.cards("a:sam.ortiz")[-1])


def test_nobody_else_may(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> list[Json]:
        form = shown(await t.send(menu(teams, "fetchTask")))
        stolen = {**sent(form, {**FILLED, "group": group_of(form)}), "seen": True}
        refused = [menu(teams, "fetchTask", "dana.reyes"), menu(teams, "submitAction", "dana.reyes", data=stolen)]
        return [(await t.send(one)).json()["task"] for one in refused]

    only = {"type": "message", "value": "Only the help desk can propose answers."}
    assert [only, only] == run(app, teams, script)
    assert [] == app.db.query("SELECT * FROM proposal")


def test_bent_data_proposes_nothing(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> list[str]:
        bent: list[Any] = [
            None,
            [],
            {},
            {"secdesk": {"action": "desk.claim", "value": "SEC-1"}},
            {"secdesk": 5, "seen": True},
        ]
        return [(await t.send(menu(teams, "submitAction", data=data))).json()["task"]["type"] for data in bent]

    assert ["message"] * 5 == run(app, teams, script)
