"""Fuzzing of everything that reads what others wrote: `harness` says what must hold, the other modules have one harness a parser.

`make test` plays each harness's corpus and a hundred mutations; `make soak` runs each for ten minutes, guided by coverage where
atheris is there. What broke once is mended and stays in `corpus/NAME/`.
"""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.harness import HARNESSES, Harness

MODULES = ("mails", "chats", "files", "answers", "words", "endpoints")


def harnesses() -> dict[str, Harness]:
    """All of them, by name."""
    for module in MODULES:
        import_module(f"tests.fuzz.{module}")
    return HARNESSES
