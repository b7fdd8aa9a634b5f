"""What the core asks of the outside. One Protocol a port; adapters implement them, tests fake them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.cards import Card
from bot.model import Person, Place

Row = dict[str, Any]
Payload = Mapping[str, str]  # ids only: job rows are opaque to search and deletion


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> float:
        """UTC epoch seconds."""
        ...


class Tx(Protocol):
    """One open transaction. SQL uses `:name` parameters and the subset that SQLite and PostgreSQL share."""

    def execute(self, sql: str, **params: object) -> int:
        """Run a statement; the number of rows it changed."""
        ...

    def query(self, sql: str, **params: object) -> list[Row]:
        """Run a statement that returns rows (also `… RETURNING`)."""
        ...


class Db(Protocol):
    """The store. Raises `StoreUnavailable` when it cannot be reached or written."""

    dialect: Literal["sqlite", "postgresql"]

    def tx(self) -> AbstractContextManager[Tx]:
        """A write transaction: commits at the end, rolls back on any exception. Never nested."""
        ...

    def query(self, sql: str, **params: object) -> list[Row]:
        """A read. Inside this thread's open transaction it sees what that one has written, else what is committed."""
        ...

    def close(self) -> None:
        """Give back connections of this process."""
        ...


class Jobs(Protocol):
    """The job engine. `submit` with a key it knows does nothing (the same job runs once)."""

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None: ...


@dataclass(frozen=True)
class SentRef:
    """Where a sent message is on its platform, for updates."""

    channel: str
    conversation: str
    id: str


class Channel(Protocol):
    """A chat platform. `name` is `Place.channel`. `real`: refuses to run on sample organisation values."""

    name: str
    real: bool

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        """Post a card. `key` is stable over retries. Raises `RetryLater`, `Unreachable`, `ChannelError`."""
        ...

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        """Replace a sent card; where it is now (a platform may have to post it again)."""
        ...


class Directory(Protocol):
    """Who works here. `find` takes the directory id or a verified address."""

    def find(self, who: str) -> Person | None: ...

    def people(self) -> Iterable[Person]: ...

    def forget(self, who: str) -> str:
        """Take a person out; returns "" or, where the source is not ours to write, what to do there by hand."""
        ...


@dataclass(frozen=True)
class Page:
    """A call to a person on duty. No secrets and no mail body in it."""

    key: str
    to: str
    summary: str
    ticket: str
    url: str = ""


class Pager(Protocol):
    """A way to ring a person. Raises `ChannelError` when it could not."""

    name: str

    def page(self, page: Page) -> None: ...


class Tracker(Protocol):
    """Another ticket system. Each call is idempotent by our ticket number."""

    name: str

    def open(self, number: str, subject: str, body: str) -> str: ...

    def comment(self, remote: str, key: str, body: str) -> None: ...

    def resolve(self, remote: str) -> None: ...


class Vault(Protocol):
    """Keys. `purpose` separates them; sealing is authenticated; `digest` is a keyed one (hex)."""

    def seal(self, purpose: str, data: bytes) -> bytes: ...

    def unseal(self, purpose: str, data: bytes) -> bytes: ...

    def digest(self, purpose: str, data: bytes) -> str: ...
