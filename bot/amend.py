"""What somebody edits or takes back in a chat follows in our records: conversation, question, ticket, and the desk's card.

An event's lines all carry the event's own moment, so its key leads to them. What the desk has of a ticket changes in place;
nothing is answered twice for an edit that only reaches a ticket, unless somebody is in trouble by what it says now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports import Tx
from bot.turn import TicketChanged, Work


class AmendStore(Protocol):
    """SQL of the lines of one event. Methods return how many lines or which tickets there were."""

    def moment(self, tx: Tx, key: str) -> float: ...

    def said(self, tx: Tx, person: str, at: float) -> str: ...

    def rewrite(self, tx: Tx, person: str, at: float, text: str) -> int: ...

    def rewrite_tickets(self, tx: Tx, person: str, at: float, old: str, text: str) -> Sequence[str]: ...


@dataclass(frozen=True)
class Amend:
    """`work` runs a change in one transaction; `alarming` says whether a text is an emergency."""

    store: AmendStore
    work: Callable[[Callable[[Work], bool]], bool]
    redact: Callable[[str], str]
    alarming: Callable[[str], bool]
    taken_back: Callable[[], str]

    def __call__(self, person: str, key: str, text: str) -> bool:
        """The message `key` of this pseudonym reads `text` now ("": it is gone). True if that wants an answer of its own."""
        return bool(person) and self.work(lambda work: self._amend(work, person, key, self.redact(text)))

    def _amend(self, work: Work, person: str, key: str, text: str) -> bool:
        at = self.store.moment(work.tx, key)
        old = self.store.said(work.tx, person, at) if at else ""
        if not old or old == text:
            return False
        tickets = self.store.rewrite_tickets(work.tx, person, at, old, text or self.taken_back())
        for ticket in tickets:
            work.publish(TicketChanged(ticket))
            work.audit(person, "ticket.amended", ticket, gone="no" if text else "yes")
        anew = bool(text) and (not tickets or self.alarming(text))
        self.store.rewrite(work.tx, person, at, "" if anew else text)
        return anew
