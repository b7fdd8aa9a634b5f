"""Changes to answers as they travel: the file as it lies on disk, the change, its store, and the texts they make."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Literal, Protocol

from bot.answering.entries import Entry
from bot.answering.yamltext import Path, Value, edited
from bot.ports import Row, Tx

Kind = Literal["edit", "undo", "still", "owner", "retire"]
State = Literal["draft", "waiting", "approved", "published", "refused", "dropped"]
ORDER = tuple(field.alias or name for name, field in Entry.model_fields.items())
NEAR = timedelta(days=30)
BOOKKEEPING = ("version", "state", "author", "approved_by", "reviewed", "review_due")


@dataclass(frozen=True)
class Filed:
    """The file of an entry. `own`: it lies in the organisation's folder. `sha` is the digest of its bytes."""

    name: str
    text: str
    sha: str
    own: bool


@dataclass(frozen=True)
class Change:
    """One row of `answer_change`: `before` and `yaml` are whole files, `base` the digest of the one it starts from."""

    id: str
    seq: int
    entry: str
    kind: Kind
    state: State
    base: str
    before: str
    yaml: str
    rev: int
    author: str
    approver: str
    note: str
    created_at: float
    updated_at: float
    decided_at: float

    @classmethod
    def of(cls, row: Row) -> Change:
        return cls(**{field.name: row[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Usage:
    """How an answer does: shown so often since a day, and how those who said something rated it."""

    hits: int = 0
    solved: int = 0
    unhelpful: int = 0


class ChangeStore(Protocol):
    """SQL of changes. What takes a `tx` writes; True if it was this call that did it."""

    def next_number(self, tx: Tx) -> int: ...

    def add(self, tx: Tx, change: Change) -> bool:
        """False if the entry has a change that is not finished."""
        ...

    def save(self, tx: Tx, change: Change, seen: int) -> bool:
        """Keep what an author wrote, if the stored one is still open and at revision `seen`."""
        ...

    def decide(self, tx: Tx, change: str, before: str, after: str, approver: str, note: str, at: float) -> bool:
        """From one state to another. `approver` "" leaves it as it is."""
        ...

    def finish(self, tx: Tx, change: Change) -> bool:
        """A waiting one is approved as it stands here, if nobody has saved it since."""
        ...

    def change(self, change: str) -> Row | None: ...

    def open_change(self, entry: str) -> Row | None: ...

    def all_open(self) -> list[Row]: ...

    def history(self, entry: str, limit: int) -> list[Row]:
        """Finished ones, newest first."""
        ...

    def unwritten(self) -> list[Row]: ...

    def take_over(self, tx: Tx, old: str, new: str) -> int:
        """What one pseudonym has not finished is another's now."""
        ...

    def usage(self, since: float) -> Mapping[str, Usage]: ...

    def recent_questions(self, limit: int) -> list[str]:
        """What was asked last, redacted, without who asked."""
        ...


def sha_of(text: str) -> str:
    """The digest by which a file is known again; "" for none."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def stripped(text: str) -> str:
    """The text without what handing in fills in by itself: two texts that differ in that alone say the same."""
    return edited(text, {(name,): None for name in BOOKKEEPING})


def handed_in(text: str, entry: Entry, author: str, version: int) -> str:
    """The text as it waits for a second person: dated, signed, approved by nobody. `entry` is what it says."""
    signed: dict[Path, Value] = {("version",): version, ("state",): "published", ("author",): author}
    dated: dict[Path, Value] = {("reviewed",): entry.reviewed, ("review_due",): entry.review_due}
    return edited(text, {**signed, **dated, ("approved_by",): None}, ORDER)


def approved(text: str, approver: str) -> str:
    """The text as it is published."""
    return edited(text, {("approved_by",): approver}, ORDER)


def confirmed(text: str, entry: Entry, today: date) -> str:
    """The text of an entry that is still right: as long again until the next review. An expiry that is near moves along."""
    due = today + (entry.review_due - entry.reviewed)
    dates: dict[Path, Value] = {("reviewed",): today, ("review_due",): due}
    if entry.expires and entry.expires <= today + NEAR:
        dates[("expires",)] = due
    return edited(text, dates, ORDER)


def owned(text: str, owner: str) -> str:
    """The text with another owner."""
    return edited(text, {("owner",): owner}, ORDER)


def retired(text: str) -> str:
    """The text out of use."""
    return edited(text, {("state",): "retired"}, ORDER)


def drafted(text: str) -> str:
    """A new entry whose publishing is taken back: a draft again."""
    return edited(text, {("state",): "draft", ("approved_by",): None}, ORDER)
