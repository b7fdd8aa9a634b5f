"""`secdesk people`: who is in the directory; forget one of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bot.app import build
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["list", "forget"], nargs="?", default="list")
    parser.add_argument("who", nargs="?", help="id or address (for forget)")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    app = build(settings())
    try:
        if options.verb == "list":
            for person in app.directory.people():
                print(f"{person.id:<20} {person.name:<20} {', '.join(sorted(person.roles))}")
            return 0
        if not options.who:
            print("say whom: secdesk people forget ID")
            return 2
        forgotten = app.forget(options.who)
        for table, rows in sorted(forgotten.counts.items()):
            print(f"{table:<14} {rows}")
        print(forgotten.by_hand or "Forgotten. The audit chain still verifies: secdesk audit verify")
    finally:
        app.close()
    return 0
