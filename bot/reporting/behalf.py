"""Reporting for somebody else: "this is for Clara Moreau", or an address. Only people of the directory are found."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.model import Person
from bot.reporting.folding import fold

# What stands before a name when a mail is somebody else's, in the languages people write in here.
_FOR = (
    r"(?:for|on behalf of|from the (?:inbox|mailbox) of|got by|sent to|für|im auftrag von|im namen von|aus dem postfach von|pour"
    r"|de la part de|au nom de|para|de parte de|en nombre de|em nome de|voor|namens|uit naam van)"
)


def named(text: str, people: Iterable[Person], but: str) -> Person | None:
    """Whom a note with a report says it is for; None for nobody, for more than one, or for the reporter (`but`, an id)."""
    plain = fold(text)
    if not plain or not re.search(_FOR.replace("ü", "u"), plain):
        return None
    found = {person.id: person for person in people if person.id != but and _stands_for(plain, person)}
    return next(iter(found.values())) if len(found) == 1 else None


def _stands_for(plain: str, person: Person) -> bool:
    names = [fold(name) for name in (person.name, person.email) if len(name) > 3]
    before = _FOR.replace("ü", "u")
    return any(re.search(rf"\b{before}\s+(?:\w+\s+)?{re.escape(name)}(?!\w)", plain) for name in names)


def whom(typed: str, people: Iterable[Person], but: str) -> Person | None:
    """The one person whose name, address or id somebody typed."""
    wanted = fold(typed).strip(" .,;@")
    if not wanted:
        return None
    everybody = [person for person in people if person.id != but]
    exact = [p for p in everybody if wanted in {fold(p.name), fold(p.email), fold(p.id)}]
    if exact:
        return exact[0] if len(exact) == 1 else None
    part = [person for person in everybody if wanted in fold(person.name).split()]
    return part[0] if len(part) == 1 else None
