"""Several people with one cause: one incident, one call; and what is asked when an emergency is over."""

from __future__ import annotations

import pytest

from bot.cards import as_text
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, SAM, TROUBLE, House

contents, home, house = fakes.contents, fakes.home, fakes.house
OPENED = "I opened the attachment of a phishing mail and it ran a program"
LUCIA = "lucia.romero"


def three(house: House) -> str:
    """Three people within minutes; the incident's number."""
    for who, text in ((DANA, TROUBLE), (JONAS, OPENED), (LUCIA, TROUBLE)):
        house.say(who, text)
        house.settle()
        house.clock.forward(60)
    (incident,) = [ticket.number for ticket in house.tickets() if ticket.kind == "incident"]
    return incident


def of(house: House, who: str) -> str:
    return next(ticket.number for ticket in house.tickets() if ticket.requester == house.key(who))


def test_three_people_with_one_cause_are_one_incident_and_one_call(house: House) -> None:
    incident = three(house)
    assert [page.ticket for page in house.pager.pages] == [of(house, DANA), of(house, JONAS), incident]
    assert house.app.tickets.members(incident) == sorted(of(house, who) for who in (DANA, JONAS, LUCIA))
    assert house.app.tickets.get(incident).subject.startswith("3 people at once: ")
    house.say(CLARA, TROUBLE)
    house.settle()
    assert len(house.pager.pages) == 3
    assert house.app.tickets.incident_of(of(house, CLARA)) == incident
    assert ("joined", f"{of(house, CLARA)}: Clara Moreau") in house.timeline(incident)
    assert house.whole()


def test_nobody_answers_and_everybody_in_it_hears_that_a_second_was_called(house: House) -> None:
    incident = three(house)
    house.clock.forward(300)
    house.settle()
    seconds = [page for page in house.pager.pages if page.to == INES]
    assert [page.ticket for page in seconds][-1] == incident
    for who in (DANA, JONAS, LUCIA):
        assert house.told(who).count("second") >= 1 or who == LUCIA or "persona" in house.told(who)
    assert len(seconds) == 1


def test_whoever_takes_the_incident_has_everybody_in_it_and_closes_it_for_all(house: House) -> None:
    incident = three(house)
    key = next(row["key"] for row in house.rows("SELECT key, ticket FROM page") if row["ticket"] == incident)
    house.press(SAM, "oncall.ack", key)
    house.say(CLARA, TROUBLE)
    tickets = [house.app.tickets.get(of(house, who)) for who in (DANA, JONAS, LUCIA, CLARA)]
    assert {ticket.assignee for ticket in tickets} == {house.key(SAM)}
    house.settle()
    assert "Sam Ortiz" in house.told(CLARA)
    house.act("resolve", incident, SAM, "The mail is gone.")
    house.settle()
    assert {house.app.tickets.get(ticket.number).state for ticket in tickets} == {"resolved"}
    assert "The mail is gone." in house.told(DANA)
    assert house.whole()


@pytest.mark.parametrize("gap", [0, 1_000])
def test_the_same_person_again_or_long_after_makes_no_incident(house: House, gap: float) -> None:
    for who in (DANA, JONAS, DANA) if not gap else (DANA, JONAS, LUCIA):
        house.say(who, TROUBLE)
        house.clock.forward(gap)
        house.settle()
        house.clock.forward(gap)
    assert [ticket.kind for ticket in house.tickets() if ticket.kind == "incident"] == []


def test_different_troubles_are_no_incident(house: House) -> None:
    for who in (DANA, JONAS, CLARA):
        house.say(who, "My work laptop was stolen on the train an hour ago")
    assert {ticket.kind for ticket in house.tickets()} == {"emergency"}
    house.settle()
    assert len(house.pager.pages) == 3


def test_after_an_emergency_five_questions_are_asked_and_kept(house: House) -> None:
    house.say(SAM, "hello")
    house.say(DANA, TROUBLE)
    number = of(house, DANA)
    house.act("claim", number)
    house.act("resolve", number, SAM, "Done.")
    house.settle()
    asked = as_text(house.posts(SAM)[-1])
    assert asked.startswith(f"Looking back at {number}")
    assert asked.count("____") == 5
    reply = house.press(SAM, "oncall.review", number, {"cause": "A copied sign-in page", "slow": "Finding the number"})
    assert as_text(reply.card) == f"Thank you. It is kept with {number}."
    kind, text = house.timeline(number)[-1]
    assert (kind, text.splitlines()) == (
        "review", ["What was the cause?: A copied sign-in page", "Which step was slow or unclear?: Finding the number"],
    )  # fmt: skip
    assert "copied sign-in page" not in house.told(DANA)
    for who in (JONAS, "ruth.adeyemi"):
        house.press(who, "oncall.review", number, {"cause": "x"})
    assert [kind for kind, _ in house.timeline(number)].count("review") == 1


def test_nothing_is_asked_when_nothing_had_happened(house: House) -> None:
    house.say(SAM, "hello")
    house.say(DANA, TROUBLE)
    house.settle()
    (row,) = house.rows("SELECT key FROM page")
    house.press(SAM, "oncall.ack", row["key"])
    house.press(SAM, "oncall.false_yes", row["key"])
    house.settle()
    assert "Looking back" not in house.told(SAM)
