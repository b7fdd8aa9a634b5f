"""`secdesk tickets`: the queue, or one ticket with its timeline."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import NotFound
from bot.helpdesk.triage import Filter
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", help="show this ticket (default: list the queue)")
    parser.add_argument(
        "--state", default="unresolved", choices=["unresolved", "open", "claimed", "resolved", "all"],
        help="list only these (default: unresolved)",
    )  # fmt: skip
    parser.add_argument("--find", default="", metavar="WORDS", help="list only those that say all these words")
    parser.add_argument("--rebuild", action="store_true", help="make due times again from the timelines")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    with opened(settings()) as app:
        if options.rebuild:
            print(f"{app.calling.chain.rebuild()} due times were wrong and are right now.")
        elif options.number:
            _show(app, options.number)
        else:
            _list(app, options.state, options.find)
    return 0


def _show(app: App, number: str) -> None:
    try:
        ticket = app.tickets.get(number.upper())
    except NotFound:
        raise NotFound(f"there is no ticket {number}; see secdesk tickets --state all") from None
    print(f"{ticket.number}  {ticket.severity}  {ticket.state}  {ticket.subject}")
    for event in app.tickets.timeline(ticket.number):
        print(f"  {_when(event.at)}  {event.kind:<12} {app.identities.name(event.actor)}: {event.text}")


def _list(app: App, state: str, words: str) -> None:
    tickets = app.triage.found(Filter(state), words, 200) if words else app.tickets.queue(state)
    for one in tickets:
        print(f"{one.number:<9} {one.severity}  {one.state:<8} due {_when(one.next_due_at):<16}  {one.subject}")
    if not tickets:
        print("No tickets here." if state == "all" else f"No tickets that are {state}.")


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") if at < 4e9 else "-"
