"""The audit log: who did what to which record, as a chain that shows any later change.

Each row carries the hash of the row before it and its own, an HMAC of everything in it; without the key nobody can
make one. A head row holds the end of the chain, so a removed tail shows too; anchors (copies of the head in a file
outside the database) show a tail removed together with its head.

Rows hold pseudonyms, keyed digests and short tokens only, so a person can be forgotten and the chain stays valid.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from pathlib import Path
from typing import Protocol

from bot.ports import Db, Tx, Vault

_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{0,80}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PAGE = 1000  # rows a read while verifying
_LOWEST = -(2**63)  # a row slipped in before the first one is found too


@dataclass(frozen=True)
class Head:
    """The end of the chain: the last row's number (0 before the first) and hash."""

    seq: int
    hash: str


@dataclass(frozen=True)
class AuditRow:
    """One row. `at` is UTC epoch seconds, `detail` canonical JSON of short tokens."""

    seq: int
    at: float
    actor: str
    action: str
    subject: str
    detail: str
    prev: str
    hash: str


@dataclass(frozen=True)
class AuditReport:
    """What `verify` found. `rows` were good; `first_bad` is the first row that is not (or is not there), if any."""

    ok: bool
    rows: int
    first_bad: int | None = None
    reason: str = ""


class AuditStore(Protocol):
    """SQL of the chain. The audit log is the only caller."""

    def lock_head(self, tx: Tx) -> Head:
        """The head, locked until the transaction ends. Raises `StoreUnavailable` if its row is gone."""
        ...

    def add(self, tx: Tx, row: AuditRow) -> None:
        """Add the row and move the head onto it."""
        ...

    def head(self, db: Db) -> Head | None: ...

    def rows(self, db: Db, after: int, limit: int) -> list[AuditRow]:
        """Rows with a number above `after`, in order."""
        ...


class AuditLog:
    """Appends to the chain and verifies it."""

    def __init__(self, vault: Vault, store: AuditStore) -> None:
        self._vault = vault
        self._store = store

    def append(
        self, tx: Tx, at: float, actor: str, action: str, subject: str, detail: Mapping[str, str] | None = None
    ) -> None:
        """Add a row in the caller's transaction. Append late: the head stays locked until the commit.

        Every value is a short token `[A-Za-z0-9_.:-]{0,80}`; raises `ValueError` for anything else, since text here
        could never be deleted.
        """
        for value in (actor, action, subject):
            _refuse_text(value)
        canonical = _canonical_detail(detail or {})
        head = self._store.lock_head(tx)
        draft = AuditRow(head.seq + 1, float(at), actor, action, subject, canonical, head.hash, "")
        self._store.add(tx, replace(draft, hash=self._hash(draft)))

    def anchor(self, db: Db, path: Path, at: float) -> Head:
        """Append the present head to a file outside the database, synced to the disk; raises `OSError` if it cannot."""
        head = self._store.head(db) or Head(0, "")
        line = _anchor_line(head, at, self._anchor_mac(head, at))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return head

    def verify(self, db: Db, anchors: Path | None = None) -> AuditReport:
        """Read the whole chain and compare it with its head, and with the anchor file if one is given.

        Rows may be appended meanwhile. Raises `StoreUnavailable` if the database cannot be read.
        """
        expected, fault = self._anchors(anchors)
        if fault is not None:
            return fault
        last = Head(0, "")
        while True:
            for row in self._read(db, last.seq or _LOWEST):
                reason = self._fault(row, last, expected)
                if reason:
                    return AuditReport(False, last.seq, last.seq + 1, reason)
                last = Head(row.seq, row.hash)
            head = self._store.head(db)  # read after the rows: it can only be further on
            if head is None or head.seq <= last.seq:
                break
            if not self._store.rows(db, last.seq, 1):
                return AuditReport(False, last.seq, last.seq + 1, f"rows up to {head.seq} were removed")
        return _end_report(last, head, expected)

    def _read(self, db: Db, after: int) -> Iterator[AuditRow]:
        while page := self._store.rows(db, after, _PAGE):
            yield from page
            after = page[-1].seq

    def _fault(self, row: AuditRow, last: Head, anchors: Mapping[int, str]) -> str:
        """What is wrong with a row, given the end of the good chain before it; "" if nothing."""
        if row.seq != last.seq + 1:
            return f"the row is missing, the next one there is {row.seq}"
        if row.hash != self._hash(row):
            return "the row was edited"
        if row.prev != last.hash:
            return "the row does not follow the one before it: rows were removed, reordered or added"
        if row.seq in anchors and anchors[row.seq] != row.hash:
            return "the row differs from the anchor: the chain was written anew"
        return ""

    def _anchors(self, path: Path | None) -> tuple[dict[int, str], AuditReport | None]:
        """Hashes by row number, or a report on a line that we did not write."""
        found: dict[int, str] = {}
        if path is None or not path.exists():
            return found, None
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
            try:
                seq, at, digest, mac = json.loads(line)
                good = compare_digest(mac, self._anchor_mac(Head(seq, digest), at))
            except (ValueError, TypeError):
                good = False
            if not good:
                return found, AuditReport(False, 0, None, f"line {number} of the anchor file was not written by us")
            if seq:
                found[seq] = digest
        return found, None

    def _hash(self, row: AuditRow) -> str:
        fields = [row.prev, row.seq, row.at, row.actor, row.action, row.subject, row.detail]
        # `default`: SQLite lets an intruder put bytes into a text column
        return self._vault.digest("audit", json.dumps(fields, default=repr).encode("ascii"))

    def _anchor_mac(self, head: Head, at: float) -> str:
        return self._vault.digest("audit.anchor", _json([head.seq, at, head.hash]).encode("ascii"))


def _end_report(last: Head, head: Head | None, anchors: Mapping[int, str]) -> AuditReport:
    """The verdict on the end of a chain whose rows are good."""
    if head is None:
        return AuditReport(False, last.seq, None, "the head row was removed")
    if head.seq < last.seq:
        return AuditReport(False, head.seq, head.seq + 1, "the head was set back")
    if head.hash != last.hash:
        return AuditReport(False, last.seq, last.seq, "the head does not fit the last row")
    beyond = [seq for seq in anchors if seq > last.seq]
    if beyond:
        reason = f"an anchor knows rows up to {max(beyond)}: they were removed"
        return AuditReport(False, last.seq, last.seq + 1, reason)
    return AuditReport(True, last.seq)


def _refuse_text(value: str) -> None:
    if not _TOKEN.fullmatch(value):
        raise ValueError("the audit log takes short tokens only ([A-Za-z0-9_.:-], at most 80), never text")


def _canonical_detail(detail: Mapping[str, str]) -> str:
    for name, value in detail.items():
        if not _NAME.fullmatch(name):
            raise ValueError("a detail's name is a lower-case word")
        _refuse_text(value)
    return _json(dict(sorted(detail.items())))


def _anchor_line(head: Head, at: float, mac: str) -> str:
    return _json([head.seq, at, head.hash, mac]) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
