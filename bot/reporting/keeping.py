"""How long the content of reported mail is kept: a set time, and no more than a set amount. Verdicts and hashes stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.ports import Row, Tx
from bot.turn import Work

DAY = 86_400.0
AT_ONCE = 500  # mails a transaction
UNSTORED = ("text", "hidden")  # what is read of a mail's body is kept in its sealed body alone


class KeptStore(Protocol):
    """SQL of contents."""

    def with_content(self, tx: Tx, before: float, limit: int) -> list[Row]:
        """Mails whose content is kept and that were reported before then, oldest first: sha256, size, facts, ticket."""
        ...

    def kept_bytes(self, tx: Tx) -> int:
        """Bytes of content that are kept."""
        ...

    def strip(self, tx: Tx, sha256: str, facts: str) -> bool:
        """Delete a mail's content, and its name, also from its ticket; False if there was none."""
        ...


@dataclass(frozen=True)
class Limits:
    """`days` that content is kept, `total` bytes of it at most."""

    days: float
    total: int


class Keeping:
    """Deletes content that has been kept long enough, or that is the oldest of too much."""

    def __init__(self, store: KeptStore, limits: Limits) -> None:
        self._store, self._limits = store, limits

    def prune(self, work: Work) -> int:
        """One round of the schedule; how many contents were deleted. The audit log says how many, and why."""
        old = self._store.with_content(work.tx, work.at - self._limits.days * DAY, AT_ONCE)
        self._strip(work, old, "time")
        over, more = self._store.kept_bytes(work.tx) - self._limits.total, []
        for row in self._store.with_content(work.tx, work.at, AT_ONCE) if over > 0 else ():
            if over <= 0:
                break
            more.append(row)
            over -= int(row["size"])
        self._strip(work, more, "space")
        return len(old) + len(more)

    def forget(self, work: Work, sha256: str, facts: str) -> bool:
        """Delete the content of one mail now."""
        return self._store.strip(work.tx, sha256, what_stays(facts))

    def _strip(self, work: Work, rows: Sequence[Row], why: str) -> None:
        for row in rows:
            self._store.strip(work.tx, str(row["sha256"]), what_stays(str(row["facts"])))
        if rows:
            work.audit("secdesk", "report.content_deleted", "mail", n=str(len(rows)), why=why)


def what_stays(facts: str) -> str:
    """Of what was read: hashes, types and sizes. No names, addresses or words."""
    read: dict[str, Any] = json.loads(facts or "{}")
    kept = ("type", "size", "sha256")
    files = [{name: file.get(name, "") for name in kept} for file in read.get("attachments", ())]
    return json.dumps({"sha256": read.get("sha256", ""), "size": read.get("size", 0), "form": read.get("form", "eml"),
                       "attachments": files})  # fmt: skip
