"""The shape of a lesson (`lesson/1`), and a loaded library of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from bot.content import Document, Shape

if TYPE_CHECKING:
    from bot.learning.experiments import Experiment
    from bot.learning.migration import MigrationFile
    from bot.learning.privacy import Module

DEFAULT_LANGUAGE = "en"
ALL = "all"
TRACKS = ("executive", "hr_legal", "it_helpdesk", "regular")  # who has several roles gets the first of these
HIGH_RISK = "high_risk"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,60}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,60}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Texts = Annotated[dict[Language, Line], Field(min_length=1)]
Long = Annotated[dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=4000)]], Field(min_length=1)]
Intent = Literal["report", "person", "emergency", "ask"]
Curriculum = Literal["core", "role", "high_risk", "group", "course"]
Event = Literal["question.topic", "question.risky", "verdict", "emergency", "campaign", "travel"]
Spot = tuple[str | int, ...]


class LessonAction(Shape):
    """The one thing to do: a button.

    With intent `ask`, `ask` is the question it stands for; the answer shown is the lesson's first `kb` entry. With
    intent `emergency`, `emergency` is the kind that starts (absent: the general one).
    """

    kind: Literal["button"] = "button"
    label: Texts
    intent: Intent
    ask: Texts | None = None
    emergency: Name | None = None


class Option(Shape):
    """One answer. Each has its own feedback; exactly one of a question is correct."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,12}$")]
    text: Texts
    feedback: Texts
    correct: bool = False


class Question(Shape):
    """One decision in a situation."""

    prompt: Texts
    options: list[Option] = Field(min_length=2, max_length=4)

    def option(self, option: str) -> Option | None:
        return next((item for item in self.options if item.id == option), None)

    @property
    def right(self) -> Option:
        """The correct option of a checked question."""
        return next(item for item in self.options if item.correct)


class Schedule(Shape):
    """`spaced`: comes back as memory fades. Days are local ones; it is not sent before the first or after the last."""

    spaced: bool = True
    not_before: date | None = None
    expires: date | None = None


class Trigger(Shape):
    """What brings the lesson out of turn. `topic` for questions, `kind` for verdicts and emergencies (absent: any).

    `entries` are answers: under those of `question.risky` stands a line with the lesson; a question that leads to one of
    `travel` is somebody who is about to travel.
    """

    event: Event
    topic: Name | None = None
    kind: Name | None = None
    entries: list[Id] = []
    cooldown_days: int = Field(default=30, ge=1, le=366)


class Source(Shape):
    """An authority the lesson rests on. `checked` is the day somebody read the page, else empty."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9./-]*$")] | None = None
    title: Line
    publisher: Line | None = None
    checked: date | None = None


class Measure(Shape):
    """What the lesson should change."""

    outcome: Name | None = None
    experiment: Name | None = None


class Group(Shape):
    """People with a like concern, who get lessons besides those of their role. One of the roles, or one of the people.

    `people` are ids of the directory. `entities` narrows the roles to some legal entities; empty: all.
    """

    name: Texts
    concern: Texts
    roles: list[Name] = []
    entities: list[str] = []
    people: list[str] = []

    def holds(self, person: str, roles: Collection[str], entity: str = "") -> bool:
        """Whether this person belongs to it."""
        here = not self.entities or entity in self.entities
        return person in self.people or (here and bool(set(roles).intersection(self.roles)))


class Course(Shape):
    """Lessons to be gone through in one sitting, with attendance on record.

    A section counts for `valid_days` after it was attended. `legal_basis` is why attendance is kept; people read it.
    """

    title: Texts
    about: Texts
    roles: list[Name] = Field(min_length=1)
    lessons: list[Id] = Field(min_length=1, max_length=30)
    valid_days: int = Field(default=366, ge=1, le=1100)
    legal_basis: Texts
    owner: Line


class Lesson(Shape):
    """One lesson. Texts are by language. Mandatory ones name why, by when, and what counts as done.

    `curriculum: group` is for the `groups` it names, `course` for those who open a course.
    """

    schema_: Literal["lesson/1"] = Field(alias="schema")
    id: Id
    version: int = Field(ge=1)
    status: Literal["draft", "review", "published", "retired"]
    title: Texts
    roles: list[Name] = Field(min_length=1)
    tags: list[Literal["high_risk"]] = []
    groups: list[Id] = []
    curriculum: Curriculum
    order: int = Field(ge=1, le=99)
    topic: Name
    behaviour: Literal["pause", "verify", "report", "protect", "contain"]
    obligation: Literal["optional", "recommended", "mandatory"] = "recommended"
    body: Long
    action: LessonAction
    question: Question
    schedule: Schedule = Schedule()
    triggers: list[Trigger] = []
    placeholders: list[Name] = []
    sources: list[Source] = []
    kb: list[Id] = []
    owner: Line
    author: Line | None = None
    approved_by: Line | None = None
    reviewed: date
    review_due: date
    measure: Measure = Measure()
    reset_memory: bool = False
    translated: dict[Language, int] = {}  # the version that a language's texts were made from; absent: this one
    legal_basis: Line | None = None
    due_days: int | None = Field(default=None, ge=1, le=366)
    evidence: Literal["ack", "answer", "score"] | None = None
    works_agreement_ref: Line | None = None

    @property
    def mandatory(self) -> bool:
        return self.obligation == "mandatory"

    def languages(self) -> list[str]:
        """Languages in which every text is there."""
        return [code for code in self.title if all(code in texts for _, texts in self.texts())]

    def texts(self) -> list[tuple[Spot, Mapping[str, str]]]:
        """Every text that people read, by its path in the file."""
        found: list[tuple[Spot, Mapping[str, str]]] = [
            (("title",), self.title),
            (("body",), self.body),
            (("action", "label"), self.action.label),
            (("question", "prompt"), self.question.prompt),
        ]
        if self.action.ask:
            found.append((("action", "ask"), self.action.ask))
        for i, option in enumerate(self.question.options):
            found.append((("question", "options", i, "text"), option.text))
            found.append((("question", "options", i, "feedback"), option.feedback))
        return found

    def sendable(self, day: date) -> bool:
        """Live on this day."""
        plan = self.schedule
        return (
            self.status == "published"
            and (plan.not_before is None or plan.not_before <= day)
            and (plan.expires is None or day <= plan.expires)
        )

    def brought_by(self, event: str, entry: str = "") -> bool:
        """Whether an event of this kind brings it; with `entry`, one about that answer."""
        return any(trigger.event == event and (not entry or entry in trigger.entries) for trigger in self.triggers)

    def fits(self, roles: Collection[str], high_risk: bool, groups: Collection[str] = ()) -> bool:
        """May be shown to somebody with these roles, of these groups."""
        mine = not self.groups or bool(set(groups).intersection(self.groups))
        return (
            mine and (not self.tags or high_risk) and (ALL in self.roles or bool(set(roles).intersection(self.roles)))
        )


@dataclass(frozen=True)
class Note:
    """Something an owner should look at; the lesson works all the same (`unset`: except where the value is missing)."""

    kind: Literal[
        "overdue", "expired", "unset", "source", "title", "length", "translation", "curriculum", "mandatory", "group"
    ]
    lesson: str
    file: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}, {self.mend}"


@dataclass(frozen=True)
class Vocabulary:
    """The names that lessons may use. None: not checked. `unset`: values without content; `people`: full names."""

    roles: Collection[str]
    placeholders: Collection[str]
    answers: Collection[str] | None = None
    emergencies: Collection[str] | None = None
    unset: Collection[str] = ()
    people: Collection[str] = ()
    ids: Collection[str] | None = None  # of people in the directory


@dataclass(frozen=True)
class Library:
    """Loaded lessons by id, in id order."""

    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    courses: Mapping[str, Course] = field(default_factory=dict)
    privacy: Mapping[str, Module] = field(default_factory=dict)  # pages on what is kept; without one a module is off
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    migration: MigrationFile | None = None
    migration_faulty: bool = False  # there is a file of migration waves, and it cannot be read

    def hash(self) -> str:
        """The same for the same lessons, groups and courses in every process; another one after any change of them."""
        parts = [*self.lessons.values(), *self.groups.values(), *self.courses.values()]
        return blake2b("".join(part.model_dump_json() for part in parts).encode(), digest_size=8).hexdigest()

    def published(self) -> list[Lesson]:
        return [lesson for lesson in self.lessons.values() if lesson.status == "published"]

    def groups_of(self, person: str, roles: Collection[str], entity: str = "") -> frozenset[str]:
        """Ids of the groups somebody belongs to."""
        return frozenset(name for name, group in self.groups.items() if group.holds(person, roles, entity))

    def courses_of(self, roles: Collection[str]) -> list[str]:
        """Ids of the courses for somebody with these roles."""
        return [name for name, course in self.courses.items() if set(roles).intersection(course.roles)]

    def curriculum(self, track: str, *, high_risk: bool = False, groups: Collection[str] = ()) -> list[Lesson]:
        """The live lessons of a role, in the order they are sent: core, own, those of high risk and of groups by turns."""
        kinds: tuple[Curriculum, ...] = ("core", "role", "high_risk", "group")
        ranked: list[tuple[int, int, Lesson]] = []
        for rank, kind in enumerate(kinds):
            mine = [
                item for item in self.published() if item.curriculum == kind and item.fits((track,), high_risk, groups)
            ]
            mine.sort(key=lambda item: (item.order, item.id))
            ranked += [(place, rank, lesson) for place, lesson in enumerate(mine)]
        return [lesson for _, _, lesson in sorted(ranked, key=lambda item: item[:2])]


def track_of(roles: Collection[str]) -> str:
    """The one curriculum of a person with these roles."""
    return next((track for track in TRACKS if track in roles), "regular")


@dataclass(frozen=True)
class LessonFile:
    """A file that became a lesson."""

    file: str
    document: Document
    lesson: Lesson
