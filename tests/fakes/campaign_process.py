"""A process that sends a campaign to a platform that is a file: `python -m tests.fakes.campaign_process FOLDER TIME`.

It starts the campaign if there is none, and ends when nothing is left. The test kills it in the middle.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from adapters.stores.open import open_db
from bot.cards import Card
from bot.delivery import Deliverer, Pump
from bot.model import Person, Place
from bot.ports import SentRef
from tests.contract.test_waves import House

T = TypeVar("T")
PEOPLE, WORKERS, LESSON = 150, 8, "core-1"


class FileChannel:
    """A platform that has taken what is in its file. It cannot tell that it has had a message before."""

    name, real = "web", False

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def send(self, place: Place, card: Card, key: str) -> SentRef:
        os.write(self._file, f"{place.conversation}\n".encode())
        await asyncio.sleep(0.004)  # the platform has it, and we don't know yet: here a kill makes a double
        return SentRef("web", place.conversation, key)

    async def update(self, ref: SentRef, card: Card) -> SentRef:
        return ref


def bridge(work: Awaitable[T], timeout: float) -> T:
    async def wait() -> T:
        return await asyncio.wait_for(asyncio.ensure_future(_as_coroutine(work)), timeout)

    return asyncio.run(wait())


async def _as_coroutine(work: Awaitable[T]) -> T:
    return await work


def house(folder: Path, at: float) -> House:
    """The house with its people, at a time."""
    staff = [
        Person(f"k{n}", f"K {n}", roles=frozenset({"regular"}), timezone="Europe/London", entity="uk", key=f"p_k{n}")
        for n in range(PEOPLE)
    ]
    return House(open_db("", folder), staff=staff, now_=at)


def finish(made: House, folder: Path) -> list[str]:
    """Send until nothing is left; what was counted on the way."""
    counted: list[str] = []
    channels: Any = {"web": FileChannel(folder / "platform")}
    deliverer = Deliverer(made.core, channels, made, bridge, counted.append)
    pump = Pump(made.core, deliverer.send, made, rates={}, feed=made.feed, workers=WORKERS, look=0.01, idle=0.05)
    pump.start()
    wave = made.waves.all()[0].id
    until = time.monotonic() + 60
    while made.told(wave).counts.get("queued") and time.monotonic() < until:
        time.sleep(0.02)
    pump.stop()
    return counted


def main() -> None:
    folder, at = Path(sys.argv[1]), float(sys.argv[2])
    made = house(folder, at)
    if not made.waves.all():
        made.start(LESSON, at_once=True)
    for what in finish(made, folder):
        (folder / "counted").open("a").write(what + "\n")


if __name__ == "__main__":
    main()
