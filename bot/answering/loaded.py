"""The knowledge base in use: entries, search, and the words that tell what kind of message somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from bot.answering import ours
from bot.answering.entries import Library
from bot.answering.languages import Languages
from bot.answering.smalltalk import Smalltalk
from bot.answering.speech import Others, Speech, load_others
from bot.answering.threads import Threads, load_threads
from bot.content import Faults, Shelf
from bot.model import Outcome, Person

_NO_WORD = re.compile(r"[@/\\]|[.:]\S|^\W*\w\W*$")  # an address, a lone letter


@dataclass(frozen=True)
class Judgement:
    """What the search makes of a question: best ids first; `confidence` is the calibrated chance that the first is right."""

    outcome: Outcome  # ANSWER, SUGGEST or ESCALATE
    ids: tuple[str, ...]
    confidence: float


class Searcher(Protocol):
    """The search, restricted to the ids a person may see."""

    def judge(self, question: str, allowed: Collection[str]) -> Judgement: ...


@dataclass(frozen=True)
class Hearing:
    """The words by which messages are told apart: what hangs together, what language it is, what asks about the register."""

    threads: Threads = field(default_factory=Threads)
    speech: Speech = field(default_factory=lambda: Speech((), {}, Others({}, {})))
    ours: ours.Wording = field(default_factory=ours.Wording)


def load_hearing(shelf: Shelf, faults: Faults, languages: Languages, spoken: Collection[str]) -> Hearing:
    """The words of a shelf. `spoken`: the languages we have words of our own in."""
    small = frozenset(ours.fold(word) for text in languages.words.values() for word in text.split())
    return Hearing(
        Threads(load_threads(shelf, faults), small),
        Speech(spoken, languages.words, load_others(shelf, faults)),
        ours.load_wording(shelf, faults),
    )


@dataclass(frozen=True)
class Knowledge:
    """One loaded and fitted version of the knowledge base; swapped whole."""

    library: Library
    search: Searcher
    smalltalk: Smalltalk
    languages: Languages = field(default_factory=lambda: Languages({}))
    hearing: Hearing = field(default_factory=Hearing)

    def language(self, text: str) -> str:
        """The language somebody writes in; "" where a text does not tell: addresses and lone letters never do."""
        told = " ".join(part for part in text.split() if not _NO_WORD.search(part))
        if script := self.hearing.speech.by_script(told):
            return script
        return "" if self.hearing.speech.foreign(told) else self.languages.guess(told) or self.smalltalk.language(text)

    def visible(self, person: Person) -> frozenset[str]:
        """Ids of the entries this person may be shown."""
        return self.library.visible(person.roles, person.known)
