"""The program inside the sandbox: reads mails from standard input, writes examinations to standard output, ends at its close.

Frames: four bytes of length (big-endian), then that many bytes. A request is one JSON frame, followed by one with the bytes
unless it brings the context; an answer is one JSON frame. Nothing here imports pydantic, YAML or a network library: start-up
time counts.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from bot.reporting.context import Context

LENGTH = struct.Struct(">I")
MOST_FRAME = 192 << 20  # bytes: the largest upload, taken apart into its mails and pictures as base64, has less
MOST_FRAME = 192 << 20  # bytes: the largest upload, taken apart into its mails and pictures as base64, has less


def read_frame(stream: BinaryIO, most: int = MOST_FRAME) -> bytes | None:
    """The next frame, or None when the other side has gone, or says that more than `most` bytes follow."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    if size > most:
        return None
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """Send one frame."""
    stream.write(LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def limit(memory_mb: int) -> None:
    """No more memory than this, no files written, no core dumps. Where the system knows no such limits, nothing happens."""
    try:
        import resource  # noqa: PLC0415  (POSIX only)
    except ImportError:
        return
    for what, value in ((resource.RLIMIT_AS, memory_mb * 2**20), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a lower hard limit is in force already
            resource.setrlimit(what, (value, value))


def _done(request: dict[str, Any], data: bytes, context: Context) -> Any:
    """What was asked for. Each reader is loaded when it is first needed."""
    match request["do"]:
        case "examine":
            from bot.reporting.examine import examine  # noqa: PLC0415

            return examine(data, request["name"], context)
        case "unpack":
            from bot.reporting.unpack import unpack  # noqa: PLC0415

            return unpack(data, request["authserv_id"])
        case "outline":
            from bot.reporting.outline import outline  # noqa: PLC0415

            return outline(data, request["name"])
        case "view":
            from bot.reporting.safe_view import safe_view  # noqa: PLC0415

            return safe_view(data, request["name"])
        case _:
            from bot.reporting.screenshots import look  # noqa: PLC0415

            return look(data, request["name"])


def main() -> None:
    """Serve until standard input closes."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints must not break the frames
    limit(int(sys.argv[1]))

    from bot.reporting.context import Context  # noqa: PLC0415  (after the limits)
    from bot.reporting.wire import dump, load  # noqa: PLC0415

    context = Context()
    while (frame := read_frame(requests)) is not None:
        request: dict[str, Any] = json.loads(frame)
        if request["do"] == "context":
            context = load(Context, request["context"])
            gc.collect()
            gc.freeze()  # what stays for ever need not be looked at again
            continue
        data = read_frame(requests)
        if data is None:
            return
        try:
            answer = dump(_done(request, data, context))
        except MemoryError:
            os._exit(3)  # what is left of this process cannot be trusted
        except (RecursionError, Exception) as error:
            answer = {"crash": type(error).__name__}
        write_frame(answers, json.dumps(answer, ensure_ascii=True, check_circular=False).encode())
