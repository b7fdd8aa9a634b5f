"""A neutral card as Adaptive Cards 1.5, the way Teams shows it. Pure: no network, no SDK.

Everything in a card is somebody's text, so running text goes into RichTextBlock: its runs know no Markdown on any Teams
client, and nothing typed can become a link, a mention or a list. Only headings need TextBlock (screen readers look for
`style: heading`) and are escaped. Layout is narrow first: no columns, long choices wrap, one choice a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from bot.cards import Attached, Block, Button, Buttons, Card, Choices, Facts, Input, Link, Steps, Text, as_text

Json = dict[str, Any]

# Limits of the platform in one place (learn.microsoft.com: Teams cards reference, bot message size).
CARD_BYTES: Final = 25 * 1024  # 413 comes above about 80 KB, older clients refuse from 28
PRIMARY_ACTIONS: Final = 3  # shown; the rest goes into the overflow menu
ACTIONS: Final = 6  # of one ActionSet
BUTTON_CHARACTERS: Final = 32  # longer titles are cut off on a phone: those become a pressable paragraph
ROW_PIXELS: Final = 300  # of a card on a phone: buttons beyond that are cut off there, so they get a row of their own
CHARACTER_PIXELS, BUTTON_PIXELS, OVERFLOW_PIXELS = (
    8,
    32,
    40,
)  # a letter of a title, what is around it, and the "…" button
FALLBACK_CHARACTERS: Final = 2_000
SUMMARY_CHARACTERS: Final = 200
INPUT_CHARACTERS: Final = 4_000

CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"
DATA: Final = "secdesk"  # the one key of an action's data that is ours
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<~"})
_COLOURS = {"emergency": "attention", "warning": "warning", "done": "good"}
_LOOKS: dict[str, Json] = {"muted": {"isSubtle": True, "size": "small"}, "strong": {"weight": "bolder"}}
_STYLES = {"primary": "positive", "danger": "destructive"}


def adaptive_cards(card: Card) -> list[Json]:
    """The card; more than one when it would be over `CARD_BYTES`. Nothing is left out, and buttons come last."""
    whole = _adaptive(card)
    if _size(whole) <= CARD_BYTES:
        return [whole]
    return [_adaptive(part) for part in _split(card)]


def activity_of(adaptive: Json, card: Card) -> Json:
    """The message that carries a card. `summary` is what the notification and the chat list show."""
    attachment = {"contentType": CONTENT_TYPE, "content": adaptive}
    return {"type": "message", "summary": summary(card), "attachments": [attachment]}


def summary(card: Card) -> str:
    """One line for a notification."""
    line = " ".join(as_text(replace(card, blocks=card.blocks[:2])).split())
    return line if len(line) <= SUMMARY_CHARACTERS else line[: SUMMARY_CHARACTERS - 1] + "…"


def pressed_button(card: Card, action: str, value: str) -> Button | None:
    """The button of a card that sends this."""
    for block in card.blocks:
        for button in _buttons_of(block):
            if (button.action, button.value) == (action, value):
                return button
    return None


def after_press(card: Card, action: str, value: str, note: str) -> Card:
    """The card once it has been pressed: no dead buttons. A question closes; of buttons, those about the same thing go.

    `note` says what was chosen and stands where it was chosen; "" leaves no mark.
    """
    blocks: list[Block] = []
    for block in card.blocks:
        mark: tuple[Block, ...] = (Text(note, "muted"),) if note else ()
        match block:
            case Choices(prompt=prompt, options=options) if _sends(options, action, value):
                blocks += [*((Text(prompt, "strong"),) if prompt else ()), *mark]
            case Buttons(buttons=buttons) if _sends(buttons, action, value):
                rest = tuple(button for button in buttons if not _settled(button, action, value))
                blocks += [*mark, *((Buttons(rest),) if rest else ())]
            case Input() if (block.action, block.value) == (action, value):
                blocks += mark if mark and mark[0] not in blocks else ()
            case _:
                blocks.append(block)
    return replace(card, blocks=tuple(blocks))


# building


def _adaptive(card: Card) -> Json:
    body: list[Json] = [_heading(card)] if card.title else []
    for number, block in enumerate(card.blocks):
        body += _block(block, number, _fields(card, number))
    text = as_text(card)
    fallback = text if len(text) <= FALLBACK_CHARACTERS else text[: FALLBACK_CHARACTERS - 1] + "…"
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "lang": card.lang,
        "fallbackText": fallback,
        "speak": _spoken(card),
        "body": body or [_rich("…")],
    }


def _heading(card: Card) -> Json:
    colour = _COLOURS.get(card.tone)
    return {
        "type": "TextBlock", "text": card.title.translate(_SPECIAL), "style": "heading", "weight": "bolder",
        "size": "medium", "wrap": True, **({"color": colour} if colour else {}),
    }  # fmt: skip


def _spoken(card: Card) -> str:
    """Title and first paragraph. `speak` may be read as SSML, so nothing in it may look like a tag."""
    first = next((block.text for block in card.blocks if isinstance(block, Text)), "")
    words = " ".join(f"{card.title}. {first}".split()) if card.title else first
    return (words or as_text(card))[:500].translate({ord("<"): " ", ord(">"): " ", ord("&"): " "})


def _fields(card: Card, number: int) -> list[str]:
    """Ids of the inputs that block `number` sends: inputs of one action are one form, and its last one has the button."""
    block = card.blocks[number]
    if not isinstance(block, Input):
        return []
    mates = [i for i, other in enumerate(card.blocks) if isinstance(other, Input) and _same_form(other, block)]
    return [_id_of(card.blocks[i], i) for i in mates] if number == mates[-1] else []


def _same_form(one: Input, other: Input) -> bool:
    return (one.action, one.value, one.submit) == (other.action, other.value, other.submit)


def _id_of(block: Block, number: int) -> str:
    """The id carries the block's place, so that two inputs of one name do not meet."""
    return f"{block.name}.{number}" if isinstance(block, Input) else ""


def _block(block: Block, number: int, fields: Sequence[str]) -> list[Json]:
    match block:
        case Text(text=text, style="quote"):
            return [{"type": "Container", "style": "emphasis", "items": [_rich(text)]}]
        case Text(text=text, style=style):
            return [_rich(text, **_LOOKS.get(style, {}))]
        case Facts(pairs=pairs):
            return [_fact(label, value, first=i == 0) for i, (label, value) in enumerate(pairs)]
        case Steps(items=items, heading=heading, ordered=ordered):
            marks = (f"{i}." if ordered else "•" for i in range(1, len(items) + 1))
            lines = [_rich(f"{mark}\u00a0{item}", spacing="small") for mark, item in zip(marks, items, strict=True)]
            return [*([_rich(heading, weight="bolder")] if heading else []), *lines]
        case Buttons(buttons=buttons):
            return _action_sets(buttons)
        case Choices(prompt=prompt, options=options):
            asked = [_rich(prompt, weight="bolder")] if prompt else []
            return [*asked, *_choices(options)]
        case Input():
            return _input(block, number, fields)
        case Attached(name=name):
            return [_rich(f"\U0001f4ce\u00a0{name}")]
        case Link(label=label, url=url) if block.opens:
            return [{"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "title": label, "url": url}]}]
        case Link(label=label, url=url):
            return [_rich(f"{label}: {url}")]


def _rich(text: str, *, spacing: str = "", **look: Any) -> Json:
    run = {"type": "TextRun", "text": text, **look}
    return {"type": "RichTextBlock", "inlines": [run], **({"spacing": spacing} if spacing else {})}


def _fact(label: str, value: str, *, first: bool) -> Json:
    runs = [
        {"type": "TextRun", "text": f"{label}: ", "weight": "bolder"},
        {"type": "TextRun", "text": value},
    ]
    return {"type": "RichTextBlock", "inlines": runs, **({} if first else {"spacing": "small"})}


def _action_sets(buttons: Sequence[Button]) -> list[Json]:
    """Rows that fit on a phone; what does not belong to the first few is in the last row's overflow menu."""
    rows = [[_action(button) for button in row] for row in _rows(buttons[:PRIMARY_ACTIONS], len(buttons))]
    for button in buttons[PRIMARY_ACTIONS:]:
        if len(rows[-1]) == ACTIONS:
            rows.append([])
        rows[-1].append(_action(button, secondary=True))
    return [
        {"type": "ActionSet", **({"spacing": "small"} if i else {}), "actions": row}
        for i, row in enumerate(rows)
        if row
    ]


def _rows(first: Sequence[Button], number: int) -> list[list[Button]]:
    """The first few of `number` buttons, as many in a row as fit."""
    rows, left = [list[Button]()], ROW_PIXELS
    for i, button in enumerate(first):
        wide = CHARACTER_PIXELS * len(button.label) + BUTTON_PIXELS
        needed = wide + (OVERFLOW_PIXELS if i == PRIMARY_ACTIONS - 1 and number > PRIMARY_ACTIONS else 0)
        if rows[-1] and needed > left:
            rows.append([])
            left = ROW_PIXELS
        rows[-1].append(button)
        left -= wide
    return rows


def _choices(options: Sequence[Button]) -> list[Json]:
    """A choice a line. If one is too long for a button they are all paragraphs that can be pressed, so that they look alike."""
    if all(len(option.label) <= BUTTON_CHARACTERS for option in options):
        return [{"type": "ActionSet", "spacing": "small", "actions": [_action(option)]} for option in options]
    return [
        {"type": "Container", "style": "emphasis", "spacing": "small", "items": [_rich(option.label)],
         "selectAction": _action(option)} for option in options
    ]  # fmt: skip


def _action(button: Button, *, secondary: bool = False, fields: Sequence[str] = ()) -> Json:
    """`Action.Execute`, and for clients that do not know it `Action.Submit` with the same data.

    Only the button of an input sends what was typed there.
    """
    data = {DATA: {"action": button.action, "value": button.value, **({"inputs": list(fields)} if fields else {})}}
    inputs = "auto" if fields else "none"
    style = _STYLES.get(button.style)
    look = {
        "title": button.label,
        **({"style": style} if style else {}),
        **({"mode": "secondary"} if secondary else {}),
    }
    submit = {"type": "Action.Submit", **look, "data": data, "associatedInputs": inputs}
    return {"type": "Action.Execute", **look, "verb": button.action, "data": data, "associatedInputs": inputs,
            "fallback": submit}  # fmt: skip


def _input(block: Input, number: int, fields: Sequence[str]) -> list[Json]:
    shared = {"id": _id_of(block, number), "label": block.label, **({"value": block.initial} if block.initial else {})}
    typed: Json = {
        "type": "Input.Text", **shared, "isMultiline": block.multiline, "maxLength": INPUT_CHARACTERS,
    }  # fmt: skip
    if block.choose:
        options = [{"title": label, "value": value} for value, label in block.choose]
        typed = {"type": "Input.ChoiceSet", **shared, "style": "compact", "wrap": True, "choices": options}
    button = Button(block.submit, block.action, block.value, "primary")
    return [typed, *([{"type": "ActionSet", "actions": [_action(button, fields=fields)]}] if fields else [])]


def _buttons_of(block: Block) -> tuple[Button, ...]:
    match block:
        case Buttons(buttons=buttons):
            return buttons
        case Choices(options=options):
            return options
        case Input():
            return (Button(block.submit, block.action, block.value),)
        case _:
            return ()


def _settled(button: Button, action: str, value: str) -> bool:
    """Pressing one of several buttons about the same thing ("Solved", "Did not help") settles them all."""
    return (button.action, button.value) == (action, value) or (button.value == value and bool(value))


def _sends(buttons: Sequence[Button], action: str, value: str) -> bool:
    return any((button.action, button.value) == (action, value) for button in buttons)


# splitting


def _size(adaptive: Json) -> int:
    return len(json.dumps(adaptive, ensure_ascii=False, separators=(",", ":")).encode())


def _split(card: Card) -> Iterator[Card]:
    """Cards that fit, in order. A paragraph that fits in none is cut between words."""
    taken: list[Block] = []
    title = card.title
    for block in _pieces(card):
        if taken and _size(_adaptive(replace(card, title=title, blocks=(*taken, block)))) > CARD_BYTES:
            yield replace(card, title=title, blocks=tuple(taken))
            taken, title = [], ""
        taken.append(block)
    yield replace(card, title=title, blocks=tuple(taken))


def _pieces(card: Card) -> Iterator[Block]:
    """The blocks; one that would fill more than a third of a card is broken up."""
    for block in card.blocks:
        if _size(_adaptive(Card("", (block,)))) * 3 <= CARD_BYTES:
            yield block
        else:
            yield from _broken_up(block)


def _broken_up(block: Block) -> Iterator[Block]:
    match block:
        case Text(text=text, style=style):
            yield from (Text(part, style) for part in _parts(text))
        case Steps(items=items, heading=heading, ordered=ordered):
            yield from ((Text(heading, "strong"),) if heading else ())
            for i, item in enumerate(items, 1):
                yield from (Text(part) for part in _parts(f"{i}. {item}" if ordered else f"• {item}"))
        case Facts(pairs=pairs):
            for label, value in pairs:
                yield from (Text(part) for part in _parts(f"{label}: {value}"))
        case Buttons(buttons=buttons):
            yield from (Buttons((button,)) for button in buttons)
        case Choices(prompt=prompt, options=options):
            yield from (Choices(prompt if i == 0 else "", (option,)) for i, option in enumerate(options))
        case Input() | Attached() | Link():
            yield block


def _parts(text: str, most: int = CARD_BYTES // 16) -> Iterator[str]:
    """Pieces of at most `most` characters, cut between words: a character may take four bytes and stands there twice."""
    while len(text) > most:
        cut = text.rfind(" ", most // 2, most) + 1 or most
        yield text[:cut].rstrip()
        text = text[cut:]
    yield text
