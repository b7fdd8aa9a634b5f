"""What owners of lessons should look at: age, missing values, craft, and whether each role's curriculum is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from bot.learning.publishing import right_length, scaled, sentences, words, wrong_length
from bot.learning.shapes import HIGH_RISK, TRACKS, Lesson, LessonFile, Library, Note, Vocabulary

MEAN_SENTENCE = 15  # words
MAX_TITLE = 12
CURRICULUM = 12  # lessons a role
TARGETS = 4  # lessons besides, for likely targets
MANDATORY_SHARE = 0.25
AGE = frozenset({"overdue", "expired"})  # kinds of notes that come with time


def notes(found: Sequence[LessonFile], known: Vocabulary, today: date) -> Iterator[Note]:
    """What owners should look at. Only `unset` keeps a lesson back, and only where the value is missing."""
    for item in found:
        if item.lesson.status != "retired":
            yield from aging(item.lesson, item.file, today)
            yield from _sources(item)
            yield from _craft(item, known)
    lessons = [item.lesson for item in found if item.lesson.status == "published"]
    for track in TRACKS:
        yield from _role(track, lessons)
    targets = sum(lesson.curriculum == HIGH_RISK for lesson in lessons)
    if targets not in (0, TARGETS):
        what = f"likely targets have {targets} published lessons of their own"
        yield Note("curriculum", "", "knowledge/lessons", what, f"{TARGETS} are what two messages a week can carry")


def as_of(library: Library, today: date) -> Library:
    """A library with what time has done to its lessons until `today`."""
    alive = [lesson for lesson in library.lessons.values() if lesson.status != "retired"]
    aged = [note for lesson in alive for note in aging(lesson, library.files[lesson.id], today)]
    return replace(library, notes=(*aged, *(note for note in library.notes if note.kind not in AGE)))


def aging(lesson: Lesson, file: str, today: date) -> Iterator[Note]:
    """What time has done to one lesson."""
    expires = lesson.schedule.expires
    if lesson.review_due < today:
        mend = f"{lesson.owner}: say that it is still right, or edit it"
        yield Note("overdue", lesson.id, file, f"the review was due on {lesson.review_due}", mend)
    if expires and expires < today:
        mend = f"{lesson.owner}: set a later day, or retire it"
        yield Note("expired", lesson.id, file, f"it is not sent since {expires}", mend)


def _sources(item: LessonFile) -> Iterator[Note]:
    lesson = item.lesson
    if not lesson.sources:
        yield Note("source", lesson.id, item.file, "no source is named", "name the authority that it rests on")
    for source in lesson.sources:
        if source.checked is None:
            what = f"nobody has opened the source {source.code or source.title}"
            yield Note("source", lesson.id, item.file, what, "read it, then fill in checked with the day")


def _craft(item: LessonFile, known: Vocabulary) -> Iterator[Note]:
    lesson = item.lesson
    for name in sorted(set(lesson.placeholders).intersection(known.unset)):
        what = f'the value "{name}" is not set'
        yield Note("unset", lesson.id, item.file, what, "set it: until then the lesson is not sent")
    for language, title in lesson.title.items():
        if words(title) > MAX_TITLE:
            yield Note("title", lesson.id, item.file, f"the {language} title has {words(title)} words", "shorten it")
    for language, body in lesson.body.items():
        if words(body) > scaled(MEAN_SENTENCE, language) * len(sentences(body)):
            what = f"the {language} sentences are long: {words(body) // len(sentences(body))} words on average"
            yield Note("length", lesson.id, item.file, what, f"aim at {MEAN_SENTENCE}")
    for language in lesson.languages():
        if right_length(lesson, language) > 1.5 * wrong_length(lesson, language):
            what = f"the right answer stands out by its length ({language})"
            yield Note("length", lesson.id, item.file, what, "even them out")
    for language in sorted({code for _, texts in lesson.texts() for code in texts} - set(lesson.languages())):
        what = f"{language} is there, but not for every text"
        yield Note("translation", lesson.id, item.file, what, f"complete it: until then it is not sent in {language}")
    for language, version in sorted(lesson.translated.items()):
        if version < lesson.version:
            what = f"the {language} texts are those of version {version}, the lesson is at {lesson.version}"
            yield Note("translation", lesson.id, item.file, what, f"look at them, then set translated.{language}")


def _role(track: str, lessons: Sequence[Lesson]) -> Iterator[Note]:
    mine = [item for item in lessons if item.curriculum in ("core", "role") and item.fits((track,), False)]
    if lessons and len(mine) != CURRICULUM:
        what = f"{track} has {len(mine)} published lessons"
        yield Note("curriculum", "", "knowledge/lessons", what, f"{CURRICULUM} are what one message a week can carry")
    required = sum(lesson.mandatory for lesson in mine)
    if required > MANDATORY_SHARE * len(mine):
        what = f"{required} of {len(mine)} lessons of {track} are mandatory"
        yield Note("mandatory", "", "knowledge/lessons", what, "keep it to a quarter")
