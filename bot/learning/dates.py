"""A day as people type it, in any of the languages we speak: "12 March", "12.3.", "2027-03-12", "in zwei Wochen", "lundi".

The words are in the copy (`learning.date.*`). Nothing is guessed: what could be two days is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Literal

from bot.cards import bare
from bot.organisation import Words

FARTHEST = 366  # days ahead; what is put off for longer is better stopped
Fault = Literal["", "unread", "ambiguous", "past", "far"]
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})\s*([./-])\s*(\d{1,2})(?:\s*\2\s*(\d{4}|\d{2})?)?", re.ASCII)
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_MONTH_FIRST = "en"  # in English 3/4 is two days, one on each side of the ocean
_UNITS = ("day", "week", "month")


@dataclass(frozen=True)
class DayWords:
    """The words of one language, without accents: month and weekday by name, days ahead, numbers, what says nothing."""

    months: Mapping[str, int]
    weekdays: Mapping[str, int]
    ahead: Mapping[str, int]
    units: Mapping[str, str]
    numbers: Mapping[str, int]
    idle: frozenset[str]

    @cached_property
    def calendar(self) -> frozenset[str]:
        """The words that nobody says who is not talking of a day."""
        return frozenset((*self.months, *self.weekdays, *self.units))


@dataclass(frozen=True)
class Typed:
    """What was read: a day, or why there is none."""

    day: date | None = None
    fault: Fault = ""


def read_day(text: str, today: date, lang: str, words: Words) -> Typed:
    """The day that `text` names. The language of the talk goes first where a word means two things."""
    spoken = _spoken(words)
    found = _numeric(text.strip().rstrip("!? "), today, lang)
    if found is None:
        ordered = sorted(spoken, key=lambda code: code != lang)
        found = next((read for code in ordered if (read := _worded(text, today, spoken[code]))), None)
    if found is None or found.day is None:
        return found or Typed(fault="unread")
    if found.day <= today:
        return Typed(found.day, "past")
    return Typed(found.day, "far" if found.day - today > timedelta(days=FARTHEST) else "")


def looks_like_a_day(text: str, words: Words) -> bool:
    """Whether somebody tried to name a day, and not a whole sentence: a word of the calendar, or a number and nothing that says
    more ("error 809" is none)."""
    said = _PARTS.findall(bare(text))
    if not 0 < len(said) <= 6:
        return False
    spoken = _spoken(words).values()
    if any(word in each.calendar for word in said for each in spoken):
        return True
    rest = [word for word in said if not any(word in each.idle for each in spoken)]
    return bool(rest) and all(word.isdecimal() for word in rest)


def say_day(day: date, lang: str, words: Words) -> str:
    """A day in words, with its year."""
    month = words.say(lang, "learning.date.months").split("|")[day.month - 1].split()[0]
    weekday = words.say(lang, "learning.date.weekdays").split("|")[day.weekday()].split()[0]
    return words.say(lang, "learning.date.shown", weekday=weekday, day=day.day, month=month, year=day.year)


def _numeric(text: str, today: date, lang: str) -> Typed | None:
    """Figures alone; None if it is something else."""
    if hit := _ISO.fullmatch(text):
        return _made(int(hit[1]), int(hit[2]), int(hit[3]))
    hit = _NUMERIC.fullmatch(text)
    if hit is None:
        return None
    first, mark, second, year = int(hit[1]), hit[2], int(hit[3]), hit[4]
    if lang == _MONTH_FIRST and mark != "." and first != second and first <= 12 and second <= 12:
        return Typed(fault="ambiguous")
    day, month = (second, first) if lang == _MONTH_FIRST and mark != "." and second > 12 else (first, second)
    return _dated(day, month, year or "", today)


def _worded(text: str, today: date, words: DayWords) -> Typed | None:
    """Words of one language; None if they are none."""
    said = bare(text)
    if said in words.ahead:
        return Typed(today + timedelta(days=words.ahead[said]))
    parts = [part for part in _PARTS.findall(said) if part not in words.idle]
    match parts:
        case [name] if name in words.weekdays:
            return Typed(today + timedelta(days=(words.weekdays[name] - today.weekday() - 1) % 7 + 1))
        case [count, unit] if unit in words.units and (number := _number(count, words)):
            return _ahead(number, words.units[unit], today)
        case [first, second, *year] if len(year) <= 1:
            day, name = (first, second) if first.isdecimal() else (second, first)
            if name in words.months and day.isdecimal() and (not year or year[0].isdecimal()):
                return _dated(int(day), words.months[name], year[0] if year else "", today)
    return None


def _number(text: str, words: DayWords) -> int:
    return int(text) if text.isdecimal() and len(text) <= 4 else words.numbers.get(text, 0)


def _ahead(count: int, unit: str, today: date) -> Typed:
    days = count * {"day": 1, "week": 7, "month": 30}[unit]
    return Typed(today + timedelta(days=min(days, 40_000)))


def _dated(day: int, month: int, year: str, today: date) -> Typed:
    """A day with its year, or the next one of that name."""
    if year:
        return _made(int(year) + (2000 if len(year) == 2 else 0), month, day)
    here = _made(today.year, month, day)
    return here if here.day and here.day > today else _made(today.year + 1, month, day)


def _made(year: int, month: int, day: int) -> Typed:
    try:
        return Typed(date(year, month, day))
    except (ValueError, OverflowError):
        return Typed(fault="unread")


def _spoken(words: Words) -> Mapping[str, DayWords]:
    keys = ("months", "weekdays", "ahead", "units", "numbers", "idle")
    return {
        code: _day_words(*(texts[f"learning.date.{key}"] for key in keys))
        for code, texts in words.by_language.items()
        if all(f"learning.date.{key}" in texts for key in keys)
    }


@lru_cache(maxsize=64)
def _day_words(months: str, weekdays: str, ahead: str, units: str, numbers: str, idle: str) -> DayWords:
    return DayWords(
        dict(_counted(months, 1)),
        dict(_counted(weekdays, 0)),
        {bare(name): int(days) for part in ahead.split("|") for name, _, days in [part.partition("=")]},
        {name: _UNITS[place] for name, place in _counted(units, 0)},
        dict(_counted(numbers, 1)),
        frozenset(bare(idle).split()),
    )


def _counted(text: str, start: int) -> Iterator[tuple[str, int]]:
    """ "january jan|february feb" as names with their place."""
    parts: Sequence[str] = text.split("|")
    for place, names in enumerate(parts, start):
        yield from ((bare(name), place) for name in names.split())
