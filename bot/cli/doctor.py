"""`secdesk doctor`: what is on, what is missing, how to mend it. Exits 1 when something asked for cannot work."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.health import Check

_MARK = {"ok": "ok  ", "note": "note", "bad": "BAD "}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the checks as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.doctor import examine  # noqa: PLC0415
    from bot.cli.opening import build_app, quiet  # noqa: PLC0415

    chosen = settings()
    quiet(chosen)
    checks = examine(chosen, build_app)
    bad = any(check.level == "bad" for check in checks)
    if options.json:
        print(json.dumps({"ok": not bad, "checks": [asdict(check) for check in checks]}, ensure_ascii=False))
    else:
        _show(checks)
        print("\nSomething you asked for cannot work." if bad else "\nAll that you asked for works.")
    return int(bad)


def _show(checks: list[Check]) -> None:
    for check in checks:
        print(f"{_MARK[check.level]}  {check.name:<16} {check.says}")
        if check.mend:
            print(f"{'':<23}{check.mend}")
