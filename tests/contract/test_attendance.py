"""Courses end to end on both databases: open, go on, answer, and what is on record afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.stores.retention import SqlRetentionStore
from bot.cards import Button, Card, as_text, pressables
from bot.content import Faults, packaged_shelf
from bot.learning.memory import DAY
from bot.learning.shapes import Course, Library
from bot.ports import Db, Row
from bot.retention import load_retention
from tests.contract.test_nudges import DANA, SAM, House, button
from tests.fakes.lessons import curriculum, lesson

COURSE = Course(
    title={"en": "Security for administrators", "de": "Sicherheit für die Administration"},
    about={"en": "Two short sections."},
    roles=["it_helpdesk"],
    lessons=["it-first", "it-second"],
    valid_days=366,
    legal_basis={"en": "the law."},
    owner="awareness",
)


def content(**changes: object) -> Library:
    made = curriculum()
    sections = {name: lesson(name, roles=["it_helpdesk"], curriculum="course") for name in ("it-first", "it-second")}
    return replace(made, lessons={**made.lessons, **sections}, courses={"admins": COURSE.model_copy(update=changes)})


@pytest.fixture
def house(db: Db) -> House:
    return House(db, content=content())


def go_on(house: House) -> Card:
    return house.press(Button("", "learning.course", "admins:next"), SAM)


def right(card: Card) -> Button:
    return button(card, "Press Deny and tell us")


def rows(house: House) -> list[Row]:
    return house.nudges.store.attendance("p_sam")


def test_a_course_is_gone_through_section_by_section(house: House) -> None:
    overview = house.type("My course", SAM)
    assert as_text(overview).splitlines()[:2] == ["Security for administrators", "Two short sections."]
    assert "0 of 2 sections attended." in as_text(overview)
    assert "Why attendance is on record: the law." in as_text(overview)
    first = house.press(button(overview, "Start"), SAM)
    assert (first.title, first.source) == ("1 of 2: A prompt you did not start", "it-first")
    told = house.press(right(first), SAM)
    assert "On record: you attended this section on 2026-11-24. What you answered is not." in as_text(told)
    assert "1 of 2 sections attended." in as_text(told)
    second = house.press(button(told, "Next section"), SAM)
    assert second.source == "it-second"
    done = house.press(right(second), SAM)
    assert "All 2 sections attended, the last on 2026-11-24. That counts until 2027-11-25." in as_text(done)
    assert list(pressables(done)) == []


def test_what_is_on_record_is_who_which_and_when_and_no_answer(house: House) -> None:
    house.press(button(go_on(house), "Press Approve, since they sound sure"), SAM)
    assert rows(house) == [{"person": "p_sam", "course": "admins", "lesson": "it-first", "version": 1, "at": house.now}]
    assert house.auditor.actions == ["learning.attended"]


def test_answering_twice_in_a_day_is_one_attendance(house: House) -> None:
    section = go_on(house)
    house.press(right(section), SAM)
    again = house.press(button(section, "Not sure"), SAM)
    assert (len(rows(house)), house.auditor.actions) == (1, ["learning.attended"])
    assert "When in doubt, press Deny." in as_text(again)
    memory = next(item for item in house.nudges.store.memories("p_sam") if item.lesson == "it-first")
    assert (memory.reviews, memory.rights) == (1, 1)


def test_a_course_is_only_for_its_roles(house: House) -> None:
    section = go_on(house)
    assert "There is no course for your role." in as_text(house.type("course", DANA))
    assert "There is no course for your role." in as_text(
        house.press(Button("", "learning.course", "admins:next"), DANA)
    )
    assert "This question is closed." in as_text(house.press(right(section), DANA))
    assert house.nudges.store.attendance() == []


@pytest.mark.parametrize(
    "value",
    ["", "admins", "admins:it-first", "admins:it-first:9:b", "admins:it-first:x:b", "other:it-first:1:b", "a:b:1:zz"],
)
def test_a_press_that_fits_nothing_is_closed(house: House, value: str) -> None:
    go_on(house)
    assert "This question is closed." in as_text(house.press(Button("", "learning.section", value), SAM))
    assert rows(house) == []


def test_after_a_year_it_starts_again_and_the_old_rows_stay(house: House) -> None:
    house.press(right(go_on(house)), SAM)
    house.now += 367 * DAY
    assert "0 of 2 sections attended." in as_text(house.type("course", SAM))
    house.press(right(go_on(house)), SAM)
    assert [row["lesson"] for row in rows(house)] == ["it-first", "it-first"]


def test_a_section_that_was_edited_counts_as_it_was_asked(house: House) -> None:
    section = go_on(house)
    edited = lesson("it-first", version=2, roles=["it_helpdesk"], curriculum="course")
    house.content = replace(house.content, lessons={**house.content.lessons, "it-first": edited})
    house.press(right(section), SAM)
    assert [row["version"] for row in rows(house)] == [1]


def test_a_section_that_was_retired_while_open_is_recorded_and_no_longer_asked(house: House) -> None:
    section = go_on(house)
    gone = lesson("it-first", status="retired", roles=["it_helpdesk"], curriculum="course")
    house.content = replace(house.content, lessons={**house.content.lessons, "it-first": gone})
    house.press(right(section), SAM)
    assert (len(rows(house)), go_on(house).source) == (1, "it-second")


def test_the_ordinary_answer_to_a_lesson_of_the_course_is_attendance_too(house: House) -> None:
    house.content = content(lessons=["core-1", "it-second"])
    house.send(only={"p_sam"})
    house.press(right(house.cards(SAM)[0]), SAM)
    assert [row["lesson"] for row in rows(house)] == ["core-1"]


def test_a_section_without_its_value_is_not_asked(house: House) -> None:
    lacking = lesson("it-first", roles=["it_helpdesk"], curriculum="course", placeholders=["nobody_set_this"])
    house.content = replace(house.content, lessons={**house.content.lessons, "it-first": lacking})
    assert (go_on(house).title, "0 of 1 sections attended." in as_text(house.type("course", SAM))) == (
        "1 of 1: A prompt you did not start",
        True,
    )


def test_the_roll_lists_everybody_in_the_course(house: House) -> None:
    house.press(right(go_on(house)), SAM)
    found = house.nudges.attendance(house.now)
    assert [(item.course, item.person.key, item.done, item.total, item.last, item.complete) for item in found] == [
        ("admins", "p_sam", 1, 2, house.now, False)
    ]


def test_own_data_shows_it_and_deleting_answers_leaves_it(house: House) -> None:
    house.press(right(go_on(house)), SAM)
    data = as_text(house.type("my data", SAM))
    assert "Security for administrators: 1 of 2 sections attended." in data
    assert "It stays when you delete your answers." in data
    house.press(Button("", "learning.mydata", "erase-yes"), SAM)
    assert (len(rows(house)), house.nudges.store.memories("p_sam")) == (1, [])
    assert "attended" not in as_text(house.type("my data", DANA))


def test_forgetting_takes_it_away_and_three_years_do(house: House) -> None:
    house.press(right(go_on(house)), SAM)
    kept = load_retention(packaged_shelf(), Faults())["attendance"].days
    assert 3 * 366 == kept
    store = SqlRetentionStore(house.db)
    found = [store.count("attendance", house.now + wait - kept * DAY) for wait in (kept * DAY - 10, kept * DAY + 10)]
    assert [0, 1] == found
    house.run(lambda work: house.nudges.forget(work, "p_sam"))
    assert rows(house) == []


def test_a_page_of_ones_own_leads_to_the_course(house: House) -> None:
    labels = {person.key: [b.label for block in house.nudges.home(person) for b in getattr(block, "buttons", ())]
              for person in (SAM, DANA)}  # fmt: skip
    assert ("My course" in labels["p_sam"], "My course" in labels["p_dana"]) == (True, False)
