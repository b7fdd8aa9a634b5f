"""Groups and courses (`learning/groups.yaml`, `learning/courses.yaml`): reading them, and what must hold with the lessons."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import Field

from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.learning.shapes import ALL, Course, Group, Id, Lesson, LessonFile, Note, Vocabulary

GROUPS, COURSES = "learning/groups.yaml", "learning/courses.yaml"


class GroupsFile(Shape):
    """`learning/groups.yaml`."""

    schema_: str = Field(alias="schema", pattern="^groups/1$")
    groups: dict[Id, Group]


class CoursesFile(Shape):
    """`learning/courses.yaml`."""

    schema_: str = Field(alias="schema", pattern="^courses/1$")
    courses: dict[Id, Course]


def read_groups(shelf: Shelf, known: Vocabulary, faults: Faults) -> tuple[dict[str, Group], tuple[Note, ...]]:
    """The groups of a shelf, an organisation's laid over ours one by one, and a note for each person who has left.

    Faults name roles that do not exist, texts without English, and groups that nobody can be in.
    """
    groups, notes = dict[str, Group](), list[Note]()
    for document, own in _documents(shelf, GROUPS, faults):
        file = read(GroupsFile, document, faults)
        for name, group in file.groups.items() if file else ():
            _roles(document, ("groups", name), group.roles, known, faults)
            _texts(document, ("groups", name), {"name": group.name, "concern": group.concern}, faults)
            if not group.roles and not group.people:
                place = document.place("groups", name)
                faults.add(document.file, place, f'nobody can be in the group "{name}"', "name roles or people")
            groups[name] = group
            notes += _gone(document.file, name, group, known) if own else ()
    return groups, tuple(notes)


def read_courses(shelf: Shelf, known: Vocabulary, found: Collection[LessonFile], faults: Faults) -> dict[str, Course]:
    """The courses of a shelf, as `read_groups`. Faults name lessons that are not live or not for the course's roles."""
    lessons, courses = {item.lesson.id: item.lesson for item in found}, dict[str, Course]()
    for document, _ in _documents(shelf, COURSES, faults):
        file = read(CoursesFile, document, faults)
        for name, course in file.courses.items() if file else ():
            texts = {"title": course.title, "about": course.about, "legal_basis": course.legal_basis}
            _roles(document, ("courses", name), course.roles, known, faults)
            _texts(document, ("courses", name), texts, faults)
            for i, lesson in enumerate(course.lessons):
                if trouble := _trouble(lessons.get(lesson), course):
                    place = document.place("courses", name, "lessons", i)
                    faults.add(document.file, place, f'the lesson "{lesson}" {trouble}', "correct it, or take it out")
            courses[name] = course
    return courses


def check_membership(found: Collection[LessonFile], groups: Mapping[str, Group], faults: Faults) -> None:
    """Lessons of groups name groups that exist, and others name none."""
    for item in found:
        lesson, document = item.lesson, item.document
        if (lesson.curriculum == "group") != bool(lesson.groups):
            place, mend = document.place("curriculum"), "give both, or neither"
            faults.add(item.file, place, '"groups" and curriculum group go together', mend)
        for i, name in enumerate(lesson.groups):
            if name not in groups:
                place, mend = document.place("groups", i), f"use one of: {', '.join(sorted(groups))}"
                faults.add(item.file, place, f'the group "{name}" is not known', mend)


def idle_groups(groups: Mapping[str, Group], lessons: Collection[Lesson]) -> Iterator[Note]:
    """Groups that do nothing."""
    used = {name for lesson in lessons if lesson.status == "published" for name in lesson.groups}
    for name in groups:
        if name not in used:
            what = f'the group "{name}" has no published lesson'
            yield Note("group", "", f"knowledge/{GROUPS}", what, "write one, or take the group out")


def _gone(file: str, name: str, group: Group, known: Vocabulary) -> Iterator[Note]:
    for person in group.people:
        if known.ids is not None and person not in known.ids:
            what = f'"{person}" of the group "{name}" is not in the directory'
            yield Note("group", "", file, what, "take them out, or correct the id")


def _documents(shelf: Shelf, name: str, faults: Faults) -> Iterator[tuple[Document, bool]]:
    """Our file, then the organisation's (`True`), where there are any."""
    ours, found = Shelf(shelf.packaged).file(name), shelf.file(name)
    for file in dict.fromkeys(file for file in (ours, found) if file):
        if document := parse(file[0], file[1], faults):
            yield document, file != ours


def _roles(document: Document, path: tuple[str, ...], roles: list[str], known: Vocabulary, faults: Faults) -> None:
    for i, role in enumerate(roles):
        if role not in known.roles or role == ALL:
            place, mend = (
                document.place(*path, "roles", i),
                f"use one of: {', '.join(sorted(set(known.roles) - {ALL}))}",
            )
            faults.add(document.file, place, f'the role "{role}" is not known', mend)


def _texts(document: Document, path: tuple[str, ...], texts: Mapping[str, Mapping[str, str]], faults: Faults) -> None:
    for key, text in texts.items():
        if "en" not in text:
            faults.add(document.file, document.place(*path, key), "there is no en text", "add en")


def _trouble(lesson: Lesson | None, course: Course) -> str:
    if lesson is None:
        return "does not exist"
    if lesson.status != "published":
        return "is not published"
    fits = ALL in lesson.roles or set(course.roles) <= set(lesson.roles)
    return "" if fits and not lesson.tags and not lesson.groups else "is not for everybody in the course"
