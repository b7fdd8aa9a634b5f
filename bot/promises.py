"""What became of a promise to answer in time: one round of one clock of a ticket, as the desk and a partner's figures read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.model import Severity

What = Literal["acknowledge", "update", "resolve"]
Result = Literal["kept", "missed", "void", "running"]


@dataclass(frozen=True)
class Promise:
    """Whose, what, from when. Times are epoch seconds, lengths working seconds of its calendar.

    `due` is when it ran or would have run out (infinite while somebody is waited for), `ended` when it was kept or taken away
    (0: not yet), `used` the working time until then, without pauses. `stops` are those pauses that count for it.
    """

    owner: str
    what: What
    severity: Severity
    since: float
    due: float
    ended: float
    target: float
    used: float
    calendar: str
    result: Result
    stops: tuple[tuple[float, float], ...] = ()

    @property
    def decided(self) -> float:
        """When it was decided; 0 while it runs."""
        if self.result == "missed":
            return self.due
        return 0.0 if self.result == "running" else self.ended
