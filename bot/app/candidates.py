"""Searches for knowledge that is not in use yet: for trials of a draft, and ready when its file comes.

Fitting takes seconds, so the last few are kept by what went in. Each starts from the search in use, as an edit does.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.answering.answers import Judgement
from bot.answering.checking import label_of
from bot.answering.entries import Library
from bot.answering.golden import Broken, broken, changed, goldens, standings
from bot.answering.languages import Languages
from bot.answering.search import Index, Ranking, decide

KEPT = 3

Fit = Callable[[Library, Sequence[str], Languages, Index], Index]


class IndexSearch:
    """`bot.answering.answers.Searcher` and `bot.answering.golden.Judge` over a fitted index. `cache`: see `Index.rank_all`."""

    def __init__(self, index: Index, cache: Path | None = None) -> None:
        self.index, self._cache = index, cache

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        return _judgement(self.index.rank(question, allowed))

    def judge_all(self, asked: Sequence[tuple[str, Collection[str]]]) -> list[Judgement]:
        return [_judgement(ranking) for ranking in self.index.rank_all(asked, self._cache)]


def _judgement(ranking: Ranking) -> Judgement:
    ids = tuple(candidate.id for candidate in ranking.candidates[:10])
    return Judgement(decide(ranking), ids, ranking.p1)


@dataclass(frozen=True)
class Used:
    """What is in use, and what it was fitted from besides its entries."""

    library: Library
    index: Index
    generic: tuple[str, ...]
    languages: Languages


class Candidates:
    """Thread-safe. `used` is None until something is in use. `cache`: folder for the vectors of golden questions."""

    def __init__(self, fit: Fit, cache: Path | None = None) -> None:
        self._fit, self._cache = fit, cache
        self._lock = threading.RLock()
        self._fitted: OrderedDict[str, Index] = OrderedDict()
        self._judged: OrderedDict[str, list[Broken]] = OrderedDict()
        self._once: set[str] = set()  # what has been in use may come back: an edit that is taken back breaks nothing
        self.used: Used | None = None

    def use(self, library: Library, index: Index, generic: Sequence[str], languages: Languages) -> None:
        """This one is in use now."""
        with self._lock:
            if self.used is None:
                self._prepare(library, index)
            self.used = Used(library, index, tuple(generic), languages)
            self._once.add(_key(library, generic))
            self._fitted.clear()
            self._judged.clear()

    def search(self, library: Library) -> IndexSearch:
        """The search as it would be with this library."""
        used = self._now()
        return IndexSearch(self.index(library, used.generic, used.languages))

    def breaks(self, library: Library) -> list[Broken]:
        """The golden questions that going over to this library would break."""
        used = self._now()
        return self.broken(library, used.generic, used.languages)

    def index(self, library: Library, generic: Sequence[str], languages: Languages) -> Index:
        """The index for a library, fitted now or kept."""
        with self._lock:
            used, key = self._now(), _key(library, generic)
            if key == _key(used.library, used.generic) and languages.words == used.languages.words:
                return used.index
            if key not in self._fitted:
                self._fitted[key] = self._fit(library, generic, languages, used.index)
                _forget_oldest(self._fitted)
            return self._fitted[key]

    def broken(
        self, library: Library, generic: Sequence[str], languages: Languages,
        proven: Callable[[str], bool] = lambda _path: False,
    ) -> list[Broken]:  # fmt: skip
        """What going over from what is in use breaks; worked out now or kept. Nothing is asked of files that are `proven`."""
        with self._lock:
            used, key = self._now(), _key(library, generic)
            if key in self._once or all(proven(label_of(name)) for name in changed(used.library, library)):
                return []
            if key not in self._judged:
                new = IndexSearch(self.index(library, generic, languages), self._cache)

                def refit() -> IndexSearch:
                    return IndexSearch(self._fit(used.library, used.generic, used.languages, used.index))

                self._judged[key] = broken((used.library, IndexSearch(used.index)), (library, new), refit)
                _forget_oldest(self._judged)
            return self._judged[key]

    def _prepare(self, library: Library, index: Index) -> None:
        """Have the vectors of golden questions in the cache: making them all takes longer than an edit may."""
        if self._cache and not index.knows_questions(self._cache):
            standings(IndexSearch(index, self._cache), library, list(goldens(library)))

    def _now(self) -> Used:
        assert self.used is not None  # noqa: S101 (content is loaded before anybody can ask)
        return self.used


def _key(library: Library, generic: Sequence[str]) -> str:
    """The entries' own texts: a file written otherwise, or dated otherwise, needs no new search."""
    seen = [(entry.id, entry.variants(), sorted(entry.roles), entry.golden) for entry in library.published()]
    return hashlib.sha256(json.dumps([seen, list(generic)]).encode()).hexdigest()


def _forget_oldest(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > KEPT:
        kept.popitem(last=False)
