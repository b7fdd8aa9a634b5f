"""`secdesk nudge plan|send`: who would get which lesson, when and why; or send what is due."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from bot.cli.opening import opened
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["plan", "send"], help="plan shows, send delivers what is due")
    parser.add_argument("--now", action="store_true", help="send: today's lessons at once, whatever the hour")
    parser.add_argument("--json", action="store_true", help="plan: as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        names = app.identities.name
        if options.verb == "send":
            result = app.nudge_send(now=options.now)
            for decision in result.sent:
                print(f"{names(decision.person):<18} {decision.lesson}")
            for decision in result.unreachable:
                print(f"{names(decision.person):<18} not reachable: {decision.lesson}")
            print(f"{len(result.sent)} sent, {len(result.unreachable)} unreachable, {len(result.waiting)} not due")
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
