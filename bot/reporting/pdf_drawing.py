"""Drawings in a PDF (ISO 32000-1, 8.5): filled shapes and straight strokes, of which QR codes are made that are no picture.

No more of the language than that is understood, nothing is fetched or run, and everything is capped. A stream is drawn alone,
larger or smaller as its own shapes ask for: where on the page it would stand does not matter to whoever looks for a code.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

MOST_STREAMS = 400  # of a file that are looked at
MOST_BYTES = 2_000_000  # of one, inflated
MOST_TOKENS = 120_000
MOST_SHAPES = 12_000
FEWEST = 60  # shapes: the smallest code has more dark runs than that
SIDE = 1_200  # pixels
COST = 4 * SIDE * SIDE  # of drawing one, as so many pixels of a picture that is read
_STREAM = re.compile(rb"<<((?:[^<>]|<(?!<)|>(?!>)|<<[^<>]*>>){0,3000})>>\s*stream\r?\n", re.S)
_TOKEN = re.compile(
    rb"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+))(?=[\s/\[\]<>()]|$)|(?P<text>\((?:\\.|[^\\()]){0,2000}\))|(?P<op>[A-Za-z]+\*?)"
)
_SHAPES = re.compile(rb"\s(?:re|l|c)\s")
Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
_SAME: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Shape:
    """A filled polygon and how light it is, 0 (black) to 1."""

    points: tuple[Point, ...]
    light: float


@dataclass(frozen=True)
class _State:
    """What `q` keeps and `Q` brings back."""

    matrix: Matrix = _SAME
    fill: float = 0.0
    stroke: float = 0.0
    width: float = 1.0


@dataclass
class _Pen:
    """Reads operators, gathers shapes."""

    state: _State = field(default_factory=_State)
    kept: list[_State] = field(default_factory=list)
    paths: list[list[Point]] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


def drawings(data: bytes, budget: list[int]) -> Iterator[Any]:
    """Grey pictures of the streams of a PDF that draw enough to be a code. Never raises for what is in the bytes.

    Each one takes `COST` pixels off the budget, whether a picture comes of it or not.
    """
    for count, match in enumerate(_STREAM.finditer(data)):
        if count >= MOST_STREAMS or budget[0] < COST:
            return
        content = _content(match[1], data, match.end())
        if len(_SHAPES.findall(content)) < FEWEST:
            continue
        budget[0] -= COST
        try:
            picture = _painted(shapes(content))
        except (ValueError, OverflowError, MemoryError, ZeroDivisionError):
            continue
        if picture is not None:
            yield picture


def _content(head: bytes, data: bytes, start: int) -> bytes:
    """The text of a stream; b"" for pictures, fonts and what is packed in other ways."""
    if re.search(
        rb"/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType)|/Length1|/Type\s*/(?:XRef|ObjStm|Metadata)", head
    ):
        return b""
    end = data.find(b"endstream", start)
    body = data[start : end if end > 0 else len(data)]
    if b"/Filter" not in head:
        return body[:MOST_BYTES]
    if b"/FlateDecode" not in head or b"/ASCII" in head or b"/LZW" in head:
        return b""
    try:
        return zlib.decompressobj().decompress(body, MOST_BYTES)
    except zlib.error:
        return b""


def shapes(content: bytes) -> list[Shape]:
    """The shapes that a content stream paints, in order."""
    pen, numbers = _Pen(), list[float]()
    for count, token in enumerate(_TOKEN.finditer(content)):
        if count > MOST_TOKENS or len(pen.shapes) > MOST_SHAPES:
            break
        if token["number"]:
            numbers.append(float(token["number"]))
            del numbers[:-8]
        elif token["op"]:
            _do(pen, token["op"].decode(), numbers)
            numbers.clear()
    return pen.shapes


def _do(pen: _Pen, operator: str, given: list[float]) -> None:
    state = pen.state
    match operator, given:
        case "q", _ if len(pen.kept) < 100:
            pen.kept.append(state)
        case "Q", _ if pen.kept:
            pen.state = pen.kept.pop()
        case "cm", [a, b, c, d, e, f]:
            pen.state = _State(_product((a, b, c, d, e, f), state.matrix), state.fill, state.stroke, state.width)
        case "w", [width]:
            pen.state = _State(state.matrix, state.fill, state.stroke, width)
        case (("g" | "rg" | "k" | "sc" | "scn"), [_, *_]):
            pen.state = _State(state.matrix, _light(given), state.stroke, state.width)
        case (("G" | "RG" | "K" | "SC" | "SCN"), [_, *_]):
            pen.state = _State(state.matrix, state.fill, _light(given), state.width)
        case (("m" | "l" | "c" | "v" | "y" | "re"), _):
            _path(pen, operator, given)
        case (("f" | "F" | "f*" | "B" | "B*" | "b" | "b*"), _):
            pen.shapes += [Shape(tuple(path), state.fill) for path in pen.paths if len(path) > 2]
            pen.paths = []
        case (("S" | "s"), _):
            pen.shapes += [_line(a, b, state) for path in pen.paths for a, b in pairwise(path)]
            pen.paths = []
        case "n", _:
            pen.paths = []


def _path(pen: _Pen, operator: str, given: list[float]) -> None:
    """Points of the path, on the page. A curve is four straight pieces."""
    at = pen.state.matrix
    match operator, given:
        case "m", [x, y]:
            pen.paths.append([_place(at, x, y)])
        case "re", [x, y, wide, high]:
            corners = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high))
            pen.paths.append([_place(at, *corner) for corner in corners])
        case "l", [x, y] if pen.paths:
            pen.paths[-1].append(_place(at, x, y))
        case "c", [x1, y1, x2, y2, x3, y3] if pen.paths:
            ends = (pen.paths[-1][-1], _place(at, x1, y1), _place(at, x2, y2), _place(at, x3, y3))
            pen.paths[-1] += [_on_curve(ends, part) for part in (0.25, 0.5, 0.75, 1.0)]
        case (("v" | "y"), [_, _, x, y]) if pen.paths:
            pen.paths[-1].append(_place(at, x, y))


def _on_curve(ends: tuple[Point, Point, Point, Point], part: float) -> Point:
    """A point of a Bézier curve (ISO 32000-1, 8.5.2.2)."""
    left = 1.0 - part
    weights = (left**3, 3 * left * left * part, 3 * left * part * part, part**3)
    x = sum(weight * point[0] for weight, point in zip(weights, ends, strict=True))
    return x, sum(weight * point[1] for weight, point in zip(weights, ends, strict=True))


def _line(start: Point, end: Point, state: _State) -> Shape:
    """A stroke as the polygon that it covers, with flat ends."""
    a, b, c, d = state.matrix[:4]
    half = max(state.width, 0.01) * abs(a * d - b * c) ** 0.5 / 2
    wide, high = end[0] - start[0], end[1] - start[1]
    long = (wide * wide + high * high) ** 0.5 or 1.0
    x, y = -high / long * half, wide / long * half
    corners = (
        (start[0] + x, start[1] + y),
        (end[0] + x, end[1] + y),
        (end[0] - x, end[1] - y),
        (start[0] - x, start[1] - y),
    )
    return Shape(corners, state.stroke)


def _light(given: list[float]) -> float:
    """Grey, red-green-blue, or cyan-magenta-yellow-black."""
    if len(given) == 4:
        return max(0.0, 1.0 - given[3] - sum(given[:3]) / 3)
    return sum(given) / len(given)


def _product(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _place(at: Matrix, x: float, y: float) -> Point:
    a, b, c, d, e, f = at
    return (a * x + c * y + e, b * x + d * y + f)


def _painted(found: list[Shape]) -> Any:
    """The picture of what is dark and what lies over it; None for too little."""
    from PIL import Image, ImageDraw  # noqa: PLC0415  (only pictures need it)

    dark = [point for shape in found if shape.light < 0.5 for point in shape.points]
    if len(dark) < 4 * FEWEST:
        return None
    left, right = min(x for x, _ in dark), max(x for x, _ in dark)
    low, high = min(y for _, y in dark), max(y for _, y in dark)
    scale = SIDE / max(right - left, high - low, 1e-6)
    size = (int((right - left) * scale) + 81, int((high - low) * scale) + 81)
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for shape in found:  # the page's y grows upwards
        points = [(40 + (x - left) * scale, size[1] - 41 - (y - low) * scale) for x, y in shape.points]
        draw.polygon([(_near(x), _near(y)) for x, y in points], fill=int(255 * min(1.0, max(0.0, shape.light))))
    return image


def _near(number: float) -> float:
    """Far outside is as good as anywhere outside."""
    return min(max(number, -10_000.0), 10_000.0)
