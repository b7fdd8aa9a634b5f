"""Who is who: directory people on one side, pseudonyms in every record on the other.

A pseudonym is random, so that nobody can work it out again once the sealed identity is gone (`forget`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from bot.model import Person
from bot.ports import Db, Directory, Row, Tx, Vault

_PURPOSE = "identity"


class IdentityStore(Protocol):
    """SQL of the identity table."""

    def by_digest(self, digest: str) -> Row | None: ...

    def by_pseudonym(self, pseudonym: str) -> Row | None: ...

    def pseudonyms(self) -> dict[str, str]:
        """Every pseudonym by its digest."""
        ...

    def add(self, tx: Tx, pseudonym: str, digest: str, sealed: bytes, at: float) -> str:
        """Insert, or keep the row that is there; the pseudonym that holds."""
        ...

    def remove(self, tx: Tx, pseudonym: str) -> None: ...


def outsider(address: str) -> str:
    """The id of somebody who is known by a mail address alone, or who has only claimed to be whoever has it."""
    return f"mail:{address.casefold()}"


class Identities:
    """Maps people to pseudonyms and back.

    Nothing of the map is kept in memory: another process may forget somebody, and a pseudonym of theirs must not be used again.
    """

    def __init__(self, db: Db, store: IdentityStore, vault: Vault, directory: Directory) -> None:
        self._db, self._store, self._vault, self._directory = db, store, vault, directory

    def known_key(self, person: Person) -> str:
        """The pseudonym, "" if this person has never been met. Reads outside any transaction."""
        row = self._store.by_digest(self._digest(person.id))
        return str(row["pseudonym"]) if row else ""

    def meet(self, tx: Tx, person: Person, at: float) -> Person:
        """The person with their pseudonym, made now if need be (inside the caller's transaction)."""
        if person.key:
            return person
        sealed = json.dumps({"id": person.id, "name": person.name, "email": person.email, "language": person.language})
        fresh = "p_" + secrets.token_hex(10)
        box = self._vault.seal(_PURPOSE, sealed.encode())
        return replace(person, key=self._store.add(tx, fresh, self._digest(person.id), box, at))

    def who(self, key: str) -> Person | None:
        """The person behind a pseudonym: fresh from the directory, else as sealed when met; None when forgotten."""
        met = self.as_met(key)
        if met is None:
            return None
        return replace(self._directory.find(met.id) or met, key=key)

    def as_met(self, key: str) -> Person | None:
        """The person behind a pseudonym as they were when met: names change, and old records hold the old one."""
        row = self._store.by_pseudonym(key) if key else None
        if row is None:
            return None
        sealed = json.loads(self._vault.unseal(_PURPOSE, bytes(row["sealed"])))
        return Person(sealed["id"], sealed["name"], sealed["email"], language=sealed["language"], known=False, key=key)

    def name(self, key: str) -> str:
        """A name to show, or the pseudonym of somebody forgotten."""
        person = self.who(key)
        return person.name if person else key

    def people(self) -> Iterable[Person]:
        """Everybody in the directory, with their pseudonym where they have one."""
        keys = self._store.pseudonyms()
        return [replace(person, key=keys.get(self._digest(person.id), "")) for person in self._directory.people()]

    def meet_all(self, people: Iterable[Person], at: float) -> list[Person]:
        """Give everybody who has none yet a pseudonym, in one transaction."""
        with self._db.tx() as tx:
            return [self.meet(tx, person, at) for person in people]

    def find(self, who: str) -> Person | None:
        """A directory person by id or address, with their pseudonym."""
        person = self._directory.find(who)
        return replace(person, key=self.known_key(person)) if person else None

    def shown(self, who: str) -> str:
        """A name to show for somebody in the directory, or what was asked for."""
        person = self._directory.find(who) if who else None
        return person.name if person else who

    def drop(self, tx: Tx, person: Person) -> None:
        """Take the way back from the pseudonym to the person out for good."""
        self._store.remove(tx, person.key)

    def _digest(self, person_id: str) -> str:
        return self._vault.digest(_PURPOSE, person_id.encode())
