"""A neutral card as Slack messages, modals and App Home. Pure: no network, no SDK.

Everything in a card is somebody's text: it goes out escaped, as plain text or as `verbatim` mrkdwn, so that it cannot ping,
link or end a block. What is too long for one block gets several, what is too long for one message gets several.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from adapters.card_parts import split, words_apart
from adapters.channels.slack_text import bold, escape, linked, unescape
from bot.cards import Attached, Block, Button, Buttons, Card, Choices, Facts, Input, Link, Steps, Text, as_text

Json = dict[str, Any]
Surface = Literal["message", "modal", "home"]

# Limits of the platform in one table (docs.slack.dev: Block Kit reference, chat.postMessage, views).
LIMITS: Final = {
    "message blocks": 50,  # one of them stays free for what was pressed
    "view blocks": 100,
    "text": 3_900,  # of a message; Slack advises 4,000 and cuts at 40,000
    "section": 3_000,
    "fields": 10,
    "field": 2_000,
    "header": 150,
    "context": 10,
    "context text": 2_000,
    "actions": 25,
    "button": 75,
    "button shown": 30,  # clients cut longer labels off
    "value": 2_000,
    "id": 255,
    "view title": 24,
    "private_metadata": 3_000,
    "label": 2_000,
    "input": 3_000,
    "options": 100,
    "option": 75,
}
FEEDBACK: Final = ("answering.solved", "answering.unhelpful")  # shown as Slack's own pair of thumbs
_FORM: Final = "form"
_EXPLAINS: Final = {"answering.why", "learning.why", "reporting.start", "tickets.mine"}  # these settle nothing
_STYLES = {"primary", "danger"}


@dataclass(frozen=True)
class Pressed:
    """What a pressed element stands for. `field` is set when it opens a form with one input."""

    action: str
    value: str
    field: Input | None = None


def messages(card: Card, trusted: Mapping[str, str] | None = None) -> list[Json]:
    """`text` and `blocks` of each message the card needs: one, unless it is very long."""
    links = trusted or {}
    if _takes(whole := _message(card, links)):
        return [whole]
    parts = split(card, lambda some: _takes(_message(some, links)), LIMITS["section"] - 100)
    return [_message(part, links) for part in parts]


def plain_messages(card: Card) -> list[Json]:
    """The card as text alone, for a client or a server that refuses its blocks."""
    return [{"text": _some(escape(part))} for part in words_apart(as_text(card), LIMITS["text"], _size)]


def blocks(card: Card, trusted: Mapping[str, str], surface: Surface = "message") -> list[Json]:
    """The blocks of a card on one surface."""
    made = _Maker(trusted, surface).card(card)
    return made or [_plain("…")]


def modal(form: Card, *, callback: str, metadata: str, submit: str, close: str, trusted: Mapping[str, str]) -> Json:
    """A card with inputs as a modal view. Titles that are too long for a modal's bar stand in its body."""
    short = len(escape(form.title)) <= LIMITS["view title"]
    body = blocks(replace(form, title="" if short else form.title), trusted, "modal")
    view: Json = {
        "type": "modal", "callback_id": callback, "private_metadata": metadata, "close": _words(close),
        "title": _words(form.title if short and form.title else "Secdesk"), "blocks": _that_fit(body),
    }  # fmt: skip
    return {**view, "submit": _words(submit)} if submit else view


def _that_fit(made: list[Json]) -> list[Json]:
    """As many blocks as a view holds: all inputs, and a mark where something had to go."""
    over = len(made) - LIMITS["view blocks"]
    if over <= 0:
        return made
    shown = [number for number, block in enumerate(made) if block["type"] != "input"][-over - 1 :]
    gone = set(shown[1:])
    return [_context("…") if number == shown[0] else block for number, block in enumerate(made) if number not in gone]


def home(card: Card, trusted: Mapping[str, str], more: str) -> Json:
    """A card as App Home. What does not fit is announced with `more`."""
    made = blocks(card, trusted, "home")
    if len(made) > LIMITS["view blocks"]:
        made = [*made[: LIMITS["view blocks"] - 1], _context(more)]
    return {"type": "home", "blocks": made}


def pressed(action_id: str, value: str) -> Pressed:
    """The action behind a pressed element. Anything odd is an action the desk does not know."""
    name = action_id.rpartition("~")[0] or action_id
    if name == "feedback":
        action, _, rest = value.partition(" ")
        return Pressed(action, rest)
    if name == _FORM:
        return _form_of(value)
    return Pressed(name, value)


def after_press(shown: Sequence[Mapping[str, Any]], block_id: str, action_id: str, value: str, note: str) -> list[Json]:
    """A message's blocks once something in it was pressed: a question closes; of buttons, those about the same thing go."""
    group = block_id.partition(".")[0]
    if action_id.rpartition("~")[0] in _EXPLAINS:
        value = ""
    result: list[Json] = []
    noted = False
    for block in shown:
        if str(block.get("block_id", "")).partition(".")[0] != group:
            result.append(dict(block))
            continue
        left = [] if group.startswith("q") else _left(block, action_id, value)
        if left is not None and not noted:
            result.append(_context(note))
            noted = True
        if left is None or left:
            result.append(dict(block) if left is None else {**block, "elements": left})
    return result


def closes(block_id: str, action_id: str) -> bool:
    """Whether a press changes the message: thumbs show themselves what was pressed, forms open first."""
    return block_id[:1] in ("q", "b") and not action_id.startswith((f"{_FORM}~", "feedback~"))


class _Maker:
    """Blocks of one card, with running numbers for ids and for choices that are typed."""

    def __init__(self, trusted: Mapping[str, str], surface: Surface) -> None:
        self._trusted, self._surface = trusted, surface
        self._number = 0

    def card(self, card: Card) -> list[Json]:
        made = list(self._title(card.title)) if card.title.strip() else []
        for place, block in enumerate(card.blocks):
            made += self._block(block, place)
        return made

    def _title(self, title: str) -> Iterator[Json]:
        line = " ".join(title.split())
        if len(escape(line)) <= LIMITS["header"]:
            yield {"type": "header", "text": _words(line)}
        else:
            yield from self._text(line, strong=True)

    def _block(self, block: Block, place: int) -> Iterator[Json]:
        match block:
            case Text(text=text, style="muted"):
                yield from self._muted(text)
            case Text(text=text, style="quote"):
                yield from self._quote(text)
            case Text(text=text, style=style):
                yield from self._text(text, strong=style == "strong")
            case Facts(pairs=pairs):
                yield from self._facts(pairs)
            case Steps(items=items, heading=heading, ordered=ordered):
                yield from self._text(heading, strong=True)
                lines = (f"{i}. {item}" if ordered else f"• {item}" for i, item in enumerate(items, 1))
                yield from self._text("\n".join(lines))
            case Buttons(buttons=buttons):
                yield from self._buttons(buttons, place)
            case Choices(prompt=prompt, options=options):
                yield from self._text(prompt, strong=True)
                yield from self._pressables(options, f"q{place}")
            case Input():
                yield self._input(block, place)
            case Attached(name=name):
                yield _context(f"\U0001f4ce {name}")
            case Link(label=label, url=url) if (
                block.opens
            ):  # no button: Slack would tell us of each press, and want an answer
                yield {"type": "section", "text": _mrkdwn(f"<{escape(url)}|{escape(label)}>")}
            case Link(label=label, url=url):
                yield from self._text(f"{label}: {url}")

    def _text(self, text: str, *, strong: bool = False) -> Iterator[Json]:
        for part, shown in self._linked(text, LIMITS["section"] - 2):
            if strong or shown != escape(part):
                yield {"type": "section", "text": _mrkdwn(bold(shown) if strong else shown)}
            else:
                yield _plain(part)

    def _muted(self, text: str) -> Iterator[Json]:
        for part, shown in self._linked(text, LIMITS["context text"]):
            yield _context(part) if shown == escape(part) else {"type": "context", "elements": [_mrkdwn(shown)]}

    def _linked(self, text: str, most: int) -> Iterator[tuple[str, str]]:
        """(text, how it is shown) of each piece that is short enough and not blank."""
        shown = linked(text, self._trusted)
        if len(shown) <= most:
            pieces: Iterator[tuple[str, str]] = iter(((text, shown),))
        else:
            parts = words_apart(text, most, lambda some: len(linked(some, self._trusted)))
            pieces = ((part, linked(part, self._trusted)) for part in parts)
        yield from (piece for piece in pieces if piece[1].strip())

    def _quote(self, text: str) -> Iterator[Json]:
        """Somebody else's words: a bar in front of every line, and nothing in them is a link."""
        size = lambda some: _size(some) + some.count("\n") + 1  # noqa: E731
        for part in words_apart(text, LIMITS["section"], size):
            if part.strip():
                yield {"type": "section", "text": _mrkdwn("\n".join(">" + line for line in escape(part).split("\n")))}

    def _facts(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Json]:
        fields: list[Json] = []
        for label, value in pairs:
            shown = f"{bold(escape(label))}\n{linked(value, self._trusted) or '–'}"
            if len(shown) > LIMITS["field"] or len(fields) == LIMITS["fields"]:
                yield from _fields(fields)
                fields = []
            if len(shown) > LIMITS["field"]:
                yield from self._text(f"{label}: {value}")
            else:
                fields.append(_mrkdwn(shown))
        yield from _fields(fields)

    def _buttons(self, buttons: Sequence[Button], place: int) -> Iterator[Json]:
        pair = [button for button in buttons if button.action in FEEDBACK] if self._surface == "message" else []
        if len({button.value for button in pair}) != 1 or [button.action for button in pair] != list(FEEDBACK):
            pair = []
        yield from self._pressables([button for button in buttons if button not in pair], f"b{place}")
        if pair:
            self._number += 1
            yield _thumbs(pair[0], pair[1], f"f{place}", f"feedback~{self._number}")

    def _pressables(self, options: Sequence[Button], group: str) -> Iterator[Json]:
        """Rows of buttons; a label that clients would cut off becomes a line with a button beside it."""
        if all(len(escape(option.label)) <= LIMITS["button shown"] for option in options):
            rows = [options[i : i + LIMITS["actions"]] for i in range(0, len(options), LIMITS["actions"])]
            for number, row in enumerate(rows):
                yield {
                    "type": "actions",
                    "block_id": f"{group}.{number}",
                    "elements": [self._button(item) for item in row],
                }
            return
        for number, option in enumerate(options):
            yield from self._line(option, f"{group}.{number}")

    def _line(self, option: Button, block_id: str) -> Iterator[Json]:
        *before, last = words_apart(option.label, LIMITS["section"] - 10, _size)
        yield from (_plain(part) for part in before)
        button = self._button(replace(option, label=str(self._number + 1)))
        yield {**_plain(f"{self._number}. {last}"), "block_id": block_id, "accessory": button}

    def _button(self, button: Button) -> Json:
        self._number += 1
        made: Json = {
            "type": "button", "action_id": f"{button.action}~{self._number}"[: LIMITS["id"]], "text": _words(button.label or "…"),
        }  # fmt: skip
        if button.value:
            made["value"] = button.value[: LIMITS["value"]]
        return {**made, "style": button.style} if button.style in _STYLES else made

    def _input(self, block: Input, place: int) -> Json:
        """In a modal the input itself; elsewhere a button that opens one, so that nobody's typing is lost to an update."""
        if self._surface == "modal":
            return _field(block)
        packed = {"a": block.action, "v": block.value, "n": block.name, "l": block.label, "s": block.submit,
                  "m": block.multiline}  # fmt: skip
        value = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
        return {
            "type": "actions",
            "block_id": f"i{place}.0",
            "elements": [self._button(Button(block.submit, _FORM, value))],
        }


def _field(block: Input) -> Json:
    """One input of a modal. Its action id is the form field's name."""
    element: Json = {"type": "plain_text_input", "action_id": block.name, "multiline": block.multiline,
                     "max_length": LIMITS["input"]}  # fmt: skip
    if block.initial:
        element["initial_value"] = block.initial[: LIMITS["input"]]
    if block.choose:
        options = [
            {"text": _words(_option(label)), "value": value} for value, label in block.choose[: LIMITS["options"]]
        ]
        chosen = next((option for option in options if option["value"] == block.initial), options[0])
        element = {"type": "static_select", "action_id": block.name, "options": options, "initial_option": chosen}
    return {"type": "input", "block_id": f"field.{block.name}", "element": element, "label": _words(block.label),
            "optional": block.optional}  # fmt: skip


def _option(label: str) -> str:
    """A label that Slack takes; what is cut off is marked."""
    while len(escape(label)) > LIMITS["option"]:
        label = label[:-2].rstrip("…") + "…"
    return label


def _form_of(value: str) -> Pressed:
    try:
        packed = json.loads(value)
        name, label, action, submit, chosen = (str(packed[key]) for key in ("n", "l", "a", "s", "v"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Pressed(_FORM, "")
    return Pressed(action, chosen, Input(name, label, action, submit, chosen, bool(packed.get("m"))))


def _thumbs(good: Button, bad: Button, block_id: str, action_id: str) -> Json:
    """The platform's own feedback pair (docs.slack.dev: context_actions block)."""
    positive, negative = (
        {"text": _words(button.label), "value": f"{button.action} {button.value}"} for button in (good, bad)
    )
    element = {
        "type": "feedback_buttons",
        "action_id": action_id,
        "positive_button": positive,
        "negative_button": negative,
    }
    return {"type": "context_actions", "block_id": block_id, "elements": [element]}


def _left(block: Mapping[str, Any], action_id: str, value: str) -> list[Any] | None:
    """The buttons that stay in a block after a press; None if it was not pressed and settles nothing there."""
    elements = block.get("elements") or ([block["accessory"]] if "accessory" in block else [])
    left = [
        item for item in elements if item.get("action_id") != action_id and not (value and item.get("value") == value)
    ]
    return None if len(left) == len(elements) else left


def _message(card: Card, trusted: Mapping[str, str]) -> Json:
    return {"text": _some(escape(as_text(card))), "blocks": blocks(card, trusted)}


def _takes(message: Json) -> bool:
    """Whether a client shows all of it in one message."""
    return len(message["text"]) <= LIMITS["text"] and len(message["blocks"]) < LIMITS["message blocks"]


def _size(text: str) -> int:
    return len(escape(text))


def _fields(fields: Sequence[Json]) -> Iterator[Json]:
    if fields:
        yield {"type": "section", "fields": list(fields)}


def _some(text: str) -> str:
    """Slack refuses text of blanks alone."""
    return text if text.strip() else "…"


def _words(text: str) -> Json:
    return {"type": "plain_text", "text": _some(escape(text)), "emoji": False}


def _plain(text: str) -> Json:
    return {"type": "section", "text": _words(text)}


def _mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": _some(text), "verbatim": True}


def _context(text: str) -> Json:
    return {"type": "context", "elements": [_words(text)]}


def label_of(element: Mapping[str, Any], shown: Sequence[Mapping[str, Any]] = ()) -> str:
    """The label of a pressed button, plain: of one beside a line, the line."""
    lines = (block for block in shown if _is(block.get("accessory"), element.get("action_id")))
    if line := _said(next(lines, {})).partition(". ")[2]:
        return line
    return _said(element)


def _is(element: object, action_id: object) -> bool:
    return isinstance(element, Mapping) and element.get("action_id") == action_id


def _said(element: Mapping[str, Any]) -> str:
    text = element.get("text")
    return unescape(str(text.get("text", ""))) if isinstance(text, Mapping) else ""
