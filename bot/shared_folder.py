"""The organisation's folder, the same on every replica: files on disk to read and edit, their versions in the database.

Every replica has a folder of its own and looks at both sides once a second:

- what changed in the database is written to the folder (aside, then moved into place);
- what changed in the folder (an editor, a deployment) becomes a version in the database, if the one it was made from is still
  the newest. If not, the newest stays in use, and the edit is kept as a version *aside*, for somebody to decide; the same
  when nobody can tell what it was made from. Nothing that was written is lost, and no two replicas disagree.
- A file that is taken away is taken away everywhere. A folder that is missing or empty is no such wish: it is filled.

The program's own writes go through `put`, which is compare-and-set. With one process on SQLite there is nothing to share: the
folder alone counts, and `put` compares and sets there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.errors import Conflict, Fault, RetryLater
from bot.kept import replace_file
from bot.ports import Clock

log = logging.getLogger(__name__)
STATE = "content.json"  # in the data folder: what this folder held when it last agreed with the database
MAX_FILES = 20_000
MAX_BYTES = 1 << 20  # the strict reader takes no larger file either
BY_HAND = "by hand"  # who changed a file that nobody announced
TRIES = 5


@dataclass(frozen=True)
class Head:
    """The newest version of a file. `sha` is "" where the file was taken away; `who` made it."""

    path: str
    version: int
    sha: str
    who: str = ""


@dataclass(frozen=True)
class Aside:
    """An edit that did not come into use, since another one was first."""

    version: int
    path: str
    who: str
    at: float


class ContentStore(Protocol):
    """Versions of files. A file taken away is a version with `data` None."""

    def newest(self) -> int:
        """The number of the last version of any file: cheap, asked every second."""
        ...

    def heads(self, after: int) -> list[Head]:
        """The newest versions of files that changed after a version."""
        ...

    def head(self, path: str) -> Head | None: ...

    def data(self, path: str) -> bytes | None:
        """The newest version of a file; None if there is none."""
        ...

    def had(self, path: str, sha: str) -> bool:
        """Whether a file ever was like this."""
        ...

    def put(self, path: str, data: bytes | None, base: int, who: str, at: float) -> int:
        """A new version of a file whose newest is `base` (0: none). Raises `Conflict` if it is not."""
        ...

    def set_aside(self, path: str, data: bytes, base: int, who: str, at: float) -> None:
        """Keep an edit that does not come into use; the same one once only."""
        ...

    def asides(self) -> list[Aside]: ...

    def aside(self, version: int) -> tuple[str, bytes] | None:
        """Path and bytes of one that waits."""
        ...

    def settle(self, version: int) -> bool:
        """It has been decided about; False if it was already."""
        ...


class SharedFolder:
    """`folder` is the organisation's own, `state` the data folder of this replica. Thread-safe, and safe beside other processes
    on the same two folders.

    `store` None: nothing is shared. `over_what_ships`: it lies over the packaged content (in a checkout it may be that itself).
    """

    def __init__(
        self,
        store: ContentStore | None,
        folder: Path,
        state: Path,
        clock: Clock,
        name: str = "",
        *,
        over_what_ships: bool = True,
    ) -> None:
        self.store, self.folder, self.over_what_ships = store, folder, over_what_ships
        self._state, self._clock, self._who = state, clock, f"{BY_HAND}, {name}" if name else BY_HAND
        self._lock = threading.RLock()
        self._seen = 0
        self._agreed: dict[str, tuple[int, str]] = {}  # by path: version and digest at which both sides were the same
        self._hashes: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._stamp: object = None
        self._proven: dict[str, str] = {}  # by path: digest of what our own writers put there
        self._mark = 0  # when what is remembered was written
        self.faults: tuple[Fault, ...] = ()

    def proven(self, path: str) -> bool:
        """Whether a file is as a writer of ours put it, here or on another replica: who does has tried it before."""
        return path in self._proven and self._proven[path] == self.digest(path)

    # for writers

    def digest(self, path: str) -> str:
        """What a file of the folder is known by now; "" if it is not there. For `put`."""
        try:
            return _sha((self.folder / path).read_bytes())
        except FileNotFoundError:
            return ""

    def put(self, path: str, data: bytes | None, seen: str, who: str, *, tried: bool = True) -> None:
        """Replace a file everywhere, if it still has the digest `seen`; None takes it away. `tried`: see `proven`.

        Raises `Conflict` if it has not, `StoreUnavailable`, `OSError`.
        """
        with self._alone():
            self._sync()
            if self.digest(path) != seen:
                raise Conflict("somebody else has changed this file")
            if self.store is None:
                return self._write(path, data)
            sha = _sha(data) if data is not None else ""
            if sha == seen:
                return
            base = self._agreed.get(path, (0, ""))[0]
            author = who if tried else f"{BY_HAND}, {who}"
            version = self.store.put(path, data, base, author, self._clock.now())
            self._write(path, data)  # if we die before this, the next look at the database does it
            if tried:
                self._proven[path] = sha
            self._agreed[path] = (version, sha)
            self._save()

    # for the watcher

    def sync(self) -> bool:
        """Bring both sides together; whether a file of the folder was changed by it. Raises `StoreUnavailable`."""
        if self.store is None:
            return False
        with self._alone():
            return self._sync()

    def _sync(self) -> bool:
        if self.store is None:
            return False
        newest = self.store.newest()
        if newest < max(
            self._seen, *(version for version, _ in self._agreed.values()), 0
        ):  # a backup was restored: nothing we remember holds
            self._seen, self._agreed = 0, {}
        stamps = self._look()
        if newest == self._seen and stamps == self._stamp:
            return False
        moved = {head.path: head for head in self.store.heads(self._seen)}
        filled = not stamps and bool(self._agreed)
        if filled:
            self._agreed = {}
            moved = {head.path: head for head in self.store.heads(0)}
        changed, faults = False, list[Fault]()
        for path in sorted(moved.keys() | self._changed(stamps)):
            try:
                changed |= self._settle(path, moved.get(path) or self.store.head(path))
            except OSError as error:
                what = f"this file cannot be read or written ({error.strerror})"
                faults.append(Fault(str(self.folder / path), 0, 0, what, "let Secdesk write in this folder"))
        self.faults = tuple(faults)
        if not faults:
            self._seen, self._stamp = newest, stamps  # as they were before: what changed meanwhile is seen next time
        self._save()
        return changed

    def _changed(self, stamps: Mapping[str, tuple[int, int, int]]) -> set[str]:
        """Files that are not as they were when both sides agreed."""
        gone = {path for path, (_, sha) in self._agreed.items() if sha and path not in stamps}
        return gone | {path for path, stamp in stamps.items() if self._hash(path, stamp) != self._base(path)[1]}

    def _settle(self, path: str, head: Head | None) -> bool:
        """One file: take the side that changed. True if the folder was written."""
        assert self.store is not None  # noqa: S101
        found = self._read(path)
        sha = _sha(found) if found is not None else ""
        for _ in range(TRIES):
            if head and not head.who.startswith(BY_HAND):
                self._proven[path] = head.sha
            version, agreed = self._base(path)
            if head and sha == head.sha:
                self._agreed[path] = (head.version, head.sha)
                return False
            if head is None or head.version == version:  # only the folder has changed
                try:
                    made = self.store.put(path, found, head.version if head else 0, self._who, self._clock.now())
                except Conflict:
                    head = self.store.head(path)
                    continue
                log.info("an edit on disk was taken", extra={"file": path, "version": made})
                self._agreed[path] = (made, sha)
                return False
            known = sha == agreed or self.store.had(path, sha)
            if found is not None and not known:
                log.error(
                    "an edit on disk came too late and was set aside", extra={"file": path, "newest": head.version}
                )
                self.store.set_aside(path, found, version, self._who, self._clock.now())
            self._write(path, self.store.data(path) if head.sha else None)
            self._agreed[path] = (head.version, head.sha)
            return True
        raise RetryLater("other replicas keep changing this file", 1.0)

    # the folder

    def _look(self) -> dict[str, tuple[int, int, int]]:
        """Every YAML file of the folder by its path, with what changes when it does."""
        found: dict[str, tuple[int, int, int]] = {}
        for place, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                if not name.endswith(".yaml") or name.startswith(".") or len(found) >= MAX_FILES:
                    continue
                with suppress(FileNotFoundError):
                    stat = (Path(place) / name).stat()
                    if stat.st_size <= MAX_BYTES:
                        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                        found[(Path(place) / name).relative_to(self.folder).as_posix()] = stamp
        return found

    def _hash(self, path: str, stamp: tuple[int, int, int]) -> str:
        known = self._hashes.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, self.digest(path))
            self._hashes[path] = known
        return known[1]

    def _read(self, path: str) -> bytes | None:
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, path: str, data: bytes | None) -> None:
        target = self.folder / path
        if data is None:
            target.unlink(missing_ok=True)
        elif self._read(path) != data:
            replace_file(target, lambda out: out.write(data))

    # what is remembered

    def _base(self, path: str) -> tuple[int, str]:
        return self._agreed.get(path, (0, ""))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process at a time, with what the last one left."""
        with self._lock:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._state / f"{STATE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._load()
                yield
            finally:
                os.close(descriptor)

    def _load(self) -> None:
        path = self._state / STATE
        with suppress(OSError, ValueError, KeyError, TypeError):
            mark = path.stat().st_mtime_ns
            if mark == self._mark:
                return
            kept = json.loads(path.read_bytes())
            files = {str(name): (int(version), str(sha)) for name, (version, sha) in kept["files"].items()}
            same = kept["folder"] == str(self.folder.resolve())  # of another folder it says nothing
            self._agreed, self._seen = (files, int(kept["seen"])) if same else ({}, 0)
            self._mark, self._stamp = mark, None

    def _save(self) -> None:
        path = self._state / STATE
        kept = {"folder": str(self.folder.resolve()), "seen": self._seen, "files": self._agreed}
        replace_file(path, lambda out: out.write(json.dumps(kept).encode()))
        self._mark = path.stat().st_mtime_ns


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
