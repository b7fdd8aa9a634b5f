"""An entry as a card: the answer first, then steps, then what not to do, then where to go next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from bot.answering.entries import AnswerText, Entry
from bot.cards import Block, Button, Buttons, Card, Facts, Steps, Text
from bot.organisation import Words, fill, pick

_ACTIONS = {"report": "reporting.start", "person": "tickets.person", "emergency": "emergency.start"}


def answer_card(
    entry: Entry,
    lang: str,
    values: Mapping[str, str],
    words: Words,
    today: date,
    *,
    question: str = "",
    ticket: str = "",
) -> Card:
    """The card for an entry. `question` is the id its rating goes to; `ticket` a number that was opened with it.

    When an organisation value that the text needs is not set, the entry's "ring the desk" form stands in.
    """
    spoken = (
        lang if lang in entry.answer else words.default if words.default in entry.answer else next(iter(entry.answer))
    )
    text = entry.answer[spoken]
    blocks = _ring(text, spoken, values, words) if _missing(text, values) else _whole(text, spoken, values, words)
    if ticket:
        blocks.append(Text(words.say(spoken, "answer.ticket", number=ticket), "strong"))
    if entry.overdue(today):
        due = min(entry.review_due, entry.expires or entry.review_due)
        blocks.append(Text(words.say(spoken, "answer.overdue", due=due.isoformat()), "muted"))
    blocks.append(Buttons(tuple(_buttons(entry, spoken, words, question))))
    return Card(pick(entry.title, spoken), tuple(blocks), "answer", source=entry.id, lang=spoken)


def why_card(entry: Entry, lang: str, words: Words, owner: str) -> Card:
    """Where an answer comes from: entry, owner, review date, authorities."""
    title = pick(entry.title, lang)
    said = words.say(lang, "answer.source", title=title, owner=owner, reviewed=entry.reviewed.isoformat())
    blocks: list[Block] = [Text(said)]
    if entry.sources:
        blocks.append(Facts(tuple((source.publisher, source.title) for source in entry.sources)))
    return Card("", tuple(blocks), "plain", source=entry.id, lang=lang)


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


def _buttons(entry: Entry, lang: str, words: Words, question: str) -> list[Button]:
    values = {"report": entry.id, "person": pick(entry.title, "en"), "emergency": entry.emergency or "incident"}
    buttons = [Button(words.say(lang, f"button.{name}"), _ACTIONS[name], values[name]) for name in entry.buttons]
    if question:
        buttons.append(Button(words.say(lang, "button.solved"), "answering.solved", question))
        buttons.append(Button(words.say(lang, "button.unhelpful"), "answering.unhelpful", question))
    return [*buttons, Button(words.say(lang, "button.why"), "answering.why", entry.id)]
