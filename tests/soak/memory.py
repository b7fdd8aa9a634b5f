"""Memory of the server under steady mixed traffic: flat, by the slope of a straight line through what it holds.

The first third is not counted: caches fill, and what is loaded when it is needed is loaded. What is left may grow by
`MOST` of what it was over the whole time that is counted, by the line, and by twice that between its halves.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.traffic import Servers, Traffic, servers, slope

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
RATE = float(os.environ.get("SOAK_RATE", "4"))  # events a second: well below the knee, as a busy hour of 10,000 people
SEARCH = os.environ.get("SOAK_SEARCH", "full")
SAMPLE = 10.0  # seconds between two looks
MOST = 0.05


def faults() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="secdesk-soak-") as folder,
        servers(Path(folder), 1, postgres=False, search=SEARCH) as running,
    ):
        samples, failed, done = asyncio.run(loaded(running))
    counted = samples[len(samples) // 3 :]
    span, first = (
        counted[-1][0] - counted[0][0],
        statistics.median(memory for _, memory in counted[: len(counted) // 4 or 1]),
    )
    grown = slope(counted) * span
    half = len(counted) // 2
    halves = statistics.median(m for _, m in counted[half:]) - statistics.median(m for _, m in counted[:half])
    print(f"  {done} events in {MINUTES:g} minutes, {failed} failed")
    print(f"  {samples[0][1]:.0f} MB at the start, {first:.0f} MB after a third, {counted[-1][1]:.0f} MB at the end")
    print(f"  the line grows by {grown:+.1f} MB, the halves by {halves:+.1f} MB")
    if grown > MOST * first or halves > 2 * MOST * first:
        yield f"memory grows: {grown:.1f} MB over {span / 60:.0f} minutes of {first:.0f} MB"
    if failed > 0.01 * max(1, done):
        yield f"{failed} of {done + failed} events failed"


async def loaded(running: Servers) -> tuple[list[tuple[float, float]], int, int]:
    """(seconds, MB) every `SAMPLE` seconds of load; events that failed, and that were done."""
    traffic, samples, failed, done = Traffic(running), list[tuple[float, float]](), 0, 0
    await traffic.sign_in()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < MINUTES * 60:
        step = await traffic.run(RATE, SAMPLE)
        failed, done = failed + step.failed + step.lost, done + step.done
        samples.append((loop.time() - begun, running.memory()))
        if len(samples) % 6 == 0:
            print(f"    {samples[-1][0] / 60:5.1f} min  {samples[-1][1]:6.1f} MB", flush=True)
    return samples, failed, done
