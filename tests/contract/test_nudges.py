"""Nudges end to end on both databases: plan, send, press, and what other pillars' events do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from adapters.stores.core import SqlCoreStore
from adapters.stores.learning import SqlLearningStore
from adapters.vault import KeyVault
from bot.cards import Button, Card, Input, as_text, load, pressables
from bot.content import Faults, packaged_shelf
from bot.errors import Refused
from bot.learning.lessons import read_lessons
from bot.learning.memory import DAY
from bot.learning.nudges import Nudges, Sending
from bot.learning.planner import Decision
from bot.learning.pseudonym import Codes
from bot.learning.record import Record
from bot.learning.shapes import Library, Vocabulary
from bot.model import Action, Kind, Person, Place, Verdict
from bot.organisation import Organisation, load_organisation
from bot.ports import Db, Row, Tx
from bot.turn import Dialogue, EmergencyRaised, QuestionAsked, Turn, VerdictGiven, Work, place_key
from tests.fakes.lessons import curriculum, lesson, library

T = TypeVar("T")
NOW = 1_795_514_400.0  # Tuesday 24 November 2026, 10:00 UTC
DANA = Person("dana", "Dana", roles=frozenset({"regular"}), timezone="Europe/London", entity="uk", key="p_dana")
HENRIK = Person(
    "henrik", "Henrik", roles=frozenset({"executive"}), timezone="Europe/Berlin", entity="de", key="p_henrik"
)
CLARA = Person("clara", "Clara", roles=frozenset({"hr_legal"}), timezone="Europe/Paris", entity="fr", key="p_clara")
SAM = Person(
    "sam", "Sam", roles=frozenset({"it_helpdesk", "regular"}), timezone="Europe/London", entity="uk", key="p_sam"
)
GUEST = Person("guest", "Guest", known=False, key="p_guest")


def organisation() -> Organisation:
    faults = Faults()
    found = load_organisation(packaged_shelf(), faults)
    assert found is not None, faults.found
    return found


ORGANISATION = organisation()
CODES = Codes(KeyVault({1: b"k" * 32}).digest)


@dataclass
class Auditor:
    """Remembers what was audited."""

    actions: list[str] = field(default_factory=list)

    def append(self, tx: Tx, at: float, actor: str, action: str, subject: str, detail: Mapping[str, str]) -> None:
        self.actions.append(action)


@dataclass
class House:
    """The pillar with a database, a directory and a clock that tests move."""

    db: Db
    people_: list[Person] = field(default_factory=lambda: [DANA, HENRIK, CLARA, SAM, GUEST])
    content: Library = field(default_factory=curriculum)
    now: float = NOW
    places: dict[str, Place | None] = field(default_factory=dict)
    auditor: Auditor = field(default_factory=Auditor)

    def __post_init__(self) -> None:
        self.core = SqlCoreStore(self.db)
        self.nudges = Nudges(
            lessons=lambda: self.content,
            organisation=lambda: ORGANISATION,
            directory=self,
            store=SqlLearningStore(self.db, CODES),
            place_of=lambda key: self.places.get(key, Place("web", f"w-{key}")),
            watch=lambda _module, _key: True,
        )

    def people(self) -> list[Person]:
        return self.people_

    def run(self, change: Callable[[Work], T]) -> T:
        with self.db.tx() as tx:
            return change(Work(tx, self.now, self.core, self.auditor, {}))

    def send(self, **more: Any) -> Sending:
        return self.nudges.send_now(self.run, self.now, **more)

    def plan(self, **more: Any) -> dict[str, Decision]:
        return {decision.person: decision for decision in self.nudges.plan(self.now, **more)}

    def cards(self, person: Person = DANA) -> list[Card]:
        sql = "SELECT card FROM delivery WHERE person = :person ORDER BY created_at, key"
        return [load(row["card"]) for row in self.db.query(sql, person=person.key)]

    def rows(self, person: Person = DANA) -> list[Row]:
        return self.nudges.store.history(person.key)

    def answers(self, person: Person = DANA) -> list[Row]:
        return self.nudges.store.answers(person.key, self.now)

    def turn(self, action: Action | None = None, text: str = "", person: Person = DANA, **more: Any) -> Turn:
        place, values = Place("web", f"w-{person.key}"), ORGANISATION.values(person.entity)
        return Turn(f"e{self.now}", person, place, text, "en", self.now, values, action, **more)

    def press(self, button: Button, person: Person = DANA) -> Card:
        return self._say(self.turn(Action(button.action, button.value), person=person))

    def type(self, text: str, person: Person = DANA, **more: Any) -> Card:
        return self._say(self.turn(text=text, person=person, **more))

    def _say(self, turn: Turn) -> Card:
        effect = self.nudges.respond(turn)
        assert effect is not None
        return self.run(effect)


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def button(card: Card, label: str) -> Button:
    found = [item for item in pressables(card) if item.label == label]
    assert len(found) == 1, (label, [item.label for item in pressables(card)])
    return found[0]


RIGHT, WRONG, UNSURE = "Press Deny and tell us", "Press Approve, since they sound sure", "Not sure"


# planning and sending


def test_a_plan_says_who_what_when_and_why(house: House) -> None:
    plan = house.plan()
    assert set(plan) == {"p_dana", "p_henrik", "p_clara", "p_sam", "p_guest"}
    assert plan["p_guest"].words == "Not in the directory: gets no tips."
    assert [plan[key].words for key in ("p_dana", "p_clara")] == [
        "It is one of the six tips that everybody here gets. People are spread over the week."
    ] * 2
    assert plan["p_henrik"].local.endswith("Europe/Berlin")
    assert house.rows() == []


def test_sending_now_queues_a_card_for_everybody(house: House) -> None:
    sending = house.send()
    assert sorted(item.person for item in sending.sent) == ["p_clara", "p_dana", "p_henrik", "p_sam"]
    assert [item.reason for item in sending.waiting] == ["guest"]
    card = house.cards()[0]
    labels = [item.label for item in pressables(card)]
    assert labels == [WRONG, RIGHT, UNSURE, "I got one", "Later", "Less often", "Stop tips", "Why me?", "Not useful"]
    assert "Then ring +44 20 7946 0000." in as_text(card)
    assert "never used to judge your work" in as_text(card)
    assert [house.rows()[0][name] for name in ("lesson", "due", "reason", "state")] == [
        "core-1",
        "2026-11-24",
        "core",
        "sent",
    ]
    key = house.db.query("SELECT key FROM delivery WHERE person = 'p_dana'")[0]["key"]
    assert key == "nudge:p_dana:core-1:2026-11-24"


@pytest.mark.parametrize(
    ("action", "button_"),
    [
        ({"intent": "emergency"}, ("emergency.start", "")),
        ({"intent": "emergency", "emergency": "mfa"}, ("emergency.start", "mfa")),
        ({"intent": "ask", "ask": {"en": "How?"}}, ("answering.ask", "some-entry")),
        ({"intent": "person"}, ("tickets.person", "A prompt you did not start")),
        ({"intent": "report"}, ("reporting.start", "")),
    ],
)
def test_the_action_button_leads_to_the_other_pillars(house: House, action: dict[str, Any], button_: Any) -> None:
    house.content = library(lesson("core-1", action={"label": {"en": "Do it"}, **action}))
    house.send()
    found = button(house.cards()[0], "Do it")
    assert (found.action, found.value) == button_


def test_sending_twice_sends_once(house: House) -> None:
    house.send()
    house.now += 60
    again = house.send()
    assert (again.sent, len(house.cards())) == ((), 1)
    assert {item.person for item in again.waiting} == {"p_clara", "p_dana", "p_henrik", "p_sam", "p_guest"}


def test_two_runs_of_one_plan_send_once(house: House) -> None:
    first, second = House(house.db), House(house.db)
    plan = second.nudges.plan(NOW, at_once=True)
    first.send()
    second.nudges._plan = lambda *_a, **_k: plan  # type: ignore[method-assign]
    sending = second.send()
    assert (sending.sent, len(sending.skipped), len(house.cards())) == ((), 4, 1)


def test_a_run_that_dies_leaves_nothing_half_done_and_the_next_one_sends(house: House) -> None:
    def die(change: Callable[[Work], T]) -> T:
        def dying(work: Work) -> T:
            change(work)
            raise ZeroDivisionError

        return house.run(dying)

    with pytest.raises(ZeroDivisionError):
        house.nudges.send_now(die, house.now)
    assert (house.rows(), house.cards()) == ([], [])
    assert len(house.send().sent) == 4


def test_without_at_once_only_what_is_due_goes(house: House) -> None:
    planned = house.plan()["p_dana"]
    house.now = (planned.when or 0) - 1
    assert house.send(at_once=False, only={"p_dana"}).sent == ()
    house.now += 2
    assert [item.person for item in house.send(at_once=False, only={"p_dana"}).sent] == ["p_dana"]


def test_who_cannot_be_reached_is_named(house: House) -> None:
    house.places = {"p_dana": None, "p_sam": Place("web", "everybody", private=False)}
    sending = house.send()
    assert sorted(item.person for item in sending.unreachable) == ["p_dana", "p_sam"]
    assert len(sending.sent) == 2


def test_people_never_met_are_met_first(house: House) -> None:
    house.people_ = [replace(DANA, key=""), GUEST]
    assert sorted(item.reason for item in house.nudges.plan(house.now)) == ["guest", "not_met"]
    house.nudges.meet = lambda people: [replace(person, key="p_new") for person in people]
    assert [item.person for item in house.send().sent] == ["p_new"]


def test_operators_switch_off_and_pause(house: House) -> None:
    house.run(lambda work: house.nudges.pause(work, "p_sam", "core-1"))
    assert house.plan()["p_dana"].lesson == "regular-1"
    house.run(lambda work: house.nudges.switch_off(work, "p_sam"))
    assert {item.reason for item in house.plan().values()} == {"switched_off", "guest"}
    assert house.send().sent == ()
    house.run(lambda work: house.nudges.switch_off(work, "p_sam", False))
    house.run(lambda work: house.nudges.pause(work, "p_sam", "core-1", False))
    assert house.plan()["p_dana"].lesson == "core-1"
    assert house.auditor.actions == ["learning.pause", "learning.off", "learning.on", "learning.unpause"]


def test_values_are_those_of_the_persons_entity(house: House) -> None:
    house.send()
    phones = {person.key: ORGANISATION.values(person.entity)["helpdesk_phone"] for person in (DANA, HENRIK)}
    assert phones["p_dana"] != phones["p_henrik"]
    for person in (DANA, HENRIK):
        assert f"Then ring {phones[person.key]}." in as_text(house.cards(person)[0])


# answers


@pytest.mark.parametrize(
    ("label", "said", "correct", "days"),
    [
        (RIGHT, "Yes. That is it.", 1, 4),
        (WRONG, "Press Deny first.\nWhat we would do: Press Deny and tell us", 0, 1),
        (UNSURE, "When in doubt, press Deny.\nWhat we would do: Press Deny and tell us", 0, 1),
    ],
)
def test_an_answer_is_recorded_with_its_own_feedback(
    house: House, label: str, said: str, correct: int, days: int
) -> None:
    house.send()
    card = house.press(button(house.cards()[0], label))
    memory = house.nudges.store.memories("p_dana")[0]
    assert as_text(card) == f"{said}\nYou have met 1 of the 12 tips for your role. Only you see this."
    assert [house.rows()[0]["state"], house.answers()[0]["correct"]] == ["answered", correct]
    assert (memory.lesson, memory.reviews, memory.rights) == ("core-1", 1, correct)
    assert round((memory.due - NOW) / DAY) == days


def test_a_double_tap_has_one_effect(house: House) -> None:
    house.send()
    sent = house.cards()[0]
    house.press(button(sent, WRONG))
    again = house.press(button(sent, RIGHT))
    assert as_text(again).startswith("You have answered this one. This is what we said:\nPress Deny first.")
    assert [house.answers()[0]["choice"], house.nudges.store.memories("p_dana")[0].reviews] == ["a", 1]


def test_an_answer_by_somebody_else_is_refused(house: House) -> None:
    house.send()
    pressed = button(house.cards()[0], RIGHT)
    with pytest.raises(Refused, match="went to somebody else"):
        house.press(pressed, SAM)
    assert (house.rows()[0]["state"], house.nudges.store.memories("p_sam")) == ("sent", [])


def test_an_answer_counts_as_it_was_asked_after_edit_or_retirement(house: House) -> None:
    house.send()
    sent = house.cards()[0]
    turned = lesson(
        "core-1",
        version=2,
        status="retired",
        question__options=[
            {"id": "a", "text": {"en": "Now right"}, "correct": True, "feedback": {"en": "New."}},
            {"id": "b", "text": {"en": "Now wrong"}, "feedback": {"en": "New."}},
        ],
    )
    house.content = library(turned)
    card = house.press(button(sent, RIGHT))
    assert as_text(card).startswith("Yes. That is it.")
    assert house.answers()[0]["correct"] == 1
    house.content = library()
    assert as_text(house.press(button(sent, RIGHT))).startswith("You have answered this one.")


@pytest.mark.parametrize("value", ["", "n404:b", "nonsense"])
def test_a_stale_or_odd_button_says_so(house: House, value: str) -> None:
    card = house.press(Button("x", "learning.answer", value))
    assert as_text(card) == "This question is closed. There is nothing left to do."


def test_an_option_that_does_not_exist_is_not_recorded(house: House) -> None:
    house.send()
    nudge = house.rows()[0]["id"]
    assert "closed" in as_text(house.press(Button("x", "learning.answer", f"{nudge}:z")))
    assert house.rows()[0]["state"] == "sent"


@pytest.mark.parametrize(("text", "choice"), [("b", "b"), ("B)", "b"), (" a. ", "a"), ("c", "unsure")])
def test_a_typed_letter_answers(house: House, text: str, choice: str) -> None:
    house.send()
    house.now += 3600
    house.type(text)
    assert house.answers()[0]["choice"] == choice


def test_other_text_and_other_questions_are_left_alone(house: House) -> None:
    house.send()
    house.now += 3600
    newer = Dialogue("emergency.flow", {}, house.now - 60)
    for turn in (house.turn(text="how do I report a mail"), house.turn(text="d"), house.turn(text="b", dialogue=newer)):
        assert house.nudges.respond(turn) is None
    house.now += 8 * DAY
    assert house.nudges.respond(house.turn(text="b")) is None
    assert house.nudges.respond(house.turn(Action("tickets.mine"))) is None


def test_guests_have_no_tips_to_talk_about(house: House) -> None:
    assert house.nudges.respond(house.turn(Action("learning.mydata"), person=GUEST)) is None
    assert house.nudges.respond(house.turn(text="my data", person=GUEST)) is None


# wishes


@pytest.mark.parametrize(("when", "day"), [("Tomorrow", "2026-11-25"), ("Next week", "2026-12-01")])
def test_later_brings_it_back_when_asked(house: House, when: str, day: str) -> None:
    house.send()
    asked = house.press(button(house.cards()[0], "Later"))
    house.press(button(asked, when))
    decision = house.plan()["p_dana"]
    assert (decision.lesson, decision.kind, decision.due) == ("core-1", "requested", day)
    house.now = decision.when or 0
    assert [item.person for item in house.send(only={"p_dana"}, at_once=False).sent] == ["p_dana"]
    house.press(button(house.cards()[1], RIGHT))
    assert [row["state"] for row in house.rows()] == ["answered", "closed"]
    assert "This question is closed" in as_text(house.press(button(house.cards()[0], RIGHT)))


@pytest.mark.parametrize("text", ["3 December", "2026-12-03", "in 9 days"])
def test_later_takes_a_day_that_is_typed_or_filled_in(house: House, text: str) -> None:
    house.send()
    asked = house.press(button(house.cards()[0], "Later"))
    form = next(block for block in asked.blocks if isinstance(block, Input))
    said = house._say(house.turn(Action(form.action, form.value, {form.name: text})))
    assert as_text(said) == "Fine. It comes back on Thursday 3 December 2026."
    assert house.rows()[0]["later"] == "2026-12-03"
    house.content = library(lesson("core-1"))  # so that nothing else comes before it
    decision = house.plan()["p_dana"]
    assert (decision.kind, decision.due) == ("requested", "2026-12-03")


def dialogue(house: House) -> Dialogue:
    row = house.core.dialogue("p_dana", place_key(Place("web", "w-p_dana")))
    assert row is not None
    return Dialogue(row["kind"], json.loads(row["state"]), row["updated_at"])


def test_a_day_that_cannot_be_had_is_refused_kindly_and_asked_for_again(house: House) -> None:
    house.send()
    house.press(button(house.cards()[0], "Later"))
    for text, said in {
        "1 November 2026": "Sunday 1 November 2026 is not ahead of us.",
        "1 January 2029": "Monday 1 January 2029 is more than a year away.",
        "3/4": "That could be two days.",
        "the 45th": "I could not read a day in that.",
    }.items():
        card = house.type(text, dialogue=dialogue(house))
        assert as_text(card).startswith(said)
        assert "When should it come back?" in as_text(card)
    assert house.rows()[0]["state"] == "sent"
    assert house.nudges.respond(house.turn(text="what is phishing?", dialogue=dialogue(house))) is None
    house.type("on 3 December", dialogue=dialogue(house))
    assert (house.rows()[0]["later"], house.core.dialogue("p_dana", place_key(Place("web", "w-p_dana")))) == (
        "2026-12-03",
        None,
    )


@pytest.mark.parametrize(
    "text", ["later, 3 December", "plus tard le 3 décembre", "später am 3.12.", "más tarde el 3 de diciembre"]
)
def test_a_tip_is_put_off_by_one_sentence_without_a_button(house: House, text: str) -> None:
    house.send()
    house.type(text)
    assert house.rows()[0]["later"] == "2026-12-03"


def test_a_day_on_leave_or_a_holiday_is_told_with_the_day_it_really_comes(house: House) -> None:
    house.nudges.leave_of = lambda _key: ((date(2026, 12, 1), date(2026, 12, 4)),)
    house.send()
    house.press(button(house.cards()[0], "Later"))
    said = as_text(house.type("2 December", dialogue=dialogue(house)))
    assert said.startswith("On Wednesday 2 December 2026 you get no tips")
    assert said.endswith("It comes back on Monday 7 December 2026.")
    assert house.plan()["p_dana"].due == "2026-12-07"
    said = as_text(house.type("later until 25 December"))
    assert said.endswith("It comes back on Tuesday 29 December 2026.")  # Boxing Day is kept on the Monday


def test_a_required_lesson_is_put_off_to_its_due_day_at_the_latest(house: House) -> None:
    duty = lesson(
        "duty", obligation="mandatory", legal_basis="law", due_days=14, evidence="answer", works_agreement_ref="BV 1"
    )
    house.content = library(duty)
    house.send()
    said = as_text(house.type("later until 1 March"))
    assert said == "This one is required, so it cannot wait longer: it comes back on Tuesday 8 December 2026."


def test_later_after_the_answer_changes_nothing(house: House) -> None:
    house.send()
    asked = house.press(button(house.cards()[0], "Later"))
    house.press(button(house.cards()[0], RIGHT))
    assert "closed" in as_text(house.press(button(asked, "Tomorrow")))
    assert house.rows()[0]["state"] == "answered"


def test_a_required_lesson_is_put_off_three_times_at_most(house: House) -> None:
    duty = lesson(
        "duty", obligation="mandatory", legal_basis="law", due_days=28, evidence="answer", works_agreement_ref="BV 1"
    )
    house.content = library(duty)
    for _ in range(3):
        house.now = house.plan(only={"p_dana"})["p_dana"].when or 0
        house.send(only={"p_dana"})
        card = house.cards()[-1]
        assert [item.label for item in pressables(card)][-3:] == ["Later", "Why me?", "Not useful"]
        house.press(button(house.press(button(card, "Later")), "Tomorrow"))
    house.now = house.plan(only={"p_dana"})["p_dana"].when or 0
    house.send(only={"p_dana"})
    assert "put off three times" in as_text(house.press(button(house.cards()[-1], "Later")))


def test_less_often_halves_once_a_message(house: House) -> None:
    house.send()
    less = button(house.cards()[0], "Less often")
    assert as_text(house.press(less)).startswith("Fine. From now on you get half as many tips.")
    assert as_text(house.press(less)).startswith("That is done already")
    assert house.nudges.store.records(["p_dana"], 0)["p_dana"].rate == 0.5
    decision = house.plan()["p_dana"]
    assert ((decision.when or 0) - NOW > 13 * DAY, "less_often" in decision.rules) == (True, True)


def test_not_useful_is_counted_once_and_offers_fewer_or_none(house: House) -> None:
    house.send()
    said = [house.press(button(house.cards()[0], "Not useful")) for _ in range(2)]
    assert [as_text(card).splitlines()[0] for card in said] == [
        "Noted. The team counts it. If many people say so, this tip is looked at again.", "That is noted already.",
    ]  # fmt: skip
    assert [item.label for item in pressables(said[0])] == ["Less often", "Stop tips"]
    (row,) = house.rows()
    assert (row["useless"], row["state"], row["reacted_at"]) == (
        1,
        "sent",
        house.now,
    )  # it can be answered all the same
    with pytest.raises(Refused):
        house.press(button(house.cards()[0], "Not useful"), SAM)
    house.run(lambda work: house.nudges.store.erase(work.tx, "p_dana", 0.0, work.at))
    assert house.rows()[0]["useless"] == 0


@pytest.mark.parametrize(
    "text", ["This tip is not useful.", "Tipp nicht nützlich", "conseil inutile", "consejo inútil"]
)
def test_not_useful_can_be_typed(house: House, text: str) -> None:
    assert as_text(house.type(text)) == "This question is closed. There is nothing left to do."
    house.send()
    house.type(text)
    assert [row["useless"] for row in house.rows()] == [1]


def test_stop_ends_it_and_it_can_be_taken_back(house: House) -> None:
    house.send()
    stopped = house.press(button(house.cards()[0], "Stop tips"))
    house.press(button(house.cards()[0], "Stop tips"))
    house.now += 60 * DAY
    assert (house.plan()["p_dana"].reason, house.plan()["p_dana"].when) == ("stopped", None)
    assert house.press(button(stopped, "Send tips again")).blocks
    assert house.plan()["p_dana"].when is not None
    assert house.auditor.actions == ["learning.stop", "learning.resume"]


@pytest.mark.parametrize(
    ("text", "reason"), [("Stop tips", "stopped"), ("no more tips.", "stopped"), ("fewer tips", "core")]
)
def test_wishes_can_be_typed(house: House, text: str, reason: str) -> None:
    house.send()
    house.type(text)
    record = house.nudges.store.records(["p_dana"], 0)["p_dana"]
    assert (record.stopped, record.rate) == ((True, 1.0) if reason == "stopped" else (False, 0.5))


def test_why_me_gives_the_reason(house: House) -> None:
    house.send()
    text = as_text(house.press(button(house.cards()[0], "Why me?")))
    assert text.startswith(
        "It is one of the six tips that everybody here gets.\nIf answers are kept at all, it is under a code"
    )
    house.now += 7 * DAY
    house.send()
    assert "your kind of work" in as_text(house.press(button(house.cards()[1], "Why me?")))
    assert house.rows()[0]["reacted_at"] == house.now


# their data


def test_my_data_shows_everything_and_deletes_it(house: House) -> None:
    house.send()
    house.press(button(house.cards()[0], RIGHT))
    shown = house.type("my data")
    assert "- 2026-11-24: A prompt you did not start (answered)\n" in as_text(shown)
    assert "- 2026-11: A prompt you did not start (answered as we would)\n" in as_text(shown)
    sure = house.press(button(shown, "Delete my answers"))
    assert len(house.rows()) == 1
    house.press(button(sure, "Yes, delete them"))
    assert (house.nudges.store.memories("p_dana"), house.answers()) == ([], [])
    assert "core-1" not in json.dumps(house.rows())
    assert "2026-11-24: deleted (closed)" in as_text(house.press(Button("", "learning.mydata")))
    assert house.plan()["p_dana"].due > "2026-11-30"  # the caps still hold


def test_forgetting_leaves_no_row(house: House) -> None:
    house.send()
    house.run(lambda work: house.nudges.forget(work, "p_dana"))
    assert house.rows() == []


# events


def ask(house: House, entry: str = "some-entry", group: str = "", outcome: str = "answer") -> None:
    event = QuestionAsked("p_dana", entry, group, outcome)
    house.run(lambda work: house.nudges.on_question(work, event))


QR = lesson(
    "qr-codes",
    topic="qr",
    order=6,
    kb=["qr-code"],
    triggers=[
        {"event": "question.topic", "topic": "qr"},
        {"event": "verdict", "kind": "likely_phishing"},
        {"event": "emergency", "kind": "clicked"},
    ],
)


@pytest.fixture
def busy(house: House) -> House:
    house.content = library(QR, lesson("core-1", kb=[], topic="prompts"))
    return house


@pytest.mark.parametrize(("entry", "group"), [("qr-code", "phishing"), ("", "qr"), ("qr", "")])
def test_the_same_topic_twice_brings_its_lesson(busy: House, entry: str, group: str) -> None:
    ask(busy, entry, group)
    assert busy.plan()["p_dana"].kind == "scheduled"
    busy.now += DAY
    ask(busy, entry, group)
    decision = busy.plan()["p_dana"]
    assert (decision.lesson, decision.kind, decision.reason) == ("qr-codes", "triggered", "topic")
    busy.now = decision.when or 0
    busy.send(only={"p_dana"}, at_once=False)
    assert "You asked about this more than once lately." in as_text(busy.press(button(busy.cards()[0], "Why me?")))
    busy.now += DAY
    ask(busy, entry, group)
    ask(busy, entry, group)
    assert busy.nudges.store.records(["p_dana"], 0)["p_dana"].enrolments == ()  # one topic in 30 days


def test_the_same_topic_a_month_apart_brings_nothing(busy: House) -> None:
    ask(busy, "qr-code")
    busy.now += 31 * DAY
    ask(busy, "qr-code")
    ask(busy, "qr-code", outcome="emergency")
    ask(busy, "elsewhere", "elsewhere")
    assert busy.plan()["p_dana"].kind == "scheduled"


def test_an_emergency_holds_for_two_days_then_brings_one_lesson(busy: House) -> None:
    event = EmergencyRaised("p_dana", "clicked", "SEC-101")
    for _ in range(2):
        busy.run(lambda work: busy.nudges.on_emergency(work, event))
    decision = busy.plan(at_once=True)["p_dana"]
    assert (decision.lesson, decision.reason, decision.when) == ("qr-codes", "incident", NOW + 2 * DAY)
    assert busy.send(only={"p_dana"}).sent == ()
    busy.now = NOW + 2 * DAY
    assert len(busy.send(only={"p_dana"}).sent) == 1
    assert busy.nudges.store.records(["p_dana"], 0)["p_dana"].enrolments == ()


def test_an_emergency_between_plan_and_sending_holds_too(busy: House) -> None:
    def run(change: Callable[[Work], T]) -> T:
        event = EmergencyRaised("p_dana", "file", "SEC-101")
        busy.run(lambda work: busy.nudges.on_emergency(work, event))
        return busy.run(change)

    sending = busy.nudges.send_now(run, busy.now)
    assert [item.person for item in sending.skipped] == ["p_dana"]
    assert busy.cards() == []


def test_a_verdict_brings_the_lesson_that_names_it_once_a_month(busy: House) -> None:
    def given(kind: Kind, sha256: str) -> None:
        event = VerdictGiven(sha256, "SEC-1", Verdict(kind, 0.9), ("p_dana", "p_sam"))
        busy.run(lambda work: busy.nudges.on_verdict(work, event))

    given(Kind.SPAM, "a" * 64)
    assert busy.plan()["p_dana"].kind == "scheduled"
    given(Kind.LIKELY_PHISHING, "b" * 64)
    given(Kind.LIKELY_PHISHING, "c" * 64)
    record = busy.nudges.store.records(["p_dana", "p_sam"], 0)
    assert [len(record[person].enrolments) for person in ("p_dana", "p_sam")] == [1, 1]
    assert busy.plan()["p_dana"].reason == "verdict"


# what ships


def test_the_first_month_really_differs_with_the_lessons_that_ship(house: House) -> None:
    faults = Faults()
    known = Vocabulary(ORGANISATION.roles, ORGANISATION.catalogue, None, ORGANISATION.unset())
    house.content = read_lessons(packaged_shelf(), known, faults)
    month: dict[str, list[str]] = {}
    people = (HENRIK, CLARA, SAM)
    for _ in range(4):
        for person in people:
            house.now = house.plan(only={person.key})[person.key].when or 0
            house.send(only={person.key}, at_once=False)
            row = house.rows(person)[0]
            right = house.content.lessons[row["lesson"]].question.right.id
            house.press(Button("", "learning.answer", f"{row['id']}:{right}"), person)
    for person in people:
        month[person.id] = [row["lesson"] for row in reversed(house.rows(person))]
    own = [set(lessons) for lessons in month.values()]
    shared = set.intersection(*own)
    assert [len(lessons) for lessons in month.values()] == [4, 4, 4]
    assert len(shared) == 2
    assert all(len(one - shared) == 2 for one in own)
    assert not (own[0] & own[1]) - shared
    local = [datetime.fromtimestamp(float(row["at"]), ZoneInfo("Europe/Berlin")) for row in house.rows(HENRIK)]
    assert all(9 <= when.hour <= 16 and when.weekday() < 5 for when in local)


def test_every_reason_and_rule_has_its_words() -> None:
    copy = ORGANISATION.words.by_language["en"]
    reasons = [
        "core",
        "role",
        "high_risk",
        "group",
        "review",
        "again",
        "requested",
        "topic",
        "verdict",
        "incident",
        "mandatory",
    ]
    rules = [
        "incident", "leave", "day_off", "holiday", "quiet_hours", "one_a_day", "gap", "week_cap", "four_weeks_cap",
        "triggered_cap", "less_often", "back_off", "spread", "blackout",
    ]  # fmt: skip
    none = ["guest", "not_met", "switched_off", "stopped", "no_language", "value_missing", "up_to_date"]
    wanted = [f"reason.{name}" for name in reasons] + [f"rule.{name}" for name in rules] + [f"none.{n}" for n in none]
    assert [name for name in wanted if f"learning.{name}" not in copy] == []


def test_the_place_is_private(house: House) -> None:
    house.send()
    place = house.db.query("SELECT place FROM delivery WHERE person = 'p_dana'")[0]["place"]
    assert place == place_key(Place("web", "w-p_dana"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("2", "b"),
        ("press deny, and tell us.", "b"),
        ("not sure", "unsure"),
        ("Press Approve since they sound sure!", "a"),
    ],
)
def test_a_typed_number_or_the_words_of_an_option_answer(house: House, text: str, choice: str) -> None:
    house.send()
    house.type(text)
    assert house.answers()[0]["choice"] == choice


@pytest.mark.parametrize("text", ["5", "0", "e", "press", "press deny and tell us later"])
def test_what_names_no_option_is_no_answer(house: House, text: str) -> None:
    house.send()
    assert house.nudges.respond(house.turn(text=text)) is None


EVERYBODY = ["p_clara", "p_dana", "p_guest", "p_henrik", "p_sam"]


@dataclass
class Looks:
    """The regular look of one process over a house, and whom it takes in."""

    house: House

    def __post_init__(self) -> None:
        self.looked: list[str] = []
        self.records = self.house.nudges.store.records
        self.house.nudges.store.records = self.counted  # type: ignore[method-assign]

    def counted(self, people: Sequence[str], since: float) -> Mapping[str, Record]:
        self.looked += people
        return self.records(people, since)

    def __call__(self, seconds: float = 0.0) -> list[str]:
        self.looked.clear()
        self.house.now += seconds
        self.house.send(at_once=False, due_only=True)
        return sorted(set(self.looked))


def test_the_regular_look_touches_only_whose_time_has_come_or_to_whom_something_happened(house: House) -> None:
    look, everybody = Looks(house), EVERYBODY
    assert (look(), look(60)) == (everybody, [])
    house.type("stop tips")
    assert look(60) == ["p_dana"]
    event = VerdictGiven("0" * 64, "SEC-1", Verdict(Kind.SPAM, 0.9, (), (), 1.0), ("p_sam",))
    house.run(lambda work: house.nudges.on_verdict(work, event))
    assert look(60) == ["p_sam"]
    house.run(lambda work: house.nudges.pause(work, "boss", "core-1"))
    assert look(60) == everybody
    assert look(3 * 3600) == everybody  # nothing is put off for longer
    house.now = house.plan()["p_henrik"].when or 0
    assert "p_henrik" in look()
    assert [row["lesson"] for row in house.rows(HENRIK)] != []


def test_a_restart_and_another_replica_go_on_where_the_last_look_stopped(house: House) -> None:
    assert Looks(house)() == EVERYBODY
    other = House(house.db, now=house.now + 60)
    look = Looks(other)
    assert look() == []
    house.now += 120
    house.type("stop tips")
    assert (look(120), look(60)) == (["p_dana"], [])
    other.content = library(QR)  # an update that has reached this replica first
    assert (look(60), look(60)) == (EVERYBODY, [])


def test_a_look_does_not_put_off_what_happened_while_it_was_going_on(house: House) -> None:
    look, records = Looks(house), house.nudges.store.records

    def meanwhile(people: Sequence[str], since: float) -> Mapping[str, Record]:
        found = records(people, since)
        house.nudges.store.records = records  # type: ignore[method-assign]
        house.now += 1
        house.type("stop tips")
        return found

    house.nudges.store.records = meanwhile  # type: ignore[method-assign]
    assert look() == EVERYBODY
    assert (look(60), look(60)) == (["p_dana"], [])


def test_the_hash_of_lessons_and_rules_is_the_same_in_every_process() -> None:
    code = """
from bot.learning.timing import Policy
from datetime import date
from tests.fakes.lessons import curriculum
policy = Policy(paused=frozenset({"a", "b", "c"}), blackout=frozenset({date(2027, 1, n) for n in range(1, 9)}))
print(curriculum().hash(), policy.hash())
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True, cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1
