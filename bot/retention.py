"""How long each kind of data is kept: one file says it, a nightly job does it in small batches, and a legal hold stops it.

`privacy/retention.yaml` has one entry a kind. Kinds marked `own` end by themselves (or never); for the others a store knows
which rows are meant and how they go. What goes is counted in the audit log, in the transaction in which it goes.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field, StringConstraints, model_validator

from bot.content import Faults, Shape, Shelf, parse, read
from bot.errors import Conflict, NotFound, Refused
from bot.ports import Row, Tx
from bot.turn import Work

log = logging.getLogger(__name__)
FILE = "privacy/retention.yaml"
DAY = 86_400.0
AT_ONCE = 100  # rows a transaction: others write between two of them (measured: tests/bench/retention.py)
A_LOOK = 20_000  # rows that one search finds; the next one begins when they are gone
ROUNDS = 50  # searches of one kind in a night: what is left goes the night after
RAN = "privacy.retention"  # the setting that says when it last ran, and what went
QUIET = (
    7 * DAY
)  # nothing from outside for so long, by our clock: the clock may be ahead, so nothing is deleted for its age
MISSED = 3 * DAY  # without a night for so long we were off, or the clock is wrong: then one night only looks

Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
Run = Callable[[Callable[[Work], int]], int]


class Kind(Shape):
    """One kind of data. `days` 0: no time ends it. `least`: with fewer Secdesk would not work rightly."""

    days: int = Field(default=0, ge=0, le=36_500)
    least: int = Field(default=0, ge=0)
    own: bool = False
    what: Mapping[str, Text]
    why: Mapping[str, Text]

    @model_validator(mode="after")
    def _enough(self) -> Kind:
        if self.days and self.days < self.least:
            raise ValueError(f"{self.days} days are too few | give it {self.least} or more, or 0 to keep it")
        if self.own and self.days:
            raise ValueError("it ends by itself | take days out")
        return self


class RetentionFile(Shape):
    """`privacy/retention.yaml`."""

    schema_: str = Field(alias="schema", pattern="^retention/1$")
    kinds: dict[Name, Kind]


def load_retention(shelf: Shelf, faults: Faults) -> Mapping[str, Kind]:
    """The kinds, in the order of the file. Faults name those that ship and are missing in an own file."""
    found, ours = shelf.file(FILE), shelf.packaged.joinpath(FILE)
    document = parse(found[0], found[1], faults) if found else None
    file = read(RetentionFile, document, faults) if document else None
    if document is None or file is None:
        return {}
    shipped = parse(FILE, ours.read_bytes(), Faults())
    for name, kind in (shipped.value["kinds"] if shipped else {}).items():
        given = file.kinds.get(name)
        if given is None:
            faults.add(document.file, document.place("kinds"), f'"{name}" is missing', "say for how long it is kept")
        elif given.own != kind.get("own", False):
            faults.add(
                document.file,
                document.place("kinds", name),
                "whether it ends by itself is not a choice",
                "put own back",
            )
        elif given.least < kind.get("least", 0):
            faults.add(document.file, document.place("kinds", name), "what is needed is not a choice", "put least back")
    return file.kinds


class RetentionStore(Protocol):
    """SQL of what is old. A mark names one row; which table it is of, the store knows."""

    @property
    def kinds(self) -> Collection[str]:
        """Those that it knows how to end."""
        ...

    def count(self, kind: str, before: float) -> int:
        """Rows of a kind that would go."""
        ...

    def old(self, kind: str, before: float, limit: int) -> list[Row]:
        """Marks of rows of a kind that are older than that, and not on hold."""
        ...

    def clear(self, tx: Tx, kind: str, before: float, marks: Sequence[Row]) -> int:
        """Delete them, unless a hold came in between; how many."""
        ...

    def note(self, tx: Tx, name: str, value: str, at: float) -> None: ...

    def noted(self, name: str) -> str: ...

    def noted_at(self, name: str) -> float:
        """0 if never."""
        ...

    def told_at(self) -> float:
        """The newest time that a platform has given us with an event, 0 if none ever has."""
        ...


class HoldStore(Protocol):
    """SQL of legal holds."""

    def exists(self, subject: str) -> bool:
        """Whether there is such a ticket or run."""
        ...

    def place(self, tx: Tx, row: Row) -> bool:
        """False if it was on hold already."""
        ...

    def release(self, tx: Tx, subject: str, by: str, why: str, at: float) -> bool: ...

    def holds(self, *, open_only: bool) -> list[Row]: ...


@dataclass(frozen=True)
class Due:
    """One kind, how long it is kept, and how many rows of it would go now (-1: not counted)."""

    name: str
    kind: Kind
    days: int
    due: int


@dataclass(frozen=True)
class Night:
    """When it last ran, and how many rows of each kind went. `waited`: it only looked, since the clock did not go on."""

    at: float
    gone: Mapping[str, int]
    waited: bool = False


class Retention:
    """`kinds` gives the file in use, and raises `ContentError` where it is broken; `mail_days` is the setting that the content of
    mails goes by.
    """

    def __init__(
        self,
        store: RetentionStore,
        kinds: Callable[[], Mapping[str, Kind]],
        mail_days: int,
        holds: HoldStore,
        redact: Callable[[str], str],
    ) -> None:
        self._store, self.kinds, self._mail_days, self._holds, self._redact = store, kinds, mail_days, holds, redact

    def plan(self, now: float, *, count: bool = True) -> list[Due]:
        """Every kind; with `count` also what would go. Nothing is changed."""
        return [
            Due(name, kind, self._mail_days if name == "mail" else kind.days, self._count(name, kind, now) if count else -1)
            for name, kind in self.kinds().items()
        ]  # fmt: skip

    def steady(self, now: float) -> bool:
        """Whether the clock goes on from the last night and with what platforms say: else nothing is deleted for its age.

        Where there is only the local web chat nobody tells us the time, and the first of these has to do.
        """
        told = self._store.told_at()
        return now - self._store.noted_at(RAN) <= MISSED and (not told or now - told <= QUIET)

    def nightly(self, work: Run, now: float) -> dict[str, int]:
        """`run`, unless the clock may be wrong: one that is years ahead would delete everything."""
        if not self.steady(now):
            log.warning(
                "nothing is deleted tonight: the last night, or the last message of a platform, is long ago. If the clock is "
                "right, a later night does it"
            )
            self._note(work, {}, waited=True)
            return {}
        return self.run(work, now)

    def run(self, work: Run, now: float) -> dict[str, int]:
        """Delete what is old; how many rows of each kind. `work` runs a change in a transaction of its own."""
        gone = {name: self._clear(work, name, kind, now) for name, kind in self._timed()}
        done = {name: n for name, n in gone.items() if n}
        self._note(work, done)
        return done

    def last(self) -> Night | None:
        """The last night; None if there was none."""
        said = json.loads(self._store.noted(RAN) or "{}")
        return Night(self._store.noted_at(RAN), said["gone"], said["waited"]) if "gone" in said else None

    # legal holds

    def hold(self, work: Work, subject: str, why: str, by: str) -> None:
        """From now on nothing of this ticket or run goes. Raises `NotFound`, `Refused` without a reason, and `Conflict`."""
        if not self._holds.exists(subject):
            raise NotFound(subject)
        row = {"id": uuid.uuid4().hex, "subject": subject, "why": self._reason(why), "placed_by": by, "at": work.at}
        if not self._holds.place(work.tx, row):
            raise Conflict(f"{subject} is on hold already")
        work.audit(by, "privacy.hold", subject)

    def release(self, work: Work, subject: str, why: str, by: str) -> None:
        """Its time counts again. Raises `NotFound` for what is not on hold, and `Refused` without a reason."""
        if not self._holds.release(work.tx, subject, by, self._reason(why), work.at):
            raise NotFound(subject)
        work.audit(by, "privacy.release", subject)

    def holds(self, *, open_only: bool = True) -> list[Row]:
        """Legal holds, the newest first."""
        return self._holds.holds(open_only=open_only)

    def _reason(self, why: str) -> str:
        if not why.strip():
            raise Refused("A legal hold needs a reason, and so does lifting one")
        return self._redact(why.strip())[:500]

    def _note(self, work: Run, done: Mapping[str, int], *, waited: bool = False) -> None:
        def note(change: Work) -> int:
            self._store.note(change.tx, RAN, json.dumps({"gone": done, "waited": waited}), change.at)
            return 0

        work(note)

    def _timed(self) -> Iterator[tuple[str, Kind]]:
        return ((name, kind) for name, kind in self.kinds().items() if kind.days and name in self._store.kinds)

    def _count(self, name: str, kind: Kind, now: float) -> int:
        return self._store.count(name, now - kind.days * DAY) if kind.days and name in self._store.kinds else 0

    def _clear(self, work: Run, name: str, kind: Kind, now: float) -> int:
        before, gone = now - kind.days * DAY, 0
        for _ in range(ROUNDS):
            marks = self._store.old(name, before, A_LOOK)
            for start in range(0, len(marks), AT_ONCE):
                part = marks[start : start + AT_ONCE]
                gone += work(lambda change, part=part: self._part(change, name, kind, before, part))  # type: ignore[misc]
            if len(marks) < A_LOOK:
                break
        return gone

    def _part(self, work: Work, name: str, kind: Kind, before: float, marks: Sequence[Row]) -> int:
        gone = self._store.clear(work.tx, name, before, marks)
        if gone:
            work.audit("secdesk", "retention.delete", name, n=str(gone), days=str(kind.days))
        return gone
