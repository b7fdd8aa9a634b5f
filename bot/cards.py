"""The neutral card: what Secdesk says, before a platform shows it.

A card holds plain text only; renderers escape it for their platform. `as_text` is the one fallback text (notification,
screen reader, terminal). `dump` and `load` are the stored JSON form.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Tone = Literal["plain", "answer", "question", "emergency", "warning", "done", "desk"]


@dataclass(frozen=True)
class Text:
    """A paragraph. `muted` is small print; `quote` is somebody else's words."""

    text: str
    style: Literal["plain", "muted", "quote", "strong"] = "plain"


@dataclass(frozen=True)
class Facts:
    """Label and value pairs."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Steps:
    """Numbered steps, or bullets (`ordered=False`), with an optional heading."""

    items: tuple[str, ...]
    heading: str = ""
    ordered: bool = True


@dataclass(frozen=True)
class Button:
    """`action` is `pillar.verb`; the desk routes by the part before the dot and re-authorises. `value` ≤ 2,000 characters."""

    label: str
    action: str
    value: str = ""
    style: Literal["plain", "primary", "danger"] = "plain"


@dataclass(frozen=True)
class Buttons:
    """Things to press. Typed answers are accepted as well (see `Desk`)."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True)
class Choices:
    """One question with options, each a button. `prompt` may be empty when the text above asks it."""

    prompt: str
    options: tuple[Button, ...]


@dataclass(frozen=True)
class Input:
    """One line (or several) of typed text, sent with `action` as form field `name`. `initial` is in it already.

    With `choose` (value, label) it is one of those instead of text. An `optional` one may stay empty.
    """

    name: str
    label: str
    action: str
    submit: str
    value: str = ""
    multiline: bool = True
    initial: str = ""
    choose: tuple[tuple[str, str], ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Attached:
    """A file that comes with the card, by the id it is kept under. `size` in bytes."""

    id: str
    name: str
    size: int = 0


_PAGE = re.compile(r"https?://[^\s/@<>\"'|\\]+/console(?:/[\w./~-]*)?(?:\?[\w=&.%~+-]*)?", re.ASCII)


@dataclass(frozen=True)
class Link:
    """A page of the console to open: what it is called, and its whole address (`Settings.console` makes it)."""

    label: str
    url: str

    @property
    def opens(self) -> bool:
        """Whether this is the address of a page of the console. Nothing else becomes something to click: it is shown as text."""
        return bool(_PAGE.fullmatch(self.url))


Block = Text | Facts | Steps | Buttons | Choices | Input | Attached | Link
_KINDS: Mapping[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Text, Facts, Steps, Buttons, Choices, Input, Attached, Link)
}


@dataclass(frozen=True)
class Card:
    """A title (may be empty) and blocks. `source` names the entry it came from; `lang` is for screen readers."""

    title: str
    blocks: tuple[Block, ...] = ()
    tone: Tone = "plain"
    source: str = ""
    lang: str = "en"
    private: bool = field(default=False)


def text_card(title: str, *paragraphs: str, tone: Tone = "plain") -> Card:
    """A card of paragraphs."""
    return Card(title, tuple(Text(paragraph) for paragraph in paragraphs if paragraph), tone)


def pressables(card: Card) -> Iterable[Button]:
    """Every button of the card, in reading order. A typed number answers the n-th (1-based)."""
    for block in card.blocks:
        if isinstance(block, Buttons):
            yield from block.buttons
        elif isinstance(block, Choices):
            yield from block.options


_NUMBER = re.compile(r"[\s(\[]*[0-9]{1,3}[\s)\].:,!]*")


def named(card: Card, text: str) -> Button | None:
    """The button that typed text names: its number, the letter or the words of an option, its label, or its first word ("yes").

    Letters count the options of the last question. Accents, case and punctuation don't matter. None if it could be two.
    """
    said, buttons = bare(text), list(pressables(card))
    if not said or len(text) > 200:
        return None
    if said.isascii() and said.isdecimal():  # "-1" and "²" are no numbers of buttons
        number = int(said) if _NUMBER.fullmatch(text) else 0
        return buttons[number - 1] if 1 <= number <= len(buttons) else None
    asked = [block.options for block in card.blocks if isinstance(block, Choices)]
    if asked and len(said) == 1 and "a" <= said < chr(ord("a") + len(asked[-1])):
        return asked[-1][ord(said) - ord("a")]
    exact = [button for button in buttons if bare(button.label) == said]
    first = [button for button in buttons if bare(button.label.split(",")[0]) == said]
    found = exact or first
    return found[0] if len(found) == 1 else None


def bare(text: str) -> str:
    """Words alone: lower case, without accents and punctuation."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in plain).split())


def as_text(card: Card) -> str:
    """The card as plain text, complete: nothing that a sighted reader sees is missing."""
    lines = [card.title] if card.title else []
    number = 0
    for block in card.blocks:
        match block:
            case Text(text=text, style=style):
                lines.append(f"> {text}" if style == "quote" else text)
            case Facts(pairs=pairs):
                lines.extend(f"{label}: {value}" for label, value in pairs)
            case Steps(items=items, heading=heading, ordered=ordered):
                lines.extend([heading] if heading else [])
                lines.extend(f"{i}. {item}" if ordered else f"- {item}" for i, item in enumerate(items, 1))
            case Buttons(buttons=buttons):
                labels = [f"[{number + i}] {button.label}" for i, button in enumerate(buttons, 1)]
                number += len(buttons)
                lines.append("  ".join(labels))
            case Choices(prompt=prompt, options=options):
                lines.extend([prompt] if prompt else [])
                lines.extend(f"[{number + i}] {option.label}" for i, option in enumerate(options, 1))
                number += len(options)
            case Input(label=label):
                lines.append(f"{label}: ____")
            case Attached(name=name):
                lines.append(f"[{name}]")
            case Link(label=label, url=url):
                lines.append(f"{label}: {url}")
    return "\n".join(lines)


def dump(card: Card) -> str:
    """The card as JSON text."""
    blocks = [{"kind": type(block).__name__.lower(), **asdict(block)} for block in card.blocks]
    return json.dumps({**asdict(card), "blocks": blocks}, ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Card:
    """The card back from `dump`."""
    raw = json.loads(text)
    return Card(**{**raw, "blocks": tuple(_block(item) for item in raw["blocks"])})


def _block(raw: dict[str, Any]) -> Block:
    fields = {name: value for name, value in raw.items() if name != "kind"}
    for name in ("buttons", "options"):
        if name in fields:
            fields[name] = tuple(Button(**item) for item in fields[name])
    if "pairs" in fields:
        fields["pairs"] = tuple((label, value) for label, value in fields["pairs"])
    if "items" in fields:
        fields["items"] = tuple(fields["items"])
    if "choose" in fields:
        fields["choose"] = tuple((value, label) for value, label in fields["choose"])
    block: Block = _KINDS[raw["kind"]](**fields)
    return block
