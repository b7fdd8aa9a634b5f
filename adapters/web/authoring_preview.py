"""How a card looks on Slack, on Teams, and to a screen reader: what their own translators made of it, as plain parts.

The parts are text; the template escapes them. Nothing of a platform's rendering is guessed at beyond its block types.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.cards import Card, as_text

Json = dict[str, Any]
Kind = Literal["heading", "text", "strong", "small", "buttons", "rule"]
_BOLD = re.compile(r"\*([^*\n]+)\*")  # how our own blocks are marked: a whole line, or the label of a field
_QUOTE = re.compile(r"^>", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One piece of a preview. Buttons have `items`, the rest `text`."""

    kind: Kind
    text: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Previews:
    """The same card three times. `spoken` is the text that comes with it everywhere, line by line."""

    slack: tuple[Part, ...]
    teams: tuple[Part, ...]
    spoken: tuple[str, ...]
    lang: str


@dataclass(frozen=True)
class Translators:
    """The platforms' own: a card as Slack blocks, and as Adaptive Cards."""

    slack: Callable[[Card], Sequence[Json]]
    teams: Callable[[Card], Sequence[Json]]

    def __call__(self, card: Card) -> Previews:
        """What each of them shows of a card."""
        slack = tuple(part for block in self.slack(card) for part in _of_slack(block))
        teams = tuple(
            part for whole in self.teams(card) for block in whole.get("body", ()) for part in _of_teams(block)
        )
        spoken = tuple(line for line in as_text(card).splitlines() if line.strip())
        return Previews(slack, _joined(teams), spoken, card.lang)


def _of_slack(block: Json) -> Iterator[Part]:
    match block.get("type"):
        case "header":
            yield Part("heading", _plain(block["text"]))
        case "section":
            for text in [block.get("text"), *block.get("fields", ())]:
                if text:
                    yield _words(text, "text")
        case "context":
            yield from (_words(item, "small") for item in block.get("elements", ()) if "text" in item)
        case "actions" | "context_actions":
            yield Part("buttons", items=tuple(_labels(block.get("elements", ()))))
        case "divider":
            yield Part("rule")


def _labels(elements: Sequence[Json]) -> Iterator[str]:
    for element in elements:
        for name in ("text", "positive_button", "negative_button"):
            if name in element:
                yield _plain(element[name] if name == "text" else element[name]["text"])
        for option in element.get("options", ()):
            yield _plain(option["text"])


def _words(text: Json, kind: Kind) -> Part:
    words = str(text.get("text", ""))
    strong = text.get("type") == "mrkdwn" and all(_BOLD.fullmatch(line) for line in words.splitlines() if line)
    return Part("strong" if strong else kind, _plain(text))


def _plain(text: Json) -> str:
    """The words without Slack's marks; three characters are escaped in every text of theirs."""
    words = str(text.get("text", ""))
    if text.get("type") == "mrkdwn":
        words = _QUOTE.sub("", _BOLD.sub(r"\1", words))
    return html.unescape(words)


def _of_teams(block: Json) -> Iterator[Part]:
    match block.get("type"):
        case "TextBlock":
            heading = block.get("style") == "heading" or block.get("weight") == "bolder"
            yield Part("heading" if heading else "text", re.sub(r"\\([\\`*_\[\]<~])", r"\1", block.get("text", "")))
        case "RichTextBlock":
            runs = [run if isinstance(run, dict) else {"text": run} for run in block.get("inlines", ())]
            kind: Kind = "text"
            if runs and all(run.get("weight") == "bolder" for run in runs):
                kind = "strong"
            elif runs and all(run.get("isSubtle") for run in runs):
                kind = "small"
            yield Part(kind, "".join(str(run.get("text", "")) for run in runs))
        case "FactSet":
            yield from (Part("text", f"{fact.get('title')}: {fact.get('value')}") for fact in block.get("facts", ()))
        case "ActionSet":
            yield Part("buttons", items=tuple(str(action.get("title", "")) for action in block.get("actions", ())))
        case "Container":
            for item in block.get("items", ()):
                yield from _of_teams(item)
            if title := block.get("selectAction", {}).get("title"):
                yield Part("buttons", items=(title,))


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Rows of buttons that follow each other as one."""
    found: list[Part] = []
    for part in parts:
        if part.kind == "buttons" and found and found[-1].kind == "buttons":
            found[-1] = Part("buttons", items=(*found[-1].items, *part.items))
        else:
            found.append(part)
    return tuple(found)
