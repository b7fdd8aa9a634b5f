"""What the checks know besides the mail: plain frozen data that crosses to the sandbox as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Brand:
    """A name that fraud borrows. `word`: the name is also an everyday word, so it needs more than a mention."""

    name: str
    names: tuple[str, ...]
    domains: tuple[str, ...]
    word: bool = False


@dataclass(frozen=True)
class Redirector:
    """A page of an honest host that sends visitors on to an address in its parameters."""

    host: str
    path: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hosts:
    """Where fraud is parked, and who carries newsletters. Each entry matches itself and everything below it."""

    shorteners: tuple[str, ...] = ()
    free_hosting: tuple[str, ...] = ()
    redirectors: tuple[Redirector, ...] = ()
    gateways: tuple[str, ...] = ()
    mailers: tuple[str, ...] = ()
    freemail: tuple[str, ...] = ()
    cheap_endings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Practice:
    """How the organisation's own practice mails are known: a header whose value holds our secret token, or a header of the
    vendor together with a link to one of our practice domains.
    """

    header: str
    token: str = ""
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registered:
    """A mailing of our own that the organisation put on its register."""

    name: str
    sender: str  # full address
    domains: tuple[str, ...]  # the only ones its links may lead to
    until: str = ""  # ISO date after which the entry is void


@dataclass(frozen=True)
class History:
    """What is known from earlier cases (never from the mail's own). `cases`: how many there are at all; `sender_cases`: of the
    same sender, `sender_bad`: of these, how many a person found to be fraud. `bad_domains`: link domains of this mail that lead
    there too; `usual_domains`: where this sender's earlier mails led.
    """

    cases: int = 0
    sender_cases: int = 0
    sender_bad: int = 0
    bad_domains: tuple[str, ...] = ()
    usual_domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything a check may use besides the mail. `weights`: sign id → (phishing, spam); `signs`: sign id → sentence."""

    own_domains: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()  # the organisation's name as people write it
    people: tuple[str, ...] = ()  # full names that fraud would borrow: executives, finance, HR
    partners: tuple[Brand, ...] = ()
    brands: tuple[Brand, ...] = ()
    hosts: Hosts = Hosts()
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()  # what anybody can call themselves
    fillers: frozenset[str] = frozenset()  # words beside a firm's name that change nothing
    ideas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signs: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    vendor_headers: tuple[str, ...] = ()
    practice: tuple[Practice, ...] = ()
    register: tuple[Registered, ...] = ()
    history: History = History()
    authserv_id: str = ""
    today: str = ""  # ISO date
