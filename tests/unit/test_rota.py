"""The rota over the days on which clocks change: dated overrides, hand-overs and duty that was handed on."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.helpdesk.rota import Rota, RotaFile, Stint

BERLIN = ZoneInfo("Europe/Berlin")


def rota(zone: str = "Europe/Berlin", handover: str = "09:00", **more: object) -> Rota:
    file = {"schema": "oncall/1", "start": "2026-01-05", "timezone": zone, "handover": handover, "weekly": ["b", "a"],
            **more}  # fmt: skip
    return Rota(RotaFile.model_validate(file))


def at(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, *, fold: int = 0, zone: ZoneInfo = BERLIN
) -> float:
    """As the wall clock shows it; `fold=1` is the second 02:30 of an autumn night."""
    return datetime(year, month, day, hour, minute, tzinfo=zone, fold=fold).timestamp()


# Clocks in Berlin: 29 March 2026 02:00 → 03:00, 25 October 2026 03:00 → 02:00.


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        (at(2026, 3, 28, 23, 59), "a"),
        (at(2026, 3, 29, 0, 0), "x"),
        (at(2026, 3, 29, 1, 59), "x"),
        (at(2026, 3, 29, 3, 0), "x"),
        (at(2026, 3, 29, 23, 59), "x"),  # the day has 23 hours, and all of them are hers
        (at(2026, 3, 30, 0, 0), "a"),
        (at(2026, 3, 30, 9, 0), "b"),
    ],
)  # fmt: skip
def test_a_whole_day_of_23_hours(moment: float, first: str) -> None:
    made = rota(overrides=[{"start": "2026-03-29", "end": "2026-03-29", "who": "x"}])
    assert made.on_duty(moment)[0] == first


def test_a_whole_day_of_25_hours() -> None:
    made = rota(overrides=[{"start": "2026-10-25", "end": "2026-10-25", "who": "x"}])
    start, end = at(2026, 10, 25), at(2026, 10, 26)
    assert (end - start) / 3600 == 25
    hours = [made.on_duty(start + 3600 * hour)[0] for hour in range(-1, 26)]
    assert hours == [hours[0], *["x"] * 25, hours[0]]
    assert hours[0] != "x"


def test_an_override_with_times_follows_the_wall_clock_of_the_rota() -> None:
    made = rota(overrides=[{"start": "2026-03-28 20:00", "end": "2026-03-29 08:00", "who": "x"}])
    start, end = at(2026, 3, 28, 20), at(2026, 3, 29, 8)
    assert (end - start) / 3600 == 11  # twelve by the clock on the wall
    assert [made.on_duty(moment)[0] for moment in (start - 1, start, end - 1, end)] == ["a", "x", "x", "a"]


def test_an_end_inside_the_hour_that_does_not_exist_ends_when_the_clock_jumps() -> None:
    made = rota(overrides=[{"start": "2026-03-29 01:00", "end": "2026-03-29 02:30", "who": "x"}])
    assert [made.on_duty(at(2026, 3, 29, 1, 59))[0], made.on_duty(at(2026, 3, 29, 3, 0))[0]] == ["x", "a"]


def test_an_override_that_ends_in_the_doubled_hour_never_leaves_a_gap() -> None:
    made = rota(overrides=[
        {"start": "2026-10-24 20:00", "end": "2026-10-25 02:30", "who": "x"},
        {"start": "2026-10-25 02:30", "end": "2026-10-25 08:00", "who": "y"},
    ])  # fmt: skip
    found = [made.on_duty(at(2026, 10, 25, 1) + 600 * step)[0] for step in range(25)]
    assert set(found) == {"x", "y"}
    assert (found[0], found[-1]) == ("x", "y")


def test_a_moment_with_its_offset_means_that_moment() -> None:
    made = rota(overrides=[{"start": "2026-10-25T00:30:00+00:00", "end": "2026-10-25T02:00:00+00:00", "who": "x"}])
    assert made.on_duty(datetime(2026, 10, 25, 1, 59, tzinfo=UTC).timestamp())[0] == "x"
    assert made.on_duty(datetime(2026, 10, 25, 2, 0, tzinfo=UTC).timestamp())[0] != "x"


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
def test_weeks_change_at_nine_by_the_wall_clock_all_year_round(zone: str) -> None:
    made, local = rota(zone), ZoneInfo(zone)
    moment, firsts = at(2026, 1, 5, 9, zone=local), []
    for _ in range(104):
        assert made.on_duty(moment)[0] == made.on_duty(made.handover_after(moment) - 1)[0]
        moment = made.handover_after(moment)
        here = datetime.fromtimestamp(moment, UTC).astimezone(local)
        assert (here.weekday(), here.hour, here.minute) == (0, 9, 0)
        firsts.append(made.on_duty(moment)[0])
    assert firsts == ["a", "b"] * 52


def test_duty_that_was_handed_on_lasts_to_the_hand_over_after_the_change() -> None:
    made = rota()
    moment = at(2026, 3, 27, 18)
    end = made.handover_after(moment)
    assert end == at(2026, 3, 30, 9)
    stints = [Stint("c", moment, end)]
    assert [made.on_duty(when, stints)[0] for when in (moment, at(2026, 3, 29, 3), end - 1, end)] == [
        "c",
        "c",
        "c",
        "b",
    ]


def test_who_hands_on_wins_over_an_override_and_the_last_one_wins() -> None:
    made = rota(overrides=[{"start": "2026-03-29", "end": "2026-03-29", "who": "x"}])
    moment = at(2026, 3, 29, 12)
    stints = [Stint("c", moment - 10, moment + 10), Stint("d", moment - 5, moment + 5)]
    assert made.on_duty(moment, stints) == ["d", "c", "x", "a"]


def test_the_coming_turns_have_no_gaps_and_the_same_person_once() -> None:
    made = rota(overrides=[{"start": "2026-03-29", "end": "2026-03-29", "who": "x"}])
    start = at(2026, 3, 27)
    found = made.turns(start, at(2026, 4, 20), [Stint("c", start, at(2026, 3, 27, 12))])
    assert [(one.who, one.end) for one in found] == [
        ("c", at(2026, 3, 27, 12)), ("a", at(2026, 3, 29)), ("x", at(2026, 3, 30)), ("a", at(2026, 3, 30, 9)),
        ("b", at(2026, 4, 6, 9)), ("a", at(2026, 4, 13, 9)), ("b", at(2026, 4, 20)),
    ]  # fmt: skip
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]
    assert rota(weekly=[]).turns(start, at(2026, 4, 20)) == []
