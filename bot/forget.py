"""Forgetting a person: out of every table, with the audit chain still whole.

Records hold the pseudonym; once the sealed identity is gone nobody can turn it back into a person. What the person said,
and what was said to them, is deleted; tickets keep number, times and states, without words. Free text of others that names
the person has the name taken out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.errors import NotFound
from bot.model import Person
from bot.people import Identities
from bot.ports import Clock, Db, Directory, Tx
from bot.turn import Auditor

REMOVED = "[removed]"


class ForgetStore(Protocol):
    """SQL of forgetting. `counts` names the tables and the rows that were changed or deleted."""

    def forget(self, tx: Tx, pseudonym: str, names: Sequence[str], conversation: str) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Forgotten:
    """What was done. `by_hand` says what is left to do where the source is not ours to write."""

    counts: Mapping[str, int]
    by_hand: str


def forget(
    who: str,
    *,
    db: Db,
    store: ForgetStore,
    identities: Identities,
    directory: Directory,
    auditor: Auditor,
    clock: Clock,
    conversation: str,
) -> Forgotten:
    """Forget one person; `conversation` is theirs in the local web chat.

    Raises `NotFound` if nobody of that id or address is known here.
    """
    person = identities.find(who) or _stranger(who)
    key = person.key or identities.known_key(person)
    if not key and directory.find(who) is None:
        raise NotFound(who)
    counts: Mapping[str, int] = {}
    if key:
        person = Person(person.id, person.name, person.email, key=key)
        names = [name for name in (person.id, person.email, person.name) if len(name) > 2]
        with db.tx() as tx:
            counts = store.forget(tx, key, names, conversation)
            identities.drop(tx, person)
            auditor.append(tx, clock.now(), "secdesk", "person.forget", key, {})
    return Forgotten(counts, directory.forget(who))


def _stranger(who: str) -> Person:
    """Somebody outside the directory is known by the id they came with."""
    return Person(who, who, known=False)
