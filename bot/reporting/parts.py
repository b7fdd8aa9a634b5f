"""What the pillar is made of, and the values its modules hand to each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from bot.model import Finding, Kind, Person, Place, Severity, Verdict
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Db, Vault
from bot.reporting.context import History
from bot.reporting.lexicon import Lexicon, packaged_lexicon
from bot.reporting.outline import Outline
from bot.reporting.screenshots import Picture
from bot.reporting.stores import CampaignStore, ReportStore
from bot.turn import Auditor, CoreStore, Escalation, Work

SEVERITY: Mapping[Kind, Severity] = {Kind.LIKELY_PHISHING: "S2", Kind.SUSPICIOUS: "S1", Kind.COULD_NOT_CHECK: "S1"}
DESK = "secdesk"  # who decides automatically


@dataclass(frozen=True)
class Examined:
    """What the engine says of one mail. `facts` is what the desk may see of it (JSON values, defanged); `clues` are the signs
    in that very mail that a reader can learn from, strongest first.
    """

    verdict: Verdict
    facts: Mapping[str, Any]
    clues: tuple[Finding, ...] = ()


class Reader(Protocol):
    """Reads hostile bytes where they can do no harm. Never raises for what is in them."""

    def outline(self, data: bytes, name: str) -> Outline: ...

    def look(self, data: bytes, name: str) -> Picture: ...


@dataclass(frozen=True)
class Reporter:
    """Who reports (with their pseudonym), and where they are answered: None for somebody who gets no answer."""

    person: Person
    place: Place | None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.person.key

    @property
    def lang(self) -> str:
        return self.person.language


@dataclass(frozen=True)
class Parts:
    """`admit` raises when bytes are no mail or too large; `examine` never raises. `promise` is when a person will have answered,
    `when` a moment in somebody's own words, `place_of` where a pseudonym can be written to. `address`: the reporting mailbox's.
    """

    db: Db
    store: ReportStore
    campaigns: CampaignStore
    core: CoreStore
    auditor: Auditor
    vault: Vault
    identities: Identities
    escalation: Escalation
    organisation: Callable[[], Organisation]
    clock: Clock
    admit: Callable[[bytes, str], object]
    examine: Callable[[bytes, str, History], Examined]
    reader: Reader
    promise: Callable[[Severity, float], float]
    when: Callable[[Person, float, float], str]
    place_of: Callable[[str], Place | None]
    listeners: Mapping[type, tuple[Callable[[Work, Any], None], ...]]
    committed: Callable[[], None] = lambda: None
    address: str = ""
    person_bytes: int = 200_000_000  # that one person can report in a day
    lexicon: Callable[[], Lexicon] = packaged_lexicon  # for the words of a verdict in each reader's language

    def work(self, tx: Any) -> Work:
        """The unit of work of a transaction of our own."""
        return Work(tx, self.clock.now(), self.core, self.auditor, self.listeners)


def job_key(kind: str, payload: Mapping[str, str]) -> str:
    """The outbox key of a job, made from its payload alone, so that whoever runs it can say that it is done."""
    return ":".join((kind, *(value for value in payload.values() if value)))


def verdict_text(verdict: Verdict) -> str:
    """A verdict as JSON text."""
    return json.dumps(asdict(verdict), ensure_ascii=False)


def verdict_from(text: str) -> Verdict:
    """The verdict back from `verdict_text`."""
    raw = json.loads(text)
    signs = tuple(Finding(**finding) for finding in raw["signs"])
    return Verdict(Kind(raw["kind"]), raw["confidence"], signs, tuple(raw["unchecked"]), raw["score"])


def clues(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What gave a mail away: its own strongest signs, without those that say whose it is."""
    ours = ("ours.", "practice.", "everything")
    seen = [item for item in findings if item.weight > 0 and not item.inconclusive and not item.check.startswith(ours)]
    return tuple(sorted(seen, key=lambda item: -item.weight * item.confidence)[:3])


def clues_text(found: Sequence[Finding]) -> str:
    """Clues as JSON text: what their sentences can be retold from."""
    return json.dumps([{"check": item.check, "sign": item.sign} for item in found], ensure_ascii=False)


def clues_from(text: str) -> tuple[Finding, ...]:
    """The clues back from `clues_text`."""
    return tuple(Finding(item["check"], item["sign"]) for item in json.loads(text or "[]"))
