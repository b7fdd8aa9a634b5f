"""Endpoints of everything that is neither a ticket nor a mail: people, knowledge, campaigns, figures, audit, on call, tokens."""

from __future__ import annotations

import json
from collections.abc import Callable

from adapters.web.api import shapes
from adapters.web.api.endpoint import Call, Endpoint, cursor_of, place_of
from adapters.web.campaign_services import Campaigns
from adapters.web.partner_services import PartnerServices
from bot import periods
from bot.answering.authoring import Authoring
from bot.answering.entries import Entry
from bot.errors import Conflict, NotFound
from bot.figures.service import METRICS, TOTAL, Metric, Pooled, ServiceFigures
from bot.helpdesk.duty import Duty
from bot.helpdesk.paging import Paging
from bot.learning.waves import Progress, Waves
from bot.model import Person
from bot.organisation import pick
from bot.retention import Retention
from bot.tokens import Tokens
from bot.turn import Work

SHOWN = 200


def me(call: Call) -> shapes.Me:
    """The token and whom it acts as."""
    token = call.token
    return shapes.Me(
        id=token.id, name=token.name, scopes=sorted(token.scopes), expires_at=shapes.moment(token.expires_at),
        person=shapes.Who(id=call.person.id, name=call.person.name), roles=sorted(call.roles),
    )  # fmt: skip


# people


def people(call: Call) -> shapes.PersonPage:
    """By id."""
    after = place_of(call.query.cursor, (str,))
    wanted = call.query.q.casefold()
    found = sorted(
        (one for one in call.services.directory.people() if wanted in f"{one.name}\n{one.email}\n{one.id}".casefold()),
        key=lambda one: one.id,
    )
    rest = [one for one in found if after is None or one.id > after[0]]
    page, more = rest[: call.query.limit], len(rest) > call.query.limit
    return shapes.PersonPage(items=[_person(one) for one in page], next=cursor_of(page[-1].id) if more else None)


def person(call: Call) -> shapes.Person:
    """Their looking-up is in the audit log."""
    found = call.services.identities.find(call.path["id"])
    if found is None:
        raise NotFound(call.path["id"])
    if found.key:
        call.seen("people.opened", found.key)
    return _person(found)


def _person(one: Person) -> shapes.Person:
    return shapes.Person(id=one.id, name=one.name, email=one.email, roles=sorted(one.roles), entity=one.entity,
                         language=one.language, timezone=one.timezone)  # fmt: skip


# knowledge


def knowledge(
    authoring: Authoring, ask: Callable[[str, Person], tuple[str, str, tuple[str, ...], float, str]]
) -> list[Endpoint]:
    """`ask`: (outcome, entry, suggestions, confidence, text) for a question by somebody."""

    def listed(call: Call) -> shapes.EntryPage:
        after = place_of(call.query.cursor, (str,))
        published = sorted(authoring.library.published(), key=lambda entry: entry.id)
        rest = [
            entry for entry in published
            if (after is None or entry.id > after[0]) and call.query.group in ("", entry.group)
        ]  # fmt: skip
        page, more = rest[: call.query.limit], len(rest) > call.query.limit
        return shapes.EntryPage(
            items=[shapes.Entry(**_entry(call, entry)) for entry in page], next=cursor_of(page[-1].id) if more else None
        )

    def one(call: Call) -> shapes.EntryWhole:
        entry = next((item for item in authoring.library.published() if item.id == call.path["id"]), None)
        if entry is None:
            raise NotFound(call.path["id"])
        text = {lang: _plain(told) for lang, told in entry.answer.items()}
        return shapes.EntryWhole(
            **_entry(call, entry), text=text, questions=dict(entry.questions), related=list(entry.related)
        )

    def answer(call: Call) -> shapes.Answer:
        outcome, entry, suggestions, confidence, text = ask(call.body.text, call.person)
        return shapes.Answer(
            outcome=outcome, entry=entry, suggestions=list(suggestions), confidence=confidence, text=text
        )

    return [
        Endpoint("GET", "/knowledge", "see", "Knowledge", "Answers in use, by id", shapes.EntryPage, listed,
                 query=shapes.EntryQuery),
        Endpoint("GET", "/knowledge/{id}", "see", "Knowledge", "One answer", shapes.EntryWhole, one),
        Endpoint("POST", "/knowledge/ask", "see", "Knowledge", "Try a question: nothing is stored, nobody is called",
                 shapes.Answer, answer, body=shapes.Question),
    ]  # fmt: skip


def _entry(call: Call, entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id, "title": pick(entry.title, call.person.language), "group": entry.group, "severity": entry.severity,
        "owner": entry.owner, "languages": sorted(entry.answer), "reviewed": entry.reviewed.isoformat(),
        "review_due": entry.review_due.isoformat(), "version": entry.version,
    }  # fmt: skip


def _plain(told: object) -> str:
    """An answer's parts as lines."""
    parts = told.model_dump() if hasattr(told, "model_dump") else told
    if isinstance(parts, dict):
        return "\n".join(filter(None, map(_plain, parts.values())))
    return "\n".join(map(_plain, parts)) if isinstance(parts, (list, tuple)) else str(parts or "")


# campaigns


def campaigns(parts: Campaigns) -> list[Endpoint]:
    """Tips to many."""
    waves = parts.waves

    def listed(_call: Call) -> shapes.Campaigns:
        return shapes.Campaigns(items=[_campaign(one) for one in waves.all()])

    def one(call: Call) -> shapes.Campaign:
        return _campaign(waves.progress(call.path["id"]))

    def verb(name: str) -> Callable[[Call, Work], tuple[str, str]]:
        def run(call: Call, work: Work) -> tuple[str, str]:
            wave = waves.progress(call.path["id"]).id
            if not _held(waves, name, work, call.person.key, wave):
                raise Conflict(f"{wave} cannot: {name}")
            return wave, f"/campaigns/{wave}"

        return run

    tag = "Campaigns"
    return [
        Endpoint("GET", "/campaigns", "see", tag, "The newest campaigns", shapes.Campaigns, listed),
        Endpoint("GET", "/campaigns/{id}", "see", tag, "How far one is", shapes.Campaign, one),
        *(
            Endpoint("POST", f"/campaigns/{{id}}/{name}", "send", tag, f"{name.capitalize()} one", shapes.Changed,
                     change=verb(name))
            for name in ("pause", "resume", "cancel")
        ),
    ]  # fmt: skip


def _held(waves: Waves, name: str, work: Work, actor: str, wave: str) -> bool:
    match name:
        case "pause":
            return waves.pause(work, actor, wave)
        case "resume":
            return waves.resume(work, actor, wave)
    if waves.progress(wave).state not in {"planning", "running", "paused"}:
        return False
    waves.cancel(work, actor, wave)
    return True


def _campaign(one: Progress) -> shapes.Campaign:
    return shapes.Campaign(
        id=one.id, title=one.title, lesson=one.lesson, state=one.state, test=one.test, started_at=shapes.moment(one.at),
        total=one.total, counts=dict(one.counts), reasons=dict(one.reasons),
    )  # fmt: skip


# figures


def metrics(figures: ServiceFigures) -> list[Endpoint]:
    """What the page of metrics shows."""

    def shown(call: Call) -> shapes.Metrics:
        chosen = periods.chosen(call.query.first, call.query.last, call.services.clock.now(), figures.zone())
        read, items = figures.read(chosen), []
        for metric in METRICS:
            cells = (TOTAL, *metric.cells)
            parts = [
                shapes.Period(
                    period=name, cells=[_figure(metric, cell, read.one(metric, name, cell)) for cell in cells]
                )
                for name in read.periods(metric)
            ]
            whole = [_figure(metric, cell, read.pooled(metric, cell)) for cell in cells]
            items.append(shapes.Metric(name=metric.name, shape=metric.shape, whole=whole, periods=parts))
        return shapes.Metrics(first=chosen.first, last=chosen.last, items=items)

    return [Endpoint("GET", "/metrics", "see", "Metrics", "How the desk does, by month", shapes.Metrics, shown,
                     query=shapes.Months)]  # fmt: skip


def _figure(metric: Metric, cell: str, one: Pooled) -> shapes.Figure:
    timed = metric.shape == "time"
    return shapes.Figure(
        cell=cell, n=one.n, share=None if timed else one.share, median_seconds=one.within(0.5) if timed else None,
        p90_seconds=one.within(0.9) if timed else None,
    )  # fmt: skip


# audit


def audit(call: Call) -> shapes.AuditPage:
    """The newest rows of the chain first."""
    before = place_of(call.query.cursor, (int,))
    rows = call.services.console.audit_tail(call.query.limit + 1, before[0] if before else 0)
    page, more = rows[: call.query.limit], len(rows) > call.query.limit
    items = [
        shapes.AuditRow(seq=row["seq"], at=shapes.moment(row["at"]), actor=row["actor"], action=row["action"],
                        subject=row["subject"],
                        detail={name: str(value) for name, value in json.loads(row["detail"] or "{}").items()})
        for row in page
    ]  # fmt: skip
    return shapes.AuditPage(items=items, next=cursor_of(page[-1]["seq"]) if more else None)


# on call


def oncall(duty: Duty, paging: Paging) -> list[Endpoint]:
    """Duty and calls."""

    def shown(_call: Call) -> shapes.OnCall:
        overview = duty.overview()
        return shapes.OnCall(
            order=[shapes.Who(id=one.id, name=one.name) for one in overview.order], until=shapes.moment(overview.until),
            turns=[
                shapes.Turn(name=name, start=shapes.moment(start), end=shapes.moment(end)) for name, start, end in overview.turns
            ],
        )  # fmt: skip

    def calls(call: Call) -> shapes.Calls:
        return shapes.Calls(items=[
            shapes.CallOut(key=row["key"], ticket=row["ticket"], summary=row["summary"], state=row["state"],
                           called_at=shapes.moment(row["created_at"]), acknowledged_at=shapes.moment(row["acknowledged_at"]))
            for row in call.services.console.pages(SHOWN)
        ])  # fmt: skip

    def acknowledge(call: Call, work: Work) -> tuple[str, str]:
        row = paging.row(call.path["key"])
        if row is None:
            raise NotFound(call.path["key"])
        if not paging.acknowledge(work, row["key"], call.person):
            raise Conflict("somebody has this call already")
        return row["key"], "/oncall/calls"

    tag = "On call"
    return [
        Endpoint("GET", "/oncall", "see", tag, "Who is called, now and next", shapes.OnCall, shown),
        Endpoint("GET", "/oncall/calls", "see", tag, "Calls to whoever is on duty", shapes.Calls, calls),
        Endpoint("POST", "/oncall/calls/{key}/acknowledge", "work", tag, "Say that you have it", shapes.Changed,
                 change=acknowledge),
    ]  # fmt: skip


# partners


def partners(parts: PartnerServices) -> list[Endpoint]:
    """What the list of partners shows."""

    def listed(call: Call) -> shapes.PartnerList:
        names, found = call.services.tickets.partners(), parts.partners
        items = []
        for name, contract in found.parts.contracts().items():
            now = found.reports.now(contract)
            items.append(shapes.PartnerOut(
                id=name, name=names.get(name, name), n=now.total.n, kept=now.total.kept,
                rates=[shapes.Kept(severity=severity, what=what, n=rate.n, kept=rate.kept)
                       for (severity, what), rate in sorted(now.rates.items())],
                breaches=len(now.breaches), open_actions=len(found.actions.of(name)),
                open_disputes=sum(row["state"] == "open" for row in found.disputes.of(name)),
            ))  # fmt: skip
        return shapes.PartnerList(items=items)

    return [
        Endpoint("GET", "/partners", "see", "Partners", "Partners and the running month", shapes.PartnerList, listed)
    ]


# privacy


def privacy(retention: Retention) -> list[Endpoint]:
    """How long things are kept, and legal holds."""

    def kept(call: Call) -> shapes.RetentionOut:
        night, lang = retention.last(), call.person.language
        return shapes.RetentionOut(
            last_run_at=shapes.moment(night.at) if night else None, waited=bool(night and night.waited),
            items=[
                shapes.RetentionKind(id=one.name, what=pick(one.kind.what, lang), why=pick(one.kind.why, lang),
                                     days=one.days or None, ends_by_itself=one.kind.own,
                                     deleted_last_run=night.gone.get(one.name, 0) if night else 0)
                for one in retention.plan(call.services.clock.now(), count=False)
            ],
        )  # fmt: skip

    def holds(call: Call) -> shapes.Holds:
        rows = retention.holds(open_only=not call.query.lifted)
        return shapes.Holds(items=[
            shapes.Hold(subject=row["subject"], why=row["why"], placed_by=call.who(row["placed_by"]),
                        placed_at=shapes.moment(row["at"]), lifted_by=call.who(row["released_by"]),
                        lifted_at=shapes.moment(row["released_at"]), lifted_why=row["released_why"])
            for row in rows
        ])  # fmt: skip

    def place(call: Call, work: Work) -> tuple[str, str]:
        retention.hold(work, call.body.subject, call.body.why, call.person.key)
        return call.body.subject, "/privacy/holds"

    def lift(call: Call, work: Work) -> tuple[str, str]:
        retention.release(work, call.path["subject"], call.body.why, call.person.key)
        return call.path["subject"], "/privacy/holds"

    tag = "Privacy"
    return [
        Endpoint("GET", "/privacy/retention", "see", tag, "How long each kind of data is kept, and the last night",
                 shapes.RetentionOut, kept),
        Endpoint("GET", "/privacy/holds", "see", tag, "Legal holds, the newest first", shapes.Holds, holds,
                 query=shapes.HoldQuery),
        Endpoint("POST", "/privacy/holds", "manage", tag, "Place one: nothing of that ticket or run is deleted",
                 shapes.Changed, change=place, body=shapes.NewHold, status=201),
        Endpoint("POST", "/privacy/holds/{subject}/lift", "manage", tag, "Lift one: its time counts again",
                 shapes.Changed, change=lift, body=shapes.Why),
    ]  # fmt: skip


# tokens


def tokens(kept: Tokens) -> list[Endpoint]:
    """Looking at tokens and ending them. Making one takes the console or the command line: it is shown once."""

    def listed(call: Call) -> shapes.TokenList:
        now = call.services.clock.now()
        return shapes.TokenList(items=[
            shapes.TokenOut(id=one.id, name=one.name, person=call.who(one.person), scopes=sorted(one.scopes),
                            state=one.state(now), created_at=shapes.moment(one.created_at),
                            expires_at=shapes.moment(one.expires_at), used_at=shapes.moment(one.used_at))
            for one in kept.all()
        ])  # fmt: skip

    def revoke(call: Call, work: Work) -> tuple[str, str]:
        kept.revoke(work, call.path["id"], call.person.key)
        return call.path["id"], "/tokens"

    tag = "Tokens"
    return [
        Endpoint("GET", "/me", "see", tag, "The token that asks", shapes.Me, me),
        Endpoint(
            "GET", "/tokens", "manage", tag, "All tokens, without the tokens themselves", shapes.TokenList, listed
        ),
        Endpoint("DELETE", "/tokens/{id}", "manage", tag, "End one now", shapes.Changed, change=revoke),
    ]


def rest() -> list[Endpoint]:
    """What is always there."""
    return [
        Endpoint("GET", "/people", "people", "People", "The directory, by id", shapes.PersonPage, people,
                 query=shapes.PeopleQuery),
        Endpoint("GET", "/people/{id}", "people", "People", "One of the directory, by id or address", shapes.Person, person),
        Endpoint("GET", "/audit", "see", "Audit", "The audit chain, the newest first", shapes.AuditPage, audit,
                 query=shapes.Paged),
    ]  # fmt: skip
