"""Courses: a role's lessons gone through in one sitting, one section a card, with attendance on record.

What is on record is who attended which section of which version, and when; never an answer. A section counts for as long
as the course says. A lesson that belongs to a course and is answered in the ordinary way is attendance too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.cards import Block, Button, Buttons, Card, Choices, Steps, Text
from bot.learning.memory import DAY
from bot.learning.privacy import allowed
from bot.learning.shapes import Course, Lesson, Library, Question
from bot.learning.store import LearningStore
from bot.learning.wording import feedback_card, say_card
from bot.model import Person
from bot.organisation import Organisation, Words, fill, pick
from bot.ports import Row
from bot.turn import Effect, Turn, Work


@dataclass(frozen=True)
class Response:
    """An answer that was just given. `item` is the message or section it answers."""

    item: str
    lesson: str
    version: int
    choice: str
    right: bool


Remember = Callable[[Work, Turn, Response], None]


@dataclass(frozen=True)
class Standing:
    """How far somebody is. `sections` are those there are for them, `attended` when each was (UTC epoch seconds)."""

    sections: tuple[Lesson, ...]
    attended: Mapping[str, float]

    @property
    def next(self) -> Lesson | None:
        """The first section that is not attended."""
        return next((section for section in self.sections if section.id not in self.attended), None)

    @property
    def since(self) -> float | None:
        """When the last section was attended, if all are."""
        return max(self.attended.values()) if self.sections and self.next is None else None


def standing(course: Course, library: Library, values: Collection[str], rows: Iterable[Row], at: float) -> Standing:
    """Where somebody stands at a time. `values`: organisation values that are set for them; `rows`: theirs of this course."""
    there = [library.lessons[name] for name in course.lessons if name in library.lessons]
    open_to = [item for item in there if item.status == "published" and set(item.placeholders) <= set(values)]
    ids = {item.id for item in open_to}
    valid = {row["lesson"]: float(row["at"]) for row in rows if float(row["at"]) > at - course.valid_days * DAY}
    return Standing(tuple(open_to), {lesson: when for lesson, when in valid.items() if lesson in ids})


@dataclass(frozen=True)
class Attended:
    """How far one member of a course is, for whoever has to show it. `last` is when a section was last attended."""

    course: str
    person: Person
    done: int
    total: int
    last: float | None
    complete: bool


def roll(
    library: Library, people: Iterable[Person], values: Callable[[str], Collection[str]], rows: Iterable[Row], at: float
) -> list[Attended]:
    """Everybody who belongs to a course, course by course. `values` by legal entity; `rows`: everybody's attendance."""
    staff, by_person = [person for person in people if person.known], dict[tuple[str, str], list[Row]]()
    for row in rows:
        by_person.setdefault((row["course"], row["person"]), []).append(row)
    found = []
    for name, course in library.courses.items():
        for person in staff:
            if person.roles.intersection(course.roles):
                mine = by_person.get((name, person.key), []) if person.key else []
                where = standing(course, library, values(person.entity), mine, at)
                last = max(where.attended.values(), default=None)
                counts = (len(where.attended), len(where.sections))
                found.append(Attended(name, person, *counts, last, where.since is not None))
    return found


class Sittings:
    """What people press in a course: open it, go on, answer a section."""

    def __init__(
        self,
        store: LearningStore,
        library: Callable[[], Library],
        organisation: Callable[[], Organisation],
        remember: Remember,
    ) -> None:
        self._store, self._library, self._organisation, self._remember = store, library, organisation, remember

    def open(self, turn: Turn, value: str) -> Effect:
        """`course` shows where somebody stands, `course:next` the next section, nothing their only course."""
        name, _, go = value.partition(":")
        mine = self._library().courses_of(turn.person.roles)
        if name not in mine:
            name = mine[0] if mine and not name else ""
        if not name:
            return lambda _work: say_card(self._words, turn.lang, "learning.course.none")
        where = self._standing(turn, name, turn.at)
        verb, _, after = go.partition(":")
        section = _following(where, after) if after and not self._kept(turn) else where.next
        if verb == "next" and section:
            return lambda work: self._section(work, turn, name, section, where)
        return lambda _work: self._overview(turn, name, where)

    def answer(self, turn: Turn, value: str) -> Effect | None:
        """A section's question was answered: that it was attended is recorded once a day. None if it cannot be."""
        name, lesson, version, choice = [*value.split(":"), "", "", ""][:4]
        kept = self._store.question(lesson, int(version)) if version.isdecimal() else ""
        question = Question.model_validate_json(kept) if kept else None
        mine = name in self._library().courses_of(turn.person.roles)
        if not mine or question is None or question.option(choice) is None:
            return None
        return lambda work: self._answered(work, turn, name, (lesson, int(version)), question, choice)

    def attended(self, work: Work, turn: Turn, lesson: str, version: int) -> None:
        """A lesson was answered outside of a course: it counts in those of this person that hold it."""
        library = self._library()
        for name in library.courses_of(turn.person.roles) if self._kept(turn) else ():
            if lesson in library.courses[name].lessons:
                self._record(work, turn.person.key, name, lesson, version)

    def lines(self, turn: Turn) -> list[tuple[str, str]]:
        """Each course of this person and how far they are, for their own data."""
        found = []
        for name in self._library().courses_of(turn.person.roles):
            where = self._standing(turn, name, turn.at)
            found.append((pick(self._course(name).title, turn.lang), self._progress(turn, name, where)))
        return found

    # inside

    def _answered(
        self, work: Work, turn: Turn, name: str, section: tuple[str, int], question: Question, choice: str
    ) -> Card:
        lesson, version = section
        kept, option = self._kept(turn), question.option(choice)
        item = f"{turn.person.key}/{name}/{lesson}/{_day(work.at)}"
        if not kept or self._record(work, turn.person.key, name, lesson, version):
            self._remember(work, turn, Response(item, lesson, version, choice, bool(option and option.correct)))
        before = self._standing(turn, name, turn.at)
        where = Standing(before.sections, {**before.attended, lesson: turn.at})
        say = self._words.say
        more = [say(turn.lang, "learning.course.recorded", day=_day(turn.at)), self._progress(turn, name, where)]
        more = more if kept else [say(turn.lang, "learning.course.unrecorded")]
        card = feedback_card(question, choice, turn.values, self._words, turn.lang, more)
        on = self._on(turn, name, where, "" if kept else lesson)
        return Card(card.title, (*card.blocks, *on), card.tone, card.source, turn.lang)

    def _kept(self, turn: Turn) -> bool:
        """Whether attendance may be recorded for this person at all."""
        return allowed(self._library().privacy, "attendance", turn.values)

    def _record(self, work: Work, person: str, name: str, lesson: str, version: int) -> bool:
        row = {
            "person": person,
            "course": name,
            "lesson": lesson,
            "version": version,
            "day": _day(work.at),
            "at": work.at,
        }
        if not self._store.attend(work.tx, row):
            return False
        work.audit(person, "learning.attended", name, lesson=lesson, version=str(version))
        return True

    def _section(self, work: Work, turn: Turn, name: str, lesson: Lesson, where: Standing) -> Card:
        self._store.keep_question(work.tx, lesson.id, lesson.version, lesson.question.model_dump_json())

        def text(texts: Mapping[str, str]) -> str:
            return fill(pick(texts, turn.lang), turn.values)[0]

        place = where.sections.index(lesson) + 1
        title = self._words.say(
            turn.lang, "learning.course.section", n=place, total=len(where.sections), title=text(lesson.title)
        )
        aim = f"{name}:{lesson.id}:{lesson.version}"
        options = tuple(Button(text(o.text), "learning.section", f"{aim}:{o.id}") for o in lesson.question.options)
        blocks = (Text(text(lesson.body)), Choices(text(lesson.question.prompt), options))
        return Card(title, blocks, "question", source=lesson.id, lang=turn.lang, private=True)

    def _overview(self, turn: Turn, name: str, where: Standing) -> Card:
        course, words = self._course(name), self._words
        basis = words.say(turn.lang, "learning.course.basis", basis=pick(course.legal_basis, turn.lang))
        blocks: list[Block] = [
            Text(pick(course.about, turn.lang)),
            Steps(tuple(self._line(turn, section, where) for section in where.sections)),
            Text(self._progress(turn, name, where), "strong"),
            Text(basis, "muted"),
            *self._on(turn, name, where),
        ]
        return Card(pick(course.title, turn.lang), tuple(blocks), lang=turn.lang, private=True)

    def _line(self, turn: Turn, section: Lesson, where: Standing) -> str:
        title, at = pick(section.title, turn.lang), where.attended.get(section.id)
        if at is None:
            return title
        return self._words.say(turn.lang, "learning.course.attended", title=title, day=_day(at))

    def _progress(self, turn: Turn, name: str, where: Standing) -> str:
        if where.since is not None:
            valid = where.since + self._course(name).valid_days * DAY
            return self._words.say(
                turn.lang, "learning.course.done", total=len(where.sections), day=_day(where.since), until=_day(valid)
            )
        done = len(where.attended)
        return self._words.say(turn.lang, "learning.course.progress", done=done, total=len(where.sections))

    def _on(self, turn: Turn, name: str, where: Standing, after: str = "") -> Sequence[Block]:
        """The button that goes on; `after` a section, where nothing tells which one was last."""
        if (_following(where, after) if after else where.next) is None:
            return ()
        key = "learning.course.next" if where.attended else "learning.course.start"
        aim = f"{name}:next:{after}" if after else f"{name}:next"
        return (Buttons((Button(self._words.say(turn.lang, key), "learning.course", aim, "primary"),)),)

    def _standing(self, turn: Turn, name: str, at: float) -> Standing:
        rows = self._store.attendance(turn.person.key, name)
        return standing(self._course(name), self._library(), turn.values.keys(), rows, at)

    def _course(self, name: str) -> Course:
        return self._library().courses[name]

    @property
    def _words(self) -> Words:
        return self._organisation().words


def _following(where: Standing, lesson: str) -> Lesson | None:
    """The section behind this one."""
    ids = [section.id for section in where.sections]
    place = ids.index(lesson) + 1 if lesson in ids else 0
    return where.sections[place] if place < len(ids) else None


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
