"""Two small TCP relays: a round-robin load balancer in front of the replicas, and a wire to the database that can be cut."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Connect = Callable[[], socket.socket | None]


class Relay:
    """Takes connections on a port of 127.0.0.1 and passes bytes on both ways. `connect` None: the caller is turned away."""

    def __init__(self, connect: Connect) -> None:
        self._connect, self._open = connect, set[socket.socket]()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        self.drop()

    def drop(self) -> None:
        """Break every connection off."""
        with self._lock:
            broken, self._open = self._open, set()
        for one in broken:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller:
            called = self._connect()
            if called is None:
                return
            with called:
                with self._lock:
                    self._open |= {caller, called}
                back = threading.Thread(target=_pump, args=(called, caller), daemon=True)
                back.start()
                _pump(caller, called)
                back.join()
                with self._lock:
                    self._open -= {caller, called}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Balancer(Relay):
    """Each connection goes to the next replica; one that does not listen is passed over. Nothing sticks to anybody."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.count()
        self.ports = list(ports)
        super().__init__(self._next)

    def _next(self) -> socket.socket | None:
        start = next(self._turns)
        for step in range(len(self.ports)):
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.ports[(start + step) % len(self.ports)]), timeout=60)
        return None


class Wire(Relay):
    """The way to the database."""

    def __init__(self, server: Path) -> None:
        self._server, self._whole = server, threading.Event()
        self._whole.set()
        super().__init__(self._through)

    def cut(self) -> None:
        self._whole.clear()
        self.drop()

    def mend(self) -> None:
        self._whole.set()

    def _through(self) -> socket.socket | None:
        if not self._whole.is_set():
            return None
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(str(self._server))
        except OSError:
            made.close()
            return None
        return made
