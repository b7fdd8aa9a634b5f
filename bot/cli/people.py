"""`secdesk people`: who is in the directory; take a table of people in; forget one of them; hand over what one owns."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import ConfigError, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.forget import Forgotten


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = ["list", "import", "forget", "hand-over"]
    parser.add_argument("verb", choices=verbs, nargs="?", default="list", help="default: list")
    parser.add_argument("who", nargs="?", help="id or address (for forget and hand-over); import: a .csv")
    parser.add_argument("to", nargs="?", help="id or address of who gets it (for hand-over)")
    parser.add_argument(
        "--dry-run", action="store_true", help="hand-over, import: say what would go, and change nothing"
    )
    parser.add_argument("--all", action="store_true", help="import: who is not in the file any more has left")
    parser.add_argument("--skip-bad", action="store_true", help="import: take the other rows if some are bad")
    parser.add_argument("--force", action="store_true", help="import: even if a fifth of the people would have left")
    parser.add_argument("--json", action="store_true", help="list, import, hand-over: as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.verb == "forget" and not options.who:
        raise ConfigError("say whom: secdesk people forget ID")
    if options.verb == "hand-over":
        return _hand_over(options, settings())
    if options.verb == "import":
        return _import(options, settings())
    with opened(settings()) as app:
        if options.verb == "forget":
            forgotten = _forget(app, options.who)
            for table, rows in sorted(forgotten.counts.items()):
                print(f"{table:<14} {rows}")
            if forgotten.held:
                print(f"On legal hold, and kept: {', '.join(forgotten.held)}. Forget them again once that is released.")
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


def _import(options: argparse.Namespace, settings: Settings) -> int:
    if not options.who:
        raise ConfigError("say which file: secdesk people import FILE.csv")
    from bot.app.roster_import import import_people  # noqa: PLC0415

    path = Path(options.who)
    with opened(settings) as app:
        try:
            done = import_people(
                app, path, write=not options.dry_run, whole=options.all, skip=options.skip_bad, sure=options.force
            )
        except OSError as error:
            raise ConfigError(f"{path}: cannot read that file ({error.strerror})") from error
    if options.json:
        print(json.dumps(asdict(done), ensure_ascii=False))
        return 1 if done.bad else 0
    for bad in done.bad:
        print(f"{path.name}: {bad}", file=sys.stderr)
    if done.unknown:
        print(f"{path.name}: nothing is taken from: {', '.join(done.unknown)}")
    if done.bad and not options.dry_run and not done.written:
        print("Nothing was written: correct these rows, or say --skip-bad", file=sys.stderr)
    verb = "" if done.written else "would be "
    print(f"{verb}{done.new} new, {done.changed} changed, {done.same} as before, {done.left} left")
    return 1 if done.bad else 0


def _hand_over(options: argparse.Namespace, settings: Settings) -> int:
    if not options.who or not options.to:
        raise ConfigError("say from whom to whom: secdesk people hand-over ID ID")
    from bot.app.handover import hand_over  # noqa: PLC0415

    with opened(settings) as app:
        done = hand_over(app, options.who, options.to, write=not options.dry_run)
    if options.json:
        said = {"files": done.files, "tickets": list(done.tickets), "drafts": done.changes}
        print(json.dumps(said, ensure_ascii=False))
        return 0
    for name, what in done.files.items():
        print(f"{name:<40} {what}")
    for number in done.tickets:
        print(number)
    verb = "would go" if options.dry_run else "went"
    print(
        f"{len(done.files)} file(s), {len(done.tickets)} ticket(s) and {done.changes} draft(s) {verb} to {options.to}"
    )
    return 0


def _forget(app: App, who: str) -> Forgotten:
    try:
        return app.forget(who)
    except NotFound:
        raise NotFound(f"{who} is not known here; see secdesk people list") from None
