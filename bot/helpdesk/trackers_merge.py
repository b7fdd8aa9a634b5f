"""Who wins when a ticket was changed here and at the other ticket system: the table of conflicts.

`base` is what both sides last had, `theirs` what the tracker says now; `pending` names our changes that it has not got yet.

| | changed there only | on both sides, `tracker.master = secdesk` | on both sides, `tracker.master = tracker` |
|---|---|---|---|
| status, owner, severity | theirs | ours, said there again | theirs |
| closed there, and the person has written meanwhile | – | stays open | stays open |
| closed there, an emergency that nobody here has answered | stays open | stays open | stays open |
| words (replies, notes) | kept | both are kept | both are kept |
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Field = Literal["status", "owner", "severity"]
Master = Literal["secdesk", "tracker"]
Decision = Literal["same", "theirs", "ours"]
FIELDS: tuple[Field, ...] = ("status", "owner", "severity")
WORDS = "words"  # in `pending`: the person has written something that the tracker has not got yet


@dataclass(frozen=True)
class Seen:
    """One field as both sides see it. `unanswered`: an emergency here that nobody has taken."""

    field: Field
    base: str
    theirs: str | None
    pending: Collection[str]
    master: Master
    unanswered: bool = False


def decide(seen: Seen) -> Decision:
    """`same`: nothing has changed there. `ours` has to be said there again. See the table above."""
    if seen.theirs is None or seen.theirs == seen.base:
        return "same"
    if seen.field == "status" and seen.theirs == "resolved" and (WORDS in seen.pending or seen.unanswered):
        return "ours"
    if seen.field in seen.pending and seen.master == "secdesk":
        return "ours"
    return "theirs"
