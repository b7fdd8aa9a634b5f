"""Trying a draft out: what questions would find if it were published now, and which golden questions that would break."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from bot.answering.answers import Judgement, Knowledge, Searcher
from bot.answering.checking import Laid, label_of
from bot.answering.entries import Entry, Library
from bot.answering.golden import OFFERED, Broken, faults_of
from bot.content import Shelf
from bot.errors import Fault
from bot.model import Outcome

_LEVELS = {"fire": Outcome.EMERGENCY, "confirm": Outcome.CONFIRM}


class Trials(Protocol):
    """Searches fitted for knowledge that is not in use."""

    def search(self, library: Library) -> Searcher: ...

    def breaks(self, library: Library) -> list[Broken]: ...


@dataclass(frozen=True)
class Tried:
    """What becomes of a question with a draft and what became of it without. `got`: what is shown or offered, best first."""

    question: str
    outcome: Outcome
    got: tuple[str, ...]
    confidence: float
    outcome_before: Outcome
    got_before: tuple[str, ...]


@dataclass(frozen=True)
class Trying:
    """`alarm` says what the emergency gate, which comes first, makes of a text: fire, confirm or none."""

    knowledge: Callable[[], Knowledge]
    trials: Trials
    shelf: Callable[[], Shelf]
    alarm: Callable[[str], str]

    def questions(self, entry: Entry, asked: Iterable[str]) -> list[Tried]:
        """What people who may see the entry would get, if it were published now."""
        now = self.knowledge()
        draft = with_entry(now.library, entry)
        roles, search = set(entry.roles), self.trials.search(draft)
        old, new = now.library.visible(roles), draft.visible(roles)
        return [
            self._tried(text, now.search.judge(text, old), now.library, search.judge(text, new), draft)
            for text in asked
        ]

    def moved(self, entry: Entry, asked: Iterable[str]) -> list[Tried]:
        """Those of these questions that the draft wins or loses."""
        return [
            item
            for item in self.questions(entry, asked)
            if (item.outcome, item.got) != (item.outcome_before, item.got_before)
            and entry.id in {*item.got, *item.got_before}
        ]

    def broken(self, entry: Entry, text: str) -> list[Fault]:
        """Golden questions that publishing it would break, at the lines that do it."""
        draft, shelf = with_entry(self.knowledge().library, entry), self.shelf()
        laid = Laid(shelf.packaged, shelf.overlay, label_of(entry.id), text.encode())
        return faults_of(self.trials.breaks(draft), draft, laid)

    def _tried(self, text: str, old: Judgement, before: Library, new: Judgement, draft: Library) -> Tried:
        alarm = _LEVELS.get(self.alarm(text))
        first, then = _outcome(alarm, old, before), _outcome(alarm, new, draft)
        return Tried(text, then, _got(then, new), new.confidence, first, _got(first, old))


def with_entry(library: Library, entry: Entry) -> Library:
    """The library as it would be with this entry in it."""
    return replace(
        library,
        entries=dict(sorted({**library.entries, entry.id: entry}.items())),
        files={**library.files, entry.id: label_of(entry.id)},
    )


def _outcome(alarm: Outcome | None, judged: Judgement, library: Library) -> Outcome:
    """What the person meets: an incident's entry is asked about first."""
    if alarm:
        return alarm
    if judged.outcome is Outcome.ANSWER and library.entries[judged.ids[0]].severity == "S3":
        return Outcome.CONFIRM
    return judged.outcome


def _got(outcome: Outcome, judged: Judgement) -> tuple[str, ...]:
    shown: Collection[Outcome] = (Outcome.ANSWER, Outcome.CONFIRM)
    return judged.ids[: 1 if outcome in shown else OFFERED if outcome is Outcome.SUGGEST else 0]
