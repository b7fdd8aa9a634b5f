"""What the other ticket system said, done here: its words and its changes of state, in its own name and in nobody else's.

Whoever writes there is named in the text only. A mail to a ticket system is easily forged, so that nothing which comes from there
counts as done by one of us; what seems to come from the requester is for the desk to read.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.errors import Conflict, NotFound
from bot.helpdesk.tickets import Ticket, Tickets
from bot.model import Person
from bot.people import Identities
from bot.ports import RemoteTicket, RemoteWord
from bot.turn import Work

MOST_TEXT = 10_000  # characters of one message from there
MOST_NAME = 80
ACTOR = "tracker"  # who it is in a timeline
_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Inbound:
    """`label` is what people call the tracker; `may`: who may hold a ticket here."""

    tickets: Tickets
    identities: Identities
    label: str
    may: Callable[[Person], bool]

    def words(self, work: Work, ticket: Ticket, words: Sequence[RemoteWord], tracker: str) -> int:
        """Take what is not ours and not here yet, oldest first; how many."""
        taken = 0
        for word in sorted(words, key=lambda one: one.at):
            text = clean(word.text)
            key = f"tracker:{tracker}:{ticket.number}:{word.id[:200]}"
            if word.key or not text or not work.store.first_time(work.tx, key, work.at):
                continue
            self._word(work, ticket.number, word, f"{clean(word.author, MOST_NAME) or self.label}: {text}")
            taken += 1
        return taken

    def _word(self, work: Work, number: str, word: RemoteWord, text: str) -> None:
        ticket = self.tickets.get(number)
        requester = self.identities.who(ticket.requester)
        if requester and word.mail and word.mail.casefold() == requester.email.casefold():
            if ticket.state == "resolved":
                self.tickets.reopen(work, number, self._us())
            self.tickets.log(work, number, ACTOR, "from_tracker", text)
        elif word.internal:
            self.tickets.note(work, number, self._us(), text)
        else:
            self.tickets.reply(work, number, self._us(), text)

    def field(self, work: Work, ticket: Ticket, name: str, theirs: RemoteTicket) -> None:
        """Set a field here as it is there. What is so already, or cannot be, changes nothing."""
        with contextlib.suppress(Conflict, NotFound):
            if name == "severity" and theirs.severity:
                self.tickets.raise_severity(work, ticket.number, theirs.severity, ACTOR)
            elif name == "owner":
                self._owner(work, ticket, theirs.owner or "")
            elif name == "status":
                self._status(work, ticket, theirs.status or "open")

    def _owner(self, work: Work, ticket: Ticket, who: str) -> None:
        if not who:
            return self.tickets.release(work, ticket.number, self._us()) if ticket.assignee else None
        person = self.identities.find(who)
        if person is None or not self.may(person):  # held by somebody who is not at our desk
            return self.tickets.log(
                work, ticket.number, ACTOR, "from_tracker", f"{self.label}: {clean(who, MOST_NAME)}"
            )
        self.tickets.assign(work, ticket.number, self._us(), self.identities.meet(work.tx, person, work.at))
        return None

    def _status(self, work: Work, ticket: Ticket, status: str) -> None:
        number = ticket.number
        if status == "resolved":
            self.tickets.resolve(work, number, self._us())
        elif ticket.state == "resolved":
            self.tickets.reopen(work, number, self._us())
        if status == "waiting" and not ticket.waiting:
            self.tickets.wait(work, number, self._us(), "person")
        elif status == "open" and ticket.waiting:
            self.tickets.carry_on(work, number, ACTOR)

    def _us(self) -> Person:
        return Person(ACTOR, self.label, key=ACTOR)


def clean(text: str, most: int = MOST_TEXT) -> str:
    """Plain text: no control characters, nothing that turns the reading order round, not too long."""
    kept = (
        char for char in text.replace("\r\n", "\n").replace("\r", "\n")
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}
    )  # fmt: skip
    tidy = _LINES.sub("\n\n", "".join(kept)).strip()
    return tidy if len(tidy) <= most else tidy[: most - 1] + "…"
