"""When procedures start by themselves, on the days that clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.procedures.calendar import next_start, occurrences, zone_of
from bot.procedures.shapes import Schedule

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def starts(schedule: Schedule, zone: ZoneInfo, after: str, until: str) -> list[str]:
    """UTC times of the starts between two UTC times."""
    return [
        datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d %H:%M")
        for _, start in occurrences(schedule, zone, at(after), at(until))
    ]


def schedule(every: str, on: str | int | None = None, time: str = "09:00") -> Schedule:
    return Schedule(every=every, at=time, on=on, within="4h")  # type: ignore[arg-type]


def test_nine_oclock_is_nine_oclock_in_summer_and_in_winter() -> None:
    assert starts(schedule("day"), BERLIN, "2030-03-29 12:00", "2030-04-01 12:00") == [
        "2030-03-30 08:00", "2030-03-31 07:00", "2030-04-01 07:00",
    ]  # fmt: skip


def test_a_time_that_is_missing_in_spring_comes_an_hour_later_and_one_that_is_there_twice_comes_once() -> None:
    half_past_one = schedule("day", time="01:30")
    assert starts(half_past_one, LONDON, "2030-03-30 12:00", "2030-04-01 12:00") == [
        "2030-03-31 01:30",
        "2030-04-01 00:30",
    ]
    assert starts(half_past_one, LONDON, "2030-10-26 12:00", "2030-10-28 12:00") == [
        "2030-10-27 00:30",
        "2030-10-28 01:30",
    ]


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("time", ["00:00", "01:30", "02:30", "23:59"])
def test_every_day_of_a_year_has_one_start_in_order_whatever_the_clocks_do(zone: str, time: str) -> None:
    found = list(
        occurrences(schedule("day", time=time), ZoneInfo(zone), at("2030-01-01 12:00"), at("2031-01-01 12:00"))
    )
    assert (len(found), len({day for day, _ in found})) == (365, 365)
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(found)]
    assert (min(gaps) >= 22 * 3600, max(gaps) <= 26 * 3600) == (True, True)


@pytest.mark.parametrize(
    ("every", "on", "wanted"),
    [
        ("day", "workdays", ["2030-03-29 09:00", "2030-04-01 08:00", "2030-04-02 08:00"]),
        ("week", "mon", ["2030-04-01 08:00"]),
        ("month", 2, ["2030-04-02 08:00"]),
        ("quarter", 1, ["2030-04-01 08:00"]),
        ("year", "03-30", ["2030-03-30 09:00"]),
    ],
)
def test_each_kind_of_calendar(every: str, on: str | int, wanted: list[str]) -> None:
    assert starts(schedule(every, on), LONDON, "2030-03-28 12:00", "2030-04-02 12:00") == wanted


def test_a_start_counts_from_the_moment_itself_and_never_twice_over_two_looks() -> None:
    daily = schedule("day")
    first = starts(daily, LONDON, "2030-01-01 00:00", "2030-01-02 09:00")
    second = starts(daily, LONDON, "2030-01-02 09:00", "2030-01-03 08:59")
    assert (first, second) == (["2030-01-01 09:00", "2030-01-02 09:00"], [])


def test_when_the_next_one_is() -> None:
    assert next_start(schedule("quarter", 1), LONDON, at("2030-01-01 09:00")) == at("2030-04-01 08:00")
    assert zone_of("Mars/Olympus").key == "UTC"
