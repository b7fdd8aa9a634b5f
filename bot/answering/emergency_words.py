"""The words the emergency gate knows, and finding them in a text: exact, as a part of a longer word, or mistyped.

An entry is one or more words. `passw*` knows every word that starts so, `*handy` every word that ends so. `put~` is a past
form unless a modal verb stands before it, `usé^` counts only with its accent. A French past participle whose accent is
missing counts only after a form of "avoir" or "être". `/angenommen mir` counts only where a clause begins.
Entries of several words hide the shorter ones inside them ("sent folder" is no sending), where their group is one that hides
or they begin with a slash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from bot.answering.emergency_mend import Mender
from bot.answering.emergency_text import Word, clean, words

MAX_TYPOS = 40  # unknown words looked up a text: keeps the longest text inside its time
MAX_SEEN = 20_000  # words remembered; what people type repeats
_WILD = 3  # letters a wildcard must have
_COUNTED = (" code", " request", " prompt", " notification", " card", " list", " attempt", " mail", " rule", " file")


class Form(IntEnum):
    """How a word stands in its group. Things and marks are PLAIN; the others are forms of a verb."""

    PLAIN = 0
    DONE = 1
    BASE = 2
    UNLESS_MODAL = 3  # "put": done, unless a modal verb stands before
    IF_HELPED = 4  # "clique" for "cliqué": done only after an auxiliary


Sense = tuple[int, Form]  # group number, form


Found = tuple[tuple[Sense, ...], str, int]  # senses of a word, its spelling after repair, 1 if a repair was tried


Phrase = tuple[tuple[str, ...], Sense, bool, bool]  # its words; whether it hides others; whether it begins a clause


@dataclass(frozen=True, slots=True)
class Hit:
    """A known word or phrase in a text: word positions `start` to `end` (exclusive), and what it may mean."""

    start: int
    end: int
    senses: tuple[Sense, ...]


@dataclass
class Lexicon:
    """Every entry, ready for look-up. Fill with `add`, then call `close` once."""

    groups: dict[str, int] = field(default_factory=dict)
    _exact: dict[str, set[Sense]] = field(default_factory=lambda: defaultdict(set))
    _folded: dict[str, set[Sense]] = field(default_factory=lambda: defaultdict(set))
    _starts: dict[str, set[Sense]] = field(default_factory=lambda: defaultdict(set))
    _ends: dict[str, set[Sense]] = field(default_factory=lambda: defaultdict(set))
    _phrases: dict[str, list[Phrase]] = field(default_factory=lambda: defaultdict(list))
    _lost: dict[str, set[Sense]] = field(default_factory=lambda: defaultdict(set))  # past forms without their accent
    _seen: dict[tuple[str, str], Found] = field(default_factory=dict)
    _mender: Mender = field(default_factory=lambda: Mender({}, ()))

    def group(self, name: str) -> int:
        """The number of a group, made if it is new."""
        return self.groups.setdefault(name, len(self.groups))

    def add(self, name: str, entries: Iterable[str], form: Form, lang: str, *, hides: bool = True) -> None:
        """Add entries of one language to a group."""
        number = self.group(name)
        for entry in entries:
            for spelling in _spellings(entry, lang):
                self._add(number, spelling, form, lang, hides)

    def _add(self, number: int, entry: str, form: Form, lang: str, hides: bool) -> None:
        own = Form.UNLESS_MODAL if entry.endswith("~") else form
        bare = entry.strip("*~^/")
        simple = bare.isascii() and bare.isalpha() and bare.islower()  # most are, and cleaning costs time
        parts = (Word(bare, bare, 0, 0, 0),) if simple else words(clean(bare))
        if not parts:
            return
        sense = (number, own)
        folded = tuple(part.folded for part in parts)
        if len(parts) > 1:
            opens = entry.startswith("/")
            self._phrases[folded[0]].append((folded, sense, hides or opens, opens))
        elif entry.endswith("*"):
            self._starts[folded[0]].add(sense)
        elif entry.startswith("*"):
            self._ends[folded[0]].add(sense)
        else:
            self._exact[parts[0].exact].add(sense)
            if entry.endswith("^"):
                return
            if parts[0].exact != folded[0] and own is Form.DONE:
                self._lost[folded[0]].add(sense)
            french = lang == "fr" and own is Form.DONE and parts[0].exact.endswith(("é", "és", "ée", "ées"))
            self._folded[folded[0]].add((number, Form.IF_HELPED) if french else sense)

    def close(self, mend: Mapping[str, Iterable[str]], known: Iterable[str]) -> None:
        """Finish. Unknown words are taken for mistyped ones of `mend` (by language), unless they are in `known`."""
        parts = {part for phrases in self._phrases.values() for entry, *_ in phrases for part in entry}
        for word, senses in self._lost.items():  # "activo" for "activó": the present form is meant
            self._folded[word] -= {sense for sense in senses if (sense[0], Form.BASE) in self._folded[word]}
        self._mender = Mender(mend, [*known, *parts])
        for entries in self._phrases.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def find(self, text: tuple[Word, ...], lang: str) -> list[Hit]:
        """All hits in order of `start`; phrases before the single words they leave visible."""
        hits: list[Hit] = []
        fixed, budget = [], MAX_TYPOS
        hidden = [False] * len(text)
        for word in text:
            senses, repaired, cost = self._single(word, lang if budget > 0 else "")
            budget -= cost
            fixed.append((senses, repaired))
        spelt = [repaired for _, repaired in fixed]
        for i in range(len(text)):
            begins = i == 0 or text[i].clause > text[i - 1].clause
            hits.extend(self._at(i, spelt, hidden, begins=begins))
        for i, (senses, _) in enumerate(fixed):
            if senses and not hidden[i]:
                hits.append(Hit(i, i + 1, senses))
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        return hits

    def _at(self, i: int, spelt: list[str], hidden: list[bool], *, begins: bool) -> Iterable[Hit]:
        longest = 0
        for entry, sense, hides, opens in self._phrases.get(spelt[i], ()):
            size = len(entry)
            if (hides and size < longest) or tuple(spelt[i : i + size]) != entry or (opens and not begins):
                continue
            if hides and not longest and hidden[i]:
                continue
            yield Hit(i, i + size, (sense,))
            if hides:
                longest = size
                hidden[i : i + size] = [True] * size

    def _single(self, word: Word, lang: str) -> Found:
        key = (word.exact, lang)
        found = self._seen.get(key)
        if found is None:
            found = self._look_up(word, lang)
            if len(self._seen) < MAX_SEEN:
                self._seen[key] = found
        return found

    def _look_up(self, word: Word, lang: str) -> Found:
        senses = self._exact.get(word.exact, set())
        if not senses or word.exact == word.folded:
            senses = senses | self._folded.get(word.folded, set())
        senses = senses | self._partly(word.folded)
        if not senses and word.folded.endswith("s"):  # a plural or a possessive: "my boss's", "teammates"
            senses = self._folded.get(word.folded[:-1], set())
        if senses or not lang:
            return tuple(sorted(senses)), word.folded, 0
        near = self._mender.near(word.folded, lang)
        mended = {sense for other in near for sense in self._folded.get(other, ())}
        return tuple(sorted(mended)), near[0] if near else word.folded, 1

    def _partly(self, word: str) -> set[Sense]:
        found: set[Sense] = set()
        for size in range(_WILD, len(word) + 1):
            found |= self._starts.get(word[:size], set()) | self._ends.get(word[-size:], set())
        return found


def _spellings(entry: str, lang: str) -> tuple[str, ...]:
    """The entry as it is also written: umlauts as two letters; French and Spanish participles in every gender and number;
    English plurals of what people count."""
    if lang == "de":
        other = entry
        for umlaut, pair in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
            other = other.replace(umlaut, pair)
        return (entry,) if other == entry else (entry, other)
    if lang == "en" and entry.endswith(_COUNTED):
        return (entry, f"{entry}s")
    if lang == "fr" and entry.endswith("é"):
        return (entry, f"{entry}e", f"{entry}s", f"{entry}es")
    if lang == "es" and entry.endswith(("ado", "ido")):
        return (entry, f"{entry[:-1]}a", f"{entry}s", f"{entry[:-1]}as")
    return (entry,)
