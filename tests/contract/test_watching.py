"""What watches people is off until there is an agreement on it; what is on leaves nothing in the conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.cards import Card, as_text, dump, pressables
from bot.learning.privacy import MODULES, allowed, state_key
from bot.model import Action
from bot.ports import Db
from bot.turn import Turn, place_key
from tests.contract import test_attendance as course
from tests.contract.test_nudges import DANA, ORGANISATION, RIGHT, SAM, WRONG, House, button
from tests.fakes.lessons import PAGES, lesson, library

AGREED = {"works_agreement": "BV 7"}


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def without(turn: Turn) -> Turn:
    """The turn of somebody whose legal entity has no agreement."""
    return replace(turn, values={name: value for name, value in turn.values.items() if name != "works_agreement"})


def press(house: House, card: Card, label: str, who: object = DANA) -> Card:
    pressed = button(card, label)
    person = SAM if who is SAM else DANA
    turn = without(house.turn(Action(pressed.action, pressed.value, {"typed": label}), person=person))
    effect = house.nudges.respond(turn)
    assert effect is not None
    return house.run(effect)


def kept(house: House) -> list[int]:
    return [house.db.query(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] for table in TABLES]


TABLES = ("lesson_answer", "memory", "attendance", "topic_asked")


def test_without_an_agreement_only_tips_run() -> None:
    assert [name for name in MODULES if allowed(PAGES, name, {})] == ["tips"]
    assert [name for name in MODULES if allowed(PAGES, name, {"works_agreement": " "})] == ["tips"]
    assert [name for name in MODULES if not allowed(PAGES, name, AGREED)] == []
    assert not allowed({}, "tips", AGREED)  # without a page it may not run


def test_a_module_can_be_off_with_an_agreement_too() -> None:
    pages = {**PAGES, "answers": PAGES["answers"].model_copy(update={"on": False})}
    assert not allowed(pages, "answers", AGREED)
    states = [state_key(pages, "answers", AGREED), *(state_key(pages, "topics", who) for who in (AGREED, {}))]
    assert states == ["privacy.off", "privacy.on", "privacy.waits"]


def test_the_page_says_how_it_stands_for_whoever_reads_it(house: House) -> None:
    pages = house.type("what do you keep")
    assert len(list(pressables(pages))) == len(PAGES)
    page = house.press(button(pages, "Answers"))
    assert as_text(page).splitlines()[0] == "Answers"
    assert f"It is on for you, by agreement: {ORGANISATION.values()['works_agreement']}." in as_text(page)
    assert "It is off for you: there is no works agreement on it." in as_text(press(house, pages, "Answers"))


def test_without_an_agreement_an_answer_gets_its_feedback_and_is_not_kept(house: House) -> None:
    house.send(only={"p_dana"})
    sent = house.cards()[0]
    told = as_text(press(house, sent, RIGHT))
    assert told.startswith("Yes. That is it.")
    again = as_text(press(house, sent, WRONG))
    assert again.startswith("You have answered this one. Which answer counts is not kept.")
    assert (house.rows()[0]["state"], kept(house)) == ("answered", [0, 0, 0, 0])


def test_without_an_agreement_a_course_is_gone_through_and_nothing_is_on_record(db: Db) -> None:
    house = House(db, content=course.content())
    overview = house.type("My course", SAM)
    first = press(house, overview, "Start", SAM)
    told = press(house, first, RIGHT, SAM)
    assert "This is not on record: there is no agreement on it here yet." in as_text(told)
    second = press(house, told, "Next section", SAM)
    assert (first.source, second.source) == ("it-first", "it-second")
    assert list(pressables(press(house, second, RIGHT, SAM))) == []
    assert kept(house) == [0, 0, 0, 0]


def test_an_answer_does_not_stay_in_the_conversation(house: House) -> None:
    house.send(only={"p_dana"})
    sent = house.cards()[0]
    turn = house.turn(Action("learning.answer", button(sent, WRONG).value, {"typed": WRONG}))
    effect = house.nudges.respond(turn)
    assert effect is not None

    def handle(work: object) -> None:
        house.core.add_utterance(work.tx, said(turn, "in", WRONG, ""))  # type: ignore[attr-defined]
        card = effect(work)  # type: ignore[arg-type]
        house.core.add_utterance(work.tx, said(turn, "out", as_text(card), dump(card)))  # type: ignore[attr-defined]

    house.run(handle)
    lines = house.core.conversation("p_dana", place_key(turn.place), 10)
    assert WRONG not in str([line for line in lines if line["direction"] == "in"])
    house.now += 3600
    house.run(house.nudges.tidy)
    assert "Press Deny first." in str(house.core.conversation("p_dana", place_key(turn.place), 10))
    house.now += 86_400
    house.run(house.nudges.tidy)
    left = str(house.db.query("SELECT text, card FROM utterance WHERE person = 'p_dana' AND at >= :at", at=turn.at))
    assert "Press Deny first." not in left


def said(turn: Turn, direction: str, text: str, card: str) -> dict[str, object]:
    return {
        "id": f"u-{direction}", "person": turn.person.key, "place": place_key(turn.place), "direction": direction,
        "text": text, "card": card, "delivery": "", "ticket": "", "at": turn.at,
    }  # fmt: skip


def test_who_is_held_out_gets_nothing_scheduled_but_what_is_required(db: Db) -> None:
    duty = lesson(
        "duty", obligation="mandatory", legal_basis="law", due_days=28, evidence="answer", works_agreement_ref="BV 1"
    )
    house = House(db)
    house.nudges = replace(house.nudges, held_out=lambda key, _values: key == "p_dana")
    assert (house.plan()["p_dana"].reason, house.plan()["p_sam"].reason) == ("held_out", "core")
    assert "You are drawn by lot into the comparison group" in as_text(house.type("my data"))
    assert "comparison group" not in as_text(house.type("my data", SAM))
    house.content = library(duty)
    assert house.plan()["p_dana"].lesson == "duty"
