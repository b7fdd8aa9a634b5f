"""Which lesson of a curriculum is most wanted at a time. When that time may be is none of its business (`timing`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from bot.learning.memory import DAY, Memory
from bot.learning.record import Learner, Record, Sent
from bot.learning.shapes import Lesson
from bot.learning.timing import Policy
from bot.learning.workdays import Diary

YEAR = 365 * DAY
REMINDERS = (-7, -2, 1)  # days from the due date of a required lesson; after the last one its owner takes over


@dataclass(frozen=True)
class Pick:
    """A lesson and why."""

    lesson: str
    reason: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass
class Course:
    """What one person may get, in the order of their curriculum, and how far they are."""

    lessons: Sequence[Lesson]
    learner: Learner
    record: Record
    diary: Diary
    policy: Policy
    _last: dict[str, Sent] = field(init=False)
    _begun: dict[str, float] = field(init=False)
    _moments: list[float] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._last = {message.lesson: message for message in self.record.sent if message.lesson}
        self._begun = {lesson: memory.first_at for lesson, memory in self.record.memories.items()}
        for message in self.record.sent:
            if message.lesson:
                self._begun[message.lesson] = min(message.at, self._begun.get(message.lesson, message.at))

    def choose(self, at: float) -> Pick | None:
        """Duties, then reviews, then what is new (at times the other way round), then what got no answer."""
        day = self.diary.day(at)
        mine = [lesson for lesson in self.lessons if self._ready(lesson, day)]
        free = [lesson for lesson in mine if not lesson.mandatory or self._memory(lesson)]
        duties = [self._duty(lesson) for lesson in mine if lesson.mandatory and lesson.id not in self._begun]
        reviews = self._reviews(free, at)
        fresh = [Pick(lesson.id, lesson.curriculum, self._whose(lesson)) for lesson in self._new(free, at)]
        again = [Pick(lesson.id, "again") for lesson in free if self._unanswered(lesson)]
        ordered = fresh + reviews if self._wants_new(at) else reviews + fresh
        return next(iter([*duties, *ordered, *again]), None)

    def reminders(self) -> Iterator[tuple[Pick, date]]:
        """Required lessons without an answer, each with the day of its next reminder."""
        for lesson in self.lessons:
            message = self._last.get(lesson.id) if lesson.mandatory else None
            if not message or message.state == "later" or self._memory(lesson):
                continue
            deadline = self._deadline(lesson)
            if not deadline:
                continue
            last = self.diary.day(message.at)
            days = (deadline + timedelta(days=days) for days in REMINDERS)
            if day := next((day for day in days if day > last), None):
                yield self._duty(lesson), day

    def after(self, at: float) -> float | None:
        """The next instant at which something changes that may bring a lesson, None if nothing will."""
        if self._moments is None:
            self._moments = sorted(set(self._events()))
        place = bisect_right(self._moments, at)
        return self._moments[place] if place < len(self._moments) else None

    def _events(self) -> Iterator[float]:
        """Memories that fade, rests that end, days that come."""
        for lesson in self.lessons:
            memory, message = self._memory(lesson), self._last.get(lesson.id)
            if memory and lesson.schedule.spaced:
                yield memory.due
            if message:
                yield self.diary.at(self._rested(message))
            if lesson.schedule.not_before:
                yield self.diary.at(lesson.schedule.not_before)
        yield from (first + YEAR for first in self._begun.values())

    def _ready(self, lesson: Lesson, day: date) -> bool:
        """Live, not put off, and not left unanswered lately."""
        message = self._last.get(lesson.id)
        if not lesson.sendable(day) or (message and message.state == "later"):
            return False
        return message is None or message.state != "sent" or day >= self._rested(message)

    def _rested(self, message: Sent) -> date:
        return self.diary.day(message.at) + timedelta(days=self.policy.again_days)

    def _memory(self, lesson: Lesson) -> Memory | None:
        memory = self.record.memories.get(lesson.id)
        outdated = memory and lesson.reset_memory and memory.version < lesson.version
        return None if outdated else memory

    def _reviews(self, lessons: Sequence[Lesson], at: float) -> list[Pick]:
        kept = [memory for lesson in lessons if lesson.schedule.spaced and (memory := self._memory(lesson))]
        due = sorted((m for m in kept if m.due <= at), key=lambda m: (m.due, m.lesson))
        return [Pick(m.lesson, "review", (("days", str(max(1, round((at - m.reviewed_at) / DAY)))),)) for m in due]

    def _new(self, lessons: Sequence[Lesson], at: float) -> list[Lesson]:
        if sum(at - first < YEAR for first in self._begun.values()) >= self._quota():
            return []
        return [lesson for lesson in lessons if self._memory(lesson) is None and lesson.id not in self._last]

    def _quota(self) -> int:
        """New lessons in a year."""
        quota = self.policy.high_risk_new_per_year if self.learner.high_risk else self.policy.new_per_year
        return quota + min(self.policy.group_new_per_year, sum(lesson.curriculum == "group" for lesson in self.lessons))

    def _wants_new(self, at: float) -> bool:
        """At the start, and once in a while, something new goes before what is due again."""
        newest = max(self._begun.values(), default=0.0)
        # who has more gets them closer
        days = self.policy.new_every_days * self.policy.new_per_year / max(1, self._quota())
        return len(self._begun) < self.policy.starter or at - newest >= days * DAY

    def _unanswered(self, lesson: Lesson) -> bool:
        return self._memory(lesson) is None and lesson.id in self._last

    def _whose(self, lesson: Lesson) -> tuple[tuple[str, str], ...]:
        """For whom it is: the fact that goes with its reason."""
        if lesson.curriculum == "role":
            return (("role", self.learner.track),)
        mine = sorted(self.learner.groups.intersection(lesson.groups))
        return (("group", mine[0]),) if mine else ()

    # required lessons

    def _duty(self, lesson: Lesson) -> Pick:
        due = self._deadline(lesson)
        return Pick(lesson.id, "mandatory", (("basis", lesson.legal_basis or ""), ("due", str(due or ""))))

    def _deadline(self, lesson: Lesson) -> date | None:
        first = next((message for message in self.record.sent if message.lesson == lesson.id), None)
        return self.diary.day(first.at) + timedelta(days=lesson.due_days or 0) if first else None
