"""`secdesk import answers`: an existing FAQ (.xlsx or .csv) becomes drafts; every row that cannot is listed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bot.cli import import_tickets
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["answers", "tickets"], help="what the file holds")
    parser.add_argument(
        "file",
        type=Path,
        help="answers: a .csv or .xlsx whose first row names the columns, at least question and answer; "
        "tickets: an export of Jira (.csv, .json) or ServiceNow (.csv, .json, .xml)",
    )
    parser.add_argument("--owner", default="", help="who keeps what names no owner (an id of org.yaml)")
    parser.add_argument("--group", default="", help="subject of what names none (an id of roles.yaml)")
    parser.add_argument("--language", default="", help="language of what names none (default: the organisation's)")
    parser.add_argument("--as", dest="person", default="", help="id of the person who imports it")
    parser.add_argument("--dry-run", action="store_true", help="say what would come of it, and write nothing")
    parser.add_argument("--json", action="store_true", help="drafts, bad rows and notes as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.what == "tickets":
        return import_tickets.run(options, settings)
    from bot.app.importing import import_answers  # noqa: PLC0415

    known = settings()
    done = import_answers(
        known, options.file, author=options.person, owner=options.owner, group=options.group, language=options.language,
        write=not options.dry_run,
    )  # fmt: skip
    if options.json:
        drafts = [{"row": draft.row, "id": draft.name} for draft in done.drafts]
        said = {
            "drafts": drafts,
            "bad": [asdict(one) for one in done.bad],
            "notes": [asdict(one) for one in done.notes],
        }
        print(json.dumps(said, ensure_ascii=False))
        return 1 if done.bad else 0
    for told in sorted(done.bad, key=lambda one: one.row):
        print(f"{options.file.name}: {told}", file=sys.stderr)
    for told in done.notes:
        print(f"{options.file.name}: note: {told}")
    rows = len({told.row for told in done.bad})
    verb = "would be made" if options.dry_run else "written"
    print(f"{len(done.drafts)} draft(s) {verb} in {known.knowledge / 'answers'}, {rows} row(s) could not be taken")
    if done.drafts and not options.dry_run:
        print("Nobody is shown a draft: edit and publish them in the console, under Knowledge, Drafts.")
    return 1 if done.bad else 0
