"""What makes an answer publishable beyond its shape: wording, completeness, and names that must exist.

Every check yields `(path in the file, what, how to mend it)`, so that the loader can put a line and a column to it.
The limits are those of the chat writing rules in the author's guide: an answer is read on a phone, in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from functools import cache

from pydantic import Field

from bot.answering.entries import ALL, AnswerText, Entry, Language, Vocabulary
from bot.content import Faults, Shape, Shelf, parse, read

Path = tuple[str | int, ...]
Complaint = tuple[Path, str, str]

MIN_QUESTIONS = 5
MAX_WORDS = 60  # short and steps of an ordinary entry, in English
MAX_WORDS_LONG = 120  # emergencies and entries for specialists
MAX_SENTENCE = 25
OTHER_LANGUAGES = 1.3  # German, French and Spanish need more words for the same thing
LONGEST_REVIEW = timedelta(days=366)
DEFAULT_LANGUAGE = "en"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_URL = re.compile(r"(?i)\bhttps?:|\bwww\.|\b[a-z0-9-]+\.(?:com|net|org|io|eu|info|gov|de|fr|es|co\.uk)\b(?!\.)")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
_WORD = re.compile(r"\w")
_SPACES = re.compile(r"\W+")


class WordingFile(Shape):
    """`search/wording.yaml`: phrases that answers never use, by language."""

    schema_: str = Field(alias="schema", pattern="^wording/1$")
    banned: dict[Language, list[str]]


Banned = Mapping[str, tuple[str, ...]]


def load_banned(shelf: Shelf, faults: Faults) -> Banned:
    """The banned phrases of a shelf; none if it has no such file."""
    found = shelf.file("search/wording.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(WordingFile, document, faults) if document else None
    return {language: tuple(phrases) for language, phrases in model.banned.items()} if model else {}


def normal(question: str) -> str:
    """A question as duplicates are recognised: lower case, words only."""
    return _SPACES.sub(" ", question.casefold()).strip()


def words(text: str) -> int:
    """Words a reader counts; a placeholder is one."""
    return sum(1 for part in _PLACEHOLDER.sub("x", text).split() if _WORD.search(part))


def complaints(entry: Entry, vocabulary: Vocabulary, banned: Banned) -> Iterator[Complaint]:
    """Everything wrong with one entry on its own. Drafts may be incomplete; their names and links are checked."""
    yield from _names(entry, vocabulary)
    yield from _placeholders(entry, vocabulary)
    yield from _links(entry)
    if entry.state not in ("draft", "retired"):
        yield from _complete(entry)
        yield from _ring(entry)
        yield from _severity(entry)
        yield from _people(entry, alone=vocabulary.alone)
        yield from _golden(entry)
        for place, language, answer in entry.tellings():
            yield from _length(entry, place, language, answer)
            for path, text in answer.texts():
                yield from _wording((*place, *path), text, banned.get(language, ()), language)


def _names(entry: Entry, known: Vocabulary) -> Iterator[Complaint]:
    for i, role in enumerate(entry.roles):
        if role != ALL and role not in known.roles:
            yield ("roles", i), f'the role "{role}" is not known', f"use one of: {_listed([ALL, *known.roles])}"
    for role in entry.for_roles:
        if role == ALL or role not in known.roles:
            mend = f"use one of: {_listed(set(known.roles) - {ALL})}"
            yield ("for_roles", role), f'the role "{role}" is not known', mend
        elif not entry.public and role not in entry.roles:
            yield ("for_roles", role), f'"{role}" may not see this answer', "add the role under roles, or take this out"
    if known.groups is not None and entry.group not in known.groups:
        yield ("group",), f'the group "{entry.group}" is not known', f"use one of: {_listed(known.groups)}"
    if entry.emergency and entry.emergency not in known.emergencies:
        mend = f"use one of: {_listed(known.emergencies)}"
        yield ("emergency",), f'the emergency "{entry.emergency}" is not known', mend
    if known.procedures is not None and entry.sop and entry.sop not in known.procedures:
        yield ("sop",), f'the procedure "{entry.sop}" is not known', "check its spelling, or leave the line out"


def _placeholders(entry: Entry, known: Vocabulary) -> Iterator[Complaint]:
    used: set[str] = set()
    for start, _, answer in entry.tellings():
        for path, text in answer.texts():
            place = (*start, *path)
            for name in _PLACEHOLDER.findall(text):
                used.add(name)
                if name not in known.placeholders:
                    yield place, f'"{{{name}}}" is not a value that is known', "check its spelling in values.yaml"
                elif name not in entry.placeholders:
                    yield place, f'"{{{name}}}" is used but not declared', "add it under placeholders"
            if text.count("{") != text.count("}"):
                yield place, "a curly bracket has no partner", "write values as {name}"
    for i, name in enumerate(entry.placeholders):
        if name not in used:
            yield ("placeholders", i), f'"{name}" is declared but no text uses it', "remove it, or use it"


def _ring(entry: Entry) -> Iterator[Complaint]:
    for place, _, answer in entry.tellings():
        needed = {name for path, text in answer.texts() if path != ("ring",) for name in _PLACEHOLDER.findall(text)}
        if needed <= {"helpdesk_phone"}:
            continue
        if not answer.ring:
            mend = "add what to say while the value is not set, ending with the help desk's number"
            yield place, '"ring" is missing though the answer uses organisation values', mend
        elif set(_PLACEHOLDER.findall(answer.ring)) - {"helpdesk_phone"}:
            mend = "use no value but {helpdesk_phone} there"
            yield (*place, "ring"), '"ring" depends on a value that may be unset itself', mend


def _links(entry: Entry) -> Iterator[Complaint]:
    for place, _, answer in entry.tellings():
        for path, text in answer.texts():
            if _ADDRESS.search(text):
                yield (*place, *path), "there is an e-mail address in the text", "use a {value} instead"
            elif _URL.search(text):
                mend = "use a {value}: we do not teach people to follow links in chat"
                yield (*place, *path), "there is a raw web address in the text", mend


def _complete(entry: Entry) -> Iterator[Complaint]:
    for part in ("title", "questions", "answer"):
        if DEFAULT_LANGUAGE not in getattr(entry, part):
            yield (part,), f'"{part}" has no {DEFAULT_LANGUAGE}', "add it: every other language falls back to it"
    for role, told in entry.for_roles.items():
        for language in sorted(set(entry.answer) - set(told)):
            mend = f"add {language}: what is there for others would be shown"
            yield ("for_roles", role), f"there is no {language} text for this role", mend
    for language in entry.answer:
        for part in ("title", "questions"):
            if language not in getattr(entry, part):
                yield (part,), f'"{part}" has no {language}, though there is an answer in it', f"add {language}"
    for language, asked in entry.questions.items():
        if len(asked) < MIN_QUESTIONS:
            mend = f"write at least {MIN_QUESTIONS}, as people really ask"
            yield ("questions", language), f"only {len(asked)} question(s)", mend
    if not entry.sources:
        yield ("sources",), "no source is named", "name the authority that the answer rests on"


def _severity(entry: Entry) -> Iterator[Complaint]:
    wants: dict[str, str] = {"S1": "person", "S2": "person", "S3": "emergency"}
    button = wants.get(entry.severity)
    if button and button not in entry.buttons:
        yield ("buttons",), f'a {entry.severity} entry has no "{button}" button', f"add {button}"
    if entry.severity == "S3":
        if not entry.emergency:
            mend = "name the emergency card: an article alone is not enough"
            yield ("severity",), 'an S3 entry has no "emergency"', mend
        if not entry.escalate.page:
            yield ("escalate",), "an S3 entry pages nobody", "set page: true"
    if entry.group == "migration" and not entry.expires:
        yield ("group",), 'a migration entry has no "expires"', "add the day it stops being true"


def _people(entry: Entry, *, alone: bool) -> Iterator[Complaint]:
    if entry.state == "published" and not entry.approved_by and not alone:
        yield ("state",), 'a published entry has no "approved_by"', "have a second person approve it"
    if entry.approved_by == entry.author and not alone:
        yield ("approved_by",), "the author approved their own entry", "have a second person approve it"
    if entry.review_due <= entry.reviewed:
        yield ("review_due",), "the next review is not after the last one", "set a later day"
    elif entry.review_due - entry.reviewed > LONGEST_REVIEW:
        yield ("review_due",), "the next review is more than a year away", "set it within 12 months"


def _golden(entry: Entry) -> Iterator[Complaint]:
    own = {normal(text) for text in entry.variants()}
    for language, questions in entry.golden.items():
        for i, question in enumerate(questions):
            if normal(question) in own:
                mend = "ask it in other words: it must be held out to prove anything"
                yield ("golden", language, i), "this golden question is also a question or the title", mend


def _length(entry: Entry, place: Path, language: str, answer: AnswerText) -> Iterator[Complaint]:
    ordinary = entry.severity != "S3" and entry.public and place[0] == "answer"
    limit = _scaled(MAX_WORDS if ordinary else MAX_WORDS_LONG, language)
    count = words(answer.short) + sum(words(step) for step in answer.steps)
    if count > limit:
        yield place, f"short and steps have {count} words", f"cut them to {limit}"


def _wording(path: Path, text: str, banned: tuple[str, ...], language: str) -> Iterator[Complaint]:
    limit = _scaled(MAX_SENTENCE, language)
    for sentence in _SENTENCE.split(text):
        if (count := words(sentence)) > limit:
            yield path, f'a sentence has {count} words ("{sentence[:30]}…")', f"split it: at most {limit}"
    if "!" in text:
        yield path, "there is an exclamation mark", "use a full stop"
    if banned and (hit := _phrases(banned).search(text.replace("\u2019", "'"))):
        yield path, f'"{hit[0]}" is a phrase we do not use', "say it plainly, without blame or promises"


def _scaled(limit: int, language: str) -> int:
    return limit if language == DEFAULT_LANGUAGE else round(limit * OTHER_LANGUAGES)


@cache
def _phrases(banned: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(re.escape(phrase) for phrase in banned) + r")\b", re.IGNORECASE)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
