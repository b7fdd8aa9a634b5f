"""The answer search: which entry is a question about, and how sure is that?

    index = Index.fit(library, cache=folder, generic=load_generic(shelf))
    ranking = index.rank("cant log in anymore", allowed=library.visible(person.roles))
    decide(ranking)  # answer, suggest or escalate

A question's typos are mended, both encoders embed it, and every visible entry is scored by a softmax regression, its
centroid, and TF-IDF; two calibrated probabilities say how far to trust the outcome. Everything is fitted from the entries
alone when they are loaded, deterministic, and cached by a hash of all that goes in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bot.answering.calibration import hide
from bot.answering.confidence import FEATURES_1, FEATURES_3, Logistic, Read, read_evidence
from bot.answering.embeddings import Embedded, Vectors
from bot.answering.encoder import Encoders, Mode, load_encoders
from bot.answering.entries import Library
from bot.answering.fitting import Pool, fit_states
from bot.answering.languages import Languages, load_languages
from bot.answering.lexical import Lexical
from bot.answering.pools import Entries, all_texts, texts_in
from bot.answering.state import State
from bot.answering.typos import Typos
from bot.content import Faults, Shape, Shelf, packaged_shelf, parse, read
from bot.model import Outcome

Floats = NDArray[np.float32]

ANSWER_AT = 0.71  # the best candidate is shown as the answer from here
SUGGEST_AT = 0.40  # "did you mean" from here; below, a person
MAIN_LANGUAGE = "en"  # the one that the main encoder knows
LONGEST = 600  # characters of a question that are read
QUESTIONS = "questions"  # the kind of vectors that questions have
_TOGETHER, _MOST_CELLS = 256, 2_000_000  # questions that are read at once, and cells of a table that they may fill
_URL = re.compile(r"(?i)\b(?:https?://|www\.)\S+")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Candidate:
    """An entry that may answer. `score` orders candidates of one ranking; it means nothing across rankings."""

    id: str
    score: float


@dataclass(frozen=True)
class Ranking:
    """What the search found: candidates best first, `p1` that the best is right, `p3` that the right one is in the top 3.

    `read` is the question as it was understood (typos mended); `language` the one it is in, "" if that is not plain.
    """

    candidates: tuple[Candidate, ...] = ()
    p1: float = 0.0
    p3: float = 0.0
    read: str = ""
    language: str = ""


class GenericFile(Shape):
    """`search/generic.yaml`: lines that no answer is for."""

    schema_: str = Field(alias="schema", pattern="^generic/1$")
    lines: list[str]


def load_generic(shelf: Shelf, faults: Faults | None = None) -> tuple[str, ...]:
    """The generic lines of a shelf; none, with the faults added, if the file is missing or broken."""
    faults = faults or Faults()
    found = shelf.file("search/generic.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(GenericFile, document, faults) if document else None
    return tuple(model.lines) if model else ()


def decide(ranking: Ranking, answer_at: float = ANSWER_AT, suggest_at: float = SUGGEST_AT) -> Outcome:
    """Answer, "did you mean", or a person."""
    if not ranking.candidates:
        return Outcome.ESCALATE
    if ranking.p1 >= answer_at:
        return Outcome.ANSWER
    return Outcome.SUGGEST if ranking.p3 >= suggest_at else Outcome.ESCALATE


def prepare(question: str) -> str:
    """A question as the search reads it: NFKC, invisible characters out, addresses of the web as the word "link"."""
    text = unicodedata.normalize("NFKC", question[: 4 * LONGEST])
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn"))
    return _SPACES.sub(" ", _URL.sub("link", text)).strip()[:LONGEST]


class _View:
    """One way to look at a question: some encoders, and the state fitted with them."""

    def __init__(self, state: State, encoders: Encoders) -> None:
        self.state, self.encoders = state, encoders
        self.typos = Typos(state.list("typo_words"), state.group("typos"))
        self._words = Lexical(state.group("words"))
        self.first, self.third = (Logistic.of(state.arrays[name]) for name in ("first", "third"))

    def read(
        self, texts: Sequence[str], shown: NDArray[np.bool_], embedded: Vectors
    ) -> Iterator[tuple[Read, int, float, float]]:
        """Of each text the ranking of the shown entries with the row it has there, `p1` and `p3`."""
        step = max(1, min(_TOGETHER, _MOST_CELLS // max(len(self.state.arrays["owners"]), 1)))
        for start in range(0, len(texts), step):
            some = texts[start : start + step]
            words = np.stack([self._words.similarities(text) for text in some])
            each = [embedded.of(part, some) for part in self.encoders.parts]
            vectors = self.encoders.join(each, self.state.share) if each else np.zeros((len(some), 0), np.float32)
            evidence = self.state.evidence(vectors, words, shown=None if shown.all() else shown)
            found = read_evidence(hide(evidence, shown), self.state.habit)
            first, third = self.first(found.matrix(FEATURES_1)), self.third(found.matrix(FEATURES_3))
            for row, (p1, p3) in enumerate(zip(first, third, strict=True)):
                yield found, row, float(p1), float(max(p1, p3))


def _wanted(texts: Mapping[tuple[_View, frozenset[str] | None], Sequence[str]]) -> dict[str, list[str]]:
    """All texts that each encoder will be asked for, by its name."""
    wanted: dict[str, list[str]] = {}
    for (view, _), some in texts.items():
        for part in view.encoders.parts:
            wanted.setdefault(part.name, []).extend(some)
    return wanted


class Index:
    """A fitted search. Immutable and safe for many threads; an edit makes a new one.

    It has two views where it can: one for English, on the English texts, with the main encoder, which knows no other language;
    and one for other languages, on the texts of all of them. `languages` tells questions apart.
    """

    def __init__(self, states: Sequence[State], encoders: Encoders, languages: Languages) -> None:
        state = states[0]
        self.ids, self._encoders, self._languages, self._states = state.ids, encoders, languages, tuple(states)
        self._places = {name: i for i, name in enumerate(state.ids)}
        self._views = [_View(view, part) for view, part in zip(states, encoders.views(), strict=True) if view.ids]

    @classmethod
    def fit(
        cls,
        entries: Library | Entries,
        *,
        cache: Path | None = None,
        generic: Sequence[str] = (),
        languages: Languages | None = None,
        encoders: Encoders | None = None,
        light: bool = False,
        previous: Index | None = None,
    ) -> Index:
        """An index over `(id, variants)` of each entry, or over a library's published entries.

        `cache`: folder for embeddings and fitted state. `languages`: else the packaged lists. `encoders`: share loaded
        ones. `previous`: its calibration is kept and its head is where the new one starts, so that an edit is live
        within a second (fit again without it later).
        """
        loaded = encoders or (previous.encoders if previous else load_encoders(cache, light=light))
        before = previous._states if previous and previous.encoders.name == loaded.name else None
        views = loaded.views()
        texts = [texts_in(entries, MAIN_LANGUAGE), all_texts(entries)][-len(views) :]
        pools = [Pool.of(each, view, generic) for each, view in zip(texts, views, strict=True)]
        states = fit_states(pools, cache, before or [None] * len(views))
        return cls(states, loaded, languages or load_languages(packaged_shelf()))

    @property
    def mode(self) -> Mode:
        """`full`, `light` (no onnxruntime) or `words` (no encoder at all)."""
        return self._encoders.mode

    @property
    def notes(self) -> tuple[str, ...]:
        """What is missing for the full mode, in words."""
        return self._encoders.notes

    @property
    def encoders(self) -> Encoders:
        """The loaded encoders, to share with the next index."""
        return self._encoders

    def rank(self, question: str, allowed: Collection[str] | None = None) -> Ranking:
        """Candidates among the allowed entries (None: all). Nothing of any other entry shows in the result."""
        return self.rank_all([(question, allowed)])[0]

    def rank_all(self, asked: Sequence[tuple[str, Collection[str] | None]], cache: Path | None = None) -> list[Ranking]:
        """As `rank` for each question and its readers, in a quarter of the time. `cache`: folder for the questions' vectors."""
        readers = [None if allowed is None else frozenset(allowed) for _, allowed in asked]
        shown = {who: self._visible(who) for who in set(readers)}
        rankings: list[Ranking] = []
        together: dict[tuple[_View, frozenset[str] | None], list[int]] = {}
        for place, ((question, _), who) in enumerate(zip(asked, readers, strict=True)):
            text = prepare(question)
            language = self._languages.guess(text)
            if shown[who].any() and any(c.isalnum() for c in text):
                foreign = language not in ("", MAIN_LANGUAGE) or (not language and self._views[0].typos.strange(text))
                view = self._views[-1 if foreign else 0]
                text = view.typos.repair(text, own=foreign)
                together.setdefault((view, who), []).append(place)
            rankings.append(Ranking(read=text, language=language))
        texts = {asking: [rankings[place].read for place in places] for asking, places in together.items()}
        embedded = Vectors(_wanted(texts), cache, QUESTIONS)
        for (view, who), places in together.items():
            read = view.read(texts[view, who], shown[who], embedded)
            for place, (found, row, p1, p3) in zip(places, read, strict=True):
                scored = zip(found.order[row], found.scores[row, found.order[row]], strict=True)
                candidates = tuple(Candidate(self.ids[i], float(score)) for i, score in scored if shown[who][i])
                rankings[place] = replace(rankings[place], candidates=candidates, p1=p1, p3=p3)
        return rankings

    def knows_questions(self, cache: Path) -> bool:
        """Whether `rank_all` has kept vectors of questions there."""
        return all(Embedded(part, cache, QUESTIONS).kept for part in self._encoders.parts)

    def _visible(self, allowed: Collection[str] | None) -> NDArray[np.bool_]:
        if allowed is None:
            return np.ones(len(self._places), bool)
        mask = np.zeros(len(self._places), bool)
        mask[[self._places[name] for name in allowed if name in self._places]] = True
        return mask
