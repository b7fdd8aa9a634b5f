"""Two versions of a file as lines that came, went and stayed, with their numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

AROUND = 2  # lines that stay, shown around each change


@dataclass(frozen=True)
class Line:
    """One line of a diff. `number` is its place in the new file, in the old one if it is gone; a gap has neither."""

    kind: Literal["same", "gone", "new", "gap"]
    number: int = 0
    text: str = ""


def compared(old: str, new: str) -> list[Line]:
    """The changes with a little of what is around them; an empty list if there are none."""
    matcher = difflib.SequenceMatcher(a=old.splitlines(), b=new.splitlines(), autojunk=False)
    found: list[Line] = []
    for group in matcher.get_grouped_opcodes(AROUND):
        if found:
            found.append(Line("gap"))
        for step in group:
            found += _lines(old.splitlines(), new.splitlines(), *step)
    return found


def _lines(old: list[str], new: list[str], step: str, a: int, b: int, c: int, d: int) -> Iterator[Line]:
    if step == "equal":
        yield from (Line("same", number + 1, new[number]) for number in range(c, d))
        return
    yield from (Line("gone", number + 1, old[number]) for number in range(a, b))
    yield from (Line("new", number + 1, new[number]) for number in range(c, d))
