"""Runs the examination of hostile mails in processes that can be killed: a time limit, a memory limit, no secrets inside.

The processes are started when first needed, reused between mails, and replaced after a kill or some hundred mails. They get an
empty environment and Python's isolated mode. Never a fork of this process, which has threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import bot
from bot.reporting.context import Context
from bot.reporting.examine import Examination, failed
from bot.reporting.mail_model import Email
from bot.reporting.mail_parts import digest
from bot.reporting.outline import Outline
from bot.reporting.safe_view import SafeView
from bot.reporting.screenshots import Picture
from bot.reporting.unpack import Letter
from bot.reporting.wire import dump, load
from bot.reporting.worker import read_frame, write_frame

T = TypeVar("T")
Request = Mapping[str, str]
REUSED = 500  # mails before a process is replaced
_START = (
    "import sys; sys.path[:0] = [p for p in sys.argv[2:] if p not in sys.path]; "
    "from bot.reporting.worker import main; main()"
)


def answered(kind: type[T], frame: bytes) -> T | str | None:
    """What a process answered: the thing, `crash` if it says that it failed, None for what is not of the form. A mail may have
    taken the process over, so nothing in the answer is believed."""
    try:
        answer = json.loads(frame)
        return "crash" if "crash" in answer else load(kind, answer)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


class Examiner(Protocol):
    """What the rest of the desk needs of a sandbox. Nothing here raises for what is in the bytes."""

    def examine(self, data: bytes, name: str, context: Context) -> Examination: ...

    def unpack(self, data: bytes, authserv_id: str) -> Letter:
        """A letter to the reporting mailbox. `fault` says why if it could not be taken apart."""
        ...

    def outline(self, data: bytes, name: str) -> Outline:
        """What a mail is recognised by."""
        ...

    def look(self, data: bytes, name: str) -> Picture:
        """A screenshot: the codes in it, and what sort of phone took it."""
        ...


class Sandbox:
    """A small pool of killable workers. Thread-safe: at most `workers` mails at a time, the others wait.

    `timeout` in seconds a mail, `memory_mb` of address space a process.
    """

    def __init__(self, timeout: float = 5.0, memory_mb: int = 512, workers: int = 2) -> None:
        self.timeout, self.memory_mb = timeout, memory_mb
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def examine(self, data: bytes, name: str, context: Context) -> Examination:
        """Parse and judge one mail. A crash, a timeout or too much memory gives "could not check", never an exception."""
        answer = self._ask(Examination, {"do": "examine", "name": name[:255]}, data, context)
        if isinstance(answer, Examination):
            return answer
        return failed(answer, Email(sha256=digest(data), size=len(data)), context)

    def unpack(self, data: bytes, authserv_id: str) -> Letter:
        answer = self._ask(Letter, {"do": "unpack", "authserv_id": authserv_id}, data, None)
        return answer if isinstance(answer, Letter) else Letter(digest(data), fault=answer)

    def outline(self, data: bytes, name: str) -> Outline:
        answer = self._ask(Outline, {"do": "outline", "name": name[:255]}, data, None)
        return answer if isinstance(answer, Outline) else Outline(fault=answer)

    def look(self, data: bytes, name: str) -> Picture:
        answer = self._ask(Picture, {"do": "look", "name": name[:255]}, data, None)
        return answer if isinstance(answer, Picture) else Picture(fault=answer)

    def view(self, data: bytes, name: str) -> SafeView:
        """A mail as an analyst may look at it."""
        answer = self._ask(SafeView, {"do": "view", "name": name[:255]}, data, None)
        return answer if isinstance(answer, SafeView) else SafeView(fault=answer)

    def _ask(self, kind: type[T], request: Request, data: bytes, context: Context | None) -> T | str:
        with self._slots:
            worker = self._take()
            answer = worker.ask(kind, request, data, context, self.timeout)
            self._give(worker)
        return answer

    def close(self) -> None:
        """End the processes. A later examination starts new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                worker.kill()
        return _Worker(self.memory_mb)

    def _give(self, worker: _Worker) -> None:
        if worker.alive() and worker.served < REUSED:
            with self._lock:
                self._idle.append(worker)
        else:
            worker.kill()


class _Worker:
    """One process. Used by one thread at a time."""

    def __init__(self, memory_mb: int) -> None:
        home = str(Path(bot.__file__).resolve().parent.parent)  # where `bot` was found: source tree, editable or wheel
        self.served = 0
        self._context: Context | None = None
        self._late = False
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and program, no input in the command)
            [sys.executable, "-I", "-X", "utf8", "-c", _START, str(memory_mb), home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={} if os.name == "posix" else None,
            cwd=sys.prefix,
            start_new_session=True,
        )

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, kind: type[T], request: Request, data: bytes, context: Context | None, timeout: float
    ) -> T | str:  # fmt: skip
        """What was asked for, or why there is nothing: `time` or `crash`. After either, the process is gone."""
        timer = threading.Timer(timeout, self._expire)
        timer.daemon = True
        timer.start()
        try:
            frame = self._talk(request, data, context)
            found = answered(kind, frame) if frame is not None else None
            if isinstance(found, kind):
                return found
        except OSError:
            found = None
        finally:
            timer.cancel()
        if found is None:  # it has gone, or says what no process of ours would
            self.kill()
        return "time" if self._late else "crash"

    def _talk(self, request: Request, data: bytes, context: Context | None) -> bytes | None:
        requests, answers = self._pipes()
        if context is not None and self._context is not context:
            write_frame(requests, json.dumps({"do": "context", "context": dump(context)}).encode())
            self._context = context
        write_frame(requests, json.dumps(request).encode())
        write_frame(requests, data)
        self.served += 1
        return read_frame(answers)

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise OSError("the process has no pipes")
        return requests, answers  # type: ignore[return-value]

    def _expire(self) -> None:
        self._late = True
        self._process.kill()

    def kill(self) -> None:
        """End the process and give back its pipes."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        self._process.wait()
