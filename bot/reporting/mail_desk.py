"""The analyst's desk: looking at a reported mail without danger, judging its case, and asking for what is to be done.

Everything that shows the content of somebody's mail writes a row of the audit chain first; without it nothing is shown. What
changes mailboxes needs two people: one who asks, another who approves.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from bot.cards import Card
from bot.errors import ChannelError, NotFound, Refused, RetryLater
from bot.model import Kind, Person, Verdict
from bot.ports import Db, MailControl, Payload, Row, Tx, Vault
from bot.reporting.alerts import Alerts
from bot.reporting.indicators import Indicator
from bot.reporting.keeping import what_stays
from bot.reporting.outcome import JUDGED, Outcome
from bot.reporting.parts import verdict_from
from bot.reporting.regrouping import Regrouping
from bot.reporting.safe_view import SafeView
from bot.reporting.sharing import Shared, together
from bot.reporting.stores import CampaignStore, ReportStore
from bot.turn import Escalation, Work

MOST_MAILS = 100  # of a case, on its page and in what is done about it
MOST_SHARED = 10  # mails whose indicators are put together
KINDS = JUDGED  # the verdicts a person can give
ACTIONS = ("purge", "block")


Run = Callable[[Callable[[Work], bytes]], bytes]


class Viewer(Protocol):
    """Reads hostile bytes where they can do no harm (the sandbox)."""

    def view(self, data: bytes, name: str) -> SafeView: ...


class MailDeskStore(Protocol):
    """SQL of cases for the console, and of actions."""

    def cases(self, which: str, limit: int) -> list[Row]: ...

    def cases_before(self, which: str, before: tuple[float, str] | None, limit: int) -> list[Row]: ...

    def mails(self, campaign: str, limit: int) -> list[Row]: ...

    def reporters(self, campaign: str, limit: int) -> list[Row]: ...

    def reach(self, campaign: str) -> tuple[int, int]:
        """To how many of our people a case is known to have gone, and how many of them were warned."""
        ...

    def head_starts(self, since: float) -> list[float]:
        """Seconds from the first delivery to the first report of each fraud reported since then, shortest first."""
        ...

    def add_action(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def decide_action(self, tx: Tx, action: str, person: str, state: str, at: float) -> Row | None: ...

    def settle_action(self, tx: Tx, action: str, state: str, result: str, at: float) -> bool: ...

    def action(self, action: str) -> Row | None: ...

    def actions(self, ticket: str) -> list[Row]: ...


@dataclass(frozen=True)
class Action:
    """Something asked for. `target`: what it is about, in words an analyst may read."""

    id: str
    kind: str
    state: str
    target: str
    asked_by: str
    asked_at: float
    decided_by: str
    decided_at: float
    result: str


@dataclass(frozen=True)
class Dossier:
    """Everything about a mail and its case but its content. `related`: cases with something in common, but not the same mail.

    `reach`: to how many of our people it is known to have gone, and how many of them were warned.
    """

    row: Row
    case: Row
    verdict: Verdict | None
    facts: Mapping[str, Any]
    mails: Sequence[Row]
    reporters: Sequence[Row]
    related: Sequence[Row]
    actions: Sequence[Action]
    reach: tuple[int, int] = (0, 0)

    @property
    def number(self) -> str:
        return str(self.row["ticket"])

    @property
    def gone(self) -> bool:
        """Whether the content was deleted, as the time for keeping it was over."""
        return not self.row["kept"]


@dataclass(frozen=True)
class DeskParts:
    """`mailboxes` are the addresses of our people, `own_domains` ours. `work` is the unit of work of a job's transaction."""

    db: Db
    store: MailDeskStore
    mails: ReportStore
    campaigns: CampaignStore
    vault: Vault
    viewer: Viewer
    outcome: Outcome
    regrouping: Regrouping
    alerts: Alerts
    escalation: Escalation
    control: MailControl
    mailboxes: Callable[[], Sequence[str]]
    own_domains: Callable[[], Sequence[str]]
    work: Callable[[Tx], Work]
    committed: Callable[[], None]


class MailDesk:
    """What the console asks of the pillar. A `run` runs a function in one transaction and hands back what it returned."""

    def __init__(self, parts: DeskParts) -> None:
        self._db, self._store, self._mails, self._campaigns = parts.db, parts.store, parts.mails, parts.campaigns
        self._vault, self._viewer, self._outcome = parts.vault, parts.viewer, parts.outcome
        self._alerts, self._regrouping = parts.alerts, parts.regrouping
        self._escalation, self._control, self._mailboxes = parts.escalation, parts.control, parts.mailboxes
        self._own, self._work, self._committed = parts.own_domains, parts.work, parts.committed

    @property
    def control(self) -> MailControl:
        """What purges and blocks."""
        return self._control

    def cases(self, which: str, limit: int) -> list[Row]:
        """Cases for the list: `open`, `judged` or `all`."""
        return self._store.cases(which, limit)

    def cases_before(self, which: str, before: tuple[float, str] | None, limit: int) -> list[Row]:
        """Cases by when they were first reported, the newest first; with `before` (time and id) only older ones."""
        return self._store.cases_before(which, before, limit)

    def dossier(self, sha256: str) -> Dossier:
        """A mail and its case. Raises `NotFound`, also for one that was taken back."""
        row = self._mails.mail(sha256)
        case = self._campaigns.seen(row["campaign"]) if row else None
        if row is None or case is None or row["state"] == "withdrawn":
            raise NotFound(sha256)
        row = {**row, "kept": bool(self._mails.body(sha256))}
        return Dossier(
            row, case, verdict_from(row["verdict"]) if row["verdict"] else None, json.loads(row["facts"] or "{}"),
            self._store.mails(case["id"], MOST_MAILS), self._store.reporters(case["id"], MOST_MAILS),
            _once(self._campaigns.related(case["id"], 20, 30)), self._actions(str(row["ticket"])),
            self._store.reach(str(case["id"])),
        )  # fmt: skip

    def head_start(self, since: float) -> tuple[float, int]:
        """The median of seconds from first delivery to first report, and of how many frauds since then; (0, 0) for none."""
        found = self._store.head_starts(since)
        return (median(found), len(found)) if found else (0.0, 0)

    def warn(self, work: Work, number: str, person: Person) -> None:
        """Warn everybody who was sent a case's mails. Raises `NotFound`, `Refused`."""
        self._alerts.declare(work, number, person)

    def warn_role(self, work: Work, number: str, role: str, person: Person) -> int:
        """Warn those at whose work it is aimed; how many. Raises `NotFound`, `Refused`."""
        return self._alerts.target(work, number, role, person)

    # the content: audited before it is shown

    def raw(self, work: Work, sha256: str, person: Person) -> bytes:
        """The mail as it was reported. Raises `NotFound` when it is not kept any more."""
        return self._read(work, sha256, person, "raw")

    def view(self, run: Run, sha256: str, person: Person, how: str) -> SafeView:
        """A safe view, made in the sandbox. `how` it is looked at goes into the audit log."""
        data = run(lambda work: self._read(work, sha256, person, how))
        row = self._mails.mail(sha256)
        return self._viewer.view(data, str(row["name"]) if row else "")

    def shared(self, run: Run, sha256: str, person: Person, how: str, org: str) -> Shared:
        """The indicators of a case's mails, this one first. What leads to ourselves is left out."""
        dossier = self.dossier(sha256)
        others = [str(row["sha256"]) for row in dossier.mails if row["sha256"] != sha256]
        views = [self.view(run, one, person, how) for one in [sha256, *others][:MOST_SHARED]]
        items = tuple(item for item in together(view.indicators for view in views) if not self._ours(item))
        kind = dossier.case["kind"] or dossier.row["kind"]
        return Shared(dossier.number, str(kind), float(dossier.case["reported_at"]), org, items)

    def _ours(self, item: Indicator) -> bool:
        """Whether an indicator names us: our own addresses must not end in somebody's block list."""
        value = item.value.lower()
        if item.kind == "url":
            value = value.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        if item.kind in {"email", "reply_to"}:
            value = value.rpartition("@")[2]
        names = item.kind in {"email", "reply_to", "url", "domain"}
        return names and any(value == own or value.endswith(f".{own}") for own in self._own())

    def _read(self, work: Work, sha256: str, person: Person, how: str) -> bytes:
        row = self._mails.mail(sha256)
        sealed = self._mails.body(sha256) if row and row["state"] != "withdrawn" else b""
        if row is None or not sealed:
            raise NotFound(sha256)
        work.audit(person.key, "report.read", str(row["ticket"]), mail=sha256[:16], how=how)
        return self._vault.unseal("mail", sealed)

    def forget(self, work: Work, sha256: str, person: Person) -> bool:
        """Delete the content of a mail now: it was private, and reported by mistake. Verdict and hashes stay."""
        row = self._mails.mail(sha256)
        if row is None or not self._mails.strip(work.tx, sha256, what_stays(str(row["facts"]))):
            return False
        self._campaigns.drop(work.tx, sha256)
        self._escalation.log(work, str(row["ticket"]), person.key, "content_deleted", "")
        work.audit(person.key, "report.content_deleted", str(row["ticket"]), mail=sha256[:16], why="private")
        return True

    # verdicts

    def preview(self, number: str, kind: Kind, note: str, person: Person) -> Card:
        """What reporters would read, in this person's language."""
        return self._outcome.preview(number, kind, note, person)

    # cases by hand

    def merge(self, work: Work, number: str, into: str, person: Person, why: str) -> None:
        """Put a case together with another one. Raises `NotFound`, `Refused`."""
        self._regrouping.merge(work, number, into, person, why)

    def split(self, sha256: str, person: Person, why: str) -> Callable[[Work], str]:
        """What makes a mail a case of its own, in a transaction: it returns the ticket's number. Raises `NotFound`, `Refused`.

        Before the transaction, since reading what mails are recognised by takes long.
        """
        outlines = self._regrouping.outlines(sha256)
        return lambda work: self._regrouping.split(work, sha256, person, why, outlines)

    # actions

    def target(self, run: Run, sha256: str, kind: str, person: Person) -> list[str]:
        """What a purge (the case's mails, by Message-ID) or a block (their senders) would be about.

        Raises `NotFound`, and `Refused` where there is nothing to purge or block.
        """
        if kind not in ACTIONS:
            raise NotFound(kind)
        found: dict[str, None] = {}
        for row in self.dossier(sha256).mails[:MOST_SHARED]:
            if not self._mails.body(str(row["sha256"])):
                continue
            view = self.view(run, str(row["sha256"]), person, kind)
            value = view.message_id if kind == "purge" else view.sender.lower()
            if value and not (kind == "block" and self._ours(Indicator("email", value))):
                found[value] = None
        if not found:
            raise Refused(self._outcome.say(person.language, f"actions.nothing_{kind}"))
        return list(found)

    def ask(self, work: Work, number: str, kind: str, target: Sequence[str], person: Person) -> bool:
        """Ask for what `target` found. False if it was asked for before."""
        text = json.dumps(list(target)).encode()
        row = {
            "id": uuid.uuid4().hex, "kind": kind, "ticket": number, "target": self._vault.seal("mail_action", text),
            "digest": self._vault.digest("mail_action", text), "person": person.key, "at": work.at,
        }  # fmt: skip
        if not self._store.add_action(work.tx, row):
            return False
        self._escalation.log(work, number, person.key, f"{kind}_asked", _words(kind, target))
        work.audit(person.key, f"report.{kind}_asked", number, id=str(row["id"])[:16])
        return True

    def decide(self, work: Work, action: str, person: Person, *, approve: bool) -> None:
        """Approve (somebody else than who asked) or refuse. Raises `Refused` when it cannot be decided by this person."""
        row = self._store.decide_action(work.tx, action, person.key, "approved" if approve else "refused", work.at)
        if row is None:
            known = self._store.action(action)
            if known is None:
                raise NotFound(action)
            key = "second" if known["state"] == "asked" else "decided"
            raise Refused(self._outcome.say(person.language, f"actions.{key}"))
        verb = "approved" if approve else "refused"
        self._escalation.log(work, row["ticket"], person.key, f"{row['kind']}_{verb}", "")
        work.audit(person.key, f"report.{row['kind']}_{verb}", row["ticket"], id=action[:16])
        if approve:
            work.job("reporting.act", f"act:{action}", {"action": action})

    def act(self, payload: Payload) -> None:
        """Job: do what was approved. Safe to run again. Raises `RetryLater` when the mail system asks to wait."""
        row = self._store.action(payload["action"])
        if row is None or row["state"] != "approved":
            return
        target: list[str] = json.loads(self._vault.unseal("mail_action", bytes(row["target"])))
        try:
            if row["kind"] == "purge":
                result = self._control.purge(target, list(self._mailboxes()), row["id"])
            else:
                result = self._control.block(target, list(self._mailboxes()), row["id"])
            state = "done"
        except RetryLater:
            raise
        except ChannelError as error:
            state, result = "failed", str(error)[:300]
        with self._db.tx() as tx:
            work = self._work(tx)
            if self._store.settle_action(tx, row["id"], state, result, work.at):
                self._escalation.log(work, row["ticket"], "secdesk", f"{row['kind']}_{state}", result)
                work.audit("secdesk", f"report.{row['kind']}_{state}", row["ticket"], id=row["id"][:16])
        self._committed()

    def _actions(self, number: str) -> list[Action]:
        return [
            Action(
                row["id"], row["kind"], row["state"],
                _words(row["kind"], json.loads(self._vault.unseal("mail_action", bytes(row["target"])))), row["asked_by"],
                row["asked_at"], row["decided_by"], row["decided_at"], row["result"],
            )
            for row in self._store.actions(number)
        ]  # fmt: skip


def _words(kind: str, target: Sequence[str]) -> str:
    """What an action is about: senders defanged; of mails how many."""
    if kind == "purge":
        return str(len(target))
    return ", ".join(value.replace("@", "[@]").replace(".", "[.]") for value in target[:10])


def _once(rows: Sequence[Row]) -> list[Row]:
    return list({row["ticket"]: row for row in reversed(rows)}.values())[::-1]
