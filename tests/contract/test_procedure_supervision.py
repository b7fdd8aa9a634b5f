"""What starts runs by itself, and what follows when nobody presses: calendars, emergencies, tickets, time boxes, leavers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.directories.file import FileDirectory
from bot.app.contents import Contents
from bot.cards import as_text
from bot.model import File
from bot.ports import Db
from bot.procedures.evidence import Evidence
from bot.procedures.state import Run
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, NONSENSE, SAM, TROUBLE, House, labels
from tests.fakes.procedures import DAILY, TAKEOVER, with_procedures

contents, home = fakes.contents, fakes.home
HOUR, DAY = 3600.0, 86_400.0
MORNING = 1_900_054_800.0  # Monday 18 March 2030, 09:00 in London


def made(home: Path, db: Db, contents: Contents, **texts: str) -> House:
    directory = FileDirectory(None)  # one that people can leave
    directory.replace(contents.directory.people())
    house = House(home, db, replace(with_procedures(contents, home / "own", **texts), directory=directory))
    for who in (SAM, INES):
        house.say(who, "hello")
    return house


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    one = made(home, db, contents, takeover=TAKEOVER, daily=DAILY)
    yield one
    one.close()


@pytest.fixture
def eager(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    """Where an emergency and a tag start the procedure by themselves."""
    text = TAKEOVER.replace("start: {", "start: {automatic: true, ")
    one = made(home, db, contents, takeover=text)
    yield one
    one.close()


def tick(house: House, at: float) -> None:
    house.clock.at = at
    house.app.handlers()["procedures.tick"]({})


def runs(house: House) -> list[Run]:
    return house.app.procedures.runs.listed()


def test_the_calendar_starts_a_run_once_however_often_and_by_whoever_it_is_asked(house: House) -> None:
    tick(house, MORNING - HOUR)
    assert runs(house) == []
    for late in (0, 1, 300, 600):
        tick(house, MORNING + late)
    (run,) = runs(house)
    assert (run.procedure_id, run.how, run.started_at, run.due_at) == ("daily", "calendar", MORNING, MORNING + 4 * HOUR)
    assert (run.once, run.started_by, run.state) == ("calendar:daily:2030-03-18", "secdesk", "running")
    house.settle()
    assert "Look at the queue." in house.told(SAM if run.holder == house.key(SAM) else INES)


def test_two_replicas_at_the_same_moment_start_one_run(house: House) -> None:
    tick(house, MORNING - HOUR)
    house.clock.at = MORNING + 1
    app, args = house.app, ("daily", "calendar:daily:2030-03-18", MORNING, MORNING + HOUR)
    for _ in range(2):  # both have looked before either has written
        app.work(lambda work: app.procedures.supervision._start(work, *args))
    assert len(runs(house)) == 1


def test_a_run_that_is_not_finished_in_time_is_one_ticket_and_can_still_be_finished(house: House) -> None:
    tick(house, MORNING - HOUR)
    tick(house, MORNING)
    tick(house, MORNING + 4 * HOUR)
    assert house.tickets() == []
    for late in (1, 300, 5 * HOUR):
        tick(house, MORNING + 4 * HOUR + late)
    assert [ticket.subject for ticket in house.tickets()] == ["Missed: Daily check (RUN-1)"]
    house.settle()
    assert "“Daily check” was not finished in time. There is a ticket: SEC-101." in house.told(INES)
    (run,), sam = runs(house), house.analyst(SAM)
    assert (run.state, run.missed_ticket) == ("running", "SEC-101")
    given = Evidence("file", file=File("queue.csv", b"a,b"))
    house.app.work(lambda work: house.app.procedures.runs.done(work, run.id, run.step, run.step_seq, sam, given))
    (late_run,) = runs(house)
    assert (late_run.state, house.app.procedures.runs.fault(late_run)) == ("done", "")
    assert [r.action for r in house.app.procedures.runs.records(late_run)] == ["start", "missed", "done", "finish"]


def test_what_could_not_be_started_in_time_is_on_record_and_never_silent(house: House) -> None:
    tick(house, MORNING - HOUR)
    tick(house, MORNING + 2 * DAY + 600)  # nothing ran for two days
    found = sorted((run.once, run.state) for run in runs(house))
    assert found == [
        ("calendar:daily:2030-03-18", "missed"), ("calendar:daily:2030-03-19", "missed"),
        ("calendar:daily:2030-03-20", "running"),
    ]  # fmt: skip
    tick(house, MORNING + 2 * DAY + 900)
    assert sorted(ticket.subject for ticket in house.tickets()) == [
        "Missed: Daily check (RUN-1)",
        "Missed: Daily check (RUN-2)",
    ]


def test_a_procedure_that_is_new_today_has_missed_nothing(house: House) -> None:
    tick(house, MORNING + 6 * HOUR)
    assert (runs(house), house.tickets()) == ([], [])


def test_a_time_box_reminds_who_has_the_step_then_tells_the_owner(house: House) -> None:
    started(house)
    house.settle()
    house.clock.forward(15 * 60)
    house.settle()
    assert "The 15 min for this step are over." in house.told(SAM)
    assert "has taken twice" not in house.told(SAM)
    house.clock.forward(15 * 60)
    house.settle()
    assert "Step 1 of 5 has taken twice its 15 min: Revoke the sessions." in house.told(SAM)  # he keeps it
    house.clock.forward(30 * 60)
    house.settle()
    assert "RUN-1 should have taken 60 min and is at step 1 of 5" in house.told(SAM)
    assert {row["state"] for row in house.rows("SELECT state FROM outbox WHERE kind = 'procedures.box'")} == {"done"}


def test_a_time_box_says_nothing_once_the_run_has_moved_on(house: House) -> None:
    run, sam = started(house), house.analyst(SAM)
    service = house.app.procedures.runs
    house.app.work(lambda work: service.done(work, run.id, run.step, run.step_seq, sam, Evidence("text", "Revoked.")))
    house.clock.forward(31 * 60)
    house.settle()
    assert "The 15 min" not in house.told(SAM)


def test_a_time_box_is_as_long_on_the_night_that_clocks_change(house: House) -> None:
    house.clock.at = 1_901_235_000.0  # 31 March 2030, 00:50 in London: in ten minutes it is 02:00
    started(house)
    rows = house.rows("SELECT key, due_at FROM outbox WHERE kind = 'procedures.box' ORDER BY due_at")
    assert [round(row["due_at"] - house.clock.at) for row in rows] == [900, 1800, 3600]


def test_the_run_of_somebody_who_has_left_goes_to_the_desk(house: House) -> None:
    run = started(house)
    tick(house, house.clock.at + 60)
    assert runs(house)[0].holder == house.key(SAM)
    people = [person for person in house.app.directory.people() if person.id != SAM]
    house.app.directory.replace(people)
    tick(house, house.clock.at + 60)
    tick(house, house.clock.at + 60)
    (now,) = runs(house)
    assert (now.id, now.holder, now.state) == (run.id, house.key(INES), "running")
    assert [(r.actor, r.action, r.detail) for r in house.app.procedures.runs.records(now)][1:] == [
        ("secdesk", "hand_over", "desk")
    ]
    house.settle()
    assert "This step is yours." in house.told(INES)


def test_an_emergency_offers_what_fits_and_whoever_is_on_call_gets_it_if_it_waits(house: House) -> None:
    house.say(DANA, TROUBLE)
    number = house.ticket().number
    assert [one.procedure.id for one in house.app.procedures.supervision.offers(number)] == ["takeover"]
    assert "Start: Account taken over" in labels(house.app.room.card_of(number))
    house.clock.forward(121)
    house.settle()
    duty = house.app.oncall.on_duty(house.clock.now())[0]
    card = next(card for card in house.posts(duty) if card.title == "Account taken over")
    reply = house.press_label(duty, card, "Start")
    assert f"Ticket: {number}" in as_text(reply.card)
    assert (runs(house)[0].ticket, house.app.procedures.supervision.offers(number)) == (number, [])
    again = house.press(INES if duty == SAM else SAM, "procedure.start", f"takeover:{number}")
    assert len(runs(house)) == 1
    assert "RUN-1" in as_text(again.card)
    assert any(
        said.startswith("RUN-1 · Account taken over: Step 1 of 5")
        for said in as_text(house.app.room.card_of(number)).splitlines()
    )


def test_what_is_past_its_review_date_says_so_when_it_is_offered(db: Db, home: Path, contents: Contents) -> None:
    house = made(home, db, contents, takeover=TAKEOVER.replace("review_due: 2030-07-10", "review_due: 2030-02-28"))
    house.clock.at = MORNING
    house.say(DANA, TROUBLE)
    house.clock.forward(121)
    house.settle()
    (card,) = (card for who in (SAM, INES) for card in house.posts(who) if card.title == "Account taken over")
    assert "past its review date (2030-02-28)" in as_text(card)
    house.close()


def test_an_offer_that_was_taken_up_or_whose_ticket_is_closed_is_not_sent(house: House) -> None:
    house.say(DANA, TROUBLE)
    house.act("false_alarm", house.ticket().number)
    house.clock.forward(121)
    house.settle()
    assert [card.title for who in (SAM, INES) for card in house.posts(who) if card.title == "Account taken over"] == []


def test_an_emergency_starts_what_is_to_start_by_itself_once(eager: House) -> None:
    eager.say(DANA, TROUBLE)
    eager.say(DANA, TROUBLE)
    (run,) = runs(eager)
    assert (run.ticket, run.how, run.started_by) == (eager.ticket().number, "emergency", "secdesk")
    assert eager.app.identities.who(run.holder) is not None
    assert [said for kind, said in eager.timeline(run.ticket) if kind == "procedure"] == [
        "RUN-1: “Account taken over” begins."
    ]
    assert eager.whole()


def test_a_tag_starts_what_is_to_start_by_itself_once(eager: House) -> None:
    eager.say(DANA, NONSENSE)
    number, sam = eager.ticket().number, eager.analyst(SAM)
    assert runs(eager) == []
    for tag in ("other", "takeover"):
        eager.app.work(lambda work, tag=tag: eager.app.triage.tag(work, number, sam, tag))  # type: ignore[misc]
    eager.act("note", number, SAM, "Looking.")
    assert [(run.ticket, run.how) for run in runs(eager)] == [(number, "ticket")]


def started(house: House) -> Run:
    sam = house.analyst(SAM)
    return house.app.work(lambda work: house.app.procedures.runs.start(work, "takeover", sam))
