"""The record of a run, as a chain of hashes (`bot.hash_chain`). People are pseudonyms in it.

Whoever writes a whole chain anew still has to match the audit log, which holds each row's hash under our key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from bot import hash_chain
from bot.hash_chain import canonical, digest


@dataclass(frozen=True)
class Record:
    """One row of a run.

    `actor` is a pseudonym, or "secdesk"; `actor_role` what made them the one to do it. `sha256` is that of the pinned version's
    text. `action`: start, done, cannot, skip, hand_over, answer, follow, note, abort, finish, missed. `detail` is a token: the
    option of an answer, the pseudonym of who it was handed to, what came of `cannot` (a step, stop or escalate).
    """

    run_id: str
    seq: int
    ts_utc: str
    actor: str
    actor_role: str
    procedure: str
    version: int
    sha256: str
    step_id: str
    action: str
    detail: str
    evidence: str  # none, text, file or link
    evidence_sha256: str
    note_sha256: str
    prev_hash: str
    hash: str = ""


def moment(at: float) -> str:
    """Epoch seconds as `2026-11-24T18:09:00.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hashed(record: Record) -> Record:
    """The row with its hash, which is that of its other fields."""
    fields = {name: value for name, value in asdict(record).items() if name != "hash"}
    return replace(record, hash=digest(canonical(fields)))


def file_hash(data: bytes) -> str:
    """The hash of a file, as every tool computes it."""
    return hashlib.sha256(data).hexdigest()


def fault(records: Sequence[Record], head: tuple[int, str]) -> str:
    """What is wrong with a chain that should end in `head` (number and hash of the last row); "" if nothing."""
    return hash_chain.fault(((one.seq, one.prev_hash, one.hash, hashed(one).hash) for one in records), head)
