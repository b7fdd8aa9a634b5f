"""The roster: what sources outside of people.yaml say of people, kept sealed in the database.

Entries are looked up by keyed digests. Every write takes the next number of the roster; a process that has seen that number
reads only what came after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, time
from typing import Any, Protocol

from bot.directory import Key, Said, Source
from bot.ports import Db, Row, Tx, Vault

PURPOSE = "roster"
_NAMES = frozenset(item.name for item in fields(Said)) - {"source", "id"}
USER, GROUP = "user", "group"


@dataclass(frozen=True)
class Stored:
    """A row to be written. `name`, `mail` and `outside` are keyed digests, "" for none."""

    source: Source
    kind: str
    id: str
    sealed: bytes
    name: str = ""
    mail: str = ""
    outside: str = ""
    gone: bool = False


class RosterStore(Protocol):
    """SQL of the roster (one implementation, both databases)."""

    def head(self) -> tuple[int, int]: ...

    def changed(self, since: int) -> Iterator[Row]: ...

    def get(self, source: str, kind: str, row_id: str, tx: Tx | None = None) -> Row | None: ...

    def some(self, source: str, kind: str, ids: Collection[str]) -> list[Row]: ...

    def by(self, column: str, digest: str, source: str, kind: str, tx: Tx | None = None) -> list[Row]: ...

    def named(self, digests: Sequence[str], tx: Tx) -> list[Row]: ...

    def page(self, source: str, kind: str, skip: int, count: int) -> list[Row]: ...

    def everybody(self, source: str, kind: str) -> list[Row]: ...

    def count(self, source: str, kind: str) -> int: ...

    def latest(self) -> dict[str, tuple[int, float]]: ...

    def members(self, source: str, team: str, tx: Tx | None = None) -> list[str]: ...

    def teams(self, source: str, member: str) -> list[str]: ...

    def lock(self, tx: Tx) -> int: ...

    def put(self, tx: Tx, row: Stored, seq: int, at: float) -> None: ...

    def touch(self, tx: Tx, source: str, kind: str, row_id: str, seq: int, at: float) -> None: ...

    def remove(self, tx: Tx, source: str, kind: str, row_id: str) -> None: ...

    def join(self, tx: Tx, source: str, team: str, members: Collection[str]) -> int: ...

    def part(self, tx: Tx, source: str, team: str, members: Collection[str] | None) -> int: ...


@dataclass(frozen=True)
class Delta:
    """What changed since the last look. `whole`: these are all entries there are."""

    entries: Sequence[Said]
    whole: bool = False


@dataclass
class _Groups:
    """Groups as last seen, by (source, id)."""

    names: dict[Key, str] = field(default_factory=dict)
    members: dict[Key, frozenset[str]] = field(default_factory=dict)
    of: dict[Key, set[str]] = field(default_factory=dict)

    def take(self, key: Key, name: str, members: frozenset[str]) -> set[Key]:
        """A group as it is now; the people whose groups are others than before."""
        source, before = key[0], self.members.get(key, frozenset())
        changed = before ^ members if self.names.get(key) == name else before | members
        for member in before - members:
            self.of.get((source, member), set()).discard(key[1])
        for member in members - before:
            self.of.setdefault((source, member), set()).add(key[1])
        self.names[key], self.members[key] = name, members
        return {(source, member) for member in changed}

    def called(self, key: Key) -> frozenset[str]:
        """Names of the groups that somebody is in."""
        return frozenset(name for team in self.of.get(key, ()) if (name := self.names.get((key[0], team), "")))


class Roster:
    """Reads and writes the roster. Reading is for one process-wide directory; it is not thread-safe."""

    def __init__(self, db: Db, store: RosterStore, vault: Vault) -> None:
        self.db, self.store, self._vault = db, store, vault
        self._seen, self._known, self._groups = 0, set[tuple[str, str, str]](), _Groups()

    # reading

    def stamp(self) -> object:
        """Changes whenever something in the roster does. Raises `StoreUnavailable`."""
        return self.store.head()

    def delta(self) -> Delta | None:
        """What changed since the last call, None for nothing. Raises `StoreUnavailable`."""
        head, rows = self.store.head()
        if head == self._seen and rows == len(self._known):
            return None
        found = self._changes(self._seen)
        if len(self._known) == rows:
            self._seen = head
            return found
        self._seen, self._known, self._groups = 0, set(), _Groups()  # rows have gone for good: begin anew
        whole = self._changes(0)
        self._seen = head
        return replace(whole, whole=True)

    def _changes(self, since: int) -> Delta:
        said, regrouped = dict[Key, Said](), set[Key]()
        for row in self.store.changed(since):
            self._known.add((row["source"], row["kind"], row["id"]))
            key = (row["source"], row["id"])
            if row["kind"] == GROUP:
                members = frozenset() if row["gone"] else frozenset(self.store.members(*key))
                regrouped |= self._groups.take(key, str(self.opened(row).get("name", "")), members)
            else:
                said[key] = self.said(row)
        by_source: dict[str, list[str]] = {}
        for source, member in regrouped - said.keys():
            by_source.setdefault(source, []).append(member)
        for source, ids in by_source.items():
            said.update(((source, row["id"]), self.said(row)) for row in self.store.some(source, USER, ids))
        return Delta([self._grouped(one) for one in said.values()])

    def _grouped(self, said: Said) -> Said:
        names = self._groups.called(said.key)
        return replace(said, groups=said.groups | names) if names else said

    def opened(self, row: Row) -> dict[str, Any]:
        """What is sealed in a row."""
        found: dict[str, Any] = json.loads(self._vault.unseal(PURPOSE, bytes(row["sealed"])))
        return found

    def said(self, row: Row) -> Said:
        """The entry of a row of a person. Somebody who is gone at the source is said to have left."""
        said = from_json(row["source"], row["id"], self.opened(row).get("said", {}))
        return replace(said, active=False) if row["gone"] else said

    # writing, inside the caller's transaction

    def digest(self, text: str) -> str:
        """The keyed digest that a name or an address is looked up by, "" for none."""
        return self._vault.digest(PURPOSE, text.strip().casefold().encode()) if text.strip() else ""

    def adopt(self, tx: Tx, said: Said, known: Callable[[str], str]) -> Said:
        """The entry with the directory id that goes with its addresses, so that it stays theirs when an address changes.

        First the one that this entry or another source had before, then its own, then `known` (address → id of people.yaml),
        else the address itself.
        """
        row = self.store.get(said.source, USER, said.id, tx)
        person = self.said(row).person if row else ""
        if not person and said.addresses:
            others = self.store.named([self.digest(address) for address in said.addresses], tx)
            person = next((name for other in others if (name := self.said(other).person)), "")
        person = person or next((found for address in said.addresses if (found := known(address))), "")
        return replace(said, person=person or said.person or (said.addresses[0] if said.addresses else ""))

    def write(
        self, tx: Tx, said: Said, seq: int, at: float, *, name: str = "", outside: str = "", gone: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """An entry, new or as it is now. `more` is kept beside it."""
        row = self._stored(said.source, USER, said.id, {**(more or {}), "said": to_json(said)}, name, outside)
        mail = self.digest(said.addresses[0]) if said.addresses else ""
        self.store.put(tx, replace(row, mail=mail, gone=gone), seq, at)

    def write_group(
        self, tx: Tx, key: Key, name: str, seq: int, at: float, *, outside: str = "", gone: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A group. Its members are rows of their own (`store.join`, `store.part`)."""
        row = self._stored(*_group(key), {**(more or {}), "name": name}, name, outside)
        self.store.put(tx, replace(row, gone=gone), seq, at)

    def _stored(self, source: str, kind: str, row_id: str, data: Mapping[str, Any], name: str, outside: str) -> Stored:
        sealed = self._vault.seal(PURPOSE, json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
        return Stored(source, kind, row_id, sealed, self.digest(name), "", self.digest(outside))


def _group(key: Key) -> tuple[str, str, str]:
    return key[0], GROUP, key[1]


def to_json(said: Said) -> dict[str, Any]:
    """What an entry says, without what it leaves empty."""
    found: dict[str, Any] = {}
    for item in fields(said):
        value = getattr(said, item.name)
        if item.name in ("source", "id") or value in ("", None, (), frozenset()):
            continue
        found[item.name] = _plain(value)
    return found


def from_json(source: Source, row_id: str, raw: Mapping[str, Any]) -> Said:
    """An entry of what `to_json` made. What a later version has added is left out."""
    return Said(source, row_id, **{name: _back(name, value) for name, value in raw.items() if name in _NAMES})


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value


def _back(name: str, value: Any) -> Any:
    if name in ("roles", "groups", "mailboxes", "days"):
        return frozenset(value)
    if name in ("addresses", "also"):
        return tuple(value)
    if name in ("start", "end"):
        return date.fromisoformat(value)
    if name == "hours":
        return (time.fromisoformat(value[0]), time.fromisoformat(value[1]))
    if name == "leave":
        return tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in value)
    return value
