"""A process that runs the desk and is killed at a chosen step: `python -m tests.fakes.desk_process CACHE`.

It loads the content once, says "up", and forks for each order on standard input (a JSON line), so that a test can kill
hundreds. The child is killed with SIGKILL from inside: by the database, the clock or the channel that it was given.
Prints `{"steps": [...], "killed": bool}` for each order, with the steps that were passed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.model import Action, File, Message
from bot.ports import Db, Page, SentRef, Tx
from tests.fakes.desk import DANA, MAIL, NOW, TROUBLE, FakeChannel, FakeClock, FakePager, House, Says, shared

FLOWS = ("report", "escalate", "emergency", "answer")


@dataclass
class Steps:
    """Counts the steps of a process and kills it at one. Passed ones go to a pipe, which outlives the process."""

    pipe: int
    kill_at: int
    armed: bool = False
    passed: int = 0

    def step(self, name: str) -> None:
        if not self.armed:
            return
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1
        os.write(self.pipe, f"{name}\n".encode())


@dataclass
class KillingDb:
    """Steps before each transaction, inside it when all of it is written, and after its commit."""

    db: Db
    steps: Steps
    dialect: Any = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.db.dialect

    @contextmanager
    def tx(self) -> Iterator[Tx]:
        self.steps.step("before")
        with self.db.tx() as tx:
            yield tx
            self.steps.step("inside")
        self.steps.step("after")

    def query(self, sql: str, **params: object) -> list[dict[str, Any]]:
        return self.db.query(sql, **params)

    def close(self) -> None:
        self.db.close()


class KillingChannel(FakeChannel):
    """Steps before a message goes out and when the platform has it."""

    def __init__(self, path: Path, steps: Steps) -> None:
        super().__init__(path)
        self.steps = steps

    async def send(self, place: Any, card: Any, key: str) -> SentRef:
        self.steps.step(f"send {key}")
        ref = await super().send(place, card, key)
        self.steps.step(f"sent {key}")
        return ref


class FilePager(FakePager):
    """Whoever was rung is a line of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def page(self, page: Page) -> None:
        with self.path.open("a") as file:
            file.write(page.key + "\n")

    def keys(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


def message(house: House, flow: str) -> Message:
    """The event of a flow; always the same."""
    more: dict[str, Any] = {
        "report": {"files": (File("parcel.eml", MAIL),)},
        "escalate": {"action": Action("tickets.person", "May I send this file?")},
        "answer": {"action": Action("tickets.person", "May I send this file?")},
        "emergency": {"text": TROUBLE},
    }[flow]
    return Message(f"the-{flow}", house.person(DANA), house.place(DANA), at=NOW, **more)


def answered(house: House) -> None:
    """An analyst sends a reply, unless it was sent before."""
    if house.rows("SELECT key FROM outbox WHERE kind = 'undo.over'"):
        return
    sam, fields = house.analyst(), {"text": "Yes, to this address."}
    house.app.work(lambda work: house.app.undo.send(work, "reply", "SEC-101", sam, fields))


def run(contents: Contents, order: dict[str, Any], steps: Steps) -> None:
    """What a serving process does with one event: handle it, send the reply, sweep, run the jobs."""
    folder = Path(order["folder"])
    db = KillingDb(open_db(order["url"], folder), steps)
    channel = KillingChannel(folder / "sent", steps)
    pager = FilePager(folder / "rung")
    house = House(
        folder, db, contents, clock=FakeClock(NOW), channels={"web": channel}, pagers=[pager], examiner=Says()
    )
    steps.armed = True
    reply = house.desk.handle(message(house, order["flow"]))
    house.app.deliver(reply.delivery)
    if order["flow"] == "answer":
        answered(house)
        house.clock.forward(house.app.undo.seconds)
    for _ in range(3):
        house.sweeper.sweep()
        house.jobs.run()


def main() -> None:
    contents = shared(Path(sys.argv[1]))
    gc.freeze()  # else the first collection of each child copies all of it
    print("up", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            code = 1
            with suppress(BaseException):
                run(contents, order, Steps(writer, order["kill_at"]))
                code = 0
            os._exit(code)
        os.close(writer)
        with os.fdopen(reader) as passed:
            names = passed.read().splitlines()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or os.waitstatus_to_exitcode(status) == 0, (order, names)
        print(json.dumps({"steps": names, "killed": killed}), flush=True)


class Process:
    """The process, from the test's side."""

    def __init__(self, fitted: Path) -> None:
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.desk_process", str(fitted)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._up = False

    def run(self, flow: str, url: str, folder: Path, kill_at: int) -> tuple[list[str], bool]:
        """Run a flow and kill it at a step; the steps it passed, and whether it was killed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if not self._up:
            assert self.process.stdout.readline() == "up\n"
            self._up = True
        order = {"flow": flow, "url": url, "folder": str(folder), "kill_at": kill_at}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["steps"], answer["killed"]

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


if __name__ == "__main__":
    main()
