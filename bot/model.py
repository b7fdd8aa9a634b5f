"""The frozen values that travel between adapters and the core. No behaviour beyond trivial helpers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from bot.cards import Card

Lang = str  # ISO 639-1 code, lower case
Severity = Literal["S0", "S1", "S2", "S3"]
SEVERITIES: tuple[Severity, ...] = ("S0", "S1", "S2", "S3")


@dataclass(frozen=True)
class Person:
    """Somebody who talks to the desk.

    `key` is the pseudonym every record uses (empty until `Identities` has met the person). `known` is False for a guest or
    an outsider: they get public entries, reporting and emergencies only. `roles` holds ids of `knowledge/roles.yaml`.
    """

    id: str
    name: str
    email: str = ""
    roles: frozenset[str] = frozenset()
    entity: str = ""
    language: Lang = "en"
    timezone: str = "UTC"
    phone: str = ""
    known: bool = True
    key: str = ""


@dataclass(frozen=True)
class Place:
    """Where a conversation is. `private` is False for channels that others read."""

    channel: str
    conversation: str
    thread: str = ""
    private: bool = True


@dataclass(frozen=True)
class File:
    """An uploaded file, already fetched and capped by the edge."""

    name: str
    data: bytes
    type: str = ""


@dataclass(frozen=True)
class Action:
    """A pressed button or a sent form: `id` is `pillar.verb`."""

    id: str
    value: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One event from a platform. `key` is the platform's own event id: the same key has its effect once.

    `aside` is where this person can be answered in private, when `place` is one that others read.
    """

    key: str
    person: Person
    place: Place
    text: str = ""
    action: Action | None = None
    files: tuple[File, ...] = ()
    at: float = 0.0  # UTC epoch seconds
    aside: Place | None = None
    told: float = 0.0  # when the platform says that it happened, 0: it does not say


@dataclass(frozen=True)
class Reply:
    """What goes back. `delivery` is the outbox row that guarantees it; empty if nothing could be stored."""

    card: Card
    place: Place
    delivery: str = ""
    repeated: bool = False  # the event had been handled before


class Outcome(StrEnum):
    """What became of a question."""

    ANSWER = "answer"
    SUGGEST = "suggest"
    ESCALATE = "escalate"
    EMERGENCY = "emergency"
    CONFIRM = "confirm"


class Kind(StrEnum):
    """What Secdesk says about a reported mail. There is no "safe": only a register or an analyst says so."""

    LIKELY_PHISHING = "likely_phishing"
    SUSPICIOUS = "suspicious"
    SPAM = "spam"
    NOTHING_FOUND = "nothing_found"
    OURS = "ours"
    PRACTICE = "practice"
    COULD_NOT_CHECK = "could_not_check"


@dataclass(frozen=True)
class Finding:
    """What one check saw.

    `weight` > 0 speaks for phishing, < 0 against, in the units of the verdict's score. `sign` is one plain sentence, already
    defanged. `inconclusive`: the check could not run, which never counts as innocence.
    """

    check: str
    sign: str
    weight: float = 0.0
    confidence: float = 1.0
    spam: float = 0.0
    inconclusive: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer to "is this mail real?". `signs` are the strongest first; `unchecked` names checks that could not run."""

    kind: Kind
    confidence: float
    signs: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    score: float = 0.0
