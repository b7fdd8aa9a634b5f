"""Endpoints of reported mail. What an outsider wrote is defanged before it is stored, and goes out as text only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.web.api import shapes
from adapters.web.api.endpoint import Call, Change, Endpoint, cursor_of, place_of, sent_shape
from bot.errors import NotFound
from bot.ports import Row
from bot.reporting.mail_desk import Dossier, MailDesk
from bot.turn import Work

ENGINE = ("", "secdesk")  # who decided, where no person did


def endpoints(desk: MailDesk) -> list[Endpoint]:
    """Where there is a desk for mail."""

    def listed(call: Call) -> shapes.ReportPage:
        query = call.query
        before = place_of(query.cursor, (float, str))
        rows = desk.cases_before(query.state, before, query.limit + 1)
        shown = rows[: query.limit]
        more = cursor_of(repr(float(shown[-1]["reported_at"])), shown[-1]["id"]) if len(rows) > query.limit else None
        return shapes.ReportPage(items=[shapes.Report(**_case(row, row["mails"])) for row in shown], next=more)

    def one(call: Call) -> shapes.ReportWhole:
        dossier = _dossier(call)
        call.seen("report.opened", dossier.number)
        ticket, facts, verdict = call.services.tickets.get(dossier.number), dossier.facts, dossier.verdict
        row = {**dossier.case, "severity": ticket.severity, "subject": ticket.subject, "ticket": ticket.number}
        return shapes.ReportWhole(
            **_case(row, len(dossier.mails)),
            signs=[shapes.Sign(check=item.check, what=item.sign) for item in verdict.signs] if verdict else [],
            unchecked=list(verdict.unchecked) if verdict else [], sender=str(facts.get("from", "")),
            mail_subject=str(facts.get("subject", "")), links=[_link(item) for item in facts.get("links", ())],
            attachments=[str(item.get("name", "")) for item in facts.get("attachments", ())],
            mail_ids=[str(mail["sha256"]) for mail in dossier.mails],
            reporters=len(dossier.reporters), reached=dossier.reach[0], warned=dossier.reach[1],
        )  # fmt: skip

    def judge(call: Call, work: Work) -> shapes.Sent:
        dossier, body = _dossier(call), call.body
        fields = {"kind": body.kind, "note": call.services.redact(body.note), "sha256": str(dossier.row["sha256"]),
                  "every": "1" if body.every else ""}  # fmt: skip
        sent = call.services.undo.send(work, "verdict", dossier.number, call.person, fields)
        return sent_shape(dossier.number, f"/reports/{dossier.number}", sent)

    def merge(call: Call, work: Work) -> tuple[str, str]:
        number, into = _dossier(call).number, call.services.tickets.get(call.body.into).number
        desk.merge(work, number, into, call.person, call.services.redact(call.body.why))
        return into, f"/reports/{into}"

    def split(call: Call) -> tuple[Change, Callable[[], object]]:
        if call.body.mail not in [mail["sha256"] for mail in _dossier(call).mails]:
            raise NotFound(call.body.mail)
        apart = desk.split(call.body.mail, call.person, call.services.redact(call.body.why))

        def change(_call: Call, work: Work) -> tuple[str, str]:
            number = apart(work)
            return number, f"/reports/{number}"

        return change, _nothing

    def warn(call: Call, work: Work) -> tuple[str, str]:
        number = _dossier(call).number
        if call.body.role:
            desk.warn_role(work, number, call.body.role, call.person)
        else:
            desk.warn(work, number, call.person)
        return number, f"/reports/{number}"

    def ask(call: Call) -> tuple[Change, Callable[[], object]]:
        dossier, kind = _dossier(call), call.body.kind
        target = desk.target(call.services.work, str(dossier.row["sha256"]), kind, call.person)

        def change(_call: Call, work: Work) -> tuple[str, str]:
            desk.ask(work, dossier.number, kind, target, call.person)
            return dossier.number, f"/reports/{dossier.number}"

        return change, _nothing

    def _dossier(call: Call) -> Dossier:
        row = call.services.console.mail_of_ticket(call.services.tickets.get(call.path["number"]).number)
        if row is None:
            raise NotFound(call.path["number"])
        return desk.dossier(str(row["sha256"]))

    return [
        Endpoint("GET", "/reports", "see", "Reported mail", "Cases, the newest first", shapes.ReportPage, listed,
                 query=shapes.ReportQuery),
        Endpoint("GET", "/reports/{number}", "see", "Reported mail", "A case by its ticket", shapes.ReportWhole, one),
        Endpoint("POST", "/reports/{number}/verdict", "work", "Reported mail", "Give a person's verdict; it answers everybody "
                 "who reported it", shapes.Sent, change=judge, body=shapes.Judged),
        Endpoint("POST", "/reports/{number}/merge", "work", "Reported mail", "Put the case together with another one, whose "
                 "verdict holds for it", shapes.Changed, change=merge, body=shapes.Merged),
        Endpoint("POST", "/reports/{number}/split", "work", "Reported mail", "Make one of its mails a case of its own",
                 shapes.Changed, prepare=split, body=shapes.Split),
        Endpoint("POST", "/reports/{number}/warn", "work", "Reported mail", "Warn those whom the mail is aimed at",
                 shapes.Changed, change=warn, body=shapes.Warned),
        Endpoint("POST", "/reports/{number}/actions", "work", "Reported mail", "Ask for a purge or a block",
                 shapes.Changed, prepare=ask, body=shapes.Asked),
    ]  # fmt: skip


def _nothing() -> None:
    """What comes after most changes."""


def _case(row: Row | Mapping[str, Any], mails: int) -> dict[str, Any]:
    return {
        "ticket": row["ticket"], "subject": row["subject"], "severity": row["severity"], "verdict": row["kind"],
        "judged_by_a_person": row["decided_by"] not in ENGINE, "reports": row["reports"], "mails": mails,
        "delivered_at": shapes.moment(row["delivered_at"]), "reported_at": shapes.moment(row["reported_at"]),
        "decided_at": shapes.moment(row["decided_at"]),
    }  # fmt: skip


def _link(item: Mapping[str, Any]) -> str:
    """What a link shows and where it leads, defanged."""
    shown, goes = str(item.get("shown", "")), str(item.get("goes_to", ""))
    return f"{shown} -> {goes}" if shown and shown != goes else goes
