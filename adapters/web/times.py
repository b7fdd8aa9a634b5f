"""Times as people read them: in their own zone, and as a distance from now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Say = Callable[..., str]
_STEPS = ((172_800.0, 86_400.0, "d"), (5_400.0, 3_600.0, "h"), (60.0, 60.0, "m"))


@dataclass(frozen=True)
class Times:
    """The times of one page. `say` is the page's words."""

    now: float
    zone: tzinfo
    say: Say

    def clock(self, moment: float) -> str:
        """`14:30`; with the date when it is another day."""
        then = self._local(moment)
        if then.date() == self._local(self.now).date():
            return f"{then:%H:%M}"
        month = self.say("time.months").split("|")[then.month - 1]
        if then.year != self._local(self.now).year:
            month = f"{month} {then.year}"
        return self.say("time.day", day=then.day, month=month, time=f"{then:%H:%M}")

    def second(self, moment: float) -> str:
        """`14:30:05`, for what is about to happen."""
        return f"{self._local(moment):%H:%M:%S}"

    def day(self, moment: float) -> str:
        """`2026-11-24`, to group by."""
        return f"{self._local(moment):%Y-%m-%d}"

    def iso(self, moment: float) -> str:
        """For machines: `<time datetime>`."""
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def span(self, seconds: float) -> str:
        """`5 min`, `3 h`, `4 d`."""
        seconds = abs(seconds)
        for least, unit, name in _STEPS:
            if seconds >= least:
                return self.say(f"console.span.{name}", n=round(seconds / unit))
        return self.say("console.span.now")

    def ago(self, moment: float) -> str:
        """How long since."""
        return self.span(self.now - moment)

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone)


def zone_of(name: str) -> tzinfo:
    """The zone, UTC if nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
