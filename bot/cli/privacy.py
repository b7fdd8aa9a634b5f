"""`secdesk privacy`: how long each kind of data is kept, what would go now, legal holds, the data map, the file of one person."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import ConfigError, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App

VERBS = ("retention", "map", "holds", "hold", "release", "export")


def arguments(parser: argparse.ArgumentParser) -> None:
    says = (
        "retention (default): how long each kind is kept, and how much would go now; map: every table and column; "
        "holds: tickets and runs on legal hold; hold and release one; export: everything of one person"
    )
    parser.add_argument("verb", nargs="?", default="retention", choices=VERBS, help=says, metavar="VERB")
    parser.add_argument("name", nargs="?", default="", help="hold, release: SEC-101 or RUN-7; export: id or address")
    parser.add_argument("--as", dest="person", default="", help="hold, release: id or address of who decides")
    parser.add_argument("--why", default="", help="hold, release: the reason")
    parser.add_argument("--apply", action="store_true", help="retention: delete it now, as every night")
    parser.add_argument("--out", type=Path, help="export: write here, a file that is not there yet")
    parser.add_argument("--json", action="store_true", help="retention, map, holds: as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.verb in ("hold", "release") and not (options.name and options.person):
        raise ConfigError(f"say what, and who decides: secdesk privacy {options.verb} SEC-101 --as PERSON")
    if options.verb == "export" and not (options.name and options.out):
        raise ConfigError("say whose, and where to: secdesk privacy export PERSON --out FILE")
    if options.verb == "map":
        return _map(options.json)
    with opened(settings()) as app:
        if options.verb == "retention":
            return _retention(app, apply=options.apply, as_json=options.json)
        if options.verb == "holds":
            return _holds(app, as_json=options.json)
        if options.verb == "export":
            return _export(app, options.name, options.out)
        return _decide(app, options)


def _retention(app: App, *, apply: bool, as_json: bool) -> int:
    now = app.clock.now()
    if apply:
        gone = app.retention.run(app.work, now)
        print(json.dumps(gone) if as_json else f"{sum(gone.values())} row(s) went; the audit log says of what")
        return 0
    plan = app.retention.plan(now)
    if as_json:
        rows = [{"kind": one.name, "days": one.days, "own": one.kind.own, "due": one.due, "what": one.kind.what["en"],
                 "why": one.kind.why["en"]} for one in plan]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for one in plan:
        days = str(one.days) if one.days else "own" if one.kind.own else "kept"
        print(f"{one.name:<14} {days:>5} {one.due:>8}  {one.kind.what['en']}")
    print("days, and rows that would go now (--apply does it); every night does it by itself")
    return 0


def _map(as_json: bool) -> int:
    from bot.data_map import load_data_map  # noqa: PLC0415 (reads a file that only this needs)

    found = load_data_map()
    if as_json:
        print(json.dumps(found.model_dump(by_alias=True), ensure_ascii=False))
        return 0
    for table, entry in sorted(found.tables.items()):
        seen = ", ".join(found.viewers[one]["en"] for one in entry.seen)
        print(f"{table}: {found.purposes[entry.purpose]['en']}; seen by {seen}; kept: {entry.kept}")
        for column, held, sealed in entry.columns():
            print(f"    {column:<18} {found.holds[held].says['en']}{', sealed' if sealed else ''}")
    for one in found.elsewhere.values():
        print(one.says["en"])
    return 0


def _holds(app: App, *, as_json: bool) -> int:
    rows = app.retention.holds()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        since = datetime.fromtimestamp(row["at"], UTC).date()
        print(f"{row['subject']:<12} since {since} by {app.identities.name(row['placed_by'])}: {row['why']}")
    return 0


def _decide(app: App, options: argparse.Namespace) -> int:
    person = app.person(options.person)
    met = app.work(lambda work: app.identities.meet(work.tx, person, work.at))
    try:
        if options.verb == "hold":
            app.work(lambda work: app.retention.hold(work, options.name, options.why, met.key))
        else:
            app.work(lambda work: app.retention.release(work, options.name, options.why, met.key))
    except NotFound:
        raise NotFound(f"{options.name} is neither a ticket nor a run, or is not on hold") from None
    print(f"{options.name} is on legal hold" if options.verb == "hold" else f"{options.name} is released")
    return 0


def _export(app: App, who: str, out: Path) -> int:
    person = app.person(who)
    key = app.identities.known_key(person)
    if not key:
        raise NotFound(f"{who} has never written to us: nothing is stored but the directory entry")
    data = app.handing.file(key, app.clock.now())
    with out.open("xb") as file:
        out.chmod(0o600)
        file.write(data)
    app.work(lambda work: work.audit("secdesk", "person.export", key))
    print(f"{out}: {len(data)} bytes")
    return 0
