"""The gate of golden questions: an edit that takes a question away from its answer does not go live.

Golden questions are held out of the search, so they show what it makes of words it has never seen. One that is new has to
find its entry first. One that was there before must not fall: from first place, or from the three that are offered. Fitting
the search again moves a few by itself, so an edit answers only for questions of the entries it changes, and for those of
others that one of them now stands in front of; and for neither if a fit without the edit does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
    """A search, asked many questions at once, each restricted to the ids that its readers may see."""

    def judge_all(self, asked: Sequence[tuple[str, Collection[str]]]) -> Sequence[Judged]: ...


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


def standings(search: Judge, library: Library, asked: Sequence[Golden]) -> list[tuple[int, tuple[str, ...]]]:
    """Of each question where its entry stands among those that its readers may see, and the first three."""
    readers = [frozenset(library.entries[golden.entry].roles) for golden in asked]
    visible = {roles: library.visible(roles) for roles in readers}
    judged = search.judge_all([(golden.question, visible[roles]) for golden, roles in zip(asked, readers, strict=True)])
    found = []
    for golden, offered in zip(asked, (tuple(one.ids[:OFFERED]) for one in judged), strict=True):
        level = FIRST if offered[:1] == (golden.entry,) else SHOWN if golden.entry in offered else LOST
        found.append((level, offered))
    return found


def broken(old: tuple[Library, Judge], new: tuple[Library, Judge], refit: Callable[[], Judge]) -> list[Broken]:
    """What an edit from `old` to `new` breaks. `refit` fits the old library anew, the way the new one was fitted."""
    edited = changed(old[0], new[0])
    if not edited:
        return []
    before = {(golden.question, golden.entry) for golden in goldens(old[0], retired=True)}
    asked = list(goldens(new[0]))
    suspects = {
        found: level
        for golden, (level, offered) in zip(asked, standings(new[1], new[0], asked), strict=True)
        if (found := _suspect(golden, level, offered, edited, new=(golden.question, golden.entry) not in before))
    }
    fallen = _fallen(suspects, old[0], lambda: old[1])
    return list(_fallen(fallen, old[0], refit))  # what fitting alone does is not the edit's doing


def faults_of(found: Collection[Broken], library: Library, shelf: Shelf) -> list[Fault]:
    """What an edit breaks, as faults at the lines of its own files."""
    return [_fault(item, library, shelf) for item in found]


def _suspect(
    golden: Golden, level: int, offered: tuple[str, ...], edited: frozenset[str], *, new: bool
) -> Broken | None:
    if level == FIRST:
        return None
    by = golden.entry if new or golden.entry in edited else _in_front(golden, offered, edited)
    return Broken(golden, offered[0] if offered else "", by, new) if by else None


def _in_front(golden: Golden, offered: tuple[str, ...], edited: frozenset[str]) -> str:
    """The changed entry that stands before the right one, "" if there is none."""
    ahead = offered[: offered.index(golden.entry)] if golden.entry in offered else offered
    return next((name for name in ahead if name in edited), "")


def _fallen(suspects: Mapping[Broken, int], library: Library, search: Callable[[], Judge]) -> Mapping[Broken, int]:
    """Those whose question is new, or stands higher in a search of the old library than the level it has now."""
    old = [item for item in suspects if not item.new]
    if not old:
        return suspects
    stood = dict(zip(old, standings(search(), library, [item.golden for item in old]), strict=True))
    return {item: level for item, level in suspects.items() if item.new or stood[item][0] > level}


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
