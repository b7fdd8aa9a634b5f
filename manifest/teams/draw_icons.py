"""Draws both icons: a shield with a speech bubble in it. `python manifest/teams/draw_icons.py` writes them anew.

Teams wants 192×192 in colour and 32×32 white on transparent. Shapes are tested point by point, four by four per pixel, and
written as PNG with zlib alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

Point = Callable[[float, float], bool]  # both 0..1 from the top left
SAMPLES = 4
BLUE, WHITE = (31, 78, 121), (255, 255, 255)


def shield(x: float, y: float, grow: float = 0.0) -> bool:
    """A shield: straight sides above, two arcs that meet in a point below."""
    left, right, top = 0.20 - grow, 0.80 + grow, 0.14 - grow
    if not (left <= x <= right and y >= top):
        return False
    if y <= 0.48:
        return True
    across = abs(x - 0.5) / (0.30 + grow)
    down = (y - 0.48) / (0.40 + grow)
    return across * across + down * down <= 1.0 or (across <= 0.62 * (1 - down) and down <= 1.0)


def bubble(x: float, y: float) -> bool:
    """A speech bubble: a rounded box with a tail."""
    dx, dy = max(abs(x - 0.5) - 0.12, 0.0), max(abs(y - 0.41) - 0.06, 0.0)
    tail = 0.42 <= x <= 0.52 and 0.50 <= y <= 0.50 + (0.52 - x) * 1.3
    return dx * dx + dy * dy <= 0.055**2 or tail


def dots(x: float, y: float) -> bool:
    """Three dots in the bubble."""
    return any((x - centre) ** 2 + (y - 0.41) ** 2 <= 0.022**2 for centre in (0.42, 0.50, 0.58))


def colour(x: float, y: float) -> tuple[int, int, int, float]:
    """The colour icon: blue ground, white shield, blue bubble with white dots."""
    inside = shield(x, y) and (not bubble(x, y) or dots(x, y))
    return (*(WHITE if inside else BLUE), 1.0)


def outline(x: float, y: float) -> tuple[int, int, int, float]:
    """The outline icon: a white line and a white bubble on nothing."""
    line = shield(x, y, 0.10) and not shield(x, y, 0.03)
    return (*WHITE, 1.0 if line or bubble(x, y) else 0.0)


def png(size: int, paint: Callable[[float, float], tuple[int, int, int, float]]) -> bytes:
    """A square RGBA picture (PNG specification, W3C)."""
    rows = b"".join(
        b"\x00" + b"".join(_pixel(size, column, row, paint) for column in range(size)) for row in range(size)
    )
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _pixel(size: int, column: int, row: int, paint: Callable[[float, float], tuple[int, int, int, float]]) -> bytes:
    steps = [(i + 0.5) / SAMPLES for i in range(SAMPLES)]
    points = [paint((column + dx) / size, (row + dy) / size) for dy in steps for dx in steps]
    alpha = sum(point[3] for point in points)
    mixed = [round(sum(point[i] * point[3] for point in points) / alpha) if alpha else 255 for i in range(3)]
    return bytes([*mixed, round(255 * alpha / len(points))])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def icons() -> dict[str, bytes]:
    """Both files."""
    return {"color.png": png(192, colour), "outline.png": png(32, outline)}


if __name__ == "__main__":
    for name, data in icons().items():
        (Path(__file__).parent / name).write_bytes(data)
