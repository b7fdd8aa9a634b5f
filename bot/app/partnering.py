"""Partners put together: what the pillar reads of tickets, its job, and its places in the house."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING

from adapters.stores.partners import SqlPartnerStore
from bot.answering.redaction import redact
from bot.app.contents import Contents
from bot.calendars import ALWAYS
from bot.contracts import Contract
from bot.helpdesk import clocks
from bot.helpdesk.rounds import rounds
from bot.helpdesk.sla import US, Sla
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.partners import Partners, make_partners
from bot.partners.figures import Case, Pause
from bot.partners.parts import Parts, Run
from bot.partners.reviews import Review
from bot.people import Identities
from bot.ports import Clock, Db, Payload, Row, Vault

if TYPE_CHECKING:
    from bot.app import App

LOOK = "partners.look"
SCHEDULES = {"partners": ("10 * * * *", LOOK)}


def make(
    db: Db, vault: Vault, clock: Clock, contents: Contents, identities: Identities, org: Callable[[], Organisation],
    reach: Callable[[str], Place | None], link: Callable[[str], str], run: Run,
) -> Partners:  # fmt: skip
    """The pillar. `reach` is where somebody gets what is written to them, `link` the address of a page of the console."""
    store = SqlPartnerStore(db)
    parts = Parts(
        store=store, contracts=lambda: contents.partners.current,
        calendar=lambda name: contents.sla.current.calendars.get(name, ALWAYS),
        cases=lambda partner, begin, until, ticket="": cases(store, contents.sla.current, partner, begin, until, ticket),
        identities=identities, organisation=org, place_of=reach, clock=clock, digest=vault.digest,
        link=link, redact=lambda text: redact(text).text,
    )  # fmt: skip
    return make_partners(parts, run)


def invited(app: App, review: Review, contract: Contract, agenda: str, reader: Person) -> bytes:
    """The next review as a calendar file; its library is loaded when somebody asks."""
    from adapters.meetings import invitation  # noqa: PLC0415

    title = app.partners.parts.say(reader, "partner.review.title", name=contract.name)
    return invitation(review, contract, title, agenda, app.identities.find)


def handlers(partners: Partners) -> dict[str, Callable[[Payload], None]]:
    """Its jobs."""
    return {LOOK: partners.reminders.look}


def cases(store: SqlPartnerStore, sla: Sla, partner: str, begin: float, until: float, ticket: str = "") -> list[Case]:
    """The tickets that a partner has or had and that were not closed before `begin`, as they stood at `until`; or one of them."""
    severities = {str(row["number"]): str(row["severity"]) for row in store.tickets(partner, begin, ticket)}
    found = []
    for number, lines in groupby(store.lines(partner, begin, ticket), key=lambda row: str(row["ticket"])):
        if number in severities:
            found.append(_case(number, severities[number], list(lines), sla, partner, until))
    return found


def _case(number: str, severity: str, lines: list[Row], sla: Sla, partner: str, until: float) -> Case:
    every = rounds(clocks.marks(lines), sla, until, severity)  # type: ignore[arg-type]  # severities are what we wrote
    pausing = sla.owners[partner].pause if partner in sla.owners else frozenset()
    handed = tuple(float(line["at"]) for line in lines if (line["kind"], line["detail"]) == ("handed", partner))
    return Case(
        number, severity,
        tuple(one for one in every if one.owner == partner),
        tuple(one for one in every if one.owner == US),
        tuple(_pauses(lines, pausing, until)), tuple(at for at in handed if at <= until),
        tuple(_reopened(lines, partner, until)),
    )  # fmt: skip


def _pauses(lines: list[Row], pausing: frozenset[str], until: float) -> list[Pause]:
    """Pauses that stop the partner's clock, each with the line that claims it."""
    found: list[Pause] = []
    claimed: Row | None = None
    for line in lines:
        if line["at"] > until:
            break
        if line["kind"] in {"paused", "resumed", "resolved"}:
            if claimed is not None:
                found.append(Pause(claimed["actor"], int(claimed["seq"]), float(claimed["at"]), float(line["at"])))
            claimed = line if line["kind"] == "paused" and line["detail"] in pausing else None
    if claimed is not None:
        found.append(Pause(claimed["actor"], int(claimed["seq"]), float(claimed["at"]), 0.0))
    return found


def _reopened(lines: list[Row], partner: str, until: float) -> list[float]:
    """When it was opened again while it was theirs."""
    found, owner = list[float](), US
    for line in lines:
        if line["kind"] == "handed":
            owner = line["detail"]
        elif line["kind"] == "reopened" and owner == partner and line["at"] <= until:
            found.append(float(line["at"]))
    return found
