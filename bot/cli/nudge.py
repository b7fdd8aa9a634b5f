"""`secdesk nudge plan|send --now`: who would get which lesson, when and why; or send what is due."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from bot.app import build
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["plan", "send"])
    parser.add_argument("--now", action="store_true", help="send today's lessons at once, whatever the hour")
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    app = build(settings())
    try:
        if options.verb == "plan":
            rows = app.nudge_plan()
            if options.json:
                print(json.dumps([vars(row) if hasattr(row, "__dict__") else row.__dict__ for row in rows], default=str))
            for row in rows if not options.json else ():
                print(f"{row.person:<22} {row.lesson:<40} {row.when:<20} {row.why}")
            return 0
        sent = app.nudge_send(now=options.now)
        for row in sent:
            print(f"{row.person:<22} {row.lesson}")
        print(f"{len(sent)} lesson(s) sent")
    finally:
        app.close()
    return 0
