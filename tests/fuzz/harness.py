"""What a harness is, and what must hold of every input: only our errors come out, in little time, with little memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from bot.errors import SecdeskError

CORPUS = Path(__file__).parent / "corpus"
Kind = Literal["bytes", "text", "json"]
HARNESSES: dict[str, Harness] = {}


class TooSlow(Exception):
    """An input cost more than its harness allows."""


@dataclass(frozen=True)
class Harness:
    """One parser or door. `also`: errors of an edge's own, which it turns into an answer (a 400, a row that is listed).

    `seconds` of processor time for one input. `pieces` are what inputs are made of, beside the seeds and `corpus/NAME/`.
    """

    name: str
    check: Callable[[bytes], object]
    kind: Kind = "bytes"
    pieces: tuple[bytes, ...] = ()
    made: Callable[[], list[bytes]] = list
    also: tuple[type[Exception], ...] = ()
    seconds: float = 1.0

    def run(self, data: bytes, slack: float = 1.0) -> None:
        """Raises what must not be raised; `TooSlow` over `seconds` times `slack`."""
        started = time.thread_time()
        try:
            self.check(data)
        except (SecdeskError, *self.also):
            pass
        spent = time.thread_time() - started
        if spent > self.seconds * slack:
            raise TooSlow(f"{self.name}: {spent:.1f} s for {len(data)} bytes")

    @property
    def folder(self) -> Path:
        return CORPUS / self.name

    @cached_property
    def seeds(self) -> list[bytes]:
        """The files of the corpus, then what is made."""
        files = sorted(self.folder.glob("*")) if self.folder.is_dir() else []
        return [file.read_bytes() for file in files] + self.made()


def harness(
    name: str, kind: Kind = "bytes", **more: Any
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Register a check of bytes."""

    def register(check: Callable[[bytes], object]) -> Callable[[bytes], object]:
        assert name not in HARNESSES
        HARNESSES[name] = Harness(name, check, kind, **more)
        return check

    return register


def text_of(data: bytes) -> str:
    """Bytes as the text that a well-behaved decoder lets through."""
    return data.decode("utf-8", "replace")


def json_of(data: bytes) -> Any:
    """Bytes as JSON; None for none (the edge in front answers that, and has a harness of its own)."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def dumped(*values: object) -> list[bytes]:
    """Values as the seeds of a harness."""
    return [json.dumps(value, ensure_ascii=False).encode() for value in values]
