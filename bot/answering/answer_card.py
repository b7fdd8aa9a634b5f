"""An entry as a card: the answer first, then steps, then what not to do, then where to go next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.answering.entries import AnswerText, Entry
from bot.cards import Block, Button, Buttons, Card, Facts, Steps, Text
from bot.organisation import Words, fill, pick, speaking

_ACTIONS = {"report": "reporting.start", "person": "tickets.person", "emergency": "emergency.start",
            "caller": "codes.mine"}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """An entry that is shown. `question` is the id its rating goes to; `ticket` a number that was opened with it."""

    entry: Entry
    question: str = ""
    ticket: str = ""


@dataclass(frozen=True)
class Reading:
    """For whom, and when: language, the organisation's values, the words of all languages, the day."""

    lang: str
    values: Mapping[str, str]
    words: Words
    today: date


def answer_card(
    entry: Entry,
    lang: str,
    values: Mapping[str, str],
    words: Words,
    today: date,
    *,
    question: str = "",
    ticket: str = "",
    before: Sequence[Block] = (),
    after: Sequence[Block] = (),
    also: Collection[str] = (),
) -> Card:
    """The card for an entry. `before` and `after` stand around it; `also` names buttons besides those of the entry.

    When an organisation value that the text needs is not set, the entry's "ring the desk" form stands in.
    """
    reading, shown = Reading(lang, values, words, today), Shown(entry, question, ticket)
    spoken = _spoken(entry, reading)
    blocks = (*before, *_body(shown, reading), *after, Buttons(tuple(_buttons((shown,), spoken, words, also))))
    return Card(pick(entry.title, spoken), blocks, "answer", source=entry.id, lang=spoken)


def answers_card(
    shown: Sequence[Shown],
    reading: Reading,
    *,
    before: Sequence[Block] = (),
    after: Sequence[Block] = (),
    also: Collection[str] = (),
) -> Card:
    """Several entries on one card, for somebody who asked several things: each with its title, then one row of buttons.

    The buttons that are about an answer are about all of them.
    """
    blocks = list(before)
    for one in shown:
        blocks += [Text(pick(one.entry.title, _spoken(one.entry, reading)), "strong"), *_body(one, reading)]
    lang = _spoken(shown[0].entry, reading)
    blocks += [*after, Buttons(tuple(_buttons(shown, lang, reading.words, also)))]
    return Card("", tuple(blocks), "answer", source=shown[0].entry.id, lang=lang)


def why_card(entry: Entry, lang: str, words: Words, owner: str, today: date) -> Card:
    """Where an answer comes from: entry, owner, review date, authorities; and that it is overdue, if it is."""
    title = pick(entry.title, lang)
    reviewed, due = entry.reviewed.isoformat(), entry.due.isoformat()
    said = words.say(lang, "answer.source", title=title, owner=owner, reviewed=reviewed, due=due)
    blocks: list[Block] = [Text(said), *_overdue(entry, lang, words, today)]
    if entry.sources:
        blocks.append(Facts(tuple((source.publisher, source.title) for source in entry.sources)))
    return Card("", tuple(blocks), "plain", source=entry.id, lang=lang)


def _spoken(entry: Entry, reading: Reading) -> str:
    """The language the entry is shown in: the reader's, else English, else any it has."""
    for lang in (reading.lang, reading.words.default):
        if lang in entry.answer:
            return lang
    return next(iter(entry.answer))


def _body(shown: Shown, reading: Reading) -> list[Block]:
    entry, words = shown.entry, reading.words
    spoken = _spoken(entry, reading)
    values = speaking(reading.values, spoken)
    text = entry.answer[spoken]
    blocks = _ring(text, spoken, values, words) if _missing(text, values) else _whole(text, spoken, values, words)
    if shown.ticket:
        blocks.append(Text(words.say(spoken, "answer.ticket", number=shown.ticket), "strong"))
    blocks += _overdue(entry, spoken, words, reading.today)
    if spoken != reading.lang and reading.lang in words.by_language:
        blocks.append(Text(words.say(reading.lang, "answer.other_language"), "muted"))
    return blocks


def _overdue(entry: Entry, lang: str, words: Words, today: date) -> list[Block]:
    if not entry.overdue(today):
        return []
    due = entry.due
    return [Text(words.say(lang, "answer.overdue", due=due.isoformat()), "muted")]


def _missing(text: AnswerText, values: Mapping[str, str]) -> bool:
    return any(fill(line, values)[1] for path, line in text.texts() if path != ("ring",))


def _ring(text: AnswerText, lang: str, values: Mapping[str, str], words: Words) -> list[Block]:
    ring = text.ring if text.ring and not fill(text.ring, values)[1] else words.say(lang, "answer.ring")
    return [Text(fill(ring, values)[0])]


def _whole(text: AnswerText, lang: str, values: Mapping[str, str], words: Words) -> list[Block]:
    blocks: list[Block] = [Text(fill(text.short, values)[0])]
    if text.steps:
        blocks.append(Steps(tuple(fill(step, values)[0] for step in text.steps)))
    blocks += [Text(fill(line, values)[0], "strong") for line in text.do_not]
    return blocks


def _buttons(shown: Sequence[Shown], lang: str, words: Words, also: Collection[str]) -> list[Button]:
    entries, questions = [one.entry for one in shown], [one.question for one in shown if one.question]
    names = dict.fromkeys(name for entry in entries for name in entry.buttons) | dict.fromkeys(also)
    buttons = []
    for name in names:
        about = next((entry for entry in entries if name in entry.buttons), entries[0])
        values = {"report": about.id, "person": pick(about.title, "en"), "emergency": about.emergency or "incident",
                  "caller": about.id}  # fmt: skip
        buttons.append(Button(words.say(lang, f"button.{name}"), _ACTIONS[name], values[name]))
    if questions:
        rated = ":".join(questions)
        buttons.append(Button(words.say(lang, "button.solved"), "answering.solved", rated))
        buttons.append(Button(words.say(lang, "button.unhelpful"), "answering.unhelpful", rated))
    why = ":".join(entry.id for entry in entries)
    return [*buttons, Button(words.say(lang, "button.why"), "answering.why", why)]
