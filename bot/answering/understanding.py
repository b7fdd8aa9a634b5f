"""What somebody means: a question of its own, one that goes on from the last, two in one message, or "is this ours?".

Nothing is written here, and nothing is invented: every outcome names entries, or says that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date

from bot.answering.loaded import Judgement, Knowledge
from bot.answering.ours import Finding, Ours
from bot.answering.ours_card import UNSURE
from bot.model import Outcome, Person
from bot.organisation import pick

SUGGESTIONS = 3
LONG = 1_500  # characters from which a message is a pasted text, not a question
BEGINNING = 250  # characters of a pasted text that are read
SAYS_MORE = 0.5  # chance of another entry being meant, from which an answer is not simply given again
TITLE = 150  # characters of the last question that a follow-up is read with
_FOUND = frozenset({Outcome.ANSWER, Outcome.CONFIRM})


@dataclass(frozen=True)
class Asked:
    """The question before this one, in the same place: its text, the entry that answered it ("" if none), its language.

    Without text it went to a person: nothing goes on from it, but the language is still the one that is spoken.
    """

    text: str
    entry: str = ""
    lang: str = ""


@dataclass(frozen=True)
class Considered:
    """What a message would get, with nothing written.

    `text` is the question as it was read. `topic`: the entry it goes on from. `register`: what the register says. `others`: what
    the further questions of the message would get. `unclear`: it goes on from something, and nobody knows from what. `long`: only
    its beginning was read. `foreign`: the language, if it is one that we do not speak.
    """

    outcome: Outcome
    entry: str
    suggestions: tuple[str, ...]
    confidence: float
    text: str = ""
    topic: str = ""
    register: Finding | None = None
    others: tuple[Considered, ...] = ()
    unclear: bool = False
    long: bool = False
    foreign: str = ""

    @property
    def entries(self) -> tuple[str, ...]:
        """Entries that are answered with, of all questions of the message."""
        mine = (self.entry,) if self.entry else ()
        return (*mine, *(entry for other in self.others for entry in other.entries))


class Understanding:
    """Reads messages. Pure but for what it is given to look things up in."""

    def __init__(self, knowledge: Callable[[], Knowledge], ours: Ours) -> None:
        self._knowledge, self._ours = knowledge, ours

    def consider(
        self, text: str, person: Person, today: date, last: Asked | None = None, *, words: bool = True
    ) -> Considered:
        """What this person would get for this text. An incident's entry is confirmed, never shown at once.

        `last`: the question before. `words`: whether greetings and thanks around the question are taken off.
        """
        knowledge = self._knowledge()
        question = knowledge.smalltalk.bare(text) if words else text
        read = _Reading(knowledge, person)
        found = self._read(read, question, last)
        finding = self._ours.look(question, today) if person.known else None
        if finding and (finding.what not in UNSURE or found.outcome not in _FOUND):
            found = Considered(Outcome.ANSWER, "", (), 1.0, question)
        foreign = knowledge.hearing.speech.foreign(question)
        return replace(found, register=finding, foreign=foreign)

    def _read(self, read: _Reading, text: str, last: Asked | None) -> Considered:
        if len(text) > LONG:
            return _only_suggested(read.judge(text[:BEGINNING]))
        if several := self._several(read, text):
            return several
        threads = read.knowledge.hearing.threads
        if not threads.goes_on(text):
            return read.judge(text)
        if last is not None and last.text:
            return self._going_on(read, text, last)
        alone = read.judge(text)
        return replace(alone, unclear=alone.outcome is Outcome.ESCALATE and threads.bare(text))

    # two questions

    def _several(self, read: _Reading, text: str) -> Considered | None:
        """All the questions of a message, if they are more than one and each is clear by itself."""
        threads = read.knowledge.hearing.threads
        parts = threads.questions(text)
        if len(parts) < 2:
            return None
        asked = all(threads.is_question(part) for part in parts)
        if not asked and read.judge(text).outcome in _FOUND:
            return None
        judged: list[Considered] = []
        for i, part in enumerate(parts):
            judged.append(self._part(read, parts[0], part, first=i == 0))
            if not asked and judged[-1].outcome not in _FOUND:
                return None
        clear = _each_once(one for one in judged if one.outcome in _FOUND)
        left = [one for one in judged if one.outcome not in _FOUND and not threads.points_back(one.text)]
        if len(clear) + len(left) < 2 or not clear:
            return None
        first, *others = [*sorted(clear, key=lambda one: one.outcome is not Outcome.CONFIRM), *left]
        return replace(first, others=tuple(others))

    def _part(self, read: _Reading, before: str, part: str, *, first: bool) -> Considered:
        if first or not read.knowledge.hearing.threads.points_back(part):
            return read.judge(part)
        return replace(read.judge(f"{before} {part}"), text=part)

    # follow-ups

    def _going_on(self, read: _Reading, text: str, last: Asked) -> Considered:
        """The entry that a follow-up is about: what it says alone, held against what it says together with the last one.

        The last entry is left out of the second look, since the words of its own title would always find it again.
        """
        question = read.knowledge.hearing.threads.without_opener(text)
        alone = replace(read.judge(question), text=text)
        if last.entry not in read.allowed:
            together = replace(read.judge(f"{last.text[:TITLE]} {question}"), text=text)
            return max((together, alone), key=lambda one: (one.outcome in _FOUND, one.confidence))
        entry = read.knowledge.library.entries[last.entry]
        near = {*entry.related, entry.id}
        beside = read.judge(f"{pick(entry.title, last.lang)} {question}", without=entry.id)
        agreed = alone.entry == beside.entry or alone.entry in near
        if alone.outcome in _FOUND and agreed:
            return alone if alone.entry != entry.id else replace(alone, topic=entry.id)
        if beside.outcome in _FOUND and beside.entry in near:
            return replace(beside, text=text, topic=entry.id)
        if beside.confidence >= SAYS_MORE:
            likely = sorted(beside.ids, key=lambda name: name not in near)  # related ones first, else as they were
            ids = [*likely[:2], entry.id]
            return Considered(Outcome.SUGGEST, "", tuple(ids), beside.confidence, text, entry.id)
        again = Outcome.CONFIRM if entry.severity == "S3" else Outcome.ANSWER
        related = tuple(name for name in entry.related if name in read.allowed)[:SUGGESTIONS]
        return Considered(again, entry.id, related, beside.confidence, text, entry.id)


@dataclass(frozen=True)
class _Judged(Considered):
    """With all ids the search named, best first."""

    ids: tuple[str, ...] = ()


class _Reading:
    """One message being read: the knowledge base as it is now, and what this person may see of it."""

    def __init__(self, knowledge: Knowledge, person: Person) -> None:
        self.knowledge, self.allowed = knowledge, knowledge.visible(person)
        self._known: dict[tuple[str, str], Judgement] = {}

    def judge(self, text: str, without: str = "") -> _Judged:
        key = (text, without)
        if key not in self._known:
            self._known[key] = self.knowledge.search.judge(text, self._shown(without))
        judged = self._known[key]
        outcome, ids = judged.outcome, judged.ids[:SUGGESTIONS]
        if outcome is Outcome.ANSWER and self.knowledge.library.entries[ids[0]].severity == "S3":
            outcome = Outcome.CONFIRM
        entry = ids[0] if outcome in _FOUND else ""
        suggested = ids if outcome is Outcome.SUGGEST else ()
        return _Judged(outcome, entry, suggested, judged.confidence, text, ids=judged.ids)

    def _shown(self, without: str) -> Collection[str]:
        return self.allowed - {without} if without else self.allowed


def _only_suggested(judged: _Judged) -> Considered:
    """A long text is never answered outright: what was read of it may not be what it is about."""
    outcome = Outcome.SUGGEST if judged.outcome in _FOUND else judged.outcome
    ids = judged.ids[:SUGGESTIONS] if outcome is Outcome.SUGGEST else ()
    return Considered(outcome, "", ids, judged.confidence, judged.text, long=True)


def _each_once(found: Iterable[Considered]) -> list[Considered]:
    """Questions that have one answer in common are one."""
    once: dict[str, Considered] = {}
    for one in found:
        once.setdefault(one.entry, one)
    return list(once.values())
