"""Loading the emergency content so that no broken file leaves people without help.

The packaged copy is always read, on its own. An overlay card replaces the texts of ours and adds phrases; it never takes a
phrase away, and no kind can be removed. Where an overlay file has faults ours stays, and the faults are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.answering.emergency_shapes import Emergency, Flow, Verb, Words, WordTables
from bot.content import Document, Faults, Shelf, parse, read
from bot.errors import Fault

FOLDER = "emergencies"


@dataclass
class Pile:
    """What a set of files gave."""

    kinds: dict[str, Emergency] = field(default_factory=dict)
    flow: Flow | None = None
    words: WordTables | None = None


@dataclass(frozen=True)
class Book:
    """All emergency content that could be loaded, with the faults of what could not."""

    kinds: dict[str, Emergency]
    flow: Flow
    words: WordTables
    faults: tuple[Fault, ...] = ()


def load(shelf: Shelf) -> Book:
    """Packaged content with the overlay over it. Raises `ValueError` when the packaged copy itself is unusable."""
    ours, broken = _collect(_files(Shelf(shelf.packaged), own=False))
    if broken.found or ours.flow is None or ours.words is None or not ours.kinds:
        raise ValueError("; ".join(str(fault) for fault in broken.found) or "emergency content is incomplete")
    if not shelf.overlay:
        return Book(ours.kinds, ours.flow, ours.words)
    theirs, faults = _collect(_files(shelf, own=True))
    kinds = {**ours.kinds, **{name: _joined(ours.kinds.get(name), kind) for name, kind in theirs.kinds.items()}}
    flow = theirs.flow if theirs.flow and _leads_somewhere(theirs.flow, kinds, faults) else ours.flow
    words = _more_words(ours.words, theirs.words) if theirs.words else ours.words
    return Book(kinds, flow, words, tuple(faults.found))


def _files(shelf: Shelf, *, own: bool) -> Iterable[tuple[str, bytes]]:
    return ((label, data) for label, data, is_own in shelf.folder(FOLDER) if is_own == own)


def _collect(found: Iterable[tuple[str, bytes]]) -> tuple[Pile, Faults]:
    pile, faults = Pile(), Faults()
    try:
        for label, data in found:
            document = parse(label, data, faults)
            if document:
                _take(pile, label, document, faults)
    except OSError as error:
        faults.add(FOLDER, (0, 0), f"the folder cannot be read ({error.strerror})", "check its rights")
    return pile, faults


def _take(pile: Pile, label: str, document: Document, faults: Faults) -> None:
    name = re.split(r"[\\/]", label)[-1].removesuffix(".yaml")
    if name == "_flow":
        pile.flow = read(Flow, document, faults)
    elif name == "_words":
        pile.words = read(WordTables, document, faults)
    else:
        kind = read(Emergency, document, faults)
        if kind and kind.id != name:
            faults.add(label, document.place("id"), f'the id "{kind.id}" is not the file name', f"write id: {name}")
        elif kind:
            pile.kinds[kind.id] = kind


def _leads_somewhere(flow: Flow, kinds: dict[str, Emergency], faults: Faults) -> bool:
    leads = {option.leads_to for asked in flow.questions.values() for option in asked.options if option.leads_to}
    for name in sorted(leads - set(kinds)):
        faults.add(f"{FOLDER}/_flow.yaml", (0, 0), f'an answer leads to "{name}"', "use the id of a card that is there")
    return leads <= set(kinds)


def _joined(ours: Emergency | None, theirs: Emergency) -> Emergency:
    if ours is None:
        return theirs
    return theirs.model_copy(
        update={"phrases": _union(ours.phrases, theirs.phrases), "seeds": _union(ours.seeds, theirs.seeds)}
    )


def _more_words(ours: WordTables, theirs: WordTables) -> WordTables:
    """An overlay's words join ours; a group of ours is never emptied."""
    things = {name: _union(ours.things.get(name, {}), entries) for name, entries in theirs.things.items()}
    marks = {name: _union(ours.marks.get(name, {}), entries) for name, entries in theirs.marks.items()}
    return ours.model_copy(
        update={
            "verbs": {
                **theirs.verbs,
                **{name: _more_forms(verb, theirs.verbs.get(name)) for name, verb in ours.verbs.items()},
            },
            "things": {**ours.things, **things},
            "marks": {**ours.marks, **marks},
            "mend": _union(ours.mend, theirs.mend),
            "recent": _union(ours.recent, theirs.recent),
            "calm": _union(ours.calm, theirs.calm),
            "known": tuple(dict.fromkeys([*ours.known, *theirs.known])),
            "languages": _union(ours.languages, theirs.languages),
        }
    )


def _more_forms(ours: Verb, theirs: Verb | None) -> Verb:
    """A verb of ours with an overlay's forms, for another language above all; what the verb means stays."""
    if theirs is None:
        return ours
    return ours.model_copy(update={"done": _union(ours.done, theirs.done), "base": _union(ours.base, theirs.base)})


def _union(ours: Words, theirs: Words) -> Words:
    langs = dict.fromkeys([*ours, *theirs])
    return {lang: tuple(dict.fromkeys([*ours.get(lang, ()), *theirs.get(lang, ())])) for lang in langs}
