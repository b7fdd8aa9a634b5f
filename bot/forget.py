"""Forgetting a person: out of every table, with the audit chain still whole.

Records hold the pseudonym; once the sealed identity is gone nobody can turn it back into a person. What the person said,
and what was said to them, is deleted; tickets keep number, times and states, without words. Free text of others that names
the person has the name taken out: so what others were told by them stays in the conversation of those, without the name. What is
on legal hold stays whole until the hold is released.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.errors import NotFound
from bot.model import Person
from bot.people import Identities, outsider
from bot.ports import Clock, Db, Directory, Tx
from bot.turn import Auditor

REMOVED = "[removed]"


class ForgetStore(Protocol):
    """SQL of forgetting. `counts` names the tables and the rows that were changed or deleted."""

    def held(self, tx: Tx, pseudonym: str) -> list[str]:
        """Tickets and runs on legal hold that are about them: these stay as they are."""
        ...

    def forget(
        self, tx: Tx, pseudonym: str, names: Sequence[str], conversation: str, at: float
    ) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Forgotten:
    """What was done. `by_hand` says what is left to do where the source is not ours to write; `held` is what a legal hold kept,
    and with it who they are: forget them again once it is released."""

    counts: Mapping[str, int]
    by_hand: str
    held: tuple[str, ...] = ()


def forget(
    who: str,
    *,
    db: Db,
    store: ForgetStore,
    identities: Identities,
    directory: Directory,
    auditor: Auditor,
    clock: Clock,
    conversation: Callable[[Person], str],
    also: Callable[[Tx, Sequence[str]], int] = lambda _tx, _names: 0,
) -> Forgotten:
    """Forget one person; `conversation` names theirs in the local web chat. `also` deletes what is sealed and names them.

    Raises `NotFound` if nobody of that id or address is known here.
    """
    listed = identities.find(who)
    person = listed or _stranger(who)
    key = person.key or identities.known_key(person)
    if not key and listed is None:
        raise NotFound(who)
    counts: Counter[str] = Counter()
    held: set[str] = set()
    whole = [replace(person, key=key), *_claimed(person, identities)] if key else _claimed(person, identities)
    if whole:
        names = _names(*whole, *(identities.as_met(one.key) for one in whole))
        with db.tx() as tx:
            for one in whole:
                kept = store.held(tx, one.key)
                counts.update(store.forget(tx, one.key, names, conversation(one), clock.now()))
                if not kept:
                    identities.drop(tx, one)
                said = {"held": str(len(kept))} if kept else {}
                auditor.append(tx, clock.now(), "secdesk", "person.forget", one.key, said)
                held.update(kept)
            counts["procedure_text"] += also(tx, names)
    return Forgotten(counts, directory.forget(who), tuple(sorted(held)))


def _claimed(person: Person, identities: Identities) -> list[Person]:
    """Who wrote to the mailbox from their address without proof: kept apart from them, but it has their name."""
    apart = _stranger(outsider(person.email)) if person.email else None
    key = identities.known_key(apart) if apart and apart.id != person.id else ""
    return [replace(apart, key=key)] if apart and key else []


def _names(*people: Person | None) -> list[str]:
    """What may name somebody in free text, the longest first: an address may hold the id."""
    names = {
        name
        for person in people
        if person
        for name in (person.id, person.email, person.name, person.id.replace(".", "-"))  # as files of answers sign it
    }
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


def _stranger(who: str) -> Person:
    """Somebody outside the directory is known by the id they came with."""
    return Person(who, who, known=False)


def names_in(text: str, names: Sequence[str]) -> bool:
    """Whether a text names somebody, whatever its case."""
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in names)
