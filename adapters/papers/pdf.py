"""A paper as PDF, with ReportLab.

Every text is escaped, since ReportLab's paragraphs read markup. The font comes along (Latin, Greek, Cyrillic), so a PDF looks the
same everywhere; a sign it has no picture for is printed as the letter under it, or as a box, and the paper says so at its end.
Title, language, author and an outline are in the file. Neither the present time nor anything random is: the same paper is the
same bytes. ReportLab writes no structure tags; whoever needs those reads the HTML form.
"""

from __future__ import annotations

import io
import time
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape  # nosec B406 (writes; reads no XML)

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    ListFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from adapters.shown import visible
from bot.papers import Bars, Facts, Grid, Heading, Listed, NewPage, Paper, Part, Words

PLAIN, BOLD = "Secdesk-Sans", "Secdesk-Sans-Bold"
MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN
MOST_CELL = 20_000  # letters in a cell; a longer one would take minutes to lay out
INK, SOFT, LINE, BAR, ALERT, SHADE = (
    HexColor(colour) for colour in ("#15202b", "#4a5763", "#c3ccd4", "#2463a8", "#9c1f1f", "#eef2f5")
)
BOX = "\u25a1"


def pdf(paper: Paper) -> bytes:
    """The file."""
    press = _Press()
    body = [
        Paragraph(press.text(paper.title), _STYLES["title"]),
        *(item for part in paper.parts for item in press.part(part)),
    ]
    if press.unprinted and paper.letters:
        body.append(Paragraph(press.text(paper.letters), _STYLES["muted"]))
    out = io.BytesIO()
    document = _Document(out, paper, press)
    document.build(body, canvasmaker=_canvas(paper, press))
    return out.getvalue()


class _Press:
    """Turns parts into what ReportLab lays out, and remembers whether a sign could not be printed."""

    def __init__(self) -> None:
        self._glyphs = _fonts()
        self.unprinted = False

    def text(self, text: str) -> str:
        """Plain text as ReportLab's markup."""
        return escape(self.plain(text)).replace("\n", "<br/>")

    def plain(self, text: str) -> str:
        """Text of signs that the font has."""
        return "".join(self._sign(sign) for sign in visible(unicodedata.normalize("NFC", text)).expandtabs(4))

    def _sign(self, sign: str) -> str:
        if sign == "\n" or ord(sign) in self._glyphs:
            return sign
        self.unprinted = True
        under = "".join(part for part in unicodedata.normalize("NFKD", sign) if ord(part) in self._glyphs)
        return under or BOX

    def part(self, part: Part) -> Iterator[Flowable]:
        """One part of a paper."""
        match part:
            case Heading():
                yield CondPageBreak(90)  # never a heading alone at the foot of a page
                yield _Outlined(self.text(part.text), _STYLES[f"h{part.level}"], self.plain(part.text), part.level)
            case Words():
                yield Paragraph(self.text(part.text), _STYLES[part.style])
            case Listed():
                items = [Paragraph(self.text(item), _STYLES["plain"]) for item in part.items]
                kind = {"bulletType": "1"} if part.numbered else {"bulletType": "bullet", "start": "•"}
                yield ListFlowable(items, bulletFontName=PLAIN, bulletFontSize=9, leftIndent=14, **kind)
            case Facts():
                yield self._facts(part)
            case Grid():
                yield self._grid(part)
                yield Spacer(0, 8)
            case Bars():
                yield KeepTogether(
                    [Paragraph(self.text(part.title), _STYLES["strong"]), self._bars(part), Spacer(0, 6)]
                )
            case NewPage():
                yield PageBreak()

    def _cell(self, text: str, style: str) -> Paragraph:
        cut = text if len(text) <= MOST_CELL else f"{text[:MOST_CELL]} …"
        return Paragraph(self.text(cut), _STYLES[style])

    def _facts(self, part: Facts) -> Table:
        rows = [[self._cell(name, "name"), self._cell(value, "cell")] for name, value in part.pairs]
        style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), *_TIGHT]
        return Table(rows, colWidths=[WIDTH * 0.26, WIDTH * 0.74], style=TableStyle(style), splitInRow=1, spaceAfter=8)

    def _grid(self, part: Grid) -> Table:
        shares = part.widths or tuple(1.0 for _ in part.heads)
        widths = [WIDTH * share / sum(shares) for share in shares]
        rows = [[self._cell(head, "headright" if i in part.right else "head") for i, head in enumerate(part.heads)]]
        rows += [
            [self._cell(cell, "right" if i in part.right else "cell") for i, cell in enumerate(row)]
            for row in part.rows
        ]
        style = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("BACKGROUND", (0, 0), (-1, 0), SHADE),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), *_TIGHT,
        ]  # fmt: skip
        return Table(rows, colWidths=widths, repeatRows=1, style=TableStyle(style), splitInRow=1)

    def _bars(self, part: Bars) -> Drawing:
        """Labels on the left, bars, and what each says behind it."""
        high, label, said = 18.0, WIDTH * 0.3, WIDTH * 0.18
        room, tall = WIDTH - label - said, high * max(len(part.bars), 1)
        most = max([part.most, part.mark or 0.0, *(value for _, value, _ in part.bars if value is not None)]) or 1.0
        drawing = Drawing(WIDTH, tall + 4)
        for place, (name, value, text) in enumerate(part.bars):
            y = tall - high * (place + 1) + 4
            drawing.add(
                String(0, y + 4, _fitted(self.plain(name), label - 6), fontName=PLAIN, fontSize=8.5, fillColor=INK)
            )
            long = room * max(value or 0.0, 0.0) / most
            if value is not None:
                drawing.add(Rect(label, y, max(long, 0.8), high - 6, fillColor=BAR, strokeColor=None))
            drawing.add(String(label + long + 4, y + 4, self.plain(text), fontName=PLAIN, fontSize=8.5, fillColor=INK))
        if part.mark is not None:
            x = label + room * part.mark / most
            drawing.add(Line(x, 0, x, tall + 2, strokeColor=ALERT, strokeWidth=1, strokeDashArray=[3, 2]))
        return drawing


class _Outlined(Paragraph):  # type: ignore[misc] # (ReportLab has no types)
    """A heading that is in the outline too."""

    def __init__(self, text: str, style: ParagraphStyle, name: str, level: int) -> None:
        super().__init__(text, style)
        self.entry = (name.replace("\n", " "), level)


class _Document(BaseDocTemplate):  # type: ignore[misc] # (ReportLab has no types)
    """Pages with a foot, and the outline."""

    def __init__(self, out: io.BytesIO, paper: Paper, press: _Press) -> None:
        super().__init__(
            out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
            title=press.plain(paper.title), author=press.plain(paper.author), subject=press.plain(paper.subject),
            creator="Secdesk", lang=paper.lang, invariant=1, displayDocTitle=True,
        )  # fmt: skip
        frame = Frame(MARGIN, MARGIN, WIDTH, A4[1] - 2 * MARGIN, 0, 0, 0, 0, id="body")
        self.addPageTemplates(PageTemplate(id="page", frames=[frame]))
        self._entries, self._deepest = 0, -1

    def afterFlowable(self, flowable: Flowable) -> None:
        """Headings join the outline, never more than one level deeper than the one before."""
        if isinstance(flowable, _Outlined):
            name, level = flowable.entry
            self._deepest = min(level - 1, self._deepest + 1)
            key = f"h{self._entries}"
            self._entries += 1
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(name, key, self._deepest)


def _canvas(paper: Paper, press: _Press) -> type[Canvas]:
    """A canvas that numbers its pages "2 / 5" and says the paper's own time."""

    class Numbered(Canvas):  # type: ignore[misc] # (ReportLab has no types)
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            stamp = self._doc._timeStamp
            stamp.t, stamp.lt = paper.made, time.gmtime(paper.made)
            stamp.YMDhms = tuple(stamp.lt)[:6]
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, state in enumerate(self._kept, 1):
                self.__dict__.update(state)
                self.setFont(PLAIN, 8)
                self.setFillColor(SOFT)
                self.drawString(MARGIN, 11 * mm, _fitted(press.plain(paper.foot), WIDTH - 25 * mm, 8))
                self.drawRightString(MARGIN + WIDTH, 11 * mm, f"{number} / {len(self._kept)}")
                super().showPage()
            super().save()

    return Numbered


def _fitted(text: str, width: float, size: float = 8.5) -> str:
    """Text cut to a width."""
    if pdfmetrics.stringWidth(text, PLAIN, size) <= width:
        return text
    while text and pdfmetrics.stringWidth(f"{text}…", PLAIN, size) > width:
        text = text[:-1]
    return f"{text}…"


@lru_cache(maxsize=1)
def _fonts() -> frozenset[int]:
    """The fonts are known to ReportLab after this; code points that both have."""
    found = []
    for name, file in ((PLAIN, "DejaVuSans.ttf"), (BOLD, "DejaVuSans-Bold.ttf")):
        with as_file(files("adapters.papers") / "fonts" / file) as path:
            font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
        found.append(set(font.face.charToGlyph))
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return frozenset(found[0] & found[1])


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    values = {"fontName": PLAIN, "textColor": INK, "leading": size * 1.4, "splitLongWords": 1, **more}
    return ParagraphStyle(name, fontSize=size, **values)


_TIGHT = [("LEFTPADDING", (0, 0), (-1, -1), 4), ("RIGHTPADDING", (0, 0), (-1, -1), 4), ("TOPPADDING", (0, 0), (-1, -1), 3),
          ("BOTTOMPADDING", (0, 0), (-1, -1), 4)]  # fmt: skip
_ALL = (
    _style("title", 20, fontName=BOLD, spaceAfter=10), _style("h1", 14, fontName=BOLD, spaceBefore=14, spaceAfter=6),
    _style("h2", 11.5, fontName=BOLD, spaceBefore=10, spaceAfter=4),
    _style("h3", 10, fontName=BOLD, spaceBefore=8, spaceAfter=3),
    _style("plain", 9.5, spaceAfter=5), _style("muted", 8.5, textColor=SOFT, spaceAfter=5),
    _style("strong", 9.5, fontName=BOLD, spaceAfter=4), _style("alert", 9.5, fontName=BOLD, textColor=ALERT, spaceAfter=5),
    _style("code", 8, textColor=SOFT, spaceAfter=5), _style("cell", 8.5), _style("right", 8.5, alignment=2),
    _style("name", 8.5, textColor=SOFT), _style("head", 8.5, fontName=BOLD),
    _style("headright", 8.5, fontName=BOLD, alignment=2),
)  # fmt: skip
_STYLES = {style.name: style for style in _ALL}
