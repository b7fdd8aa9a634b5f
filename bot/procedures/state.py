"""A run as it stands, and a row of its chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.ports import Row
from bot.procedures.chain import Record, moment

How = Literal["hand", "ticket", "emergency", "calendar"]
LEAVES = frozenset(
    {"done", "answer", "skip"}
)  # what moves a run on to another step; `cannot` does where it says where to


@dataclass(frozen=True)
class Run:
    """One run. `step_seq` is the row that led to the present step: a press names it, so it counts for this visit alone.

    `state`: running, done, stopped, aborted, missed. `holder` is a pseudonym, "" for the desk. Times are epoch seconds, 0 for
    not yet. `seq` and `head` are the last row of the chain and its hash.
    """

    id: str
    number: int
    procedure_id: str
    version: int
    sha256: str
    how: How
    once: str
    ticket: str
    started_by: str
    started_at: float
    due_at: float
    state: str
    step: str
    step_seq: int
    step_at: float
    holder: str
    seq: int
    head: str
    ended_at: float = 0.0
    missed_at: float = 0.0
    missed_ticket: str = ""

    @property
    def running(self) -> bool:
        return self.state == "running"


def record_of(run: Run, row: Row) -> Record:
    """A stored row as the chain hashes it."""
    return Record(
        run.id, int(row["seq"]), moment(row["at"]), row["actor"], row["actor_role"], run.procedure_id, run.version, run.sha256,
        row["step"], row["action"], row["detail"], row["evidence"], row["evidence_sha256"], row["note_sha256"],
        row["prev_hash"], row["hash"],
    )  # fmt: skip


def leaves(action: str, detail: str) -> bool:
    """Whether a row moves a run on from the step it names."""
    return action in LEAVES or (action == "cannot" and detail != "escalate")
