"""What the planner knows of a person: who they are to a curriculum, and what has been between us so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from bot.learning.memory import Memory
from bot.learning.workdays import Hours

Kind = Literal["scheduled", "triggered", "requested", "reminder"]
State = Literal["sent", "later", "answered", "closed"]


@dataclass(frozen=True)
class Learner:
    """A person as the planner sees them. `values` are the names of organisation values set for their legal entity."""

    key: str
    track: str = "regular"
    roles: frozenset[str] = frozenset({"regular"})
    high_risk: bool = False
    language: str = "en"
    timezone: str = "UTC"
    region: str = ""  # for public holidays: `DE`, `DE-BY`
    known: bool = True
    values: frozenset[str] = frozenset()
    hours: Hours | None = None  # a window of their own (night shift, part-time)
    leave: tuple[tuple[date, date], ...] = ()
    groups: frozenset[str] = frozenset()
    held_out: bool = False  # in a comparison group: nothing scheduled but what is required


@dataclass(frozen=True)
class Sent:
    """A message that went out. `reacted`: the person pressed anything. `until`: the day they asked to have it."""

    lesson: str
    kind: Kind
    at: float
    state: State = "sent"
    reacted: bool = False
    until: date | None = None


@dataclass(frozen=True)
class Enrolment:
    """A lesson that something brought out of turn. `reason` is a reason code."""

    id: str
    lesson: str
    topic: str
    reason: str
    not_before: float = 0.0
    not_after: float = 0.0  # of no use later; 0: for as long as it is open


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept, under a code. `age_days`: since the first answer to this lesson; `track`: whose curriculum."""

    lesson: str
    version: int
    choice: str
    correct: bool
    age_days: int = 0
    track: str = ""


@dataclass(frozen=True)
class Record:
    """What has been: messages (oldest first), memories by lesson, wishes, an incident's end, open enrolments."""

    sent: tuple[Sent, ...] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)
    rate: float = 1.0  # halved by every "less often"
    stopped: bool = False
    hold_until: float = 0.0
    enrolments: tuple[Enrolment, ...] = ()

    @property
    def unanswered(self) -> int:
        """How many messages in a row, up to the last, got no reaction."""
        count = 0
        for message in reversed(self.sent):
            if message.reacted:
                break
            count += 1
        return count

    def last(self, lesson: str) -> Sent | None:
        """The last time this lesson was sent."""
        return next((message for message in reversed(self.sent) if message.lesson == lesson), None)
