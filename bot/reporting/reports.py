"""The reporting pillar: take a mail, answer at once, examine it in its own process, tell everybody who reported it.

The same bytes are one mail with many reporters. The body is sealed at rest. Nothing in a mail is ever opened or fetched.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from bot.cards import Block, Button, Buttons, Card, Steps, Text
from bot.errors import NotFound, SecdeskError, TooLarge
from bot.model import File, Finding, Kind, Severity, Verdict
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Db, Payload, Row, Tx, Vault
from bot.turn import (
    Auditor,
    CoreStore,
    Effect,
    Escalation,
    ReportFiled,
    TicketRequest,
    Turn,
    VerdictGiven,
    Work,
    place_from,
    place_key,
)

MAX_MB = 30
SEVERITY: Mapping[Kind, Severity] = {Kind.LIKELY_PHISHING: "S2", Kind.SUSPICIOUS: "S1", Kind.COULD_NOT_CHECK: "S1"}


@dataclass(frozen=True)
class Examined:
    """What the engine says of one mail. `facts` is what the desk may see of it (JSON values, defanged)."""

    verdict: Verdict
    facts: Mapping[str, Any]


class ReportStore(Protocol):
    """SQL of reported mails and of who reported them."""

    def add_mail(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def bind_ticket(self, tx: Tx, sha256: str, ticket: str) -> None: ...

    def locked(self, tx: Tx, sha256: str) -> Row | None: ...

    def mail(self, sha256: str) -> Row | None: ...

    def of_ticket(self, ticket: str) -> Row | None: ...

    def body(self, sha256: str) -> bytes: ...

    def add_submission(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def submissions(self, tx: Tx, sha256: str) -> list[Row]: ...

    def decide(self, tx: Tx, sha256: str, kind: str, by: str, verdict: str, facts: str, at: float) -> bool: ...


@dataclass(frozen=True)
class Parts:
    """What the pillar is made of. `admit` raises when bytes are no mail or too large; `examine` never raises."""

    db: Db
    store: ReportStore
    core: CoreStore
    auditor: Auditor
    vault: Vault
    identities: Identities
    escalation: Escalation
    organisation: Callable[[], Organisation]
    clock: Clock
    admit: Callable[[bytes, str], object]
    examine: Callable[[bytes, str], Examined]
    listeners: Mapping[type, tuple[Callable[[Work, Any], None], ...]]
    committed: Callable[[], None] = lambda: None


class Reports:
    """Responder of the reporting pillar (action ids `reporting.*`) and its job `reporting.analyse`."""

    prefix = "reporting"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def respond(self, turn: Turn) -> Effect | None:
        """Files are reports; the buttons say how to report, and that somebody sees it differently."""
        if turn.action:
            verb, value = turn.action.id.partition(".")[2], turn.action.value
            if verb == "start":
                how = self._how(turn)
                return lambda _work: how
            return (lambda work: self._dispute(work, turn, value)) if verb == "dispute" else None
        if not turn.files:
            return None
        sealed = [self._sealed(file) for file in turn.files[:10]]
        if turn.dialogue and turn.dialogue.kind == "tickets.talk" and all(why_not for *_, why_not in sealed):
            return None  # what is no mail belongs to the conversation with the desk
        return lambda work: self._take(work, turn, sealed)

    def analyse(self, payload: Payload) -> None:
        """Job: examine a stored mail and tell its reporters. Safe to run again."""
        sha256 = payload["sha256"]
        row = self._parts.store.mail(sha256)
        if row is None or row["state"] == "decided":
            return
        body = self._parts.vault.unseal("mail", self._parts.store.body(sha256))
        examined = self._parts.examine(body, row["name"])
        with self._parts.db.tx() as tx:
            work = Work(
                tx, self._parts.clock.now(), self._parts.core, self._parts.auditor, self._parts.listeners
            )  # fmt: skip
            self._decided(work, sha256, examined)
        self._parts.committed()

    # taking

    def _sealed(self, file: File) -> tuple[File, str, bytes, str]:
        """(file, sha256, sealed body, why not): the costly part, before the transaction."""
        try:
            self._parts.admit(file.data, file.name)
        except TooLarge:
            return file, "", b"", "report.too_large"
        except SecdeskError:
            return file, "", b"", "report.not_mail"
        return file, hashlib.sha256(file.data).hexdigest(), self._parts.vault.seal("mail", file.data), ""

    def _take(self, work: Work, turn: Turn, sealed: list[tuple[File, str, bytes, str]]) -> Card:
        cards = [self._take_one(work, turn, *item) for item in sealed]
        if len(cards) == 1:
            return cards[0]
        blocks: list[Block] = [block for card in cards for block in card.blocks]
        return Card(cards[0].title, tuple(blocks), "done", lang=turn.lang)

    def _take_one(self, work: Work, turn: Turn, file: File, sha256: str, body: bytes, why_not: str) -> Card:
        name = _short(file.name)
        if why_not:
            return self._refused(turn, name, why_not)
        row = {"sha256": sha256, "name": name, "size": len(file.data), "body": body, "at": work.at}
        first = self._parts.store.add_mail(work.tx, row)
        number = self._ticket(work, turn, sha256, name, first=first)
        submission = {"id": uuid.uuid4().hex, "sha256": sha256, "person": turn.person.key,
                      "place": place_key(turn.place), "at": work.at}  # fmt: skip
        fresh = self._parts.store.add_submission(work.tx, submission)
        if fresh:
            work.audit(turn.person.key, "report.filed", number, mail=sha256[:16])
            work.publish(ReportFiled(turn.person.key, sha256, number, first))
        known = self._parts.store.locked(work.tx, sha256)
        if known and known["state"] == "decided":
            verdict = verdict_from(known["verdict"])
            return self.verdict_card(verdict, number, turn.lang, turn.values)
        work.job("reporting.analyse", f"analyse:{sha256}", {"sha256": sha256})
        return self._said(turn, "report.receipt" if fresh else "report.again", number=number, name=name)

    def _ticket(self, work: Work, turn: Turn, sha256: str, name: str, *, first: bool) -> str:
        """One ticket a mail; a second reporter is added to it."""
        if not first:
            row = self._parts.store.locked(work.tx, sha256)
            number = str(row["ticket"]) if row else ""
            self._parts.escalation.log(work, number, turn.person.key, "reported_again", name)
            return number
        subject = self._words("en", "report.subject", name=name)
        request = TicketRequest(
            turn.person.key, turn.place, "report", subject, turn.text or subject, "S1", queue="mail"
        )
        number = self._parts.escalation.open(work, request).number
        self._parts.store.bind_ticket(work.tx, sha256, number)
        return number

    def _refused(self, turn: Turn, name: str, key: str) -> Card:
        if key == "report.not_mail" and "report_button" not in turn.values:
            key = "report.not_mail_plain"
        return self._said(turn, key, name=name, limit=MAX_MB)

    # deciding

    def _decided(self, work: Work, sha256: str, examined: Examined) -> None:
        """Store the verdict once, tell each reporter once, tell the desk."""
        verdict = examined.verdict
        facts = json.dumps(dict(examined.facts), ensure_ascii=False, default=str)
        store = self._parts.store
        if not store.decide(work.tx, sha256, verdict.kind, "secdesk", verdict_text(verdict), facts, work.at):
            return
        row = store.locked(work.tx, sha256)
        number = str(row["ticket"]) if row else ""
        people = store.submissions(work.tx, sha256)
        for person in people:
            self._tell(work, person, number, verdict, sha256)
        signs = "; ".join(finding.sign for finding in verdict.signs)
        self._parts.escalation.log(work, number, "secdesk", "verdict", f"{verdict.kind.value}: {signs}")
        self._parts.escalation.raise_severity(work, number, SEVERITY.get(verdict.kind, "S0"))
        work.audit("secdesk", "report.verdict", number, mail=sha256[:16], kind=verdict.kind.value)
        work.publish(VerdictGiven(sha256, number, verdict, tuple(row["person"] for row in people)))

    def _tell(self, work: Work, submission: Row, number: str, verdict: Verdict, sha256: str) -> None:
        person = self._parts.identities.who(submission["person"])
        if person is None:
            return
        values = self._parts.organisation().values(person.entity)
        card = self.verdict_card(verdict, number, person.language, values)
        key = f"verdict:{sha256}:{submission['id']}"
        work.say(submission["person"], place_from(submission["place"]), card, key, priority=1, ticket=number)

    def verdict_card(self, verdict: Verdict, number: str, lang: str, values: Mapping[str, str]) -> Card:
        """What the reporter reads: the verdict in words, what was seen, what to do, and a way to disagree."""
        kind = verdict.kind.value
        blocks: list[Block] = [Text(self._words(lang, f"verdict.{kind}"), "strong")]
        blocks.append(Text(self._words(lang, f"verdict.do.{kind}", **values)))
        if verdict.signs:
            signs = tuple(finding.sign for finding in verdict.signs)
            blocks.append(Steps(signs, self._words(lang, "verdict.signs"), ordered=False))
        if verdict.unchecked:
            names = ", ".join(verdict.unchecked)
            blocks.append(Text(self._words(lang, "verdict.unchecked", names=names), "muted"))
        buttons = [Button(self._words(lang, "button.dispute"), "reporting.dispute", number)]
        if verdict.kind not in {Kind.OURS, Kind.PRACTICE, Kind.SPAM}:
            clicked = Button(self._words(lang, "button.emergency"), "emergency.start", "clicked", "danger")
            buttons.insert(0, clicked)
        tone: Any = "warning" if verdict.kind in {Kind.LIKELY_PHISHING, Kind.SUSPICIOUS} else "plain"
        title = self._words(lang, "verdict.title", number=number)
        return Card(title, (*blocks, Buttons(tuple(buttons))), tone, lang=lang)

    # the rest

    def _dispute(self, work: Work, turn: Turn, number: str) -> Card:
        row = self._parts.store.of_ticket(number)
        mine = row and any(
            s["person"] == turn.person.key for s in self._parts.store.submissions(work.tx, row["sha256"])
        )
        if not row or not mine:
            raise NotFound(number)
        self._parts.escalation.log(work, number, turn.person.key, "disputed", turn.text)
        self._parts.escalation.raise_severity(work, number, "S1" if row["kind"] != Kind.LIKELY_PHISHING else "S2")
        work.audit(turn.person.key, "report.dispute", number)
        return self._said(turn, "verdict.dispute_noted", number=number)

    def _how(self, turn: Turn) -> Card:
        return self._said(turn, "report.how" if "report_button" in turn.values else "report.how_plain")

    def _said(self, turn: Turn, key: str, **params: object) -> Card:
        text = self._words(turn.lang, key, **{**turn.values, **params})
        return Card("", (Text(text),), "done", lang=turn.lang)

    def _words(self, lang: str, key: str, **params: object) -> str:
        return self._parts.organisation().words.say(lang, key, **params)


def verdict_text(verdict: Verdict) -> str:
    """A verdict as JSON text."""
    return json.dumps(asdict(verdict), ensure_ascii=False)


def verdict_from(text: str) -> Verdict:
    """The verdict back from `verdict_text`."""
    raw = json.loads(text)
    signs = tuple(Finding(**finding) for finding in raw["signs"])
    return Verdict(Kind(raw["kind"]), raw["confidence"], signs, tuple(raw["unchecked"]), raw["score"])


def _short(name: str) -> str:
    clean = "".join(char for char in name.replace("\\", "/").rsplit("/", 1)[-1] if char.isprintable())
    return clean[:80] or "mail.eml"
