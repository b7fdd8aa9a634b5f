"""Changing the roster: every source writes through here, so that a leaver is stopped whoever says so.

All of a change is one transaction; the directory takes it in right after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bot.directory import DESK, HIGH_RISK, Profile, Said
from bot.directory_roster import USER, Roster
from bot.model import Person
from bot.people import Identities
from bot.ports import Tx
from bot.turn import Work

T = TypeVar("T")


class Run(Protocol):
    """Runs a change in one transaction and returns what it returns."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


class Leaving(Protocol):
    """SQL of what ends when somebody leaves."""

    def stop(self, tx: Tx, person: str) -> int:
        """Cancel their queued tips and end their sessions; the number of tips."""
        ...


class Known(Protocol):
    """The directory in memory."""

    def profile(self, who: str) -> Profile | None: ...

    def refresh(self) -> None: ...


@dataclass(frozen=True)
class Sources:
    """Writes entries of sources. `actor` in the audit is the source, or the pseudonym of who did it."""

    roster: Roster
    run: Run
    directory: Known
    identities: Identities
    leaving: Leaving

    def change(self, change: Callable[[Work, int], T]) -> T:
        """Run a change with the number of it; nobody else changes the roster meanwhile."""
        try:
            return self.run(lambda work: change(work, self.roster.store.lock(work.tx)))
        finally:
            self.directory.refresh()

    def put(
        self, work: Work, seq: int, said: Said, actor: str, *, name: str = "", outside: str = "", gone: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> Said:  # fmt: skip
        """Write an entry and stop whoever has left with it. The entry with its directory id."""
        before = self.roster.store.get(said.source, USER, said.id, work.tx)
        was_here = before is None or (not before["gone"] and self.roster.said(before).active is not False)
        said = self.roster.adopt(work.tx, said, self._listed)
        self.roster.write(work.tx, said, seq, work.at, name=name, outside=outside, gone=gone, more=more)
        if (gone or said.active is False) and was_here:
            self.stop(work, said.person, actor)
        return said

    def stop(self, work: Work, person: str, actor: str) -> None:
        """End what is under way for somebody who has left. Their rights end with their entry."""
        key = self.identities.known_key(Person(person, person)) if person else ""
        if key:
            stopped = self.leaving.stop(work.tx, key)
            work.audit(actor, "people.left", key, tips=str(stopped))

    def mark(self, work: Work, seq: int, person: str, marked: bool) -> None:
        """Put somebody on the list of likely targets, or take them off."""
        roles = frozenset({HIGH_RISK}) if marked else frozenset[str]()
        self.roster.write(work.tx, Said(DESK, f"{DESK}:{person}", person, roles=roles), seq, work.at)

    def _listed(self, address: str) -> str:
        profile = self.directory.profile(address)
        return profile.person.id if profile else ""
