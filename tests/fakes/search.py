"""What the measurement of the search asks about: our own entries, many made-up ones, and typos."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from bot.answering.entries import Library
from bot.answering.knowledge import Vocabulary, read_answers
from bot.content import Faults, packaged_shelf

Made = tuple[str, Sequence[str]]
_DEEDS = {  # what people want to do, in the words of the entries and in those of the question
    "export": "download",
    "approve": "sign off",
    "duplicate": "make a copy of",
    "archive": "put away",
    "rename": "change the name of",
    "schedule": "plan",
    "translate": "get into another language",
    "merge": "join together",
    "print": "get on paper",
    "assign": "hand to a colleague",
    "tag": "put a label on",
    "sort": "change the order of",
    "price": "set what one pays for",
    "cancel": "call off",
    "compare": "see the differences between",
    "filter": "show only some of",
    "import": "bring in from a spreadsheet",
    "round": "drop the cents of",
    "number": "give running numbers to",
    "colour": "paint",
}
_THINGS = """
invoices timesheets purchase-orders floor-plans recipes parcels meeting-rooms pallets budgets forecasts surveys contracts
job-adverts shifts inspections drawings quotes stock-lists menus payslips expense-claims leads brochures site-visits
tenders spare-parts fuel-cards tool-loans route-maps tastings
"""
_PLACES = """
Atlas Birch Cobalt Dune Ember Falcon Grove Harbour Indigo Juniper Kestrel Lumen Meadow Nimbus Orchard Pebble Quartz Raven
Saffron Tundra
"""
_KEYS = {"a": "s", "e": "r", "i": "o", "o": "p", "u": "y", "t": "r", "n": "m", "s": "d", "l": "k", "r": "t"}


class _Anything(frozenset[str]):
    def __contains__(self, name: object) -> bool:
        return True


def library() -> Library:
    """The packaged answers."""
    known = _Anything()
    return read_answers(packaged_shelf(), Vocabulary(known, known, known), Faults())


def others(count: int) -> list[Made]:
    """`(id, variants)` of made-up entries, always the same ones; the last variant is in other words, to be asked."""
    every = list(itertools.product(_DEEDS.items(), _THINGS.split(), _PLACES.split()))
    return [_made(*each) for each in random.Random(1).sample(every, count)]


def misspelt(question: str) -> str:
    """The question with one slip of a finger in a word of at least four letters, always the same one."""
    chance = random.Random(question)
    words = question.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if long:
        place = chance.choice(long)
        words[place] = _slip(words[place], chance)
    return " ".join(words)


def _made(deed: tuple[str, str], thing: str, place: str) -> Made:
    (verb, otherwise), what = deed, thing.replace("-", " ")
    variants = (
        f"How do I {verb} {what} in {place}?",
        f"{verb} {what} {place}",
        f"where in {place} can i {verb} {what}",
        f"{place} does not let me {verb} {what}",
        f"want to {otherwise} my {what} with {place}, how does one do that",
    )
    return f"{place}-{verb}-{thing}".lower(), variants


def _slip(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + (_KEYS.get(word[at], "") if kind == 1 else "") + word[at + 1 :]
