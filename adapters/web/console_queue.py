"""The queue and the ticket: where analysts spend their day."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adapters.web.account_pages import AccountPages
from adapters.web.console import Done, Frame, Look, Undo
from adapters.web.console_triage import TriagePages
from adapters.web.render import Post, render_card
from adapters.web.run_pages import RunPages
from adapters.web.signin import HOME
from bot.cards import load
from bot.errors import Conflict, NotFound, Refused
from bot.helpdesk.tickets import Ticket, TicketEvent
from bot.model import SEVERITIES, Verdict
from bot.reporting.reports import verdict_from
from bot.turn import Work, place_from
from bot.undo import Sent

SHOWN = 200
MAX_TEXT = 4_000
STATES = ("unresolved", "open", "claimed", "resolved")
PLAIN: Mapping[str, Any] = {"triage": False, "select": False, "tags": {}, "query": ""}  # a queue without sorting
_FROM_PERSON = {"opened", "again", "said", "reported_again", "disputed"}
_ICONS = {
    "reply": "reply", "note": "lock", "paged": "bell", "severity": "warn", "resolved": "check", "claimed": "person",
    "released": "out", "reopened": "queue", "conversation": "list", "verdict": "mail", "opened": "person",
    "again": "person", "said": "person", "acknowledged": "check",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of a timeline, ready to show. `side`: reply, note, theirs or system."""

    event: TicketEvent
    side: str
    icon: str
    text: str


@dataclass(frozen=True)
class Told:
    """One thing the person sees: a card they got, or what they wrote."""

    at: float
    mine: bool
    html: str = ""  # safe
    text: str = ""


@dataclass(frozen=True)
class Mail:
    """The reported mail of a ticket. `facts` is what was read of it, already defanged; empty until it was."""

    row: Mapping[str, Any]
    verdict: Verdict | None
    facts: Mapping[str, Any]


class QueuePages:
    """Routes of queue and ticket."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._services = frame, frame.services
        self._triage = TriagePages(frame, frame.services.triage) if frame.services.triage else None
        self._accounts = AccountPages(frame)
        self._runs = RunPages(frame, frame.services.procedures) if frame.services.procedures else None

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            *(self._triage.routes() if self._triage else ()),
            frame.view("", lambda _look: RedirectResponse(f"{HOME}/queue", 303), "see"),
            frame.view("/queue", self.queue, "see"),
            frame.view("/queue/rows", self.rows, "see"),
            frame.view("/tickets/{number}", self.ticket, "see"),
            *self._accounts.routes(),
            frame.change("/undo", self.undo, "work"),
            frame.change("/tickets/{number}/{verb}", self.act, "work"),
        ]

    def queue(self, look: Look) -> Response:
        """Tickets by next breach."""
        context = self._filtered(look)
        html = self._frame.fragment(look, "queue_rows.html", **context)
        return self._frame.page(look, "queue.html", rows=Markup(html), mark=_mark(html), **context)  # noqa: S704 # nosec B704

    def rows(self, look: Look) -> Response:
        """The rows alone, for the live update; 204 when nothing changed."""
        html = self._frame.fragment(look, "queue_rows.html", **self._filtered(look))
        mark = _mark(html)
        if look.request.query_params.get("mark") == mark:
            return Response(status_code=204)
        return Response(html, media_type="text/html", headers={"X-Mark": mark})

    def ticket(self, look: Look) -> Response:
        """One ticket: its timeline, or what the person sees. With `answer` a standard reply stands in the form."""
        ticket = self._ticket(look)
        row = (look.person.key, "ticket.read", ticket.number)
        self._services.openings.note(self._services.work, look.visit.session, row)
        back = self._services.undo.back(ticket.number, "reply", look.person)
        draft, answer = back.fields["text"] if back else "", look.request.query_params.get("answer", "")
        requester = self._services.identities.who(ticket.requester)
        if answer and requester and self._services.standard:
            draft = self._services.standard.text(answer, requester)[:MAX_TEXT]
        return self._page(look, ticket, draft)

    def _page(self, look: Look, ticket: Ticket, draft: str, preview: str = "") -> Response:
        view, standard = look.asked("view", ("desk", "person")), self._services.standard
        requester = self._services.identities.who(ticket.requester)
        lines = [self._line(look, event) for event in self._services.tickets.timeline(ticket.number)]
        return self._frame.page(
            look, "ticket.html", ticket=ticket, view=view, requester=requester, lines=lines, severities=SEVERITIES,
            waiting=self._services.undo.waiting(ticket.number), draft=draft, preview=preview,
            answers=standard.titles(requester, look.person.language) if standard and requester else (),
            told=self._told(look, ticket) if view == "person" else (), mail=self._mail(ticket),
            channel=place_from(ticket.place).channel if ticket.place else "", event=secrets.token_hex(12),
            **(self._triage.of(ticket) if self._triage else {"triage": False}), **self._accounts.of(ticket),
            checks_callers=self._services.codes is not None,
            **(self._runs.of(look, ticket) if self._runs else {"ticket_runs": (), "fitting": (), "startable": ()}),
        )  # fmt: skip

    def act(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """Claim, release, reply, note, severity, resolve, reopen."""
        ticket, verb = self._ticket(look), look.request.path_params["verb"]
        number, person, tickets = ticket.number, look.person, self._services.tickets
        text = self._typed(look, fields)
        if verb == "reply":
            return self._reply(look, ticket, text, fields)
        changes = {
            "claim": lambda work: tickets.claim(work, number, person),
            "release": lambda work: tickets.release(work, number, person),
            "note": lambda work: tickets.note(work, number, person, text),
            "resolve": lambda work: tickets.resolve(work, number, person, text),
            "reopen": lambda work: tickets.reopen(work, number, person),
            "severity": lambda work: self._severity(work, number, look, fields.get("severity", "")),
        }
        if verb not in changes:
            raise NotFound(verb)
        self._frame.once(look, fields, changes[verb])
        return Done(f"{HOME}/tickets/{number}", f"console.done.{verb}", {"number": number}, undo=_undo(ticket, verb))

    def undo(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Take back a reply or a verdict that waits; the page that it came from has it in its form again."""
        id_, back = fields.get("id", "")[:64], list[Sent]()
        page = f"{HOME}/tickets/{self._services.tickets.get(fields.get('ticket', '')).number}"
        try:
            self._frame.once(
                look, fields, lambda work: back.append(self._services.undo.take_back(work, id_, look.person))
            )
        except Conflict:
            return Done(page, "ticket.too_late", {}, bad=True)
        if back and back[0].kind == "verdict":
            page = f"{HOME}/mail/{back[0].fields['sha256']}"
        return Done(page, "console.done.undone", {})

    # inside

    def _reply(self, look: Look, ticket: Ticket, text: str, fields: Mapping[str, str]) -> Done | Response:
        """Shown as the person will see it, or sent: then it waits for some seconds, if nobody is in trouble."""
        if fields.get("do") == "preview":
            card = self._services.tickets.preview(ticket.number, look.person, text)
            say = lambda key, **params: self._frame.say(look, key, **params)  # noqa: E731
            return self._page(look, ticket, text, render_card(self._frame.env, say, Post(card, live=False)))
        text, sent = self._services.tickets.needed(look.person, text), list[Sent | None]()

        def send(work: Work) -> None:
            sent.append(self._services.undo.send(work, "reply", ticket.number, look.person, {"text": text}))

        self._frame.once(look, fields, send)
        return self._frame.sent(f"{HOME}/tickets/{ticket.number}", "reply", ticket.number, sent)

    def _filtered(self, look: Look) -> dict[str, Any]:
        state = look.asked("state", STATES)
        mine = look.request.query_params.get("mine") == "1"
        shown = {"state": state, "mine": mine, "states": STATES}
        if self._triage:
            found = self._triage.shown(look, state, mine=mine, limit=SHOWN)
            return {**found, **shown, **self._cases(found["tickets"]), "full": len(found["tickets"]) == SHOWN}
        assignee = look.person.key if mine else ""
        tickets = self._services.tickets.queue(state, assignee, SHOWN)
        return {**shown, **PLAIN, **self._cases(tickets), "tickets": tickets, "full": len(tickets) == SHOWN}

    def _cases(self, tickets: Sequence[Ticket]) -> dict[str, Any]:
        """How often mails of the queue were reported: a wave is seen in the list."""
        return {"reports": self._services.console.reports([one.number for one in tickets if one.kind == "report"])}

    def _ticket(self, look: Look) -> Ticket:
        return self._services.tickets.get(look.request.path_params["number"])

    def _typed(self, look: Look, fields: Mapping[str, str]) -> str:
        text = fields.get("text", "").replace("\r\n", "\n").strip()
        if len(text) > MAX_TEXT:
            raise Refused(self._frame.say(look, "web.too_long", n=MAX_TEXT))
        return self._services.redact(text)

    def _severity(self, work: Work, number: str, look: Look, wanted: str) -> None:
        if wanted not in SEVERITIES:
            raise Refused(self._frame.say(look, "console.problem.severity"))
        self._services.tickets.raise_severity(work, number, wanted, look.person.key)

    def _line(self, look: Look, event: TicketEvent) -> Line:
        side = {"reply": "reply", "resolved": "reply", "note": "note"}.get(event.kind, "system")
        if event.kind in _FROM_PERSON:
            side = "theirs"
        if event.kind == "resolved" and not event.text:
            side = "system"
        text = event.text
        if event.kind == "severity":
            text = self._frame.say(look, f"console.severity.{text}")
        if event.kind in {"undone", "unsent"}:
            text = self._frame.say(look, f"console.waits.{text}")
        if event.kind == "verdict":
            kind, _, signs = text.partition(": ")
            text = "\n".join(filter(None, (self._frame.say(look, f"verdict.{kind}"), signs)))
        return Line(event, side, _ICONS.get(event.kind, "dot"), text)

    def _told(self, look: Look, ticket: Ticket) -> list[Told]:
        """What the requester has seen about this ticket, in order."""
        words = self._services.words()

        def say(key: str, **params: object) -> str:
            return words.say(look.person.language, key, **params)

        told = [
            Told(row["at"], mine=False, html=render_card(self._frame.env, say, Post(load(row["card"]), live=False)))
            for row in self._services.console.told(ticket.number)
        ]
        told += [
            Told(event.at, mine=True, text=event.text)
            for event in self._services.tickets.timeline(ticket.number, visible_only=True)
            if event.kind in _FROM_PERSON and event.text
        ]
        return sorted(told, key=lambda item: item.at)

    def _mail(self, ticket: Ticket) -> Mail | None:
        row = self._services.console.mail_of_ticket(ticket.number) if ticket.kind == "report" else None
        if row is None:
            return None
        return Mail(row, verdict_from(row["verdict"]) if row["verdict"] else None, json.loads(row["facts"] or "{}"))


def _undo(before: Ticket, verb: str) -> Undo | None:
    """What takes it back. A reply has been read, and a note is a record: they stay."""
    path = f"/tickets/{before.number}"
    return {
        "claim": Undo(f"{path}/release") if not before.assignee else None, "release": Undo(f"{path}/claim"),
        "resolve": Undo(f"{path}/reopen"), "severity": Undo(f"{path}/severity", {"severity": before.severity}),
    }.get(verb)  # fmt: skip


def _mark(html: str) -> str:
    """What changes when the rows do. Ages tick once a minute, and so does it."""
    return hashlib.sha256(html.encode()).hexdigest()[:16]
