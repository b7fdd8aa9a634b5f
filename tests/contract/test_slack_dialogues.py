"""The dialogues of `tests/dialogues/*.yaml`, unchanged, through Slack's endpoint: what is read is what the messages show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.channels.slack_text import unescape
from bot.app import App
from tests.contract.test_dialogues import FILES, FOLDER, happened
from tests.fakes import slack_house
from tests.fakes.slack import DESK, FakeSlack, Json
from tests.fakes.slack_app import Driver, buttons, run, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_dialogue(path: Path, app: App, slack: FakeSlack) -> None:
    turns = yaml.safe_load(path.read_text("utf-8"))["turns"]

    async def script(t: Driver) -> None:
        t.people[""] = slack.user("sasha.outside", "sasha@elsewhere.example", is_ultra_restricted=True)
        for who in {turn["who"] for turn in turns}:
            t.people.setdefault(who, slack.user(who))
        for number, turn in enumerate(turns, 1):
            said = await played(t, turn)
            for wanted in [*turn.get("expects", []), *turn.get("told", [])]:
                assert wanted in said, f"turn {number}: {wanted!r} is not in:\n{said}"
            for unwanted in turn.get("not", []):
                assert unwanted not in said, f"turn {number}: {unwanted!r} is in:\n{said}"

    run(app, slack, script)
    assert app.verify_audit().ok


async def played(t: Driver, turn: dict[str, Any]) -> str:
    """What the person reads after a turn."""
    who = turn["who"]
    if await asyncio.to_thread(happened, t.app, turn):
        return ""
    if "desk" in turn:
        await desk(t, turn["desk"], who, turn.get("text", ""))
        return ""
    before = len(t.mine(who))
    if "told" in turn:
        await t.drain()
        return read(t.mine(who)[-2:])
    if "presses" in turn:
        asked = next(message for message in reversed(t.mine(who)) if turn["presses"] in buttons(message))
        await t.press(who, asked, turn["presses"])
        if len(t.mine(who)) == before:  # a form came first
            await t.submit(who, t.last_view())
    elif "sends" in turn:
        await t.tell(t.slack.upload(t.people[who], turn["sends"], FILES[turn["sends"]]))
    else:
        await t.say(who, turn["says"])
    return read(t.mine(who)[before:])


async def desk(t: Driver, verb: str, who: str, text: str) -> None:
    """What the desk does, in its channel: a button of the card, or words in its thread."""
    await t.drain()
    card = next(message for message in t.slack.posted(DESK) if "SEC-101 ·" in shown([message]))
    label = {"claim": "Claim", "resolve": "Resolve"}.get(verb)
    if label and not text:
        await t.press(who, card, label)
    elif verb in {"reply", "note"}:
        mark = "note: " if verb == "note" else ""
        await t.say(who, mark + text, DESK, thread_ts=card["ts"])
    else:
        analyst = t.app.person(who)
        t.app.work(lambda work: getattr(t.app.tickets, verb)(work, "SEC-101", analyst, text))


def read(messages: list[Json]) -> str:
    """What messages show, their buttons too, as people read it."""
    texts = [
        *(shown([message]) for message in messages),
        *(label for message in messages for label in buttons(message)),
    ]
    return unescape("\n".join(texts)).replace("*", "")
