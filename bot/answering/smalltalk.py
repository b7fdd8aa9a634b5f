"""Short messages that are no question: greetings, thanks, "talk to a person", an address alone, nothing at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pydantic import Field

from bot.content import Faults, Shape, Shelf, parse, read

_ADDRESS = re.compile(r"(?:h(?:tt|xx)ps?://|www\.)\S+\Z", re.IGNORECASE)
_JUNK = re.compile(r"[^\w\s'-]+", re.UNICODE)
_WORD = re.compile(r"[\w'-]+")
KINDS = ("hello", "thanks", "help", "abuse", "person", "report", "tickets", "privacy", "none", "prompt")
_AROUND = ("hello", "thanks")  # what people put before and after a question
_WITHIN = ("abuse", "prompt")  # what a text is about wherever it stands in it
_READ = 600  # characters
_SWEARING = 4  # words beside swearing that make it no question yet


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
    none: dict[str, list[str]] = {}
    prompt: dict[str, list[str]] = {}
    signs: dict[str, str] = {}
    fillers: list[str] = []


class Smalltalk:
    """Says what kind of small talk a text is, if any. `signs`: kinds of single characters; `fillers`: words without weight."""

    def __init__(
        self,
        lines: Mapping[str, str],
        languages: Mapping[str, str] | None = None,
        signs: Mapping[str, str] | None = None,
        fillers: Collection[str] = (),
    ) -> None:
        self._lines, self._languages, self._signs = lines, languages or {}, signs or {}
        self._fillers = frozenset(fillers)
        self._around = _by_length(line for line, kind in lines.items() if kind in _AROUND)
        self._within = [(tuple(line.split()), kind) for line, kind in lines.items() if kind in _WITHIN]

    def kind(self, text: str) -> str:
        """One of `KINDS`, `url`, `empty`, or "" for a question. "Hi and thanks a lot" is small talk made of several lines."""
        text = text[: 4 * _READ]
        if _ADDRESS.match(text.strip()):
            return "url"
        plain = normal(text)
        if not plain:
            return next((self._signs[char] for char in text if char in self._signs), "empty")
        return self._lines.get(plain, "") or self._made_up_of_lines(plain.split())

    def within(self, text: str) -> str:
        """`prompt` if a line of that kind stands anywhere in the text, `abuse` if it does in a short one; "" else.

        For what nothing answers: who swears at what does not work still wants it to work.
        """
        words = normal(text[: 4 * _READ]).split()
        there = set(words)
        for line, kind in self._within:
            size = len(line)
            if kind == "abuse" and len(words) > size + _SWEARING:
                continue
            if line[0] in there and any(tuple(words[i : i + size]) == line for i in range(len(words) - size + 1)):
                return kind
        return ""

    def bare(self, text: str) -> str:
        """The question without the greeting before it and the thanks after it; the text itself if nothing would be left."""
        if len(text) > _READ:
            return text
        found = [(normal(word[0]), word.start()) for word in _WORD.finditer(text)]
        words = [word for word, _ in found]
        first, last = 0, len(words)
        while taken := self._line_at(words[first:last]):
            first += taken
        while taken := self._line_at(words[first:last], end=True):
            last -= taken
        if last - first < 2 or (first == 0 and last == len(words)):
            return text
        end = len(text) if last == len(words) else found[last][1]
        return text[found[first][1] : end].strip(" ,;.!-")

    def _made_up_of_lines(self, words: Sequence[str]) -> str:
        kinds: list[str] = []
        at = 0
        while at < len(words):
            if taken := self._line_at(words[at:]):
                kinds.append(self._lines[" ".join(words[at : at + taken])])
                at += taken
            elif words[at] in self._fillers:
                at += 1
            else:
                return ""
        return next((kind for kind in reversed(kinds) if kind != "hello"), kinds[-1] if kinds else "")

    def _line_at(self, words: Sequence[str], *, end: bool = False) -> int:
        """How many words the longest greeting or thanks at the start (or end) has."""
        for size, lines in self._around:
            if size <= len(words) and " ".join(words[-size:] if end else words[:size]) in lines:
                return size
        return 0

    def language(self, text: str) -> str:
        """The language of a line; "" for English ones, which people everywhere write ("ok"), and for what is no line."""
        return self._languages.get(normal(text), "")


def load_smalltalk(shelf: Shelf, faults: Faults) -> Smalltalk:
    """Read `smalltalk.yaml`; without it every message is a question."""
    found = shelf.file("smalltalk.yaml")
    document = parse(found[0], found[1], faults) if found else None
    file = read(SmalltalkFile, document, faults) if document else None
    lines: dict[str, str] = {}
    languages: dict[str, str] = {}
    for kind, language, text in _lines_of(file) if file else ():
        lines[text] = kind
        languages[text] = "" if "en" in (language, languages.get(text, language) or "en") else language
    signs = {char: kind for kind, chars in file.signs.items() for char in chars} if file else {}
    return Smalltalk(lines, languages, signs, [normal(word) for word in file.fillers] if file else ())


def _lines_of(file: SmalltalkFile) -> Iterator[tuple[str, str, str]]:
    """(kind, language, line in normal form) of every line."""
    for kind in KINDS:
        for language, texts in getattr(file, kind).items():
            yield from ((kind, language, normal(text)) for text in texts)


def _by_length(lines: Iterable[str]) -> list[tuple[int, frozenset[str]]]:
    """Lines by their number of words, longest first."""
    sizes: dict[int, set[str]] = {}
    for line in lines:
        sizes.setdefault(len(line.split()), set()).add(line)
    return [(size, frozenset(sizes[size])) for size in sorted(sizes, reverse=True) if size]


def normal(text: str) -> str:
    """Lower case, single spaces, no punctuation, no invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cc"} or char.isspace())
    return " ".join(_JUNK.sub(" ", visible).split())
