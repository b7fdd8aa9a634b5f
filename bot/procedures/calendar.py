"""When procedures start by themselves: days of the organisation's calendar, at a time of its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.procedures.shapes import DAYS, WORKDAYS, Schedule


def zone_of(name: str) -> ZoneInfo:
    """A time zone by name; UTC for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def falls_on(schedule: Schedule, day: date) -> bool:
    """Whether a run starts on this day."""
    match schedule.every:
        case "day":
            return schedule.on != WORKDAYS or day.weekday() < 5
        case "week":
            return DAYS[day.weekday()] == schedule.on
        case "month":
            return day.day == schedule.on
        case "quarter":
            return day.day == schedule.on and day.month in (1, 4, 7, 10)
        case _:
            return f"{day:%m-%d}" == schedule.on


def moment(day: date, at: str, zone: ZoneInfo) -> float:
    """`HH:MM` of a day, as epoch seconds.

    On the day that clocks go forward an hour is missing: a time within it is that much later. On the day that they go back an
    hour is there twice: it is the first.
    """
    local = datetime(day.year, day.month, day.day, int(at[:2]), int(at[3:]), tzinfo=zone, fold=0)
    return local.astimezone(UTC).timestamp()


def occurrences(schedule: Schedule, zone: ZoneInfo, after: float, until: float) -> Iterator[tuple[date, float]]:
    """Days with a start after one moment and not after another, and that start. Each day is there once, whatever clocks do."""
    day = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until, zone).date()
    while day <= last:
        if falls_on(schedule, day) and after < (start := moment(day, schedule.at, zone)) <= until:
            yield day, start
        day += timedelta(days=1)


def next_start(schedule: Schedule, zone: ZoneInfo, after: float) -> float:
    """When the next run starts, within the next 400 days."""
    return next((start for _, start in occurrences(schedule, zone, after, after + 400 * 86_400.0)), 0.0)
