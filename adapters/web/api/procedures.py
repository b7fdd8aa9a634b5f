"""Endpoints of procedures: what there is, runs, and their steps. The core asks again who may do which step.

Steps with four eyes are not for programs, see `_one_pair`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.web.api import shapes
from adapters.web.api.endpoint import Call, Endpoint, cursor_of, place_of
from adapters.web.procedure_services import Procedures
from bot.errors import Refused
from bot.organisation import pick
from bot.procedures.evidence import Evidence
from bot.procedures.shapes import Procedure
from bot.procedures.state import Run
from bot.turn import Work

Step = Callable[[Call, Work, str], Run]


def endpoints(parts: Procedures) -> list[Endpoint]:
    """Where there are procedures."""
    runs, tag = parts.runs, "Procedures"

    def listed(call: Call) -> shapes.ProcedureList:
        return shapes.ProcedureList(items=[
            shapes.ProcedureOut(
                id=one.procedure.id, title=pick(one.procedure.title, call.person.language), version=one.procedure.version,
                owner=one.procedure.owner, minutes=one.procedure.minutes, steps=len(one.procedure.steps),
            )
            for one in parts.library().published()
        ])  # fmt: skip

    def page(call: Call) -> shapes.RunPage:
        query = call.query
        before = place_of(query.cursor, (int,))
        found = runs.listed(
            state=query.state, procedure=query.procedure, ticket=query.ticket, limit=query.limit + 1,
            before=before[0] if before else 0,
        )  # fmt: skip
        shown = found[: query.limit]
        more = cursor_of(shown[-1].number) if len(found) > query.limit else None
        return shapes.RunPage(items=[shapes.RunOut(**_short(call, one)) for one in shown], next=more)

    def one(call: Call) -> shapes.RunWhole:
        run = runs.get(call.path["id"])
        procedure, lang = runs.pinned(run), call.person.language
        step = procedure.step(run.step) if run.running else None
        options = [shapes.Choice(id=item.id, label=pick(item.label, lang)) for item in step.options] if step else []
        return shapes.RunWhole(
            **_short(call, run), title=pick(procedure.title, lang), evidence=step.evidence if step else "",
            task=runs.cards.task(step, call.person, lang) if step else "", options=options, records=run.seq, head=run.head,
        )  # fmt: skip

    def start(call: Call, work: Work) -> tuple[str, str]:
        ticket = call.services.tickets.get(call.body.ticket).number if call.body.ticket else ""
        return _at(runs.start(work, call.body.procedure, call.person, ticket=ticket))

    def done(call: Call, work: Work, run: str) -> Run:
        body, here = call.body, runs.get(run)
        kind = runs.pinned(here).step(body.step).evidence if body.text and here.step == body.step else "none"
        given = Evidence("link" if kind == "link" else "text", body.text) if body.text else None
        return runs.done(work, run, body.step, body.visit, call.person, given)

    def answer(call: Call, work: Work, run: str) -> Run:
        return runs.answer(work, run, call.body.step, call.body.visit, call.person, call.body.option)

    def skip(call: Call, work: Work, run: str) -> Run:
        return runs.skip(work, run, call.body.step, call.body.visit, call.person, call.body.why)

    def cannot(call: Call, work: Work, run: str) -> Run:
        return runs.cannot(work, run, call.body.step, call.body.visit, call.person, call.body.why)

    def abort(call: Call, work: Work, run: str) -> Run:
        return runs.abort(work, run, call.person, call.body.why)

    def verb(name: str, summary: str, do: Step, body: type[shapes.Shape]) -> Endpoint:
        def change(call: Call, work: Work) -> tuple[str, str]:
            run = runs.get(call.path["id"])
            if hasattr(call.body, "step"):
                _one_pair(runs.pinned(run), call.body.step)
            return _at(do(call, work, run.id))

        return Endpoint("POST", f"/runs/{{id}}/{name}", "work", tag, summary, shapes.Changed, change=change, body=body)

    return [
        Endpoint("GET", "/procedures", "see", tag, "Procedures in use, by id", shapes.ProcedureList, listed),
        Endpoint("GET", "/runs", "see", tag, "Runs, the newest first", shapes.RunPage, page, query=shapes.RunQuery),
        Endpoint(
            "POST", "/runs", "work", tag, "Start one", shapes.Changed, change=start, body=shapes.Started, status=201
        ),
        Endpoint("GET", "/runs/{id}", "see", tag, "One with its present step", shapes.RunWhole, one),
        verb("done", "The present step is done", done, shapes.DoneStep),
        verb("answer", "Answer the present step", answer, shapes.AnsweredStep),
        verb("skip", "Leave the present step out", skip, shapes.WhyStep),
        verb("cannot", "Say that the present step cannot be done", cannot, shapes.WhyStep),
        verb("abort", "End it before its end", abort, shapes.Why),
    ]


def _one_pair(procedure: Procedure, step: str) -> None:
    """Keep programs from a step that two people have to do between them: whoever made a token can act as a colleague with it,
    and would be both. Raises `Refused` for either of the two steps."""
    pairs = {name for one in procedure.steps if one.four_eyes for name in (one.id, one.four_eyes)}
    if step in pairs:
        raise Refused(
            f"{step} is one of two steps that two people do (four eyes): it is for people in the console or in chat"
        )


def _at(run: Run) -> tuple[str, str]:
    return run.id, f"/runs/{run.id}"


def _short(call: Call, run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "procedure": run.procedure_id, "version": run.version, "state": run.state, "ticket": run.ticket,
        "holder": call.who(run.holder), "step": run.step if run.running else "", "visit": run.step_seq,
        "started_at": shapes.moment(run.started_at), "due_at": shapes.moment(run.due_at),
        "ended_at": shapes.moment(run.ended_at),
    }  # fmt: skip
