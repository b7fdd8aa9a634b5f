"""A review as a calendar file (RFC 5545), with icalendar: the zone with its rules, one UID for one meeting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from icalendar import Calendar, Event, vCalAddress, vText

from bot import __version__
from bot.contracts import Contract
from bot.model import Person
from bot.partners.agenda import made
from bot.partners.reviews import Review


def invitation(
    review: Review, contract: Contract, title: str, agenda: str, find: Callable[[str], Person | None]
) -> bytes:
    """The file. Taken in again it replaces what it made before: UID and METHOD stay the same for a meeting.

    `find` brings the people whom the contract names.
    """
    meetings = contract.file.reviews
    chair = find(meetings.chair)
    calendar = Calendar()
    calendar.add("prodid", f"-//Secdesk//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    event = Event()
    event.add("uid", f"review-{contract.id}-{review.day.isoformat()}@secdesk")
    event.add("dtstamp", made(review))
    event.add("dtstart", review.begin)
    event.add("dtend", review.end)
    event.add("summary", title)
    event.add("description", agenda)
    event.add("status", "CONFIRMED")
    event.add("sequence", 0)
    if chair and chair.email:
        event["organizer"] = _address(chair)
    for person in map(find, meetings.invited):
        if person and person.email:
            event.add("attendee", _address(person), encode=False)
    calendar.add_component(event)
    year = review.day.year
    calendar.add_missing_timezones(first_date=date(year, 1, 1), last_date=date(year + 1, 1, 1))
    return bytes(calendar.to_ical())


def _address(person: Person) -> vCalAddress:
    address = vCalAddress(f"mailto:{person.email}")
    address.params["cn"] = vText(person.name)
    return address
