"""`secdesk lint`: every fault of every content file at once, as `file:line:column: what, how to mend it`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="faults, notes and counts as JSON")
    parser.add_argument(
        "--notes", action="store_true", help="also what time has done: overdue, expired, sources never opened"
    )


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.contents import lint  # noqa: PLC0415

    faults, notes, counts = lint(settings().overlay)
    if options.json:
        found = {"faults": [asdict(fault) for fault in faults], "notes": notes, "counts": counts}
        print(json.dumps(found, ensure_ascii=False))
        return 1 if faults else 0
    for fault in faults:
        print(fault)
    for note in notes if options.notes else ():
        print("note:", note)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"{len(faults)} fault(s), {len(notes)} note(s)" + (f" in {said}" if said else ""))
    return 1 if faults else 0
