"""The console's pages of procedures: what there is and what runs, one procedure with its figures, and what is due when."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look
from adapters.web.procedure_services import Procedures
from adapters.web.signin import HOME
from bot.errors import NotFound
from bot.organisation import fill, pick
from bot.procedures.calendar import next_start, occurrences, zone_of
from bot.procedures.rules import onwards
from bot.procedures.shapes import DAYS, END, WORKDAYS, Pinned, Procedure, Step
from bot.procedures.state import Run
from bot.procedures.statistics import FEWEST_PEOPLE, FEWEST_VISITS, StepFigures, figures
from bot.turn import Work

PAGE = f"{HOME}/procedures"
SHOWN = 100
LATEST = 20
AHEAD = 31 * 86_400.0  # of the calendar
BEHIND = 31 * 86_400.0  # how long a missed run stays red


@dataclass(frozen=True)
class Item:
    """A procedure in the list. `next_at` is 0 where no calendar starts it; `missed` are runs missed lately."""

    procedure: Procedure
    title: str
    owner: str
    overdue: bool
    next_at: float
    missed: int
    running: int
    proposals: int


@dataclass(frozen=True)
class Live:
    """A run that is going on."""

    run: Run
    title: str
    n: int
    of: int
    task: str
    late: bool


@dataclass(frozen=True)
class StepShown:
    """A step ready to read; `ways` are where it leads: (when, to)."""

    step: Step
    n: int
    text: str
    who: str
    ways: tuple[tuple[str, str], ...]
    figures: StepFigures


@dataclass(frozen=True)
class Due:
    """A start of the calendar that is still to come; `clock` on the organisation's own."""

    at: float
    clock: str
    procedure: str
    title: str
    within: float


class ProcedurePages:
    """Routes of procedures."""

    def __init__(self, frame: Frame, procedures: Procedures) -> None:
        self._frame, self._services, self._all = frame, frame.services, procedures

    def routes(self) -> list[Route]:
        frame = self._frame
        return [
            frame.view("/procedures", self.listed, "see"),
            frame.view("/procedures/calendar", self.calendar, "see"),
            frame.change("/procedures/start", self.start, "work"),
            frame.view("/procedures/{name}", self.one, "see"),
            frame.change("/procedures/{name}/{verb}", self.decide, {"accept": "write", "decline": "write"}),
        ]

    def listed(self, look: Look) -> Response:
        """What runs now, and every procedure."""
        running = self._all.runs.listed(state="running", limit=SHOWN)
        missed = self._missed()
        proposals = self._all.improving.store.open_counts()
        items = [self._item(look, one, running, missed, proposals) for one in self._all.library().procedures.values()]
        return self._frame.page(
            look, "procedures.html", items=items, live=[self.live(look, run) for run in running], missed=len(missed),
            full=len(running) == SHOWN,
        )  # fmt: skip

    def one(self, look: Look) -> Response:
        """One procedure: its steps, how long they take, what people propose, its latest runs."""
        found = self._found(str(look.request.path_params["name"]))
        procedure = found.procedure
        count, known = figures(procedure, self._all.trail, self._services.clock.now())
        steps = [self._step(look, procedure, step, one) for step, one in zip(procedure.steps, known, strict=True)]
        improving = self._all.improving
        proposals = improving.listed(procedure=procedure.id)
        return self._frame.page(
            look, "procedure.html", procedure=procedure, found=found, title=pick(procedure.title, look.person.language),
            purpose=self._filled(look, pick(procedure.purpose, look.person.language)), steps=steps, count=count,
            owner=self._owner(procedure.owner), begins=[*self._begins(look, procedure)],
            overdue=procedure.overdue(self._today()), next_at=self._next(procedure),
            runs=self._all.runs.listed(procedure=procedure.id, limit=LATEST), proposals=proposals,
            numbers={step.id: procedure.number(step.id) for step in procedure.steps},
            decides={one.id for one in proposals if one.state == "open" and improving.decides(look.person, one)},
            waiting={one.id for one in proposals if improving.waiting(one)}, fewest=FEWEST_VISITS, people=FEWEST_PEOPLE,
            startable=found.procedure.id in {one.procedure.id for one in self._all.runs.startable(look.person)},
            event=secrets.token_hex(12),
        )  # fmt: skip

    def calendar(self, look: Look) -> Response:
        """What is due in the coming month by day, and what was missed in the last one."""
        missed = [self.live(look, run) for run in self._missed()]
        due = sorted(self._due(look), key=lambda one: (one.at, one.procedure))
        zone = zone_of(self._services.org().file.timezone)
        days = [
            (day, [*group])
            for day, group in groupby(due, lambda one: f"{datetime.fromtimestamp(one.at, zone):%Y-%m-%d}")
        ]
        return self._frame.page(look, "procedure_calendar.html", missed=missed, days=days, zone=zone.key)

    def start(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Start a run, by hand or from a ticket; a second press of the same form starts no second one."""
        name, ticket = fields.get("name", "")[:80], fields.get("ticket", "")[:40]
        number = self._services.tickets.get(ticket).number if ticket else ""
        started: list[Run] = []
        self._frame.once(look, fields, lambda work: started.append(self._started(work, look, name, number)))
        if not started:
            return Done(PAGE, "console.procedures.started_before", {})
        return Done(f"{HOME}/runs/{started[0].id}", "console.procedures.started", {"run": started[0].id})

    def decide(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Accept or decline a proposal. Who may is the procedure's owner: the core asks."""
        verb, name = str(look.request.path_params["verb"]), fields.get("proposal", "")[:64]
        procedure = self._all.improving.get(name).procedure_id
        why = fields.get("why", "")
        self._frame.once(
            look, fields, lambda work: _none(self._all.improving.decide(work, name, look.person, verb, why))
        )
        return Done(f"{PAGE}/{procedure}", f"console.procedures.decided.{verb}", {})

    def live(self, look: Look, run: Run) -> Live:
        """A run as lists show it."""
        procedure, lang = self._all.runs.pinned(run), look.person.language
        here = procedure.step(run.step) if run.step else None
        late = run.running and run.due_at < self._services.clock.now()
        return Live(
            run, pick(procedure.title, lang), procedure.number(run.step) if here else 0, len(procedure.steps),
            self._all.runs.cards.task(here, look.person, lang) if here else "", late,
        )  # fmt: skip

    # inside

    def _started(self, work: Work, look: Look, name: str, ticket: str) -> Run:
        """From a ticket each procedure runs once: a second start gives the run that is there."""
        once = f"ticket:{ticket}:{name}" if ticket else ""
        return self._all.runs.start(
            work, name, look.person, ticket=ticket, how="ticket" if ticket else "hand", once=once
        )

    def _found(self, name: str) -> Pinned:
        found = self._all.library().procedures.get(name)
        if found is None:
            raise NotFound(name)
        return found

    def _item(
        self, look: Look, one: Pinned, running: Sequence[Run], missed: Sequence[Run], proposals: Mapping[str, int]
    ) -> Item:
        procedure = one.procedure
        return Item(
            procedure, pick(procedure.title, look.person.language), self._owner(procedure.owner),
            procedure.state != "retired" and procedure.overdue(self._today()), self._next(procedure),
            sum(run.procedure_id == procedure.id for run in missed), sum(run.procedure_id == procedure.id for run in running),
            proposals.get(procedure.id, 0),
        )  # fmt: skip

    def _step(self, look: Look, procedure: Procedure, step: Step, known: StepFigures) -> StepShown:
        lang = look.person.language
        ways = [(pick(option.label, lang), self._place(look, procedure, option.go)) for option in step.options]
        if not step.options and [procedure.after(step.id)] != self._below(procedure, step):
            then = self._frame.say(look, "console.procedures.then")
            ways.append((then, self._place(look, procedure, procedure.after(step.id))))
        return StepShown(
            step, procedure.number(step.id), self._all.runs.cards.task(step, look.person, lang),
            self._all.runs.crew.called(step.who, lang), tuple(ways), known,
        )  # fmt: skip

    @staticmethod
    def _below(procedure: Procedure, step: Step) -> list[str]:
        """The step that stands below, as the only way onwards."""
        place = procedure.number(step.id)
        return [procedure.steps[place].id] if place < len(procedure.steps) else [*onwards(procedure, step)]

    def _place(self, look: Look, procedure: Procedure, name: str) -> str:
        return self._frame.say(look, "console.procedures.end") if name == END else str(procedure.number(name))

    def _filled(self, look: Look, text: str) -> str:
        return fill(text, self._services.org().values(look.person.entity, look.person.language))[0]

    def _owner(self, owner: str) -> str:
        return self._services.org().file.owners.get(owner, owner)

    def _next(self, procedure: Procedure) -> float:
        schedule = procedure.start.schedule
        if schedule is None or procedure.state != "published":
            return 0.0
        return next_start(schedule, zone_of(self._services.org().file.timezone), self._services.clock.now())

    def _begins(self, look: Look, procedure: Procedure) -> Iterator[str]:
        """What starts it, in words."""
        say, start = self._frame.say, procedure.start
        if start.manual:
            yield say(look, "console.procedures.begins.hand")
        for name in start.emergencies:
            yield say(look, "console.procedures.begins.emergency", name=name)
        for name in start.tickets:
            yield say(look, "console.procedures.begins.ticket", name=name)
        if schedule := start.schedule:
            every, on = str(schedule.every), str(schedule.on or "")
            if every == "week":
                on = say(look, "console.procedures.weekdays").split("|")[DAYS.index(on)]
            elif on == WORKDAYS:
                every = "workdays"
            yield say(look, f"console.procedures.begins.{every}", on=on, at=schedule.at)

    def _due(self, look: Look) -> Iterator[Due]:
        now, zone = self._services.clock.now(), zone_of(self._services.org().file.timezone)
        for one in self._all.library().published():
            if schedule := one.procedure.start.schedule:
                title = pick(one.procedure.title, look.person.language)
                for _, start in occurrences(schedule, zone, now, now + AHEAD):
                    yield Due(
                        start, f"{datetime.fromtimestamp(start, zone):%H:%M}", one.procedure.id, title, schedule.seconds
                    )

    def _missed(self) -> list[Run]:
        """Runs of the calendar that were not finished in time lately."""
        since = self._services.clock.now() - BEHIND
        found = self._all.runs.listed(since=since, limit=1_000)
        return [run for run in found if run.state == "missed" or (run.missed_at and run.state == "running")]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._services.clock.now(), UTC).date()


def _none(_result: object) -> None:
    """Changes return nothing."""
