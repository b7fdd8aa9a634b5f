"""How many events servers take: mixed traffic at rising rates until they no longer keep up, on both databases.

SQLite has one process, since one process owns the file; PostgreSQL has 1, 2 and 4 replicas. The generator shares the machine
with them, and so may others (the line says how busy it was in all), so the knee is this machine's. CPU an event, without what
the servers take at rest, and memory are what sizes are derived from (CONTRIBUTING.md). `LOAD_SECONDS` (15) a step,
`LOAD_STEPS` (6) steps at most, `LOAD_SEARCH` (full), `LOAD_ONLY` (such as PostgreSQL2).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.traffic import Servers, Step, Traffic, servers
from tests.contract.postgres import binaries

SECONDS = float(os.environ.get("LOAD_SECONDS", "15"))
STEPS = int(os.environ.get("LOAD_STEPS", "6"))
SEARCH = os.environ.get("LOAD_SEARCH", "full")
FIRST = 4.0  # events a second of the first step; each has half as many again


def measure() -> Iterator[tuple[str, float]]:
    """`(what, seconds of CPU an event)`; the steps are printed."""
    houses = [("SQLite", 1), *((("PostgreSQL", n) for n in (1, 2, 4)) if binaries() else ())]
    wanted = os.environ.get("LOAD_ONLY", "")
    for name, replicas in houses:
        if wanted and wanted != f"{name}{replicas}":
            continue
        with (
            tempfile.TemporaryDirectory(prefix="secdesk-load-") as folder,
            servers(Path(folder), replicas, postgres=name != "SQLite", search=SEARCH) as running,
        ):
            print(f"  {name}, {replicas} process(es)", flush=True)
            kept = asyncio.run(steps(running))
        if kept:
            best = kept[-1]
            what = f"{name}, {replicas}: knee {best.rate:.0f}/s, CPU an event"
            yield what, best.cpu / best.done


async def steps(running: Servers) -> list[Step]:
    """Rising rates until one is not kept; those that were."""
    traffic, kept, rate = Traffic(running), list[Step](), FIRST
    await traffic.sign_in()
    await traffic.run(FIRST, min(5.0, SECONDS))  # first times cost more: what is loaded when it is needed
    print(f"    at rest: {100 * await traffic.rest(SECONDS):.1f} % of a processor", flush=True)
    for _ in range(STEPS):
        step = await traffic.run(rate, SECONDS)
        print(f"    {step.line()}", flush=True)
        if not step.kept_up:
            break
        kept.append(step)
        rate *= 1.5
    return kept
