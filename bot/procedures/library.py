"""Loading a shelf of procedures: every fault of every file at once, with its line, column and mend.

What a file says wrong is a fault. What time has done to it (review overdue, a source nobody opened) and a language that is
missing somewhere are notes: the procedure stays, and is marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from bot.content import Faults, Shelf, parse, read
from bot.procedures.rules import complaints, untranslated
from bot.procedures.shapes import Library, Note, Pinned, Procedure, Vocabulary

FOLDER = "procedures"


def read_procedures(shelf: Shelf, vocabulary: Vocabulary, faults: Faults, *, today: date | None = None) -> Library:
    """The procedures under `procedures/` that have no fault; the faults of the others are added."""
    found: dict[str, Pinned] = {}
    for file, data, _ in shelf.folder(FOLDER):
        before = len(faults.found)
        document = parse(file, data, faults)
        procedure = read(Procedure, document, faults) if document else None
        if document is None or procedure is None:
            continue
        stem = Path(file).stem
        if procedure.id != stem:
            mend = f"call the file {procedure.id}.yaml, or correct the id"
            faults.add(file, document.place("id"), f'the id "{procedure.id}" is not the file name "{stem}"', mend)
        for path, what, mend in complaints(procedure, vocabulary):
            faults.add(file, document.place(*path), what, mend)
        if len(faults.found) == before:
            found[procedure.id] = pinned(procedure, data, file)
    library = Library(dict(sorted(found.items())))
    return as_of(library, today or date.today())


def pinned(procedure: Procedure, data: bytes, file: str) -> Pinned:
    """A procedure with the file it was read from."""
    return Pinned(
        procedure, data.decode("utf-8-sig"), hashlib.sha256(data.decode("utf-8-sig").encode()).hexdigest(), file
    )


def unpinned(text: str) -> Procedure:
    """A procedure back from the text that a run was pinned to. It was sound when it was pinned, so only its shape is read."""
    faults = Faults()
    document = parse("the pinned version", text.encode(), faults)
    procedure = read(Procedure, document, faults) if document else None
    faults.check()
    assert procedure is not None  # noqa: S101 (check() has raised otherwise)
    return procedure


def as_of(library: Library, today: date) -> Library:
    """A library with what time has done to it until `today`."""
    return replace(library, notes=tuple(note for one in library.procedures.values() for note in _notes(one, today)))


def _notes(one: Pinned, today: date) -> Iterator[Note]:
    procedure, file = one.procedure, one.file
    if procedure.state == "retired":
        return
    if procedure.overdue(today):
        what = f"the review was due on {procedure.review_due}"
        yield Note("overdue", procedure.id, file, what, f"{procedure.owner}: say that it is still right, or edit it")
    for language in untranslated(procedure):
        what = f"not every text is there in {language}"
        yield Note("untranslated", procedure.id, file, what, f"add {language}: English is shown instead")
    for source in procedure.sources:
        if source.checked is None:
            what = f"nobody has opened the source {source.code}"
            yield Note("unchecked", procedure.id, file, what, "read it, then fill in checked with the day")
