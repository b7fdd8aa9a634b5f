"""When a schedule is due: cron lines, and how a time is written in keys."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def last_due(cron: str, timezone: str, before: float) -> datetime:
    """The last time of a cron line (five fields, or six with seconds first) before `before` (epoch seconds)."""
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415  comes with the engine, and only with it

    found: datetime = croniter(
        cron, datetime.fromtimestamp(before, ZoneInfo(timezone)), second_at_beginning=True
    ).get_prev(datetime)
    return found


def written(at: datetime) -> str:
    """A time in the key of what a schedule starts then: one text for one time, whoever starts it. Keys in use have this form."""
    return str(at.astimezone(UTC))
