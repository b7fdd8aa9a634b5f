"""Putting a tip off: to tomorrow, a week, a month, or a day that somebody names.

What is stored is the day they asked for; when it comes is the planner's to say (holidays, leave, an incident). A required
lesson waits until it is due at the latest, and no more than three times.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

from bot.cards import Card, bare
from bot.learning.dates import Typed, looks_like_a_day, read_day, say_day
from bot.learning.shapes import Lesson, Library
from bot.learning.store import LearningStore
from bot.learning.wording import later_card, say_card
from bot.learning.workdays import own_zone
from bot.model import Person
from bot.organisation import Organisation, Words
from bot.ports import Row
from bot.turn import Effect, Turn, Work

SNOOZES = 3  # times that a required lesson may be put off
DAYS = {"tomorrow": 1, "week": 7, "month": 30}
DIALOGUE = "learning.day"
Arrives = Callable[[Person, date, float], date]  # the day on which something asked for on a day will come


class Postponing:
    """`arrives` asks the planner; without one it is the day itself."""

    def __init__(
        self,
        store: LearningStore,
        library: Callable[[], Library],
        organisation: Callable[[], Organisation],
        arrives: Arrives,
    ) -> None:
        self._store, self._library, self._organisation, self._arrives = store, library, organisation, arrives

    def later(self, turn: Turn, row: Row | None, when: str) -> Effect:
        """The button: ask when, or put it off until then."""
        if refused := self._refused(turn, row):
            return refused
        assert row is not None  # noqa: S101 (refused otherwise)
        if when in DAYS:
            return self._until(turn, row, self._today(turn) + timedelta(days=DAYS[when]), when)

        def ask(work: Work) -> Card:
            work.dialogue(turn.person.key, turn.place, DIALOGUE, {"nudge": row["id"]})
            return later_card(row["id"], self._words, turn.lang)

        return ask

    def day(self, turn: Turn, row: Row | None, text: str) -> Effect:
        """A day that was typed, in a form or in the talk."""
        if refused := self._refused(turn, row):
            return refused
        assert row is not None  # noqa: S101 (refused otherwise)
        typed = read_day(text, self._today(turn), turn.lang, self._words)
        if typed.fault or typed.day is None:
            return lambda _work: self._asked_again(turn, row, typed)
        return self._until(turn, row, typed.day, "day")

    def typed(self, turn: Turn) -> tuple[str, str] | None:
        """The message ("": the newest) and the day in what was typed; None if it is about something else."""
        if turn.dialogue and turn.dialogue.kind == DIALOGUE and looks_like_a_day(turn.text, self._words):
            return turn.dialogue.state.get("nudge", ""), turn.text
        said = bare(turn.text)
        starts = _folded(self._words.every("learning.typed.later"))
        start = max((phrase for phrase in starts if said.startswith(f"{phrase} ")), key=len, default="")
        if not start:
            return None
        words = len(start.split())
        rest = turn.text.split(maxsplit=words)[words:]
        return ("", rest[0]) if rest and looks_like_a_day(rest[0], self._words) else None

    # inside

    def _refused(self, turn: Turn, row: Row | None) -> Effect | None:
        """Why it cannot be put off (any more)."""
        if row is None or row["state"] not in ("sent", "later"):
            return lambda _work: say_card(self._words, turn.lang, "learning.closed")
        lesson = self._library().lessons.get(row["lesson"])
        if lesson and lesson.mandatory and self._store.postponed(turn.person.key, lesson.id) >= SNOOZES:
            return lambda _work: say_card(self._words, turn.lang, "learning.no_later")
        return None

    def _until(self, turn: Turn, row: Row, wanted: date, when: str) -> Effect:
        until = self._within(turn, self._library().lessons.get(row["lesson"]), wanted)
        comes = self._arrives(turn.person, until, turn.at)

        def postpone(work: Work) -> Card:
            done = self._store.postpone(work.tx, row["id"], until.isoformat(), work.at)
            if turn.dialogue and turn.dialogue.kind == DIALOGUE:
                work.end_dialogue(turn.person.key, turn.place)
            if not done:
                return say_card(self._words, turn.lang, "learning.closed")
            return self._put_off(turn, when, wanted, until, comes)

        return postpone

    def _put_off(self, turn: Turn, when: str, wanted: date, until: date, comes: date) -> Card:
        key = "due" if until < wanted else when if when != "day" else "day" if comes == until else "moved"
        asked, day = (say_day(value, turn.lang, self._words) for value in (wanted, comes))
        return say_card(self._words, turn.lang, f"learning.postponed.{key}", asked=asked, day=day)

    def _asked_again(self, turn: Turn, row: Row, typed: Typed) -> Card:
        """Why the day cannot be had, and the question once more."""
        day = say_day(typed.day, turn.lang, self._words) if typed.day else ""
        said = say_card(self._words, turn.lang, f"learning.day.{typed.fault or 'unread'}", day=day)
        asked = later_card(row["id"], self._words, turn.lang)
        return Card("", (*said.blocks, *asked.blocks), "question", lang=turn.lang)

    def _within(self, turn: Turn, lesson: Lesson | None, until: date) -> date:
        """A required lesson is put off to its due day at the latest, and once that is past from day to day."""
        if lesson is None or not lesson.mandatory or not lesson.due_days:
            return until
        today = self._today(turn)
        days = [
            date.fromisoformat(row["due"]) for row in self._store.history(turn.person.key) if row["lesson"] == lesson.id
        ]
        deadline = min(days, default=today) + timedelta(days=lesson.due_days)
        return min(until, max(deadline, today + timedelta(days=1)))

    def _today(self, turn: Turn) -> date:
        here = own_zone(turn.person.timezone, self._organisation().file.timezone)
        return datetime.fromtimestamp(turn.at, here).date()

    @property
    def _words(self) -> Words:
        return self._organisation().words


@lru_cache(maxsize=8)
def _folded(texts: tuple[str, ...]) -> frozenset[str]:
    """Phrases as they are compared. Kept, since every message that reaches us is looked at."""
    return frozenset(bare(phrase) for text in texts for phrase in text.split("|"))
