"""`secdesk backup`: one encrypted file with everything a new machine needs. The server may go on running meanwhile."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bot.cli.opening import opened
from bot.errors import ConfigError
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, nargs="?", help="the file to write, or a folder that gets a new one")
    parser.add_argument("--to", action="append", default=[], metavar="KEY",
                        help="public key (age1…) it is sealed to; may come several times (default: the setting)")  # fmt: skip
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="delete all but the N newest of that folder")
    parser.add_argument(
        "--new-key", type=Path, metavar="FILE", help="make a key that opens backups, and say its public key"
    )


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app import backup  # noqa: PLC0415

    if options.new_key:
        print(f"{backup.new_key(options.new_key)}\n{options.new_key} opens what is sealed to that public key: "
              "keep it on another machine than the backups, and not on this one.")  # fmt: skip
        return 0
    if options.target is None:
        raise ConfigError("name the file or the folder to write to")
    if options.keep and not options.target.is_dir():
        raise ConfigError("--keep is for a folder: name one that is there")
    known = settings()
    with opened(known) as app:
        done = backup.back_up(known, app.db, options.target, tuple(options.to) or known.backup_to)
        app.work(lambda work: work.audit("secdesk", "backup.made", "everything"))
    rows = sum(done.tables.values())
    print(
        f"{done.path}: {rows} rows of {len(done.tables)} tables, {done.files} files, {done.path.stat().st_size} bytes"
    )
    for old in sorted(options.target.glob(f"secdesk-*{backup.ENDING}"))[: -options.keep] if options.keep else ():
        old.unlink()
        print(f"deleted {old}")
    return 0
