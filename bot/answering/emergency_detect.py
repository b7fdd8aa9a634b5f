"""The emergency detector: phrase rules first, likeness to seed sentences where no rule has words for it.

No model, no I/O, no randomness: the same text always gives the same sighting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.answering.emergency_book import FOLDER, Book
from bot.answering.emergency_mend import SHORTEST, common_words
from bot.answering.emergency_rules import LEVELS, Grammar, Level, Match, RuleFault, best
from bot.answering.emergency_scene import MARKS, Director, Scene
from bot.answering.emergency_seeds import Seeds
from bot.answering.emergency_shapes import Words
from bot.answering.emergency_text import ADDRESS, EXTENSION, MAX_CHARS, URL, Word, clean, fold, words
from bot.answering.emergency_words import Form, Lexicon
from bot.errors import Fault
from bot.model import Lang

LIKE_SURE = 0.80  # cosine at which a text is a seed sentence in other words
LIKE_MAYBE = 0.42
LIKE_LEAD = 0.05  # what it must be nearer to an emergency than to a calm sentence
LIKE_FAR = 0.28  # with some signs in it
SIGNS_MANY, SIGNS_SOME = 4, 3
AT_THE_END = 1_000  # characters of a long text's end that are read as well


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the gate saw. `kind` is a card id, empty for "none". `why` names the rule or seed, never the text."""

    level: Level
    kind: str = ""
    lang: Lang = "en"
    why: str = ""


class Detector:
    """Built once from a book; `faults` lists phrases that could not be read (they are left out)."""

    def __init__(self, book: Book) -> None:
        self.faults: list[Fault] = []
        self._order = {kind: i for i, kind in enumerate(book.flow.order)}
        self._grammar = _grammar(book, self.faults)
        self._seeds = Seeds(_seeds(book))
        self._small = {lang: frozenset(fold(word) for word in small) for lang, small in book.words.languages.items()}

    def look(self, text: str) -> Sighting:
        """Whether the text tells of an emergency. Reads its first 2,000 characters and, of a longer one, its last 1,000."""
        seen = self._look(text)
        if seen.level == "fire" or len(text) <= MAX_CHARS:
            return seen
        end = self._look(text[-AT_THE_END:].partition(" ")[2])
        return end if LEVELS.index(end.level) > LEVELS.index(seen.level) else seen

    def _look(self, text: str) -> Sighting:
        cleaned = clean(text)
        found = words(cleaned)
        if not found:
            return Sighting("none")
        lang = self._language(found)
        scene = self._grammar.director.scene(found, lang)
        match = best(self._grammar.matches(scene), self._order)
        if match and match.level == "fire":
            return self._by_rule(match, lang)
        like = self._alike(cleaned, scene, lang)
        if like and (not match or LEVELS.index(like.level) > LEVELS.index(match.level)):
            return like
        return self._by_rule(match, lang) if match and match.level != "none" else Sighting("none", lang=lang)

    def _by_rule(self, match: Match, lang: Lang) -> Sighting:
        return Sighting(match.level, match.rule.kind, lang, f"{match.rule.kind}: {match.rule.text}")

    def _alike(self, cleaned: str, scene: Scene, lang: Lang) -> Sighting | None:
        signs = self._grammar.signs(scene)
        calm = self._grammar.calm(scene)
        if calm and signs < SIGNS_SOME:
            return None
        like = self._seeds.nearest(cleaned)
        if like and not calm and like.score >= LIKE_MAYBE and like.lead >= LIKE_LEAD:
            sure = like.score >= LIKE_SURE and not self._grammar.only_told(scene)
            return Sighting("fire" if sure else "confirm", like.kind, lang, f"seed {like.kind}/{like.number}")
        lead = like.lead if like else 0.0
        near = like is not None and like.score >= LIKE_FAR and lead > 0
        if (signs >= SIGNS_MANY and lead > -LIKE_LEAD) or (signs >= SIGNS_SOME and near):
            return Sighting("confirm", like.kind if like and near else "incident", lang, f"{signs} signs")
        return None

    def _language(self, found: tuple[Word, ...]) -> Lang:
        """The language most small words belong to; English when nothing or nobody wins."""
        votes = Counter(lang for word in found for lang, small in self._small.items() if word.folded in small)
        top = max(votes.values(), default=0)
        leaders = [lang for lang in self._small if votes[lang] == top]
        return leaders[0] if top and (len(leaders) == 1 or "en" not in leaders) else "en"


def _grammar(book: Book, faults: list[Fault]) -> Grammar:
    lexicon = Lexicon()
    for name in MARKS:
        lexicon.group(name)
    for token in (URL, ADDRESS, EXTENSION):
        lexicon.add(token, [token], Form.PLAIN, "")
    verbs = {name: lexicon.group(name) for name in book.words.verbs}
    for name, verb in book.words.verbs.items():
        _add(lexicon, name, verb.done, Form.DONE, hides=True)
        _add(lexicon, name, verb.base, Form.BASE, hides=True)
        _add(lexicon, name, _just_done(verb.base, book.words.recent), Form.DONE, hides=True)
    for table in (book.words.things, book.words.marks, book.flow.markers):
        for group, entries in table.items():
            lexicon.group(group)
            _add(lexicon, group, entries, Form.PLAIN, hides=group in book.words.hiding)
    actions = frozenset(verbs.values())
    directed = frozenset(verbs[name] for name, verb in book.words.verbs.items() if verb.directed)
    denied = {verbs[name]: lexicon.group(verb.denied_as) for name, verb in book.words.verbs.items() if verb.denied_as}
    alarms, objects = (frozenset(map(lexicon.group, names)) for names in (book.words.alarms, book.words.objects))
    suffered = frozenset(verbs[name] for name, verb in book.words.verbs.items() if verb.suffered)
    grammar = Grammar(lexicon, actions, Director(lexicon, actions, directed, denied), alarms, objects, suffered)
    for kind, line in _phrases(book):
        try:
            grammar.learn(kind, line)
        except RuleFault as error:
            faults.append(Fault(f"{FOLDER}/{kind}.yaml", 0, 0, f'the phrase "{line}" cannot be read', str(error)))
    common = common_words()
    lexicon.close(_mendable(book, common), [*book.words.known, *common])
    return grammar


def _just_done(base: Words, recent: Words) -> Words:
    """Base forms behind the words that make them done: "acabo de" and "escribir"."""
    return {
        lang: tuple(
            f"{before} {form}" for before in befores for form in base.get(lang, ()) if form.strip("*^~") == form
        )
        for lang, befores in recent.items()
    }


def _mendable(book: Book, common: frozenset[str]) -> dict[str, set[str]]:
    """Words that are known when mistyped, by language; those under "" in every language.

    English texts get all English entries, where `common` words are there to protect: everyday words are often a letter away.
    """
    mend = book.words.mend
    english = {word for listed in mend.values() for word in listed}
    if common:
        tables = {**book.words.things, **book.words.marks}
        entries = [
            entry for name, table in tables.items() if name not in book.words.unmended for entry in table.get("en", ())
        ]
        entries += [
            entry
            for verb in book.words.verbs.values()
            for form in (verb.done, verb.base)
            for entry in form.get("en", ())
        ]
        english |= {
            word.folded for entry in entries if entry.strip("*^") == entry for word in words(clean(entry.strip("~")))
        }
    others = {lang: set(listed) for lang, listed in mend.items() if lang != "en"}
    return {**others, "": set(mend.get("en", ())), "en": {word for word in english if len(word) >= SHORTEST}}


def _add(lexicon: Lexicon, name: str, entries: Words, form: Form, *, hides: bool) -> None:
    for lang, listed in entries.items():
        lexicon.add(name, listed, form, lang, hides=hides)


def _phrases(book: Book) -> Iterable[tuple[str, str]]:
    return ((kind.id, line) for kind in book.kinds.values() for lines in kind.phrases.values() for line in lines)


def _seeds(book: Book) -> Iterable[tuple[str, int, str]]:
    for kind in book.kinds.values():
        for number, seed in enumerate(seed for seeds in kind.seeds.values() for seed in seeds):
            yield kind.id, number, clean(seed)
    for seeds in book.words.calm.values():
        yield from (("", 0, clean(seed)) for seed in seeds)


def builtin(text: str, signs: Mapping[str, tuple[str, ...]]) -> Sighting:
    """The last resort when no content can be read: plain words, looked for as they stand."""
    cleaned = f" {fold(clean(text))} "
    for lang, listed in signs.items():
        for sign in listed:
            if sign in cleaned:
                return Sighting("fire", "incident", lang, "built in")
    return Sighting("none")
