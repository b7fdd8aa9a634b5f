"""Who has left gets nothing more, wherever their tip was; and people's own hours and leave reach the planner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from adapters.directories.file import FileDirectory
from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.directory import CSV, FILE, SCIM, Said
from bot.helpdesk.triage import at_the_desk
from bot.learning.workdays import Habits, Hours, own_hours
from tests.fakes import desk as fakes
from tests.fakes.desk import SAM, House

contents, home = fakes.contents, fakes.home
TOM, MONDAY = "tom.new", datetime(2030, 3, 18, 11, tzinfo=UTC).timestamp()


@pytest.fixture
def house(tmp_path: Path, home: Path, contents: Contents) -> Iterator[House]:
    directory = FileDirectory(None)
    new = Said(
        FILE, TOM, TOM, ("tom.new@northwind.example",), "Tom New", frozenset({"regular"}), "uk", "en", "Europe/London"
    )
    directory.replace([*contents.directory.people(), new])
    made = House(home, open_db("", tmp_path), replace(contents, directory=directory))
    made.clock.at = MONDAY
    yield made
    made.close()
    made.db.close()


def says(house: House, said: Said) -> None:
    house.app.sources.change(lambda work, seq: house.app.sources.put(work, seq, said, "scim"))


def planned(house: House, who: str) -> list[str]:
    key = house.key(who)
    return [decision.reason for decision in house.app.nudge_plan() if decision.person == key]


def test_a_queued_tip_of_a_leaver_is_not_sent(house: House) -> None:
    house.say(TOM, "hello")
    house.app.nudge_send(now=True)
    key = house.key(TOM)
    waiting = "SELECT state, error FROM delivery WHERE person = :p AND key LIKE 'nudge:%'"
    assert [row["state"] for row in house.rows(waiting, p=key)] == ["queued"]
    says(house, Said(SCIM, "u1", addresses=("tom.new@northwind.example",), active=False))
    assert [(row["state"], row["error"]) for row in house.rows(waiting, p=key)] == [("failed", "left")]
    house.app.deliver_waiting()
    assert (planned(house, TOM), [card.title for card in house.posts(TOM) if "nudge" in card.title]) == ([], [])
    assert house.audited().count("people.left") == 1


def test_a_contract_that_ends_overnight_stops_what_is_already_queued(house: House) -> None:
    says(house, Said(CSV, "csv:t", addresses=("tom.new@northwind.example",), kind="contractor", end=date(2030, 3, 18)))
    house.say(TOM, "hello")
    before = len(house.posts(TOM))
    house.app.nudge_send(now=True)
    house.clock.forward(86_400)
    house.app.deliver_waiting()
    rows = house.rows("SELECT state, error FROM delivery WHERE key LIKE 'nudge:%' AND person = :p", p=key_of(house))
    assert [(row["state"], row["error"]) for row in rows] == [("failed", "left")]
    assert len(house.posts(TOM)) == before


def key_of(house: House) -> str:
    return next(
        str(row["person"]) for row in house.rows("SELECT person FROM delivery WHERE key LIKE 'nudge:%'")
        if (met := house.app.identities.as_met(row["person"])) and met.id == TOM
    )  # fmt: skip


def test_an_analyst_who_leaves_loses_the_desk_at_once(house: House) -> None:
    analyst = house.analyst(SAM)
    assert at_the_desk(analyst, house.app.organisation())
    says(house, Said(SCIM, "u2", addresses=("sam.ortiz@northwind.example",), active=False))
    who = house.app.identities.who(analyst.key)
    assert who is not None
    assert (who.known, who.roles, who.name) == (False, frozenset(), "Sam Ortiz")
    assert not at_the_desk(who, house.app.organisation())


def test_own_hours_days_leave_and_region_reach_the_planner(house: House) -> None:
    says(house, Said(
        CSV, "csv:t", addresses=("tom.new@northwind.example",), days=frozenset({2}), hours=(time(20), time(23)), region="DE-BY",
        leave=((date(2030, 3, 20), date(2030, 3, 20)),),
    ))  # fmt: skip
    person = house.app.directory.find(TOM)
    assert person is not None
    learner = house.app.nudges.learner(person)
    assert (learner.region, learner.leave) == ("DE-BY", ((date(2030, 3, 20), date(2030, 3, 20)),))
    house.say(TOM, "hello")
    (decision,) = [one for one in house.app.nudge_plan() if one.person == house.key(TOM)]
    when = datetime.fromtimestamp(decision.when or 0.0, UTC)
    assert (when.weekday(), when.date() > date(2030, 3, 20), 20 <= when.hour < 23) == (2, True, True)


def test_own_hours() -> None:
    usual = Hours()
    assert own_hours(None, None, usual) is None
    assert own_hours(frozenset({0}), None, usual) == replace(usual, days=frozenset({0}))
    assert own_hours(None, (time(22), time(6)), usual) == Hours(time(22), time(6), time(22), time(6), usual.days)
    assert Habits() == Habits(None, "", ())


@pytest.mark.parametrize("jump", [2400.0, -2400.0])
def test_a_clock_that_jumps_by_forty_minutes_sends_nothing_twice(house: House, jump: float) -> None:
    house.say(TOM, "hello")
    house.app.nudge_send(now=True)
    house.app.deliver_waiting()
    before = house.rows("SELECT id, state FROM nudge ORDER BY id")
    house.clock.at += jump
    house.app.nudge_send(now=True)
    house.app.nudge_send(now=False)
    house.app.deliver_waiting()
    assert house.rows("SELECT id, state FROM nudge ORDER BY id") == before
    tip = next(row for row in house.rows("SELECT id, person FROM nudge") if row["person"] == house.key(TOM))
    house.press(TOM, "learning.answer", f"{tip['id']}:a")
    house.press(TOM, "learning.answer", f"{tip['id']}:a")
    assert [row["state"] for row in house.rows("SELECT state FROM nudge WHERE id = :id", id=tip["id"])] == ["answered"]


def test_a_person_in_two_directories_is_planned_once(house: House) -> None:
    says(house, Said(SCIM, "u1", addresses=("tom.new@northwind.example",), name="T. New", timezone="Mars/Olympus"))
    says(house, Said(CSV, "csv:t", addresses=("tom.new@northwind.example",), timezone="Europe/Madrid"))
    house.say(TOM, "hello")
    plan = [decision for decision in house.app.nudge_plan() if decision.person == house.key(TOM)]
    assert [(decision.timezone, decision.notes) for decision in plan] == [
        ("Europe/London", ())
    ]  # people.yaml is believed
    profile = house.app.directory.profile(TOM)
    assert profile is not None
    assert ([said.source for said in profile.said], profile.notes) == ([FILE, CSV, SCIM], ())
