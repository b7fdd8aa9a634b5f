"""Who keeps an answer: the people behind its `owner`.

`keepers` of org.yaml names them for each owner; an owner may also be a person (their id, with hyphens for dots). Where nobody is
named the whole desk keeps it, and one of them is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from bot.answering.proposals import slug
from bot.model import Person
from bot.organisation import Organisation

LEAD_AFTER = 30  # days after a review was due, from which the lead of the desk is asked too


class Staff(Protocol):
    """People of the directory, with their pseudonym where they have one."""

    def people(self) -> Iterable[Person]: ...


@dataclass(frozen=True)
class Keepers:
    """`first` is who is asked where nobody is named: the id of the manager on call, "" for none."""

    organisation: Callable[[], Organisation]
    staff: Staff
    first: Callable[[], str] = lambda: ""

    def named(self, owner: str) -> list[Person]:
        """The people who are named for an owner; none if nobody is."""
        listed = self.organisation().file.keepers.get(owner, [])
        people = list(self.staff.people())
        return [person for person in people if person.id in listed] or [p for p in people if slug(p.id) == owner]

    def keeps(self, person: Person, owner: str) -> bool:
        """Whether somebody may speak for an owner."""
        named = self.named(owner)
        if named:
            return person.id in {one.id for one in named}
        return person.known and bool(person.roles & self.organisation().desk_roles())

    def asked(self, owner: str) -> list[Person]:
        """Who is written to about an owner's answers."""
        return self.named(owner) or self.lead()

    def lead(self) -> list[Person]:
        """Who leads the desk, or, where no manager is on call, one of the desk; nobody if it has no one."""
        people = list(self.staff.people())
        manager = [person for person in people if person.id == self.first()]
        desk = [person for person in people if person.roles & self.organisation().desk_roles()]
        return (manager or desk)[:1]

    def steps_in(self, person: Person, due: date, today: date) -> bool:
        """Whether somebody may see to an answer that is not theirs: the desk's lead, a month after its review was due."""
        return (today - due).days >= LEAD_AFTER and person.id in {one.id for one in self.lead()}

    def name(self, owner: str) -> str:
        """An owner as people read it."""
        known = self.organisation().file.owners.get(owner)
        return known or next((person.name for person in self.staff.people() if slug(person.id) == owner), owner)

    def choices(self) -> dict[str, str]:
        """Every owner there can be: those of org.yaml, then the people of the desk."""
        desk = [person for person in self.staff.people() if person.roles & self.organisation().desk_roles()]
        return {**self.organisation().file.owners, **{slug(person.id): person.name for person in desk}}
