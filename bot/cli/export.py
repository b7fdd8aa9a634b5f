"""`secdesk export`: everything back, in an empty folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from bot.cli.opening import opened
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, nargs="?", default=Path("secdesk-export"),
                        help="an empty folder, or one that is not there yet (default: secdesk-export)")  # fmt: skip
    parser.add_argument(
        "--all", action="store_true", dest="everything", help="with every table, and mails as they came"
    )
    parser.add_argument("--json", action="store_true", help="what was written, as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.exporting import export_all, export_knowledge  # noqa: PLC0415

    known, target = settings(), options.target.resolve()
    tables: dict[str, int] = {}
    if options.everything:
        with opened(known) as app:
            done = export_all(app.db, app.vault, known.knowledge, known.data, target, app.organisation().words)
            app.work(lambda work: work.audit("secdesk", "export.all", "everything"))
        tables, files = done.tables, done.files
    else:
        files = export_knowledge(known.knowledge, target)
    if options.json:
        print(json.dumps({"folder": str(target), "files": files, "tables": tables}))
        return 0
    for name, count in {**files, **tables}.items():
        print(f"{name:<20} {count}")
    print(
        f"Written to {target}." + (" It holds people's names and mails: keep it as you keep those." if tables else "")
    )
    return 0
