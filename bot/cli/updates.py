"""`secdesk updates`: what a new version brought and somebody has to decide, and edits that came too late."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb", nargs="?", default="list", choices=["list", "use", "leave", "keep", "take"],
        help="list (default); use or leave a new answer or lesson; keep your own text or take the one that ships",
    )  # fmt: skip
    parser.add_argument("entry", nargs="*", help="what it is about, as the list names it")
    parser.add_argument("--as", dest="person", default="", help="who decides: id or address of an approver")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    chosen = settings()
    with opened(chosen, search=options.verb in ("use", "take")) as app:
        if options.verb == "list":
            print(_listed(app))
        else:
            _decide(app, options)
    return 0


def _listed(app: App) -> str:
    updates = app.updates
    lines = [f"new        {name}" for name in updates.waiting()]
    lines += [f"changed    {one.entry}" for one in updates.differences()]
    lines += [f"set aside  {one.about.path}  {one.about.who}" for one in updates.asides()]
    return "\n".join(lines) or "Nothing to decide."


def _decide(app: App, options: argparse.Namespace) -> None:
    from bot.errors import ConfigError, NotFound  # noqa: PLC0415
    from bot.permissions import allowed  # noqa: PLC0415

    if not options.entry or not options.person:
        raise ConfigError(f"updates {options.verb}: name answers, and who decides: --as PERSON")
    person = app.person(options.person)
    if not allowed(app.organisation().console_roles(person.roles), "approve"):
        raise ConfigError(f"{person.name} may not approve: the console role approver does")
    person = app.work(lambda work: app.identities.meet(work.tx, person, work.at))
    updates = app.updates
    for name in options.entry:
        try:
            if options.verb == "use":
                app.work(updates.use(person, [name]))
            elif options.verb == "leave":
                app.work(updates.leave(person, [name]))
            elif options.verb == "keep":
                app.work(updates.keep(person, name))
            else:
                change = app.work(updates.take(person, name))
                app.authoring.writer.write({"change": change.id})
        except NotFound:
            raise NotFound(f"{name} does not wait for that; see secdesk updates") from None
        print(f"{name}: done")
