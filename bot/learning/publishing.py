"""What makes a lesson publishable beyond its shape: names that exist, wording, an honest question, accountable people.

Checks yield `(path in the file, what, how to mend it)`. Limits are those of the author's guide: a lesson is read in
under a minute, asks for one thing, and blames nobody. Drafts and retired lessons may be incomplete; names are checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read
from bot.learning.shapes import (
    ALL,
    DEFAULT_LANGUAGE,
    HIGH_RISK,
    PLACEHOLDER,
    Language,
    Lesson,
    LessonFile,
    Spot,
    Vocabulary,
)

Complaint = tuple[Spot, str, str]
Banned = Mapping[str, tuple[str, ...]]

MAX_BODY = 90  # words
MAX_SENTENCE = 25
MAX_FEEDBACK = 30
MAX_LABEL = 75  # characters of a button (Slack cuts what is longer)
MAX_SECTION = 2800  # characters of one text (Slack sections hold 3,000)
MAX_CARD = 25_000  # bytes of all texts in one language; Teams refuses far more, older clients less
OTHER_LANGUAGES = 1.3  # German, French and Spanish need more words for the same thing
LONGEST_REVIEW = timedelta(days=366)
BIAS_FROM = 4  # with fewer questions a pattern means nothing

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_URL = re.compile(r"(?i)\bhttps?:|\bwww\.|\b[a-z0-9-]+\.(?:com|net|org|io|eu|info|gov|de|fr|es|co\.uk)\b(?!\.)")
_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_EXAMPLE = re.compile(r"(?i)(?:^|\.)(?:example|test|invalid)$|(?:^|\.)example\.(?:com|net|org)$")
_SECRET = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|xox[abpr]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}"
    r"|[A-Z]{2}\d{2}(?: ?\w{4}){3,7})\b|-----BEGIN|\b(?:\d[ -]?){13,19}\b"
)
_SENTENCE = re.compile(r"(?:(?<=[.!?:;])|(?<=[.!?:;][\"'”’»]))\s+")
_WORD = re.compile(r"\w")


class WordingFile(Shape):
    """`learning/wording.yaml`: phrases that lessons never use, by language."""

    schema_: str = Field(alias="schema", pattern="^wording/1$")
    banned: dict[Language, list[str]]


def load_banned(shelf: Shelf, faults: Faults) -> Banned:
    """The banned phrases of a shelf; none if it has no such file."""
    found = shelf.file("learning/wording.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(WordingFile, document, faults) if document else None
    return {language: tuple(phrases) for language, phrases in model.banned.items()} if model else {}


def words(text: str) -> int:
    """Words a reader counts; a placeholder is one."""
    return sum(1 for part in PLACEHOLDER.sub("x", text).split() if _WORD.search(part))


def sentences(text: str) -> list[str]:
    """The parts of a text that end with a stop."""
    return [part for part in _SENTENCE.split(text) if _WORD.search(part)]


def problems(lesson: Lesson, known: Vocabulary, banned: Banned) -> Iterator[Complaint]:
    """Everything wrong with one lesson on its own."""
    yield from _names(lesson, known)
    yield from _placeholders(lesson, known)
    yield from _question(lesson)
    yield from _texts(lesson, known, banned)
    if lesson.status in ("review", "published"):
        yield from _languages(lesson)
        yield from _lengths(lesson)
        yield from _people(lesson)
        yield from _mandatory(lesson)


def _names(lesson: Lesson, known: Vocabulary) -> Iterator[Complaint]:
    for i, role in enumerate(lesson.roles):
        if role != ALL and role not in known.roles:
            mend = f"use one of: {', '.join(sorted([ALL, *known.roles]))}"
            yield ("roles", i), f'the role "{role}" is not known', mend
    if lesson.curriculum == HIGH_RISK and HIGH_RISK not in lesson.tags:
        yield ("curriculum",), "a high_risk lesson lacks the tag", "add tags: [high_risk]"
    if lesson.curriculum == "core" and lesson.roles != [ALL]:
        yield ("roles",), "a core lesson is for everybody", "write roles: [all], or make it curriculum: role"
    if known.answers is not None:
        for i, entry in enumerate(lesson.kb):
            if entry not in known.answers:
                yield ("kb", i), f'the answer "{entry}" does not exist', "check its id, or remove it"
    if (lesson.action.intent == "ask") != bool(lesson.action.ask):
        yield ("action",), '"ask" and intent ask go together', "give both or neither"
    if lesson.action.intent == "ask" and not lesson.kb:
        yield ("action",), "the button asks, but no answer is named", "add kb with the answer it shows first"
    yield from _emergency(lesson, known)
    yield from _triggers(lesson, known)


def _triggers(lesson: Lesson, known: Vocabulary) -> Iterator[Complaint]:
    for i, trigger in enumerate(lesson.triggers):
        for j, entry in enumerate(trigger.entries):
            if known.answers is not None and entry not in known.answers:
                place: Spot = ("triggers", i, "entries", j)
                yield place, f'the answer "{entry}" does not exist', "check its id, or remove it"
        if trigger.event == "question.risky" and not trigger.entries:
            yield ("triggers", i), "it names no answer to stand under", "add entries: with ids of answers"


def _emergency(lesson: Lesson, known: Vocabulary) -> Iterator[Complaint]:
    kind = lesson.action.emergency
    if kind and lesson.action.intent != "emergency":
        yield ("action", "emergency"), "only the intent emergency starts one", "remove it, or change the intent"
    elif kind and known.emergencies is not None and kind not in known.emergencies:
        mend = f"use one of: {', '.join(sorted(known.emergencies))}"
        yield ("action", "emergency"), f'the emergency "{kind}" is not known', mend


def _placeholders(lesson: Lesson, known: Vocabulary) -> Iterator[Complaint]:
    used: set[str] = set()
    for path, texts in lesson.texts():
        for language, text in texts.items():
            place = (*path, language)
            for name in PLACEHOLDER.findall(text):
                used.add(name)
                if not _NAME.match(name) or name not in known.placeholders:
                    yield place, f'"{{{name}}}" is not a value that is known', "check its spelling in values.yaml"
                elif name not in lesson.placeholders:
                    yield place, f'"{{{name}}}" is used but not declared', "add it under placeholders"
            if "{" in (rest := PLACEHOLDER.sub("", text)) or "}" in rest:
                yield place, "a curly bracket has no partner", "write values as {name}"
    for i, name in enumerate(lesson.placeholders):
        if name not in used:
            yield ("placeholders", i), f'"{name}" is declared but no text uses it', "remove it, or use it"


def _question(lesson: Lesson) -> Iterator[Complaint]:
    options = lesson.question.options
    right = sum(option.correct for option in options)
    if right != 1:
        yield ("question", "options"), f"{right} options are correct", "mark exactly one with correct: true"
    seen: set[str] = set()
    for i, option in enumerate(options):
        if option.id in seen:
            yield ("question", "options", i, "id"), f'the option "{option.id}" stands here twice', "rename one"
        seen.add(option.id)


def _texts(lesson: Lesson, known: Vocabulary, banned: Banned) -> Iterator[Complaint]:
    for path, texts in lesson.texts():
        for language, text in texts.items():
            place = (*path, language)
            yield from _content(place, text, known.people)
            phrases = banned.get(language.partition("-")[0], ())
            if phrases and (hit := _phrases(phrases).search(text.replace("\u2019", "'"))):
                yield place, f'"{hit[0]}" is a phrase we do not use', "say what to do, without blame or promises"
            if len(text) > MAX_SECTION:
                yield place, f"the text has {len(text):,} characters", f"cut it to {MAX_SECTION:,}"


def _content(place: Spot, text: str, people: Collection[str]) -> Iterator[Complaint]:
    """What must never stand in a lesson: addresses, secrets, names of people."""
    if any(not _EXAMPLE.search(domain) for domain in _ADDRESS.findall(text)):
        yield place, "there is a real e-mail address in the text", "use a {value} instead"
    elif _URL.search(_ADDRESS.sub("", text)):
        mend = "name a kb entry: we do not teach people to follow links in chat"
        yield place, "there is a raw web address in the text", mend
    if _SECRET.search(text):
        yield place, "this looks like a real key, account or card number", "take it out"
    if name := next((name for name in people if name.casefold() in text.casefold()), ""):
        yield place, f'"{name}" is a person who works here', "use a role instead of a name"


def _languages(lesson: Lesson) -> Iterator[Complaint]:
    for path, texts in lesson.texts():
        if DEFAULT_LANGUAGE not in texts:
            yield path, f"there is no {DEFAULT_LANGUAGE} text", f"add {DEFAULT_LANGUAGE}"


def _lengths(lesson: Lesson) -> Iterator[Complaint]:
    for language, text in lesson.body.items():
        if (count := words(text)) > scaled(MAX_BODY, language):
            yield ("body", language), f"the body has {count} words", f"cut it to {scaled(MAX_BODY, language)}"
    for path, texts in lesson.texts():
        for language, text in texts.items():
            limit = scaled(MAX_SENTENCE, language)
            if (count := max(map(words, sentences(text)), default=0)) > limit:
                yield (*path, language), f"a sentence has {count} words", f"split it: at most {limit}"
            if path[-1] == "feedback" and (count := words(text)) > scaled(MAX_FEEDBACK, language):
                mend = f"cut it to {scaled(MAX_FEEDBACK, language)}"
                yield (*path, language), f"the feedback has {count} words", mend
            if path[-1] in ("text", "label") and len(text) > MAX_LABEL:
                mend = f"cut it to {MAX_LABEL}: it stands on a button"
                yield (*path, language), f"the text has {len(text)} characters", mend
    for language in lesson.title:
        size = sum(len(texts.get(language, "").encode()) for _, texts in lesson.texts())
        if size > MAX_CARD:
            yield ("title", language), f"the texts have {size:,} bytes", f"cut them to {MAX_CARD:,}"


def _people(lesson: Lesson) -> Iterator[Complaint]:
    if lesson.author and lesson.approved_by == lesson.author:
        yield ("approved_by",), "the author approved their own lesson", "have a second person approve it"
    if lesson.status == "published" and lesson.author and not lesson.approved_by:
        yield ("status",), 'a published lesson has no "approved_by"', "have a second person approve it"
    for language, version in lesson.translated.items():
        if version > lesson.version:
            yield ("translated", language), f"there is no version {version} yet", f"at most {lesson.version}"
    if lesson.review_due <= lesson.reviewed:
        yield ("review_due",), "the next review is not after the last one", "set a later day"
    elif lesson.review_due - lesson.reviewed > LONGEST_REVIEW:
        yield ("review_due",), "the next review is more than a year away", "set it within 12 months"


def _mandatory(lesson: Lesson) -> Iterator[Complaint]:
    if lesson.mandatory:
        for name in ("legal_basis", "due_days", "evidence", "works_agreement_ref"):
            if getattr(lesson, name) is None:
                yield ("obligation",), f'a mandatory lesson has no "{name}"', "add it, or make it recommended"


def together(found: Sequence[LessonFile], faults: Faults) -> None:
    """Faults that show only over all files: ids twice, and a right answer that can be guessed without reading."""
    first: dict[str, LessonFile] = {}
    for item in found:
        if (other := first.setdefault(item.lesson.id, item)) is not item:
            what = f'the id "{item.lesson.id}" is already in {other.file}'
            faults.add(item.file, item.document.place("id"), what, "change one")
    live = [item for item in found if item.lesson.status == "published" and _one_right(item.lesson)]
    for what in _bias([item.lesson for item in live]) if len(live) >= BIAS_FROM else ():
        faults.add(live[-1].file, live[-1].document.place("question", "options"), what, "vary it over the lessons")


def _one_right(lesson: Lesson) -> bool:
    return sum(option.correct for option in lesson.question.options) == 1


def _bias(lessons: Sequence[Lesson]) -> Iterator[str]:
    places = {lesson.question.options.index(lesson.question.right) for lesson in lessons}
    if len(places) == 1:
        yield f"the right answer is number {places.pop() + 1} in every lesson"
    for language in sorted({code for lesson in lessons for code in lesson.languages()}):
        there = [lesson for lesson in lessons if language in lesson.languages()]
        longest = all(right_length(lesson, language) > wrong_length(lesson, language) for lesson in there)
        if longest and len(there) >= BIAS_FROM:
            said = "" if language == DEFAULT_LANGUAGE else f" ({language})"
            yield f"the right answer is the longest in every lesson{said}"


def right_length(lesson: Lesson, language: str = DEFAULT_LANGUAGE) -> int:
    """Characters of the right answer."""
    return len(lesson.question.right.text.get(language, ""))


def wrong_length(lesson: Lesson, language: str = DEFAULT_LANGUAGE) -> int:
    """Characters of the longest other answer."""
    return max(len(item.text.get(language, "")) for item in lesson.question.options if not item.correct)


def scaled(limit: int, language: str) -> int:
    """A limit on words, as it is in this language."""
    return limit if language.startswith(DEFAULT_LANGUAGE) else round(limit * OTHER_LANGUAGES)


@cache
def _phrases(banned: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(re.escape(phrase) for phrase in banned) + r")\b", re.IGNORECASE)
