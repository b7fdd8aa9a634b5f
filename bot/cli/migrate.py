"""`secdesk migrate`: bring the tables up to date before the new version starts, or only try it (`--dry-run`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="try every step on this database, say how long each takes, take it back"
    )


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.upgrading import rehearsal, upgrade  # noqa: PLC0415

    if options.dry_run:
        tried = rehearsal(settings())
        lines = [f"{name:<24} {seconds:6.2f} s" for name, seconds in tried]
        end = f"{len(tried)} steps would be taken. Nothing was changed."
    else:
        lines = list(upgrade(settings()))
        end = f"{len(lines)} steps taken."
    print("\n".join([*lines, end]) if lines else "Up to date.")
    return 0
