"""When a lesson is due again: the spacing between reviews of one person and one lesson.

`Fsrs` is what runs; `Leitner` is the ladder it must stay close to (and what is left if the package ever has to go). A
due date is a not-before: the planner puts it into the next allowed slot. Silence is not forgetting: only answers count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol

DAY = 86_400.0
LONGEST = 150  # days; what was learnt fades within four to six months (Reinheimer et al., SOUPS 2020)
RETENTION = 0.85  # share of right answers aimed at when a lesson comes back


@dataclass(frozen=True)
class Memory:
    """What is known of one person and one lesson. Times are UTC epoch seconds; `state` belongs to the scheduler."""

    lesson: str
    version: int
    due: float
    state: str = ""
    reviews: int = 0
    rights: int = 0
    first_at: float = 0.0
    reviewed_at: float = 0.0


class Scheduler(Protocol):
    """Turns an answer into the next due date."""

    def next(self, seed: str, state: str, right: bool, at: float) -> tuple[str, float]:
        """`(state, due)` after an answer. `state` is "" the first time; `seed` names person and lesson."""
        ...


def review(
    scheduler: Scheduler, person: str, lesson: str, version: int, old: Memory | None, *, right: bool, at: float
) -> Memory:
    """The memory after an answer. "Not sure" counts like wrong: it comes back soon."""
    state, due = scheduler.next(f"{person}/{lesson}", old.state if old else "", right, at)
    reviews, rights = (old.reviews, old.rights) if old else (0, 0)
    first = old.first_at if old else at
    return Memory(lesson, version, due, state, reviews + 1, rights + int(right), first, at)


class Fsrs:
    """FSRS-6 without learning steps in minutes, capped at `LONGEST`; no fuzz, which draws from the global random state.

    The planner spreads people by hash, so due dates need no jitter of their own. The optimizer stays off: forty answers
    a person and year are too few, and fitting it would be profiling.
    """

    def next(self, seed: str, state: str, right: bool, at: float) -> tuple[str, float]:
        import fsrs  # noqa: PLC0415  0.1 s that a start without nudges does not need

        scheduler = fsrs.Scheduler(
            desired_retention=RETENTION,
            learning_steps=(),
            relearning_steps=(),
            maximum_interval=LONGEST,
            enable_fuzzing=False,
        )
        card = fsrs.Card.from_json(state) if state else fsrs.Card(card_id=_number(seed))
        rating = fsrs.Rating.Good if right else fsrs.Rating.Again
        card, _ = scheduler.review_card(card, rating, datetime.fromtimestamp(at, UTC))
        return card.to_json(), card.due.timestamp()


class Leitner:
    """Boxes of fixed length in days. A right answer moves one box up, any other back to the first."""

    LADDER = (4, 30, 90, LONGEST)

    def next(self, seed: str, state: str, right: bool, at: float) -> tuple[str, float]:
        box = min(int(state) + 1, len(self.LADDER) - 1) if state and right else 0
        return str(box), at + self.LADDER[box] * DAY


def _number(seed: str) -> int:
    """A stable card id (without one the package takes the time and sleeps a millisecond)."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=6).digest(), "big")
