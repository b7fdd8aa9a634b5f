"""Loading a shelf of answer entries: every fault of every file at once, with its line, column and mend.

What a file says wrong is a fault. What time has done to it (review overdue, expiry passed, a source nobody opened) is a
note: the entry stays, and is marked. Reading YAML with its marks costs about 5 ms a file, so files that passed are kept
as JSON by the hash of their bytes in a cache folder; a damaged cache is only slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.answering.entries import AnswerText, Entry, Escalate, Library, Note, Source, Vocabulary
from bot.answering.rules import Banned, complaints, load_banned, normal
from bot.content import Document, Faults, Shelf, parse, read
from bot.kept import replace_file

__all__ = [
    "AnswerText",
    "Entry",
    "Escalate",
    "Library",
    "Note",
    "Source",
    "Vocabulary",
    "load_answers",
    "read_answers",
]

FOLDER = "answers"
_CACHE_FILE = "answers.json"
_CACHE_FORMAT = "1"


@dataclass
class _Read:
    """A file that became an entry. `document` is parsed only when a place in it is needed."""

    file: str
    data: bytes
    entry: Entry
    document: Document | None = None

    def place(self, *path: str | int) -> tuple[int, int]:
        if self.document is None:
            self.document = parse(self.file, self.data, Faults())
        return self.document.place(*path) if self.document else (1, 1)


def load_answers(
    shelf: Shelf,
    roles: Collection[str],
    placeholders: Collection[str],
    emergencies: Collection[str],
    *,
    groups: Collection[str] | None = None,
    procedures: Collection[str] | None = None,
    today: date | None = None,
    cache: Path | None = None,
) -> Library:
    """Every entry under `answers/`, checked against the names that exist. Raises `ContentError` with all faults.

    `today` decides what is overdue (default: the real day). `cache` is a folder for parsed files.
    """
    faults = Faults()
    vocabulary = Vocabulary(roles, placeholders, emergencies, groups, procedures)
    library = read_answers(shelf, vocabulary, faults, today=today, cache=cache)
    faults.check()
    return library


def read_answers(
    shelf: Shelf,
    vocabulary: Vocabulary,
    faults: Faults,
    *,
    today: date | None = None,
    cache: Path | None = None,
) -> Library:
    """The entries that have no fault; those of the others are added. For a first start with a broken file."""
    banned = load_banned(shelf, faults)
    kept = _Kept(cache)
    shelved = list(shelf.folder(FOLDER))
    files = [_read_one(label, data, kept, faults) for label, data, _ in shelved]
    found = [file for file in files if file is not None]
    kept.save()
    broken = {file.file for file in found if _check(file, vocabulary, banned, faults)}
    broken |= _check_together(found, {Path(label).stem for label, _, _ in shelved}, faults)
    good = sorted((file for file in found if file.file not in broken), key=lambda file: file.entry.id)
    return _library(good, today or date.today())


def as_of(library: Library, today: date) -> Library:
    """A library with what time has done to it until `today`."""
    found = ((entry, library.files[name]) for name, entry in library.entries.items())
    return replace(library, notes=tuple(note for entry, file in found for note in _notes(entry, file, today)))


def _library(files: list[_Read], today: date) -> Library:
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.data).digest())
    return Library(
        entries={file.entry.id: file.entry for file in files},
        files={file.entry.id: file.file for file in files},
        notes=tuple(note for file in files for note in _notes(file.entry, file.file, today)),
        digest=total.hexdigest(),
    )


def _read_one(file: str, data: bytes, kept: _Kept, faults: Faults) -> _Read | None:
    if (entry := kept.get(data)) is not None:
        return _Read(file, data, entry)
    document = parse(file, data, faults)
    entry = read(Entry, document, faults) if document else None
    if entry is None:
        return None
    kept.put(data, entry)
    return _Read(file, data, entry, document)


def _check(file: _Read, vocabulary: Vocabulary, banned: Banned, faults: Faults) -> bool:
    """Whether the entry on its own has faults (added)."""
    before = len(faults.found)
    stem = Path(file.file).stem
    if file.entry.id != stem:
        mend = f"call the file {file.entry.id}.yaml, or correct the id"
        faults.add(file.file, file.place("id"), f'the id "{file.entry.id}" is not the file name "{stem}"', mend)
    for path, what, mend in complaints(file.entry, vocabulary, banned):
        faults.add(file.file, file.place(*path), what, mend)
    return len(faults.found) > before


def _check_together(files: list[_Read], ids: set[str], faults: Faults) -> set[str]:
    """Files with faults that show only over all of them: ids and questions twice, unknown related entries.

    `ids` are those of all files: one that is broken itself is still there to be related to.
    """
    before = len(faults.found)
    _check_ids(files, faults)
    _check_questions(files, faults)
    for file in files:
        for i, name in enumerate(file.entry.related):
            if name not in ids or name == file.entry.id:
                what = f'the related entry "{name}" ' + ("is this one" if name in ids else "does not exist")
                faults.add(file.file, file.place("related", i), what, "check its id, or remove it")
    return {fault.file for fault in faults.found[before:]}


def _check_ids(files: list[_Read], faults: Faults) -> None:
    for key in ("id", "code"):
        first: dict[str, _Read] = {}
        for file in files:
            value = getattr(file.entry, key)
            if value and (other := first.setdefault(value, file)) is not file:
                faults.add(file.file, file.place(key), f'the {key} "{value}" is already in {other.file}', "change one")


def _check_questions(files: list[_Read], faults: Faults) -> None:
    """A question may belong to one entry only, and a golden question to none (its own entry's are checked there)."""
    owner: dict[str, _Read] = {}
    for file in files:
        seen: set[tuple[str, str]] = set()
        for path, language, question in _asked(file.entry):
            key = normal(question)
            other = owner.setdefault(key, file)
            if other is not file:
                what = f'"{question}" is also a question of {other.entry.id} ({other.file})'
                faults.add(file.file, file.place(*path), what, "keep it in the entry that answers it best")
            elif (language, key) in seen:
                faults.add(file.file, file.place(*path), f'"{question}" stands here twice', "remove one")
            seen.add((language, key))
    for file in files:
        for language, questions in file.entry.golden.items():
            for i, question in enumerate(questions):
                holder = owner.get(normal(question))
                if holder is not None and holder is not file:
                    what = f'the golden question "{question}" is a question of {holder.entry.id} ({holder.file})'
                    faults.add(file.file, file.place("golden", language, i), what, "ask it in other words")


def _asked(entry: Entry) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for language, questions in entry.questions.items():
        for i, question in enumerate(questions):
            yield ("questions", language, i), language, question


def _notes(entry: Entry, file: str, today: date) -> Iterator[Note]:
    if entry.state == "retired":
        return
    if entry.review_due < today:
        what = f"the review was due on {entry.review_due}"
        yield Note("overdue", entry.id, file, what, f"{entry.owner}: say that it is still right, or edit it")
    if entry.expires is not None and entry.expires < today:
        what = f"this was true until {entry.expires}"
        yield Note("expired", entry.id, file, what, f"{entry.owner}: set a later day, or retire it")
    for source in entry.sources:
        if source.checked is None:
            what = f"nobody has opened the source {source.code}"
            yield Note("unchecked", entry.id, file, what, "read it, then fill in checked with the day")


class _Kept:
    """Entries by the hash of their file, in one JSON file that is replaced whole. Anything odd in it is a miss."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / _CACHE_FILE if folder else None
        self._old: dict[str, Any] = {}
        self._new: dict[str, Any] = {}
        if self._path:
            with contextlib.suppress(OSError, ValueError):
                loaded = json.loads(self._path.read_bytes())
                self._old = loaded if isinstance(loaded, dict) else {}

    def get(self, data: bytes) -> Entry | None:
        key = self._key(data)
        if key not in self._old:
            return None
        try:
            entry = Entry.model_validate(self._old[key], strict=False)
        except ValidationError:
            return None
        self._new[key] = self._old[key]
        return entry

    def put(self, data: bytes, entry: Entry) -> None:
        self._new[self._key(data)] = entry.model_dump(mode="json", by_alias=True)

    def save(self) -> None:
        """Write what this load used. A folder that cannot be written only costs time."""
        if self._path is None or self._new.keys() == self._old.keys():
            return
        with contextlib.suppress(OSError):
            replace_file(self._path, lambda out: out.write(json.dumps(self._new).encode()))

    @staticmethod
    def _key(data: bytes) -> str:
        return hashlib.sha256(_CACHE_FORMAT.encode() + data).hexdigest()
