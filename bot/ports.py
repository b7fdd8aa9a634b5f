"""What the core asks of the outside. One Protocol a port; adapters implement them, tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.cards import Card
from bot.model import Person, Place, Severity

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

    def snapshot(self) -> AbstractContextManager[Callable[[str], Iterator[Row]]]:
        """Reads (SQL without parameters) that all see one moment, however long they take. Never for answering."""
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


@dataclass(frozen=True)
class Waiting:
    """A mail that lies in a mailbox. `size` in bytes."""

    uid: int
    size: int


class Mailbox(Protocol):
    """A mailbox that people send reports to; one thread uses it. Everything raises `ChannelError` when it cannot be reached.

    A `uid` names the same mail as long as the answer of `open` stays the same (RFC 3501, section 2.3.1.1).
    """

    name: str

    def open(self) -> str:
        """Connect if need be; the validity of its uids."""
        ...

    def waiting(self) -> list[Waiting]:
        """What lies in it, oldest first."""
        ...

    def fetch(self, uid: int, most: int) -> bytes:
        """The mail, or its first `most` bytes; nothing if it is gone."""
        ...

    def file(self, uids: Sequence[int], folder: str) -> None:
        """Move mails to a folder, which is made if it is not there. Mails that are gone don't matter."""
        ...

    def wait(self, seconds: float, stopping: Callable[[], bool]) -> None:
        """Until something may have come, the time is over, or we are stopping (asked at least once a second)."""
        ...

    def close(self) -> None:
        """Give the connection back. Never raises."""
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
    call: str = ""  # the stored call that this page belongs to (its buttons name it); "" where nothing is stored


class Pager(Protocol):
    """A way to ring a person. Raises `ChannelError` when it could not.

    One that makes a phone ring has `rings = True`. One that keeps calls open has `settle(call, how)`: acknowledge or resolve.
    """

    name: str

    def page(self, page: Page) -> None: ...


TrackerStatus = Literal["open", "waiting", "resolved"]


@dataclass(frozen=True)
class TicketLine:
    """One change of a ticket on its way to another ticket system. `key` is the same however often it is sent.

    `kind`: open (a new ticket), said (words that the person may read), note (words for the desk), status, owner, severity. The
    other fields always say how the ticket stands with this line. Mail addresses are "" where there are none.
    """

    key: str
    number: str
    kind: Literal["open", "said", "note", "status", "owner", "severity"]
    text: str = ""
    subject: str = ""
    author: str = ""
    requester: str = ""
    requester_mail: str = ""
    owner: str = ""
    owner_mail: str = ""
    status: TrackerStatus = "open"
    severity: Severity = "S1"
    url: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class RemoteWord:
    """What somebody wrote there. `id` is the tracker's; `key` the one of our line, if it is ours."""

    id: str
    at: float
    author: str
    text: str
    mail: str = ""
    internal: bool = False
    key: str = ""


@dataclass(frozen=True)
class RemoteTicket:
    """How a ticket stands at the tracker. None means that the tracker does not say."""

    remote: str
    status: TrackerStatus | None = None
    owner: str | None = None  # mail address of the holder, else their name; "" for nobody
    severity: Severity | None = None
    words: tuple[RemoteWord, ...] = ()


@dataclass(frozen=True)
class Pushed:
    """What a tracker sent us by itself. `id` is the same however often it comes."""

    id: str
    number: str
    ticket: RemoteTicket


class Tracker(Protocol):
    """Another ticket system. `name` is the one of the setting, `label` what people call it.

    Everything raises `RetryLater` when it cannot be reached or asks to wait, and `ChannelError` with a reason that holds no
    text of a person when it refuses.
    """

    name: str
    label: str

    def find(self, number: str) -> str:
        """What it calls the ticket that was opened for our number; "" if there is none or it can't be looked for."""
        ...

    def open(self, line: TicketLine) -> str:
        """Open a ticket there, which `find` finds from then on; what it is called there."""
        ...

    def has(self, remote: str, key: str) -> bool:
        """Whether words with this key have arrived; False where sending them again is harmless."""
        ...

    def send(self, remote: str, line: TicketLine) -> str:
        """Send a line; for a status, an owner or a severity: what holds there now."""
        ...

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        """Tickets that have moved since the cursor ("" for the first time; too many is harmless), and the next cursor."""
        ...

    def ticket(self, remote: str) -> RemoteTicket | None:
        """How it stands there now; None if it is gone."""
        ...

    def pushed(self) -> Sequence[Pushed]:
        """What has come by itself. It comes again until `taken`."""
        ...

    def taken(self, pushed: Pushed) -> None: ...

    def look(self) -> str:
        """Who answers, in a few words; for `secdesk doctor`. Changes nothing."""
        ...


class MailControl(Protocol):
    """What can be done in our own mail system about a mail. Only after a second person approved it; each call may be repeated.

    `key` is stable over repeats. Both return how it went, in words without addresses. Raise `RetryLater`, `ChannelError`.
    """

    name: str
    dry: bool  # only says what it would do

    def purge(self, message_ids: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        """Take mails with these Message-IDs out of mailboxes, so that an administrator can bring them back."""
        ...

    def block(self, senders: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        """Keep mails of these senders away from mailboxes."""
        ...


class AccountControl(Protocol):
    """What can be done about an account in our own directory. Only after a person of the desk pressed it; may be repeated.

    `account` is the person's address in the directory; `key` is stable over repeats. All return how it went, in words without
    addresses. Raise `RetryLater`, `ChannelError`.
    """

    name: str
    dry: bool  # only says what it would do

    def revoke(self, account: str, key: str) -> str:
        """End every session, so that whoever has a stolen one is out."""
        ...

    def block(self, account: str, key: str) -> str:
        """Let nobody sign in."""
        ...

    def unblock(self, account: str, key: str) -> str:
        """Let them sign in again."""
        ...


class Vault(Protocol):
    """Keys. `purpose` separates them; sealing is authenticated; `digest` is a keyed one (hex)."""

    def seal(self, purpose: str, data: bytes) -> bytes: ...

    def unseal(self, purpose: str, data: bytes) -> bytes: ...

    def digest(self, purpose: str, data: bytes) -> str: ...
