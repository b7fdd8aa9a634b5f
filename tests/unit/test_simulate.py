"""Simulated years: no rule is broken, the same seed gives the same year, and the referee sees what is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.learning.record import Learner
from bot.learning.referee import RULES, House, Went, judge
from bot.learning.simulate import Life, Setup, figures, live, ready, simulate
from bot.learning.timing import Policy
from tests.fakes.lessons import curriculum, lesson

VALUES = frozenset({"helpdesk_phone"})
SETUP = Setup(14, 26, 7, date(2027, 1, 4), curriculum(), VALUES)
TUESDAY = date(2026, 11, 24)
LESSON = lesson("core-1")
WHO = Learner("p_1", timezone="UTC", values=VALUES)
HOUSE = House(Policy(), lambda _region, _day: False, ZoneInfo("UTC"))


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return simulate(SETUP)


def test_no_rule_is_broken(lives: list[Life]) -> None:
    told = figures(SETUP, lives)
    assert told["violations"] == dict.fromkeys([*RULES, "spread"], 0)
    assert sum(life.kinds.total() for life in lives) > 120  # they did get something
    assert sum(life.reviews for life in lives) > 60


def test_the_same_seed_is_the_same_year_in_whatever_order(lives: list[Life]) -> None:
    ready(SETUP)
    again = [life for part in (range(10, 14), range(10)) for life in live(part)]
    assert again[4:] + again[:4] == lives


def test_another_seed_is_another_year(lives: list[Life]) -> None:
    assert simulate(replace(SETUP, seed=8, people=3)) != lives[:3]


def test_figures_add_up(lives: list[Life]) -> None:
    told: Any = figures(SETUP, lives)
    messages = told["messages"]
    assert messages["total"] == sum(messages["by_kind"].values())
    assert messages["total"] == sum(int(count) * weeks for count, weeks in messages["weeks_with"].items())
    assert sum(role["people"] for role in messages["by_role"].values()) == SETUP.people
    assert told["lateness_days"]["review"]["count"] == sum(len(life.late) for life in lives)


# the referee must be able to say no


def at(day: int = 24, hour: int = 11, month: int = 11, minute: int = 0) -> float:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()


def went(moment: float, kind: Any = "scheduled", **more: Any) -> Went:
    return Went(moment, kind, **{"lesson": LESSON, "language": "en", "learner": WHO, "reacted_at": moment + 60, **more})


def weekly(count: int, **more: Any) -> Iterator[Went]:
    """One each Tuesday from 1 September 2026 on."""
    yield from (went(at(1, month=9) + week * 7 * 86_400, lesson=lesson(f"l-{week}00"), **more) for week in range(count))


def broken(*log: Went, house: House = HOUSE, **more: Any) -> set[str]:
    return set(judge(log, house, **more))


def test_a_good_log_is_clean() -> None:
    assert broken(*weekly(10)) == set()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("guest", went(at(), learner=replace(WHO, known=False))),
        ("incident", went(at(), held_until=at() + 1)),
        ("leave", went(at(), learner=replace(WHO, leave=((TUESDAY, TUESDAY),)))),
        ("day_off", went(at(28))),
        ("quiet_hours", went(at(hour=9, minute=29))),
        ("quiet_hours", went(at(hour=16, minute=30))),
        ("quiet_hours", went(at(23, hour=10, minute=29))),
        ("quiet_hours", went(at(27, hour=15))),
        ("stopped", went(at(), stopped=True)),
        ("no_language", went(at(), language="de")),
        ("not_theirs", went(at(), lesson=lesson("x-x", roles=["hr_legal"]))),
        ("too_early", went(at(), "requested", wanted=date(2026, 11, 25))),
        ("not_due", went(at(), reason="review", due=at() + 1)),
    ],
)
def test_one_message_that_breaks_a_rule_is_seen(code: str, message: Went) -> None:
    assert broken(message) == {code}


@pytest.mark.parametrize(
    ("code", "log"),
    [
        ("one_a_day", (went(at()), went(at(hour=15), "requested"))),
        ("week_cap", (went(at(17), "triggered"), went(at(23), lesson=lesson("l-2")))),
        ("gap", (went(at(17)), went(at(19), lesson=lesson("l-2"), learner=replace(WHO, high_risk=True)))),
        ("triggered_cap", tuple(went(at(day), "triggered", lesson=lesson(f"l-{day}")) for day in (23, 24, 25))),
        ("cool_down", (went(at(10), "triggered"), went(at(), "triggered"))),
        ("less_often", (went(at(10)), went(at(), lesson=lesson("l-2"), rate=0.25))),
        ("back_off", (*weekly(3, reacted_at=None), went(at(22, month=9), lesson=lesson("l-9")))),
    ],
)
def test_messages_that_break_a_rule_together_are_seen(code: str, log: tuple[Went, ...]) -> None:
    assert broken(*log) == {code}


def test_six_without_an_answer_mean_a_month() -> None:
    log = [went(at(1, month=9) + days * 86_400, reacted_at=None) for days in (0, 7, 14, 28, 42, 56)]
    soon, late = went(log[-1].at + 28 * 86_400), went(log[-1].at + 31 * 86_400 + 86_400 * 4)
    assert (broken(*log), broken(*log, soon), broken(*log, late)) == (set(), {"back_off"}, set())


def test_what_operators_switch_off_is_seen() -> None:
    off = replace(HOUSE, off=((at() - 1, at() + 1),))
    held = replace(HOUSE, paused=(("core-1", at() - 1, at() + 1),))
    quiet = replace(HOUSE, policy=Policy(blackout=frozenset({TUESDAY})))
    holiday = replace(HOUSE, holidays=lambda _region, day: day == TUESDAY)
    seen = [broken(went(at()), house=house) for house in (off, held, quiet, holiday)]
    assert seen == [{"switched_off"}, {"paused"}, {"blackout"}, {"holiday"}]
    assert broken(went(at()), gone_at=at()) == {"gone"}


def test_four_in_four_weeks_is_the_limit() -> None:
    busy = replace(WHO, high_risk=True)
    log = [went(at(1, month=9) + days * 86_400, learner=busy) for days in (0, 3, 7, 10, 14, 17, 21)]
    house = replace(HOUSE, policy=Policy(gap_workdays=0))
    assert judge(log, house) == Counter({"four_weeks_cap": 1})
