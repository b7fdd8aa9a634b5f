"""A tracker whose answers need not have their form: what is missing in one, or of another type, is a refusal in our words.

Whoever runs or has taken over the other ticket system says what it answers. Each adapter reads such an answer plainly; what that
breaks becomes a `ChannelError` here, once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from bot.errors import ChannelError
from bot.ports import Pushed, RemoteTicket, TicketLine, Tracker

T = TypeVar("T")
_ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Careful:
    """The same tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker, self.name, self.label = tracker, tracker.name, tracker.label

    def find(self, number: str) -> str:
        return self._read(lambda: self._tracker.find(number))

    def open(self, line: TicketLine) -> str:
        return self._read(lambda: self._tracker.open(line))

    def has(self, remote: str, key: str) -> bool:
        return self._read(lambda: self._tracker.has(remote, key))

    def send(self, remote: str, line: TicketLine) -> str:
        return self._read(lambda: self._tracker.send(remote, line))

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        return self._read(lambda: self._tracker.changed(cursor, now))

    def ticket(self, remote: str) -> RemoteTicket | None:
        return self._read(lambda: self._tracker.ticket(remote))

    def pushed(self) -> Sequence[Pushed]:
        return self._read(self._tracker.pushed)

    def taken(self, pushed: Pushed) -> None:
        self._read(lambda: self._tracker.taken(pushed))

    def look(self) -> str:
        return self._read(self._tracker.look)

    def _read(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except _ODD as error:
            raise ChannelError(f"it answered something of another form ({type(error).__name__})") from error
