"""The verbs of `secdesk nudge` for what has its own time: a list of journeys, a wave of people whose mail moves."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.campaigns import ACTOR, audience
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.app import App

VERBS = ("travel", "wave")


def run(app: App, options: argparse.Namespace) -> int:
    """One verb; the exit code."""
    return _travel(app, options.what) if options.verb == "travel" else _wave(app, options)


def _wave(app: App, options: argparse.Namespace) -> int:
    """Announce a wave of people whose mail moves on a day, or give one another day."""
    try:
        day = date.fromisoformat(options.day)
    except ValueError:
        raise ConfigError("nudge wave: name the day of the switch, as in --day 2027-02-01") from None
    switch, today = app.switchover, datetime.fromtimestamp(app.clock.now(), UTC).date()
    if options.what:
        app.work(lambda work: switch.move(work, ACTOR, options.what, day))
        print(f"{options.what}: the switch is on {day} now; people are told of that day afresh")
        return 0
    who, title = audience(app, options), options.title or f"Mail moves on {day}"
    wave = app.work(lambda work: switch.add(work, ACTOR, title, day, who, today))
    count = sum(who.holds(person) for person in app.nudges.staff())
    print(f"{wave}: {count} people are told before and after {day}; see secdesk nudge campaigns {wave}")
    return 0


def _travel(app: App, file: str) -> int:
    """Take a table of journeys; 1 if a row was left out."""
    from bot.learning.travel import take_journeys  # noqa: PLC0415 (only here)

    if not file:
        raise ConfigError("nudge travel: name a file with the columns person,from,to")
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}") from error
    nudges = app.nudges
    taken = take_journeys(text, nudges, nudges.triggers, app.work, app.identities.find, app.clock.now())
    for line, why in taken.left:
        print(f"line {line} left out: {why}")
    print(f"{taken.journeys} journeys taken, {taken.over} are behind us, {len(taken.left)} rows left out")
    return 1 if taken.left else 0
