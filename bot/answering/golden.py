"""The gate of golden questions: an edit that takes a question away from its answer does not go live.

Golden questions are held out of the search, so they show what it makes of words it has never seen. One that is new has to
find its entry first. One that was there before must not fall: from first place, or from the three that are offered. Fitting
the search again moves a few by itself, so an edit answers only for questions of the entries it changes, and for those of
others that one of them now stands in front of; and for neither if a fit without the edit does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from bot.answering.entries import Entry, Library
from bot.content import Faults, Shelf, parse
from bot.errors import Fault

OFFERED = 3  # entries that "did you mean" shows
FIRST, SHOWN, LOST = 2, 1, 0


class Judged(Protocol):
    """What a search makes of a question: ids, best first."""

    @property
    def ids(self) -> tuple[str, ...]: ...


class Judge(Protocol):
    """A search, restricted to the ids that somebody may see."""

    def judge(self, question: str, allowed: Collection[str]) -> Judged: ...


@dataclass(frozen=True)
class Golden:
    """A held-out question and the entry that answers it; `place` is its position in the file."""

    question: str
    entry: str
    language: str
    place: int = 0


@dataclass(frozen=True)
class Broken:
    """A golden question that an edit breaks. `first` comes first now; `by` is the changed entry that is to blame."""

    golden: Golden
    first: str
    by: str
    new: bool

    @property
    def own(self) -> bool:
        """The edit is of the entry that the question belongs to."""
        return self.by == self.golden.entry


def goldens(library: Library, *, retired: bool = False) -> Iterator[Golden]:
    """Every golden question of every published entry; of retired ones too with `retired`."""
    entries = library.entries.values() if retired else library.published()
    for entry in entries:
        for language, questions in entry.golden.items() if entry.state in ("published", "retired") else ():
            for place, question in enumerate(questions):
                yield Golden(question, entry.id, language, place)


def changed(old: Library, new: Library) -> frozenset[str]:
    """Entries that the search sees otherwise: published or not, other words, other readers, other golden questions."""
    return frozenset(name for name in {*old.entries, *new.entries} if _seen(old, name) != _seen(new, name))


def standing(search: Judge, library: Library, golden: Golden) -> tuple[int, tuple[str, ...]]:
    """Where the entry of a question stands among those that its readers may see, and the first three."""
    allowed = library.visible(set(library.entries[golden.entry].roles))
    offered = tuple(search.judge(golden.question, allowed).ids[:OFFERED])
    level = FIRST if offered[:1] == (golden.entry,) else SHOWN if golden.entry in offered else LOST
    return level, offered


def broken(old: tuple[Library, Judge], new: tuple[Library, Judge], refit: Callable[[], Judge]) -> list[Broken]:
    """What an edit from `old` to `new` breaks. `refit` fits the old library anew, the way the new one was fitted."""
    edited = changed(old[0], new[0])
    if not edited:
        return []
    before = {(golden.question, golden.entry) for golden in goldens(old[0], retired=True)}
    suspects = [
        found
        for golden in goldens(new[0])
        if (found := _judge(golden, old, new, edited, new_one=(golden.question, golden.entry) not in before))
    ]
    return _without_noise(suspects, old[0], new, refit)


def faults_of(found: Collection[Broken], library: Library, shelf: Shelf) -> list[Fault]:
    """What an edit breaks, as faults at the lines of its own files."""
    return [_fault(item, library, shelf) for item in found]


def _judge(
    golden: Golden, old: tuple[Library, Judge], new: tuple[Library, Judge], edited: frozenset[str], *, new_one: bool
) -> Broken | None:
    level, offered = standing(new[1], new[0], golden)
    if level == FIRST:
        return None
    first = offered[0] if offered else ""
    if new_one:
        return Broken(golden, first, golden.entry, new=True)
    by = golden.entry if golden.entry in edited else _in_front(golden, offered, edited)
    if not by or standing(old[1], old[0], golden)[0] <= level:
        return None
    return Broken(golden, first, by, new=False)


def _in_front(golden: Golden, offered: tuple[str, ...], edited: frozenset[str]) -> str:
    """The changed entry that stands before the right one, "" if there is none."""
    ahead = offered[: offered.index(golden.entry)] if golden.entry in offered else offered
    return next((name for name in ahead if name in edited), "")


def _without_noise(
    suspects: list[Broken], old: Library, new: tuple[Library, Judge], refit: Callable[[], Judge]
) -> list[Broken]:
    if all(item.new for item in suspects):
        return suspects
    control = refit()
    return [
        item
        for item in suspects
        if item.new or standing(control, old, item.golden)[0] > standing(new[1], new[0], item.golden)[0]
    ]


def _seen(library: Library, name: str) -> object:
    entry = library.entries.get(name)
    if entry is None or entry.state != "published":
        return None
    return entry.variants(), sorted(entry.roles), {code: list(texts) for code, texts in entry.golden.items()}


def _fault(item: Broken, library: Library, shelf: Shelf) -> Fault:
    golden = item.golden
    first = f'"{item.first}" comes first now' if item.first else "nothing comes first now"
    if item.own:
        path: tuple[str | int, ...] = ("golden", golden.language, golden.place)
        what = f'the golden question "{golden.question}" does not find this entry: {first}'
        mend = "give the entry questions with such words" if item.new else "put back the question that it was found by"
    else:
        path = ("questions", golden.language)
        what = f'this entry takes the golden question "{golden.question}" from "{golden.entry}"'
        mend = "word the questions here otherwise, so that they are not about that"
    file = library.files.get(item.by, item.by)
    return Fault(file, *_line(shelf, library.entries.get(item.by), path), what, mend)


def _line(shelf: Shelf, entry: Entry | None, path: tuple[str | int, ...]) -> tuple[int, int]:
    found = shelf.file(f"answers/{entry.id}.yaml") if entry else None
    document = parse(found[0], found[1], Faults()) if found else None
    return document.place(*path) if document else (1, 1)
