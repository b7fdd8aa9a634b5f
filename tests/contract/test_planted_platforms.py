"""Secrets through the edges of Slack and Teams, in payloads as the platforms send them: afterwards they are in no column of the
database, log line, metric or span, and in nothing that we have sent.

A message that somebody reports is kept as it came, sealed: it is evidence. That is the one place that is left out.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters import tracing
from adapters.channels.teams_dialogs import PROPOSE_COMMAND, REPORT_COMMAND
from bot.app import App, build
from bot.app.contents import Contents
from tests.contract.test_planted_secrets import SAID
from tests.contract.test_planted_secrets import logs as logs  # noqa: PLC0414 (a fixture)
from tests.contract.test_whole_life import everything
from tests.fakes import slack_app, slack_house, teams_app
from tests.fakes.desk import InProcess
from tests.fakes.slack import GENERAL, FakeSlack
from tests.fakes.teams import FakeTeams
from tests.fakes.teams import running as teams_running

server, slack, contents = slack_house.server, slack_house.slack, slack_house.contents
Json = dict[str, Any]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    stop = tracing.start("one", kept)
    yield kept
    stop()


def flat(text: str) -> str:
    return text.replace("\n", " ").replace("/", " ")


def left(app: App, logs: io.StringIO, spans: InMemorySpanExporter, metrics: str, sent: str) -> list[tuple[str, str]]:
    """(where, which secret) is left."""
    house: Any = SimpleNamespace(db=app.db, rows=app.db.query, folder=app.settings.data, app=app)
    places = [(line.partition(":")[0], line) for line in everything(house).split("\0")]
    traced = "\n".join(one.to_json() for one in spans.get_finished_spans())
    places += [("log", logs.getvalue()), ("span", traced), ("metric", metrics), ("sent", sent)]
    assert [] == [name for name, text in places if name in ("log", "span", "metric", "sent") and not text]
    secrets = [one for _, secret in SAID for one in {secret, secret.replace(" ", "")}]
    return sorted(
        (name, secret) for name, text in places for secret in secrets if secret in text and name != "mail.body"
    )


async def through_slack(t: slack_app.Driver) -> None:
    slack, dana = t.slack, t.people["dana.reyes"]
    for number, (said, _) in enumerate(SAID):
        await t.say("dana.reyes", said)  # a direct message
        await t.tell(slack.mention(dana, said))  # in a channel
        thread = slack.message(dana, said)
        await t.tell(slack.changed(thread, f"{said} {number}"))  # an edit, which brings both texts
        await t.tell(slack.deleted(thread))
        await t.tell(
            slack.upload(dana, f"{flat(said)}.txt", said.encode(), said)
        )  # a file, its name, and words with it
        await t.send(slack.command(dana, said))  # /secdesk
        await t.send(slack.shortcut(dana, "report_message", slack.message(t.people["jonas.keller"], said, GENERAL)))
        await t.drain()
    # typed into a dialog: every input of the last one that was opened
    ticket = (await t.say("dana.reyes", "I want to talk to a person"))[-1]
    label = next((one for one in slack_app.buttons(ticket) if "person" in one.casefold()), "")
    if label:
        await t.press("dana.reyes", ticket, label)
    for view in list(slack.views.values()):
        for said, _ in SAID:
            names = [block["element"]["action_id"] for block in view["blocks"] if block["type"] == "input"]
            await t.send(slack.submit(dana, view, **{name: said for name in names if "select" not in name}))
    await t.drain()


def test_through_slack_a_secret_is_nowhere(
    slack: FakeSlack, tmp_path: Path, contents: Contents, logs: io.StringIO, spans: InMemorySpanExporter
) -> None:
    app = slack_app.make(tmp_path, slack, contents)
    metrics: list[str] = []

    async def script(t: slack_app.Driver) -> None:
        await through_slack(t)
        metrics.append(t.edge._metrics.text().decode())

    try:
        slack_app.run(app, slack, script)
        sent = json.dumps([slack.messages, list(slack.views.values()), slack.homes], ensure_ascii=False)
        assert [] == left(app, logs, spans, metrics[0], sent)
        assert {"slack"} == {row["channel"] for row in app.db.query("SELECT DISTINCT channel FROM delivery")}
        assert len(app.db.query("SELECT id FROM utterance WHERE text LIKE '%[removed: %'")) >= len(SAID)
        assert 0 < app.db.query("SELECT COUNT(*) AS n FROM mail")[0]["n"]
    finally:
        app.close()


def invoke(teams: FakeTeams, name: str, value: Json, user: str) -> Json:
    return teams.activity("invoke", user, name=f"composeExtension/{name}", value=value)


async def through_teams(t: teams_app.Driver, answers: list[str]) -> None:
    teams = t.teams
    for number, (said, _) in enumerate(SAID):
        message = teams.message(said)
        await t.send(message)
        await t.send(teams.mention(teams.in_channel(teams.message(said))))
        edit = {"eventType": "editMessage"}
        await t.send({**message, "type": "messageUpdate", "channelData": {**message.get("channelData", {}), **edit}})
        if number % 3:  # each of the rest goes through a pace of its own
            continue
        teams.files[f"f{number}"] = said.encode()
        file = {"contentType": "application/vnd.microsoft.teams.file.download.info", "name": f"{flat(said)}.txt",
                "content": {"downloadUrl": f"{teams.base}/files/f{number}", "uniqueId": "u", "fileType": "txt"}}  # fmt: skip
        await t.send(teams.message(said, attachments=[file]))
        reported = {
            "id": f"17{number:011}", "messageType": "message", "createdDateTime": "2030-03-17T10:00:00.000Z", "attachments": [],
            "linkToMessage": "https://teams.microsoft.com/l/message/1700", "from": {"user": {"id": "x", "displayName": "Jonas"}},
            "body": {"contentType": "html", "content": f"<p>{said}</p>"},
        }  # fmt: skip
        for command, user in ((REPORT_COMMAND, "dana.reyes"), (PROPOSE_COMMAND, "sam.ortiz")):
            value = {"commandId": command, "commandContext": "message", "messagePayload": reported}
            dialog = await t.send(invoke(teams, "fetchTask", value, user))
            receipt = await t.send(invoke(teams, "submitAction", {**value, "data": {"comment.2": said}}, user))
            answers += [dialog.text, receipt.text]
    await t.drain()
    for name, card in list(teams.messages.items()):
        for attached in card.get("attachments", ()):
            for action in teams_app.buttons(attached.get("content", {})).values():
                typed = {"text": SAID[0][0], "note": SAID[0][0], "why": SAID[0][0]}
                await t.send(teams.press(action, name, typed=typed))
        if int(name.removeprefix("m")) > 12:
            break
    await t.drain()


def test_through_teams_a_secret_is_nowhere(
    tmp_path: Path, contents: Contents, logs: io.StringIO, spans: InMemorySpanExporter
) -> None:
    with teams_running() as teams:
        app = build(teams_app.settings(tmp_path, teams), contents=contents, examiner=InProcess())
        metrics: list[str] = []
        answers: list[str] = []

        async def script(t: teams_app.Driver) -> None:
            await through_teams(t, answers)
            metrics.append(t.edge._metrics.text().decode())

        try:
            teams_app.run(app, teams, script)
            sent = json.dumps([teams.messages, [json.loads(one) for one in answers if one]], ensure_ascii=False)
            assert [] == left(app, logs, spans, metrics[0], sent)
            assert {"teams"} == {row["channel"] for row in app.db.query("SELECT DISTINCT channel FROM delivery")}
            assert len(app.db.query("SELECT id FROM utterance WHERE text LIKE '%[removed: %'")) >= len(SAID)
            assert 0 < app.db.query("SELECT COUNT(*) AS n FROM mail")[0]["n"]
        finally:
            app.close()
