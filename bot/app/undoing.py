"""Undo send, put together: what the desk sends that can be taken back, and what making it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.stores.undo import SqlUndoStore
from bot.helpdesk.tickets import Tickets
from bot.model import SEVERITIES, Kind, Person
from bot.organisation import Words
from bot.people import Identities
from bot.ports import Db
from bot.reporting.outcome import Outcome
from bot.turn import Work
from bot.undo import Parts, Undo


def make_undo(
    db: Db,
    identities: Identities,
    tickets: Tickets,
    outcome: Outcome,
    words: Callable[[], Words],
    run: Callable[[Callable[[Work], None]], None],
    seconds: int,
) -> Undo:
    """`seconds`: how long a reply and a verdict wait (0: not at all)."""

    def reply(work: Work, person: Person, ticket: str, fields: Mapping[str, str]) -> None:
        tickets.reply(work, ticket, person, fields["text"])

    def verdict(work: Work, person: Person, ticket: str, fields: Mapping[str, str]) -> None:
        outcome.judge(
            work, ticket, person, Kind(fields["kind"]), fields["note"], sha256=fields["sha256"], every=fields["every"] == "1"
        )  # fmt: skip

    def urgent(number: str) -> bool:
        ticket = tickets.get(number)
        return ticket.kind == "emergency" or ticket.severity == SEVERITIES[-1]

    return Undo(
        Parts(
            store=SqlUndoStore(db), identities=identities, escalation=tickets, run=run,
            makes={"reply": reply, "verdict": verdict}, urgent=urgent,
            too_late=lambda lang: words().say(lang, "ticket.too_late"), seconds=seconds,
        )
    )  # fmt: skip
