"""Messages that are edited or taken back in Teams, and answers in a channel's thread that do not name us."""

from __future__ import annotations

from typing import Any

from bot.app import App
from tests.fakes import teams_fixtures as fixtures
from tests.fakes.teams import FakeTeams, Json
from tests.fakes.teams_app import DESK, Driver, run, words

app, contents, server, teams = fixtures.app, fixtures.contents, fixtures.server, fixtures.teams
TEAM = "19:team@thread.tacv2"


def edited(message: Json, text: str, at: str = "2026-11-24T10:05:00.000Z") -> Json:
    return {**message, "type": "messageUpdate", "text": text, "timestamp": at,
            "channelData": {**message["channelData"], "eventType": "editMessage"}}  # fmt: skip


def deleted(message: Json) -> Json:
    data = {**message["channelData"], "eventType": "softDeleteMessage"}
    return {
        **{key: value for key, value in message.items() if key != "text"},
        "type": "messageDelete",
        "channelData": data,
    }


def shown(teams: FakeTeams, name: str) -> str:
    return words(teams.messages[name]["attachments"][0]["content"])


def test_an_edited_question_is_answered_where_its_answer_stands(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> list[str]:
        question, seen = teams.message("how do I report a phishing mail?"), list[str]()
        await t.send(question)
        for minute, text in enumerate(("vpn will not connect", "how do I report a phishing mail?")):
            again = edited(question, text, f"2026-11-24T10:0{minute}:00.000Z")
            await t.send(again)
            await t.send(again)  # delivered twice
            seen.append(shown(teams, "m1"))
        return seen

    first, second = run(app, teams, script)
    assert ("VPN will not connect" in first, "How do I report a suspicious email?" in second) == (True, True)
    assert 1 == len(teams.posted("a:dana.reyes"))


def test_what_is_taken_back_is_gone_at_the_desk_too(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("talk to a person"))
        await t.drain()
        said = teams.message("my badge is gone since monday")
        await t.send(said)
        await t.drain()
        before = "since monday" in str(list(teams.messages.values()))
        posted = len(teams.posted("a:dana.reyes"))
        await t.send(deleted(said))
        await t.drain()
        return before, "since monday" in str(list(teams.messages.values())), len(teams.posted("a:dana.reyes")) - posted

    assert (True, False, 0) == run(app, teams, script)
    assert not any("since monday" in event.text for event in app.tickets.timeline("SEC-101"))


def test_what_the_desk_edits_in_a_thread_was_sent_already(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.message("talk to a person"))
        await t.drain()
        name = next(name for name, message in teams.messages.items() if "SEC-101 ·" in str(message))
        wrote = teams.in_channel(teams.message("Which mail?", "sam.ortiz"), DESK, name)
        await t.send(wrote)
        await t.send(edited(wrote, "note: never mind"))
        await t.drain()

    run(app, teams, script)
    assert 1 == sum("Which mail?" in words(card) for card in teams.cards("a:dana.reyes"))
    assert [] == [event for event in app.tickets.timeline("SEC-101") if event.kind == "note"]


def test_of_edits_by_people_we_have_never_met_nobody_is_asked(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        chatter = teams.in_channel(teams.message("I clicked on a link and typed my password"), TEAM)
        await t.send(edited(chatter, "nothing"))
        await t.send(deleted(chatter))

    run(app, teams, script)
    assert ([], []) == (teams.posted(), teams.asked("/members/"))


def test_an_answer_to_our_question_in_a_thread_need_not_name_us(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        asked = teams.in_channel(teams.mention(teams.message("talk to a person")), TEAM, "17")
        await t.send(asked)
        before = len(teams.posted())
        await t.send(teams.in_channel(teams.message("my screen flickers", "jonas.keller"), TEAM, "17"))
        await t.send(teams.in_channel(teams.message("my screen flickers"), TEAM, "18"))
        silent = len(teams.posted())
        await t.send(teams.in_channel(teams.message("my screen flickers"), TEAM, "17"))
        return silent - before, [words(card) for card in teams.cards(f"{TEAM};messageid=17")][-1]

    assert (0, "Added to SEC-101. The team sees it.") == run(app, teams, script)
