"""A card that is too much for one message of a platform, as several that fit. Nothing is left out; buttons stay last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bot.cards import Attached, Block, Buttons, Card, Choices, Facts, Input, Link, Steps, Text


def split(card: Card, fits: Callable[[Card], bool], longest: int) -> Iterator[Card]:
    """Cards that fit, in order. A paragraph that fits in none is cut between words, `longest` characters a piece."""
    if fits(card):
        yield card
        return
    taken: list[Block] = []
    title = card.title
    for block in _pieces(card, fits, longest):
        if taken and not fits(replace(card, title=title, blocks=(*taken, block))):
            yield replace(card, title=title, blocks=tuple(taken))
            taken, title = [], ""
        taken.append(block)
    yield replace(card, title=title, blocks=tuple(taken))


def words_apart(text: str, longest: int, size: Callable[[str], int] = len) -> Iterator[str]:
    """Pieces whose `size` is at most `longest`, cut between words where there are any."""
    while size(text) > longest:
        end = min(len(text), longest)
        while (over := size(text[:end]) - longest) > 0:
            end = max(1, end - max(1, over // 4))
        cut = max(text.rfind(" ", end // 2, end), text.rfind("\n", end // 2, end)) + 1 or end
        yield text[:cut].rstrip() or text[:cut]
        text = text[cut:]
    yield text


def _pieces(card: Card, fits: Callable[[Card], bool], longest: int) -> Iterator[Block]:
    for block in card.blocks:
        if fits(Card("", (block,))):
            yield block
        else:
            yield from _broken_up(block, longest)


def _broken_up(block: Block, longest: int) -> Iterator[Block]:
    match block:
        case Text(text=text, style=style):
            yield from (Text(part, style) for part in words_apart(text, longest))
        case Steps(items=items, heading=heading, ordered=ordered):
            yield from ((Text(heading, "strong"),) if heading else ())
            for i, item in enumerate(items, 1):
                yield from (Text(part) for part in words_apart(f"{i}. {item}" if ordered else f"• {item}", longest))
        case Facts(pairs=pairs):
            for label, value in pairs:
                yield from (Text(part) for part in words_apart(f"{label}: {value}", longest))
        case Buttons(buttons=buttons):
            yield from (Buttons((button,)) for button in buttons)
        case Choices(prompt=prompt, options=options):
            yield from (Choices(prompt if i == 0 else "", (option,)) for i, option in enumerate(options))
        case Input() | Attached() | Link():
            yield block
