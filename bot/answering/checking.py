"""One answer file as its author has it now: what stands against publishing it, at which line, and the entry it makes.

The rules are those of a file on disk, taken as if it were published today: nothing is let through because it is a draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from bot.answering.entries import Entry, Library, Vocabulary
from bot.answering.rules import Banned, complaints, normal
from bot.content import Document, Faults, Shelf, parse, read
from bot.errors import Fault

FOLDER = "answers"
REVIEW = timedelta(days=180)  # until the first review of a new entry
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Checked:
    """`entry` is what would be published, None if the file is not one. `document` is None if it is not even YAML."""

    faults: tuple[Fault, ...]
    entry: Entry | None = None
    document: Document | None = None

    @property
    def ready(self) -> Entry | None:
        """The entry if nothing stands against it."""
        return None if self.faults else self.entry


@dataclass(frozen=True)
class Known:
    """What the other entries have: normalised questions and golden questions by the id they belong to."""

    library: Library
    questions: Mapping[str, frozenset[str]]
    golden: Mapping[str, frozenset[str]]
    codes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, library: Library) -> Known:
        """Read once a library: normalising thousands of questions takes a moment."""
        entries = library.entries.values()
        asked = _owners((entry.id, text) for entry in entries for texts in entry.questions.values() for text in texts)
        golden = _owners((entry.id, text) for entry in entries for texts in entry.golden.values() for text in texts)
        return cls(library, asked, golden, {entry.code: entry.id for entry in entries if entry.code})


@dataclass(frozen=True)
class Laid(Shelf):
    """A shelf with one file of a folder replaced, or added to it."""

    at: str = ""  # folder/name.yaml
    data: bytes = b""

    def folder(self, name: str) -> Iterator[tuple[str, bytes, bool]]:
        """As `Shelf.folder`, with the file in its place."""
        home, _, file = self.at.partition("/")
        for label, data, own in super().folder(name):
            if not (name == home and Path(label).name == file):
                yield label, data, own
        if name == home:
            yield self.at, self.data, True

    def file(self, name: str) -> tuple[str, bytes, bool] | None:
        """As `Shelf.file`."""
        return (self.at, self.data, True) if name == self.at else super().file(name)


def label_of(name: str) -> str:
    """The file of an entry, from the shelf's root."""
    return f"{FOLDER}/{name}.yaml"


def check(
    name: str, text: str, known: Known, vocabulary: Vocabulary, banned: Banned, today: date, base: Entry | None = None
) -> Checked:
    """The file of entry `name` under all rules. `base` is the entry it changes: its review interval goes on."""
    faults, label = Faults(), label_of(name)
    document = parse(label, text.encode(), faults)
    model = read(Entry, document, faults) if document else None
    if document is None or model is None:
        return Checked(tuple(sorted(set(faults.found))), None, document)
    entry = as_published(model, today, base)
    for path, what, mend in (*complaints(entry, vocabulary, banned), *_beside(name, entry, known)):
        faults.add(label, document.place(*path), what, mend)
    return Checked(tuple(sorted(set(faults.found))), entry.model_copy(update={"state": "published"}), document)


def check_draft(name: str, text: str, known: Known, vocabulary: Vocabulary, banned: Banned) -> tuple[Fault, ...]:
    """What would make a draft on disk a fault. It may be incomplete; its shape, names and links are checked."""
    faults, label = Faults(), label_of(name)
    document = parse(label, text.encode(), faults)
    model = read(Entry, document, faults) if document else None
    if document is not None and model is not None:
        for path, what, mend in (*complaints(model, vocabulary, banned), *_beside(name, model, known)):
            faults.add(label, document.place(*path), what, mend)
    return tuple(sorted(set(faults.found)))


def as_published(entry: Entry, today: date, base: Entry | None) -> Entry:
    """The entry as it stands when it is handed in: reviewed today, approved by nobody yet."""
    due = next_review(entry.review_due, today, base)
    changes = {"state": "review", "approved_by": None, "reviewed": today, "review_due": due}
    return entry.model_copy(update=changes)


def next_review(wanted: date, today: date, base: Entry | None) -> date:
    """The day an author chose; if they chose none, as long from today as it was before."""
    if base is None:
        return wanted if wanted > today else today + REVIEW
    return wanted if wanted != base.review_due else today + (base.review_due - base.reviewed)


def _beside(name: str, entry: Entry, known: Known) -> Iterator[tuple[Place, str, str]]:
    """What shows only beside the other entries, and under the file's own name."""
    if entry.id != name:
        yield ("id",), f'the id "{entry.id}" is not the file name "{name}"', f"keep it {name}"
    if entry.code and known.codes.get(entry.code, name) != name:
        yield ("code",), f'the code "{entry.code}" is already in {known.codes[entry.code]}', "change one"
    for i, related in enumerate(entry.related):
        if related == name or related not in known.library.entries:
            what = "is this one" if related == name else "does not exist"
            yield ("related", i), f'the related entry "{related}" {what}', "check its id, or remove it"
    yield from _questions(name, entry, known)


def _questions(name: str, entry: Entry, known: Known) -> Iterator[tuple[Place, str, str]]:
    seen: set[tuple[str, str]] = set()
    for language, texts in entry.questions.items():
        for i, text in enumerate(texts):
            key, place = normal(text), ("questions", language, i)
            if other := _other(known.questions, key, name):
                yield place, f'"{text}" is also a question of {other}', "keep it in the entry that answers it best"
            elif other := _other(known.golden, key, name):
                yield place, f'"{text}" is a golden question of {other}', "ask it in other words"
            elif (language, key) in seen:
                yield place, f'"{text}" stands here twice', "remove one"
            seen.add((language, key))
    for language, texts in entry.golden.items():
        for i, text in enumerate(texts):
            if other := _other(known.questions, normal(text), name):
                what = f'the golden question "{text}" is a question of {other}'
                yield ("golden", language, i), what, "ask it in other words"


def _other(owners: Mapping[str, frozenset[str]], key: str, name: str) -> str:
    return min(owners.get(key, frozenset()) - {name}, default="")


def _owners(pairs: Iterator[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, text in pairs:
        found.setdefault(normal(text), set()).add(name)
    return {key: frozenset(names) for key, names in found.items()}
