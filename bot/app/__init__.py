"""The one composition root: `build(settings)` makes an `App`, the only place that names adapters."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from adapters.channels.web import WebChannel, web_place
from adapters.stores.amend import SqlAmendStore
from adapters.stores.audit import SqlAuditStore
from adapters.stores.caller_codes import SqlCodeStore
from adapters.stores.campaigns import SqlCampaignStore
from adapters.stores.containment import SqlContainmentStore
from adapters.stores.core import SqlCoreStore, SqlIdentityStore
from adapters.stores.export import SqlPersonExport
from adapters.stores.forget import SqlForgetStore, unname_sealed
from adapters.stores.learning import SqlLearningStore
from adapters.stores.letters import SqlLetterStore
from adapters.stores.measurement import SqlMeasureStore
from adapters.stores.open import open_db
from adapters.stores.questions import SqlQuestionStore
from adapters.stores.reports import SqlReportStore
from adapters.stores.rooms import SqlRoomStore
from adapters.stores.sessions import SqlSessionStore
from adapters.stores.shipped import SqlShippedStore
from adapters.stores.switchover import SqlSwitchStore
from adapters.stores.tickets import SqlTicketStore
from adapters.stores.triage import SqlTriageStore
from adapters.stores.waves import SqlDecisionStore, SqlWaveStore
from adapters.stores.webchat import SqlWebStore
from adapters.vault import KeyVault, open_vault
from bot.answering import emergency_flow
from bot.answering.answers import Answers, Knowledge
from bot.answering.authoring import Authoring
from bot.answering.emergency_flow import EmergencyDoor
from bot.answering.ours import Ours
from bot.answering.proposals import Proposals
from bot.answering.redaction import redact
from bot.answering.replies import Replies
from bot.answering.reviews import Reviews
from bot.answering.shipped import LESSON, Shipped, refreshed
from bot.answering.understanding import Understanding
from bot.answering.updates import Updates
from bot.app import partnering, posting, privacy
from bot.app.analysts import mail_desk
from bot.app.api import make_tokens
from bot.app.api import prune as prune_api
from bot.app.authoring import make_authoring
from bot.app.calling import Calling, account_control, make_calling, make_pagers
from bot.app.channels import known_channels, load_platforms, platform_store
from bot.app.contents import Beside, Contents, answer_vocabulary, lesson_told, load_contents
from bot.app.doors import FrontDesk
from bot.app.figures import close_figures
from bot.app.handing import Handing
from bot.app.mailing import Mailroom
from bot.app.procedures import Procedures, make_procedures
from bot.app.sharing import shared_folder
from bot.app.staff import attach_roster, habits, has_left, make_sources, make_targets, take_slack
from bot.app.tracking import handlers as tracker_handlers
from bot.app.tracking import make_tracking
from bot.app.undoing import make_undo
from bot.audit import AuditLog, AuditReport
from bot.cards import Card, Link, as_text
from bot.content import packaged_shelf
from bot.delivery import Deliverer, Sweeper
from bot.desk import Desk
from bot.desk import Parts as DeskParts
from bot.directory_roster import Roster
from bot.directory_sources import Sources
from bot.errors import ConfigError, NotFound, RetryLater, StoreUnavailable
from bot.forget import Forgotten, forget
from bot.helpdesk import room
from bot.helpdesk.attachments import Attachments
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.relay import Relay, local_time
from bot.helpdesk.tickets import Ticket, Tickets
from bot.helpdesk.trackers import Tracking
from bot.helpdesk.triage import Triage, at_the_desk
from bot.learning.about import AboutMe
from bot.learning.attendance import Attended
from bot.learning.measurement import Measures
from bot.learning.nudges import Nudges, Sending
from bot.learning.planner import Decision
from bot.learning.privacy import allowed
from bot.learning.pseudonym import Codes
from bot.learning.switchover import Switchover
from bot.learning.targets import Targets
from bot.learning.waves import Waves
from bot.model import Action, Message, Outcome, Person, Place
from bot.organisation import Organisation, Words
from bot.partners import Partners
from bot.people import Identities
from bot.platforms import Foundation, Platform
from bot.ports import Channel, Clock, Db, Pager, Payload
from bot.reporting import reports as reporting
from bot.reporting.admit import admit
from bot.reporting.keeping import Keeping, Limits
from bot.reporting.pasted import as_mail as pasted_mail
from bot.reporting.sandbox import Examiner, Sandbox
from bot.reporting.watching import Watch
from bot.retention import Retention
from bot.settings import Settings
from bot.shared_folder import SharedFolder
from bot.spool import Spool
from bot.tokens import Tokens
from bot.turn import (
    SEND,
    EmergencyRaised,
    ProcedureEnded,
    QuestionAsked,
    RecipientsWarned,
    TicketChanged,
    TicketResolved,
    VerdictGiven,
    Work,
    place_from,
)
from bot.undo import JOB, Undo, key_of

log = logging.getLogger(__name__)
T = TypeVar("T")
KNOWN_CHANNELS = known_channels()
GUEST = "guest@outside.example"
MAILS_AT_ONCE = 200  # that are taken into the search in one transaction


class SystemClock:
    """`Clock` on the machine's clock."""

    def now(self) -> float:
        return time.time()


@dataclass(frozen=True)
class Asked:
    """What `ask` found: the outcome, and the card that would be sent."""

    outcome: Outcome
    entry: str
    suggestions: tuple[str, ...]
    confidence: float
    card: Card


@dataclass
class App:
    """Secdesk, put together. `close()` gives everything back."""

    settings: Settings
    clock: Clock
    db: Db
    vault: KeyVault
    contents: Contents
    core: SqlCoreStore
    web: SqlWebStore
    sessions: SqlSessionStore
    identities: Identities
    audit: AuditLog
    desk: Desk
    answers: Answers
    tickets: Tickets
    oncall: OnCall
    reports: reporting.Reports
    report_store: SqlReportStore
    nudges: Nudges
    deliverer: Deliverer
    channels: Mapping[str, Channel]
    spool: Spool
    listeners: Mapping[type, tuple[Callable[[Work, Any], None], ...]]
    sandbox: Sandbox
    bridge: LoopBridge
    platforms: Mapping[str, Platform]
    room: room.DeskRoom
    relay: Relay
    proposals: Proposals
    amends: SqlAmendStore
    authoring: Authoring
    reviews: Reviews
    count: Callable[[str], None]
    calling: Calling
    triage: Triage
    measures: Measures
    handing: Handing
    roster: Roster
    sources: Sources
    targets: Targets
    about: AboutMe
    waves: Waves
    switchover: Switchover
    procedures: Procedures
    partners: Partners
    shared: SharedFolder
    updates: Updates
    undo: Undo
    sweeper: Sweeper | None = None
    watch: Watch | None = None
    tracking: Tracking | None = None
    stop: list[Callable[[], None]] = field(default_factory=list)

    @property
    def directory(self) -> Any:
        return self.contents.directory

    @property
    def tokens(self) -> Tokens:
        """Tokens of the HTTP API."""
        return make_tokens(self)

    @property
    def retention(self) -> Retention:
        """How long things are kept."""
        return privacy.make_retention(self)

    def organisation(self) -> Organisation:
        return self.contents.organisation.current

    # what edges and the command line use

    def person(self, who: str) -> Person:
        """A directory person by id or address; "" is a guest. Raises `NotFound`."""
        if not who:
            return Person(GUEST, "Guest", GUEST, language=self.organisation().file.language, known=False)
        person = self.identities.find(who)
        if person is None:
            raise NotFound(f"{who} is not in people.yaml; see `secdesk people list`")
        return person

    def chat_of(self, key: str) -> Place | None:
        """Where a pseudonym is on chat; None for somebody who is not."""
        chat = _chat_of(self.core, self.platforms, key)
        if chat is None and posting.NAME not in self.channels:  # then the local web chat is better than nothing
            return _place_of(self.core, self.identities, self.vault, self.settings, self.platforms, key)
        return chat

    def web_place(self, person: Person) -> Place:
        """Where this person is in the local web chat."""
        return web_place(self.vault, person.id)

    def work(self, change: Callable[[Work], T]) -> T:
        """Run a change in one transaction and wake the sweeper after the commit."""
        with self.db.tx() as tx:
            result = change(Work(tx, self.clock.now(), self.core, self.audit, self.listeners))
        self.wake()
        return result

    def wake(self) -> None:
        """Have the outbox looked at now."""
        if self.sweeper:
            self.sweeper.wake()

    def ask(self, question: str, person: Person) -> Asked:
        """What a person would get for a question, with nothing written and nobody called."""
        gate, values = self.contents.gate.current, self.organisation().values(person.entity)
        clean = redact(question).text
        person = replace(person, language=self.contents.knowledge.current.language(clean) or person.language)
        seen = gate.look(question)
        if seen.level == "fire":
            return Asked(Outcome.EMERGENCY, "", (), 1.0, gate.card(seen.kind, seen.lang, values, ""))
        if seen.level == "confirm":
            return Asked(Outcome.CONFIRM, "", (), 1.0, gate.confirm_card(seen.kind, seen.lang, values))
        found = self.answers.consider(clean, person, self.clock.now())
        if found.outcome is Outcome.CONFIRM:
            kind = self.contents.knowledge.current.library.entries[found.entry].emergency or "incident"
            card = gate.confirm_card(kind, person.language, values)
        else:
            card = self.answers.preview(found, person, self.clock.now())
        return Asked(found.outcome, found.entry, found.suggestions, found.confidence, card)

    def examine_now(self, data: bytes) -> dict[str, Any] | None:
        """Examine a stored report in this process instead of waiting for the engine. None if it was not taken."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self.report_store.mail(sha256) is None:
            return None
        self.reports.analyse({"sha256": sha256})
        self.core.done(f"analyse:{sha256}")
        row = self.report_store.mail(sha256)
        assert row is not None  # noqa: S101
        verdict = reporting.verdict_from(row["verdict"])
        values, lang = self.organisation().values(), self.organisation().file.language
        card = self.reports.verdict_card(verdict, row["ticket"], lang, values)
        signs = [finding.sign for finding in verdict.signs]
        return {"ticket": row["ticket"], "verdict": verdict.kind.value, "confidence": round(verdict.confidence, 3),
                "signs": signs, "unchecked": list(verdict.unchecked), "text": as_text(card)}  # fmt: skip

    def forget(self, who: str) -> Forgotten:
        """Forget a person everywhere but in the chain of pseudonyms."""
        return forget(
            who, db=self.db, store=SqlForgetStore(Codes(self.vault.digest)), identities=self.identities, directory=self.directory,
            auditor=self.audit, clock=self.clock,
            conversation=lambda person: self.web_place(person).conversation,
            also=lambda tx, names: self.procedures.unname(tx, names) + unname_sealed(tx, self.vault, names),
        )  # fmt: skip

    def verify_audit(self) -> AuditReport:
        """Walk the whole chain."""
        return self.audit.verify(self.db, self.anchors)

    def replay_spool(self) -> int:
        """Turn spooled emergencies into tickets; the number."""

        def one(record: dict[str, Any]) -> None:
            person = self.directory.find(record["person"]) or Person(record["person"], record["name"], known=False)
            action = Action("emergency.start", record["kind"], {"text": record["text"]})
            message = Message(
                record["key"], person, place_from(record["place"]), record["text"], action, at=record["at"]
            )
            self.desk.replay(message)

        return self.spool.replay(one)

    def handlers(self) -> dict[str, Callable[[Payload], None]]:
        """Job kinds and what runs them."""
        return {
            SEND: lambda payload: _ignore(self.deliverer.send(payload["delivery"])),
            "reporting.analyse": self._reporting("analyse", self.reports.analyse),
            "reporting.spread": self._reporting("spread", self.reports.outcome.spread),
            "reporting.alert": self._reporting("alert", self.reports.alerts.send),
            "reporting.late": self._reporting("late", self.reports.outcome.late),
            "reporting.prune": lambda _payload: self._tidy_mail(),
            "reporting.act": self._reporting("act", mail_desk(self).act),
            "desk.show": self.room.show,
            JOB: lambda payload: self._finish(key_of(payload["id"]), self.undo.over, payload),
            "oncall.page": lambda payload: self._finish(payload["page"], self.calling.paging.call, payload),
            **self.calling.handlers(),
            **self.procedures.handlers(self._finish),
            **tracker_handlers(self),
            **partnering.handlers(self.partners),
            **privacy.handlers(self),
            "learning.send": lambda _payload: self._look_at_tips(),
            "learning.measure": lambda _payload: _ignore(self.work(self.measures.close)),
            "api.prune": lambda _payload: prune_api(self),
            "figures.close": lambda _payload: close_figures(self),
            "people.review": lambda _payload: _ignore(self.targets.review(self.clock.now())),
            "learning.prune": lambda _payload: _ignore(self.work(self.nudges.prune)),
            "answering.keep": lambda payload: self._finish(
                f"propose:{payload['proposal']}", self.proposals.write, payload
            ),
            "authoring.write": lambda payload: self._finish(
                f"answer:{payload['change']}", self.authoring.writer.write, payload
            ),
            "authoring.reviews": lambda _payload: _ignore(self.reviews.send(self.work, self.clock.now())),
            "audit.anchor": lambda _payload: _ignore(self.audit.anchor(self.db, self.anchors, self.clock.now())),
        }

    @property
    def anchors(self) -> Path:
        """Where heads of the audit chain are kept outside the database."""
        return self.settings.data / "audit.anchors"

    def index_mail(self) -> int:
        """Take mails from before there was a search into it, some in each transaction; how many."""
        taken = 0
        while some := self.work(lambda work: self.report_store.index_rest(work.tx, MAILS_AT_ONCE)):
            taken += some
        return taken

    def _tidy_mail(self) -> None:
        self.index_mail()
        if self.retention.steady(self.clock.now()):
            self.work(self.prune_mail)

    def prune_mail(self, work: Work) -> int:
        """Delete contents of reported mail that were kept long enough; how many."""
        self.reports.tidy(work)
        limits = Limits(self.settings.mail_days, self.settings.mail_total_mb * 1_000_000)
        return Keeping(self.report_store, limits).prune(work)

    def nudge_plan(self) -> list[Decision]:
        """Who would get which lesson, when and why."""
        return self.nudges.plan(self.clock.now())

    def nudge_attendance(self) -> list[Attended]:
        """Who has attended how much of which course."""
        return self.nudges.attendance(self.clock.now())

    def nudge_send(self, *, now: bool) -> Sending:
        """Send what is due; with `now` whatever the hour."""
        return self.nudges.send_now(self.work, self.clock.now(), at_once=now)

    def deliver_waiting(self) -> int:
        """Send queued messages from this process (the command line has no engine), tips last; the number sent."""
        now = self.clock.now()
        rows = [json.loads(row["payload"]) for row in self.core.due(now, 10_000) if row["kind"] == SEND]
        return sum(self.deliver(row["delivery"]) for row in [*rows, *self.core.due_tips(now, 10_000)])

    def deliver(self, delivery: str) -> bool:
        """Send a delivery now; False if it has to wait (the outbox sends it later)."""
        try:
            return self.deliverer.send(delivery)
        except RetryLater:
            return False

    def sent_now(self, person: Person, place: Place, card: Card, key: str) -> bool:
        """Store a message to a person and send it at once; whether it is there. Raises `RetryLater`, `StoreUnavailable`."""
        delivery = self.work(lambda work: work.say(person.key, place, card, key, live=True))
        return self.deliverer.send(delivery or SqlLetterStore(self.db).delivery_of(key))

    def unreached(self, delivery: str, why: str) -> None:
        """What somebody was told did not reach them: the desk sees it at the ticket."""
        if number := self.core.ticket_of(delivery):
            self.work(lambda work: self.tickets.log(work, number, "secdesk", "unreached", why))

    def look(self) -> None:
        """Look at the database: what other replicas have written and decided. Raises `StoreUnavailable`."""
        refreshed(self.updates.shipped, self.shared.sync)()

    def search_mode(self) -> str:
        """`full`, `light` or `words`."""
        return self.contents.search.mode

    def console_link(self, who: str, *, admin: bool = False) -> tuple[Person, str]:
        """A one-time sign-in link for somebody who may be in the console (see `bot.app.entering`). Raises `NotFound`."""
        from bot.app.entering import console_link  # noqa: PLC0415 (brings the web framework in; only here)

        return console_link(self, who, admin=admin)

    def reach(self, key: str) -> Place | None:
        """Where a pseudonym gets what cannot wait: on chat, else by mail, else in the local web chat."""
        return _reach(self.core, self.identities, self.vault, self.settings, self.platforms, self.channels, key)

    def _look_at_tips(self) -> None:
        self.switchover.look(self.work, self.clock.now())
        self.nudges.send_now(self.work, self.clock.now(), at_once=False, due_only=True)

    def _reporting(self, kind: str, job: Callable[[Payload], None]) -> Callable[[Payload], None]:
        return lambda payload: self._finish(reporting.job_key(kind, payload), job, payload)

    def _finish(self, key: str, job: Callable[[Payload], None], payload: Payload) -> None:
        job(payload)
        self.core.done(key)

    def close(self) -> None:
        """Stop what runs and close what is open. What a command has written to its folder is everywhere then."""
        with suppress(StoreUnavailable, OSError):
            self.shared.sync()
        for step in self.stop:
            step()
        self.deliverer.close()
        self.sandbox.close()
        self.bridge.close()
        self.db.close()


class LoopBridge:
    """`bot.delivery.Bridge`: coroutines of channels run on the edge's loop, or on one of our own when there is none."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: threading.Thread | None = None
        self._lock = threading.Lock()

    def use(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server's loop, once it runs."""
        self._loop = loop

    def __call__(self, work: Awaitable[T], timeout: float) -> T:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                self._own = threading.Thread(target=self._loop.run_forever, name="channels", daemon=True)
                self._own.start()

        async def wait() -> T:
            return await work

        running = asyncio.run_coroutine_threadsafe(wait(), self._loop)
        try:
            return running.result(timeout)
        except TimeoutError:
            running.cancel()  # or it might be sent after all, and again by whoever tries next
            raise

    def close(self) -> None:
        if self._own and self._loop:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._own.join(timeout=5)


class NoJobs:
    """`Jobs` of a process without an engine (the command line): rows stay in the outbox for `serve`."""

    def submit(self, kind: str, key: str, payload: Payload, *, delay: float = 0.0) -> None:
        raise StoreUnavailable("no job engine in this process")


def build(  # noqa: PLR0915 (the list of what there is)
    settings: Settings,
    *,
    clock: Clock | None = None,
    db: Db | None = None,
    pagers: Sequence[Pager] | None = None,
    channels: Mapping[str, Channel] | None = None,
    contents: Contents | None = None,
    examiner: Examiner | None = None,
    count: Callable[[str], None] = lambda _outcome: None,
) -> App:
    """Everything wired, nothing started. What is given stands in for what the settings would make.

    `count` hears what became of messages (`App.count` can be set later). Raises `ConfigError`, `ContentError`,
    `StoreUnavailable` with clear words.
    """
    clock = clock or SystemClock()
    vault = open_vault(settings.key, settings.data)
    db = db or open_db(settings.database, settings.data)
    vault.check(db)
    shared = shared_folder(settings, db, vault, clock)
    shipped = Shipped(SqlShippedStore(db), packaged_shelf(settings.knowledge), clock.now)
    if contents is None:
        shared.sync()  # what other replicas have; the folder may come later: the first answer that is written makes it
        shipped.register()
        contents = load_contents(
            settings.knowledge,
            settings.data / "cache",
            lambda: _today(clock),
            settings.search,
            alone=not settings.approval,
            beside=Beside(shipped.held, shipped.over, lambda: shipped.unused(LESSON), shared.proven),
        )
    roster, release = attach_roster(contents, db, vault, clock)

    def org() -> Organisation:
        return contents.organisation.current

    def words() -> Words:
        return org().words

    def link(number: str) -> str:
        return settings.console(f"/tickets/{number}")

    def wake() -> None:
        if holder:
            holder[0].wake()

    def counted(what: str) -> None:
        if holder:
            holder[0].count(what)

    holder: list[App] = []
    core, web, tickets_sql = SqlCoreStore(db), SqlWebStore(db), SqlTicketStore(db)
    audit = AuditLog(vault, SqlAuditStore())
    identities = Identities(db, SqlIdentityStore(db), vault, contents.directory)
    attachments = Attachments(tickets_sql, vault)
    foundation = Foundation(
        settings, db, vault, clock, identities, org, lambda name: platform_store(name, db), attachments.open,
        lambda found: take_slack(holder[0].sources, found),
    )  # fmt: skip
    platforms = load_platforms(foundation) if channels is None else {}
    ours: dict[str, Channel] = {"web": WebChannel(web, clock)}
    if channels is None and (
        mails := posting.mail_channel(settings, db, vault, clock, identities.who, org, attachments.open)
    ):
        ours[posting.NAME] = mails
    channels = dict(channels or ours | {name: platform.channel for name, platform in platforms.items()})
    refuse_samples(settings, org(), channels)
    bridge, sandbox = LoopBridge(), Sandbox()
    deliverer = Deliverer(core, channels, clock, bridge, counted, lambda *lost: holder[0].unreached(*lost),  # noqa: PLW0108
                          partial(has_left, contents, identities))  # fmt: skip
    reach = partial(_reach, core, identities, vault, settings, platforms, channels)
    oncall = OnCall(
        tickets_sql,
        pagers or make_pagers(settings, clock, channels, bridge, identities, org, reach, lambda *page: holder[0].sent_now(*page)),  # noqa: PLW0108
        lambda: contents.rota.current, clock, link,
        lambda key: person.id if (person := identities.who(key)) else "",
    )  # fmt: skip
    tickets = Tickets(
        tickets_sql, identities, oncall, words, lambda: contents.sla.current, settings.ticket_prefix,
        lambda text: redact(text).text, attachments, lambda: org().file.language,
        lambda work, number: undo.settle(work, number),  # noqa: PLW0108 (made below)
    )  # fmt: skip
    relay = Relay(tickets, core, words, reach)
    calling = make_calling(
        tickets_sql, oncall, tickets, identities, org, lambda: contents.sla.current, reach,
        lambda change: holder[0].work(change), clock, (  # noqa: PLW0108
            SqlContainmentStore(db), account_control(settings), SqlCodeStore(db), vault,
        ),
    )  # fmt: skip
    mailroom = Mailroom(contents, settings, examiner or sandbox, clock.now)
    spool = Spool(
        settings.data / "spool", lambda data: vault.seal("spool", data), lambda data: vault.unseal("spool", data)
    )
    door = EmergencyDoor(
        emergency_flow.Parts(
            gate=lambda: contents.gate.current, organisation=org, escalation=tickets,
            redact=lambda text: redact(text).text, call=oncall.call, spool=spool,
            on_duty=lambda at: bool(oncall.on_duty(at)), still_open=tickets.in_trouble,
        ),
        lambda: answers,
    )  # fmt: skip
    offers = Proposals(
        SqlQuestionStore(db), lambda: packaged_shelf(settings.knowledge),
        lambda: answer_vocabulary(org(), contents.gate.current.kinds), org, shared, settings.data / "cache",
        clock,
    )  # fmt: skip

    def known() -> Knowledge:
        return contents.knowledge.current

    ours_ = Ours(lambda: known().hearing.ours, lambda: contents.register.current, lambda: org().file.domains)
    answers = Answers(
        known, org, tickets, SqlQuestionStore(db), door, Understanding(known, ours_),
        Replies(known, org, lambda person, at: local_time(tickets.promise("S1", at), person, at, org().words)), offers.propose,
        lambda work, turn, entry: nudges.under_answer(work, turn, entry),  # noqa: PLW0108 (made below)
    )  # fmt: skip

    def watch(module: str, key: str) -> bool:
        person = identities.who(key)
        return allowed(contents.lessons.current.privacy, module, org().values(person.entity if person else ""))

    sources = make_sources(contents, roster, lambda change: holder[0].work(change), identities)  # noqa: PLW0108
    targets, about = make_targets(contents, sources, identities, lambda key: watch("targets", key))
    codes = Codes(vault.digest)
    learning = SqlLearningStore(db, codes)
    handing = Handing(
        SqlPersonExport(db, codes), vault, attachments, tickets_sql,
        lambda key: web_place(vault, person.id).conversation if (person := identities.who(key)) else "",
        lambda: words().say(org().file.language, "learning.data.too_much"),
    )  # fmt: skip
    measures = Measures(
        store=SqlMeasureStore(db), learning=learning, people=identities.people, values=lambda entity: org().values(entity),
        library=lambda: contents.lessons.current, codes=codes,
    )  # fmt: skip
    learning.recode(clock.now())
    nudges = Nudges(
        lessons=lambda: contents.lessons.current, organisation=org, directory=identities, store=learning, place_of=reach,
        held_out=lambda key, values: measures.held_out(key, values, clock.now()), hand_over=handing.over,
        habits_of=lambda person: habits(contents, lambda: nudges.rules.hours, person),
        meet=lambda people: identities.meet_all(people, clock.now()), watch=watch, decisions=SqlDecisionStore(db),
    )  # fmt: skip
    waves = Waves(nudges, SqlWaveStore(db))
    switchover = Switchover(nudges, SqlSwitchStore(db), answers.shown_to)
    partners = partnering.make(
        db,
        vault,
        clock,
        contents,
        identities,
        org,
        reach,
        settings.console,
        lambda change: holder[0].work(change),  # noqa: PLW0108
    )
    report_store = SqlReportStore(db)
    authoring, reviews = make_authoring(
        settings, contents, db, clock, identities, tickets,
        lambda key: _place_of(core, identities, vault, settings, platforms, key),
        lambda change: holder[0].work(change),  # noqa: PLW0108 (it is made below)
        shared,
        shipped,
    )  # fmt: skip
    procedures = make_procedures(
        contents, db, vault, clock, identities, tickets, oncall, reach, lambda change: holder[0].work(change),  # noqa: PLW0108
        settings.console,
    )  # fmt: skip

    def pages(ticket: Ticket, lang: str) -> tuple[Link, ...]:
        """Pages of the console for a ticket: its own, and its reported mail's."""
        mail = report_store.of_ticket(ticket.number) if ticket.kind == "report" else None
        own = Link(words().say(lang, "link.number", number=ticket.number), link(ticket.number))
        if mail is None:
            return (own,)
        return own, Link(words().say(lang, "link.mail"), settings.console(f"/mail/{mail['sha256']}"))

    desk_room = room.DeskRoom(
        room.Parts(
            db=db, store=SqlRoomStore(db), tickets=tickets, identities=identities, organisation=org, channels=channels,
            places=lambda: [place for platform in platforms.values() if (place := platform.desk())], bridge=bridge,
            clock=clock, more=lambda ticket: (*calling.containment.blocks(ticket), *procedures.blocks(ticket)),
            pages=pages,
        )
    )  # fmt: skip
    listeners: dict[type, tuple[Callable[[Work, Any], None], ...]] = {
        VerdictGiven: (nudges.on_verdict,), QuestionAsked: (nudges.on_question,),
        EmergencyRaised: (nudges.on_emergency, waves.on_emergency, procedures.on_emergency),
        RecipientsWarned: (nudges.on_warned,), ProcedureEnded: (procedures.improving.on_ended,),
        TicketChanged: (desk_room.on_change, procedures.on_ticket),
        TicketResolved: (lambda work, event: reports.outcome.on_resolved(work, event), calling.on_resolved),  # noqa: PLW0108 (made below)
    }  # fmt: skip
    reports = reporting.Reports(
        reporting.Parts(
            db=db, store=report_store, core=core, auditor=audit, vault=vault, identities=identities, escalation=tickets,
            organisation=org, clock=clock, admit=admit, examine=mailroom.examine, listeners=listeners,
            committed=wake, lexicon=lambda: contents.mail.current, campaigns=SqlCampaignStore(db),
            reader=examiner or sandbox, person_bytes=settings.mail_person_mb * 1_000_000, promise=tickets.promise,
            when=lambda person, to, at: local_time(to, person, at, org().words),
            place_of=reach,
            address=settings.report_address,
        )
    )  # fmt: skip
    undo = make_undo(
        db,
        identities,
        tickets,
        reports.outcome,
        words,
        lambda change: holder[0].work(change),  # noqa: PLW0108
        settings.undo_seconds,
    )
    desk = Desk(
        DeskParts(
            db=db, store=core, identities=identities, auditor=audit, clock=clock, organisation=org, emergencies=door,
            redact=redact, listeners=listeners,
            responders=(procedures.chat, procedures.improving,
                        reports, relay, calling.paging, calling.codes, calling.containment, about, nudges, reviews,
                        partners.desk, answers),
            committed=wake, count=counted, inside=desk_room.listens, room=desk_room,
            confidential=lambda message: front.confidential(message),  # noqa: PLW0108 (it is made of the whole)
            notice=lambda turn: contents.gate.current.secret_card(turn.removed, turn.lang, turn.values), pasted=pasted_mail,
            command=lambda text, person: (
                nudges.command(text) or procedures.chat.command(text, person) or partners.desk.command(text, person)
            ),
            language=lambda text: contents.knowledge.current.language(text),  # noqa: PLW0108 (the one in use then)
        )
    )  # fmt: skip
    app = App(
        settings, clock, db, vault, contents, core, web, SqlSessionStore(db), identities, audit, desk, answers, tickets, oncall,
        reports,
        report_store, nudges, deliverer, channels, spool, listeners, sandbox, bridge, platforms, desk_room, relay, offers,
        SqlAmendStore(), authoring, reviews, count, calling,
        Triage(SqlTriageStore(db), tickets, lambda person: at_the_desk(person, org()), words),
        roster=roster, measures=measures, handing=handing, stop=[release],
        sources=sources, targets=targets, about=about,
        waves=waves, switchover=switchover, procedures=procedures, partners=partners, shared=shared,
        updates=Updates(shipped, shared, authoring, authoring.parts.reload, partial(lesson_told, contents)), undo=undo,
    )  # fmt: skip
    front = FrontDesk(app)
    holder.append(app)
    if tracking := make_tracking(app):
        app.tracking = tracking
        listeners[TicketChanged] = (*listeners[TicketChanged], tracking.on_change)
    return app


def refuse_samples(settings: Settings, org: Organisation, channels: Mapping[str, Channel]) -> None:
    """No real chat platform on values nobody has checked. Raises `ConfigError`."""
    unknown = [name for name in settings.channels if name not in channels]
    if unknown:
        raise ConfigError(f"channels.use: there is no channel {unknown[0]}; there are: {', '.join(sorted(channels))}")
    real = [name for name in settings.channels if channels[name].real]
    if real and org.sample:
        raise ConfigError(f"{real[0]} cannot start on sample values: run `secdesk init`, or write your own org.yaml")


def _place_of(
    core: SqlCoreStore, identities: Identities, vault: KeyVault, settings: Settings, platforms: Mapping[str, Platform],
    key: str,
) -> Place | None:  # fmt: skip
    """Where a person can be written to: where they last wrote from in private, else their chat on a platform, else the
    local web chat if it is on."""
    if found := _chat_of(core, platforms, key):
        return found
    person = identities.who(key) if settings.local_chat else None
    return web_place(vault, person.id) if person else None


def _chat_of(core: SqlCoreStore, platforms: Mapping[str, Platform], key: str) -> Place | None:
    """Where a person is on chat: where they last wrote from in private, else their chat on a platform."""
    where = core.last_place(key)
    place = place_from(where) if where else None
    if place and place.private:
        return replace(place, thread="")  # not under whatever they wrote last
    return next((found for platform in platforms.values() if (found := platform.place_of(key))), None)


def _reach(
    core: SqlCoreStore, identities: Identities, vault: KeyVault, settings: Settings, platforms: Mapping[str, Platform],
    channels: Mapping[str, Channel], key: str,
) -> Place | None:  # fmt: skip
    """Where a person gets what cannot wait: on chat, else by mail, else in the local web chat."""
    chat = _chat_of(core, platforms, key)
    if chat is None and posting.NAME in channels and (person := identities.who(key)) and person.email:
        return Place(posting.NAME, key)
    return chat or _place_of(core, identities, vault, settings, platforms, key)


def _today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()


def _ignore(_result: object) -> None:
    """Handlers return nothing."""
