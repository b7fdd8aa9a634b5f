"""Warning those who were sent a mail that others reported (content 1.6): from three reporters of a likely fraud on, or when an
analyst says so. Once a campaign, at most two in a week, and only within three days.

Whom a mail went to is read from the reported copies: To, Cc, and what our own servers wrote on them. Never more than they say.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from bot.directory import DEFAULT_ROLE
from bot.errors import NotFound, Refused
from bot.model import Kind, Person
from bot.organisation import pick
from bot.ports import Payload, Row
from bot.reporting.parts import DESK, Parts, clues_from, job_key
from bot.reporting.report_cards import ReportCards
from bot.turn import RecipientsWarned, Work

REPORTERS = 3
LIVES = 72 * 3600.0  # seconds that a warning holds
WEEK, MOST_A_WEEK = 7 * 86_400.0, 2
AT_ONCE = 50  # people a transaction


class Alerts:
    """Declares campaigns and sends their warnings (job `reporting.alert`)."""

    def __init__(self, parts: Parts, cards: ReportCards) -> None:
        self._parts, self._cards = parts, cards

    def look(self, work: Work, campaign: str, again: str = "") -> None:
        """Declare a campaign if it has become one. `again` names what brought new recipients of one that is declared."""
        case = self._parts.campaigns.case(work.tx, campaign)
        if case is None or case["kind"] != Kind.LIKELY_PHISHING:
            return
        if case["declared_at"]:
            if again and work.at < case["declared_at"] + LIVES:
                payload = {"campaign": campaign, "again": again}
                work.job("reporting.alert", job_key("alert", payload), payload)
        elif len(self._parts.campaigns.reporters(work.tx, campaign, REPORTERS)) >= REPORTERS:
            self._declare(work, case, DESK)

    def declare(self, work: Work, number: str, analyst: Person) -> None:
        """An analyst warns the recipients of a case now. Raises `NotFound`, `Refused` while it is not held for fraud."""
        case = self._parts.campaigns.of_ticket(work.tx, number)
        if case is None:
            raise NotFound(number)
        if case["kind"] != Kind.LIKELY_PHISHING:
            raise Refused(self._cards.say(analyst.language, "campaign.not_fraud"))
        if not case["declared_at"]:
            self._declare(work, case, analyst.key)

    def target(self, work: Work, number: str, role: str, analyst: Person) -> int:
        """Warn those with a role too, since it is aimed at their work, whether or not they got it; how many more that are.

        Raises `NotFound`, and `Refused` for a role that is everybody's or while the case is not held for fraud.
        """
        if role not in self._parts.organisation().roles:
            raise NotFound(role)
        staff = [person for person in self._parts.identities.people() if person.key and person.known]
        aimed = [person.key for person in staff if role in person.roles]
        if role == DEFAULT_ROLE or 2 * len(aimed) > len(staff):
            raise Refused(self._cards.say(analyst.language, "campaign.too_wide"))
        self.declare(work, number, analyst)
        case = self._parts.campaigns.of_ticket(work.tx, number)
        assert case is not None  # noqa: S101 (it was declared)
        count = self._parts.campaigns.aimed_at(work.tx, case["id"], aimed, role)
        work.audit(analyst.key, "campaign.target", number, role=role, people=str(count))
        payload = {"campaign": str(case["id"]), "again": f"role-{role}"}
        work.job("reporting.alert", job_key("alert", payload), payload)
        return count

    def _declare(self, work: Work, case: Row, actor: str) -> None:
        self._parts.campaigns.change(work.tx, case["id"], {"declared_at": work.at})
        self._parts.escalation.log(work, case["ticket"], actor, "declared", self._head_start(case))
        work.audit(actor, "campaign.declare", case["ticket"], campaign=case["id"][:16])
        payload = {"campaign": str(case["id"])}
        work.job("reporting.alert", job_key("alert", payload), payload)

    def _head_start(self, case: Row) -> str:
        """First delivery and first report, in words."""
        reported = _clock(case["reported_at"])
        if not case["delivered_at"]:
            return self._cards.say("en", "campaign.reported", reported=reported)
        minutes = max(0, round((case["reported_at"] - case["delivered_at"]) / 60))
        return self._cards.say(
            "en", "campaign.head_start", delivered=_clock(case["delivered_at"]), reported=reported, minutes=minutes
        )

    def send(self, payload: Payload) -> None:
        """Job: warn everybody who is known to have received it. Safe to run again."""
        while True:
            with self._parts.db.tx() as tx:
                work = self._parts.work(tx)
                more = self._some(work, payload["campaign"])
            self._parts.committed()
            if not more:
                return

    def _some(self, work: Work, campaign: str) -> bool:
        """Warn the next few; whether there may be more."""
        campaigns = self._parts.campaigns
        case = campaigns.case(work.tx, campaign)
        if case is None or not case["declared_at"] or work.at > case["declared_at"] + LIVES:
            return False
        people = campaigns.to_alert(work.tx, campaign, work.at - WEEK, MOST_A_WEEK, AT_ONCE)
        mail = self._parts.store.of_ticket(case["ticket"])
        warned = tuple(
            row["person"] for row in people if self._warn(work, case, mail or {}, row["person"], row["role"])
        )
        if warned:
            work.audit(DESK, "campaign.alert", case["ticket"], people=str(len(warned)))
            work.publish(RecipientsWarned(campaign, warned))
        return len(people) == AT_ONCE

    def _warn(self, work: Work, case: Row, mail: Row, key: str, role: str) -> bool:
        self._parts.campaigns.alerted(work.tx, case["id"], key, work.at)  # whoever cannot be reached is not tried again
        person, place = self._parts.identities.who(key), self._parts.place_of(key)
        if person is None or place is None:
            return False
        values = self._parts.organisation().values(person.entity, person.language)
        until = self._parts.when(person, case["declared_at"] + LIVES, work.at)
        facts, clues = json.loads(mail.get("facts") or "{}"), clues_from(mail.get("clues") or "")
        name = pick(self._parts.organisation().roles[role].name, person.language) if role else ""
        card = self._cards.alert(facts, clues, until, case["ticket"], person.language, values, name)
        return bool(work.say(key, place, card, f"alert:{case['id']}:{key}", priority=1, ticket=case["ticket"]))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
