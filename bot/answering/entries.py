"""The shape of an answer entry, and a loaded library of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.content import Shape

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,60}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
State = Literal["draft", "review", "published", "retired"]
Button = Literal["report", "person", "emergency", "caller"]
Queue = Literal["desk", "privacy", "finance", "partner", "mail"]
ALL = "all"  # the role that everybody has, in the directory or not


class AnswerText(Shape):
    """What a person reads, in one language. `ring` stands in while an organisation value it needs is not set."""

    short: Text
    steps: list[Line] = Field(default=[], max_length=3)
    do_not: list[Line] = Field(default=[], max_length=2)
    ring: Text | None = None

    def texts(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every text with its path in the file."""
        found: list[tuple[tuple[str | int, ...], str]] = [(("short",), self.short)]
        found += [(("steps", i), step) for i, step in enumerate(self.steps)]
        found += [(("do_not", i), line) for i, line in enumerate(self.do_not)]
        return [*found, (("ring",), self.ring)] if self.ring else found


class Escalate(Shape):
    """Where a ticket about this goes; `page` rings the person on duty."""

    queue: Queue = "desk"
    page: bool = False


class Source(Shape):
    """An authority the answer rests on. `checked` is the day somebody read the page, else empty."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9-]*$")]
    title: Line
    publisher: Line
    checked: date | None = None


class Entry(Shape):
    """One answer (`answer/1`). Texts are by language; `roles` says who may see it (`all`: everybody).

    `for_roles`: what people with a role are told instead, where the answer differs for them.
    """

    schema_: Literal["answer/1"] = Field(alias="schema")
    id: Id
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2,3}$")] | None = None
    version: int = Field(ge=1)
    state: State
    group: Name
    roles: list[Name] = Field(min_length=1)
    severity: Literal["S0", "S1", "S2", "S3"]
    title: dict[Language, Line]
    questions: dict[Language, list[Line]]
    golden: dict[Language, list[Line]] = {}
    answer: dict[Language, AnswerText]
    for_roles: dict[Name, dict[Language, AnswerText]] = {}
    emergency: Name | None = None
    buttons: list[Button] = Field(default=[], max_length=3)
    placeholders: list[Name] = []
    escalate: Escalate = Escalate()
    sources: list[Source] = []
    related: list[Id] = []
    sop: Id | None = None
    expires: date | None = None
    owner: Id
    author: Id
    approved_by: Id | None = None
    reviewed: date
    review_due: date

    @property
    def public(self) -> bool:
        """Everybody may see it, people outside the directory too."""
        return ALL in self.roles

    def variants(self) -> list[str]:
        """Everything the search matches: titles and questions of all languages, each once, in file order."""
        return list(dict.fromkeys([*self.title.values(), *(q for asked in self.questions.values() for q in asked)]))

    def told_to(self, roles: Collection[str]) -> Entry:
        """The entry as somebody with these roles is told it: the first of `for_roles` that is theirs, else as it is."""
        text = next((texts for role, texts in self.for_roles.items() if role in roles), None)
        return self.model_copy(update={"answer": {**self.answer, **text}}) if text else self

    def tellings(self) -> list[tuple[tuple[str | int, ...], str, AnswerText]]:
        """Every answer there is, those for roles too: (path in the file, language, text)."""
        found: list[tuple[tuple[str | int, ...], str, AnswerText]] = [
            (("answer", language), language, text) for language, text in self.answer.items()
        ]
        for role, texts in self.for_roles.items():
            found += [(("for_roles", role, language), language, text) for language, text in texts.items()]
        return found

    @property
    def due(self) -> date:
        """The day by which somebody has to look at it: its review, or when it expires if that is before."""
        return min(self.review_due, self.expires or self.review_due)

    def overdue(self, today: date) -> bool:
        """Past its review date or its expiry: marked everywhere, never hidden."""
        return self.due < today


@dataclass(frozen=True)
class Note:
    """Something an owner should look at; the entry works all the same."""

    kind: Literal["overdue", "expired", "unchecked"]
    entry: str
    file: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}, {self.mend}"


@dataclass(frozen=True)
class Vocabulary:
    """The names that entries may use. None: not checked. `alone`: one person may publish, without a second one."""

    roles: Collection[str]
    placeholders: Collection[str]
    emergencies: Collection[str]
    groups: Collection[str] | None = None
    procedures: Collection[str] | None = None
    alone: bool = False


@dataclass(frozen=True)
class Library:
    """Loaded entries by id, in id order. `files` names each one's file; `digest` changes when any content does."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    digest: str = ""

    def published(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.state == "published"]

    def visible(self, roles: Collection[str], known: bool = True) -> frozenset[str]:
        """Ids of the published entries a person with these roles may be shown. `known=False`: public ones only."""
        mine = set(roles) if known else set()
        return frozenset(e.id for e in self.published() if e.public or mine.intersection(e.roles))

    def variants(self) -> list[tuple[str, list[str]]]:
        """What the search is fitted on: `(id, texts)` of every published entry."""
        return [(entry.id, entry.variants()) for entry in self.published()]

    def golden(self) -> list[tuple[str, str, str]]:
        """`(question, id, language)` of every published entry's held-out questions."""
        return [
            (question, entry.id, language)
            for entry in self.published()
            for language, questions in entry.golden.items()
            for question in questions
        ]
