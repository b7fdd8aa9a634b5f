"""What owners of lessons should look at: age, missing values, craft, and whether each role's curriculum is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from bot.learning.publishing import right_length, scaled, sentences, words, wrong_length
from bot.learning.shapes import TRACKS, Lesson, LessonFile, Note, Vocabulary

MEAN_SENTENCE = 15  # words
MAX_TITLE = 12
CURRICULUM = 12  # lessons a role
MANDATORY_SHARE = 0.25


def notes(found: Sequence[LessonFile], known: Vocabulary, today: date) -> Iterator[Note]:
    """What owners should look at. Only `unset` keeps a lesson back, and only where the value is missing."""
    for item in found:
        if item.lesson.status != "retired":
            yield from _aging(item, today)
            yield from _craft(item, known)
    lessons = [item.lesson for item in found if item.lesson.status == "published"]
    for track in TRACKS:
        yield from _role(track, lessons)


def _aging(item: LessonFile, today: date) -> Iterator[Note]:
    lesson, expires = item.lesson, item.lesson.schedule.expires
    if lesson.review_due < today:
        mend = f"{lesson.owner}: say that it is still right, or edit it"
        yield Note("overdue", lesson.id, item.file, f"the review was due on {lesson.review_due}", mend)
    if expires and expires < today:
        mend = f"{lesson.owner}: set a later day, or retire it"
        yield Note("expired", lesson.id, item.file, f"it is not sent since {expires}", mend)
    for source in lesson.sources:
        if source.checked is None:
            what = f"nobody has opened the source {source.code or source.title}"
            yield Note("source", lesson.id, item.file, what, "read it, then fill in checked with the day")


def _craft(item: LessonFile, known: Vocabulary) -> Iterator[Note]:
    lesson = item.lesson
    if not lesson.sources:
        yield Note("source", lesson.id, item.file, "no source is named", "name the authority that it rests on")
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
    if right_length(lesson) > 1.5 * wrong_length(lesson):
        yield Note("length", lesson.id, item.file, "the right answer stands out by its length", "even them out")
    for language in sorted({code for _, texts in lesson.texts() for code in texts} - set(lesson.languages())):
        what = f"{language} is there, but not for every text"
        yield Note("translation", lesson.id, item.file, what, f"complete it: until then it is not sent in {language}")


def _role(track: str, lessons: Sequence[Lesson]) -> Iterator[Note]:
    mine = [item for item in lessons if item.curriculum in ("core", "role") and item.fits((track,), False)]
    if lessons and len(mine) != CURRICULUM:
        what = f"{track} has {len(mine)} published lessons"
        yield Note("curriculum", "", "knowledge/lessons", what, f"{CURRICULUM} are what one message a week can carry")
    required = sum(lesson.mandatory for lesson in mine)
    if required > MANDATORY_SHARE * len(mine):
        what = f"{required} of {len(mine)} lessons of {track} are mandatory"
        yield Note("mandatory", "", "knowledge/lessons", what, "keep it to a quarter")
