"""When the review is, what is on its agenda, and what it led to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from bot.calendars import Calendar
from bot.contracts import Contract, Meetings, months_on
from bot.model import Person
from bot.partners.figures import before, month_of
from bot.partners.parts import Parts
from bot.ports import Row
from bot.turn import Work

MONTHS = {"month": 1, "quarter": 3}


def days(meetings: Meetings, calendar: Calendar) -> Iterator[date]:
    """Every review day in order. A day off moves to the next working day; the 31st is a short month's last day."""
    for time in count():
        yield calendar.onward(months_on(meetings.first, time * MONTHS[meetings.every]))


def upcoming(meetings: Meetings, calendar: Calendar, today: date) -> tuple[date | None, date]:
    """(the last review day before `today`, if there was one; the next one, which may be today)."""
    last: date | None = None
    for day in days(meetings, calendar):
        if day >= today:
            return last, day
        last = day
    raise AssertionError  # days never end


@dataclass(frozen=True)
class Review:
    """The next meeting: when it begins and ends (aware), when the report goes out, and the months it is about."""

    partner: str
    day: date
    begin: datetime
    end: datetime
    report_on: date
    months: tuple[str, ...]
    overdue: date | None  # the one before, if nobody has recorded it


class Reviews:
    """Reads the rhythm of a contract; keeps minutes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def next(self, contract: Contract) -> Review:
        """The next review."""
        meetings, today = contract.file.reviews, self._parts.today()
        calendar = self._parts.calendar(meetings.calendar)
        last, day = upcoming(meetings, calendar, today)
        begin = datetime.combine(day, meetings.at, ZoneInfo(meetings.timezone))
        held = {row["day"] for row in self._parts.store.reviews(contract.id) if row["held_at"]}
        overdue = last if last and last.isoformat() not in held and last >= contract.file.contract.start else None
        end = (begin.astimezone(ZoneInfo("UTC")) + timedelta(minutes=meetings.minutes)).astimezone(begin.tzinfo)
        return Review(contract.id, day, begin, end, calendar.back(day, meetings.report_days),
                      tuple(self._months(contract, day)), overdue)  # fmt: skip

    def _months(self, contract: Contract, day: date) -> Iterator[str]:
        """The closed months since the review before, oldest first."""
        zone = self._parts.zone
        month = month_of(datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).timestamp(), zone)
        found = []
        for _ in range(MONTHS[contract.file.reviews.every]):
            month = before(month)
            found.append(month)
        yield from reversed(found)

    def held(self, partner: str) -> list[Row]:
        return self._parts.store.reviews(partner)

    def record(self, work: Work, partner: str, day: date, minutes: str, by: Person) -> None:
        """A review was held: keep its minutes. Said again, they replace the first ones. Raises `Refused`, `NotFound`."""
        self._parts.contract(partner)
        text = self._parts.needed(by, minutes, 8000)
        row = {"partner": partner, "day": day.isoformat(), "minutes": text, "at": work.at, "by": by.key}
        self._parts.store.record_review(work.tx, row)
        work.audit(by.key, "partner.review", partner, day=day.isoformat())
