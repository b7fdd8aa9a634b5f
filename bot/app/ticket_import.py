"""Tickets out of another system's export. The same file again changes nothing; a newer one brings what has changed since.

What is open begins its clocks with the import, and nobody is told: a thousand old tickets are no news. What is closed keeps its
times. Each ticket is one transaction, so that an import that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adapters.stores.trackers import SqlTrackedStore
from bot.errors import ConfigError
from bot.helpdesk.trackers_export import Export, Exported, Source, read_export
from bot.helpdesk.trackers_inbound import clean
from bot.helpdesk.triage import at_the_desk
from bot.model import Person, Place
from bot.ports import Tx
from bot.turn import TicketRequest, Work

if TYPE_CHECKING:
    from bot.app import App

ACTOR = "import"
Outcome = Literal["new", "changed", "same"]


@dataclass
class Imported:
    """What came of a file: our numbers by theirs, a list each."""

    export: Export
    new: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Audits:
    """The chain says when it was done, whatever the ticket says."""

    app: App

    def append(self, tx: Tx, _at: float, actor: str, action: str, subject: str, detail: Mapping[str, str]) -> None:
        self.app.audit.append(tx, self.app.clock.now(), actor, action, subject, detail)


def import_tickets(app: App, path: Path, *, write: bool) -> Imported:
    """Take a file. Raises `ConfigError` for one that is no export, `OSError`."""
    try:
        export = read_export(path.name, path.read_bytes())
    except MemoryError as error:
        raise ConfigError(f"{path.name}: it is too large; split the export") from error
    done = Imported(export)
    for ticket in export.tickets:
        number, outcome = _one(app, export.source, ticket, write=write)
        getattr(done, outcome)[ticket.external] = number
    return done


def _one(app: App, source: Source, ticket: Exported, *, write: bool) -> tuple[str, Outcome]:
    store, digest = SqlTrackedStore(app.db), _digest(ticket)
    with app.db.tx() as tx:
        known = store.imported(tx, source, ticket.external)
        outcome: Outcome = "new" if known is None else "same" if known["digest"] == digest else "changed"
        number = str(known["ticket"]) if known else ""
        if not write or outcome == "same":
            return number, outcome
        number = number or _open(app, tx, source, ticket)
        _words(app, tx, source, ticket, number)
        _bring(app, tx, ticket, number)
        store.keep_import(tx, source, ticket.external, number, digest, app.clock.now())
        if app.tracking and app.tracking.name == source and ticket.remote and outcome == "new":
            store.link(tx, source, number, ticket.remote, app.clock.now())
    return number, outcome


def _work(app: App, tx: Tx, at: float = 0.0) -> Work:
    """Nobody listens: an import tells nobody anything."""
    return Work(tx, min(at or app.clock.now(), app.clock.now()), app.core, _Audits(app), {})


def _open(app: App, tx: Tx, source: Source, ticket: Exported) -> str:
    person = _person(app, ticket.requester)
    key = app.identities.meet(tx, person, app.clock.now()).key if person else ""
    who = "" if person or not ticket.requester else f" ({clean(ticket.requester, 80)})"
    text = f"{source} {ticket.external}{who}\n\n{clean(ticket.text)}".strip()
    at = ticket.opened if ticket.status == "resolved" else 0.0
    request = TicketRequest(key, Place("", ""), "person", clean(ticket.subject, 120), text, ticket.severity)
    return app.tickets.open(_work(app, tx, at), request).number


def _words(app: App, tx: Tx, source: Source, ticket: Exported, number: str) -> None:
    """Comments that are not here yet, oldest first."""
    for word in sorted(ticket.words, key=lambda one: one.at):
        mark = hashlib.sha256(json.dumps(asdict(word)).encode()).hexdigest()[:32]
        work = _work(app, tx, word.at if ticket.status == "resolved" else 0.0)
        text = clean(word.text)
        if text and app.core.first_time(tx, f"import:{source}:{ticket.external}:{mark}", work.at):
            who = clean(word.author, 80)
            app.tickets.log(work, number, ACTOR, "from_tracker", f"{who}: {text}" if who else text)


def _bring(app: App, tx: Tx, ticket: Exported, number: str) -> None:
    """State, severity and holder as they are there."""
    now, here = _work(app, tx), app.tickets.get(number)
    us = Person(ACTOR, "Import", key=ACTOR)
    app.tickets.raise_severity(now, number, ticket.severity, "secdesk")
    if ticket.status == "resolved":
        at = ticket.closed if ticket.closed >= here.created_at else here.created_at
        return app.tickets.close(_work(app, tx, at), number, ACTOR)
    if here.state == "resolved":
        app.tickets.reopen(now, number, us)
    holder = _person(app, ticket.holder)
    if holder and at_the_desk(holder, app.organisation()):
        app.tickets.assign(now, number, us, app.identities.meet(tx, holder, now.at))
    if ticket.status == "waiting" and not app.tickets.get(number).waiting:
        app.tickets.wait(now, number, us, "person")
    return None


def _person(app: App, who: str) -> Person | None:
    """By id, address, or a name that only one person has."""
    if not who:
        return None
    found = app.identities.find(who)
    if found is None:
        same = [one for one in app.identities.people() if one.name.casefold() == who.casefold()]
        found = same[0] if len(same) == 1 else None
    return found


def _digest(ticket: Exported) -> str:
    """What a ticket is known to be unchanged by: where it stands in the file does not matter."""
    return hashlib.sha256(json.dumps({**asdict(ticket), "row": 0}, sort_keys=True).encode()).hexdigest()
