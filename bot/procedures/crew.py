"""Who may do a step, and who is asked to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bot.model import Person, Place
from bot.organisation import Organisation
from bot.people import Identities
from bot.procedures.shapes import PARTNER
from bot.turn import Work


@dataclass(frozen=True)
class Crew:
    """`on_duty` gives the directory ids of who is on call, the first one first; `place_of` where somebody is on chat."""

    identities: Identities
    organisation: Callable[[], Organisation]
    on_duty: Callable[[float], Sequence[str]]
    place_of: Callable[[str], Place | None]

    def desk(self, person: Person) -> bool:
        """Whether somebody works at the desk: they start runs, see them, hand them over."""
        return person.known and bool(person.roles & self.organisation().desk_roles())

    def keeps(self, person: Person, owner: str) -> bool:
        """Whether somebody is named in org.yaml as one of those behind an owner."""
        return person.known and person.id in self.organisation().file.keepers.get(owner, [])

    def role(self, person: Person, who: str | None) -> str:
        """As what somebody may do a step of `who` (a role, an owner, the partner, None for anybody at the desk); "" if not.

        An owner whom nobody stands behind, or whom this organisation does not have, is everybody at the desk.
        """
        if not person.known:
            return ""
        desk = min(person.roles & self.organisation().desk_roles(), default="")
        if who is None:
            return desk
        if who == PARTNER:
            return PARTNER if desk else ""
        if who in self.organisation().roles:
            return who if who in person.roles else ""
        named = self.organisation().file.keepers.get(who, [])
        return who if person.id in named or (desk and not named) else ""

    def called(self, who: str | None, language: str) -> str:
        """Whom a step is for, as people read it."""
        org = self.organisation()
        if who and who in org.file.owners:
            return org.file.owners[who]
        if who and who in org.roles:
            names = org.roles[who].name
            return names.get(language) or names.get("en") or who
        return org.words.say(language, "procedure.who_partner" if who == PARTNER else "procedure.who_desk")

    def able(self, work: Work, who: str | None, barred: Collection[str]) -> list[Person]:
        """Everybody who may do a step, on call first, those on chat before those who are not. Without the pseudonyms `barred`."""
        duty = {name: place for place, name in enumerate(self.on_duty(work.at))}
        found = [person for person in self.identities.people() if self.role(person, who) and person.key not in barred]

        def order(person: Person) -> tuple[bool, int, str]:
            reached = bool(person.key) and self.place_of(person.key) is not None
            return (not reached, duty.get(person.id, len(duty)), person.id)

        return [self.identities.meet(work.tx, person, work.at) for person in sorted(found, key=order)]

    def keepers(self, work: Work, owner: str) -> list[Person]:
        """Those behind an owner who still work here."""
        named = self.organisation().file.keepers.get(owner, [])
        people = [person for person in self.identities.people() if person.id in named]
        return [self.identities.meet(work.tx, person, work.at) for person in people]
