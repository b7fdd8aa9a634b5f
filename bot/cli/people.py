"""`secdesk people`: who is in the directory; forget one of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import ConfigError, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.forget import Forgotten


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["list", "forget"], nargs="?", default="list", help="default: list")
    parser.add_argument("who", nargs="?", help="id or address (for forget)")
    parser.add_argument("--json", action="store_true", help="list: as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.verb == "forget" and not options.who:
        raise ConfigError("say whom: secdesk people forget ID")
    with opened(settings()) as app:
        if options.verb == "forget":
            forgotten = _forget(app, options.who)
            for table, rows in sorted(forgotten.counts.items()):
                print(f"{table:<14} {rows}")
            print(forgotten.by_hand or "Forgotten. The audit chain still verifies: secdesk audit verify")
            return 0
        people = [
            {"id": one.id, "name": one.name, "email": one.email, "roles": sorted(one.roles), "entity": one.entity}
            for one in app.directory.people()
        ]
    if options.json:
        print(json.dumps(people, ensure_ascii=False))
        return 0
    for person in people:
        print(f"{person['id']:<20} {person['name']:<20} {', '.join(person['roles'])}")
    return 0


def _forget(app: App, who: str) -> Forgotten:
    try:
        return app.forget(who)
    except NotFound:
        raise NotFound(f"{who} is not known here; see secdesk people list") from None
