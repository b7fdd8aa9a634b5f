"""Calls on both databases: who is rung, what happens when nobody answers, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.pagers.pagerduty import PagerDutyPager
from adapters.pagers.webhook import WebhookPager
from bot.app.contents import Contents
from bot.cards import as_text, load, pressables
from bot.errors import ChannelError
from bot.ports import Db, Page
from bot.turn import TicketRequest
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, JONAS, NOW, SAM, TROUBLE, FakeClock, FakePager, House, labels
from tests.fakes.pagers import KEY, SECRET, Ringer, ringer

contents, home, house = fakes.contents, fakes.home, fakes.house
RUTH = "ruth.adeyemi"
PHONE = "+44 20 7946 0000"


def trouble(house: House, who: str = DANA) -> str:
    """Somebody is in trouble and the first person has been called; the ticket's number."""
    house.say(who, TROUBLE)
    house.settle()
    return next(ticket.number for ticket in house.tickets() if ticket.requester == house.key(who))


def later(house: House, minutes: float) -> None:
    house.clock.forward(60 * minutes)
    house.settle()


def call_of(house: House, number: str) -> str:
    (row,) = house.rows("SELECT key FROM page WHERE ticket = :ticket", ticket=number)
    return str(row["key"])


def rung(house: House) -> list[str]:
    return [page.to for page in house.pager.pages]


# nobody answers -----------------------------------------------------------------------------------------------------


def test_after_five_minutes_the_second_and_after_ten_the_manager_is_called(house: House) -> None:
    number = trouble(house)
    assert rung(house) == [SAM]
    later(house, 4)
    assert rung(house) == [SAM]
    later(house, 1)
    assert rung(house) == [SAM, INES]
    assert f"A second person has been called for {number}. Please also ring {PHONE}" in house.told(DANA)
    later(house, 5)
    assert rung(house) == [SAM, INES, RUTH]
    later(house, 5)
    assert f"Nobody has answered the call for {number} yet. We go on calling." in house.told(DANA)
    kinds = [kind for kind, _ in house.timeline(number)]
    assert [kind for kind in kinds if kind.startswith("paged")] == ["paged", "paged_second", "paged_manager"]
    later(house, 60)
    assert len(rung(house)) == 3
    assert house.whole()


def test_the_partners_line_is_called_with_the_manager(db: Db, home: Path, contents: Contents) -> None:
    rota = contents.rota.current
    assert rota is not None
    file = rota.file.model_copy(update={"partner": "henrik.vogel"})
    given = fakes.replace(contents, rota=fakes.fixed("on call", fakes.replace(rota, file=file)))
    house = House(home, db, given)
    trouble(house)
    later(house, 5)
    later(house, 5)
    assert rung(house) == [SAM, INES, RUTH, "henrik.vogel"]
    house.close()


@pytest.mark.parametrize("how", ["button", "claim", "reply"])
def test_whoever_takes_it_ends_the_calling(house: House, how: str) -> None:
    number = trouble(house)
    if how == "button":
        house.press(SAM, "oncall.ack", call_of(house, number))
    else:
        house.act(how, number, INES, *(["We are on it."] if how == "reply" else []))
    later(house, 20)
    assert rung(house) == [SAM]
    ticket = house.app.tickets.get(number)
    assert ticket.acknowledged_at > 0
    assert "Still on it" in house.told(DANA)


def test_a_restart_loses_no_waiting_call(db: Db, home: Path, contents: Contents) -> None:
    first = House(home, db, contents)
    trouble(first)
    clock = FakeClock(first.clock.at + 301)
    first.close()
    again = House(home, db, contents, clock=clock)
    again.settle()
    assert rung(again) == [INES]
    again.close()


# the card -----------------------------------------------------------------------------------------------------------


def test_taking_it_is_one_tap_and_the_person_hears_who_has_it(house: House) -> None:
    number = trouble(house)
    reply = house.press(SAM, "oncall.ack", call_of(house, number))
    assert as_text(reply.card).startswith(f"You have {number}. The person knows that you do.")
    assert labels(reply.card) == ["Close all sessions", "Block sign-in"]
    house.settle()
    assert f"Sam Ortiz has your ticket {number} now." in house.told(DANA)
    (row,) = house.rows("SELECT acknowledged_by, outcome FROM page")
    assert (row["acknowledged_by"], row["outcome"]) == (house.key(SAM), "acknowledged")
    late = house.press(INES, "oncall.ack", call_of(house, number))
    assert as_text(late.card) == f"Somebody had answered this call already. {number}"
    assert house.audited().count("page.acknowledge") == 1


def test_the_next_person_is_called_at_once_by_one_tap(house: House) -> None:
    number = trouble(house)
    reply = house.press(SAM, "oncall.pass", call_of(house, number))
    assert as_text(reply.card) == "Ines Brandt is being called now."
    house.settle()
    assert rung(house) == [SAM, INES]


def test_nothing_happened_takes_two_taps_and_is_said_without_blame(house: House) -> None:
    number = trouble(house)
    asked = house.press(SAM, "oncall.false", call_of(house, number))
    assert house.app.tickets.get(number).state == "open"
    house.press_label(SAM, asked.card, "Yes, close it")
    house.settle()
    assert house.app.tickets.get(number).state == "resolved"
    told = house.told(DANA)
    assert f"We have looked at {number}: nothing had happened. Telling us was right" in told
    assert [row["outcome"] for row in house.rows("SELECT outcome FROM page")] == ["false_alarm"]
    assert "It helped" not in labels(house.posts(DANA)[-1])  # nobody who was in trouble is asked how it was
    later(house, 20)
    assert rung(house) == [SAM]


@pytest.mark.parametrize("verb", ["ack", "pass", "false", "false_yes"])
def test_who_may_press_is_asked_each_time(house: House, verb: str) -> None:
    number = trouble(house)
    before = house.counts()
    reply = house.press(JONAS, f"oncall.{verb}", call_of(house, number))
    assert as_text(reply.card) == house.app.organisation().words.say("en", "room.not_yours")
    house.press("stranger", f"oncall.{verb}", call_of(house, number))
    assert house.app.tickets.get(number).state == "open"
    assert (before["page"], before["duty"], before["ticket_event"]) == tuple(
        house.count(table) for table in ("page", "duty", "ticket_event")
    )
    house.press(RUTH, "oncall.ack", call_of(house, number))  # the rota names her, though she is not of the desk
    assert house.app.tickets.get(number).acknowledged_at > 0


# routes -------------------------------------------------------------------------------------------------------------


def silent_and_chat(house: House) -> tuple[FakePager, FakePager]:
    """A route that rings, and one that does not."""
    loud, quiet = FakePager("loud"), FakePager("quiet", rings=False)
    house.app.oncall.pagers[:] = [loud, quiet]
    return loud, quiet


def test_a_failed_route_is_made_up_for_by_the_others_and_by_the_next_person(house: House) -> None:
    loud, quiet = silent_and_chat(house)
    loud.broken = ChannelError("answered 503")
    number = trouble(house)
    assert [page.to for page in quiet.pages] == [SAM, INES, RUTH]  # no phone rang, so all are told
    tries = house.rows("SELECT who, pager, error FROM page_try ORDER BY seq")
    assert [(row["who"], row["pager"], row["error"]) for row in tries[:2]] == [
        (SAM, "loud", "answered 503"), (SAM, "quiet", ""),
    ]  # fmt: skip
    assert "I could not reach anyone" not in house.told(DANA)
    assert number


def test_when_nobody_can_be_reached_the_person_hears_it_once(house: House) -> None:
    house.pager.broken = ChannelError("answered 503")
    number = trouble(house)
    later(house, 5)
    later(house, 5)
    assert house.told(DANA).count(f"I could not reach anyone. Ring {PHONE} now.") == 1
    assert [text for kind, text in house.timeline(number) if kind == "page_failed"] == ["fake: answered 503"]
    (row,) = house.rows("SELECT state, error FROM page")
    assert (row["state"], row["error"]) == ("failed", "fake: answered 503")


def test_a_pager_that_breaks_does_not_close_the_others(house: House) -> None:
    loud, quiet = silent_and_chat(house)
    loud.broken = RuntimeError("a bug")
    trouble(house)
    assert quiet.pages[0].to == SAM


def test_without_any_setting_the_call_is_a_card_in_chat(db: Db, home: Path, contents: Contents) -> None:
    house = House(home, db, contents, pagers=None)
    house.analyst(SAM)
    house.say(SAM, "hello")
    number = trouble(house)
    card = house.posts(SAM)[-1]
    assert labels(card) == ["I have it", "Call the next", "Nothing happened"]
    assert "Dana Reyes" in as_text(card)
    house.press_label(SAM, card, "I have it")
    assert house.app.tickets.get(number).assignee == house.key(SAM)
    house.close()


# duty ---------------------------------------------------------------------------------------------------------------


def test_duty_is_handed_on_until_the_next_hand_over_and_the_next_hears_of_it(house: House) -> None:
    house.say(INES, "hello")
    reply = house.press(SAM, "oncall.shift", "second")
    assert as_text(reply.card) == "Ines Brandt is on call from now."
    house.settle()
    assert "Sam Ortiz has handed it to you." in house.told(INES)
    assert house.app.oncall.on_duty(house.clock.at)[0] == INES
    trouble(house)
    assert rung(house) == [INES]
    rota = house.app.contents.rota.current
    assert rota is not None
    end = rota.handover_after(house.clock.at)
    assert house.app.oncall.on_duty(end - 1)[0] == INES
    assert house.app.oncall.on_duty(end) == rota.on_duty(end)


def test_only_whoever_is_on_duty_hands_it_on(house: House) -> None:
    reply = house.press(INES, "oncall.shift", "second")
    assert "There is nobody else" in as_text(reply.card)
    assert house.count("duty") == 0


def test_whoever_comes_on_duty_hears_of_it_once(house: House) -> None:
    for who in (SAM, INES):
        house.say(who, "hello")
    duty = house.app.calling.duty
    duty.shift({})
    house.clock.forward(7 * 86_400)
    duty.shift({})
    duty.shift({})
    house.settle()
    assert house.told(INES).count("You are on call from now.") == 1
    assert "You are on call from now." not in house.told(SAM)


def test_the_weekly_test_call_goes_out_once_and_is_answered_by_a_tap(house: House) -> None:
    calling = house.app.calling.paging
    calling.test({})
    calling.test({})
    house.settle()
    assert rung(house) == [SAM]
    assert "Nobody is in trouble" in house.pager.pages[0].summary
    (row,) = house.rows("SELECT key, ticket FROM page")
    reply = house.press(SAM, "oncall.ack", row["key"])
    assert (row["ticket"], as_text(reply.card)) == ("", "Thank you. The test call worked.")
    house.clock.forward(7 * 86_400)
    calling.test({})
    assert house.count("page") == 2


# PagerDuty and the webhook ------------------------------------------------------------------------------------------


@pytest.fixture
def rings() -> Iterator[Ringer]:
    with ringer(NOW) as made:
        yield made


def test_pagerduty_takes_every_event_of_a_calls_life(db: Db, home: Path, contents: Contents, rings: Ringer) -> None:
    clock = FakeClock()
    pager = PagerDutyPager(KEY, "https://secdesk.example", clock, f"{rings.url}/v2/enqueue")
    house = House(home, db, contents, clock=clock, pagers=[pager])
    number = trouble(house)
    key = call_of(house, number)
    house.press(SAM, "oncall.ack", key)
    house.act("resolve", number)
    house.settle()
    assert (rings.actions(), rings.refused) == ([("trigger", key), ("acknowledge", key), ("resolve", key)], [])
    payload = rings.events[0]["payload"]
    assert (payload["custom_details"], payload["severity"]) == ({"to": SAM, "ticket": number}, "critical")
    assert TROUBLE not in str(rings.events)
    house.close()


PAGE = Page("page:SEC-1:x", SAM, "Typed a password. " * 200, "SEC-1", "https://secdesk.example/console/tickets/SEC-1")


def test_pagerduty_gets_no_more_than_it_takes(rings: Ringer) -> None:
    PagerDutyPager(KEY, "s", FakeClock(), f"{rings.url}/v2/enqueue").page(PAGE)
    assert (len(rings.events[0]["payload"]["summary"]), rings.refused) == (1024, [])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda rings: PagerDutyPager("wrong", "s", FakeClock(), f"{rings.url}/v2/enqueue"), "answered 400"),
        (lambda rings: PagerDutyPager(KEY, "s", FakeClock(), "http://127.0.0.1:9/x"), "could not be reached"),
        (lambda rings: WebhookPager(f"{rings.url}/hook", "another", FakeClock()), "answered 401"),
        (lambda rings: WebhookPager(f"{rings.url}/hook", SECRET, FakeClock(NOW - 900)), "answered 401"),
        (lambda rings: WebhookPager("file:///etc/passwd", SECRET, FakeClock()), "not a web address"),
    ],
)
def test_a_call_that_was_not_taken_is_no_call(rings: Ringer, make: Any, said: str) -> None:
    with pytest.raises(ChannelError, match=said):
        make(rings).page(PAGE)
    assert rings.events == []


@pytest.mark.parametrize("code", [302, 429, 500])
def test_answers_that_are_not_yes_are_failures(rings: Ringer, code: int) -> None:
    rings.trouble = [code]
    with pytest.raises(ChannelError, match=f"answered {code}"):
        WebhookPager(f"{rings.url}/hook", SECRET, FakeClock()).page(PAGE)
    assert rings.events == []


def test_the_webhook_is_signed(rings: Ringer) -> None:
    pager = WebhookPager(f"{rings.url}/hook", SECRET, FakeClock())
    pager.page(PAGE)
    pager.settle("page:SEC-1:x", "acknowledge")
    assert [event["event"] for event in rings.events] == ["page", "acknowledge"]
    assert rings.events[0]["key"] == PAGE.key


# warnings up the chain ----------------------------------------------------------------------------------------------


def opened(house: House, severity: Any = "S2") -> str:
    dana = house.analyst(DANA)
    request = TicketRequest(dana.key, house.place(DANA), "person", "A file", "x", severity)
    return house.app.work(lambda work: house.app.tickets.open(work, request)).number


def warned(house: House, number: str) -> list[str]:
    return [text for kind, text in house.timeline(number) if kind == "warned"]


def test_warnings_go_up_the_chain_once_each(house: House) -> None:
    for who in (SAM, INES, RUTH):
        house.say(who, "hello")
    number, chain = opened(house), house.app.calling.chain
    steps = []
    for minute in (22, 23, 24, 30, 31, 45, 46, 500):
        house.clock.at = house.app.tickets.get(number).created_at + 60 * minute
        chain.run({})
        chain.run({})
        steps.append(len(warned(house, number)))
    assert steps == [0, 1, 1, 2, 2, 3, 3, 3]
    assert warned(house, number) == [
        "acknowledge 75 % → Sam Ortiz", "acknowledge 100 % → Sam Ortiz, Ines Brandt", "acknowledge 150 % → Ruth Adeyemi",
    ]  # fmt: skip
    house.settle()
    assert [house.told(who).count(f"{number} (S2): 1") for who in (SAM, INES, RUTH)] == [1, 1, 1]
    card = house.posts(INES)[-1]
    house.press_label(INES, card, "Take it")
    assert house.app.tickets.get(number).assignee == house.key(INES)


def test_after_a_day_without_us_only_the_last_warning_is_said(house: House) -> None:
    number = opened(house)
    house.clock.forward(86_400)
    house.app.calling.chain.run({})
    assert warned(house, number) == ["acknowledge 150 % → Ruth Adeyemi"]


def test_the_holder_is_warned_of_silence_and_a_pause_keeps_everybody_quiet(house: House) -> None:
    house.say(SAM, "hello")
    number, chain = opened(house, "S3"), house.app.calling.chain
    house.act("wait", number, SAM, "person", "Which file?")
    house.clock.forward(5 * 3600)
    chain.run({})
    assert warned(house, number) == []
    assert "stopped, somebody is waited for" in as_text(house.app.room.card_of(number))
    house.settle()
    house.say(DANA, "the payroll one")
    house.clock.forward(46 * 60)
    chain.run({})
    assert warned(house, number) == ["update 75 % → Sam Ortiz"]


def test_the_index_can_be_made_again_from_the_timelines(house: House) -> None:
    numbers = [opened(house, severity) for severity in ("S0", "S1", "S2", "S3")]
    house.act("claim", numbers[2])
    columns = "number, next_due_at, next_warn_at, acknowledged_at, waiting"
    before = house.rows(f"SELECT {columns} FROM ticket ORDER BY seq")
    assert house.app.calling.chain.rebuild() == 0
    with house.db.tx() as tx:
        tx.execute("UPDATE ticket SET next_due_at = 1, next_warn_at = 2, acknowledged_at = 3, waiting = 'person'")
    assert house.app.calling.chain.rebuild() == 4
    assert before == house.rows(f"SELECT {columns} FROM ticket ORDER BY seq")


def test_a_partner_owes_an_answer_from_the_hand_over_on(house: House) -> None:
    number = opened(house, "S3")
    house.act("claim", number)
    house.clock.forward(600)
    house.act("hand_over", number, SAM, "brightwell")
    assert house.app.tickets.get(number).next_due_at == house.clock.at + 15 * 60
    house.settle()
    assert "Brightwell Managed Security works on" in house.told(DANA)
    house.app.work(lambda work: house.app.tickets.partner_said(work, number, "secdesk", "Looking."))
    assert house.app.tickets.get(number).next_due_at > house.clock.at + 15 * 60
    assert pressables(load(house.rows("SELECT card FROM delivery ORDER BY created_at DESC LIMIT 1")[0]["card"]))
