"""What a new version brings: new answers and lessons wait for an approver, other texts never touch an edit of the organisation's.

The first start takes everything as it ships. From then on it is known what shipped before: an answer that is new waits, and
nobody is shown it; a lesson that is new waits, and is sent to nobody. Emergency cards and procedures do not wait: the ones must
never be missing, and the others run only when somebody starts them. A shipped text that changed is in use at once where the
organisation has none of its own; where it has, its own stays, and the change of an answer is shown until somebody has decided.
What is known is one short row of the database, the same for all replicas; an older version that still runs beside the new one
takes nothing back.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bot.answering.checking import label_of
from bot.answering.entries import Entry, Library
from bot.answering.knowledge import FOLDER
from bot.content import Shelf
from bot.errors import Conflict, NotFound
from bot.ports import Tx
from bot.turn import Work

State = Literal["live", "waiting", "out"]
Known = Mapping[str, tuple[str, State]]  # by name: digest of the shipped text that was looked at, and what became of it
LESSON = "lesson:"  # in front of the id of a lesson; answers are known by their ids alone
FOLDERS = {"": FOLDER, LESSON: "lessons"}
TRIES = 5


class ShippedStore(Protocol):
    """One text of JSON, replaced only by whoever has seen the last one."""

    def read(self) -> str:
        """The text as it stands; "" if there is none yet."""
        ...

    def replace(self, old: str, new: str, at: float) -> bool: ...

    def replace_in(self, tx: Tx, old: str, new: str, at: float) -> bool: ...


@dataclass(frozen=True)
class Difference:
    """A shipped text that changed under an edit: both whole files."""

    entry: str
    ours: str
    shipped: str


class Shipped:
    """`shelf` is the packaged content with the organisation's over it. Thread-safe."""

    def __init__(self, store: ShippedStore, shelf: Shelf, now: Callable[[], float]) -> None:
        self._store, self._shelf, self._now = store, shelf, now
        self._packaged = Shelf(shelf.packaged)
        self._lock = threading.Lock()
        self._held: frozenset[tuple[str, State]] = frozenset()

    def register(self) -> None:
        """At a start: what this version brings. Raises `StoreUnavailable`."""
        shipped = {
            kind + _name(label): _sha(data)
            for kind, folder in FOLDERS.items()
            for label, data, _ in self._packaged.folder(folder)
        }
        for _ in range(TRIES):
            text = self._store.read()
            known = _known(text)
            before = {_kind(name) for name in known}  # of the other kinds this is the first start
            new: dict[str, tuple[str, State]] = dict(known)
            for name, sha in shipped.items():
                if name not in known:
                    new[name] = (sha, "waiting" if _kind(name) in before else "live")
                elif not self._own(name):
                    new[name] = (sha, known[name][1])
            if new == known or self._store.replace(text, _text(new), self._now()):
                break
        self.refresh()

    def refresh(self) -> None:
        """What other replicas have decided since. Raises `StoreUnavailable`."""
        known = _known(self._store.read())
        with self._lock:
            self._held = frozenset((name, state) for name, (_, state) in known.items() if state != "live")

    def held(self) -> frozenset[tuple[str, State]]:
        """Answers and lessons that are not in use though they ship, as of the last look."""
        with self._lock:
            return self._held

    def over(self, library: Library) -> Library:
        """A library in which what waits is for review, and what was left out is retired. One's own file is as it says."""
        found: dict[str, Entry] = {}
        for name, state in self.unused("").items():
            entry = library.entries.get(name)
            if entry is not None and entry.state == "published":
                found[name] = entry.model_copy(update={"state": "review" if state == "waiting" else "retired"})
        mark = hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest() if found else ""
        return (
            replace(library, entries={**library.entries, **found}, digest=library.digest + mark) if found else library
        )

    def unused(self, kind: str) -> Mapping[str, State]:
        """By id what ships of a kind ("" or `LESSON`), is not in use, and is no file of the organisation's own."""
        held = ((name, state) for name, state in self.held() if _kind(name) == kind)
        return {name.removeprefix(kind): state for name, state in held if not self._own(name)}

    # what is to decide

    def waiting(self) -> list[str]:
        """New answers, and lessons as `lesson:id`, that nobody has decided about. Raises `StoreUnavailable`."""
        known = _known(self._store.read())
        return sorted(
            name
            for name, (_, state) in known.items()
            if state == "waiting" and self._ships(name) and not self._own(name)
        )

    def differences(self) -> list[Difference]:
        """Shipped texts that changed under an edit. Raises `StoreUnavailable`."""
        found = []
        for name, (sha, _) in sorted(_known(self._store.read()).items()):
            ours = self._own(name) if not _kind(name) else None
            shipped = self._packaged.file(label_of(name)) if ours else None
            if shipped and ours and sha != _sha(shipped[1]) and ours[1] != shipped[1]:
                found.append(Difference(name, _read(ours[1]), _read(shipped[1])))
        return found

    def decide(self, work: Work, actor: str, names: Iterable[str], state: Literal["live", "out"]) -> None:
        """What is new comes into use, or are left out. Raises `NotFound`, `Conflict`."""
        wanted = list(names)
        text = self._store.read()
        known = dict(_known(text))
        for name in wanted:
            if known.get(name, ("", "live"))[1] == "live":
                raise NotFound(name)
            known[name] = (known[name][0], state)
        self._decided(work, actor, text, known, wanted, f"answer.shipped.{state}")

    def looked(self, work: Work, actor: str, name: str) -> None:
        """Somebody has seen what changed, whatever they do with their own. Raises `NotFound`, `Conflict`."""
        shipped, text = self._packaged.file(label_of(name)), self._store.read()
        known = dict(_known(text))
        if shipped is None or name not in known:
            raise NotFound(name)
        known[name] = (_sha(shipped[1]), known[name][1])
        self._decided(work, actor, text, known, [name], "answer.shipped.looked")

    def _decided(self, work: Work, actor: str, old: str, new: Known, names: list[str], action: str) -> None:
        if not self._store.replace_in(work.tx, old, _text(new), work.at):
            raise Conflict("Somebody else has just decided about an update: look again.")
        for name in names:
            work.audit(actor, action, name)

    # inside

    def _own(self, name: str) -> tuple[str, bytes, bool] | None:
        """The organisation's own file of an entry."""
        found = self._shelf.file(_file(name))
        return found if found and found[2] else None

    def _ships(self, name: str) -> bool:
        return self._packaged.file(_file(name)) is not None


def refreshed(shipped: Shipped, sync: Callable[[], object]) -> Callable[[], None]:
    """Both looks at the database that come before content is looked at: neither keeps the other from being done."""

    def look() -> None:
        try:
            sync()
        finally:
            shipped.refresh()

    return look


def _known(text: str) -> Known:
    rows: dict[str, tuple[str, State]] = {name: (sha, state) for name, (sha, state) in json.loads(text or "{}").items()}
    return rows


def _text(known: Known) -> str:
    return json.dumps(dict(sorted(known.items())), separators=(",", ":"))


def _kind(name: str) -> str:
    return LESSON if name.startswith(LESSON) else ""


def _file(name: str) -> str:
    """Its file, from the shelf's root."""
    kind = _kind(name)
    return f"{FOLDERS[kind]}/{name.removeprefix(kind)}.yaml"


def _name(label: str) -> str:
    return label.rpartition("/")[2].removesuffix(".yaml")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _read(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace")
