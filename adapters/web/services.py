"""What the web application needs from the rest: one frozen bundle, filled in by the composition root.

Everything here is synchronous except `handle` and `run`; routes reach the synchronous parts through `run`, which uses
the sized executor of the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from adapters.web.metrics import Metrics
from bot.audit import AuditReport
from bot.errors import Fault
from bot.health import Health
from bot.helpdesk.tickets import Tickets
from bot.model import Message, Person, Reply
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import Clock, Directory, Row, Tx, Vault
from bot.settings import Settings
from bot.turn import CoreStore, Work

T = TypeVar("T")


class InTransaction(Protocol):
    """Runs a function in one transaction and wakes the sweeper after the commit. Raises what the function raises."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


class Runner(Protocol):
    """Runs a synchronous function on the sized executor."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


class WebStore(Protocol):
    """SQL of the web chat's posts, console links and console sessions. Digests are keyed; persons are pseudonyms."""

    def posts(self, conversation: str, limit: int) -> list[Row]: ...

    def stamp(self, conversation: str) -> int: ...

    def choose(self, conversation: str, post: str, label: str) -> bool: ...

    def add_link(self, tx: Tx, digest: str, person: str, at: float, until: float) -> None: ...

    def link(self, digest: str) -> Row | None: ...

    def use_link(self, tx: Tx, digest: str, at: float) -> str: ...

    def add_session(self, tx: Tx, digest: str, person: str, at: float, until: float) -> None: ...

    def session(self, digest: str, at: float) -> Row | None: ...

    def end_session(self, tx: Tx, digest: str) -> None: ...


class ConsoleStore(Protocol):
    """What the console lists: read-only SQL over the tables of the pillars, and acknowledging a page."""

    def ticket_counts(self) -> dict[str, int]: ...

    def open_pages(self) -> int: ...

    def pages(self, limit: int) -> list[Row]: ...

    def page(self, key: str) -> Row | None: ...

    def acknowledge_page(self, tx: Tx, key: str, at: float) -> bool: ...

    def mails(self, state: str, limit: int) -> list[Row]: ...

    def mail_of_ticket(self, number: str) -> Row | None: ...

    def told(self, number: str) -> list[Row]: ...

    def audit_tail(self, limit: int) -> list[Row]: ...

    def deliveries(self) -> dict[str, int]: ...

    def outbox(self) -> dict[str, int]: ...

    def failures(self, limit: int) -> list[Row]: ...

    def mail_counts(self) -> dict[str, int]: ...

    def events(self) -> int: ...


@dataclass(frozen=True)
class Remark:
    """Something time has done to content: `kind` is overdue, expired or unchecked."""

    kind: str
    id: str
    file: str
    what: str
    mend: str


@dataclass(frozen=True)
class Loaded:
    """One kind of content and how many items of it are in use. `faults` is about what lies on disk now."""

    name: str
    count: int
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class KnowledgeState:
    """What is in use. While a kind has faults, its last good version stays in use."""

    loaded: tuple[Loaded, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Planned:
    """One row of the nudge plan: who would get which lesson, when, and why (all ready to read)."""

    person: str
    lesson: str
    at: float
    why: str


@dataclass(frozen=True)
class WebServices:
    """Everything `create_web` needs.

    `handle` and `deliver` are the chat's; `work` and the stores are the console's. `verify_audit` walks the whole
    chain, so it is called only when somebody asks for it. With a `metrics_token`, `/metrics` answers others than
    loopback too.
    """

    settings: Settings
    clock: Clock
    vault: Vault
    identities: Identities
    directory: Directory
    core: CoreStore
    web: WebStore
    console: ConsoleStore
    tickets: Tickets
    words: Callable[[], Words]
    org: Callable[[], Organisation]
    handle: Callable[[Message], Awaitable[Reply]]
    deliver: Callable[[str], bool]
    work: InTransaction
    run: Runner
    health: Callable[[], Health]
    knowledge: Callable[[], KnowledgeState]
    nudge_plan: Callable[[], Sequence[Planned]]
    verify_audit: Callable[[], AuditReport]
    redact: Callable[[str], str] = lambda text: text  # pasted secrets out of what analysts type
    metrics: Metrics = field(default_factory=Metrics)
    metrics_token: str = ""

    def desk_person(self, key: str) -> Person | None:
        """The person behind a pseudonym if they hold a desk role now, else None. Asked again on every request."""
        person = self.identities.who(key)
        if person is None or not person.known or not person.roles & self.org().desk_roles():
            return None
        return person
