"""`secdesk lint`: every fault of every content file at once, as `file:line:column: what, how to mend it`.

Golden questions are asked too, if your own answers change what the search sees: what would not go live is a fault here.
"""

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
    parser.add_argument("--quick", action="store_true", help="only the files: ask no golden questions")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.contents import lint  # noqa: PLC0415

    known = settings()
    faults, notes, counts = lint(known.overlay, alone=not known.approval)
    asked = 0
    if not faults and not options.quick and known.overlay:
        from bot.app.gate import ask_golden  # noqa: PLC0415 (fits the search)

        golden = ask_golden(known)
        faults, asked = [*golden.faults], golden.number
    if options.json:
        found = {"faults": [asdict(fault) for fault in faults], "notes": notes, "counts": counts, "golden": asked}
        print(json.dumps(found, ensure_ascii=False))
        return 1 if faults else 0
    for fault in faults:
        print(fault)
    for note in notes if options.notes else ():
        print("note:", note)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    told = f"; {asked} golden questions asked" if asked else ""
    print(f"{len(faults)} fault(s), {len(notes)} note(s)" + (f" in {said}" if said else "") + told)
    return 1 if faults else 0
