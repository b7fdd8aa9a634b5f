"""Putting cases together or apart by hand, with a reason: what the words of mails cannot tell, an analyst can.

Mails move with everything they are recognised by, so that the next copy goes where they went. Whoever reported one of them
hears of it only if its verdict becomes another one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from bot.errors import NotFound, Refused
from bot.model import Kind, Person, Place
from bot.ports import Row
from bot.reporting.alerts import Alerts
from bot.reporting.campaigns import Campaigns
from bot.reporting.filing import MOST_PEOPLE
from bot.reporting.outcome import Outcome
from bot.reporting.outline import Outline
from bot.reporting.parts import DESK, SEVERITY, Parts
from bot.turn import TicketRequest, Work, place_from

MOST_WHY = 300  # characters of a reason
MOST_MAILS = 20  # of a case, of which one is looked for whose content is kept


class Regrouping:
    """Merges and splits cases."""

    def __init__(self, parts: Parts, campaigns: Campaigns, outcome: Outcome, alerts: Alerts) -> None:
        self._parts, self._campaigns, self._outcome, self._alerts = parts, campaigns, outcome, alerts

    def outlines(self, sha256: str) -> dict[str, Outline]:
        """What a mail and another one of its case are recognised by, for `split`. Costly: before any transaction."""
        row = self._parts.store.mail(sha256)
        with self._parts.db.tx() as tx:
            mails = self._parts.campaigns.mails(tx, row["campaign"], "", MOST_MAILS) if row else []
        others = [str(one["sha256"]) for one in mails if one["sha256"] != sha256]
        kept = (one for one in others if self._parts.store.body(one))
        return {one: self._outline(one) for one in (sha256, *[one for one in [next(kept, "")] if one])}

    def _outline(self, sha256: str) -> Outline:
        row, sealed = self._parts.store.mail(sha256), self._parts.store.body(sha256)
        if row is None or not sealed:
            return Outline()
        return self._parts.reader.outline(self._parts.vault.unseal("mail", sealed), str(row["name"]))

    def merge(self, work: Work, number: str, into: str, analyst: Person, why: str) -> None:
        """All mails of a case go to another one, whose verdict holds for them; its ticket is closed in favour of the other.

        Raises `NotFound` for no such case, `Refused` without a reason, for the case itself, and where a person has judged this
        one and nobody the other: then that verdict would be lost.
        """
        why, store = self._reason(analyst, why), self._parts.campaigns
        store.lock(work.tx)
        cases = {one: store.of_ticket(work.tx, one) for one in sorted({number, into})}
        here, there = cases[number], cases[into]
        if here is None or there is None or not there["reports"]:
            raise NotFound(into)
        if number == into:
            raise Refused(self._say(analyst, "case.itself"))
        if _judged(here) and not _judged(there):
            raise Refused(self._say(analyst, "case.judged", number=into))
        store.move_all(work.tx, here["id"], there["id"], into)
        if here["declared_at"] and not there["declared_at"]:
            store.change(work.tx, there["id"], {"declared_at": here["declared_at"]})
        self._parts.escalation.log(work, into, analyst.key, "case_merged", f"{number}: {why}")
        self._parts.escalation.log(work, number, analyst.key, "case_merged", f"{into}: {why}")
        work.audit(analyst.key, "report.merge", number, to=into)
        self._outcome.regrouped(work, there["id"], Kind(here["kind"]) if here["kind"] and not _judged(here) else None)
        self._parts.escalation.merge(work, number, analyst, into)

    def split(self, work: Work, sha256: str, analyst: Person, why: str, outlines: Mapping[str, Outline]) -> str:
        """One mail becomes a case of its own, with what the engine said of it alone; the number of its ticket.

        Raises `NotFound` for no such mail, `Refused` without a reason and for the only mail of a case.
        """
        why, store = self._reason(analyst, why), self._parts.campaigns
        store.lock(work.tx)
        row = self._parts.store.locked(work.tx, sha256)
        case = store.case(work.tx, row["campaign"]) if row else None
        people = self._parts.store.submissions(work.tx, sha256)
        if row is None or case is None or row["state"] == "withdrawn" or not people:
            raise NotFound(sha256)
        if len(store.mails(work.tx, case["id"], "", 2)) < 2:
            raise Refused(self._say(analyst, "case.alone"))
        number, fresh = self._opened(work, row, people[0]), uuid.uuid4().hex
        store.add(work.tx, fresh, number, row["delivered_at"], row["created_at"])
        store.move(work.tx, sha256, fresh, number)
        store.drop(work.tx, sha256)
        self._campaigns.join(work.tx, sha256, fresh, outlines[sha256], 0.0)
        for other in [one for one in outlines if one != sha256] if not store.samples(work.tx, case["id"]) else ():
            self._campaigns.join(
                work.tx, other, case["id"], outlines[other], 0.0
            )  # else its next copy would not find it
        store.received(work.tx, fresh, self._recipients(work, people, outlines[sha256]))
        if row["state"] == "decided":
            store.change(work.tx, fresh, {"kind": row["own_kind"], "decided_by": DESK, "decided_at": work.at})
        old = str(case["ticket"])
        self._parts.escalation.log(work, old, analyst.key, "case_split", f"{number}: {why}")
        self._parts.escalation.log(work, number, analyst.key, "case_split", f"{old}: {why}")
        work.audit(analyst.key, "report.split", old, to=number, mail=sha256[:16])
        self._outcome.regrouped(work, fresh)
        self._alerts.look(work, fresh)
        return number

    def _opened(self, work: Work, row: Row, first: Row) -> str:
        subject = self._outcome.subject(str(row["name"]), str(first["lang"]))
        place = place_from(first["place"]) if first["place"] else Place("mail", str(first["person"]))
        severity = SEVERITY.get(Kind(row["own_kind"]), "S0") if row["own_kind"] else "S1"
        request = TicketRequest(str(first["person"]), place, "report", subject, subject, severity, queue="mail")
        return self._parts.escalation.open(work, request).number

    def _recipients(self, work: Work, people: list[Row], outline: Outline) -> list[str]:
        """Who reported it or had it reported for them, and who of the directory it went to."""
        found = {str(row[name]) for row in people for name in ("person", "behalf") if row[name]}
        for address in outline.people[:MOST_PEOPLE]:
            if person := self._parts.identities.find(address):
                found.add(self._parts.identities.meet(work.tx, person, work.at).key)
        return sorted(found)

    def _reason(self, analyst: Person, why: str) -> str:
        if not why.strip():
            raise Refused(self._say(analyst, "case.why"))
        return why.strip()[:MOST_WHY]

    def _say(self, analyst: Person, key: str, **params: object) -> str:
        return self._outcome.say(analyst.language, key, **params)


def _judged(case: Row) -> bool:
    """Whether a person has given the verdict."""
    return case["decided_by"] not in ("", DESK)
