"""Just in time, on the whole desk and both databases: a line under risky answers, journeys, a switch to another mail system."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cards import Button, Card, as_text, pressables
from bot.errors import ConfigError
from bot.learning.memory import DAY
from bot.learning.travel import take_journeys
from bot.turn import EmergencyRaised
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, House

contents, home, house = fakes.contents, fakes.home, fakes.house

ASKED = "May I put work data in ChatGPT?"


def foot(card: Card) -> list[Button]:
    return [button for button in pressables(card) if button.action == "learning.show"]


def decisions(house: House, who: str = DANA) -> list[tuple[str, str]]:
    assert house.app.nudges.decisions is not None
    return [(row["reason"], row["lesson"]) for row in house.app.nudges.decisions.of(house.key(who), 9)]


def test_a_risky_question_is_answered_first_and_has_one_line_with_its_lesson_once_in_a_month(house: House) -> None:
    card = house.say(DANA, ASKED).card
    assert card.source == "work-data-in-ai"
    assert [button.label for button in foot(card)] == ["Show the tip"]
    assert "Tip: Before you paste it into an AI tool" in as_text(card)
    assert decisions(house) == [("risky", "ai-tools-and-data")]
    house.clock.forward(60)
    assert foot(house.say(DANA, ASKED).card) == []
    house.clock.forward(31 * DAY)
    assert len(foot(house.say(DANA, ASKED).card)) == 1


def test_the_line_opens_the_lesson_and_its_question_counts_once(house: House) -> None:
    card = house.say(DANA, ASKED).card
    (line,) = foot(card)
    opened = house.press(DANA, line.action, line.value).card
    assert opened.title == "Before you paste it into an AI tool"
    options = [button for button in pressables(opened) if button.action == "learning.shown"]
    right = house.app.contents.lessons.current.lessons["ai-tools-and-data"].question.right
    pressed = next(button for button in options if button.value.endswith(f":{right.id}"))
    said = [as_text(house.press(DANA, pressed.action, pressed.value).card) for _ in range(2)]
    assert said[0] == said[1] == right.feedback["en"]
    memories = house.app.nudges.store.memories(house.key(DANA))
    assert [(memory.lesson, memory.reviews) for memory in memories] in ([], [("ai-tools-and-data", 1)])


@pytest.mark.parametrize("why", ["stopped", "emergency", "off", "test", "paused", "sent"])
def test_no_line_for_who_wants_none_is_in_trouble_or_while_tips_are_off(house: House, why: str) -> None:
    house.say(DANA, "hello")
    app, key = house.app, house.key(DANA)
    match why:
        case "stopped":
            house.say(DANA, "stop tips")
        case "emergency":
            app.work(lambda work: app.nudges.on_emergency(work, EmergencyRaised(key, "mfa", "SEC-9")))
        case "off":
            app.work(lambda work: app.nudges.switch_off(work, "boss"))
        case "test":
            app.work(lambda work: app.nudges.test(work, "boss"))
        case "paused":
            app.work(lambda work: app.nudges.pause(work, "boss", "ai-tools-and-data"))
        case "sent":
            order: dict[str, Any] = {"person": key, "due": "2030-03-17", "lesson": "ai-tools-and-data", "version": 2}
            more = {"language": "en", "kind": "scheduled", "reason": "role", "rules": "", "facts": "{}", "must": 0}
            row = {"id": "n1", "at": house.clock.now(), **order, **more}
            app.work(lambda work: app.nudges.store.add_nudge(work.tx, row))
    assert foot(house.say(DANA, ASKED).card) == []


def test_no_line_for_another_roles_lesson(house: House) -> None:
    assert foot(house.say(CLARA, ASKED).card) == []


def enrolled(house: House, who: str = DANA) -> list[tuple[str, str]]:
    sql = "SELECT lesson, reason FROM enrolment WHERE person = :person ORDER BY lesson"
    return [(row["lesson"], row["reason"]) for row in house.app.db.query(sql, person=house.key(who))]


def journeys(house: House, text: str) -> Any:
    app = house.app
    return take_journeys(text, app.nudges, app.nudges.triggers, app.work, app.identities.find, house.clock.now())


def test_a_list_of_journeys_brings_one_lesson_before_the_journey_once(house: House) -> None:
    rows = (
        "person,from,to\ndana.reyes,2030-04-20,2030-04-25\nnobody,2030-04-20,2030-04-25\ndana.reyes,soon,2030-01-01\n"
    )
    rows += "dana.reyes,2029-04-20,2029-04-25\n"
    for _ in range(2):
        taken = journeys(house, rows)
        assert (taken.journeys, taken.over) == (1, 1)
        assert [line for line, _ in taken.left] == [3, 4]
    mine = {name for name, reason in enrolled(house) if reason == "travel"}
    assert mine == {"exec-travel-device", "remote-work-and-wifi", "risk-device-at-the-border"}
    app, key = house.app, house.key(DANA)
    house.clock.at = 1_902_300_000.0  # 13 April, a week before
    (decision,) = app.nudges.plan(house.clock.now(), only={key})
    assert (decision.lesson, decision.reason, decision.kind) == ("remote-work-and-wifi", "travel", "triggered")
    house.clock.at = decision.when or 0
    assert len(app.nudges.send_now(app.work, house.clock.now(), at_once=False, only={key}).sent) == 1
    house.clock.forward(DAY)
    assert [item.reason for item in app.nudges.plan(house.clock.now(), only={key})] != ["travel"]


def test_after_the_journey_has_begun_its_lesson_comes_no_more(house: House) -> None:
    journeys(house, f"person,from,to\n{DANA},2030-04-20,2030-04-25\n")
    house.clock.at = 1_903_100_000.0  # 22 April
    (decision,) = house.app.nudges.plan(house.clock.now(), only={house.key(DANA)})
    assert decision.reason != "travel"


def test_a_file_that_is_no_list_of_journeys_is_refused(house: House) -> None:
    with pytest.raises(ConfigError, match="lacks from"):
        journeys(house, "person,start\n")


def test_who_asks_what_to_do_before_a_journey_gets_its_lesson_where_topics_may_be_kept(house: House) -> None:
    house.app.nudges.watch = lambda _module, _key: False
    house.say(DANA, "I am travelling abroad for work. What must I do first?")
    assert enrolled(house) == []  # nothing is kept of what people ask without an agreement
    house.app.nudges.watch = lambda _module, _key: True
    house.clock.forward(60)
    for _ in range(2):
        house.say(DANA, "I am travelling abroad for work. What must I do first?")
        house.clock.forward(60)
    assert ("remote-work-and-wifi", "travel") in enrolled(house)
    assert len([reason for _, reason in enrolled(house) if reason == "travel"]) == 3
