"""`secdesk doctor`: what is on, what is missing, how to mend it. Exits 1 when something asked for cannot work."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from bot.app.doctor import examine
from bot.settings import Settings

_MARK = {"ok": "ok  ", "note": "note", "bad": "BAD "}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    checks = examine(settings())
    bad = any(check.level == "bad" for check in checks)
    if options.json:
        print(json.dumps({"ok": not bad, "checks": [asdict(check) for check in checks]}))
        return int(bad)
    for check in checks:
        print(f"{_MARK[check.level]}  {check.name:<16} {check.says}")
        if check.mend:
            print(f"{'':<23}{check.mend}")
    print("\nSomething you asked for cannot work." if bad else "\nAll that you asked for works.")
    return int(bad)
