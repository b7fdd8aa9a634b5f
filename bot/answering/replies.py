"""What the answering pillar says besides answers, as cards: "did you mean", a person, small talk, a foreign language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from bot.answering.answer_card import Reading
from bot.answering.loaded import Knowledge
from bot.answering.ours import Finding
from bot.answering.ours_card import UNSURE, headline, ours_card
from bot.answering.understanding import Considered
from bot.cards import Block, Button, Buttons, Card, Choices, Text
from bot.model import Outcome, Person
from bot.organisation import Organisation, Words, pick

HELP = ("emergency", "person")  # what somebody gets whom we may not understand
SUBJECT = 500  # characters of a question that a button carries
QUOTED = 120  # characters of a question that are said back
_ACTIONS = {
    "report": ("reporting.start", ""), "person": ("tickets.person", ""), "emergency": ("emergency.start", "incident"),
    "my_tickets": ("tickets.mine", ""),
}  # fmt: skip
_SMALL = {
    "hello": ("report", "person", "emergency"), "help": ("report", "person", "emergency"), "abuse": ("person",),
    "url": ("report", "emergency"), "report": ("report",), "tickets": ("my_tickets",), "privacy": ("person",),
    "empty": ("report", "person"), "prompt": ("person",), "long": ("report", "person"),
}  # fmt: skip
_SAID = {"report": "report.how_plain", "tickets": "small.help"}


@dataclass(frozen=True)
class Replies:
    """Builds cards; writes nothing. `promise`: until when a person answers, as somebody reads it."""

    knowledge: Callable[[], Knowledge]
    organisation: Callable[[], Organisation]
    promise: Callable[[Person, float], str]

    def reading(self, person: Person, at: float) -> Reading:
        """For whom an answer is shown, and when."""
        org = self.organisation()
        return Reading(person.language, org.values(person.entity, person.language), org.words, day(at))

    def button(self, name: str, lang: str, value: str = "") -> Button:
        """One of the buttons that stand under many cards."""
        action, standing = _ACTIONS[name]
        return Button(self._words.say(lang, f"button.{name}"), action, value or standing)

    def suggestions(self, ids: Collection[str], lang: str, subject: str = "", before: Sequence[Block] = ()) -> Card:
        """The "did you mean" card."""
        words = self._words
        options = self.options(ids, lang, subject)
        more = Text(words.say(lang, "suggest.more"), "muted")
        asks = Choices(words.say(lang, "suggest.title"), options)
        return Card("", (*before, asks, more), "question", lang=lang)

    def options(self, ids: Collection[str], lang: str, subject: str) -> tuple[Button, ...]:
        """Entries to choose from, and "none of these"."""
        entries = self.knowledge().library.entries
        options = [Button(pick(entries[i].title, lang), "answering.ask", i) for i in ids if i in entries]
        none = Button(self._words.say(lang, "button.none"), "answering.none", subject[:SUBJECT])
        return (*options, none)

    def person(self, person: Person, at: float, number: str, *, asked_for: bool = False) -> Card:
        """That a person has it now; without a number: that a person would get it. Outsiders get the phone number."""
        words, lang = self._words, person.language
        phone = self.phone(person)
        if not person.known:
            buttons = Buttons((self.button("report", lang), self.button("emergency", lang)))
            return Card("", (Text(words.say(lang, "small.guest")), Text(phone), buttons), lang=lang)
        key = "person.title" if asked_for else "escalate.title" if number else "escalate.would"
        title = words.say(lang, key, number=number)
        body = words.say(lang, "escalate.body", by=self.promise(person, at))
        leave = Button(words.say(lang, "button.leave_ticket"), "tickets.leave", number)
        buttons = Buttons((leave, self.button("my_tickets", lang), self.button("emergency", lang)))
        return Card(title, (Text(body), Text(phone, "muted"), buttons), "done", lang=lang)

    def small(self, kind: str, person: Person, values: dict[str, str]) -> Card:
        """Small talk. `values` of the organisation may stand in it."""
        lang = person.language
        text = self._words.say(lang, _SAID.get(kind, f"small.{kind}"), **values)
        if kind == "hello" and not person.known:
            text += " " + self._words.say(lang, "small.guest")
        extra = tuple(self.button(name, lang) for name in _SMALL.get(kind, ()))
        return Card("", (Text(text), Buttons(extra)) if extra else (Text(text),), lang=lang)

    def unclear(self, person: Person) -> Card:
        """It goes on from something, and nobody knows from what."""
        lang = person.language
        text = Text(self._words.say(lang, "follow.no_topic"))
        return Card("", (text, Buttons((self.button("person", lang),))), "question", lang=lang)

    def foreign(self, person: Person) -> Card:
        """Somebody writes in a language that we do not speak: said in every one that we do, with what needs no language."""
        lang = person.language
        words, ours = self._words, self.organisation().file.language
        offers = dict.fromkeys((words.say(ours, "language.offer"), *words.every("language.offer")))
        buttons = Buttons(tuple(self.button(name, lang) for name in (*HELP, "report")))
        blocks: list[Block] = [*(Text(text) for text in offers), Text(self.phone(person), "strong"), buttons]
        return Card("", tuple(blocks), "question", lang=lang)

    def register(self, finding: Finding, lang: str) -> Card:
        """What the register says."""
        return ours_card(finding, lang, self._words, self.organisation().file.owners)

    def before(self, considered: Considered, lang: str) -> list[Block]:
        """What stands above an answer or above suggestions: what we know, and what we do not, of what was meant."""
        words, entries = self._words, self.knowledge().library.entries
        blocks: list[Block] = []
        if considered.register and considered.register.what in UNSURE:
            blocks.append(Text(headline(considered.register, lang, words), "strong"))
        if considered.foreign:
            blocks.append(Text(words.say(lang, "language.unsure"), "strong"))
        if considered.long:
            blocks.append(Text(words.say(lang, "small.long"), "muted"))
        if considered.topic in entries:
            again = considered.topic == considered.entry
            title = pick(entries[considered.topic].title, lang)
            blocks.append(Text(words.say(lang, "follow.same" if again else "follow.topic", title=title), "muted"))
        return blocks

    def related(self, considered: Considered, lang: str) -> list[Block]:
        """What is close to an answer that is given again."""
        entries = self.knowledge().library.entries
        names = considered.suggestions if considered.topic and considered.topic == considered.entry else ()
        options = tuple(
            Button(pick(entries[name].title, lang), "answering.ask", name) for name in names if name in entries
        )
        return [Choices(self._words.say(lang, "follow.related"), options)] if options else []

    def left_over(self, other: Considered, lang: str) -> list[Block]:
        """A further question of a message that has no sure answer."""
        asked = other.text[:QUOTED]
        ids = other.suggestions or ((other.entry,) if other.entry else ())
        if ids:
            prompt = self._words.say(lang, "two.suggest", question=asked)
            return [Choices(prompt, self.options(ids, lang, other.text))]
        unknown = Text(self._words.say(lang, "two.unknown", question=asked))
        return [unknown, Buttons((self.button("person", lang, other.text[:SUBJECT]),))]

    def with_person(self, card: Card) -> Card:
        """The card with a way to a person under it."""
        return replace(card, blocks=(*card.blocks, Buttons((self.button("person", card.lang),))))

    def with_help(self, card: Card) -> Card:
        """The card with the buttons for an emergency and for a person, whatever else is on it."""
        there = {button.action for block in card.blocks if isinstance(block, Buttons) for button in block.buttons}
        missing = [self.button(name, card.lang) for name in HELP if _ACTIONS[name][0] not in there]
        return replace(card, blocks=(*card.blocks, Buttons(tuple(missing)))) if missing else card

    def phone(self, person: Person) -> str:
        values = self.organisation().values(person.entity, person.language)
        return self._words.say(person.language, "escalate.phone", helpdesk_phone=values.get("helpdesk_phone", ""))

    @property
    def _words(self) -> Words:
        return self.organisation().words


def day(at: float) -> date:
    """The day of a moment (UTC), by which reviews and registrations are counted."""
    return datetime.fromtimestamp(at, UTC).date()


FOUND = frozenset({Outcome.ANSWER, Outcome.CONFIRM})
