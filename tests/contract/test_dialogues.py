"""Dialogues as data: every `tests/dialogues/*.yaml` on the desk, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from bot.app import App
from bot.cards import as_text, load, pressables
from bot.learning.waves import Audience, Order
from bot.turn import place_key
from tests.fakes import desk as fakes
from tests.fakes.desk import House

contents, home, house = fakes.contents, fakes.home, fakes.house

FOLDER = Path(__file__).parent.parent / "dialogues"
FILES = {
    "phishing.eml": (
        b"From: PayPal <service@evil.example>\r\nTo: dana@northwind.example\r\nSubject: Urgent: verify your account\r\n"
        b"Content-Type: text/html\r\n\r\n<a href='http://203.0.113.4/login'>https://paypal.com</a> Enter your password now."
    ),
    "notes.pdf": b"%PDF-1.7\n%not a mail",
}
KEYS = {"who", "says", "presses", "sends", "desk", "text", "tip", "wave", "told", "expects", "not", "tone"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_dialogue(path: Path, house: House) -> None:
    dialogue = yaml.safe_load(path.read_text("utf-8"))
    assert dialogue["schema"] == "dialogue/1"
    assert dialogue["turns"]
    for number, turn in enumerate(dialogue["turns"], 1):
        assert set(turn) <= KEYS, (number, set(turn) - KEYS)
        said, tone = played(house, turn)
        for wanted in [*turn.get("expects", []), *turn.get("told", [])]:
            assert wanted in said, f"turn {number}: {wanted!r} is not in:\n{said}"
        for unwanted in turn.get("not", []):
            assert unwanted not in said, f"turn {number}: {unwanted!r} is in:\n{said}"
        if "tone" in turn:
            assert tone == turn["tone"], f"turn {number}:\n{said}"
    assert house.whole()


def played(house: House, turn: dict[str, Any]) -> tuple[str, str]:
    """What the person reads after a turn, and the tone of the card."""
    who = turn["who"]
    house.clock.forward(2)
    if happened(house.app, turn):
        return "", ""
    if "desk" in turn:
        house.act(turn["desk"], house.tickets()[0].number, who, *([turn["text"]] if "text" in turn else []))
        return "", ""
    if "told" in turn:
        house.settle()
        house.app.deliver_waiting()
        return "\n".join(as_text(card) for card in house.posts(who)[-2:]), ""
    if "presses" in turn:
        card = load(house.app.core.last_card(house.key(who), place_key(house.place(who))))
        assert turn["presses"] in [button.label for button in pressables(card)]
        reply = house.press_label(who, card, turn["presses"])
    elif "sends" in turn:
        reply = house.send(who, FILES[turn["sends"]], turn["sends"])
    else:
        reply = house.say(who, turn["says"])
    return as_text(reply.card), reply.card.tone


def happened(app: App, turn: dict[str, Any]) -> bool:
    """Whether a turn is something that comes by itself: a tip, or the day on which somebody's mail moves (at their noon)."""
    who, now = turn["who"], app.clock.now()
    if "tip" in turn:
        app.waves.start(app.work, "p_boss", Order(turn["tip"], Audience(people=frozenset({who})), at_once=True), now)
        assert app.waves.feed(app.work, now) == 1
    elif "wave" in turn:
        person, day = app.person(who), turn["wave"]
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(person.timezone))
        audience, today = Audience(people=frozenset({who})), datetime.fromtimestamp(now, UTC).date()
        app.work(lambda work: app.switchover.add(work, "p_boss", f"Wave of {who}", day, audience, today))
        assert app.switchover.look(app.work, noon.timestamp()) == 1
    else:
        return False
    return True
