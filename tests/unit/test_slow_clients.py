"""Requests that come byte by byte are cut off, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from adapters.web.slow_clients import TimedProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class Quick(TimedProtocol):
    HEAD, RATE, LOOK = 1.5, 100_000.0, 0.05


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def connect() -> Iterator[Callable[[], socket.socket]]:
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(echo, http=Quick, lifespan="off", log_config=None, timeout_keep_alive=20)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), daemon=True)
    thread.start()
    opened: list[socket.socket] = []

    def one() -> socket.socket:
        opened.append(socket.create_connection(sock.getsockname(), 20))
        return opened[-1]

    yield one
    for each in opened:
        each.close()
    server.should_exit = True
    thread.join(20)


def rest(peer: socket.socket) -> bytes:
    """What still comes until the other side hangs up."""
    try:
        return b"".join(iter(lambda: peer.recv(4096), b""))
    except ConnectionError:
        return b""


def answer(peer: socket.socket) -> bytes:
    """One whole answer of `echo`: its body has digits alone, and its length stands in the head."""
    said = b""
    while b"\r\n\r\n" not in said or len(said.partition(b"\r\n\r\n")[2]) < int(
        said.partition(b"content-length: ")[2][:1]
    ):
        more = peer.recv(4096)
        if not more:
            break
        said += more
    return said


def asked(peer: socket.socket) -> bytes:
    peer.sendall(HEAD % 3 + b"abc")
    return answer(peer)


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_does_not_end_is_answered_with_408(connect: Callable[[], socket.socket], said: bytes) -> None:
    peer = connect()
    peer.sendall(said)
    assert rest(peer).startswith(b"HTTP/1.1 408 ")


def test_dripping_wins_no_time_and_others_are_answered(connect: Callable[[], socket.socket]) -> None:
    slow = [connect() for _ in range(50)]
    alive, answered, until = set(slow), 0, time.monotonic() + 20
    for peer in slow:
        peer.sendall(b"GET / HTTP/1.1\r\n")
    while alive and time.monotonic() < until:
        for peer in list(alive):
            try:
                peer.sendall(b"X")
                peer.setblocking(False)
                peer.recv(1)  # an answer or the end: either way we are cut off
                alive.discard(peer)
            except BlockingIOError:
                peer.setblocking(True)
            except ConnectionError:
                alive.discard(peer)
        answered += asked(connect()).startswith(b"HTTP/1.1 200 ")
    assert set() == alive
    assert answered > 0


def test_a_body_that_trickles_is_cut_off_and_a_steady_one_is_not(connect: Callable[[], socket.socket]) -> None:
    trickling = connect()
    trickling.sendall(HEAD % 1_000_000 + b"x")
    assert b"" == rest(trickling)
    steady, pieces = connect(), 40
    steady.sendall(HEAD % (pieces * 100_000))
    for _ in range(pieces):
        steady.sendall(b"y" * 100_000)
        time.sleep(0.1)  # past the time for heads, at ten times the rate
    assert answer(steady).endswith(b"\r\n\r\n4000000")


def test_a_connection_that_is_kept_may_rest_and_then_has_its_time_anew(connect: Callable[[], socket.socket]) -> None:
    peer = connect()
    assert asked(peer).endswith(b"3")
    time.sleep(2 * Quick.HEAD)
    assert asked(peer).endswith(b"3")
    peer.sendall(b"GET / HTTP/1.1\r\n")
    assert rest(peer).startswith(b"HTTP/1.1 408 ")
