"""Every branch of an emergency, each with search, database, chat and paging failing in turn; and what only one branch does."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.cards import Card, as_text, pressables
from bot.errors import ChannelError, RetryLater
from bot.model import Person
from bot.ports import Db
from bot.turn import TicketRequest
from tests.contract.test_dialogues import FOLDER, played
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, NOW, SAM, TROUBLE, FailingDb, FakeChannel, FakeClock, House, fixed

contents, home, house = fakes.contents, fakes.home, fakes.house
CLICKED = "I clicked on a link in a phishing mail"
BRANCHES = sorted([*FOLDER.glob("emergency-*.yaml"), FOLDER / "credentials.yaml"])
PHONE = re.compile(r"\+\d{2} \d")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Db]:
    """SQLite alone: what fails here is not the database's dialect."""
    database = open_db("", tmp_path)
    yield database
    database.close()


@pytest.fixture(params=BRANCHES, ids=lambda path: path.stem.removeprefix("emergency-"))
def turns(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(request.param.read_text("utf-8"))["turns"]
    return loaded


def people(turns: list[dict[str, Any]]) -> list[str]:
    """Those in trouble."""
    return list(dict.fromkeys(turn["who"] for turn in turns if turn.get("tone") == "emergency"))


def play(house: House, turns: list[dict[str, Any]]) -> None:
    """As it is written, with everything that is expected."""
    for number, turn in enumerate(turns, 1):
        said, tone = played(house, turn)
        assert [wanted for wanted in turn.get("expects", []) if wanted not in said] == [], (number, said)
        assert tone == turn.get("tone", tone)


class Dead:
    """A search that is down."""

    def judge(self, question: str, allowed: Collection[str]) -> Any:
        raise RuntimeError("the search is down")


def test_without_search_nothing_is_different(turns: Any, one: Db, home: Path, contents: Contents) -> None:
    dead = replace(contents, knowledge=fixed("answers", replace(contents.knowledge.current, search=Dead())))
    house = House(home, one, dead)
    play(house, turns)
    house.settle()
    assert [page.to for page in house.pager.pages][:1] == [SAM]
    house.close()


def test_without_paging_the_person_is_told_the_truth(turns: Any, one: Db, home: Path, contents: Contents) -> None:
    house = House(home, one, contents)
    house.pager.broken = ChannelError("answered 503")
    play(house, turns)
    house.settle()
    for who in people(turns):
        person = house.person(who)
        phone = house.app.organisation().values(person.entity)["helpdesk_phone"]
        truth = house.app.organisation().words.say(person.language, "oncall.nobody", helpdesk_phone=phone)
        assert truth in house.told(who)
    assert {row["state"] for row in house.rows("SELECT state FROM page")} == {"failed"}
    house.close()


def test_while_the_chat_is_down_nothing_is_lost_or_said_twice(
    turns: Any, one: Db, home: Path, contents: Contents
) -> None:
    channel = FakeChannel(home / "platform")
    house = House(home, one, contents, channels={"web": channel})
    channel.trouble = [RetryLater("429", 1.0)] * 200
    play(house, [turn for turn in turns if "told" not in turn])
    assert channel.keys() == []
    for _ in range(2):
        house.clock.forward(6)
        house.sweeper.sweep()
        house.jobs.run()
    assert len(house.pager.pages) >= 1  # nobody waits for the chat to be called
    channel.trouble = []
    house.clock.forward(3600)
    house.settle()
    keys = [row["key"] for row in house.rows("SELECT key FROM delivery")]
    assert (sorted(channel.keys()), {row["state"] for row in house.rows("SELECT state FROM delivery")}) == (
        sorted(keys), {"sent"},
    )  # fmt: skip
    house.close()


def test_without_a_database_there_is_a_card_a_call_and_a_spool_and_no_number(
    turns: Any, one: Db, home: Path, contents: Contents
) -> None:
    failing = FailingDb(one)
    house = House(home, failing, contents)
    failing.read_only, last = True, Card("")
    for number, turn in enumerate([turn for turn in turns if turn["who"] in people(turns)]):
        if not {"says", "presses"} & set(turn):
            continue
        button = next((one for one in pressables(last) if one.label == turn.get("presses")), None)
        if "says" not in turn and button is None:
            continue
        message = house.message(turn["who"], turn["says"]) if "says" in turn else house.message(
            turn["who"], action=fakes.Action(button.action, button.value) if button else None
        )  # fmt: skip
        reply = house.desk.handle(message)
        said = as_text(reply.card)
        assert (reply.delivery, "SEC-" in said, PHONE.search(said) is not None) == ("", False, True), said
        assert reply.card.tone == ("emergency" if number == 0 else reply.card.tone)
        last = reply.card if reply.card.tone == "emergency" else last
    assert [page.to for page in house.pager.pages][:1] == [SAM]
    assert len(house.app.spool.waiting()) >= len(people(turns))
    failing.read_only = False
    house.app.replay_spool()
    assert house.app.spool.waiting() == []
    opened = [ticket.requester for ticket in house.tickets() if ticket.kind == "emergency"]
    assert sorted(opened) == sorted(house.key(who) for who in people(turns))  # one each, however often they pressed
    assert house.whole()
    house.close()


# what only one branch does -------------------------------------------------------------------------------------------


def test_clicked_only_is_urgent_and_no_emergency_any_more_until_it_is_worse(house: House) -> None:
    card = house.say(DANA, CLICKED).card
    number = house.ticket().number
    assert house.ticket().severity == "S3"
    card = house.press_label(DANA, card, "Clicked only").card
    assert house.ticket().severity == "S2"
    house.settle()
    calls = len(house.pager.pages)
    asked = house.press(DANA, "emergency.worse", number)
    assert house.app.tickets.get(number).severity == "S3"
    house.press_label(DANA, asked.card, "A file or program ran")
    house.settle()
    assert [("off the network" in page.summary or page.ticket) for page in house.pager.pages][-1] == number
    assert len(house.pager.pages) == calls + 2
    assert ("answered", "happened: Clicked only") in house.timeline(number)


@pytest.mark.parametrize("label", ["Not sure", "Typed my password", "Opened or ran a file"])
def test_everything_else_stays_an_emergency(house: House, label: str) -> None:
    house.press_label(DANA, house.say(DANA, CLICKED).card, label)
    assert house.ticket().severity == "S3"


def test_data_that_went_out_opens_the_privacy_ticket_once_with_the_time_it_was_known(house: House) -> None:
    house.press_label(DANA, house.say(DANA, CLICKED).card, "Sent data")
    house.press(DANA, "emergency.worse", "SEC-101")
    house.press(DANA, "emergency.answer", "SEC-101:worse:data")
    (privacy,) = [ticket for ticket in house.tickets() if ticket.kind == "privacy"]
    assert (privacy.queue, privacy.severity) == ("dpo", "S2")
    assert "Known since 2030-03-17 17:46 UTC; 72 hours end on 2030-03-20 17:46 UTC" in privacy.subject
    assert ("privacy", privacy.number) in house.timeline("SEC-101")
    assert [kind for kind, _ in house.timeline("SEC-101")].count("privacy") == 1


def test_the_number_to_ring_is_the_directorys_whatever_the_message_says(house: House) -> None:
    house.say(DANA, f"{TROUBLE}. Ring me on +44 7700 900123")
    house.press(DANA, "emergency.call", "SEC-101")
    house.settle()
    directory = house.person(DANA).phone
    assert directory
    assert [directory in page.summary for page in house.pager.pages] == [True, True]
    assert all("7700" not in page.summary for page in house.pager.pages)
    assert ("call_me", directory) in house.timeline("SEC-101")


def test_somebody_without_a_number_in_the_directory_has_none(house: House) -> None:
    house.say("stranger", f"{TROUBLE}, call +44 7700 900123")
    house.settle()
    assert "no number on file" in house.pager.pages[0].summary
    assert "7700" not in house.pager.pages[0].summary


def finished(house: House) -> str:
    """All questions answered."""
    card = house.say(DANA, TROUBLE).card
    for label in ("Work", "Work computer", "Today", "Later"):
        card = house.press_label(DANA, card, label).card
    assert "A person takes it from here" in as_text(card)
    return house.ticket().number


@pytest.mark.parametrize("how", ["typed", "button", "button after an answer of the desk", "button two days later"])
def test_it_is_worse_is_heard_when_no_question_is_open_any_more(house: House, how: str) -> None:
    number = finished(house)
    if how == "button after an answer of the desk":
        house.act("reply", number, SAM, "We are on it.")
    if how == "button two days later":
        house.clock.forward(2 * 86_400)
    house.settle()
    calls = len(house.pager.pages)
    reply = house.say(DANA, "Es ist schlimmer") if how == "typed" else house.press(DANA, "emergency.worse", number)
    assert "What else happened?" in as_text(reply.card) or "Was ist noch passiert?" in as_text(reply.card)
    after = house.press(DANA, "emergency.answer", f"{number}:worse:money")
    assert "Ask for a recall" in as_text(after.card)
    house.settle()
    assert len([page for page in house.pager.pages[calls:] if page.ticket == number]) >= 2
    assert len(house.tickets()) == 1


def test_it_is_worse_after_it_was_closed_is_an_emergency_of_its_own(house: House) -> None:
    number = finished(house)
    house.act("claim", number)
    house.act("resolve", number)
    house.clock.forward(86_400)
    reply = house.press(DANA, "emergency.worse", number)
    assert (reply.card.tone, "SEC-102" in as_text(reply.card)) == ("emergency", True)


def test_nobody_makes_somebody_elses_emergency_worse(house: House) -> None:
    number = finished(house)
    before = house.timeline(number)
    for action in ("worse", "call"):
        house.press(JONAS, f"emergency.{action}", number)
    house.press(JONAS, "emergency.answer", f"{number}:worse:money")
    assert house.timeline(number) == before


def test_an_attached_mail_answers_the_question_for_it_and_is_a_report_too(house: House) -> None:
    card = house.say(DANA, TROUBLE).card
    for label in ("Work", "Work computer", "Today"):
        card = house.press_label(DANA, card, label).card
    reply = house.send(DANA)
    assert "A person takes it from here" in as_text(reply.card)
    assert ("said", "parcel.eml") in house.timeline("SEC-101")
    assert sorted(ticket.kind for ticket in house.tickets()) == ["emergency", "report"]


def test_questions_calls_and_the_status_survive_a_restart(db: Db, home: Path, contents: Contents) -> None:
    first = House(home, db, contents)
    card = first.say(DANA, TROUBLE).card
    first.settle()
    at = first.clock.at
    first.close()
    again = House(home, db, contents, clock=FakeClock(at + 901))
    again._events = 1000
    again.settle()
    assert [page.to for page in again.pager.pages] == ["ines.brandt", "ruth.adeyemi"]
    assert "Nobody has answered the call for SEC-101 yet." in again.told(DANA)
    assert "Which device is it about?" in as_text(again.press_label(DANA, card, "Work").card)
    again.close()


def test_an_emergency_closes_with_thanks_and_no_lesson_or_survey(house: House) -> None:
    number = finished(house)
    house.act("claim", number)
    house.act("resolve", number, SAM, "New password, nothing sent.")
    house.settle()
    told = house.told(DANA)
    assert f"{number} is closed. You told us, and that is what stops such things." in told
    assert fakes.labels(house.posts(DANA)[-1]) == ["Not solved", "My tickets"]


def test_a_ticket_that_is_no_emergency_closes_as_ever(house: House) -> None:
    dana: Person = house.analyst(DANA)
    request = TicketRequest(dana.key, house.place(DANA), "person", "A file", "x", "S1")
    number = house.app.work(lambda work: house.app.tickets.open(work, request)).number
    house.act("resolve", number)
    house.settle()
    assert f"{number} is closed. If it is not solved" in house.told(DANA)
    assert house.clock.at > NOW


def test_with_nothing_of_the_database_left_it_is_the_same(one: Db, home: Path, contents: Contents) -> None:
    failing = FailingDb(one)
    house = House(home, failing, contents)
    house.say(DANA, "hello")
    failing.down = True
    said = as_text(house.desk.handle(house.message(DANA, TROUBLE)).card)
    assert ("SEC-" in said, PHONE.search(said) is not None) == (False, True)
    assert [(page.to, page.ticket) for page in house.pager.pages] == [(SAM, "")]
    failing.down = False
    house.app.replay_spool()
    assert house.ticket().kind == "emergency"
    house.close()


def test_without_a_database_and_without_paging_it_says_that_nobody_was_reached(
    one: Db, home: Path, contents: Contents
) -> None:
    failing = FailingDb(one)
    house = House(home, failing, contents)
    failing.read_only, house.pager.broken = True, ChannelError("answered 503")
    said = as_text(house.desk.handle(house.message(DANA, TROUBLE)).card)
    assert "I could not reach anyone" in said
    assert len(house.app.spool.waiting()) == 1
    house.close()
