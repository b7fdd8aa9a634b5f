"""A paper as HTML: the same text as the PDF, for mail and browsers, and for whoever needs structure that can be read out.

`fragment` goes into a page of ours (no style of its own: the classes are `paper` and what is below). `page` stands alone: one
file, nothing fetched, no script.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from markupsafe import Markup, escape

from adapters.shown import visible
from bot.papers import Bars, Facts, Grid, Heading, Listed, NewPage, Paper, Part, Words

_HIGH, _LABEL, _ROOM, _SAID = 26, 200, 340, 100  # of bars, in units of their drawing


def page(paper: Paper) -> bytes:
    """A whole file in UTF-8."""
    head = Markup(
        '<!doctype html>\n<html lang="{}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    )
    policy = Markup(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    title = Markup("<title>{}</title><style>{}</style></head><body><main><h1>{}</h1>\n")
    parts = [
        head.format(paper.lang), policy, title.format(_shown(paper.title), _style(), _shown(paper.title)),
        fragment(paper), Markup("<footer><p class=\"muted\">{}</p></footer></main></body></html>\n").format(_shown(paper.foot)),
    ]  # fmt: skip
    return str(Markup().join(parts)).encode()


def fragment(paper: Paper) -> Markup:
    """What stands below the title; its headings begin with h2."""
    return Markup('<div class="paper">\n{}</div>\n').format(
        Markup().join(piece for part in paper.parts for piece in _part(part))
    )


def _part(part: Part) -> Iterator[Markup]:
    match part:
        case Heading():
            yield Markup("<h{}>{}</h{}>\n").format(part.level + 1, _shown(part.text), part.level + 1)
        case Words():
            yield Markup('<p class="{}" dir="auto">{}</p>\n').format(part.style, _lines(part.text))
        case Listed():
            kind = "ol" if part.numbered else "ul"
            items = Markup().join(Markup('<li dir="auto">{}</li>').format(_lines(item)) for item in part.items)
            yield Markup("<{}>{}</{}>\n").format(kind, items, kind)
        case Facts():
            pairs = (Markup('<dt>{}</dt><dd dir="auto">{}</dd>').format(_shown(n), _lines(v)) for n, v in part.pairs)
            yield Markup("<dl>{}</dl>\n").format(Markup().join(pairs))
        case Grid():
            yield _grid(part)
        case Bars():
            yield _bars(part)
        case NewPage():
            yield Markup('<div class="break"></div>\n')


def _grid(part: Grid) -> Markup:
    def cells(row: tuple[str, ...], cell: Markup) -> Markup:
        return Markup().join(
            cell.format(Markup(' class="right"') if i in part.right else "", _lines(text)) for i, text in enumerate(row)
        )

    heads = cells(part.heads, Markup('<th scope="col"{}>{}</th>'))
    rows = Markup().join(
        Markup("<tr>{}</tr>\n").format(cells(row, Markup('<td dir="auto"{}>{}</td>'))) for row in part.rows
    )
    label = _shown(part.title or ", ".join(part.heads))
    return Markup(
        '<div class="scroll" role="region" aria-label="{}" tabindex="0"><table aria-label="{}"><thead><tr>{}</tr></thead>\n'
        "<tbody>{}</tbody></table></div>\n"
    ).format(label, label, heads, rows)


def _bars(part: Bars) -> Markup:
    most = max([part.most, part.mark or 0.0, *(value for _, value, _ in part.bars if value is not None)]) or 1.0
    tall = _HIGH * max(len(part.bars), 1)
    drawn = []
    for place, (name, value, text) in enumerate(part.bars):
        y, long = place * _HIGH, round(_ROOM * max(value or 0.0, 0.0) / most, 1)
        label = name if len(name) <= 30 else f"{name[:29]}…"
        drawn.append(Markup('<text x="0" y="{}">{}</text>').format(y + 17, _shown(label)))
        if value is not None:
            drawn.append(
                Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
                    _LABEL, y + 4, max(long, 1), _HIGH - 8
                )
            )
        drawn.append(Markup('<text x="{}" y="{}">{}</text>').format(_LABEL + long + 6, y + 17, _shown(text)))
    if part.mark is not None:
        x = round(_LABEL + _ROOM * part.mark / most, 1)
        drawn.append(Markup('<line class="mark" x1="{}" x2="{}" y1="0" y2="{}"/>').format(x, x, tall))
    return Markup(
        '<figure><figcaption class="strong">{}</figcaption>'
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg></figure>\n'
    ).format(_shown(part.title), _shown(part.said), _LABEL + _ROOM + _SAID, tall, Markup().join(drawn))


def _style() -> Markup:
    return Markup((files("adapters.papers") / "paper.css").read_text("utf-8"))  # noqa: S704 # nosec B704 (ours)


def _shown(text: str) -> Markup:
    return escape(visible(text))


def _lines(text: str) -> Markup:
    return Markup("<br>").join(_shown(line) for line in text.split("\n"))
