"""The neutral paper: what an auditor or a review meeting gets, without saying how it is printed.

A paper is plain text in order: headings, words, facts, tables, bars. Adapters make a PDF or page of it. Nothing in it is markup,
so what an outsider has written stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Heading:
    """A heading; `level` 1 to 3 (the paper's title stands above all of them)."""

    text: str
    level: Literal[1, 2, 3] = 1


@dataclass(frozen=True)
class Words:
    """A paragraph; line ends are kept. `style`: plain, muted (beside the point), strong, alert (must be seen), code (exact)."""

    text: str
    style: Literal["plain", "muted", "strong", "alert", "code"] = "plain"


@dataclass(frozen=True)
class Listed:
    """Items one below the other, with bullets or numbers."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and values, a line each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """A table. `widths` are shares of the page's width (even without); `right` are columns of numbers, from 0.

    `title` is what it is called by those who cannot see it; a heading above is a part of its own.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...] = ()
    right: frozenset[int] = frozenset()
    title: str = ""


@dataclass(frozen=True)
class Bars:
    """Bars beside their labels. Each is (label, value, what it says); a value of None may not be shown and has no bar.

    `most` is the longest bar's value (the largest of them without), `mark` a target to draw as a line. `said` is all of it in a
    sentence.
    """

    title: str
    bars: tuple[tuple[str, float | None, str], ...]
    said: str
    most: float = 0.0
    mark: float | None = None


@dataclass(frozen=True)
class NewPage:
    """What follows stands on a new page (of something printed)."""


Part = Heading | Words | Listed | Facts | Grid | Bars | NewPage


@dataclass(frozen=True)
class Paper:
    """A whole paper. `made` is UTC epoch seconds: the file says it was made then, and the same paper is the same bytes.

    `foot` stands at the foot of each page beside its number; `letters` is said at the end if there were signs that cannot be
    printed.
    """

    title: str
    lang: str
    made: float
    parts: tuple[Part, ...]
    author: str = ""
    subject: str = ""
    foot: str = ""
    letters: str = ""


Printer = Callable[[Paper], bytes]  # a port: `adapters.papers.pdf.pdf` is one
