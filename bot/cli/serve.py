"""`secdesk serve`: start Secdesk and say where it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="instead of server.host")
    parser.add_argument("--port", type=int, help="instead of server.port")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.logs import set_up_logs  # noqa: PLC0415
    from bot.app.serving import listen, serve  # noqa: PLC0415
    from bot.cli.opening import build_app  # noqa: PLC0415

    given = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
    chosen = replace(settings(), **given)
    set_up_logs(chosen.log_level, json=not sys.stderr.isatty())
    sock = listen(chosen)  # first: a port in use is said at once
    chosen = replace(chosen, port=sock.getsockname()[1])  # 0 means any that is free
    try:
        app = build_app(chosen, said=sys.stdout)  # standard error is for log lines
        try:
            serve(app, sock, lambda url: print(greeting(app, url), flush=True))
        finally:
            app.close()
    finally:
        sock.close()
    return 0


def greeting(app: App, url: str) -> str:
    """Where everything is, with a one-time link into the console."""
    lines = [f"Secdesk is at {url}"]
    if app.settings.local_chat:
        lines.append(f"  web chat   {url}/")
    lines.append(f"  console    {url}/console")
    try:
        person, link = app.console_link("")
        lines.append(f"  sign in    {link}\n             (once, as {person.name}; another: secdesk console-link)")
    except Exception as error:  # nobody on the desk yet: the rest works all the same
        lines.append(f"  sign in    no link: {error}")
    lines.append("  stop       Ctrl-C")
    if app.organisation().sample:
        lines.append("  These are sample values and people. Run `secdesk init` to make your own.")
    return "\n".join(lines)
