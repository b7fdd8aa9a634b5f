""" "Is this ours?": what somebody asks about, held against the register of genuine mailings, surveys, domains and callers.

What is compared is exact: a host is a registered domain or below it, an address is the registered sender. Names may be
mistyped, since a name proves nothing: whoever asks by name is told how the genuine one can be known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field
from rapidfuzz.distance import OSA

from bot.answering.entries import Language
from bot.content import Faults, Shape, Shelf, parse, read
from bot.register import Item, Register

LONGEST = 1_000  # characters that are read
MOST = 8  # addresses of one text that are looked at
_MENDED = 5  # letters from which a name's word may have a mistake
_TAIL = 9  # digits of a phone number that have to agree
What = Literal["listed", "expired", "differs", "own", "unlisted"]

_REFANGED = (("hxxp", "http"), ("[.]", "."), ("(.)", "."), ("[dot]", "."), ("[at]", "@"))
_URL = re.compile(r"(?:https?://|www\.)\S+")
_ADDRESS = re.compile(r"[\w.+-]{1,80}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,6})")
_BARE = re.compile(r"(?<![\w@./-])((?:[\w-]{1,63}\.){1,6}[a-z]{2,18})(?![\w@-])")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/-]{6,22}\d(?![\w])")
_WORD = re.compile(r"[^\W_]+")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_FILES = frozenset(
    ("pdf", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pptx", "zip", "exe", "js", "html", "htm", "txt", "png",
     "jpg", "jpeg", "eml", "msg", "csv", "bat", "lnk", "iso", "vbs", "ics")
)  # fmt: skip
_COMMON = frozenset(
    ("com", "net", "org", "info", "biz", "app", "dev", "cloud", "online", "site", "top", "xyz", "shop", "club", "live",
     "example", "test", "int", "gov", "edu", "page", "link", "click", "web", "work", "mobi", "pro")
)  # fmt: skip


class OursFile(Shape):
    """`search/ours.yaml`: words by language."""

    schema_: str = Field(alias="schema", pattern="^ours/1$")
    asks: dict[Language, list[str]]
    things: dict[Language, list[str]]
    small: list[str] = []


@dataclass(frozen=True)
class Wording:
    """Folded words: what makes it such a question, what kinds of things the register would hold, what names do without."""

    asks: tuple[tuple[str, ...], ...] = ()
    things: tuple[tuple[str, ...], ...] = ()
    small: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Finding:
    """What the register says. `found`: the address or number that decided, as typed; "" where a name or a kind of thing did."""

    what: What
    item: Item | None = None
    found: str = ""


@dataclass(frozen=True)
class _Named:
    """One address of a text: its host, the sender if it is a mail address, the digits if it is a number."""

    shown: str
    host: str = ""
    sender: str = ""
    digits: str = ""


def load_wording(shelf: Shelf, faults: Faults) -> Wording:
    """The words of a shelf; none, with the faults added, if the file is missing or broken."""
    found = shelf.file("search/ours.yaml")
    document = parse(found[0], found[1], faults) if found else None
    model = read(OursFile, document, faults) if document else None
    if model is None:
        return Wording()
    return Wording(_phrases(model.asks), _phrases(model.things), frozenset(fold(word) for word in model.small))


@dataclass(frozen=True)
class Ours:
    """`domains`: the organisation's own. All of it pure but for what the callables read."""

    wording: Callable[[], Wording]
    register: Callable[[], Register]
    domains: Callable[[], Sequence[str]]

    def look(self, text: str, today: date) -> Finding | None:
        """What the register says about what a text asks about; None if it asks about nothing of that kind."""
        text = refanged(text[:LONGEST])
        wording, words = self.wording(), _words(text)
        asks, named = _has(words, wording.asks), list(_addresses(text))[:MOST]
        alone = len(named) == 1 and len(words) <= len(_words(named[0].shown)) + 1
        if not asks and not alone:
            return None
        register = self.register()
        if named:
            return self._of_addresses(named, words, register, today, asks=asks)
        return self._of_names(words, register, today)

    def _of_addresses(
        self, named: Sequence[_Named], words: Sequence[str], register: Register, today: date, *, asks: bool
    ) -> Finding | None:
        """Every address has to be of the register: one that is not decides."""
        matched = [(one, _matching(one, register.items, today)) for one in named]
        strangers = [one for one, item in matched if item is None]
        if not strangers:
            one, item = next(((o, i) for o, i in matched if i and not i.current(today)), matched[0])
            assert item is not None  # noqa: S101
            return Finding("listed" if item.current(today) else "expired", item, one.shown)
        if not asks:
            return None  # an address alone that is not ours: there is small talk about that
        known = next((item for _, item in matched if item), None) or self._by_name(words, register, today)
        foreign = [one for one in strangers if not _below(one.host, self.domains())]
        if known and known.kind != "practice":
            return Finding("differs" if known.current(today) else "expired", known, (foreign or strangers)[0].shown)
        return Finding("unlisted", None, foreign[0].shown) if foreign else Finding("own", None, strangers[0].shown)

    def _of_names(self, words: Sequence[str], register: Register, today: date) -> Finding | None:
        if item := self._by_name(words, register, today):
            return Finding("listed" if item.current(today) else "expired", item)
        return Finding("unlisted") if _has(words, self.wording().things) else None

    def _by_name(self, words: Sequence[str], register: Register, today: date) -> Item | None:
        """The item that is called by its name: the longest name counts, what holds now before what has expired."""
        small = self.wording().small
        found = [
            (len(name), item.current(today), -number, item)
            for number, item in enumerate(register.items)
            if item.kind != "practice" and (item.since is None or item.since <= today)
            for name in (tuple(word for word in _words(said) if word not in small) for said in (item.name, *item.also))
            if name and _contains(words, name)
        ]
        return max(found, key=lambda one: one[:3])[3] if found else None


def refanged(text: str) -> str:
    """The text in lower case, compatibility and invisible characters folded, addresses made whole again."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    for broken, whole in _REFANGED:
        text = text.replace(broken, whole)
    return text


def fold(text: str) -> str:
    """Without accents, in lower case."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def defanged(shown: str) -> str:
    """An address as it may be shown: nothing makes a link of it."""
    return shown.replace("http", "hxxp").replace(".", "[.]") if not shown.startswith("+") else shown


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def _phrases(languages: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple({tuple(_words(phrase)): None for phrases in languages.values() for phrase in phrases})


def _has(words: Sequence[str], phrases: Sequence[tuple[str, ...]]) -> bool:
    there = set(words)
    return any(phrase[0] in there and _at(words, phrase) for phrase in phrases if phrase)


def _at(words: Sequence[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(words[i : i + size]) == phrase for i in range(len(words) - size + 1))


def _contains(words: Sequence[str], name: tuple[str, ...]) -> bool:
    """Whether the words of a name follow each other in a text; a long word may have one mistake."""
    size = len(name)
    return any(
        all(_alike(word, part) for word, part in zip(words[i : i + size], name, strict=True))
        for i in range(len(words) - size + 1)
    )


def _alike(word: str, part: str) -> bool:
    return word == part or (len(part) >= _MENDED and OSA.distance(word, part, score_cutoff=1) <= 1)


def _addresses(text: str) -> Iterator[_Named]:
    """Addresses of pages and of mailboxes, bare hosts, phone numbers."""
    rest = text
    for found in _URL.finditer(text):
        yield _Named(found[0][:80], _host(found[0]))
    rest = _URL.sub(" ", rest)
    for found in _ADDRESS.finditer(rest):
        yield _Named(found[0][:80], found[1] if _HOST.fullmatch(found[1]) else "?", found[0])
    rest = _ADDRESS.sub(" ", rest)
    for found in _BARE.finditer(rest):
        ending = found[1].rpartition(".")[2]
        if ending not in _FILES and (ending in _COMMON or len(ending) == 2):
            yield _Named(found[1][:80], found[1] if _HOST.fullmatch(found[1]) else "?")
    for found in _PHONE.finditer(_BARE.sub(" ", rest)):
        digits = "".join(char for char in found[0] if char.isdigit())
        if len(digits) >= _TAIL:
            yield _Named(found[0].strip(), digits=digits)


def _host(url: str) -> str:
    """The host of a page's address; "?" for one that browsers could read in two ways, which is never a registered one."""
    url = url.rstrip(".,;:!?)]}>\"'") if "//" in url else "http://" + url.rstrip(".,;:!?)]}>\"'")
    try:
        parts = urlsplit(url)
    except ValueError:
        return "?"
    odd = "@" in parts.netloc or "\\" in url or "%" in parts.netloc
    host = (parts.hostname or "").strip(".") if not odd else ""
    return host if _HOST.fullmatch(host) else "?"


def _matching(one: _Named, items: Sequence[Item], today: date) -> Item | None:
    """The item an address belongs to; what holds now before what has expired."""
    found = [item for item in items if (item.since is None or item.since <= today) and _belongs(one, item)]
    return next((item for item in found if item.current(today)), found[0] if found else None)


def _belongs(one: _Named, item: Item) -> bool:
    if one.digits:
        theirs = "".join(char for char in item.phone if char.isdigit())
        return bool(theirs) and one.digits[-_TAIL:] == theirs[-_TAIL:]
    if item.kind == "practice" and not item.tell:
        return False
    if one.sender and item.sender:
        return one.sender == item.sender
    return _below(one.host, item.domains)


def _below(host: str, domains: Sequence[str]) -> bool:
    parts = host.split(".")
    return any(".".join(parts[start:]) in domains for start in range(len(parts)))
