"""The one composition root: `build(settings)` makes an `App`, the only place that names adapters."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from adapters.channels.web import WebChannel, web_place
from adapters.pagers.log import LogPager
from adapters.stores.amend import SqlAmendStore
from adapters.stores.audit import SqlAuditStore
from adapters.stores.core import SqlCoreStore, SqlIdentityStore
from adapters.stores.forget import SqlForgetStore
from adapters.stores.learning import SqlLearningStore
from adapters.stores.open import open_db
from adapters.stores.questions import SqlQuestionStore
from adapters.stores.reports import SqlReportStore
from adapters.stores.rooms import SqlRoomStore
from adapters.stores.tickets import SqlTicketStore
from adapters.stores.webchat import SqlWebStore
from adapters.vault import KeyVault, open_vault
from bot.answering import emergency_flow
from bot.answering.answers import Answers
from bot.answering.emergency_flow import EmergencyDoor
from bot.answering.proposals import Proposals
from bot.answering.redaction import redact
from bot.app.channels import known_channels, load_platforms, platform_store
from bot.app.contents import Contents, answer_vocabulary, load_contents
from bot.app.doors import FrontDesk
from bot.app.mailing import Mailroom
from bot.audit import AuditLog, AuditReport
from bot.cards import Card, as_text
from bot.content import packaged_shelf
from bot.delivery import Deliverer, Sweeper
from bot.desk import Desk
from bot.desk import Parts as DeskParts
from bot.errors import ConfigError, NotFound, RetryLater, StoreUnavailable
from bot.forget import Forgotten, forget
from bot.helpdesk import room
from bot.helpdesk.attachments import Attachments
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.relay import Relay, local_time
from bot.helpdesk.tickets import Tickets
from bot.learning.nudges import Nudges, Sending
from bot.learning.planner import Decision
from bot.model import Action, Message, Outcome, Person, Place
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.platforms import Foundation, Platform
from bot.ports import Channel, Clock, Db, Pager, Payload
from bot.reporting import reports as reporting
from bot.reporting.admit import admit
from bot.reporting.sandbox import Examiner, Sandbox
from bot.settings import Settings
from bot.spool import Spool
from bot.turn import EmergencyRaised, QuestionAsked, TicketChanged, VerdictGiven, Work, place_from

log = logging.getLogger(__name__)
T = TypeVar("T")
KNOWN_CHANNELS = known_channels()
GUEST = "guest@outside.example"


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
    count: Callable[[str], None]
    sweeper: Sweeper | None = None
    stop: list[Callable[[], None]] = field(default_factory=list)

    @property
    def directory(self) -> Any:
        return self.contents.directory

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
        seen = gate.look(question)
        if seen.level == "fire":
            return Asked(Outcome.EMERGENCY, "", (), 1.0, gate.card(seen.kind, seen.lang, values, ""))
        if seen.level == "confirm":
            return Asked(Outcome.CONFIRM, "", (), 1.0, gate.confirm_card(seen.kind, seen.lang, values))
        found = self.answers.consider(clean, person)
        if found.outcome is Outcome.ANSWER:
            card = self.answers.card(found.entry, person, self.clock.now())
        elif found.outcome is Outcome.CONFIRM:
            kind = self.contents.knowledge.current.library.entries[found.entry].emergency or "incident"
            card = gate.confirm_card(kind, person.language, values)
        elif found.outcome is Outcome.SUGGEST:
            card = self.answers.suggestions(found.suggestions, person.language, clean)
        else:
            card = self.answers.person_card(person, self.clock.now(), "")
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
            who, db=self.db, store=SqlForgetStore(), identities=self.identities, directory=self.directory,
            auditor=self.audit, clock=self.clock,
            conversation=lambda person: self.web_place(person).conversation,
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
            "delivery.send": lambda payload: _ignore(self.deliverer.send(payload["delivery"])),
            "reporting.analyse": lambda payload: self._finish(
                f"analyse:{payload['sha256']}", self.reports.analyse, payload
            ),
            "desk.show": self.room.show,
            "oncall.page": lambda payload: self._finish(payload["page"], self.oncall.run, payload),
            "learning.send": lambda _payload: _ignore(self.nudge_send(now=False)),
            "learning.prune": lambda _payload: _ignore(self.work(self.nudges.prune)),
            "answering.keep": lambda payload: self._finish(
                f"propose:{payload['proposal']}", self.proposals.write, payload
            ),
            "audit.anchor": lambda _payload: _ignore(self.audit.anchor(self.db, self.anchors, self.clock.now())),
        }

    @property
    def anchors(self) -> Path:
        """Where heads of the audit chain are kept outside the database."""
        return self.settings.data / "audit.anchors"

    def nudge_plan(self) -> list[Decision]:
        """Who would get which lesson, when and why."""
        return self.nudges.plan(self.clock.now())

    def nudge_send(self, *, now: bool) -> Sending:
        """Send what is due; with `now` whatever the hour."""
        return self.nudges.send_now(self.work, self.clock.now(), at_once=now)

    def deliver_waiting(self) -> int:
        """Send queued messages from this process (the command line has no engine); the number sent."""
        rows = self.core.due(self.clock.now(), 10_000)
        return sum(self._deliver(row["payload"]) for row in rows if row["kind"] == "delivery.send")

    def _deliver(self, payload: str) -> bool:
        return self.deliver(json.loads(payload)["delivery"])

    def deliver(self, delivery: str) -> bool:
        """Send a delivery now; False if it has to wait (the outbox sends it later)."""
        try:
            return self.deliverer.send(delivery)
        except RetryLater:
            return False

    def search_mode(self) -> str:
        """`full`, `light` or `words`."""
        return self.contents.search.mode

    def console_link(self, who: str) -> tuple[Person, str]:
        """A one-time sign-in link for a help desk person ("": who is on duty, else the first). Raises `NotFound`."""
        roles = self.organisation().desk_roles()
        desk = [person for person in self.directory.people() if person.roles & roles]
        rota = self.contents.rota.current
        duty = [who] if who else [*(rota.on_duty(self.clock.now()) if rota else []), *(person.id for person in desk)]
        chosen = next(
            (p for name in duty for p in desk if name.casefold() in {p.id.casefold(), p.email.casefold()}), None
        )
        if chosen is None:
            raise NotFound(f"{who or 'nobody'} is at the help desk: give somebody a desk role in people.yaml")
        from adapters.web.signin import new_link  # noqa: PLC0415 (brings the web framework in; only here)

        path = self.work(lambda work: new_link(work, self.web, self.vault, self.identities, chosen))
        return chosen, self.settings.url + path

    def _finish(self, key: str, job: Callable[[Payload], None], payload: Payload) -> None:
        job(payload)
        self.core.done(key)

    def close(self) -> None:
        """Stop what runs and close what is open."""
        for step in self.stop:
            step()
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


def build(
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
    if contents is None:
        contents = load_contents(settings.overlay, settings.data / "cache", lambda: _today(clock), settings.search)
    vault = open_vault(settings.key, settings.data)
    db = db or open_db(settings.database, settings.data)
    vault.check(db)

    def org() -> Organisation:
        return contents.organisation.current

    def words() -> Words:
        return org().words

    def link(number: str) -> str:
        return f"{settings.url}/console/tickets/{number}"

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
        settings, db, vault, clock, identities, org, lambda name: platform_store(name, db), attachments.open
    )  # fmt: skip
    platforms = load_platforms(foundation) if channels is None else {}
    ours: dict[str, Channel] = {"web": WebChannel(web, clock)}
    channels = dict(channels or ours | {name: platform.channel for name, platform in platforms.items()})
    refuse_samples(settings, org(), channels)
    bridge, sandbox = LoopBridge(), Sandbox()
    deliverer = Deliverer(core, channels, clock, bridge, counted)
    oncall = OnCall(tickets_sql, pagers or [LogPager()], lambda: contents.rota.current, clock, link)
    tickets = Tickets(
        tickets_sql, identities, oncall, words, lambda: contents.sla.current, settings.ticket_prefix,
        lambda text: redact(text).text, attachments,
    )  # fmt: skip
    relay = Relay(tickets, core, words)
    mailroom = Mailroom(contents, settings, examiner or sandbox, clock.now)
    spool = Spool(
        settings.data / "spool", lambda data: vault.seal("spool", data), lambda data: vault.unseal("spool", data)
    )
    door = EmergencyDoor(
        emergency_flow.Parts(
            gate=lambda: contents.gate.current, organisation=org, escalation=tickets,
            redact=lambda text: redact(text).text, call=oncall.call, spool=spool,
            on_duty=lambda at: bool((rota := contents.rota.current) and rota.on_duty(at)),
        ),
        lambda: answers,
    )  # fmt: skip
    offers = Proposals(
        SqlQuestionStore(db), lambda: packaged_shelf(settings.overlay),
        lambda: answer_vocabulary(org(), contents.gate.current.kinds), org, settings.knowledge, settings.data / "cache",
        clock,
    )  # fmt: skip
    answers = Answers(
        lambda: contents.knowledge.current, org, tickets, SqlQuestionStore(db), door,
        lambda person, at: local_time(tickets.promise("S1", at), person, at), offers.propose,
    )  # fmt: skip
    nudges = Nudges(
        lessons=lambda: contents.lessons.current, organisation=org, directory=identities, store=SqlLearningStore(db),
        place_of=lambda key: _place_of(core, identities, vault, settings, platforms, key),
        meet=lambda people: identities.meet_all(people, clock.now()),
    )  # fmt: skip
    desk_room = room.DeskRoom(
        room.Parts(
            db=db, store=SqlRoomStore(db), tickets=tickets, identities=identities, organisation=org, channels=channels,
            places=lambda: [place for platform in platforms.values() if (place := platform.desk())], bridge=bridge,
            clock=clock,
        )
    )  # fmt: skip
    listeners: dict[type, tuple[Callable[[Work, Any], None], ...]] = {
        VerdictGiven: (nudges.on_verdict,), QuestionAsked: (nudges.on_question,), EmergencyRaised: (nudges.on_emergency,),
        TicketChanged: (desk_room.on_change,),
    }  # fmt: skip
    report_store = SqlReportStore(db)
    reports = reporting.Reports(
        reporting.Parts(
            db=db, store=report_store, core=core, auditor=audit, vault=vault, identities=identities, escalation=tickets,
            organisation=org, clock=clock, admit=admit, examine=mailroom.examine, listeners=listeners,
            committed=wake,
        )
    )  # fmt: skip
    desk = Desk(
        DeskParts(
            db=db, store=core, identities=identities, auditor=audit, clock=clock, organisation=org, emergencies=door,
            redact=redact, responders=(reports, relay, nudges, answers), listeners=listeners, committed=wake, count=counted,
            inside=desk_room.listens, room=desk_room,
            confidential=lambda message: front.confidential(message),  # noqa: PLW0108 (it is made of the whole)
            notice=lambda turn: contents.gate.current.secret_card(turn.removed, turn.lang, turn.values),
        )
    )  # fmt: skip
    app = App(
        settings, clock, db, vault, contents, core, web, identities, audit, desk, answers, tickets, oncall, reports,
        report_store, nudges, deliverer, channels, spool, listeners, sandbox, bridge, platforms, desk_room, relay, offers,
        SqlAmendStore(), count,
    )  # fmt: skip
    front = FrontDesk(app)
    holder.append(app)
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
    where = core.last_place(key)
    place = place_from(where) if where else None
    if place and place.private:
        return replace(place, thread="")  # not under whatever they wrote last
    for platform in platforms.values():
        if found := platform.place_of(key):
            return found
    person = identities.who(key) if settings.local_chat else None
    return web_place(vault, person.id) if person else None


def _today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()


def _ignore(_result: object) -> None:
    """Handlers return nothing."""
