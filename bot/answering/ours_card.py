"""What the register says, as a card: the thing, how the genuine one is known, what to do if theirs is not it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.answering.ours import Finding, defanged
from bot.cards import Block, Button, Buttons, Card, Facts, Text, Tone
from bot.organisation import Words, pick
from bot.register import Item

UNSURE = ("own", "unlisted")  # the register knows nothing of it: an ordinary answer may know more


def ours_card(finding: Finding, lang: str, words: Words, owners: Mapping[str, str]) -> Card:
    """The card for a finding. `owners`: names of owners by id."""
    item = finding.item
    blocks: list[Block] = [Text(headline(finding, lang, words), "strong")]
    if finding.what == "listed" and item and item.kind == "practice":
        return Card("", (*blocks, _buttons(lang, words, emergency=True)), "answer", lang=lang)
    if finding.what in ("listed", "differs") and item:
        blocks.append(Facts(tuple(_facts(item, lang, words, owners))))
    if finding.what == "listed" and item:
        key = "ours.ring_back" if item.kind == "caller" else "ours.forged" if "@" in finding.found else "ours.differs"
        blocks.append(Text(words.say(lang, key)))
    elif finding.what in UNSURE:
        blocks.append(Text(words.say(lang, "ours.unsure")))
    tone: Tone = "answer" if finding.what == "listed" else "warning"
    blocks.append(_buttons(lang, words, emergency=finding.what != "listed"))
    return Card("", tuple(blocks), tone, lang=lang)


def headline(finding: Finding, lang: str, words: Words) -> str:
    """The one sentence that a finding comes to."""
    item, found = finding.item, defanged(finding.found)
    name = item.name if item else ""
    match finding.what:
        case "listed" if item:
            return words.say(lang, f"ours.listed.{item.kind}", name=name)
        case "expired" if item:
            return words.say(lang, "ours.expired", name=name, until=item.until.isoformat())
        case "differs":
            return words.say(lang, "ours.not_this", name=name, found=found)
        case "own":
            return words.say(lang, "ours.own", found=found)
    return words.say(lang, "ours.unlisted", found=found) if found else words.say(lang, "ours.unlisted_thing")


def _facts(item: Item, lang: str, words: Words, owners: Mapping[str, str]) -> list[tuple[str, str]]:
    domains = ", ".join(item.domains)
    pairs = [
        ("what", pick(item.what, lang) if item.what else ""),
        ("sender", item.sender),
        ("domains", domains if item.kind != "domain" else ""),
        ("domain", domains if item.kind == "domain" else ""),
        ("phone", item.phone),
        ("until", item.until.isoformat()),
        ("owner", owners.get(item.owner, item.owner)),
    ]
    return [(words.say(lang, f"ours.fact.{key}"), value) for key, value in pairs if value]


def _buttons(lang: str, words: Words, *, emergency: bool) -> Buttons:
    buttons = [
        Button(words.say(lang, "button.report"), "reporting.start"),
        Button(words.say(lang, "button.person"), "tickets.person"),
    ]
    if emergency:
        buttons.append(Button(words.say(lang, "button.emergency"), "emergency.start", "incident"))
    return Buttons(tuple(buttons))
