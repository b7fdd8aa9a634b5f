"""What nudges say: the cards, and a decision in words. No rules here, only texts and buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.cards import Block, Button, Buttons, Card, Choices, Input, Text
from bot.learning.planner import Decision
from bot.learning.shapes import Lesson, Library, Question
from bot.organisation import Role, Words, fill, pick

UNKEPT = "learning.feedback"  # `Card.source` of what answers an answer: the conversation does not keep it
_COMFORT = ("one_a_day", "quiet_hours", "spread")  # named only if nothing else held it back, the last one first
INTENTS: Mapping[str, str] = {
    "report": "reporting.start",
    "person": "tickets.person",
    "emergency": "emergency.start",
    "ask": "answering.ask",
}


def lesson_card(
    lesson: Lesson, decision: Decision, nudge: str, values: Mapping[str, str], words: Words, intents: Mapping[str, str]
) -> tuple[Card, list[str]]:
    """The message, and the names of values it needs that are not set."""
    lang, missing = decision.language, list[str]()

    def text(texts: Mapping[str, str]) -> str:
        filled, unset = fill(pick(texts, lang), values)
        missing.extend(unset)
        return filled

    options = tuple(Button(text(o.text), "learning.answer", f"{nudge}:{o.id}") for o in lesson.question.options)
    title = text(lesson.title)
    blocks: list[Block] = [
        *([Text(words.say(lang, "learning.first"), "muted")] if decision.first else []),
        Text(text(lesson.body)),
        Choices(text(lesson.question.prompt), options),
        Buttons((Button(text(lesson.action.label), intents[lesson.action.intent], _aim(lesson, title)),)),
        *([Text(words.say(lang, "learning.ask_less"), "muted")] if decision.ask_less else []),
        Buttons(tuple(_wishes(lesson, nudge, words, lang))),
    ]
    card = Card(title, tuple(blocks), "question", source=lesson.id, lang=lang, private=True)
    return card, sorted(set(missing))


def _aim(lesson: Lesson, title: str) -> str:
    """What the action button carries: the entry it shows, the kind of emergency, the subject of a talk."""
    match lesson.action.intent:
        case "ask":
            return lesson.kb[0]
        case "emergency":
            return lesson.action.emergency or ""
        case "person":
            return title
    return ""


def _wishes(lesson: Lesson, nudge: str, words: Words, lang: str) -> Iterator[Button]:
    verbs = ("later", "why", "useless") if lesson.mandatory else ("later", "less", "stop", "why", "useless")
    for verb in verbs:
        yield Button(words.say(lang, f"learning.button.{verb}"), f"learning.{verb}", nudge)


def feedback_card(
    question: Question, choice: str, values: Mapping[str, str], words: Words, lang: str, more: Sequence[str] = ()
) -> Card:
    """What the chosen option answers, and what we would do if that was another one."""
    option = question.option(choice)
    said = [fill(pick(option.feedback, lang), values)[0]] if option else []
    if option and not option.correct:
        said.append(words.say(lang, "learning.right", text=fill(pick(question.right.text, lang), values)[0]))
    blocks = [Text(text) for text in said] + [Text(text, "muted") for text in more]
    return Card("", tuple(blocks), "done", UNKEPT, lang)


def say_card(words: Words, lang: str, key: str, *buttons: Button, **params: object) -> Card:
    """One sentence, and what can be pressed."""
    blocks: tuple[Block, ...] = (Text(words.say(lang, key, **params)),)
    return Card("", (*blocks, Buttons(buttons)) if buttons else blocks, lang=lang)


def later_card(nudge: str, words: Words, lang: str) -> Card:
    """When it should come back."""
    options = tuple(
        Button(words.say(lang, f"learning.button.{when}"), "learning.later", f"{nudge}:{when}")
        for when in ("tomorrow", "week", "month")
    )
    label, send = words.say(lang, "learning.day.label"), words.say(lang, "learning.day.send")
    named = Input("day", label, "learning.day", send, nudge, multiline=False)
    return Card("", (Choices(words.say(lang, "learning.when"), options), named), "question", lang=lang)


@dataclass(frozen=True)
class Names:
    """What ids in facts are called in one language: names of roles, concerns of groups."""

    roles: Mapping[str, str] = field(default_factory=dict)
    concerns: Mapping[str, str] = field(default_factory=dict)


def names_in(lang: str, roles: Mapping[str, Role], library: Library) -> Names:
    """The names in a language."""
    concerns = {key: pick(group.concern, lang) for key, group in library.groups.items()}
    return Names({key: pick(role.name, lang) for key, role in roles.items()}, concerns)


def why(reason: str, facts: Mapping[str, str], words: Words, lang: str, names: Names) -> str:
    """A reason code as a sentence."""
    role, group = facts.get("role", ""), facts.get("group", "")
    shown = {**facts, "role": names.roles.get(role, role), "concern": names.concerns.get(group, group)}
    return words.say(lang, f"learning.reason.{reason}", **shown)


def in_words(decision: Decision, words: Words, lang: str, names: Names) -> str:
    """A decision as a sentence or three: why this lesson, why then, and what we had to assume."""
    if decision.when is None:
        return words.say(lang, f"learning.none.{decision.reason}")
    said = [why(decision.reason, dict(decision.facts), words, lang, names)]
    telling = [rule for rule in decision.rules if rule not in _COMFORT] or sorted(decision.rules, key=_COMFORT.index)
    said += [words.say(lang, f"learning.rule.{telling[-1]}")] if telling else []
    return " ".join([*said, *(words.say(lang, f"learning.note.{note}") for note in decision.notes)])
