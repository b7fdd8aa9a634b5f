"""How fast we may call, as arithmetic over one number a lane that all replicas share.

A lane is a workspace and a method, or a channel. Its number is when the next call is due if calls came evenly spaced; calls
may run ahead of it by a burst. Published limits: docs.slack.dev, "Rate limits" (tiers) and each method's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rate:
    """So many calls a minute on average, `burst` of them at once."""

    per_minute: float
    burst: int

    @property
    def period(self) -> float:
        """Seconds between two calls."""
        return 60.0 / self.per_minute


METHODS: Final[Mapping[str, Rate]] = {
    "chat.postMessage": Rate(320, 20),  # "several hundred a minute": `WAITING`, and a share for live replies
    "chat.postEphemeral": Rate(100, 20),
    "chat.update": Rate(50, 20),
    "chat.getPermalink": Rate(300, 30),
    "conversations.info": Rate(50, 10),
    "users.info": Rate(100, 30),
    "users.list": Rate(20, 2),
    "files.info": Rate(100, 20),
    "files.getUploadURLExternal": Rate(100, 20),
    "files.completeUploadExternal": Rate(100, 20),
    "views.open": Rate(100, 30),
    "views.update": Rate(100, 30),
    "views.publish": Rate(100, 30),
    "assistant.threads.setStatus": Rate(100, 20),
    "assistant.threads.setSuggestedPrompts": Rate(100, 20),
}
WAITING: Final = Rate(229, 5)  # messages that may wait: what has been seen to hold for hours
CHANNEL: Final = Rate(60, 5)  # one message a second and channel, short bursts are let through


def wait(due: float, rate: Rate, now: float, *, patient: bool = False) -> float:
    """Seconds until one more call may go; 0 means now. Who is `patient` leaves the burst to those who are not."""
    ahead = 0.0 if patient else (rate.burst - 1) * rate.period
    return max(0.0, due - now - ahead)


def taken(due: float, rate: Rate, now: float) -> float:
    """The lane's number after one more call at `now`."""
    return max(due, now) + rate.period
