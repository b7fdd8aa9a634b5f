"""`secdesk restore`: a backup into an empty folder and an empty database, or only a look at whether it is whole."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app.backup import Backup


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="the backup")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="the key that opens it")
    parser.add_argument("--check", action="store_true", help="read it from end to end and write nothing")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app import backup  # noqa: PLC0415

    if options.check:
        done = backup.check(options.source, options.key)
        print(f"Whole: {_told(done)}.")
        return 0
    done = backup.restore(settings(), options.source, options.key, settings)
    with opened(settings()) as app:
        app.work(lambda work: work.audit("secdesk", "backup.restored", "everything"))
        report = app.verify_audit()
        waiting = app.db.query("SELECT COUNT(*) AS n FROM outbox WHERE state = 'queued'")[0]["n"]
    print(f"Restored: {_told(done)}.")
    print(f"Audit chain: {report.rows} rows, whole." if report.ok else f"Audit chain: NOT whole: {report.reason}")
    if waiting:
        print(
            f"{waiting} jobs were waiting then and are done after the start; what they send may arrive a second time."
        )
    return 0 if report.ok else 1


def _told(done: Backup) -> str:
    made = datetime.fromtimestamp(done.made, UTC).isoformat(timespec="seconds")
    return f"made {made}, {sum(done.tables.values())} rows of {len(done.tables)} tables, {done.files} files"
