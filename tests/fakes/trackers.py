"""A ticket system in memory that has the methods of the port: what it was told, and what goes wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.errors import ChannelError, RetryLater
from bot.ports import Pushed, RemoteTicket, RemoteWord, TicketLine


class Killed(BaseException):
    """The process dies: nothing catches it."""


@dataclass
class FakeTracker:
    """`down`: nobody answers. `refuses`: kinds of lines that are refused. `dies`: killed right after the next sending."""

    name: str = "fake"
    label: str = "The Tracker"
    tickets: dict[str, RemoteTicket] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    lines: list[TicketLine] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    box: list[Pushed] = field(default_factory=list)
    down: bool = False
    refuses: set[str] = field(default_factory=set)
    dies: bool = False
    calls: int = 0

    def _call(self) -> None:
        self.calls += 1
        if self.down:
            raise RetryLater("it cannot be reached (ConnectionRefusedError)", 0.0)

    def _sent(self, line: TicketLine) -> None:
        self.lines.append(line)
        if self.dies:
            self.dies = False
            raise Killed

    def find(self, number: str) -> str:
        self._call()
        return self.numbers.get(number, "")

    def open(self, line: TicketLine) -> str:
        self._call()
        self._refuse(line)
        remote = f"R{len(self.tickets) + 1}"
        self.numbers[line.number] = remote
        self.tickets[remote] = RemoteTicket(remote, "open", "", line.severity)
        self._sent(line)
        return remote

    def _refuse(self, line: TicketLine) -> None:
        if line.kind in self.refuses:
            raise ChannelError("it does not take it (HTTP 400: priority)")

    def has(self, remote: str, key: str) -> bool:
        self._call()
        return any(word.key == key for word in self.tickets[remote].words)

    def send(self, remote: str, line: TicketLine) -> str:
        self._call()
        self._refuse(line)
        if line.kind in {"said", "note"}:
            self._words(
                remote, RemoteWord(line.key, line.at, line.author, line.text, "", line.kind == "note", line.key)
            )
            self._sent(line)
            return ""
        values: dict[str, Any] = {"status": line.status, "owner": line.owner_mail, "severity": line.severity}
        self.tickets[remote] = replace(self.tickets[remote], **{line.kind: values[line.kind]})
        self._sent(line)
        return str(values[line.kind])

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        self._call()
        found, self.moved = self.moved, []
        return found, str(now)

    def ticket(self, remote: str) -> RemoteTicket | None:
        self._call()
        return self.tickets.get(remote)

    def pushed(self) -> Sequence[Pushed]:
        return list(self.box)

    def taken(self, pushed: Pushed) -> None:
        self.box.remove(pushed)

    def look(self) -> str:
        self._call()
        return "a tracker in memory"

    # what people do there

    def does(self, number: str, **changes: Any) -> None:
        """Somebody there sets a field."""
        remote = self.numbers[number]
        self.tickets[remote] = replace(self.tickets[remote], **changes)
        self.moved.append(remote)

    def says(self, number: str, id_: str, text: str, **more: Any) -> None:
        """Somebody there writes."""
        remote = self.numbers[number]
        self._words(
            remote, RemoteWord(id_, 1.0 + len(self.tickets[remote].words), more.pop("author", "Kim"), text, **more)
        )
        self.moved.append(remote)

    def _words(self, remote: str, word: RemoteWord) -> None:
        self.tickets[remote] = replace(self.tickets[remote], words=(*self.tickets[remote].words, word))

    def told(self, number: str) -> list[tuple[str, str]]:
        """What it was told of a ticket, in order: (kind, what)."""
        said = []
        for line in self.lines:
            if line.number == number:
                what = {"status": line.status, "owner": line.owner_mail, "severity": line.severity}.get(
                    line.kind, line.text
                )
                said.append((line.kind, what))
        return said
