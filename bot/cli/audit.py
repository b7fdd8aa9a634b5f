"""`secdesk audit verify`: whether any row of the audit chain was edited, removed or reordered."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bot.cli.opening import opened
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["verify"], nargs="?", default="verify", help="walk the whole chain (default)")


def run(_options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        report = app.verify_audit()
    print(f"{report.rows} rows, whole" if report.ok else f"NOT whole: {report.reason}")
    return 0 if report.ok else 1
