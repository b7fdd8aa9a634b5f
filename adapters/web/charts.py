"""Charts drawn on the server, and the tables beside them that say the same. SVG without a script or a style of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, TOP, BOTTOM = 360, 190, 26, 30  # of a chart, in its own units
STEP = 60  # of a column at least: a month and "100 %" fit in


@dataclass(frozen=True)
class Bar:
    """One column. `text` is what it says above; without a `height` nothing may be shown."""

    label: str
    text: str
    x: float
    width: float
    y: float
    height: float | None


@dataclass(frozen=True)
class Chart:
    """Columns over a line. `said` is the whole of it as a sentence, for those who don't see it."""

    id: str
    title: str
    said: str
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT
    ground: int = HEIGHT - BOTTOM

    @property
    def wide(self) -> bool:
        """Whether it is wider than a phone: it then has a scroll bar of its own there."""
        return self.width > WIDTH


@dataclass(frozen=True)
class Line:
    """A row of a table: cells ready to read."""

    cells: tuple[str, ...]


def draw(name: str, title: str, points: Sequence[tuple[str, float | None, str]], said: str) -> Chart:
    """Columns for (period, value, text); a value of None is a gap with an outline."""
    most = max((value for _, value, _ in points if value is not None), default=0.0) or 1.0
    width = max(WIDTH, STEP * len(points))
    step = width / max(len(points), 3)
    bars = []
    for place, (label, value, text) in enumerate(points):
        tall = None if value is None else round((HEIGHT - TOP - BOTTOM) * value / most, 1)
        top = round(HEIGHT - BOTTOM - (tall if tall is not None else 40), 1)
        bars.append(
            Bar(
                label,
                "–" if value is None else text,
                round(place * step + step * 0.15, 1),
                round(step * 0.7, 1),
                top,
                tall,
            )
        )
    return Chart(name, title, said, tuple(bars), width)
