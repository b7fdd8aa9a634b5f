"""Procedures, put together: runs, their chat, and what happens to them when nobody presses anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.papers.table import table as csv_table
from adapters.stores.procedure_proposals import SqlProposalStore
from adapters.stores.procedures import SqlProcedureStore
from adapters.stores.triage import SqlTriageStore
from bot.answering.redaction import redact
from bot.app.contents import Contents
from bot.app.papers import printed
from bot.cards import Block
from bot.errors import NotFound
from bot.forget import names_in
from bot.helpdesk.oncall import OnCall
from bot.helpdesk.tickets import Ticket, Tickets
from bot.model import Place
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Db, Payload, Tx, Vault
from bot.procedures.chat import ProcedureChat
from bot.procedures.exporting import Exports
from bot.procedures.improving import ASK, Improving
from bot.procedures.runs import Runs, box_key
from bot.procedures.store import Parts
from bot.procedures.supervision import Supervision, offer_key
from bot.turn import EmergencyRaised, TicketChanged, Work

Finish = Callable[[str, Callable[[Payload], None], Payload], None]
SCHEDULES = {"procedures": ("*/5 * * * *", "procedures.tick")}


@dataclass(frozen=True)
class Procedures:
    """`runs` is the service, `chat` its responder, `supervision` its jobs and listeners, `trail` how runs went."""

    runs: Runs
    improving: Improving
    exports: Exports
    trail: SqlProposalStore
    chat: ProcedureChat
    supervision: Supervision
    language: Callable[[], str]

    def handlers(self, finish: Finish) -> dict[str, Callable[[Payload], None]]:
        """Jobs by kind. `finish` does one, and takes its row out of the outbox."""
        made = self.supervision
        return {
            "procedures.tick": made.tick,
            "procedures.box": lambda payload: finish(box_key(payload), made.boxed, payload),
            "procedures.offer": lambda payload: finish(offer_key(payload), made.offered, payload),
            ASK: lambda payload: finish(f"improve:{payload['run']}", self.improving.ask, payload),
        }

    def on_emergency(self, work: Work, event: EmergencyRaised) -> None:
        self.supervision.on_emergency(work, event)

    def on_ticket(self, work: Work, event: TicketChanged) -> None:
        self.supervision.on_ticket(work, event)

    def blocks(self, ticket: Ticket) -> Sequence[Block]:
        """For the card of a ticket at the desk."""
        return self.supervision.blocks(ticket.number, self.language()) if ticket.state != "resolved" else ()

    def unname(self, tx: Tx, names: Sequence[str]) -> int:
        """Delete what names somebody who is forgotten from what was written in runs; how many texts."""
        return self.runs.unname(tx, lambda text: names_in(text, names))


def make_procedures(
    contents: Contents, db: Db, vault: Vault, clock: Clock, identities: Identities, tickets: Tickets, oncall: OnCall,
    place_of: Callable[[str], Place | None], work: Callable[[Callable[[Work], Any]], Any],
    link: Callable[[str], str],
) -> Procedures:  # fmt: skip
    """Everything about runs."""

    def org() -> Organisation:
        return contents.organisation.current

    triage = SqlTriageStore(db)

    def labels(number: str) -> Collection[str] | None:
        try:
            ticket = tickets.get(number)
        except NotFound:
            return None
        return None if ticket.state == "resolved" else {ticket.kind, *triage.tags([number]).get(number, [])}

    parts = Parts(
        store=SqlProcedureStore(db), library=lambda: contents.procedures.current, identities=identities, organisation=org,
        escalation=tickets, vault=vault, clock=clock, on_duty=oncall.on_duty, place_of=place_of,
        redact=lambda text: redact(text).text, link=link,
    )  # fmt: skip
    runs = Runs(parts)
    chat = ProcedureChat(runs, lambda: org().words)
    trail = SqlProposalStore(db)
    improving = Improving(trail, runs, parts.library, place_of, parts.redact, work)
    exports = Exports(runs, trail, org, vault.digest, printed, csv_table)
    return Procedures(
        runs, improving, exports, trail, chat, Supervision(parts, runs, work, labels), lambda: org().file.language
    )
