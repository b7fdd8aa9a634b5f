"""What the web application needs from the rest: one frozen bundle, filled in by the composition root.

Everything here is synchronous except `handle` and `run`; routes reach the synchronous parts through `run`, which uses
the sized executor of the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from adapters.stores.sessions import SqlSessionStore
from adapters.web.api.parts import ApiParts
from adapters.web.authoring_services import Authors
from adapters.web.campaign_services import Campaigns
from adapters.web.metrics import Metrics
from adapters.web.openings import Openings
from adapters.web.partner_services import PartnerServices
from adapters.web.procedure_services import Procedures
from bot.answering.standard import StandardReplies
from bot.answering.unanswered import Unanswered
from bot.audit import AuditReport
from bot.directory_sources import Sources
from bot.errors import Fault
from bot.figures.service import ServiceFigures
from bot.health import Health
from bot.helpdesk.codes import CallerCodes
from bot.helpdesk.containment import Containment
from bot.helpdesk.duty import Duty
from bot.helpdesk.paging import Paging
from bot.helpdesk.tickets import Tickets
from bot.helpdesk.trackers import Tracking
from bot.helpdesk.triage import Triage
from bot.learning.about import AboutMe
from bot.learning.measurement import Measures
from bot.learning.targets import Targets
from bot.model import Message, Person, Reply
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import Clock, Directory, Row, Tx, Vault
from bot.reporting.mail_desk import MailDesk
from bot.retention import Retention
from bot.settings import Settings
from bot.turn import CoreStore, Work
from bot.undo import Undo

if TYPE_CHECKING:
    from adapters.web.oidc import Provider

T = TypeVar("T")


class InTransaction(Protocol):
    """Runs a function in one transaction and wakes the sweeper after the commit. Raises what the function raises."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


class Runner(Protocol):
    """Runs a synchronous function on the sized executor."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


class WebStore(Protocol):
    """SQL of the web chat's posts."""

    def posts(self, conversation: str, limit: int) -> list[Row]: ...

    def stamp(self, conversation: str) -> int: ...

    def choose(self, conversation: str, post: str, label: str) -> bool: ...


class MailSearch(Protocol):
    """SQL of the search for reported mail."""

    def find(self, text: str, before: int, limit: int) -> list[Row]:
        """A row for each case: seq, sha256 and facts of its newest mail that fits, ticket, kind, reports, reported_at."""
        ...


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

    def audit_tail(self, limit: int, before: int = 0) -> list[Row]: ...

    def deliveries(self) -> dict[str, int]: ...

    def outbox(self) -> dict[str, int]: ...

    def failures(self, limit: int) -> list[Row]: ...

    def mail_counts(self) -> dict[str, int]: ...

    def reports(self, numbers: Sequence[str]) -> dict[str, int]:
        """How often the mail of each ticket was reported, of those that were reported more than once."""
        ...

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
    sessions: SqlSessionStore
    console: ConsoleStore
    tickets: Tickets
    undo: Undo
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
    openings: Openings = field(default_factory=Openings)
    metrics_token: str = ""
    watched: Callable[[], Mapping[str, float | Mapping[str, float]]] | None = None  # figures for `Metrics.watch`
    mail_desk: MailDesk | None = None  # without: no page for reported mail
    authors: Authors | None = None  # without: knowledge is only looked at
    unanswered: Unanswered | None = None
    standard: StandardReplies | None = None  # without: replies are only written
    sources: Sources | None = None  # without: nobody pushes people
    targets: Targets | None = None  # without (or without `about`): no page of people
    about: AboutMe | None = None
    triage: Triage | None = None  # without: the queue as it is
    measures: Measures | None = None  # without: no page of what has changed
    figures: ServiceFigures | None = None  # without: no page of how the desk does
    handed: Callable[[str, str], tuple[str, bytes]] | None = None  # (name, bytes) of a file for a pseudonym; `NotFound`
    tracking: Tracking | None = None  # without: no page for another ticket system
    duty: Duty | None = None  # without: no page for being on call
    paging: Paging | None = None
    campaigns: Campaigns | None = None  # without: no page of campaigns
    containment: Containment | None = None  # without: nothing about accounts at a ticket
    api: ApiParts | None = None  # without: no HTTP API, and no page of its tokens
    provider: Provider | None = None  # without: links are the only way into the console
    partners: PartnerServices | None = None  # without: no pages of partners
    codes: CallerCodes | None = None  # without: no page for who is on the phone
    procedures: Procedures | None = None  # without: no pages of procedures
    retention: Retention | None = None  # without: no page of privacy
    mail_search: MailSearch | None = None  # without: reported mail is not searched

    def desk_person(self, key: str) -> Person | None:
        """The person behind a pseudonym if they may be in the console now, else None. Asked again on every request."""
        person = self.identities.who(key)
        if person is None or not person.known or not self.org().console_roles(person.roles):
            return None
        return person

    def dressed(self, person: Person) -> Person:
        """Somebody who may be in the console, as the core has to see them: somebody at the desk. What they may do there their
        console roles decide, before the core is asked."""
        desk = self.org().desk_roles()
        held = person.roles if person.roles & desk else person.roles | set(sorted(desk)[:1])
        return replace(person, known=True, roles=held)
