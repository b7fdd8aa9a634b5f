"""`secdesk nudge plan|send|attendance|simulate`: who would get which lesson and why; send what is due; who attended which
course; a year of the planner on invented people."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.cli import campaigns, just_in_time
from bot.cli.opening import opened
from bot.errors import ConfigError
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.learning.attendance import Attended


def arguments(parser: argparse.ArgumentParser) -> None:
    says = (
        "plan shows, send delivers what is due, attendance lists courses, simulate tries the rules on invented people; "
        "campaign sends one lesson to many, campaigns shows how far they are, pause, resume and cancel hold and end them; "
        "off and on are for all tips, test and live for test mode; decisions are about one person; overdue lists duties; "
        "travel takes a list of journeys (person,from,to); wave tells people of the day their mail moves"
    )
    verbs = ["plan", "send", "attendance", "simulate", *campaigns.VERBS, *just_in_time.VERBS]
    parser.add_argument("verb", choices=verbs, help=says, metavar="VERB")
    campaigns.arguments(parser)
    parser.add_argument("--now", action="store_true", help="send, campaign: at once, whatever the hour")
    parser.add_argument("--json", action="store_true", help="as JSON, where there is something to show")
    parser.add_argument("--people", type=int, default=1000, help="simulate: how many (default: 1000)")
    parser.add_argument("--weeks", type=int, default=52, help="simulate: for how long (default: 52)")
    parser.add_argument("--seed", type=int, default=1, help="simulate: the same seed gives the same year (default: 1)")
    parser.add_argument("--start", default="", help="simulate: first day, YYYY-MM-DD (default: Monday of this week)")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        names = app.identities.name
        if options.verb == "simulate":
            return _simulate(app, options)
        if options.verb == "attendance":
            return _attendance(app.nudge_attendance(), as_json=options.json)
        if options.verb in campaigns.VERBS:
            return campaigns.run(app, options)
        if options.verb in just_in_time.VERBS:
            return just_in_time.run(app, options)
        if options.verb == "send":
            result = app.nudge_send(now=options.now)
            for decision in result.sent:
                print(f"{names(decision.person):<18} {decision.lesson}")
            for decision in result.unreachable:
                print(f"{names(decision.person):<18} not reachable: {decision.lesson}")
            tested = f", {len(result.tested)} would have gone (test mode)" if result.tested else ""
            print(
                f"{len(result.sent)} sent, {len(result.unreachable)} unreachable, {len(result.waiting)} not due{tested}"
            )
            app.switchover.look(app.work, app.clock.now())
            while app.waves.feed(app.work, app.clock.now()):
                pass
            app.deliver_waiting()
            return 0
        rows = [
            {"person": names(row.person) if row.person else "", "lesson": row.lesson, "when": row.local,
             "reason": row.reason, "why": row.words}
            for row in app.nudge_plan()
        ]  # fmt: skip
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['person']:<18} {row['lesson'] or '-':<34} {row['when'] or '-':<36} {row['why']}")
    return 0


def _attendance(found: Sequence[Attended], *, as_json: bool) -> int:
    """Every member of every course: how many sections, the last day, and whether that is all."""
    rows: list[dict[str, object]] = [
        {"course": item.course, "person": item.person.name, "done": item.done, "total": item.total,
         "last": "" if item.last is None else f"{datetime.fromtimestamp(item.last, UTC):%Y-%m-%d}",
         "complete": item.complete}
        for item in found
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        state = "complete" if row["complete"] else "open"
        print(
            f"{row['course']:<24} {row['person']:<24} {row['done']} of {row['total']:<4} {row['last'] or '-':<12} {state}"
        )
    return 0


def _simulate(app: App, options: argparse.Namespace) -> int:
    """Try the planner on invented people; 1 if a rule was broken."""
    from bot.learning.simulate import Setup, figures, simulate  # noqa: PLC0415 (only here)

    if options.people < 1 or not 1 <= options.weeks <= 520:
        raise ConfigError("nudge simulate: give at least one person, and 1 to 520 weeks")
    organisation, began = app.organisation(), time.monotonic()
    setup = Setup(
        options.people, options.weeks, options.seed, _first_day(options.start, app.clock.now()),
        app.contents.lessons.current, frozenset(organisation.values()), app.nudges.rules, app.nudges.holidays,
        organisation.file.timezone, organisation.file.language,
    )  # fmt: skip

    def progress(done: int) -> None:
        seconds = time.monotonic() - began
        print(f"{done} of {options.people} people, {seconds:.0f} s", file=sys.stderr, flush=True)

    processes = min(os.cpu_count() or 1, 8) if options.people > 500 else 1
    told = figures(setup, simulate(setup, processes=processes, progress=progress))
    if options.json:
        print(json.dumps(told))
    else:
        _tell(told)
    return 1 if told["violations_total"] else 0


def _first_day(text: str, now: float) -> date:
    """The day they typed, else this week's Monday. Raises `ConfigError`."""
    if not text:
        today = datetime.fromtimestamp(now, UTC).date()
        return today - timedelta(days=today.weekday())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--start {text}: write a day like 2027-01-04") from None


def _tell(told: dict[str, Any], indent: str = "") -> None:
    """Figures as an indented list."""
    for name, value in told.items():
        label = f"{indent}{str(name).replace('_', ' ')}"
        if isinstance(value, dict):
            print(f"{label}:")
            _tell(value, indent + "  ")
        else:
            print(f"{label}: {value}")
