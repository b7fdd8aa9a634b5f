"""From a verdict to people: each reporter hears once what the engine found, and again what a person decided. A case has one
verdict; what the engine says of a mail alone can only be made worse by its case, never better.

"Harmless" is a person's word. It answers mails that say, number for number, what the person saw, and lead nowhere else: a fraud
that copies a harmless mail's words and puts in another account, phone or link must not inherit its verdict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.cards import Card
from bot.errors import NotFound, Refused
from bot.model import Kind, Person, Verdict
from bot.ports import Payload, Row
from bot.reporting.alerts import Alerts
from bot.reporting.keeping import UNSTORED
from bot.reporting.parts import (
    DESK,
    SEVERITY,
    Examined,
    Parts,
    Reporter,
    clues_from,
    clues_text,
    job_key,
    verdict_from,
    verdict_text,
)
from bot.reporting.report_cards import ReportCards
from bot.turn import TicketResolved, VerdictGiven, Work, place_from

AT_ONCE = 50  # mails a transaction
LOGGED = 10  # reports of a case whose verdicts the ticket names one by one
BAD: Mapping[str, int] = {Kind.SUSPICIOUS: 1, Kind.LIKELY_PHISHING: 2}
RAISABLE = (Kind.NOTHING_FOUND, Kind.COULD_NOT_CHECK, Kind.SPAM, Kind.SUSPICIOUS)  # whose mails a worse case lifts
JUDGED = (Kind.LIKELY_PHISHING, Kind.SUSPICIOUS, Kind.SPAM, Kind.PRACTICE, Kind.OURS, Kind.NOTHING_FOUND)


class Outcome:
    """Decides, tells, and keeps promises."""

    def __init__(self, parts: Parts, cards: ReportCards, alerts: Alerts) -> None:
        self._parts, self._cards, self._alerts = parts, cards, alerts

    # what the engine found

    def decided(self, work: Work, sha256: str, examined: Examined) -> None:
        """Store the verdict once, tell each reporter once, tell the desk."""
        store = self._parts.store
        row = store.locked(work.tx, sha256)
        if row is None or row["state"] != "checking":
            return
        case = self._parts.campaigns.case(work.tx, row["campaign"])
        verdict, by = _with_case(case, row, examined.verdict)
        text, clues = verdict_text(verdict), clues_text(examined.clues)
        stored = {name: value for name, value in examined.facts.items() if name not in UNSTORED}
        facts = json.dumps(stored, ensure_ascii=False, default=str)
        own = examined.verdict.kind
        if not store.decide(
            work.tx, sha256, verdict.kind, by, text, facts, work.at, own_kind=own, clues=clues
        ):  # fmt: skip
            return
        row = {**row, "kind": verdict.kind, "decided_by": by, "verdict": text, "own_kind": own, "clues": clues}
        people = store.submissions(work.tx, sha256)
        for submission in people:
            self._tell(work, submission, row, case, f"verdict:{sha256}:{submission['id']}")
        number = str(row["ticket"])
        if case is None or case["reports"] <= LOGGED:
            signs = "; ".join(finding.sign for finding in verdict.signs)
            self._parts.escalation.log(work, number, DESK, "verdict", f"{verdict.kind.value}: {signs}")
        self._case_has(work, case, number, verdict.kind)
        work.audit(DESK, "report.verdict", number, mail=sha256[:16], kind=verdict.kind.value)
        work.publish(VerdictGiven(sha256, number, verdict, tuple(row["person"] for row in people)))

    def _case_has(self, work: Work, case: Row | None, number: str, kind: Kind) -> None:
        """A case takes its first verdict, then only worse ones; those who heard a milder one hear of it."""
        if case is None or case["decided_by"] not in ("", DESK):
            return
        if case["kind"] and BAD.get(kind, 0) <= BAD.get(case["kind"], 0):
            return
        changes = {"kind": kind, "decided_by": DESK, "decided_at": work.at}
        self._parts.campaigns.change(work.tx, case["id"], changes)
        self._parts.escalation.raise_severity(work, number, SEVERITY.get(kind, "S0"))
        if case["kind"]:
            self._spread(work, case["id"])
        self._alerts.look(work, case["id"])

    # what a person decided

    def judge(
        self, work: Work, number: str, analyst: Person, kind: Kind, note: str = "", *, sha256: str = "", every: bool = False
    ) -> None:  # fmt: skip
        """An analyst's verdict on a case: it answers everybody who reported it, now and later.

        `note` is shown to reporters (redact it before). `sha256` is the mail that was looked at, the first one if empty. A
        harmless verdict answers mails that are the same; with `every` all mails that are in the case now.
        Raises `NotFound` for no such case, `Refused` for a verdict that no person gives.
        """
        case, mail = self._parts.campaigns.of_ticket(work.tx, number), self._judged(work, number, sha256)
        if case is None or mail is None:
            raise NotFound(number)
        if kind not in JUDGED:
            raise Refused(self._cards.say(analyst.language, "outcome.no_verdict"))
        cleared = {"leads": [json.loads(mail["leads"] or "{}")], "until": work.at if every else 0.0}
        changes = {"kind": kind, "decided_by": analyst.key, "decided_at": work.at, "note": note[:1000],
                   "cleared": json.dumps(cleared)}  # fmt: skip
        self._parts.campaigns.change(work.tx, case["id"], changes)
        self._parts.escalation.log(work, number, analyst.key, "outcome", f"{kind.value}: {note}".rstrip(": "))
        self._parts.escalation.raise_severity(work, number, SEVERITY.get(kind, "S0"))
        work.audit(analyst.key, "report.outcome", number, mail=mail["sha256"][:16], kind=kind.value)
        self._spread(work, case["id"])
        self._alerts.look(work, case["id"])

    def _judged(self, work: Work, number: str, sha256: str) -> Row | None:
        found = self._parts.store.locked(work.tx, sha256) if sha256 else self._parts.store.of_ticket(number)
        return found if found and found["ticket"] == number else None

    def preview(self, number: str, kind: Kind, note: str, person: Person) -> Card:
        """What reporters would read, in the words of this person. Raises `NotFound`."""
        row = self._parts.store.of_ticket(number)
        if row is None:
            raise NotFound(number)
        values = self._parts.organisation().values(person.entity, person.language)
        return self._cards.outcome(kind, number, person.language, values, clues=clues_from(row["clues"]), note=note)

    def say(self, lang: str, key: str, **params: object) -> str:
        """Words of the pillar."""
        return self._cards.say(lang, key, **params)

    def subject(self, name: str, lang: str) -> str:
        """The subject of a ticket about a mail."""
        return self._cards.of(name, lang, "report.subject", name=name)

    # a case's other mails

    def regrouped(self, work: Work, campaign: str, kind: Kind | None = None) -> None:
        """A case has got or lost mails: its verdict, or the worse one that came with them (`kind`), holds for those it has."""
        case = self._parts.campaigns.case(work.tx, campaign)
        if case is None:
            return
        if kind:
            self._case_has(work, case, case["ticket"], kind)
        self._spread(work, campaign)

    def _spread(self, work: Work, campaign: str, but: str = "") -> None:
        """With `but` the news is that the desk closed the case, and that person knows."""
        payload = {"campaign": campaign, "but": but, "at": f"{work.at:.6f}"}
        work.job("reporting.spread", job_key("spread", payload), payload)

    def spread(self, payload: Payload) -> None:
        """Job: what a case's verdict means for each of its mails, and for those who reported them. Safe to run again."""
        after: str | None = ""
        while after is not None:
            with self._parts.db.tx() as tx:
                work = self._parts.work(tx)
                after = self._some(work, payload["campaign"], payload["but"], after)
            self._parts.committed()

    def _some(self, work: Work, campaign: str, but: str, after: str) -> str | None:
        case = self._parts.campaigns.case(work.tx, campaign)
        mails = self._parts.campaigns.mails(work.tx, campaign, after, AT_ONCE)
        for row in mails if case else ():
            assert case is not None  # noqa: S101
            if but:
                self._say_closed(work, case, row, but)
            else:
                self._apply(work, case, row)
        return str(mails[-1]["sha256"]) if len(mails) == AT_ONCE else None

    def _apply(self, work: Work, case: Row, row: Row) -> None:
        """The case's verdict on one of its mails, if it changes what was said of it."""
        if row["state"] != "decided":
            return  # its own examination asks the case
        verdict, by = _with_case(case, row, replace(verdict_from(row["verdict"]), kind=Kind(row["own_kind"])))
        by_person = by != DESK
        if not by_person and verdict.kind == row["kind"]:
            return
        text = verdict_text(verdict)
        self._parts.store.settle(work.tx, row["sha256"], verdict.kind, by, text, work.at)
        row = {**row, "ticket": case["ticket"], "kind": verdict.kind, "decided_by": by, "verdict": text}
        people = self._parts.store.submissions(work.tx, row["sha256"])
        for submission in people:
            key = f"outcome:{row['sha256']}:{submission['id']}:{case['decided_at']!r}"
            self._tell(work, submission, row, case, key)
        if by_person:
            work.publish(VerdictGiven(row["sha256"], case["ticket"], verdict, tuple(item["person"] for item in people)))

    def on_resolved(self, work: Work, event: TicketResolved) -> None:
        """The desk closed a case's ticket: those who reported it too hear of it, unless they heard a person's verdict."""
        case = self._parts.campaigns.of_ticket(work.tx, event.ticket)
        if case is None:
            return
        self._parts.campaigns.change(work.tx, case["id"], {"closed_at": work.at})
        if case["decided_by"] in ("", DESK) and case["reports"] > 1:
            self._spread(work, case["id"], but=event.person)

    def _say_closed(self, work: Work, case: Row, row: Row, but: str) -> None:
        for submission in self._parts.store.submissions(work.tx, row["sha256"]):
            person = self._reporter(submission)
            if person and submission["place"] and submission["person"] != but:
                values = self._parts.organisation().values(person.entity, person.language)
                card = self._cards.said(person.language, values, "report.closed", number=case["ticket"])
                key = f"closed:{submission['id']}:{case['closed_at']!r}"
                work.say(submission["person"], place_from(submission["place"]), card, key, ticket=case["ticket"])

    # telling

    def _tell(self, work: Work, submission: Row, row: Row, case: Row | None, key: str) -> None:
        """One reporter, and whoever they reported it for."""
        told = self._parts.store.told(work.tx, submission["id"])
        note = str(case["note"]) if case else ""
        reporter = self._reporter(submission)
        if reporter is not None and submission["place"]:
            values = self._parts.organisation().values(reporter.entity, reporter.language)
            by = self._promise(work, submission, row, first=told == 1)
            when = self._parts.when(reporter, by, work.at) if by else ""
            card = self._cards.of_mail(row, note, reporter.language, values, by=when)
            place = place_from(submission["place"])
            work.say(submission["person"], place, card, key, priority=1, ticket=row["ticket"])
        self._tell_whose(work, submission, row, note, key)

    def _reporter(self, submission: Row) -> Person | None:
        """Who reported, speaking the language that they reported in."""
        person = self._parts.identities.who(submission["person"])
        return replace(person, language=submission["lang"] or person.language) if person else None

    def _tell_whose(self, work: Work, submission: Row, row: Row, note: str, key: str) -> None:
        """Whoever a mail was reported for."""
        whose = self._parts.identities.who(submission["behalf"]) if submission["behalf"] else None
        place = self._parts.place_of(submission["behalf"]) if whose else None
        if whose and place:
            values, name = (
                self._parts.organisation().values(whose.entity, whose.language),
                self._parts.identities.name(submission["person"]),
            )
            card = self._cards.of_mail(row, note, whose.language, values, reporter=name)
            work.say(submission["behalf"], place, card, f"{key}:for", priority=1, ticket=row["ticket"])

    def tell_whose(self, work: Work, submission: str) -> None:
        """A mail that is decided already was reported for somebody: tell them."""
        row = self._parts.store.submission(work.tx, submission)
        mail = self._parts.store.locked(work.tx, row["sha256"]) if row else None
        if row and mail:
            case = self._parts.campaigns.case(work.tx, mail["campaign"])
            self._tell_whose(
                work, row, mail, str(case["note"]) if case else "", f"verdict:{mail['sha256']}:{submission}"
            )

    def _promise(self, work: Work, submission: Row, row: Row, *, first: bool) -> float:
        """When a person will have looked (0: nobody has to), and a job that tells if nobody has."""
        if row["decided_by"] != DESK or row["kind"] not in SEVERITY or not first:
            return 0.0
        return self.promise(work, submission["id"], Kind(row["kind"]))

    def promise(self, work: Work, submission: str, kind: Kind, what: str = "person") -> float:
        """When a person will have looked at a report, and a job that tells the reporter if nobody has."""
        by = self._parts.promise(SEVERITY.get(kind, "S1"), work.at)
        payload = {"submission": submission, "what": what}
        work.job("reporting.late", job_key("late", payload), payload, delay=by - work.at)
        return by

    def late(self, payload: Payload) -> None:
        """Job: a promise is due. Tell the reporter if it was not kept."""
        with self._parts.db.tx() as tx:
            work = self._parts.work(tx)
            row = self._parts.store.submission(tx, payload["submission"])
            if row is None or row["withdrawn"] or not self._broken(work, row, payload["what"]):
                return
            self._say_late(work, row, payload["what"])
        self._parts.committed()

    def _broken(self, work: Work, row: Row, what: str) -> bool:
        if what == "checking":
            return bool(row["state"] == "checking")
        if what.startswith("dispute"):
            return not self._parts.escalation.attended(work, row["ticket"])
        return row["decided_by"] in ("", DESK) and not self._parts.escalation.attended(work, row["ticket"])

    def _say_late(self, work: Work, row: Row, what: str) -> None:
        person, number = self._reporter(row), str(row["ticket"])
        if person is None or not row["place"]:
            return
        values = self._parts.organisation().values(person.entity, person.language)
        shown = "checking" if what == "checking" else "person"
        card = self._cards.late(shown, number, person.language, values)
        if work.say(
            row["person"], place_from(row["place"]), card, f"late:{row['id']}:{what}", priority=1, ticket=number
        ):
            self._parts.escalation.log(work, number, DESK, "late", "")

    # disagreeing

    def dispute(self, work: Work, reporter: Reporter, number: str, text: str) -> Card:
        """A reporter sees it differently: a person looks. Raises `NotFound` for anybody else."""
        mine = self._parts.store.of_person(work.tx, number, reporter.key)
        if not mine:
            raise NotFound(number)
        self._parts.escalation.reopen(work, number, reporter.person)
        self._parts.escalation.log(work, number, reporter.key, "disputed", text)
        worst = Kind.LIKELY_PHISHING if any(row["kind"] == Kind.LIKELY_PHISHING for row in mine) else Kind.SUSPICIOUS
        self._parts.escalation.raise_severity(work, number, SEVERITY[worst])
        work.audit(reporter.key, "report.dispute", number)
        by = self.promise(work, mine[0]["id"], worst, f"dispute-{work.at:.0f}")
        when = self._parts.when(reporter.person, by, work.at)
        return self._cards.said(reporter.lang, reporter.values, "verdict.dispute_noted", number=number, by=when)


def _with_case(case: Row | None, row: Row, own: Verdict) -> tuple[Verdict, str]:
    """What a mail's verdict is in its case, and who gave it."""
    if case is None or not case["kind"]:
        return own, DESK
    kind = Kind(case["kind"])
    if case["decided_by"] != DESK:
        if kind in BAD or _as_cleared(case, row):
            return replace(own, kind=kind), str(case["decided_by"])
        return own, DESK
    if own.kind in RAISABLE and BAD.get(kind, 0) > BAD.get(own.kind, 0):
        return replace(own, kind=kind), DESK
    return own, DESK


def _as_cleared(case: Row, row: Row) -> bool:
    """Whether a person's harmless verdict holds for a mail: it says the same, and leads nowhere else."""
    cleared: dict[str, Any] = json.loads(case["cleared"] or "{}") or {}
    if cleared.get("until") and row["created_at"] <= cleared["until"]:
        return True
    here = json.loads(row["leads"] or "{}")
    return any(
        here and here["content"] == there["content"] and set(here["leads"]) <= set(there["leads"])
        and set(here["files"]) <= set(there["files"])
        for there in cleared.get("leads", ()) if there
    )  # fmt: skip
