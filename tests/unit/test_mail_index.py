"""The index of a context is made once: what changes with each mail does not count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.reporting.context import Brand, Context, History
from bot.reporting.index import _MADE_OF, Index, index
from bot.reporting.lexicon import packaged_lexicon


class Watched:
    """A context that notes what is read of it."""

    def __init__(self, context: Context) -> None:
        self.read: set[str] = set()
        self._context = context

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._context, name)


def test_another_history_has_the_same_index_and_another_brand_another() -> None:
    context = packaged_lexicon().context("en")
    made = index(context)
    assert made is index(replace(context, history=History(cases=90)))
    assert made is not index(replace(context, brands=(Brand("Birch", ("birch",), ("birch.example",)),)))


def test_what_an_index_is_made_of_is_all_that_it_reads() -> None:
    word = Brand("Chase", ("Chase",), ("chase.example",), word=True)
    context: Any = Watched(replace(packaged_lexicon().context("en"), brands=(word,)))
    made = Index(context)
    made.named("Chase support")
    made.look("micros0ft.example")
    made.owners("login.microsoft.com")
    assert set(_MADE_OF) == context.read
