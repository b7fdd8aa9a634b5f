"""What works, what does not, and how to mend it: `/readyz`, the console's health page and `secdesk doctor` read the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Check:
    """One line. `bad` means something the user asked for cannot work; `mend` says what to do about it."""

    name: str
    level: Level
    says: str
    mend: str = ""


@dataclass(frozen=True)
class Health:
    """All lines. Ready means: a message that comes in now is stored and answered."""

    checks: tuple[Check, ...]
    ready: bool

    @property
    def ok(self) -> bool:
        return all(check.level != "bad" for check in self.checks)
