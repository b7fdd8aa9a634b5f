"""The monthly report: what was promised and kept, every breach, what slipped through, open actions, risks. Issued once, it stays.

What is kept is JSON without words of anybody (`body`), with its SHA-256; the paper is made of it for each reader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.cards import Block, Button, Buttons, Card, Facts, Text
from bot.contracts import Contract
from bot.errors import Conflict, NotFound, Refused
from bot.hash_chain import canonical, digest
from bot.model import Person
from bot.partners.actions import Actions
from bot.partners.figures import Breach, Figures, as_json, figures, month_of, quarter_of, span
from bot.partners.parts import Parts
from bot.partners.pulse import Pulses
from bot.turn import Work

SCHEMA = "partner-report/1"
HELD_BACK = "false-positive"  # the tag of a ticket about a wanted mail that the filter had held back
SLIPPED = "missed-detection"  # the tag of a ticket about a bad mail that nobody had reported as one
SOON = 180  # days before a certificate expires from which on it is pointed out


@dataclass(frozen=True)
class Report:
    """A month of a partner. `issued` is 0 for a draft, `unreached` who was to get it and is not on chat or mail here."""

    partner: str
    month: str
    body: dict[str, Any]
    sha256: str
    issued: float = 0.0
    unreached: tuple[str, ...] = ()


class Reports:
    """Drafts, issues and shows reports."""

    def __init__(self, parts: Parts, actions: Actions, pulses: Pulses) -> None:
        self._parts, self._actions, self._pulses = parts, actions, pulses

    # reading

    def now(self, contract: Contract) -> Figures:
        """The running month up to now."""
        now = self._parts.clock.now()
        begin, end = span(month_of(now, self._parts.zone), self._parts.zone)
        return figures(self._parts.cases(contract.id, begin, now), begin, end)

    def breaches(self, contract: Contract, since: float) -> Sequence[Breach]:
        """Every breach since then, the newest first."""
        now = self._parts.clock.now()
        return figures(self._parts.cases(contract.id, since, now), since, now + 1).breaches[::-1]

    def get(self, partner: str, month: str) -> Report:
        """As it was issued, else a draft. Raises `NotFound` for what is no month."""
        contract = self._parts.contract(partner)
        row = self._parts.store.report(partner, month)
        if row:
            names = tuple(json.loads(row["unreached"]))
            return Report(partner, month, json.loads(row["body"]), row["sha256"], row["issued_at"], names)
        body = self._body(contract, self._month(month))
        return Report(partner, month, body, _sha256(body))

    def intact(self, report: Report) -> bool:
        """Whether an issued report is still what it was."""
        return _sha256(report.body) == report.sha256

    def months(self, partner: str) -> list[str]:
        """Months with an issued report, the newest first."""
        return [str(row["month"]) for row in self._parts.store.reports(partner)]

    def closed(self, month: str) -> bool:
        """Whether a month is over in the organisation's time zone."""
        return span(self._month(month), self._parts.zone)[1] <= self._parts.clock.now()

    # issuing

    def issue(self, work: Work, partner: str, month: str, by: str) -> bool:
        """Keep the report of a closed month and send it to those who are named; False if it was issued before."""
        contract = self._parts.contract(partner)
        if self._parts.store.report(partner, self._month(month)):
            return False  # asked each hour; two at once are told apart by the row below
        body = self._body(contract, month)
        people = [self._met(work, who) for who in contract.file.reviews.report_to]
        places = [(person, self._parts.place_of(person.key)) for person in people if person]
        lost = [person.name for person, place in places if place is None]
        lost += [who for who, person in zip(contract.file.reviews.report_to, people, strict=True) if person is None]
        row = {"partner": partner, "month": month, "body": canonical(body), "sha256": _sha256(body), "at": work.at,
               "by": by, "unreached": canonical(lost)}  # fmt: skip
        if not self._parts.store.add_report(work.tx, row):
            return False
        for person, place in places:
            if place:
                work.say(person.key, place, self._card(person, contract, month, body),
                         f"partner:report:{partner}:{month}:{person.key}", priority=2)  # fmt: skip
        work.audit(by, "partner.report", partner, month=month, sha256=str(row["sha256"])[:64])
        return True

    def issue_by(self, work: Work, partner: str, month: str, by: Person) -> None:
        """By hand. Raises `Refused` while the month is not over, `Conflict` if it was issued."""
        if not self.closed(month):
            raise Refused(self._parts.say(by, "partner.report.not_over", month=month))
        if not self.issue(work, partner, month, by.key):
            raise Conflict(self._parts.say(by, "partner.report.there", month=month))

    def _card(self, person: Person, contract: Contract, month: str, body: dict[str, Any]) -> Card:
        say: Callable[..., str] = lambda key, **params: self._parts.say(person, key, **params)  # noqa: E731
        rates = body["figures"]["rates"]
        n, kept = sum(rate["n"] for rate in rates), sum(rate["kept"] for rate in rates)
        percent = f"{100 * kept / n:.1f} % ({kept}/{n})" if n else say("partner.report.none")
        facts = (
            (say("partner.report.attainment"), percent),
            (say("partner.report.target"), f"{body['target']:g} %"),
            (say("partner.report.breaches"), str(len(body["figures"]["breaches"]))),
            (say("partner.report.actions"), str(len(body["actions"]))),
        )
        blocks: tuple[Block, ...] = (
            Facts(facts), Text(say("partner.report.where")),
            Buttons((Button(say("partner.report.again"), "partner.report", f"{contract.id}:{month}"),)),
        )  # fmt: skip
        title = say("partner.report.card", name=contract.name, month=month)
        return Card(title, blocks, "desk", lang=person.language)

    def card(self, person: Person, partner: str, month: str) -> Card:
        """The report in short, in a chat."""
        report = self.get(partner, month)
        return self._card(person, self._parts.contract(partner), month, report.body)

    def _met(self, work: Work, who: str) -> Person | None:
        person = self._parts.identities.find(who)
        return self._parts.identities.meet(work.tx, person, work.at) if person else None

    # what is in it

    def _month(self, month: str) -> str:
        try:
            if len(month) != 7:
                raise ValueError
            span(month, self._parts.zone)
        except ValueError:
            raise NotFound(month) from None
        return month

    def _body(self, contract: Contract, month: str) -> dict[str, Any]:
        parts, file = self._parts, contract.file
        begin, end = span(month, parts.zone)
        until = min(end, parts.clock.now())
        found = figures(parts.cases(contract.id, begin, until), begin, end)
        quarter = quarter_of(date(int(month[:4]), int(month[5:]), 1))
        pulse, today = self._pulses.shown(contract, quarter), parts.today()
        return {
            "schema": SCHEMA, "partner": contract.id, "name": file.name, "month": month, "zone": parts.zone,
            "closed": end <= parts.clock.now(), "as_of": until, "target": file.target_pct, "figures": as_json(found),
            "contract": {"ref": file.contract.ref, "version": contract.version, "end": contract.ends(today).isoformat(),
                         "ended": contract.ended(today)},
            "quality": {"let_through": parts.store.let_through(begin, end), "missed": parts.store.tagged(SLIPPED, begin, end),
                        "held_back": parts.store.tagged(HELD_BACK, begin, end)},
            "actions": [
                {"id": one.id, "state": one.state, "due": one.due, "age": one.age(today, parts.zone), "late": one.late(today)}
                for one in self._actions.of(contract.id)
            ],
            "risks": [
                {"id": risk.id, "next_look": risk.next_look.isoformat(), "overdue": risk.next_look < today,
                 "evidence": [{"valid_to": proof.valid_to.isoformat(), "left": (proof.valid_to - today).days}
                              for proof in risk.evidence]}
                for risk in file.risks
            ],
            "pulse": None if pulse is None else
                {"quarter": quarter, "n": pulse.n, "fewest": pulse.fewest, "means": pulse.means and list(pulse.means)},
        }  # fmt: skip


def _sha256(body: dict[str, Any]) -> str:
    return digest(canonical(json.loads(canonical(body))))
