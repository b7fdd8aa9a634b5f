"""Pages about partners: overview, monthly report, review with its actions, disputes. The pillar itself says who may do what."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from adapters.papers.html import fragment
from adapters.web.console import Done, Frame, Look
from adapters.web.partner_services import PartnerServices
from adapters.web.signin import HOME
from bot.contracts import Contract, said
from bot.errors import NotFound, Refused
from bot.partners.actions import Action
from bot.partners.agenda import agenda, plain
from bot.partners.disputes import SAID
from bot.partners.figures import before, month_of
from bot.ports import Row
from bot.turn import Work

LOOK_BACK = 90 * 86_400.0  # seconds of breaches that the overview lists
MOST = 50


class PartnerPages:
    """Routes below `/console/partners` and `/console/disputes`."""

    def __init__(self, frame: Frame, services: PartnerServices) -> None:
        self._frame, self._services = frame, frame.services
        self._partners, self._print = services.partners, services.printer

    def routes(self) -> list[Route]:
        frame, one = self._frame, "/partners/{partner}"
        return [
            frame.view("/partners", self.every, "see"),
            frame.view(f"{one}", self.overview, "see"),
            frame.view(f"{one}/report/{{month}}", self.report, "see"),
            frame.view(f"{one}/report/{{month}}/pdf", self.report_pdf, "see"),
            frame.view(f"{one}/report/{{month}}/json", self.report_json, "see"),
            frame.view(f"{one}/review", self.review, "see"),
            frame.view(f"{one}/review/ics", self.calendar, "see"),
            frame.change(f"{one}/issue", self.issue, "work"),
            frame.change(f"{one}/dispute", self.open_dispute, "work"),
            frame.change(f"{one}/review/{{verb}}", self.act, dict.fromkeys(_REVIEW, "work")),
            frame.view("/disputes/{id}", self.dispute, "see"),
            frame.view("/disputes/{id}/pdf", self.dispute_pdf, "see"),
            frame.view("/disputes/{id}/json", self.dispute_json, "see"),
            frame.change("/disputes/{id}/{verb}", self.dispute_act, dict.fromkeys(("say", "step", "close"), "work")),
        ]

    # overview

    def every(self, look: Look) -> Response:
        """All partners, each in a few lines."""
        return self._frame.page(look, "partners.html", cards=[
            self._summary(contract, self._partners.actions.of(contract.id), self._partners.disputes.of(contract.id))
            for contract in self._partners.parts.contracts().values()
        ], tools=self._tools(look))  # fmt: skip

    def overview(self, look: Look) -> Response:
        """One partner: contract, attainment now, breaches, actions, risks, pulse, disputes."""
        contract, parts = self._contract(look), self._partners.parts
        now = parts.clock.now()
        this = month_of(now, parts.zone)
        issued = set(self._partners.reports.months(contract.id))
        months = sorted({*issued, before(this), this}, reverse=True)[:12]
        actions, disputes = self._partners.actions.of(contract.id), self._partners.disputes.of(contract.id)
        return self._frame.page(
            look, "partner.html", **self._summary(contract, actions, disputes), tools=self._tools(look), file=contract.file,
            breaches=self._partners.reports.breaches(contract, now - LOOK_BACK)[:MOST],
            actions=actions[:MOST], disputes=disputes[:MOST],
            months=[(month, month in issued, self._partners.reports.closed(month)) for month in months],
            pulse=self._partners.pulses.shown(contract, self._partners.pulses.quarter()),
            event=secrets.token_hex(12),
        )  # fmt: skip

    def _summary(self, contract: Contract, actions: Sequence[Action], disputes: Sequence[Row]) -> dict[str, Any]:
        parts, today = self._partners.parts, self._partners.parts.today()
        return {
            "partner": contract, "figures": self._partners.reports.now(contract), "today": today, "ends": contract.ends(today),
            "ended": contract.ended(today), "notice": contract.notice(today), "next": self._partners.reviews.next(contract),
            "late": sum(one.late(today) for one in actions), "zone": parts.zone,
            "open_disputes": sum(row["state"] == "open" for row in disputes),
        }  # fmt: skip

    # the report

    def report(self, look: Look) -> Response:
        """A month: as it was issued, or a draft."""
        contract = self._contract(look)
        found = self._partners.reports.get(contract.id, look.request.path_params["month"])
        paper = self._partners.papers.report(found, look.person)
        return self._frame.page(
            look, "partner_report.html", partner=contract, report=found, tools=self._tools(look),
            paper=fragment(paper), closed=self._partners.reports.closed(found.month),
            intact=self._partners.reports.intact(found), title=paper.title,
            event=secrets.token_hex(12),
        )  # fmt: skip

    def report_pdf(self, look: Look) -> Response:
        found = self._partners.reports.get(self._contract(look).id, look.request.path_params["month"])
        return self._file(self._print(self._partners.papers.report(found, look.person)), "application/pdf",
                          f"{found.partner}-{found.month}.pdf")  # fmt: skip

    def report_json(self, look: Look) -> Response:
        found = self._partners.reports.get(self._contract(look).id, look.request.path_params["month"])
        text = json.dumps(
            {"sha256": found.sha256, "issued": found.issued, "body": found.body}, ensure_ascii=False, indent=1
        )
        return self._file(text.encode(), "application/json", f"{found.partner}-{found.month}.json")

    def issue(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Keep and send the report of a closed month."""
        contract, month = self._contract(look), fields.get("month", "")[:7]
        self._frame.once(
            look, fields, lambda work: self._partners.reports.issue_by(work, contract.id, month, look.person)
        )
        found = self._partners.reports.get(contract.id, month)
        key = "console.partner.issued_but" if found.unreached else "console.partner.issued"
        return Done(f"{HOME}/partners/{contract.id}/report/{month}", key,
                    {"month": month, "names": ", ".join(found.unreached)}, bad=bool(found.unreached))  # fmt: skip

    # the review

    def review(self, look: Look) -> Response:
        """The next review with its agenda, all actions, and the minutes so far."""
        contract = self._contract(look)
        found = self._partners.reviews.next(contract)
        return self._frame.page(
            look, "partner_review.html", partner=contract, review=found, points=self._agenda(look, contract),
            actions=self._partners.actions.of(contract.id, every=True)[:MOST], held=self._partners.reviews.held(contract.id),
            tools=self._tools(look), today=self._partners.parts.today(), zone=self._partners.parts.zone,
            may_finish=lambda action: self._partners.actions.may_finish(action, look.person),
            may_verify=lambda action: self._partners.actions.may_verify(action, look.person),
            people=[one for one in self._services.identities.people() if one.known], event=secrets.token_hex(12),
        )  # fmt: skip

    def _agenda(self, look: Look, contract: Contract) -> Any:
        here = self._partners
        return agenda(here.parts, here.actions, here.pulses, contract, here.reviews.next(contract), look.person)

    def calendar(self, look: Look) -> Response:
        """The next review as a calendar file."""
        from adapters.meetings import invitation  # noqa: PLC0415 (its library is loaded when somebody asks)

        contract = self._contract(look)
        found = self._partners.reviews.next(contract)
        title = self._frame.say(look, "partner.review.title", name=contract.name)
        points = plain(self._agenda(look, contract))
        data = invitation(found, contract, title, points, self._services.identities.find)
        return self._file(data, "text/calendar; charset=utf-8; method=PUBLISH", f"{contract.id}-{found.day}.ics")

    def act(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Minutes, and what happens to actions."""
        contract, verb = self._contract(look), look.request.path_params["verb"]
        actions, person, id_ = self._partners.actions, look.person, fields.get("id", "")[:20]
        text, day = fields.get("text", ""), fields.get("day", "")[:10]
        if verb not in ("minutes", "action") and actions.get(id_).partner != contract.id:
            raise NotFound(id_)

        def minutes(work: Work) -> None:
            self._partners.reviews.record(work, contract.id, self._day(look, day), text, person)

        def add(work: Work) -> None:
            actions.add(
                work, contract.id, text, fields.get("owner", "")[:80], day, person, fields.get("origin", "hand")[:40]
            )

        changes: dict[str, Callable[[Work], object]] = {
            "minutes": minutes, "action": add, "done": lambda work: actions.done(work, id_, text, person),
            "verify": lambda work: actions.verify(work, id_, person), "reject": lambda work: actions.reject(work, id_, person),
            "drop": lambda work: actions.drop(work, id_, text, person),
        }  # fmt: skip
        self._frame.once(look, fields, lambda work: _none(changes[verb](work)))
        return Done(f"{HOME}/partners/{contract.id}/review", f"console.partner.done.{verb}", {"id": id_})

    def _day(self, look: Look, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Refused(self._frame.say(look, "partner.needs_day")) from None

    # disputes

    def open_dispute(self, look: Look, fields: Mapping[str, str]) -> Done:
        """From a breach."""
        contract, made = self._contract(look), list[str]()
        ticket, breach = fields.get("ticket", "")[:20], fields.get("breach", "")[:60]
        self._frame.once(
            look, fields,
            lambda work: made.append(self._partners.disputes.open(work, contract.id, ticket, breach, look.person)),
        )  # fmt: skip
        back = f"{HOME}/disputes/{made[0]}" if made else f"{HOME}/partners/{contract.id}"
        return Done(back, "console.partner.done.dispute", {"id": "".join(made)})

    def dispute(self, look: Look) -> Response:
        """Its evidence, steps and record, and what can be done."""
        found = self._partners.disputes.get(look.request.path_params["id"])
        paper, contract = (
            self._partners.papers.dispute(found, look.person),
            self._partners.parts.contracts().get(found.row["partner"]),
        )
        owner = self._partners.parts.named(contract.file.contract.owner) if contract else ""
        return self._frame.page(
            look, "partner_dispute.html", dispute=found, paper=fragment(paper), title=paper.title, tools=self._tools(look),
            leads=self._partners.disputes.may_lead(found, look.person), partner_id=found.row["partner"], said_kinds=SAID,
            owner=owner, event=secrets.token_hex(12),
        )  # fmt: skip

    def dispute_pdf(self, look: Look) -> Response:
        found = self._partners.disputes.get(look.request.path_params["id"])
        data = self._print(self._partners.papers.dispute(found, look.person))
        return self._file(data, "application/pdf", f"{found.row['id']}.pdf")

    def dispute_json(self, look: Look) -> Response:
        found = self._partners.disputes.export(look.request.path_params["id"])
        return self._file(
            json.dumps(found, ensure_ascii=False, indent=1).encode(), "application/json", f"{found['dispute']}.json"
        )

    def dispute_act(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Something is said, it goes on, it is closed."""
        id_, verb = look.request.path_params["id"], look.request.path_params["verb"]
        disputes, text, person = self._partners.disputes, fields.get("text", ""), look.person
        kind = fields.get("kind", "note")
        if kind not in SAID:
            raise NotFound(kind)
        changes: dict[str, Callable[[Work], None]] = {
            "say": lambda work: disputes.say(work, id_, kind, text, person),
            "step": lambda work: disputes.go_on(work, id_, fields.get("to", ""), text, person),
            "close": lambda work: disputes.close(work, id_, text, person),
        }
        self._frame.once(look, fields, changes[verb])
        return Done(f"{HOME}/disputes/{id_}", f"console.partner.done.{verb}", {"id": id_})

    # inside

    def _contract(self, look: Look) -> Contract:
        return self._partners.parts.contract(look.request.path_params["partner"])

    def _tools(self, look: Look) -> dict[str, Any]:
        """Small helpers for templates."""
        default = self._services.org().file.language
        return {
            "said": lambda text: said(text, look.person.language, default), "named": self._partners.parts.named,
            "owner": self._partners.actions.owner,
        }  # fmt: skip

    @staticmethod
    def _file(data: bytes, kind: str, name: str) -> Response:
        return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


_REVIEW = ("minutes", "action", "done", "verify", "reject", "drop")


def _none(_result: object) -> None:
    """Changes return nothing."""
