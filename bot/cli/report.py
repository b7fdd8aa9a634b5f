"""`secdesk report FILE`: report a mail as somebody, and wait for the verdict. The engine need not run."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable
from pathlib import Path

from bot.cli.opening import opened
from bot.errors import ConfigError
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="an .eml or .msg file")
    parser.add_argument(
        "--as", dest="person", default="", help="id or address of the person who reports (default: a guest)"
    )
    parser.add_argument("--json", action="store_true", help="receipt, ticket, verdict, signs and text as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.cards import as_text  # noqa: PLC0415
    from bot.model import File, Message  # noqa: PLC0415

    data = _read(options.file)
    with opened(settings()) as app:
        person = app.person(options.person)
        message = Message(
            f"cli:{uuid.uuid4().hex}", person, app.web_place(person), files=(File(options.file.name, data),),
            at=app.clock.now(),
        )  # fmt: skip
        reply = app.desk.handle(message)
        result = app.examine_now(data)
    if options.json:
        print(json.dumps({"receipt": as_text(reply.card), **(result or {})}, ensure_ascii=False))
    else:
        print(as_text(reply.card))
        if result:
            print("\n" + result["text"])
    return 0 if result else 1


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
