"""`secdesk console-link`: a new one-time sign-in link for the console."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bot.cli.opening import opened
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="person", default="", help="id or address of a help desk person (default: who is on duty)"
    )
    parser.add_argument(
        "--admin", action="store_true", help="as an administrator of the console; administrators are told of it"
    )


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        person, link = app.console_link(options.person, admin=options.admin)
    print(f"Signs in {person.name}, once, within 15 minutes:\n{link}")
    return 0
