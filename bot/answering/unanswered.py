"""What nobody could answer, and what did not help: questions of the last weeks in groups, for whoever writes answers.

Nobody's name is in it. Questions come without secrets already; here addresses, numbers and the names of our people come out too,
and who asked is only counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.answering.encoder import Encoders
from bot.answering.lexical import terms_of
from bot.answering.loaded import Knowledge
from bot.model import Outcome
from bot.ports import Row, Tx

Floats = NDArray[np.float32]
Why = Literal["unknown", "suggested", "picked", "unhelpful"]

NEWEST = 600  # questions that are looked at
MOST = 400  # different texts that are grouped
SHOWN = 12  # questions of a group that are listed
ALIKE = 0.42  # mean cosine within a group, by the encoder of many languages
ALIKE_WORDS = 0.15  # by words alone, where there is no encoder
_DIMENSIONS = 8192
_KEPT = 2_000  # vectors in memory

_HIDDEN = (
    (re.compile(r"\b(?:h(?:tt|xx)ps?://|www\.)\S+", re.I), "[link]"),
    (re.compile(r"[\w.+-]+@[\w.-]+\w"), "[address]"),
    (re.compile(r"(?<![\w-])\+?\d(?:[\d ()/.-]{2,}\d)(?!\w)"), "[number]"),
)
_MARK = re.compile(r"\[(?:link|address|number|name|removed: \w+)\]")
_WORD = re.compile(r"\w{2}")
_WHOLE = re.compile(r"\w+")


@dataclass(frozen=True)
class Asked:
    """One open question. `why` it is open; `entry` is what was picked for it, or rated badly."""

    id: str
    text: str
    at: float
    person: str
    why: Why
    entry: str = ""
    lang: str = ""


@dataclass(frozen=True)
class Group:
    """Questions that are alike, the most typical first.

    `times` asked by `people`; `why` counted; `entry`: the answer they may belong to, `sure` if people themselves said so; `ids`
    of all its questions.
    """

    texts: tuple[str, ...]
    times: int
    people: int
    last: float
    why: tuple[tuple[Why, int], ...]
    langs: tuple[str, ...]
    entry: str
    sure: bool
    ids: tuple[str, ...]


class OpenQuestions(Protocol):
    """SQL of questions that are open."""

    def unanswered(self, since: float, limit: int) -> list[Row]: ...

    def settle(self, tx: Tx, ids: Sequence[str], by: str, at: float) -> int: ...

    def unsettle(self, tx: Tx, by: str, at: float) -> int: ...


class _Known:
    """What has been found out with one knowledge and the same people: each text is hidden in, and searched for, once."""

    def __init__(self) -> None:
        self._of: tuple[Knowledge, tuple[str, ...]] | None = None
        self.made: tuple[object, list[Group]] = None, []  # the rows read, and the groups they made

    def of(self, knowledge: Knowledge, names: tuple[str, ...]) -> _Known:
        """Itself, emptied if the knowledge or the people are others by now."""
        if self._of is None or self._of[0] is not knowledge or self._of[1] != names:
            self._of, self.made = (knowledge, names), (None, [])
            everybody = frozenset(entry.id for entry in knowledge.library.published() if entry.public)
            self.hide = lru_cache(_KEPT)(Hiding(names, knowledge.languages.words.values()))
            self.judge = lru_cache(_KEPT)(lambda text: knowledge.search.judge(text, everybody))
        return self


@dataclass(frozen=True)
class Unanswered:
    """Reads and groups. `names`: of the people here."""

    store: OpenQuestions
    knowledge: Callable[[], Knowledge]
    vectors: Vectors
    names: Callable[[], Iterable[str]]
    _known: _Known = field(default_factory=_Known, init=False, compare=False)

    def groups(self, since: float) -> list[Group]:
        """Groups of open questions, the most asked first. What an answer is found for by now is no longer one of them.

        The first time with these names and this knowledge takes as long as all questions do; after that, only what is new.
        """
        rows, names, knowledge = self.store.unanswered(since, NEWEST), tuple(self.names()), self.knowledge()
        known, read = self._known.of(knowledge, names), [tuple(row.values()) for row in rows]
        before, found = known.made
        if before != read:
            found = self._groups(rows)
            known.made = read, found
        return found

    def _groups(self, rows: Sequence[Row]) -> list[Group]:
        hide = self._known.hide
        asked = [one for row in rows if _WORD.search(_bare((one := _asked(row, hide(row["text"]))).text))]
        texts = list(dict.fromkeys(one.text for one in asked))[:MOST]
        by_text: dict[str, list[Asked]] = {text: [] for text in texts}
        for one in asked:
            if one.text in by_text:
                by_text[one.text].append(one)
        vectors, alike = self.vectors([_bare(text) for text in texts])
        found = [self._group([texts[i] for i in members], by_text) for members in grouped(vectors, alike)]
        return sorted((group for group in found if group), key=lambda group: (-group.times, -group.last))

    def _group(self, texts: list[str], by_text: dict[str, list[Asked]]) -> Group | None:
        asked = [one for text in texts for one in by_text[text]]
        entry, sure = self._entry(texts[0], asked)
        if entry is None:
            return None
        why = Counter(one.why for one in asked)
        times = len({(one.person, one.text) for one in asked})
        return Group(
            tuple(texts[:SHOWN]), times, len({one.person for one in asked}), max(one.at for one in asked),
            tuple(sorted(why.items(), key=lambda item: -item[1])), tuple(sorted({one.lang for one in asked} - {""})),
            entry, sure, tuple(one.id for one in asked),
        )  # fmt: skip

    def _entry(self, text: str, asked: Sequence[Asked]) -> tuple[str | None, bool]:
        """The answer a group may belong to, and whether people said so; None if it is answered by now."""
        knowledge = self.knowledge()
        entries = knowledge.library.entries
        picked = Counter(one.entry for one in asked if one.entry in entries)
        if picked and not all(one.why == "picked" for one in asked):
            return picked.most_common(1)[0][0], True
        judged = self._known.judge(text)
        if judged.outcome is Outcome.ANSWER and (not picked or judged.ids[0] in picked):
            return None, False
        if picked:
            return picked.most_common(1)[0][0], True
        return (judged.ids[0] if judged.ids and judged.outcome is not Outcome.ESCALATE else ""), False


class Vectors:
    """Texts as vectors of length one, and how alike those of one group are. Remembers the last ones."""

    def __init__(self, encoders: Callable[[], Encoders]) -> None:
        self._encoders = encoders
        self._known: dict[str, Floats] = {}
        self._of = ""

    def __call__(self, texts: Sequence[str]) -> tuple[Floats, float]:
        encoders = self._encoders().views()[-1]  # the one that knows many languages
        if not texts or not encoders.parts:
            return by_words(texts), ALIKE_WORDS
        if encoders.name != self._of or len(self._known) > _KEPT:
            self._known, self._of = {}, encoders.name
        for text in texts:
            if text not in self._known:
                self._known[text] = encoders.join([part.encode(text) for part in encoders.parts])
        return np.stack([self._known[text] for text in texts]), ALIKE


class Hiding:
    """Takes out of a text who and where: addresses, numbers, names of our people."""

    def __init__(self, names: Iterable[str], small: Iterable[str] = ()) -> None:
        """`small`: lists of words that are names only where they begin with a capital ("Will")."""
        parts = {part for name in names for part in [name, *name.split()] if len(part) > 2}
        words = {word for listed in small for word in listed.casefold().split()}
        self._sure = _Names([part for part in parts if part.casefold() not in words], re.IGNORECASE)
        self._words = _Names([part for part in parts if part.casefold() in words], 0)

    def __call__(self, text: str) -> str:
        for pattern, instead in _HIDDEN:
            text = pattern.sub(instead, text)
        text = self._words.out(self._sure.out(text))
        return " ".join(re.sub(r"\[name\](?:\s+\[name\])+", "[name]", text).split())


class _Names:
    """Many names to find in a text: only those are tried whose first word is in it."""

    def __init__(self, names: Collection[str], flags: int) -> None:
        self._flags = flags
        self._by_word: dict[str, list[str]] = {}
        for name in names:
            if found := _WHOLE.search(name):
                self._by_word.setdefault(found[0].casefold(), []).append(name)

    def out(self, text: str) -> str:
        """The text with `[name]` in their place."""
        words = {word.casefold() for word in _WHOLE.findall(text)}
        near = [name for word in words & self._by_word.keys() for name in self._by_word[word]]
        if not near:
            return text
        longest_first = sorted(near, key=lambda name: (-len(name), name))
        return re.sub(
            r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)", "[name]", text, flags=self._flags
        )


def grouped(vectors: Floats, alike: float) -> list[list[int]]:
    """Rows in groups whose mean cosine is at least `alike`, by average linkage; within a group the most typical first."""
    if not len(vectors):
        return []
    cosines = vectors @ vectors.T
    near = cosines.astype(np.float64)
    np.fill_diagonal(near, -np.inf)
    members = [[i] for i in range(len(vectors))]
    best = near.argmax(axis=1)  # of each row, so that a merge looks only at the rows it concerns
    most = near.max(axis=1)
    while len(vectors) > 1:
        i = int(most.argmax())
        if most[i] < alike:
            break
        j = int(near[i].argmax())
        a, b = len(members[i]), len(members[j])
        near[i] = near[:, i] = (near[i] * a + near[j] * b) / (a + b)
        near[i, i] = near[j] = near[:, j] = -np.inf
        members[i], members[j] = members[i] + members[j], []
        stale = np.flatnonzero((best == i) | (best == j) | (np.arange(len(best)) == i))  # a mean is never above both
        best[stale], most[stale] = near[stale].argmax(axis=1), near[stale].max(axis=1)
        most[j] = -np.inf
    found = [sorted(group, key=lambda k: (-float(cosines[k, group].sum()), k)) for group in members if group]
    return sorted(found, key=lambda group: (-len(group), group[0]))


def by_words(texts: Sequence[str]) -> Floats:
    """TF-IDF over words and letter groups, hashed: rows of length one, a column for each hash that comes up."""
    if not texts:
        return np.zeros((0, 1), np.float32)
    terms = [_columns(text) for text in texts]
    columns = np.concatenate([found for found, _ in terms])
    used, place = np.unique(columns, return_inverse=True)
    having = np.bincount(
        np.searchsorted(used, np.concatenate([np.unique(found) for found, _ in terms])), minlength=len(used)
    )
    row = np.repeat(np.arange(len(texts)), [len(found) for found, _ in terms])
    rows = np.zeros((len(texts), max(len(used), 1)), np.float32)
    weights = np.concatenate([weight for _, weight in terms])
    np.add.at(rows, (row, place), weights * np.log1p(len(texts) / np.maximum(having, 1))[place])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normed: Floats = rows / np.maximum(lengths, 1e-9)
    return normed


@lru_cache(_KEPT)
def _columns(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The hashed terms of a text, and the square root of how often each comes."""
    counted = terms_of(text)
    return np.array([term % _DIMENSIONS for term in counted], np.int64), np.sqrt(
        np.array([*counted.values()], np.float64)
    )


def _bare(text: str) -> str:
    """Without the marks of what came out: they are no words of the question."""
    return _MARK.sub(" ", text)


def _asked(row: Row, text: str) -> Asked:
    why: Why = (
        "unhelpful" if row["rating"] == "unhelpful"
        else "unknown" if row["outcome"] == Outcome.ESCALATE
        else "picked" if row["entry"]
        else "suggested"
    )  # fmt: skip
    return Asked(row["id"], text, float(row["at"]), row["person"], why, row["entry"], row["lang"])
