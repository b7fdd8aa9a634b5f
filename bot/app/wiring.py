"""What the web application gets from the rest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.channels.slack_blocks import blocks
from adapters.channels.teams_cards import adaptive_cards
from adapters.engine import DbosJobs
from adapters.stores.console import SqlConsoleStore
from adapters.stores.mail_words import SqlMailSearch
from adapters.stores.questions import SqlQuestionStore
from adapters.web.authoring_preview import Translators
from adapters.web.authoring_services import Authors
from adapters.web.campaign_services import Campaigns
from adapters.web.metrics import Metrics
from adapters.web.partner_services import PartnerServices
from adapters.web.procedure_services import Procedures as ProcedureServices
from adapters.web.services import KnowledgeState, Loaded, Planned, Remark, WebServices
from bot import __version__
from bot.answering.answer_card import answer_card
from bot.answering.entries import Entry
from bot.answering.redaction import redact
from bot.answering.standard import StandardReplies
from bot.answering.unanswered import Unanswered, Vectors
from bot.app import App, calling, gauges, tracking
from bot.app.analysts import mail_desk
from bot.app.api import make_api
from bot.app.figures import make_figures
from bot.app.papers import printed
from bot.cards import Card
from bot.errors import ConfigError, StoreUnavailable
from bot.health import Check, Health
from bot.organisation import pick

if TYPE_CHECKING:
    from adapters.web.oidc import Provider
    from bot.app.serving import Edge

log = logging.getLogger(__name__)


def web_services(app: App, edge: Edge, metrics: Metrics, jobs: DbosJobs) -> WebServices:
    """The bundle that `create_web` needs."""
    return WebServices(
        containment=app.calling.containment, codes=app.calling.codes, procedures=procedures(app),
        settings=app.settings, clock=app.clock, vault=app.vault, identities=app.identities, directory=app.directory,
        core=app.core, web=app.web, sessions=app.sessions, console=SqlConsoleStore(app.db), provider=provider(app),
        tickets=app.tickets, undo=app.undo,
        standard=StandardReplies(lambda: app.contents.knowledge.current.library, app.organisation, app.authoring.today),
        words=lambda: app.organisation().words, org=app.organisation, handle=edge.handle, deliver=app.deliver,
        work=app.work, run=edge.run, health=lambda: health(app, jobs), knowledge=lambda: knowledge(app),
        nudge_plan=lambda: planned(app), verify_audit=app.verify_audit, redact=lambda text: redact(text).text,
        metrics=metrics, watched=lambda: gauges.read(app, jobs), metrics_token=app.settings.metrics_token,
        mail_desk=mail_desk(app), authors=authors(app), unanswered=unanswered(app),
        tracking=app.tracking, campaigns=Campaigns(app.nudges, app.waves, behind, app.switchover),
        triage=app.triage, measures=app.measures, figures=make_figures(app), api=make_api(app),
        handed=app.handing.out, sources=app.sources,
        partners=PartnerServices(app.partners, printed), targets=app.targets, about=app.about,
        duty=app.calling.duty, paging=app.calling.paging, mail_search=SqlMailSearch(app.db), retention=app.retention,
    )  # fmt: skip


def provider(app: App) -> Provider | None:
    """The sign-in provider; None without one. Raises `ConfigError` where what it needs is not installed."""
    if not app.settings.issuer:
        return None
    try:
        from adapters.web.oidc import Provider  # noqa: PLC0415 (its libraries only where it is on)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"signin.issuer needs the extra oidc ({error.name} is missing): pip install 'secdesk[oidc]'"
        ) from error
    return Provider(app.settings, app.clock.now)


def procedures(app: App) -> ProcedureServices:
    """What the pages of procedures need."""
    made = app.procedures
    return ProcedureServices(
        made.runs,
        lambda: app.contents.procedures.current,
        made.improving,
        made.exports,
        made.trail,
        made.supervision.offers,
    )


def behind(work: Callable[[], object]) -> None:
    """Run something that takes a while, without anybody waiting for it."""

    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("something behind the scenes failed")

    threading.Thread(target=run, name="behind", daemon=True).start()


def authors(app: App) -> Authors:
    """What the pages for authors need."""

    def card(entry: Entry, lang: str, roles: frozenset[str]) -> Card:
        org = app.organisation()
        number = f"{app.settings.ticket_prefix}-100" if entry.severity == "S2" else ""
        return answer_card(
            entry.told_to(roles),
            lang,
            org.values("", lang),
            org.words,
            app.authoring.today(),
            question="preview",
            ticket=number,
        )

    return Authors(app.authoring, card, Translators(lambda shown: blocks(shown, {}), adaptive_cards), app.updates)


def unanswered(app: App) -> Unanswered:
    """What the page of unanswered questions reads."""
    return Unanswered(
        SqlQuestionStore(app.db), lambda: app.contents.knowledge.current, Vectors(lambda: app.contents.search.encoders),
        lambda: [person.name for person in app.directory.people()],
    )  # fmt: skip


def health(app: App, jobs: DbosJobs) -> Health:
    """Ready: a message that comes in now is stored and answered, and its jobs run."""
    checks = [Check("version", "ok", __version__)]
    stored = True
    try:
        counts = app.core.outbox_counts()
        failed, waiting = counts.get("failed", 0), counts.get("queued", 0)
        checks.append(Check("database", "ok", f"{app.db.dialect}, answering"))
        says = f"{waiting} waiting, {failed} given up"
        checks.append(Check("outbox", "note", says, "see below") if failed else Check("outbox", "ok", says))
    except StoreUnavailable as error:
        stored = False
        mend = "emergencies are still answered and spooled; mend the database"
        checks.append(Check("database", "bad", str(error), mend))
    state, trouble = jobs.state()
    running = state in {"running", "starting"}
    checks.append(Check("jobs", "ok" if running else "bad", state, trouble))
    faults = [*app.contents.faults(), *app.shared.faults]
    says = f"{len(faults)} fault(s): the last good version is in use" if faults else "no faults"
    checks.append(Check("content", "note" if faults else "ok", says, "see Knowledge" if faults else ""))
    mode = app.search_mode()
    checks.append(Check("search", "ok" if mode == "full" else "note", f"{mode} mode"))
    checks += calling.examine(app)
    checks += tracking.health(app)
    for name in app.channels:
        on = name != "web" or app.settings.local_chat
        checks.append(Check(f"channel {name}", "ok" if on else "note", "on" if on else "off"))
    checks += [check for platform in app.platforms.values() for check in platform.health()]
    checks += [app.watch.health()] if app.watch else []
    waiting_spool = len(app.spool.waiting())
    if waiting_spool:
        checks.append(Check("spool", "note", f"{waiting_spool} emergencies wait for the database"))
    return Health(tuple(checks), ready=stored and running)


def knowledge(app: App) -> KnowledgeState:
    """What content is in use, what is wrong on disk, and what time has done."""
    contents = app.contents
    answers, lessons, register = contents.knowledge.current.library, contents.lessons.current, contents.register.current
    loaded = (
        Loaded("answers", len(answers.published()), contents.knowledge.faults),
        Loaded("lessons", len(lessons.lessons), contents.lessons.faults),
        Loaded("procedures", len(contents.procedures.current.published()), contents.procedures.faults),
        Loaded("emergencies", len(contents.gate.current.kinds), contents.gate.current.faults),
        Loaded("people", sum(1 for _ in app.directory.people()), contents.people.faults),
        Loaded("organisation", len(app.organisation().values()), contents.organisation.faults),
        Loaded("on call", len(contents.rota.current.file.weekly) if contents.rota.current else 0, contents.rota.faults),
        Loaded("mail checks", len(contents.mail.current.signs), contents.mail.faults),
        Loaded("register", len(register.items), contents.register.faults),
    )
    remarks = tuple(Remark(note.kind, note.entry, note.file, note.what, note.mend) for note in answers.notes)
    remarks += tuple(Remark(note.kind, note.lesson, note.file, note.what, note.mend) for note in lessons.notes)
    remarks += tuple(
        Remark(note.kind, note.procedure, note.file, note.what, note.mend) for note in contents.procedures.current.notes
    )
    remarks += tuple(
        Remark("expired", item.name, register.file, f"this held until {item.until}",
               f"{item.owner}: set a later day, or take it out")
        for item in register.expired(datetime.fromtimestamp(app.clock.now(), UTC).date())
    )  # fmt: skip
    return KnowledgeState(loaded, remarks)


def planned(app: App) -> list[Planned]:
    """The nudge plan, in words."""
    lang, lessons = app.organisation().file.language, app.contents.lessons.current.lessons
    rows = []
    for decision in app.nudge_plan():
        lesson = lessons.get(decision.lesson)
        title = pick(lesson.title, lang) if lesson else decision.lesson
        rows.append(Planned(app.identities.name(decision.person), title, decision.when or 0.0, decision.words))
    return rows
