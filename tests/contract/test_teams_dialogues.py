"""The dialogues of `tests/dialogues/*.yaml`, unchanged, through the Teams endpoint: what is read is what the cards show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import App
from bot.app.contents import Contents
from tests.contract.test_dialogues import FILES, FOLDER, happened
from tests.fakes.teams import FakeTeams, Json, member, running
from tests.fakes.teams_app import DESK, Driver, buttons, make, run, shared_contents, words
from tests.fakes.teams_cards import faults
from tests.warm import warm_cache

STRANGER = "sasha.outside"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTeams]:
    with running(FakeTeams(examine=faults)) as fake:
        yield fake


@pytest.fixture(scope="module")
def contents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return shared_contents(tmp_path_factory.mktemp("contents"), warm_cache(request.config))


@pytest.fixture
def app(server: FakeTeams, tmp_path: Path, contents: Contents) -> Iterator[App]:
    for kept in (server.calls, server.faults, server.messages, server.members):
        kept.clear()
    server.files = dict(FILES)
    server.members[f"29:{STRANGER}"] = member(STRANGER, userRole="guest")
    server.wrong.clear()
    made = make(tmp_path, server, contents)
    yield made
    made.close()
    assert [] == server.wrong, "every card that is sent is valid"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_dialogue(path: Path, app: App, server: FakeTeams) -> None:
    turns = yaml.safe_load(path.read_text("utf-8"))["turns"]

    async def script(t: Driver) -> None:
        for number, turn in enumerate(turns, 1):
            said = await played(t, {**turn, "who": turn["who"] or STRANGER})
            for wanted in [*turn.get("expects", []), *turn.get("told", [])]:
                assert wanted in said, f"turn {number}: {wanted!r} is not in:\n{said}"
            for unwanted in turn.get("not", []):
                assert unwanted not in said, f"turn {number}: {unwanted!r} is in:\n{said}"

    run(app, server, script)
    assert app.verify_audit().ok


async def played(t: Driver, turn: dict[str, Any]) -> str:
    """What the person reads after a turn."""
    who, before = turn["who"], len(mine(t, turn["who"]))
    if await asyncio.to_thread(happened, t.app, turn):
        return ""
    if "desk" in turn:
        await desk(t, turn["desk"], who, turn.get("text", ""))
        return ""
    if "told" in turn:
        await t.drain()
        await t.drain()
        return "\n".join(shown(card) for _, card in mine(t, who)[-2:])
    if "presses" in turn:
        name, card = next((n, c) for n, c in reversed(mine(t, who)) if turn["presses"] in buttons(c))
        await t.send(t.teams.press(buttons(card)[turn["presses"]], name, who))
    elif "sends" in turn:
        content = {"downloadUrl": f"{t.teams.base}/files/{turn['sends']}"}
        kind = "application/vnd.microsoft.teams.file.download.info"
        sent = {"contentType": kind, "name": turn["sends"], "content": content}
        await t.send(t.teams.message("", who, attachments=[sent]))
    else:
        await t.send(t.teams.message(turn["says"], who))
    return "\n".join(shown(card) for _, card in mine(t, who)[before:])


async def desk(t: Driver, verb: str, who: str, text: str) -> None:
    """What the desk does, in its channel: a button of the card, or words in its thread."""
    await t.drain()
    name, card = next((n, c) for n, c in cards(t) if "SEC-101 ·" in words(c) and "Send answer" in buttons(c))
    title = {"claim": "Claim", "resolve": "Resolve"}.get(verb)
    if title and not text:
        await t.send(t.teams.in_channel(t.teams.press(buttons(card)[title], name, who), DESK, name))
    elif verb in {"reply", "note"}:
        mark = "note: " if verb == "note" else ""
        await t.send(t.teams.in_channel(t.teams.message(mark + text, who), DESK, name))
    else:
        analyst = t.app.person(who)
        t.app.work(lambda work: getattr(t.app.tickets, verb)(work, "SEC-101", analyst, text))


def cards(t: Driver) -> list[tuple[str, Json]]:
    """Every message as it is now."""
    return [
        (name, body["attachments"][0]["content"]) for name, body in t.teams.messages.items() if body.get("attachments")
    ]


def mine(t: Driver, who: str) -> list[tuple[str, Json]]:
    """The messages of a person's chat, oldest first."""
    posts = [call for call in t.teams.calls if call.method == "POST" and call.path.endswith("/activities")]
    names = [name for name, call in zip(t.teams.messages, posts, strict=False) if f"a:{who}/" in call.path]
    return [(name, card) for name, card in cards(t) if name in names]


def shown(card: Json) -> str:
    """What a card shows: its words and its buttons."""
    return "\n".join([" ".join(words(card).split()), *buttons(card)])
