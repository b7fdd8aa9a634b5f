"""Undo send on both databases: what waits goes out once, also after a crash; what is taken back never happened."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Conflict
from bot.model import Kind
from bot.undo import Sent
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, TROUBLE, FakeClock, House

contents, home, house = fakes.contents, fakes.home, fakes.house


def opened(house: House) -> str:
    house.press(DANA, "tickets.person", "", {"text": "May I send this file?"})
    return house.ticket().number


def reply(house: House, number: str, text: str, who: str = SAM) -> Sent | None:
    house.clock.forward(0.01)
    analyst = house.analyst(who)
    return house.app.work(lambda work: house.app.undo.send(work, "reply", number, analyst, {"text": text}))


def back(house: House, sent: Sent | None, who: str = SAM) -> Sent:
    assert sent is not None
    analyst = house.analyst(who)
    return house.app.work(lambda work: house.app.undo.take_back(work, sent.id, analyst))


def later(house: House, seconds: float = 10.0) -> None:
    house.clock.forward(seconds)
    house.settle()


def kinds(house: House, number: str) -> list[str]:
    return [kind for kind, _ in house.timeline(number)]


def test_a_reply_goes_out_when_the_time_is_over_and_not_before(house: House) -> None:
    number = opened(house)
    house.settle()
    sent, before = reply(house, number, "Yes, to this address."), kinds(house, number)
    house.clock.forward(9.9)
    house.sweeper.sweep()
    house.jobs.run()
    assert ("Yes, to this address." in house.told(DANA), kinds(house, number)) == (False, before)
    later(house, 0.1)
    assert house.told(DANA).count("Yes, to this address.") == 1
    assert kinds(house, number)[len(before) :] == ["claimed", "reply"]
    assert (house.app.undo.waiting(number), house.count("unsent")) == ([], 0)
    with pytest.raises(Conflict, match="gone out already"):
        back(house, sent)


def test_what_is_taken_back_never_happened_but_for_the_record_of_it(house: House) -> None:
    number = opened(house)
    house.settle()
    told, row = house.told(DANA), house.app.tickets.get(number)
    sent = reply(house, number, "Yes, to this address.")
    with pytest.raises(Conflict):
        back(house, sent, INES)
    assert back(house, sent).fields == {"text": "Yes, to this address."}
    later(house)
    now = house.app.tickets.get(number)
    assert (house.told(DANA), now.state, now.assignee, now.acknowledged_at) == (told, row.state, "", 0.0)
    assert (house.timeline(number)[-1], house.audited()[-1]) == (("undone", "reply"), "ticket.undo")
    found = house.app.undo.back(number, "reply", house.analyst())
    assert found is not None
    assert (found.fields["text"], house.app.undo.back(number, "reply", house.analyst(INES))) == (
        "Yes, to this address.",
        None,
    )
    reply(house, number, "Yes.")  # sent anew: the draft is gone
    assert house.app.undo.back(number, "reply", house.analyst()) is None
    assert house.whole()


def test_a_process_that_dies_leaves_it_to_the_next_and_it_goes_out_once(house: House, home: Any, contents: Any) -> None:
    number = opened(house)
    house.settle()
    reply(house, number, "Yes, to this address.")
    other = House(home, house.db, contents, clock=FakeClock(house.clock.at))  # the first one never swept again
    later(other)
    house.clock.at = other.clock.at
    for _ in range(2):
        house.app.handlers()["undo.over"]({"id": house.rows("SELECT id FROM delivery")[0]["id"]})
    assert other.told(DANA).count("Yes, to this address.") == 1
    other.close()


def test_a_job_that_runs_twice_has_its_effect_once(house: House) -> None:
    number = opened(house)
    sent = reply(house, number, "Yes, to this address.")
    assert sent is not None
    house.clock.forward(10)
    for _ in range(2):
        house.app.undo.over({"id": sent.id})
    house.settle()
    assert (kinds(house, number).count("reply"), house.told(DANA).count("Yes, to this address.")) == (1, 1)


def test_what_was_sent_first_goes_first_whichever_job_runs_first(house: House) -> None:
    number = opened(house)
    first, second = reply(house, number, "One."), reply(house, number, "Two.")
    assert first is not None
    assert second is not None
    house.clock.forward(11)
    for sent in (second, first):
        house.app.undo.over({"id": sent.id})
    assert [text for kind, text in house.timeline(number) if kind == "reply"] == ["One.", "Two."]


@pytest.mark.parametrize("verb", ["resolve", "merge"])
def test_what_closes_a_ticket_comes_after_what_waits_there(house: House, verb: str) -> None:
    number = opened(house)
    other = house.app.work(lambda work: house.app.tickets.open(work, request(house))).number
    reply(house, number, "Yes, to this address.")
    before = len(kinds(house, number))
    house.act(verb, number, SAM, *([other] if verb == "merge" else []))
    assert kinds(house, number)[before:] == ["claimed", "reply", "resolved", *(["merged"] if verb == "merge" else [])]
    later(house)
    assert kinds(house, number).count("reply") == 1


def request(house: House) -> Any:
    from bot.turn import TicketRequest

    return TicketRequest(house.key(DANA), house.place(DANA), "person", "Another", "Another", "S1")


def test_in_an_emergency_nothing_waits_and_what_waited_goes_first(house: House) -> None:
    house.say(DANA, TROUBLE)
    number = house.ticket().number
    assert reply(house, number, "I am on it.") is None
    assert house.timeline(number)[-1] == ("reply", "I am on it.")
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S1"))
    assert reply(house, number, "Still an emergency.") is None


def test_a_ticket_that_becomes_severe_sends_what_waited_first(house: House) -> None:
    number = opened(house)
    assert reply(house, number, "One.") is not None
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S3"))
    assert reply(house, number, "Two.") is None
    assert [text for kind, text in house.timeline(number) if kind == "reply"] == ["One.", "Two."]


def test_what_cannot_be_made_comes_back_to_whoever_sent_it(house: House) -> None:
    number = opened(house)
    sam, fields = house.analyst(), {"kind": "spam", "note": "", "sha256": "0" * 64, "every": ""}
    house.app.work(lambda work: house.app.undo.send(work, "verdict", number, sam, fields))  # there is no mail
    later(house)
    assert house.timeline(number)[-1] == ("unsent", "verdict")
    found = house.app.undo.back(number, "verdict", sam)
    assert found is not None
    assert (found.fields, house.audited()[-1], house.count("unsent")) == (fields, "ticket.unsent", 1)


def test_a_verdict_waits_and_a_report_in_between_does_not_hear_of_it(house: House) -> None:
    house.send(DANA)
    house.settle()
    number, (row,) = house.ticket().number, house.rows("SELECT sha256 FROM mail")
    sam, fields = house.analyst(), {"kind": "spam", "note": "Known sender.", "sha256": row["sha256"], "every": ""}
    sent = house.app.work(lambda work: house.app.undo.send(work, "verdict", number, sam, fields))
    house.clock.forward(5)
    house.send(INES)
    back(house, sent)
    later(house)
    assert ("Known sender." in house.told(INES), "Known sender." in house.told(DANA)) == (False, False)
    house.app.work(lambda work: house.app.undo.send(work, "verdict", number, sam, fields))
    later(house)
    assert ("Known sender." in house.told(INES), "Known sender." in house.told(DANA)) == (True, True)
    assert house.rows("SELECT kind FROM campaign") == [{"kind": Kind.SPAM}]


@pytest.mark.parametrize("seconds", [0, 60])
def test_how_long_is_a_setting(db: Any, home: Any, contents: Any, seconds: int) -> None:
    house = House(home, db, contents, settings={"undo_seconds": seconds})
    number = opened(house)
    sent = reply(house, number, "Yes.")
    assert (sent.due_at - sent.at if sent else None) == (seconds or None)
    house.close()
