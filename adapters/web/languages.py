"""Which language a browser asks for (RFC 9110, 12.5.4), for pages that are shown before anybody is known."""

from __future__ import annotations

from collections.abc import Container

from starlette.requests import Request

MOST = 20  # languages of a header that are looked at


def preferred(request: Request, known: Container[str]) -> str:
    """The language that the browser likes best of those there are, "" if it asks for none of them. `de-CH` is `de`."""
    asked: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",", MOST)[:MOST]:
        tag, _, weight = part.partition(";")
        asked.append((_weight(weight), tag.strip().partition("-")[0].casefold()))
    liked = sorted((one for one in asked if one[0] > 0), key=lambda one: -one[0])  # of two alike the first
    return next((language for _, language in liked if language in known), "")


def _weight(text: str) -> float:
    name, _, value = text.replace(" ", "").partition("=")
    if not name:
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0) if name == "q" else 0.0
    except ValueError:
        return 0.0
