"""The console's page of one run: where it stands, the step to do, everything that was done, and the record as a file."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.procedure_services import Procedures
from adapters.web.signin import HOME
from bot.errors import NotFound, Refused
from bot.helpdesk.tickets import Ticket
from bot.model import Person
from bot.organisation import pick
from bot.procedures.evidence import Evidence, given
from bot.procedures.exporting import FORMS
from bot.procedures.shapes import Procedure, Step
from bot.procedures.state import Run
from bot.turn import Work

PEOPLE = 100  # that a run can be handed to
TEXT = 4_000
OFFERED = 12
VERBS = ("done", "answer", "cannot", "skip", "hand", "note", "follow", "unfollow", "abort", "propose")


class RunPages:
    """Routes of runs. The core asks again who may do what; here it only decides what is offered."""

    def __init__(self, frame: Frame, procedures: Procedures) -> None:
        self._frame, self._services, self._all = frame, frame.services, procedures

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/runs/{run}", self.show, "see"),
            frame.view("/runs/{run}/export/{form}", self.export, "see"),
            frame.view("/runs/{run}/files/{file}", self.file, "see"),
            frame.change("/runs/{run}/{verb}", self.act, dict.fromkeys(VERBS, "work"), files=1),
        ]

    def show(self, look: Look) -> Response:
        """One run."""
        run = self._run(look)
        runs, lang = self._all.runs, look.person.language
        procedure = runs.pinned(run)
        step = procedure.step(run.step) if run.running else None
        shown = self._all.exports.shown(run, lang)
        files = {seq: one for (seq, part), one in shown.written.items() if part == "evidence" and one.kind == "file"}
        mine = self._all.improving.listed(run=run.id)
        may = look.may("work") and runs.may(run, look.person)
        return self._frame.page(
            look, "run.html", run=run, procedure=procedure, title=pick(procedure.title, lang), step=step,
            task=runs.cards.task(step, look.person, lang) if step else "", who=runs.crew.called(step.who, lang) if step else "",
            options=[(one.id, pick(one.label, lang)) for one in step.options] if step else [], acts=may,
            bar=self._bar(look, run, procedure, step) if step and not may else "",
            number=procedure.number(run.step) if step else 0, lines=shown.lines, files=files,
            trouble=shown.trouble, followers=runs.followers(run), forms=FORMS, proposals=mine,
            steps=[(one.id, procedure.number(one.id), runs.cards.task(one, look.person, lang)) for one in procedure.steps],
            people=self._takers(run, step, look.person) if step and look.may("work") else [],
            versions=self._newer(run), event=secrets.token_hex(12),
        )  # fmt: skip

    def act(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Done, an answer, cannot, skip, hand over, a note, follow, abort, and what was slow or wrong."""
        run, verb = self._run(look), str(look.request.path_params["verb"])
        runs, by, text = self._all.runs, look.person, fields.get("text", "").replace("\r\n", "\n").strip()
        if len(text) > TEXT:
            raise Refused(self._frame.say(look, "web.too_long", n=TEXT))
        step, visit = fields.get("step", "")[:60], _number(fields.get("visit", ""))
        here = (run.id, step, visit, by)
        changes: dict[str, Callable[[Work], Any]] = {
            "done": lambda work: runs.done(work, *here, self._evidence(look, run, text)),
            "answer": lambda work: runs.answer(work, *here, fields.get("option", "")[:60]),
            "cannot": lambda work: runs.cannot(work, *here, text),
            "skip": lambda work: runs.skip(work, *here, text),
            "hand": lambda work: runs.hand_over(work, run.id, by, self._to(work, fields), text),
            "note": lambda work: runs.note(work, run.id, by, text),
            "follow": lambda work: runs.follow(work, run.id, by),
            "unfollow": lambda work: runs.unfollow(work, run.id, by),
            "abort": lambda work: runs.abort(work, run.id, by, text),
            "propose": lambda work: self._all.improving.propose(work, run.id, step, by, text),
        }
        self._frame.once(look, fields, lambda work: _none(changes[verb](work)))
        return Done(f"{HOME}/runs/{run.id}", f"console.runs.did.{verb}", {"run": run.id})

    def export(self, look: Look) -> Response:
        """The record as a file; who took it out is in the audit log."""
        run, form = self._run(look), self._all.exports.form(str(look.request.path_params["form"]))
        made = self._all.exports.file(run, form, look.person.language, self._services.clock.now())
        self._frame.opened(look, "run.export", run.id, form=form)
        return _download(made.name, made.type, made.data)

    def file(self, look: Look) -> Response:
        """A file that was given as evidence: as a download, never shown."""
        run, name = self._run(look), str(look.request.path_params["file"])
        if name not in {one.id for one in self._all.runs.written(run).values() if one.kind == "file"}:
            raise NotFound(name)
        title, data = self._all.runs.opened(name)
        self._frame.opened(look, "run.file", run.id)
        return _download(title, "application/octet-stream", data)

    def of(self, look: Look, ticket: Ticket) -> dict[str, Any]:
        """What the page of a ticket shows: its runs, and what can be started from it, what fits it first."""
        fitting = [one.procedure for one in self._all.offers(ticket.number)]
        first = {procedure.id for procedure in fitting}
        others = [one.procedure for one in self._all.runs.startable(look.person) if one.procedure.id not in first]
        lang, runs = look.person.language, self._all.runs.listed(ticket=ticket.number, limit=OFFERED)
        return {
            "ticket_runs": [(run, pick(self._all.runs.pinned(run).title, lang)) for run in runs],
            "fitting": [(one.id, pick(one.title, lang)) for one in fitting],
            "startable": [(one.id, pick(one.title, lang)) for one in others] if ticket.state != "resolved" else [],
        }  # fmt: skip

    # inside

    def _run(self, look: Look) -> Run:
        return self._all.runs.get(str(look.request.path_params["run"])[:40])

    def _bar(self, look: Look, run: Run, procedure: Procedure, step: Step) -> str:
        """The key of why this person does not do the step."""
        if not look.may("work"):
            return "console.runs.bar.look"
        return f"console.runs.bar.{self._all.runs.bar(run, step, look.person) or 'role'}"

    def _evidence(self, look: Look, run: Run, text: str) -> Evidence | None:
        wanted = self._all.runs.pinned(run).step(run.step).evidence if run.running else "any"
        return given(text, look.files, wanted)

    def _takers(self, run: Run, step: Step | None, but: Person) -> list[Person]:
        """Who may take a run over as it stands, by name."""
        if step is None:
            return []
        people = (one for one in self._services.identities.people() if one.id != but.id)
        return sorted((one for one in people if not self._all.runs.bar(run, step, one)), key=lambda one: one.name)[
            :PEOPLE
        ]

    def _to(self, work: Work, fields: Mapping[str, str]) -> Person | None:
        """Whom a run goes to; None for the desk. Raises `NotFound`."""
        wanted = fields.get("to", "")[:80]
        if not wanted:
            return None
        person = self._services.identities.find(wanted)
        if person is None:
            raise NotFound(wanted)
        return self._services.identities.meet(work.tx, person, work.at)

    def _newer(self, run: Run) -> int:
        """The version in use if it is not the one that runs here, else 0."""
        found = self._all.library().procedures.get(run.procedure_id)
        return found.procedure.version if found and found.sha256 != run.sha256 else 0


def _download(name: str, kind: str, data: bytes) -> Response:
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    header = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(data, media_type=kind, headers={"Content-Disposition": header})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _none(_result: object) -> None:
    """Changes return nothing."""
