"""`secdesk serve`: start Secdesk and say where it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

from bot.app import build
from bot.app.logs import set_up_logs
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="instead of server.host")
    parser.add_argument("--port", type=int, help="instead of server.port")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    given = {name: value for name, value in vars(options).items() if value is not None}
    chosen = replace(settings(), **given)
    set_up_logs(chosen.log_level, json=not sys.stderr.isatty())
    app = build(chosen)
    from bot.app.serving import serve  # noqa: PLC0415 (the server is imported while nothing waits for it)

    def announce(url: str) -> None:
        lines = [f"Secdesk is at {url}"]
        if chosen.local_chat:
            lines.append(f"  web chat   {url}/")
        lines.append(f"  console    {url}/console")
        try:
            person, link = app.console_link("")
            lines.append(f"  sign in    {link}\n             (once, as {person.name}; another: secdesk console-link)")
        except Exception as error:  # nobody on the desk yet: the rest works all the same
            lines.append(f"  sign in    no link: {error}")
        if app.organisation().sample:
            lines.append("  These are sample values and people. Run `secdesk init` to make your own.")
        print("\n".join(lines), flush=True)

    try:
        serve(app, announce)
    finally:
        app.close()
    return 0
