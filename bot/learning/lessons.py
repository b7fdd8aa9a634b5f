"""Reading a shelf of lessons, with every fault of every file at once.

What a file says wrong is a fault. What time or an unset value does to it (review overdue, expired, a value not set yet,
a source nobody opened) is a note: the lesson stays and is marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bot.content import Faults, Shelf, parse, read
from bot.learning.experiments import read_experiments
from bot.learning.groups import check_membership, idle_groups, read_courses, read_groups
from bot.learning.migration import FILE as MIGRATION
from bot.learning.migration import read_migration
from bot.learning.notes import notes
from bot.learning.privacy import read_privacy
from bot.learning.publishing import Complaint, load_banned, problems, together
from bot.learning.shapes import Lesson, LessonFile, Library, Vocabulary

FOLDER = "lessons"


def load_lessons(shelf: Shelf, vocabulary: Vocabulary, *, today: date | None = None) -> Library:
    """Every lesson under `lessons/`. Raises `ContentError` with all faults. `today` decides what is overdue."""
    faults = Faults()
    library = read_lessons(shelf, vocabulary, faults, today=today)
    faults.check()
    return library


def read_lessons(shelf: Shelf, vocabulary: Vocabulary, faults: Faults, *, today: date | None = None) -> Library:
    """The lessons that have no fault; faults of the others are added. For a first start with a broken file."""
    banned = load_banned(shelf, faults)
    found = [item for label, data, _ in shelf.folder(FOLDER) if (item := _read_one(label, data, faults))]
    before = len(faults.found)
    for item in found:
        for path, what, mend in (*_name(item), *problems(item.lesson, vocabulary, banned)):
            faults.add(item.file, item.document.place(*path), what, mend)
    together(found, faults)
    groups, gone = read_groups(shelf, vocabulary, faults)
    check_membership(found, groups, faults)
    courses = read_courses(shelf, vocabulary, found, faults)
    broken = {fault.file for fault in faults.found[before:]}
    good = sorted((item for item in found if item.file not in broken), key=lambda item: item.lesson.id)
    lessons = {item.lesson.id: item.lesson for item in good}
    files = {item.lesson.id: item.file for item in good}
    said = (*notes(good, vocabulary, today or date.today()), *gone, *idle_groups(groups, list(lessons.values())))
    migration = read_migration(shelf, vocabulary, faults)
    return Library(
        lessons, files, said, groups, courses, read_privacy(shelf, faults), read_experiments(shelf, faults),
        migration, migration is None and shelf.file(MIGRATION) is not None,
    )  # fmt: skip


def _read_one(file: str, data: bytes, faults: Faults) -> LessonFile | None:
    document = parse(file, data, faults)
    lesson = read(Lesson, document, faults) if document else None
    return LessonFile(file, document, lesson) if document and lesson else None


def _name(item: LessonFile) -> Iterator[Complaint]:
    stem = Path(item.file).stem
    if item.lesson.id != stem:
        mend = f"call the file {item.lesson.id}.yaml, or correct the id"
        yield ("id",), f'the id "{item.lesson.id}" is not the file name "{stem}"', mend
