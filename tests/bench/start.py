"""How long people wait: from the start of the server to its first answer, and for each command that only reads.

The first round fills the cache of a fresh data folder; of the three after it the median counts.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.served import SECDESK, Served, environment

ROUNDS = 3
QUESTION = "How do I report a suspicious mail?"
COMMANDS = (["--help"], ["lint"], ["people"], ["tickets"], ["audit"], ["nudge", "plan"], ["ask", QUESTION], ["doctor"])


def measure() -> Iterator[tuple[str, float]]:
    """`(what, seconds)` of each."""
    with tempfile.TemporaryDirectory(prefix="secdesk-bench-") as folder:
        home = Path(folder)
        yield "first start of all, to the first answer", _served(home)
        yield "start, to the first answer", _median(lambda: _served(home))
        for command in COMMANDS:
            yield f"secdesk {' '.join(command)}", _median(lambda command=command: _command(home, command))  # type: ignore[misc]


def _median(one: Callable[[], float]) -> float:
    return statistics.median(one() for _ in range(ROUNDS))


def _served(home: Path) -> float:
    started = time.perf_counter()
    served = Served.start(home, SECDESK_DATA=str(home / "data")).wait(600)
    served.become("dana.reyes")
    served.write(QUESTION)
    seconds = time.perf_counter() - started
    served.stop()
    return seconds


def _command(home: Path, command: list[str]) -> float:
    started = time.perf_counter()
    env = environment(SECDESK_DATA=str(home / "data"))
    done = subprocess.run([*SECDESK, *command], cwd=home, env=env, capture_output=True, check=False)
    said = done.stderr.decode()[-500:]
    assert done.returncode == 0 or command == ["doctor"], said  # doctor says that no phone rings here
    return time.perf_counter() - started
