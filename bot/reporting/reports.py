"""The reporting pillar's door: mails that people send, paste or photograph, and what they do with the answers.

The same bytes are one mail, near-duplicates are one case; each has many reporters. The body is sealed at rest. Nothing in a mail
is ever opened or fetched. What is done with a report is in `filing`, `outcome` and `alerts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.cards import Card
from bot.errors import NotFound
from bot.model import File, Kind, Person, Verdict
from bot.ports import Payload
from bot.reporting import behalf, pasted
from bot.reporting.alerts import Alerts
from bot.reporting.campaigns import RARE
from bot.reporting.filing import MOST_FILES, Filing, Prepared
from bot.reporting.outcome import Outcome
from bot.reporting.parts import SEVERITY, Examined, Parts, Reporter, job_key, verdict_from, verdict_text
from bot.reporting.regrouping import Regrouping
from bot.reporting.report_cards import MAX_MB, ReportCards
from bot.turn import Effect, Turn, Work

__all__ = [
    "MAX_MB",
    "SEVERITY",
    "Examined",
    "Parts",
    "Reporter",
    "Reports",
    "job_key",
    "verdict_from",
    "verdict_text",
]

PASTE = "reporting.paste"  # the dialogue in which the next text is a mail's


class Reports:
    """Responder of the reporting pillar (action ids `reporting.*`), its jobs, and what the desk's console asks of it."""

    prefix = "reporting"

    def __init__(self, parts: Parts) -> None:
        self._parts, self.cards = parts, ReportCards(parts.organisation, parts.lexicon, parts.address)
        self.alerts = Alerts(parts, self.cards)
        self.filing = Filing(parts, self.cards, self.alerts)
        self.outcome = Outcome(parts, self.cards, self.alerts)
        self.regrouping = Regrouping(parts, self.filing.campaigns, self.outcome, self.alerts)

    def respond(self, turn: Turn) -> Effect | None:
        """Files, pasted mails and screenshots are reports; the buttons say how, take back, speak for others and disagree."""
        if turn.action:
            return self._pressed(turn)
        talking = turn.dialogue is not None and turn.dialogue.kind == "tickets.talk"
        if turn.files:
            prepared = self.filing.prepare(turn.files)
            if talking and all(item.why_not for item in prepared):
                return None  # what is no mail belongs to the conversation with the desk
            return self._taken(turn, prepared, len(turn.files), turn.text)
        if talking or not turn.text:
            return None
        if found := pasted.as_mail(turn.text):
            return self._taken(turn, self.filing.prepare([found[0]]), 1, found[1])
        if turn.dialogue and turn.dialogue.kind == PASTE and (text := pasted.as_text_only(turn.text)):
            return self._taken(turn, self.filing.prepare([text]), 1, "")
        return None

    def _pressed(self, turn: Turn) -> Effect | None:
        assert turn.action  # noqa: S101
        verb, value = turn.action.id.partition(".")[2], turn.action.value
        reporter = _reporter(turn)
        match verb:
            case "start":
                return lambda work: self._start(work, turn)
            case "dispute":
                return lambda work: self.outcome.dispute(work, reporter, value, turn.text)
            case "undo":
                return lambda work: self._undo(work, reporter, value)
            case "behalf":
                typed = turn.action.form.get("who", "")
                return lambda work: self._behalf(work, reporter, value, typed)
            case "phone":
                card = self.cards.phone(turn.lang, turn.values, value.partition(":")[0])
                return lambda _work: card
        return None

    # taking

    def _taken(self, turn: Turn, prepared: Sequence[Prepared], sent: int, note: str) -> Effect:
        reporter, whose = _reporter(turn), self._whose(note, turn.person)

        def run(work: Work) -> Card:
            if turn.dialogue and turn.dialogue.kind == PASTE:
                work.end_dialogue(turn.person.key, turn.place)
            return self.take(work, reporter, prepared, note, whose, dropped=max(0, sent - MOST_FILES))

        return run

    def take(
        self, work: Work, reporter: Reporter, prepared: Sequence[Prepared], note: str = "", whose: Person | None = None, *,
        dropped: int = 0,
    ) -> Card:  # fmt: skip
        """File reports. `whose`: somebody of the directory whose mail it was. `dropped`: how many were too many."""
        if whose:
            whose = self._parts.identities.meet(work.tx, whose, work.at)
        card = self.filing.take(work, reporter, prepared, note, whose)
        if not dropped:
            return card
        more = self.cards.said(reporter.lang, reporter.values, "report.dropped", n=len(prepared))
        return Card(card.title, (*card.blocks, *more.blocks), card.tone, lang=card.lang)

    def prepare(self, files: Sequence[File]) -> list[Prepared]:
        """The costly part of taking files, outside of any transaction."""
        return self.filing.prepare(files)

    def whose(self, note: str, reporter: Person) -> Person | None:
        """Whom a note says that a mail is for."""
        return self._whose(note, reporter)

    def _whose(self, note: str, reporter: Person) -> Person | None:
        if not note or not reporter.known:
            return None
        return behalf.named(note, self._parts.identities.people(), reporter.id)

    def _start(self, work: Work, turn: Turn) -> Card:
        """How to report; what is pasted next is a mail's text."""
        work.dialogue(turn.person.key, turn.place, PASTE, {})
        return self.cards.how(turn.lang, turn.values)

    def _undo(self, work: Work, reporter: Reporter, value: str) -> Card:
        """Take a report back. The content of a mail that nobody reports any more goes at once."""
        store, campaigns = self._parts.store, self._parts.campaigns
        row = store.submission(work.tx, value.partition(":")[2])
        if row is None or row["person"] != reporter.key:
            raise NotFound(value)
        number = str(row["ticket"])
        if not store.withdraw(work.tx, row["id"]):
            return self.cards.said(reporter.lang, reporter.values, "report.undo_gone", number=number)
        campaigns.lock(work.tx)
        left = campaigns.withdrawn(work.tx, row["campaign"])
        if not store.submissions(work.tx, row["sha256"]):
            store.erase(work.tx, row["sha256"])
            campaigns.drop(work.tx, row["sha256"])
        if not store.of_person(work.tx, number, reporter.key):
            store.unsay(work.tx, number, reporter.key)
        self._parts.escalation.log(work, number, reporter.key, "withdrawn", "")
        if not left:
            store.untell(work.tx, number)
            self._parts.escalation.close(work, number, reporter.key)
        work.audit(reporter.key, "report.withdrawn", number, mail=row["sha256"][:16])
        return self.cards.undone(reporter.lang, number, str(row["name"]), kept=left > 0)

    def _behalf(self, work: Work, reporter: Reporter, value: str, typed: str) -> Card:
        """Say whose mail it was: they get the answer too."""
        row = self._parts.store.submission(work.tx, value.partition(":")[2])
        if row is None or row["person"] != reporter.key or row["withdrawn"] or not reporter.person.known:
            raise NotFound(value)
        whose = behalf.whom(typed, self._parts.identities.people(), reporter.person.id) if typed else None
        if whose is None:
            return self.cards.whose(reporter.lang, value, typed)
        whose, number = self._parts.identities.meet(work.tx, whose, work.at), str(row["ticket"])
        self._parts.store.for_somebody(work.tx, row["id"], whose.key)
        self._parts.campaigns.received(work.tx, row["campaign"], [whose.key])
        self._parts.escalation.log(work, number, reporter.key, "behalf", whose.name)
        work.audit(reporter.key, "report.behalf", number, whose=whose.key)
        if row["state"] == "decided":
            self.outcome.tell_whose(work, row["id"])
        return self.cards.said(reporter.lang, reporter.values, "report.behalf_done", number=number, name=whose.name)

    # jobs

    def analyse(self, payload: Payload) -> None:
        """Job: examine a stored mail and tell its reporters. Safe to run again."""
        sha256 = payload["sha256"]
        row = self._parts.store.mail(sha256)
        if row is None or row["state"] != "checking":
            return
        sealed = self._parts.store.body(sha256)
        if not sealed:
            return  # its content is not kept any more
        body = self._parts.vault.unseal("mail", sealed)
        examined = self._parts.examine(body, row["name"], self._parts.campaigns.history(row["campaign"], RARE))
        with self._parts.db.tx() as tx:
            self.outcome.decided(self._parts.work(tx), sha256, examined)
        self._parts.committed()

    def tidy(self, work: Work) -> None:
        """Take old campaigns out of the index."""
        self._parts.campaigns.tidy(work.tx, work.at - 45 * 86_400.0)

    # the desk

    def judge(
        self, work: Work, number: str, analyst: Person, kind: Kind, note: str = "", *, sha256: str = "", every: bool = False
    ) -> None:  # fmt: skip
        """An analyst's verdict on a case; see `Outcome.judge`."""
        self.outcome.judge(work, number, analyst, kind, note, sha256=sha256, every=every)

    def verdict_card(self, verdict: Verdict, number: str, lang: str, values: Mapping[str, str]) -> Card:
        """What a reporter reads of an automatic verdict."""
        return self.cards.verdict(verdict, number, lang, values)


def _reporter(turn: Turn) -> Reporter:
    return Reporter(turn.person, turn.place, turn.values)
