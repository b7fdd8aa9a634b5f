"""`secdesk import tickets`: an export of Jira or ServiceNow becomes tickets here; the same file again changes nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from bot.cli.opening import opened
from bot.settings import Settings


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.ticket_import import import_tickets  # noqa: PLC0415

    with opened(settings()) as app:
        done = import_tickets(app, options.file, write=not options.dry_run)
    export = done.export
    if options.json:
        said = {"source": export.source, "new": done.new, "changed": done.changed, "same": done.same,
                "bad": [asdict(one) for one in export.bad], "notes": [asdict(one) for one in export.notes]}  # fmt: skip
        print(json.dumps(said, ensure_ascii=False))
        return 1 if export.bad else 0
    for told in sorted(export.bad):
        print(f"{options.file.name}: {told}", file=sys.stderr)
    for told in sorted(export.notes):
        print(f"{options.file.name}: note: {told}")
    verb = "would be " if options.dry_run else ""
    print(
        f"{export.source}: {len(done.new)} ticket(s) {verb}new, {len(done.changed)} {verb}changed, "
        f"{len(done.same)} as they were, {len(export.bad)} row(s) could not be taken"
    )
    return 1 if export.bad else 0
