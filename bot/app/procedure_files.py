"""Procedures as watched content, and the names that they may use."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from functools import cache as once
from pathlib import Path

from bot.answering.emergency import Gate
from bot.content import Faults, Shelf, packaged_shelf, parse, read
from bot.kept import content, kept, names
from bot.organisation import Organisation, OrgFile
from bot.procedures.library import FOLDER, as_of, read_procedures
from bot.procedures.shapes import Library, Vocabulary
from bot.reload import Watched


def vocabulary(org: Organisation, emergencies: Collection[str], *, alone: bool = False) -> Vocabulary:
    """The names that procedures may use.

    An owner whom our procedures name and the organisation does not is known all the same: the desk does those steps.
    """
    owners = {*org.file.owners, *_shipped_owners()}
    return Vocabulary(set(org.roles), set(org.catalogue), set(emergencies), owners, alone)


@once
def _shipped_owners() -> frozenset[str]:
    """The owners of the organisation that ships (its own file alone is read: this is done at every start)."""
    found, faults = packaged_shelf().file("org.yaml"), Faults()
    document = parse(found[0], found[1], faults) if found else None
    org = read(OrgFile, document, faults) if document else None
    return frozenset(org.owners if org else ())


def watched(
    shelf: Shelf, cache: Path | None, org: Watched[Organisation], gate: Watched[Gate], today: Callable[[], date], *,
    alone: bool,
) -> Watched[Library]:  # fmt: skip
    """Procedures without faults. While an edit has faults the last good ones hold; at a start ours stand in for broken ones."""

    def load(*, strict: bool) -> Library:
        faults, known = Faults(), vocabulary(org.current, gate.current.kinds, alone=alone)
        made_of = (*content(shelf, FOLDER), names(*vars(known).values()))
        found = kept(
            cache, "procedures", made_of, Library,
            lambda: read_procedures(shelf, known, faults, today=today()), lambda _made: not faults.found,
        )  # fmt: skip
        if strict:
            faults.check()
        if faults.found:
            shipped = read_procedures(Shelf(shelf.packaged), known, Faults(), today=today())
            found = Library({**shipped.procedures, **found.procedures})
        return as_of(found, today())

    return Watched(
        "procedures",
        lambda: load(strict=True),
        lambda: (shelf.stamp(FOLDER), id(org.current)),
        lambda: load(strict=False),
    )
