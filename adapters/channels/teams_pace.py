"""How fast we may send, as pure arithmetic over a small state that all replicas share.

The published limits count messages in windows that slide (learn.microsoft.com: "Optimize your bot with rate limiting in
Teams"), so the state is the moments of sending themselves: exact for windows up to a minute, by the minute beyond.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limit:
    """At most `most` messages in any `window` seconds."""

    most: int
    window: float


THREAD: Final = (Limit(7, 1), Limit(8, 2), Limit(60, 30), Limit(1_800, 3_600))  # per bot and thread
TENANT: Final = (Limit(50, 1),)  # per app and tenant
TENANT_WAITING: Final = (
    Limit(35, 1),
)  # what may wait leaves the rest to people who wait for an answer; tips go 25 a second
_EXACT = 60.0  # seconds for which each moment is kept


@dataclass(frozen=True)
class Sent:
    """What was sent: `moments` of the last minute, oldest first, and how many in each whole minute before."""

    moments: tuple[float, ...] = ()
    minutes: tuple[tuple[int, int], ...] = ()

    def dump(self) -> str:
        return json.dumps([self.moments, self.minutes], separators=(",", ":"))

    @staticmethod
    def load(text: str) -> Sent:
        """The state back from `dump`; "" is a fresh one."""
        moments, minutes = json.loads(text) if text else ((), ())
        return Sent(tuple(moments), tuple((minute, count) for minute, count in minutes))


def wait(sent: Sent, limits: Sequence[Limit], now: float) -> float:
    """Seconds until one more may go; 0 means now."""
    return max((_wait(sent, limit, now) for limit in limits), default=0.0)


def add(sent: Sent, limits: Sequence[Limit], now: float) -> Sent:
    """The state after sending one more at `now`. What no limit looks at any more is forgotten."""
    long = max(limit.window for limit in limits)
    moments = (*(at for at in sent.moments if at > now - _EXACT), now)
    if long <= _EXACT:
        return Sent(tuple(at for at in moments if at > now - long))
    counts = {minute: count for minute, count in sent.minutes if (minute + 1) * 60 > now - long}
    counts[int(now // 60)] = counts.get(int(now // 60), 0) + 1
    return Sent(moments, tuple(sorted(counts.items())))


def _wait(sent: Sent, limit: Limit, now: float) -> float:
    if limit.window <= _EXACT:
        inside = [at for at in sent.moments if at > now - limit.window]
        return inside[-limit.most] + limit.window - now if len(inside) >= limit.most else 0.0
    counted = [(minute, count) for minute, count in sent.minutes if (minute + 1) * 60 > now - limit.window]
    total = sum(count for _, count in counted)
    for minute, count in counted:
        if total < limit.most:
            break
        total -= count
        free = (minute + 1) * 60 + limit.window - now
        if total < limit.most:
            return max(0.0, free)
    return 0.0
