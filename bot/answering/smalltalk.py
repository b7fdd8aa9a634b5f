"""Short messages that are no question: greetings, thanks, "talk to a person", an address alone, nothing at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read

_ADDRESS = re.compile(r"(?:h(?:tt|xx)ps?://|www\.)\S+\Z", re.IGNORECASE)
_JUNK = re.compile(r"[^\w\s'-]+", re.UNICODE)


class SmalltalkFile(Shape):
    """`smalltalk.yaml`: for each kind, lines by language."""

    schema_: str = Field(alias="schema", pattern="^smalltalk/1$")
    hello: dict[str, list[str]] = {}
    thanks: dict[str, list[str]] = {}
    help: dict[str, list[str]] = {}
    abuse: dict[str, list[str]] = {}
    person: dict[str, list[str]] = {}
    report: dict[str, list[str]] = {}
    tickets: dict[str, list[str]] = {}
    privacy: dict[str, list[str]] = {}


class Smalltalk:
    """Says what kind of small talk a text is, if any."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self._lines = lines

    def kind(self, text: str) -> str:
        """`hello`, `thanks`, `help`, `abuse`, `person`, `report`, `tickets`, `privacy`, `url`, `empty`, or "" for a question."""
        if _ADDRESS.match(text.strip()):
            return "url"
        plain = normal(text)
        return self._lines.get(plain, "") if plain else "empty"


def load_smalltalk(shelf: Shelf, faults: Faults) -> Smalltalk:
    """Read `smalltalk.yaml`; without it every message is a question."""
    found = shelf.file("smalltalk.yaml")
    document = parse(found[0], found[1], faults) if found else None
    file = read(SmalltalkFile, document, faults) if document else None
    lines: dict[str, str] = {}
    if file:
        for kind in ("hello", "thanks", "help", "abuse", "person", "report", "tickets", "privacy"):
            for texts in getattr(file, kind).values():
                lines.update({normal(text): kind for text in texts})
    return Smalltalk(lines)


def normal(text: str) -> str:
    """Lower case, single spaces, no punctuation, no invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cc"} or char.isspace())
    return " ".join(_JUNK.sub(" ", visible).split())
