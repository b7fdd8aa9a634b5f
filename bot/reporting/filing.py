"""Taking a report: bytes stored and sealed, one ticket a case, a receipt at once. What costs time is done before the transaction.

Mails are filed under one lock, so that two reports of the same campaign cannot miss each other.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.cards import Block, Card
from bot.errors import SecdeskError, TooLarge
from bot.model import File, Person, Place
from bot.ports import Row
from bot.reporting import screenshots
from bot.reporting.alerts import Alerts
from bot.reporting.campaigns import Campaigns
from bot.reporting.keeping import DAY
from bot.reporting.mail_files import PICTURES, sniff
from bot.reporting.outline import Outline
from bot.reporting.parts import Parts, Reporter, job_key
from bot.reporting.report_cards import ReportCards
from bot.reporting.screenshots import Picture
from bot.turn import ReportFiled, TicketRequest, Work, place_key

MOST_FILES = 30
MOST_PEOPLE = 60  # recipients of one mail that are looked up
CHECKED_WITHIN = 90.0  # seconds: a receipt says "about a minute"
LOGGED = 10  # reports of a case that the ticket names one by one
OLD = 30 * 86_400.0  # a delivery longer ago says nothing about how fast people report
_NO_OUTLINE = Outline()


@dataclass(frozen=True)
class Prepared:
    """A file, ready to be taken. `why_not` is the key of what to say if it cannot be."""

    name: str
    size: int = 0
    sha256: str = ""
    body: bytes = b""
    outline: Outline = _NO_OUTLINE
    why_not: str = ""
    picture: Picture | None = None


class Filing:
    """Takes reports."""

    def __init__(self, parts: Parts, cards: ReportCards, alerts: Alerts) -> None:
        self._parts, self._cards, self._alerts = parts, cards, alerts
        self.campaigns = Campaigns(parts.campaigns, self._digest)

    def _digest(self, sender: str) -> str:
        return self._parts.vault.digest("campaign", sender.encode("utf-8", "surrogatepass"))[:24]

    # before the transaction

    def prepare(self, files: Sequence[File]) -> list[Prepared]:
        """The costly part: is it a mail, what is it recognised by, sealed. A picture becomes a mail if there are codes in it."""
        return [self._prepared(file) for file in files[:MOST_FILES]]

    def _prepared(self, file: File) -> Prepared:
        name, kind = _short(file.name), sniff(file.data[:4096])
        picture = None
        if kind in PICTURES - {"svg"}:
            picture = self._parts.reader.look(file.data, name)
            if not picture.codes:
                return Prepared(name, why_not="report.screenshot", picture=picture)
            file = replace(screenshots.as_mail(name, picture.codes), name=name)
        try:
            self._parts.admit(file.data, file.name if picture is None else "")
        except TooLarge:
            return Prepared(name, why_not="report.too_large")
        except SecdeskError:
            return Prepared(name, why_not="report.not_mail")
        return Prepared(
            name, len(file.data), hashlib.sha256(file.data).hexdigest(), self._parts.vault.seal("mail", file.data),
            self._parts.reader.outline(file.data, name), "", picture,
        )  # fmt: skip

    # in the transaction

    def take(
        self, work: Work, reporter: Reporter, prepared: Sequence[Prepared], note: str, behalf: Person | None = None
    ) -> Card:
        """File everything; one card for all of it."""
        cards = [self._one(work, reporter, item, note, behalf) for item in prepared]
        if len(cards) == 1:
            return cards[0]
        blocks: list[Block] = [block for card in cards for block in card.blocks]
        return Card(cards[0].title, tuple(blocks), "done", lang=reporter.lang)

    def _one(self, work: Work, reporter: Reporter, item: Prepared, note: str, behalf: Person | None) -> Card:
        lang, values = reporter.lang, reporter.values
        if item.why_not == "report.screenshot":
            return self._cards.screenshot(lang, values, item.picture.phone if item.picture else "")
        if item.why_not:
            return self._cards.refused(lang, values, item.why_not, item.name)
        self._parts.campaigns.lock(work.tx)
        sent = self._parts.store.sent_since(work.tx, reporter.key, work.at - DAY)
        if sent + item.size > self._parts.person_bytes:
            return self._cards.refused(lang, values, "report.quota", item.name)
        number, campaign = self._filed(work, reporter, item, note)
        submission, others = self._submitted(work, reporter, item, number, campaign, behalf)
        known = self._parts.store.locked(work.tx, item.sha256)
        if known and known["state"] == "decided":
            self._parts.store.told(work.tx, submission)
            case = self._parts.campaigns.case(work.tx, campaign)
            return self._cards.of_mail(known, str(case["note"]) if case else "", lang, values)
        payload = {"sha256": item.sha256}
        if known and known["again"]:  # it was taken back before: the job of that time is done
            payload["again"] = str(known["again"])
        work.job("reporting.analyse", job_key("analyse", payload), payload)
        return self._cards.receipt(
            lang, values, number=number, name=item.name, submission=submission, others=max(0, others),
            picture=item.picture, behalf=behalf.name if behalf else "", again=others < 0,
        )  # fmt: skip

    def _filed(self, work: Work, reporter: Reporter, item: Prepared, note: str) -> tuple[str, str]:
        """The ticket and the case of a mail: known by its bytes, by its words, or new."""
        store, campaigns = self._parts.store, self._parts.campaigns
        delivered = self._delivered(item, work.at)
        row = {"sha256": item.sha256, "name": item.name, "size": item.size, "body": item.body, "at": work.at}
        if not store.add_mail(work.tx, row) and not store.revive(work.tx, row):
            known = store.locked(work.tx, item.sha256)
            number, campaign = (str(known["ticket"]), str(known["campaign"])) if known else ("", "")
            campaigns.add(work.tx, campaign, number, delivered, work.at)
            self._joined(work, reporter, campaigns.case(work.tx, campaign), item.name, note)
            return number, campaign
        found, alike = self.campaigns.find(work.tx, item.outline)
        case = campaigns.case(work.tx, found) if found else None
        if case and case["reports"] > 0:
            number, campaign = str(case["ticket"]), found
            self._joined(work, reporter, case, item.name, note)
        else:
            number, campaign, alike = self._opened(work, reporter, item, note), self._free(work, item.sha256), 0.0
            campaigns.add(work.tx, campaign, number, delivered, work.at)
            campaigns.change(work.tx, campaign, {"ticket": number, "kind": "", "decided_by": "", "closed_at": 0.0})
        self.campaigns.join(work.tx, item.sha256, campaign, item.outline, alike)
        outline = item.outline
        leads = json.dumps({"content": outline.content, "leads": outline.leads, "files": outline.files})
        store.bind(work.tx, item.sha256, number, campaign, leads, delivered)
        return number, campaign

    def _free(self, work: Work, sha256: str) -> str:
        """The id of a mail's own case; another one where others were left in that when the mail was split off."""
        case = self._parts.campaigns.case(work.tx, sha256)
        return uuid.uuid4().hex if case and case["reports"] > 0 else sha256

    def _opened(self, work: Work, reporter: Reporter, item: Prepared, note: str) -> str:
        subject = self._cards.of(item.name, reporter.lang, "report.subject", name=item.name)
        place = reporter.place or Place("mail", reporter.key)  # where the desk's own words would go
        request = TicketRequest(reporter.key, place, "report", subject, note or subject, "S1", queue="mail")
        return self._parts.escalation.open(work, request).number

    def _joined(self, work: Work, reporter: Reporter, case: Row | None, name: str, note: str) -> None:
        """Say on the case's ticket that it was reported again: the first ones, then at 10, 20, 50, 100 …"""
        if case is None:
            return
        number, reports = str(case["ticket"]), int(case["reports"])
        if note:
            self._parts.escalation.log(work, number, reporter.key, "reported_again", f"{name}: {note}")
        elif reports < LOGGED or str(reports).rstrip("0") in ("1", "2", "5"):
            self._parts.escalation.log(work, number, reporter.key, "reported_again", name)

    def _submitted(
        self, work: Work, reporter: Reporter, item: Prepared, number: str, campaign: str, behalf: Person | None
    ) -> tuple[str, int]:
        """The submission's id and how many other reports the case has; -1 if this person had reported it already."""
        place = place_key(reporter.place) if reporter.place else ""
        row = {"id": uuid.uuid4().hex, "sha256": item.sha256, "person": reporter.key, "place": place, "at": work.at,
               "lang": reporter.lang}  # fmt: skip
        store = self._parts.store
        if not store.add_submission(work.tx, row):
            mine = [known for known in store.submissions(work.tx, item.sha256) if known["person"] == reporter.key]
            return str(mine[0]["id"]), -1
        reports = self._parts.campaigns.reported(work.tx, campaign, self._delivered(item, work.at), work.at)
        if behalf:
            store.for_somebody(work.tx, str(row["id"]), behalf.key)
            self._parts.escalation.log(work, number, reporter.key, "behalf", behalf.name)
        new = self._parts.campaigns.received(work.tx, campaign, self._recipients(work, reporter, item, behalf))
        self._alerts.look(work, campaign, again=str(row["id"]) if new else "")
        work.audit(reporter.key, "report.filed", number, mail=item.sha256[:16])
        work.publish(ReportFiled(reporter.key, item.sha256, number, reports == 1))
        late = {"submission": str(row["id"]), "what": "checking"}
        work.job("reporting.late", job_key("late", late), late, delay=CHECKED_WITHIN)
        return str(row["id"]), reports - 1

    def _recipients(self, work: Work, reporter: Reporter, item: Prepared, behalf: Person | None) -> list[str]:
        """People of the directory that the mail went to, as pseudonyms."""
        found = {behalf.key} if behalf else {reporter.key} if reporter.person.known else set()
        for address in item.outline.people[:MOST_PEOPLE]:
            if person := self._parts.identities.find(address):
                found.add(self._parts.identities.meet(work.tx, person, work.at).key)
        return sorted(found)

    @staticmethod
    def _delivered(item: Prepared, at: float) -> float:
        """When the mail came, 0 if that is not known or cannot be."""
        return item.outline.delivered if at - OLD < item.outline.delivered <= at else 0.0


def _short(name: str) -> str:
    clean = "".join(char for char in name.replace("\\", "/").rsplit("/", 1)[-1] if char.isprintable())
    return clean[:80] or "mail.eml"
