"""Procedures under the web application of tests: real runs over its database, with two small procedures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.papers.pdf import pdf
from adapters.papers.table import table
from adapters.stores.procedure_proposals import SqlProposalStore
from adapters.stores.procedures import SqlProcedureStore
from adapters.web.procedure_services import Procedures
from bot.procedures.exporting import Exports
from bot.procedures.improving import Improving
from bot.procedures.library import pinned, unpinned
from bot.procedures.runs import Runs
from bot.procedures.shapes import Library
from bot.procedures.store import Parts
from tests.fakes.procedures import DAILY, TAKEOVER

if TYPE_CHECKING:
    from tests.fakes.web import Fixture


def library(*texts: str) -> Library:
    """These procedures, as they would be loaded."""
    found = [pinned(unpinned(text), text.encode(), "procedures/x.yaml") for text in texts]
    return Library({one.procedure.id: one for one in found})


def procedures(fixture: Fixture) -> Procedures:
    """What the pages need. Tickets are offered the first procedure."""
    known = library(TAKEOVER, DAILY)
    parts = Parts(
        store=SqlProcedureStore(fixture.db), library=lambda: known, identities=fixture.identities,
        organisation=lambda: fixture.org,
        escalation=fixture.tickets, vault=fixture.vault, clock=fixture.clock, on_duty=lambda _at: ["sam.ortiz"],
        place_of=fixture.chat_of, redact=lambda text: text.replace("hunter2", "[removed]"),
    )  # fmt: skip
    runs, trail = Runs(parts), SqlProposalStore(fixture.db)
    improving = Improving(trail, runs, parts.library, fixture.chat_of, parts.redact, fixture.work)
    exports = Exports(runs, trail, lambda: fixture.org, fixture.vault.digest, pdf, table)
    return Procedures(runs, lambda: known, improving, exports, trail, lambda _ticket: [known.procedures["takeover"]])
