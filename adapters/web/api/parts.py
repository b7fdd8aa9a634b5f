"""What the API needs beside the console's services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import Person, Place
from bot.tokens import Tokens

TRIED = tuple[str, str, tuple[str, ...], float, str]  # (outcome, entry, suggestions, confidence, text)


@dataclass(frozen=True)
class ApiParts:
    """`place_of`: where a pseudonym hears from us. `ask`: what a question of somebody's would get, with nothing stored."""

    tokens: Tokens
    place_of: Callable[[str], Place | None]
    ask: Callable[[str, Person], TRIED]
