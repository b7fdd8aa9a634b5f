"""The analyst's desk: cases by severity and age, one mail looked at without danger, its verdict, exports, and actions.

The mail itself is a page of its own in a frame without any right (no scripts, no forms, no origin), under a policy that loads
nothing. The page around it may show that frame and nothing else of ours. Who looks at what is written down before it is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from adapters.web.aes_zip import PASSWORD, aes_zip
from adapters.web.console import Done, Frame, Look, noted
from adapters.web.render import Post, render_card
from adapters.web.security import CSP
from adapters.web.signin import HOME
from bot.directory import DEFAULT_ROLE
from bot.errors import NotFound, Refused
from bot.model import Kind
from bot.organisation import pick
from bot.reporting.mail_desk import ACTIONS, KINDS, Dossier, MailDesk
from bot.reporting.sharing import Shared, as_csv, as_json, as_misp, as_stix
from bot.undo import Sent

SHOWN = 200
MEASURED = 90 * 86_400.0  # seconds back that the time from delivery to report is measured over
MAX_NOTE = 1_000
WHICH = ("open", "judged", "all")
TABS = ("text", "html", "headers")
FRAME_CSP = "sandbox; default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
PAGE_CSP = f"{CSP}; frame-src 'self'"
_EXPORTS: Mapping[str, tuple[str, Callable[[Shared], str]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "stix": ("application/stix+json;version=2.1", lambda shared: as_json(as_stix(shared))),
    "misp": ("application/json", lambda shared: as_json(as_misp(shared))),
}
_ENDINGS = {"csv": "csv", "stix": "stix.json", "misp": "misp.json"}


class MailPages:
    """Routes of the list, of a mail, and of what is done with it."""

    def __init__(self, frame: Frame, desk: MailDesk) -> None:
        self._frame, self._services, self._desk = frame, frame.services, desk

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/mail", self.cases, "see"),
            frame.view("/mail/{sha256}", self.mail, "see"),
            frame.view("/mail/{sha256}/frame", self.content, "see"),
            frame.change("/mail/{sha256}/verdict", self.verdict, "work"),
            frame.change("/mail/{sha256}/export", self.export, "work"),
            frame.change("/mail/{sha256}/raw", self.raw, "work"),
            frame.change("/mail/{sha256}/warn", self.warn, "work"),
            frame.change("/mail/{sha256}/merge", self.merge, "work"),
            frame.change("/mail/{sha256}/split", self.split, "work"),
            frame.change("/mail/{sha256}/ask", self.ask, "work"),
            frame.change("/mail/{sha256}/decide", self.decide, "approve"),
            frame.change("/mail/{sha256}/forget", self.forget, "work"),
        ]

    def cases(self, look: Look) -> Response:
        """What waits for a person, the most severe first, of these the oldest."""
        which = look.asked("state", WHICH)
        rows = self._desk.cases(which, SHOWN)
        span, frauds = self._desk.head_start(self._services.clock.now() - MEASURED)
        return self._frame.page(
            look, "mail.html", cases=rows, state=which, states=WHICH, full=len(rows) == SHOWN, head_start=span, frauds=frauds
        )  # fmt: skip

    def mail(self, look: Look) -> Response:
        """One mail and its case. That it was opened is in the audit log, each time."""
        dossier = self._dossier(look)
        self._frame.opened(look, "report.opened", dossier.number, mail=look_sha(look)[:16])
        wanted = look.request.query_params.get("kind", "")
        back = self._services.undo.back(dossier.number, "verdict", look.person)
        if back and not wanted and back.fields["sha256"] == look_sha(look):
            return self._page(look, dossier, back.fields["kind"], back.fields["note"], every=bool(back.fields["every"]))
        return self._page(look, dossier, wanted if wanted in KINDS else "", "")

    def content(self, look: Look) -> Response:
        """What is in the frame: text, cleaned HTML, or headers."""
        tab, dossier = look.asked("tab", TABS), self._dossier(look)
        if dossier.gone:
            return self._framed(look, tab, None)
        with noted():
            view = self._desk.view(self._services.work, look_sha(look), look.person, tab)
        return self._framed(look, tab, view)

    def verdict(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """Preview what reporters would read, or give the verdict."""
        dossier, kind, note = self._dossier(look), fields.get("kind", ""), self._note(look, fields)
        if kind not in KINDS:
            raise Refused(self._frame.say(look, "console.mail.choose"))
        if fields.get("do") not in {"send", "next"}:
            return self._page(look, dossier, kind, note)

        given = {
            "kind": kind,
            "note": note,
            "sha256": look_sha(look),
            "every": "1" if fields.get("every") == "1" else "",
        }
        sent: list[Sent | None] = []
        self._frame.once(
            look,
            fields,
            lambda work: sent.append(self._services.undo.send(work, "verdict", dossier.number, look.person, given)),
        )
        target = self._next(dossier.number) if fields["do"] == "next" else self._address(look)
        return self._frame.sent(target, "verdict", dossier.number, sent)

    def export(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """Indicators of the case as a file."""
        form = fields.get("form", "")
        if form not in _EXPORTS:
            raise NotFound(form)
        kind, write = _EXPORTS[form]
        org = self._services.org().file.name
        with noted():
            shared = self._desk.shared(self._services.work, look_sha(look), look.person, f"export_{form}", org)
        return _file(write(shared).encode(), kind, f"{shared.number}.{_ENDINGS[form]}")

    def raw(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """The mail as it was reported, in an encrypted archive."""
        dossier = self._dossier(look)
        with noted():
            data = self._services.work(lambda work: self._desk.raw(work, look_sha(look), look.person))
        name = f"{dossier.number}-{look_sha(look)[:12]}"
        return _file(aes_zip(f"{name}.{dossier.facts.get('form', 'eml')}", data), "application/zip", f"{name}.zip")

    def warn(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Warn everybody who was sent it, or those at whose work it is aimed."""
        dossier, role = self._dossier(look), fields.get("role", "")
        if role:
            more: list[int] = []
            self._frame.once(
                look, fields, lambda work: more.append(self._desk.warn_role(work, dossier.number, role, look.person))
            )
            told = {"number": dossier.number, "n": str(sum(more))}
            return Done(self._address(look), "console.done.warned_role", told)
        self._frame.once(look, fields, lambda work: self._desk.warn(work, dossier.number, look.person))
        return Done(self._address(look), "console.done.warned", {"number": dossier.number})

    def merge(self, look: Look, fields: Mapping[str, str]) -> Done:
        """This case belongs to another one."""
        dossier, why = self._dossier(look), self._services.redact(fields.get("why", ""))
        into = self._services.tickets.get(fields.get("into", "")).number
        self._frame.once(look, fields, lambda work: self._desk.merge(work, dossier.number, into, look.person, why))
        return Done(self._address(look), "console.done.case_merged", {"number": dossier.number, "into": into})

    def split(self, look: Look, fields: Mapping[str, str]) -> Done:
        """This mail is another case."""
        dossier, why = self._dossier(look), self._services.redact(fields.get("why", ""))
        number = [dossier.number]
        split = self._desk.split(look_sha(look), look.person, why)
        self._frame.once(look, fields, lambda work: number.append(split(work)))
        return Done(self._address(look), "console.done.case_split", {"number": number[-1]})

    def ask(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Ask for a purge or a block."""
        kind, dossier = fields.get("kind", ""), self._dossier(look)
        target = self._desk.target(self._services.work, look_sha(look), kind, look.person)
        asked: list[bool] = []
        self._frame.once(
            look, fields, lambda work: asked.append(self._desk.ask(work, dossier.number, kind, target, look.person))
        )
        word = "console.done.asked_before" if asked == [False] else "console.done.asked"
        return Done(self._address(look), word, {"number": dossier.number})

    def decide(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Approve or refuse what somebody else asked for."""
        approve = fields.get("do") == "approve"
        known = {item.id for item in self._dossier(look).actions}
        if fields.get("action", "") not in known:
            raise NotFound(fields.get("action", ""))
        self._frame.once(
            look, fields, lambda work: self._desk.decide(work, fields["action"], look.person, approve=approve)
        )
        word = "console.done.approved" if approve else "console.done.refused"
        return Done(self._address(look), word, {})

    def forget(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Delete the content of a mail that was private."""
        dossier = self._dossier(look)
        if fields.get("sure") != "1":
            raise Refused(self._frame.say(look, "console.mail.erase_sure"))
        self._frame.once(look, fields, lambda work: _none(self._desk.forget(work, look_sha(look), look.person)))
        return Done(self._address(look), "console.done.erased", {"number": dossier.number})

    # inside

    def _next(self, number: str) -> str:
        """The page of the report that waits for a person after this one, the list if there is none."""
        for case in self._desk.cases("open", SHOWN):
            verdicts = (sent.kind for sent in self._services.undo.waiting(case["ticket"]))
            if case["ticket"] != number and case["sha256"] and "verdict" not in verdicts:
                return f"{HOME}/mail/{case['sha256']}"
        return f"{HOME}/mail"

    def _dossier(self, look: Look) -> Dossier:
        return self._desk.dossier(look_sha(look))

    def _page(self, look: Look, dossier: Dossier, kind: str, note: str, *, every: bool = False) -> Response:
        response = self._frame.page(
            look, "mail_case.html", dossier=dossier, case=dossier.case, kinds=KINDS, kind=kind, note=note, max_note=MAX_NOTE,
            preview=self._preview(look, dossier, kind, note), tabs=TABS, tab=look.asked("tab", TABS), sha=look_sha(look),
            lines=self._services.tickets.timeline(dossier.number), actions=ACTIONS, dry=self._desk.control.dry,
            control=self._desk.control.name, password=PASSWORD, event=secrets.token_hex(12), every=every,
            waiting=self._services.undo.waiting(dossier.number),
            roles=[(key, pick(role.name, look.person.language)) for key, role in self._services.org().roles.items()
                   if key != DEFAULT_ROLE],
        )  # fmt: skip
        response.headers["Content-Security-Policy"] = PAGE_CSP
        return response

    def _preview(self, look: Look, dossier: Dossier, kind: str, note: str) -> str:
        if not kind:
            return ""

        def say(key: str, **params: object) -> str:
            return self._frame.say(look, key, **params)

        card = self._desk.preview(dossier.number, Kind(kind), note, look.person)
        return render_card(self._frame.env, say, Post(card, live=False))

    def _framed(self, look: Look, tab: str, view: Any) -> Response:
        html = self._frame.fragment(look, "mail_frame.html", tab=tab, view=view)
        headers = {"Content-Security-Policy": FRAME_CSP, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(html, headers=headers)

    def _note(self, look: Look, fields: Mapping[str, str]) -> str:
        text = fields.get("note", "").replace("\r\n", "\n").strip()
        if len(text) > MAX_NOTE:
            raise Refused(self._frame.say(look, "web.too_long", n=MAX_NOTE))
        return self._services.redact(text)

    @staticmethod
    def _address(look: Look) -> str:
        return f"{HOME}/mail/{look_sha(look)}"


def look_sha(look: Look) -> str:
    """The mail that a page is about."""
    return str(look.request.path_params["sha256"])


def _none(_result: object) -> None:
    """Changes return nothing."""


def _file(data: bytes, kind: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(data, media_type=kind, headers=headers)
