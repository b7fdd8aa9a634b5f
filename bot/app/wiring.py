"""What the web application gets from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.engine import DbosJobs
from adapters.stores.console import SqlConsoleStore
from adapters.web.metrics import Metrics
from adapters.web.services import KnowledgeState, Loaded, Planned, Remark, WebServices
from bot import __version__
from bot.answering.redaction import redact
from bot.app import App
from bot.errors import StoreUnavailable
from bot.health import Check, Health
from bot.organisation import pick

if TYPE_CHECKING:
    from bot.app.serving import Edge


def web_services(app: App, edge: Edge, metrics: Metrics, jobs: DbosJobs) -> WebServices:
    """The bundle that `create_web` needs."""
    return WebServices(
        settings=app.settings, clock=app.clock, vault=app.vault, identities=app.identities, directory=app.directory,
        core=app.core, web=app.web, console=SqlConsoleStore(app.db), tickets=app.tickets,
        words=lambda: app.organisation().words, org=app.organisation, handle=edge.handle, deliver=app.deliver,
        work=app.work, run=edge.run, health=lambda: health(app, jobs), knowledge=lambda: knowledge(app),
        nudge_plan=lambda: planned(app), verify_audit=app.verify_audit, redact=lambda text: redact(text).text,
        metrics=metrics,
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
    faults = app.contents.faults()
    says = f"{len(faults)} fault(s): the last good version is in use" if faults else "no faults"
    checks.append(Check("content", "note" if faults else "ok", says, "see Knowledge" if faults else ""))
    mode = app.search_mode()
    checks.append(Check("search", "ok" if mode == "full" else "note", f"{mode} mode"))
    rota = app.contents.rota.current
    duty = rota.on_duty(app.clock.now()) if rota else []
    if duty:
        checks.append(Check("on call", "ok", f"now {duty[0]}"))
    else:
        checks.append(Check("on call", "bad", "nobody is on call", "fill oncall.yaml"))
    for name in app.channels:
        on = name != "web" or app.settings.local_chat
        checks.append(Check(f"channel {name}", "ok" if on else "note", "on" if on else "off"))
    checks += [check for platform in app.platforms.values() for check in platform.health()]
    waiting_spool = len(app.spool.waiting())
    if waiting_spool:
        checks.append(Check("spool", "note", f"{waiting_spool} emergencies wait for the database"))
    return Health(tuple(checks), ready=stored and running)


def knowledge(app: App) -> KnowledgeState:
    """What content is in use, what is wrong on disk, and what time has done."""
    contents = app.contents
    answers, lessons = contents.knowledge.current.library, contents.lessons.current
    loaded = (
        Loaded("answers", len(answers.published()), contents.knowledge.faults),
        Loaded("lessons", len(lessons.lessons), contents.lessons.faults),
        Loaded("emergencies", len(contents.gate.current.kinds), contents.gate.current.faults),
        Loaded("people", sum(1 for _ in app.directory.people()), contents.people.faults),
        Loaded("organisation", len(app.organisation().values()), contents.organisation.faults),
        Loaded("on call", len(contents.rota.current.file.weekly) if contents.rota.current else 0, contents.rota.faults),
        Loaded("mail checks", len(contents.mail.current.signs), contents.mail.faults),
    )
    remarks = tuple(Remark(note.kind, note.entry, note.file, note.what, note.mend) for note in answers.notes)
    remarks += tuple(Remark(note.kind, note.lesson, note.file, note.what, note.mend) for note in lessons.notes)
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
