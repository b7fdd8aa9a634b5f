"""Spans of what is done, for whoever watches from outside. Off, this is one look at a variable; nothing is imported.

Names and attributes say what was done, never to whom: no text, no id of a person, no key of an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Begin = Callable[[str, Mapping[str, str]], AbstractContextManager[Any]]
_OFF: AbstractContextManager[Any] = nullcontext()
_begin: list[Begin] = []  # one, or none


def use(begin: Begin | None) -> None:
    """Have spans begun by this from now on; None ends that."""
    _begin[:] = [begin] if begin else []


def span(name: str, **attributes: str) -> AbstractContextManager[Any]:
    """A span around what follows."""
    return _begin[0](name, attributes) if _begin else _OFF


def traced(name: str, of: Callable[..., Mapping[str, str]] | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A span around each call; `of` makes its attributes of what the function is called with."""

    def around(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            if not _begin:
                return function(*args, **kwargs)
            with span(name, **(of(*args, **kwargs) if of else {})):
                return function(*args, **kwargs)

        return run

    return around
