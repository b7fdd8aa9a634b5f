"""The shape of a procedure (`procedure/1`), and a loaded library of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from bot.content import Shape

Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1200)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,60}$")]
StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,60}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Every = Literal["day", "week", "month", "quarter", "year"]
State = Literal["draft", "published", "retired"]
EvidenceKind = Literal["none", "text", "file", "link", "any"]

END = "end"  # where a run is over; no step has this id
PARTNER = "partner"  # done by the partner: the desk records it
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAYS = "workdays"
_LENGTH = re.compile(r"([1-9][0-9]{0,3})([hd])")


class Source(Shape):
    """An authority a procedure rests on. `checked` is the day somebody read the page, else empty."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9-]*$")]
    title: Line
    publisher: Line
    url: Annotated[str, StringConstraints(pattern=r"^https://\S{4,300}$")] | None = None
    checked: date | None = None


class Schedule(Shape):
    """When it starts by itself, on the organisation's clock.

    `on`: for a day nothing or `workdays`; for a week `mon` … `sun`; for a month or a quarter (its first month) a day from 1 to
    28; for a year `MM-DD`. `within`: hours (`4h`) or days (`1d`) until a run that is not finished counts as missed.
    """

    every: Every
    at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    on: str | int | None = None
    within: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}[hd]$")]

    @property
    def seconds(self) -> float:
        """How long a run may take until it is missed."""
        found = _LENGTH.fullmatch(self.within)
        assert found  # noqa: S101 (the pattern of the field)
        return int(found[1]) * (3600.0 if found[2] == "h" else 86_400.0)


class Start(Shape):
    """What starts it. `emergencies` are ids of emergency cards, `tickets` kinds or tags of tickets.

    `automatic`: an emergency or a ticket of these starts a run; else it is proposed, as a button.
    """

    manual: bool = True
    emergencies: list[Name] = []
    tickets: list[Annotated[str, StringConstraints(min_length=1, max_length=40)]] = []
    automatic: bool = False
    schedule: Schedule | None = None


class OnFailure(Shape):
    """What follows "Cannot do this": another step, the end of the run, or the owner is told and the run waits there."""

    go: StepId | None = None
    stop: bool = False
    escalate: bool = False

    @model_validator(mode="after")
    def _one(self) -> OnFailure:
        if sum([self.go is not None, self.stop, self.escalate]) != 1:
            raise ValueError("this says more than one thing, or nothing | write one of go, stop: true, escalate: true")
        return self


class Option(Shape):
    """One answer to a question, and the step it leads to (`end`: none)."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    label: dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=60)]]
    go: StepId


class Step(Shape):
    """One thing to do, or one question to answer. `minutes` is its time box, 0 for none.

    `next` is the step after it where that is not the one below (`end`: none). `four_eyes` names an earlier step: whoever did
    that one may not do this one. `who` is a role, an owner of org.yaml or `partner`; a question without it is answered by
    whoever has the run.
    """

    id: StepId
    do: dict[Language, Text] = {}
    ask: dict[Language, Text] = {}
    options: list[Option] = Field(default=[], max_length=8)
    who: Name | None = None
    evidence: EvidenceKind = "none"
    required: bool = True
    minutes: int = Field(default=0, ge=0, le=10_080)
    four_eyes: StepId | None = None
    on_failure: OnFailure = OnFailure(escalate=True)
    next: StepId | None = None

    @model_validator(mode="after")
    def _either(self) -> Step:
        if bool(self.do) == bool(self.ask):
            raise ValueError("a step either does or asks something | write do, or ask with options")
        if bool(self.ask) != bool(self.options):
            raise ValueError("a question has options, and nothing else has | write options under an ask")
        if self.do and self.who is None:
            raise ValueError("nobody is named who does this | add who: a role, an owner or partner")
        if self.ask and (self.next or self.evidence != "none"):
            raise ValueError("a question leads where its options go and takes no evidence | take next or evidence out")
        return self

    @property
    def texts(self) -> Mapping[str, str]:
        """What is to be done or answered, by language."""
        return self.do or self.ask

    @property
    def proves(self) -> bool:
        """Whether it cannot be done without evidence."""
        return self.required and self.evidence != "none"


class Procedure(Shape):
    """A procedure. `minutes` is the time box of a whole run; the first step is where it starts."""

    schema_: Literal["procedure/1"] = Field(alias="schema")
    id: Id
    version: int = Field(ge=1)
    state: State
    title: dict[Language, Line]
    purpose: dict[Language, Text]
    owner: Id
    author: Id
    approved_by: Id | None = None
    reviewed: date
    review_due: date
    sources: list[Source] = []
    start: Start = Start()
    minutes: int = Field(ge=1, le=525_600)
    steps: list[Step] = Field(min_length=1, max_length=60)

    def step(self, name: str) -> Step:
        """A step by its id. Raises `KeyError`."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)

    def has(self, name: str) -> bool:
        return any(step.id == name for step in self.steps)

    def number(self, name: str) -> int:
        """Which step it is in the file, from 1."""
        return [step.id for step in self.steps].index(name) + 1

    def after(self, name: str) -> str:
        """The step that follows when this one is done or skipped; `end` after the last."""
        step, place = self.step(name), self.number(name)
        return step.next or (self.steps[place].id if place < len(self.steps) else END)

    def overdue(self, today: date) -> bool:
        """Past its review date: marked everywhere, never hidden."""
        return self.review_due < today


@dataclass(frozen=True)
class Note:
    """Something an owner should look at; the procedure works all the same."""

    kind: Literal["overdue", "unchecked", "untranslated"]
    procedure: str
    file: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}, {self.mend}"


@dataclass(frozen=True)
class Vocabulary:
    """The names that procedures may use. `alone`: one person may publish, without a second one."""

    roles: Collection[str]
    placeholders: Collection[str]
    emergencies: Collection[str]
    owners: Collection[str]
    alone: bool = False


@dataclass(frozen=True)
class Pinned:
    """A procedure as it stood in a file: `text` is the file, `sha256` that of its UTF-8 bytes."""

    procedure: Procedure
    text: str
    sha256: str
    file: str


@dataclass(frozen=True)
class Library:
    """Loaded procedures by id, in id order."""

    procedures: Mapping[str, Pinned] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def published(self) -> list[Pinned]:
        return [one for one in self.procedures.values() if one.procedure.state == "published"]
