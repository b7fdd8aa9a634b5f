"""Contracts with partners: `partners/*.yaml`, one file a partner: what they owe us, until when, who does what, what may go wrong.

The answer times here are the only ones: the help desk's clocks (`bot.helpdesk.sla`) and the partner's reports read the same file.
The sample partner belongs to the sample organisation: with an `org.yaml`, `people.yaml` or `sla.yaml` of your own only your
own files count.
"""

from __future__ import annotations

import hashlib
from calendar import monthrange
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.directory import Zone
from bot.model import SEVERITIES, Severity

FOLDER = "partners"
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
Said = Annotated[str, Field(min_length=1, max_length=400)] | Annotated[dict[str, str], Field(min_length=1)]
NOTICES = (
    180,
    120,
)  # days before the contract can be ended for the last time at which its owner is told, whatever the notice


def _raci(text: str) -> str:
    if not text or set(text.split("/")) - set("RACI"):
        raise ValueError(f'"{text}" is none of R, A, C, I, or two of them like A/R')
    return text


Raci = Annotated[str, AfterValidator(_raci)]


class Target(Shape):
    """Minutes of working time: until a person must have answered, between two words from us, until it must be resolved."""

    acknowledge: int = Field(gt=0)
    update: int = Field(default=0, ge=0)  # 0: none
    resolve: int = Field(gt=0)
    calendar: str = "always"


class Step(Shape):
    """Who is warned when so many per cent of a target's time have gone by."""

    at: int = Field(gt=0, le=1000)
    to: list[str] = Field(min_length=1)  # holder, on_call, second, manager, an owner of org.yaml, or a person's id


class Term(Shape):
    """How long the contract runs. With `auto_renew` it goes on by `renew_months` unless somebody ends it in time."""

    ref: str = Field(min_length=1, max_length=60)
    start: date
    end: date
    notice_days: int = Field(ge=0, le=730)
    auto_renew: bool = False
    renew_months: int = Field(default=12, ge=1, le=60)
    owner: str  # a person's id: the only one who advances a dispute

    @model_validator(mode="after")
    def _order(self) -> Term:
        if self.end <= self.start:
            raise ValueError("the contract ends before it starts")
        return self


class Service(Shape):
    """Who does what (RACI): responsible, accountable, consulted, informed."""

    service: Said
    we: Raci
    partner: Raci


class Contact(Shape):
    """Somebody at the partner. `level` 1 is rung first. `person` is an id of the directory, if they are in it."""

    name: str
    role: Said
    level: int = Field(ge=1, le=9)
    phone: str = ""
    email: str = ""
    person: str = ""


class Meetings(Shape):
    """The review: how often, at what time of which zone, who comes, and who gets the report so many working days before."""

    every: Literal["month", "quarter"] = "quarter"
    first: date
    at: time = time(10)
    minutes: int = Field(default=60, ge=10, le=480)
    timezone: Zone
    calendar: str  # of sla.yaml: its working days
    chair: str
    invited: list[str] = Field(min_length=1)
    report_to: list[str] = Field(min_length=1)
    report_days: int = Field(default=3, ge=0, le=20)

    @field_validator("at", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        if isinstance(value, str) and not (len(value) == 5 and value[2] == ":"):
            raise ValueError(f'"{value}" is not a time like 10:00')
        return value


class Pulse(Shape):
    """Who is asked each quarter how the work with the partner goes. Answers are shown once there are `fewest` of them."""

    ask: list[str] = Field(min_length=1)
    fewest: int = Field(default=4, ge=3, le=50)


class Evidence(Shape):
    """A certificate or report, and the day until which it holds."""

    what: Said
    valid_to: date


class Risk(Shape):
    """A line of the risk register."""

    id: Id
    what: Said
    owner: str
    since: date
    next_look: date
    evidence: list[Evidence] = []


class DisputeStep(Shape):
    """A step of a dispute: who talks, and within how many working days of its start. 0: no limit."""

    id: Id
    who: Said
    within: int = Field(default=0, ge=0, le=250)


class ContractFile(Shape):
    """`partners/<id>.yaml`."""

    schema_: str = Field(alias="schema", pattern="^partner/1$")
    id: Id
    name: str
    sample: bool = False
    contract: Term
    raci: list[Service] = []
    sla: dict[Severity, Target]
    target_pct: float = Field(default=95, gt=0, le=100)
    pause: list[Literal["person", "us"]] = ["us"]  # while we owe them an answer their clock stands still
    chain: list[Step] = []
    contacts: list[Contact] = []
    reviews: Meetings
    pulse: Pulse | None = None
    risks: list[Risk] = []
    dispute: list[DisputeStep] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> ContractFile:
        for what, ids in (("risks", [one.id for one in self.risks]), ("dispute", [one.id for one in self.dispute])):
            if len(set(ids)) < len(ids):
                raise ValueError(f"an id stands twice under {what}")
        return self


@dataclass(frozen=True)
class Contract:
    """A loaded contract. `version` is the SHA-256 of its file: what a dispute was opened under."""

    file: ContractFile
    document: Document
    version: str

    @property
    def id(self) -> str:
        return self.file.id

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def calendars(self) -> set[str]:
        """Calendars that it names."""
        return {name for _, name in _calendars(self.file)}

    def ends(self, today: date) -> date:
        """Its last day, as it stands today: one that renews itself has renewed."""
        term, end, times = self.file.contract, self.file.contract.end, 0
        while term.auto_renew and end < today:
            times += 1
            end = months_on(term.end, times * term.renew_months)
        return end

    def ended(self, today: date) -> bool:
        return self.ends(today) < today

    def notice(self, today: date) -> date:
        """The last day on which it can be ended for its present end."""
        return self.ends(today) - timedelta(days=self.file.contract.notice_days)

    def notices(self, today: date) -> list[tuple[int, date]]:
        """(days before its end, day) on which its owner is reminded, soonest first."""
        end, days = self.ends(today), self.file.contract.notice_days
        left = sorted({*NOTICES, days + 30, days + 7} - {0}, reverse=True)
        return [(count, end - timedelta(days=count)) for count in left if count > days or count in NOTICES]


def load_contracts(shelf: Shelf, faults: Faults) -> dict[str, Contract]:
    """Every contract, by its id. Those with faults are left out; the faults are added."""
    found: dict[str, Contract] = {}
    own = any(file and file[2] for file in map(shelf.file, ("org.yaml", "people.yaml", "sla.yaml")))
    for label, data, mine in shelf.folder(FOLDER):
        if own and not mine:
            continue
        document = parse(label, data, faults)
        file = read(ContractFile, document, faults) if document else None
        if file is None or document is None:
            continue
        if file.id in found:
            faults.add(
                label, document.place("id"), f'there is another contract "{file.id}"', "give it an id of its own"
            )
            continue
        for severity in SEVERITIES:
            if severity not in file.sla:
                faults.add(
                    label, document.place("sla"), f"{severity} has no target", "add it: silence is not a promise"
                )
        if all(severity in file.sla for severity in SEVERITIES):
            found[file.id] = Contract(file, document, hashlib.sha256(data).hexdigest())
    return found


def check_contracts(
    contracts: Mapping[str, Contract], faults: Faults, *, calendars: Collection[str], people: Collection[str],
    owners: Collection[str],
) -> None:  # fmt: skip
    """Names that a contract uses must be there: calendars of sla.yaml, people, owners of org.yaml."""
    for one in contracts.values():
        document, file = one.document, one.file
        for path, name in _calendars(file):
            if name != "always" and name not in calendars:
                place = document.place(*path)
                faults.add(document.file, place, f'there is no calendar "{name}"', "add it under calendars in sla.yaml")
        for path, who in _people(file):
            if who not in people:
                place = document.place(*path)
                faults.add(
                    document.file, place, f'"{who}" is not in people.yaml', "write the id of somebody who works here"
                )
        for index, step in enumerate(file.chain):
            for who in step.to:
                if who not in {"holder", "on_call", "second", "manager", *owners, *people}:
                    place = document.place("chain", index)
                    mend = "write holder, on_call, second, manager, an owner of org.yaml or a person's id"
                    faults.add(document.file, place, f'"{who}" is nobody who can be warned', mend)


def _calendars(file: ContractFile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield from ((("sla", severity), target.calendar) for severity, target in file.sla.items())
    yield ("reviews", "calendar"), file.reviews.calendar


def _people(file: ContractFile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield ("contract", "owner"), file.contract.owner
    yield ("reviews", "chair"), file.reviews.chair
    yield from ((("reviews", "invited", i), who) for i, who in enumerate(file.reviews.invited))
    yield from ((("reviews", "report_to", i), who) for i, who in enumerate(file.reviews.report_to))
    yield from ((("pulse", "ask", i), who) for i, who in enumerate(file.pulse.ask if file.pulse else ()))
    yield from ((("risks", i, "owner"), risk.owner) for i, risk in enumerate(file.risks))
    yield from ((("contacts", i, "person"), one.person) for i, one in enumerate(file.contacts) if one.person)


def notes(contract: Contract, today: date) -> Iterator[str]:
    """What time has done, as `file:line:column: what, how to mend it`."""
    file, document = contract.file, contract.document

    def note(what: str, mend: str, *path: str | int) -> str:
        line, column = document.place(*path)
        return f"{document.file}:{line}:{column}: {what}, {mend}"

    if contract.ended(today):
        yield note(
            f"the contract ended on {contract.ends(today)}", "renew it, or move the file away", "contract", "end"
        )
    elif today > contract.notice(today):
        renews = "it renews itself" if file.contract.auto_renew else "it ends"
        what = f"the last day to give notice was {contract.notice(today)}: {renews} on {contract.ends(today)}"
        yield note(what, "plan for it", "contract", "notice_days")
    for index, risk in enumerate(file.risks):
        if risk.next_look < today:
            yield note(f"the risk {risk.id} was to be looked at on {risk.next_look}", "look, and set the next day",
                       "risks", index, "next_look")  # fmt: skip
        for number, proof in enumerate(risk.evidence):
            if proof.valid_to < today:
                yield note(f"evidence of the risk {risk.id} held until {proof.valid_to}", "ask for the new one",
                           "risks", index, "evidence", number)  # fmt: skip


def said(text: Said, language: str, default: str = "en") -> str:
    """A text in a language, else in the default one, else any."""
    return text if isinstance(text, str) else text.get(language) or text.get(default) or next(iter(text.values()))


def months_on(day: date, months: int) -> date:
    """The same day so many months later, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
