"""What people and machines write that is no question: answered sensibly or refused politely, quickly, and never logged."""

from __future__ import annotations

import logging
import time

import pytest

from bot.cards import as_text
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, JONAS, SAM, House
from tests.fakes.written import CANARY, WRITTEN

contents, home, house = fakes.contents, fakes.home, fakes.house

QUICK = 0.05  # seconds of processor time


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("kind", WRITTEN)
def test_it_is_answered_quickly_and_never_logged(house: House, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    house.say(SAM, "how do I report a suspicious email")  # everything is loaded
    spent = []
    for who in (DANA, JONAS, CLARA):  # the best of three: others work on the machine that tests
        start = time.process_time()
        reply = house.say(who, WRITTEN[kind])
        spent.append(time.process_time() - start)
        text = as_text(reply.card)
        assert text.strip()
        assert len(text) < 4_000
        assert "did not go through" not in text
    assert min(spent) < QUICK
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert CANARY not in logged
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("kind", WRITTEN)
def test_it_is_answered_the_same_after_another_question(house: House, kind: str) -> None:
    """With a topic to go on from."""
    house.say(DANA, "how do I report a suspicious email")
    text = as_text(house.say(DANA, WRITTEN[kind]).card)
    assert text.strip()
    assert "did not go through" not in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("prompt", "I am no language model"), ("emoji", "I did not get any words"), ("nothing", "I did not get any words"),
        ("newlines", "I did not get any words"), ("address", "I do not open addresses"),
        ("address long", "I do not open addresses"), ("long words", "I have read only its beginning"),
        ("zero width", "How do I report a suspicious email?"), ("invisible", "passkey"),
    ],
)  # fmt: skip
def test_what_is_said(house: House, kind: str, said: str) -> None:
    assert said in as_text(house.say(DANA, WRITTEN[kind]).card)


def test_no_ticket_is_opened_for_talk_that_is_meant_for_a_machine(house: House) -> None:
    for kind in ("prompt", "emoji", "address", "long words", "nothing"):
        house.say(DANA, WRITTEN[kind])
    assert house.tickets() == []


def test_two_hundred_questions_a_minute_are_refused_politely_and_cheaply(house: House) -> None:
    house.say(JONAS, "how do I report a suspicious email")
    replies, start = [], time.process_time()
    for number in range(200):
        replies.append(house.desk.handle(house.message(DANA, f"how do I choose a good password {number}")))
    spent = time.process_time() - start
    refused = [reply for reply in replies if "That is a lot at once" in as_text(reply.card)]
    assert 150 <= len(refused) <= 165
    assert "+44 20 7946 0000" in as_text(refused[0].card)
    assert spent / 200 < QUICK
    house.clock.forward(60)
    assert "That is a lot at once" not in as_text(house.say(DANA, "how do I choose a good password").card)


def test_an_emergency_is_heard_in_the_middle_of_a_flood(house: House) -> None:
    for number in range(60):
        house.desk.handle(house.message(DANA, f"question {number}"))
    assert house.say(DANA, fakes.TROUBLE).card.tone == "emergency"


def test_an_emergency_at_the_end_of_a_long_text_is_heard(house: House) -> None:
    story = "This morning I had a coffee and read my mails as I always do. " * 100
    assert (
        house.say(DANA, story + "Then I clicked the link in a phishing mail and typed my password.").card.tone
        == "emergency"
    )


def test_what_is_kept_of_a_flood_of_text_is_little(house: House) -> None:
    house.say(DANA, WRITTEN["long words"])
    assert max(len(row["text"]) for row in house.rows("SELECT text FROM question")) <= 1_000
    assert max(len(row["text"]) for row in house.rows("SELECT text FROM utterance")) <= 4_000
