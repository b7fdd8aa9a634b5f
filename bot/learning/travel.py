"""Journeys as a table: `person,from,to`, one a row. Each brings one lesson before it begins; nothing else of it is kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.errors import ConfigError
from bot.learning.nudges import Nudges, Run
from bot.learning.triggers import Triggers
from bot.learning.workdays import own_zone
from bot.model import Person

AHEAD = timedelta(days=14)  # the lesson comes this long before the first day at the earliest
COLUMNS = ("person", "from", "to")
MOST = 20_000  # rows of a file


@dataclass(frozen=True)
class Journey:
    """Who travels, the first and the last day."""

    person: str
    first: date
    last: date


@dataclass(frozen=True)
class Taken:
    """What became of a file: journeys that were taken, rows that could not be, each with its line and why."""

    journeys: int
    over: int  # journeys that are behind us
    left: tuple[tuple[int, str], ...]


def read_journeys(text: str) -> Iterator[Journey | tuple[int, str]]:
    """Each row as a journey, or its line and what is wrong. Raises `ConfigError` for a file that is no such table."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise ConfigError(f"the first row lacks {missing[0]}: write {','.join(COLUMNS)}")
    for number, row in enumerate(rows, 2):
        if number > MOST + 1:
            raise ConfigError(f"more than {MOST} rows: take the file in parts")
        try:
            first, last = (date.fromisoformat((row[name] or "").strip()) for name in ("from", "to"))
        except ValueError:
            yield number, "a day is not like 2027-03-12"
            continue
        person = (row["person"] or "").strip()
        if not person or last < first:
            yield number, "nobody is named" if not person else "it ends before it begins"
            continue
        yield Journey(person, first, last)


def take_journeys(
    text: str, nudges: Nudges, triggers: Triggers, run: Run, find: Callable[[str], Person | None], now: float
) -> Taken:
    """Bring everybody who travels their lesson. The same file again changes nothing."""
    taken, over, left = 0, 0, list[tuple[int, str]]()
    for number, item in enumerate(read_journeys(text), 2):
        if not isinstance(item, Journey):
            left.append(item)
            continue
        person = find(item.person)
        if person and not person.key:  # never heard of in a chat yet
            person = next(iter(nudges.meet([person])), person)
        if person is None or not person.key:
            left.append((number, f"{item.person} is not in the directory"))
            continue
        here = own_zone(person.timezone, nudges.organisation().file.timezone)
        begins = datetime.combine(item.first - AHEAD, time(0), here).timestamp()
        ends = datetime.combine(item.first + timedelta(days=1), time(0), here).timestamp()
        if ends <= now:
            over += 1
            continue
        run(lambda work, key=person.key, day=item.first: triggers.on_journey(work, key, day, begins, ends))  # type: ignore[misc] # noqa: B023
        taken += 1
    return Taken(taken, over, tuple(left))
