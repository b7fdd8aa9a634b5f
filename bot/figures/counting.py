"""Counting, without a clock or a database: conversations that an answer was enough for, and how long things took.

Definitions (each is explained on the page itself):

* A conversation is what one person asks in one place with no more than half an hour between two questions.
* It is contained if an answer was shown, nobody said that it did not help, no question of it was left to a person, and either
  somebody pressed "solved", or within 72 hours there was neither another question about the same thing nor a ticket.
* Conversations about something urgent (S2 and S3) don't count, contained or not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP = 1800.0  # seconds without a question that end a conversation
FOLLOWED = 72 * 3600.0  # seconds for which we look whether somebody came back
MISSED = ("suggest", "escalate")  # outcomes in which the answer was not known for certain
URGENT = ("S2", "S3")


@dataclass(frozen=True)
class Asked:
    """A question as it is kept. `outcome`: answer, suggest, escalate, confirm."""

    person: str
    place: str
    at: float
    outcome: str
    entry: str
    rating: str


@dataclass(frozen=True)
class Opened:
    """A ticket of somebody's that is not about a reported mail."""

    person: str
    at: float
    severity: str


def conversations(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    """Questions by person, place and time, in runs without a gap."""
    run: list[Asked] = []
    for one in sorted(asked, key=lambda item: (item.person, item.place, item.at)):
        same = run and (run[-1].person, run[-1].place) == (one.person, one.place)
        if run and not (same and one.at - run[-1].at <= GAP):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def containment(
    asked: Sequence[Asked], tickets: Iterable[Opened], urgent: Collection[str], before: float
) -> tuple[int, int]:
    """(contained, not contained) of the conversations that began before `before`; later questions and tickets say what followed.

    `urgent` are the entries of severity S2 and S3.
    """
    opened: dict[str, list[Opened]] = {}
    for ticket in tickets:
        opened.setdefault(ticket.person, []).append(ticket)
    runs: dict[str, list[list[Asked]]] = {}
    for run in conversations(asked):
        runs.setdefault(run[0].person, []).append(run)
    yes = no = 0
    for person, theirs in runs.items():
        for run in theirs:
            if run[0].at >= before:
                continue
            until = run[-1].at + FOLLOWED
            after = [one for one in opened.get(person, ()) if run[0].at <= one.at <= until]
            if _urgent(run, urgent) or any(one.severity in URGENT for one in after):
                continue
            again = {one.entry for other in theirs if run[-1].at < other[0].at <= until for one in other if one.entry}
            if _contained(run, again, ticket=bool(after)):
                yes += 1
            else:
                no += 1
    return yes, no


def unknown(asked: Iterable[Asked]) -> tuple[int, int]:
    """(without a certain answer, the rest). What somebody picked under "did you mean" is no further question."""
    found = list(asked)
    missed = sum(one.outcome in MISSED for one in found)
    picked = sum(one.outcome == "suggest" and bool(one.entry) for one in found)
    return missed, max(0, len(found) - picked - missed)


def ratings(asked: Iterable[Asked]) -> tuple[int, int]:
    """(helped, did not help) of answers that somebody rated."""
    counts = Counter(one.rating for one in asked)
    return counts["solved"], counts["unhelpful"]


def spread(seconds: Iterable[float | None]) -> tuple[int, dict[int, int]]:
    """How many there are, and how many took how many seconds (to three digits). None: it has not come to pass."""
    counts: Counter[int] = Counter()
    n = 0
    for value in seconds:
        n += 1
        if value is not None:
            counts[_rounded(value)] += 1
    return n, dict(counts)


def percentile(share: float, n: int, counts: Mapping[int, int]) -> int | None:
    """The seconds within which this share of `n` had come to pass (nearest rank); None: it had not."""
    rank, seen = math.ceil(share * n), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return None


def _urgent(run: Sequence[Asked], urgent: Collection[str]) -> bool:
    return any(one.outcome == "confirm" or one.entry in urgent for one in run)


def _contained(run: Sequence[Asked], again: Collection[str], *, ticket: bool) -> bool:
    if not any(one.outcome == "answer" for one in run) or any(one.rating == "unhelpful" for one in run):
        return False
    left = any(now.outcome in MISSED and following.outcome != "answer" for now, following in pairwise(run))
    if left or run[-1].outcome in MISSED:
        return False
    if any(one.rating == "solved" for one in run):
        return True
    return not ticket and not any(one.entry in again for one in run)


def _rounded(seconds: float) -> int:
    whole = max(0, round(seconds))
    unit = 10 ** max(0, len(str(whole)) - 3)
    return int(round(whole / unit) * unit)
