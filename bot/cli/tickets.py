"""`secdesk tickets`: the queue, or one ticket with its timeline."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from bot.app import build
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", help="show this ticket (default: list the queue)")
    parser.add_argument("--state", default="unresolved", choices=["unresolved", "open", "claimed", "resolved", "all"])


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    app = build(settings())
    try:
        if options.number:
            ticket = app.tickets.get(options.number)
            print(f"{ticket.number}  {ticket.severity}  {ticket.state}  {ticket.subject}")
            for event in app.tickets.timeline(ticket.number):
                who = app.identities.name(event.actor)
                print(f"  {_when(event.at)}  {event.kind:<12} {who}: {event.text}")
            return 0
        for ticket in app.tickets.queue(options.state):
            print(
                f"{ticket.number:<9} {ticket.severity}  {ticket.state:<8} due {_when(ticket.next_due_at)}  {ticket.subject}"
            )
    finally:
        app.close()
    return 0


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") if at < 4e9 else "-"
