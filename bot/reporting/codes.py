"""QR codes wherever a mail can hold one: attached and inline pictures, PDFs, data in the HTML, coloured tables, block characters.

A phone reads them all, and leaves the protected computer for its browser. Nothing is opened or fetched. Everything is capped: a
mail costs at most `MAX_PIXELS` of reading. Drawings in an SVG file are not rendered.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any

from bot.reporting.pdf_drawing import drawings
from bot.reporting.screenshots import MOST_CODES, read_codes

MAX_PICTURES = 12  # of one mail
MAX_BYTES = 12_000_000  # of them together
MAX_PIXELS = 40_000_000  # decoded, of one mail
LARGEST = 1_600  # pixels of a side; a larger picture is made smaller
SMALLEST = 21  # modules of the smallest QR code (ISO/IEC 18004, version 1)
KINDS = frozenset({"png", "jpeg", "gif", "bmp", "webp", "tiff", "pdf"})
_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|bmp|webp)\s*;\s*base64\s*,([A-Za-z0-9+/=\s%]{200,2000000})", re.I)
_ROW = re.compile(r"<tr\b[^>]*>(.*?)(?=</tr|<tr\b|\Z)", re.I | re.S)
_CELL = re.compile(r"<t[dh]\b([^>]*)>([^<]{0,20})", re.I)
_COLOUR = re.compile(r"background(?:-color)?\s*:\s*([#\w(), ]{3,30})|bgcolor\s*=\s*[\"']?([#\w]{3,20})", re.I)
_SPAN = re.compile(r"colspan\s*=\s*[\"']?(\d{1,3})", re.I)
_DARK = {"black", "#000", "#000000", "navy", "darkblue", "#111", "#111111", "#222", "#222222", "#333", "#333333"}
_BLOCKS = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0), "\u00a0": (0, 0), "▓": (1, 1), "░": (0, 0)}
_BLOCK_LINE = re.compile(r"^[ \u00a0█▀▄▓░]{15,200}$")
_STREAM = re.compile(rb"<<((?:[^<>]|<(?!<)|>(?!>)|<<[^<>]*>>){0,3000})>>\s*stream\r?\n", re.S)
Matrix = Sequence[Sequence[int]]


def find_codes(pictures: Sequence[bytes], html: str, plain: str) -> tuple[str, ...]:
    """Texts of the codes in a mail, each once. Never raises for what is in the bytes."""
    found: dict[str, None] = {}
    budget = [MAX_PIXELS]
    grey: list[Any] = []
    for data in [*pictures, *_inline(html)][:MAX_PICTURES]:
        for image in _images(data, budget):
            codes = read_codes(image)
            found.update(dict.fromkeys(codes))
            if not codes:
                grey.append(image)
    if not found:
        found.update(dict.fromkeys(_joined(grey)))
    for matrix in (*_tables(html), *_blocks(plain)):
        found.update(dict.fromkeys(read_codes(_drawn(matrix))))
    return tuple(found)[:MOST_CODES]


def _inline(html: str) -> Iterator[bytes]:
    """Pictures that stand in the HTML itself."""
    for match in list(_DATA.finditer(html))[:MAX_PICTURES]:
        try:
            yield base64.b64decode(re.sub(r"[^A-Za-z0-9+/=]", "", match[1].replace("%2B", "+").replace("%2F", "/")))
        except (binascii.Error, ValueError):
            continue


def _images(data: bytes, budget: list[int]) -> Iterator[Any]:
    """Grey pictures, of a size at which codes are found, while there is something left of the budget of pixels."""
    pdf = data.startswith(b"%PDF")
    for one in _of_pdf(data) if pdf else (data,):
        image = _opened(one, budget)
        if image is not None and min(image.size) >= SMALLEST:
            yield _sized(image)
    yield from drawings(data[:MAX_BYTES], budget) if pdf else ()


def _opened(data: bytes, budget: list[int]) -> Any:
    from PIL import Image  # noqa: PLC0415  (only pictures need it)

    Image.MAX_IMAGE_PIXELS = 40_000_000
    try:
        image: Any = Image.open(BytesIO(data))
        budget[0] -= image.width * image.height
        if budget[0] < 0:
            return None
        image.draft("L", (LARGEST, LARGEST))
        if image.mode in ("RGBA", "LA", "P", "PA"):
            image = image.convert("RGBA")
            ground = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(ground, image)
        return image.convert("L")
    except Exception:  # (what a decoder makes of hostile bytes is not ours to list)
        return None


def _sized(image: Any) -> Any:
    """Neither too large to read quickly nor a pixel a module, with the quiet zone that a code needs."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    longest = max(image.size)
    if longest > LARGEST:
        image = image.resize((max(1, image.width * LARGEST // longest), max(1, image.height * LARGEST // longest)))
    elif longest < 120:
        image = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    return ImageOps.expand(image, 24, 255) if longest < 700 else image


def _of_pdf(data: bytes) -> Iterator[bytes]:
    """Pictures of a PDF: JPEG as it is, raw pixels as PGM (ISO 32000-1, 7.4 and 8.9). Encrypted files give none."""
    for count, match in enumerate(_STREAM.finditer(data[:MAX_BYTES])):
        head, start = match[1], match.end()
        if count > 400:
            return
        if not re.search(rb"/Subtype\s*/Image", head):
            continue
        end = data.find(b"endstream", start)
        body = data[start : end if end > 0 else len(data)]
        if b"/DCTDecode" in head:
            yield body
        elif b"/FlateDecode" in head and (made := _raw_pixels(head, body)):
            yield made


def _raw_pixels(head: bytes, body: bytes) -> bytes:
    """Deflated pixels as a picture file, b"" for a form that codes don't come in."""
    wide, high, bits = (_number(head, name) for name in (b"Width", b"Height", b"BitsPerComponent"))
    if not (0 < wide <= 5_000 and 0 < high <= 5_000) or b"/Predictor" in head.replace(b"/Predictor 1\n", b""):
        return b""
    try:
        pixels = zlib.decompressobj().decompress(body, wide * high * 4 + 100)
    except zlib.error:
        return b""
    if bits == 1 or b"/ImageMask" in head:
        inverted = bytes(255 - byte for byte in pixels)  # in PBM a 1 is black
        return b"P4\n%d %d\n" % (wide, high) + inverted[: (wide + 7) // 8 * high]
    if len(pixels) >= wide * high * 3 and b"Gray" not in head:
        return b"P6\n%d %d\n255\n" % (wide, high) + pixels[: wide * high * 3]
    return b"P5\n%d %d\n255\n" % (wide, high) + pixels[: wide * high] if len(pixels) >= wide * high else b""


def _number(head: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb"\s+(\d{1,6})\b", head)
    return int(found[1]) if found else 0


def _joined(images: Sequence[Any]) -> tuple[str, ...]:
    """A code that was cut in two: neighbours of the same height side by side, of the same width one below the other."""
    from PIL import Image  # noqa: PLC0415

    for left, right in pairwise(images[:7]):
        # each has a white edge of 24 pixels by now: it goes where they meet
        if left.height == right.height and max(left.width, right.width) < 700:
            whole = Image.new("L", (left.width + right.width - 48, left.height), 255)
            whole.paste(left.crop((0, 0, left.width - 24, left.height)), (0, 0))
            whole.paste(right.crop((24, 0, right.width, right.height)), (left.width - 24, 0))
            if codes := read_codes(whole):
                return codes
        if left.width == right.width and max(left.height, right.height) < 700:
            whole = Image.new("L", (left.width, left.height + right.height - 48), 255)
            whole.paste(left.crop((0, 0, left.width, left.height - 24)), (0, 0))
            whole.paste(right.crop((0, 24, right.width, right.height)), (0, left.height - 24))
            if codes := read_codes(whole):
                return codes
    return ()


def _tables(html: str) -> Iterator[Matrix]:
    """Tables of many small coloured cells, as light and dark."""
    if html.lower().count("<td") < SMALLEST * SMALLEST:
        return
    rows: list[list[int]] = []
    for match in _ROW.finditer(html):
        row = _cells(match[1])
        if len(row) >= SMALLEST and (not rows or len(row) == len(rows[0])):
            rows.append(row)
        elif rows:
            if len(rows) >= SMALLEST:
                yield rows[:200]
            rows = [row] if len(row) >= SMALLEST else []
    if len(rows) >= SMALLEST:
        yield rows[:200]


def _cells(row: str) -> list[int]:
    cells: list[int] = []
    for attributes, _ in _CELL.findall(row)[:200]:
        colour = _COLOUR.search(attributes)
        wide = _SPAN.search(attributes)
        cells += [_dark((colour[1] or colour[2]).strip().lower()) if colour else 0] * (int(wide[1]) if wide else 1)
    return cells[:200]


def _dark(colour: str) -> int:
    """1 for a dark colour."""
    if colour in _DARK:
        return 1
    numbers = [int(part) for part in re.findall(r"\d{1,3}", colour)[:3]] if colour.startswith("rgb") else []
    if re.fullmatch(r"#[0-9a-f]{6}", colour):
        numbers = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    elif re.fullmatch(r"#[0-9a-f]{3}", colour):
        numbers = [int(char, 16) * 17 for char in colour[1:]]
    return int(len(numbers) == 3 and sum(numbers) < 300)


def _blocks(plain: str) -> Iterator[Matrix]:
    """Lines of half blocks: two modules a character."""
    if plain.count("█") + plain.count("▀") + plain.count("▄") < 60:
        return
    rows: list[list[int]] = []
    for line in [*plain.split("\n"), ""]:
        if _BLOCK_LINE.match(line):
            rows += [[_BLOCKS[char][half] for char in line] for half in (0, 1)]
            continue
        if len(rows) >= SMALLEST:
            yield rows[:200]
        rows = []


def _drawn(matrix: Matrix) -> Any:
    """A picture of modules, five pixels each, with a quiet zone."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    wide = max(len(row) for row in matrix)
    pixels = bytes(0 if dark else 255 for row in matrix for dark in [*row, *[0] * (wide - len(row))])
    image = Image.frombytes("L", (wide, len(matrix)), pixels)
    return ImageOps.expand(image.resize((wide * 5, len(matrix) * 5), Image.Resampling.NEAREST), 20, 255)


def wanted(kind: str, size: int, kept: Iterable[bytes]) -> bool:
    """Whether a file may hold a code, and there is room to look into it."""
    sizes = [len(data) for data in kept]
    return kind in KINDS and len(sizes) < MAX_PICTURES and sum(sizes) + size <= MAX_BYTES
