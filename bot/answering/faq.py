"""An existing FAQ as drafts: each row of a sheet becomes an answer file that nobody is shown until somebody has edited it.

Columns are known by their heading, in four languages. What answers may not hold (web and mail addresses, markup, curly brackets)
is taken out and said; addresses stay in the file as a comment for its author. What cannot be a draft is listed with its row.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bot.answering.checking import REVIEW, Known, check_draft
from bot.answering.entries import Vocabulary
from bot.answering.proposals import slug
from bot.answering.rules import Banned, normal
from bot.answering.spreadsheet import Line
from bot.answering.yamltext import Value, written

HEADINGS: Mapping[str, tuple[str, ...]] = {  # as people name columns; compared in lower case, without punctuation
    "question": ("question", "title", "faq", "frage", "titel", "titre", "pregunta", "título", "titulo", "q"),
    "answer": ("answer", "response", "text", "antwort", "réponse", "reponse", "respuesta", "a"),
    "also": ("also asked as", "also", "paraphrases", "alternatives", "variants", "synonyms", "other questions", "auch gefragt",
             "varianten", "variantes", "autres questions", "otras preguntas"),
    "golden": ("golden", "golden questions", "test questions", "prüffragen", "questions témoins", "preguntas de control"),
    "group": ("group", "category", "topic", "subject", "kategorie", "thema", "gruppe", "catégorie", "sujet", "categoría", "tema"),
    "owner": ("owner", "kept by", "zuständig", "verantwortlich", "responsable", "propriétaire"),
    "source": ("source", "sources", "reference", "quelle", "référence", "fuente"),
    "language": ("language", "lang", "sprache", "langue", "idioma"),
}  # fmt: skip
_URL = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"')]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_BARE = re.compile(r"(?i)\b(?:[a-z0-9-]+\.)+(?:com|net|org|io|eu|info|gov|de|fr|es|co\.uk)\b(?:/[^\s)]*)?(?!\.\w)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_BREAK = re.compile(r"(?i)<(?:br|/p|/li|/div|/h[1-6]|/tr)\b[^<>]*>")
_STEP = re.compile(r"^\s*(?:[-•*]|\d{1,2}[.)])\s+(.*)$")
_PARTS = re.compile(r"\n|\||;")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Told:
    """Something about a row, to be read by a person. `row` is what they find it by: the line, in a text file."""

    row: int
    what: str
    unit: str = "row"

    def __str__(self) -> str:
        return f"{self.unit} {self.row}: {self.what}"


@dataclass(frozen=True)
class Draft:
    """A row that became a file."""

    row: int
    name: str
    text: str


@dataclass
class Imported:
    """What came of a sheet. A row with several faults is told of once for each."""

    drafts: list[Draft] = field(default_factory=list)
    bad: list[Told] = field(default_factory=list)
    notes: list[Told] = field(default_factory=list)


@dataclass(frozen=True)
class Given:
    """What a row that says nothing else gets. `groups` and `owners` are by what people may call them, in lower case."""

    author: str
    owner: str
    group: str
    language: str
    today: date
    file: str
    groups: Mapping[str, str]
    owners: Mapping[str, str]
    unit: str = "row"


def columns_of(heading: Line) -> dict[str, int]:
    """Which column holds what, by the words above it."""
    found: dict[str, int] = {}
    for place, cell in enumerate(heading.cells):
        words = " ".join(re.sub(r"[^\w ]", " ", cell.casefold()).split())
        for name, known in HEADINGS.items():
            if words in known:
                found.setdefault(name, place)
    return found


def import_rows(lines: Sequence[Line], known: Known, vocabulary: Vocabulary, banned: Banned, given: Given) -> Imported:
    """Drafts of a sheet whose first row names its columns."""
    done = Imported()
    columns = columns_of(lines[0]) if lines else {}
    if missing := [name for name in ("question", "answer") if name not in columns]:
        first = lines[0].number if lines else 1
        done.bad.append(
            Told(first, f"no column is called {' or '.join(missing)}: name the columns in the first row", given.unit)
        )
        return done
    taken = set(known.library.entries)
    asked: dict[str, int] = {}
    for line in lines[1:]:
        row = {name: _clean(line.cells[place]) for name, place in columns.items() if place < len(line.cells)}
        _one(line.number, row, taken, asked, known, vocabulary, banned, given, done)
    return done


def _one(
    number: int, row: Mapping[str, str], taken: set[str], asked: dict[str, int], known: Known, vocabulary: Vocabulary,
    banned: Banned, given: Given, done: Imported,
) -> None:  # fmt: skip
    question, answer = " ".join(row.get("question", "").split()), row.get("answer", "")
    if not question or not answer:
        done.bad.append(Told(number, f"the {'answer' if question else 'question'} is empty", given.unit))
        return
    if (first := asked.get(normal(question))) is not None:
        done.bad.append(Told(number, f'"{question[:60]}" stands in {given.unit} {first} already', given.unit))
        return
    notes: list[str] = []
    name = _name(question, taken)
    value, comments = _value(name, question, row, given, notes)
    again = [text for texts in value["questions"].values() for text in texts if normal(text) in asked]
    if again:
        value["questions"] = {
            code: [text for text in texts if text not in again] for code, texts in value["questions"].items()
        }
        notes.append(f"asked in an earlier row too, so left out here: {again[0][:60]}")
    text = "".join(f"# {comment}\n" for comment in comments) + written(value)
    faults = check_draft(name, text, known, vocabulary, banned)
    if faults:
        done.bad += [Told(number, f"{fault.what}: {fault.mend}", given.unit) for fault in faults]
        return
    taken.add(name)
    for texts in value["questions"].values():
        asked.update((normal(one), number) for one in texts)
    asked[normal(question)] = number
    done.drafts.append(Draft(number, name, text))
    done.notes += [Told(number, note, given.unit) for note in notes]


def _value(
    name: str, question: str, row: Mapping[str, str], given: Given, notes: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """What the file holds, and the comments at its top."""
    language = row.get("language", "").casefold()[:2]
    code = language if _LANGUAGE.fullmatch(language) else given.language
    comments = [f"Draft from {given.file}."]
    short, steps = _steps(_told(row["answer"], notes, comments))
    title, also = (
        _told(question, notes, comments),
        [_told(part, notes, comments) for part in _parts(row.get("also", ""))],
    )
    golden = [_told(part, notes, comments) for part in _parts(row.get("golden", ""))]
    value: dict[str, Value] = {
        "schema": "answer/1", "id": name, "version": 1, "state": "draft", "group": _group(row, given, notes), "roles": ["all"],
        "severity": "S0", "title": {code: title}, "questions": {code: list(dict.fromkeys([title, *also]))},
    }  # fmt: skip
    value |= {"golden": {code: golden}} if golden else {}
    value["answer"] = {code: {"short": short, **({"steps": steps} if steps else {})}}
    value |= {"buttons": [], "placeholders": [], "sources": [_source(part) for part in _parts(row.get("source", ""))]}
    value |= {"owner": _owner(row, given, notes), "author": given.author, "reviewed": given.today}
    value["review_due"] = given.today + REVIEW
    return value, comments


def _told(text: str, notes: list[str], comments: list[str]) -> str:
    """A text without what answers may not hold."""
    if _TAG.search(text):
        text = _TAG.sub("", _BREAK.sub("\n", text))
        notes.append("markup was taken out")
    text = html.unescape(text)
    for pattern in (_URL, _BARE):
        if found := pattern.findall(text):
            text = pattern.sub("", text)
            comments += [f"It held this address, which texts may not: {_one_line(address)}" for address in found]
            notes.append("an address was taken out; it stands in the file as a comment")
    if "{" in text or "}" in text:
        text = text.replace("{", "(").replace("}", ")")
        notes.append("curly brackets were made round: they stand for values of yours")
    return _tidied(text)


def _steps(text: str) -> tuple[str, list[str]]:
    """A list at the end of a text as steps, if it has no more than answers may."""
    lines = [line for line in text.splitlines() if line.strip()]
    marks = [_STEP.match(line) for line in lines]
    first = next((i for i, mark in enumerate(marks) if mark), len(lines))
    steps = [mark[1].strip() for mark in marks[first:] if mark]
    if (
        first > 0
        and 0 < len(steps) <= 3
        and len(steps) == len(lines) - first
        and all(len(step) <= 300 for step in steps)
    ):
        return "\n".join(lines[:first]), steps
    return text, []


def _group(row: Mapping[str, str], given: Given, notes: list[str]) -> str:
    wanted = row.get("group", "").casefold().strip()
    if wanted and wanted not in given.groups:
        notes.append(f'there is no subject "{wanted[:40]}": it was put under {given.group}')
    return given.groups.get(wanted, given.group)


def _owner(row: Mapping[str, str], given: Given, notes: list[str]) -> str:
    wanted = row.get("owner", "").casefold().strip()
    if wanted and wanted not in given.owners:
        notes.append(f'there is no owner "{wanted[:40]}": it was given to {given.owner}')
    return given.owners.get(wanted, given.owner)


def _source(text: str) -> dict[str, Value]:
    """`Publisher: title` as a source that somebody still has to open."""
    publisher, colon, title = text.partition(":")
    code = re.sub(r"[^A-Za-z0-9]+", "-", publisher).strip("-").upper()[:40] or "SOURCE"
    title = (title if colon else publisher).strip()[:300]
    return {"code": code, "title": title or code, "publisher": publisher.strip()[:300] or code, "checked": None}


def _name(question: str, taken: set[str]) -> str:
    """A name for the file that nobody has."""
    name = slug(question)
    name = name if len(name) > 1 else f"faq-{name}"
    found = (name if number == 1 else f"{name[:56].rstrip('-')}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in found if name not in taken)


def _parts(cell: str) -> Iterator[str]:
    yield from (part.strip()[:300] for part in _PARTS.split(cell) if part.strip())


def _clean(cell: str) -> str:
    """A cell without what nobody sees; an apostrophe that keeps spreadsheets from calculating goes too."""
    text = _CONTROL.sub("", cell.replace("\r\n", "\n").replace("\r", "\n").replace("_x000D_", "")).strip()
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


def _tidied(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
