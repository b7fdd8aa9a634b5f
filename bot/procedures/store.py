"""What runs are kept in, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.model import Place
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Clock, Row, Tx, Vault
from bot.procedures.shapes import Library
from bot.turn import Escalation


class RunStore(Protocol):
    """SQL of runs. `lock` takes the row so that two changes of one run queue up; `change` is False if somebody was first."""

    def keep_version(self, tx: Tx, sha256: str, procedure: str, version: int, text: str, at: float) -> None: ...

    def version(self, sha256: str) -> str: ...

    def next_number(self, tx: Tx) -> int: ...

    def add_run(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def started_once(self, once: str) -> str: ...

    def lock(self, tx: Tx, run: str) -> Row | None: ...

    def change(self, tx: Tx, run: str, seq: int, changes: Mapping[str, object]) -> bool: ...

    def add_record(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def run(self, run: str) -> Row | None: ...

    def runs(
        self, *, state: str = "", procedure: str = "", ticket: str = "", since: float = 0.0, limit: int, before: int = 0
    ) -> list[Row]: ...

    def held(self) -> list[Row]: ...

    def unfinished(self, at: float) -> list[Row]: ...

    def records(self, run: str) -> list[Row]: ...

    def doers(self, run: str, step: str) -> set[str]: ...

    def add_text(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def add_file(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def texts(self, run: str = "") -> list[Row]: ...

    def files(self, run: str) -> list[Row]: ...

    def file(self, name: str) -> Row | None: ...

    def drop_text(self, tx: Tx, name: str) -> bool: ...

    def follow(self, tx: Tx, run: str, person: str, at: float) -> bool: ...

    def unfollow(self, tx: Tx, run: str, person: str) -> None: ...

    def followers(self, run: str) -> list[str]: ...

    def offer(self, tx: Tx, ticket: str, procedure: str, at: float) -> None: ...

    def offers(self, ticket: str) -> set[str]: ...

    def begun(self, since: float) -> set[str]: ...

    def in_force(self, tx: Tx, procedures: Sequence[str], at: float) -> dict[str, float]: ...


@dataclass(frozen=True)
class Parts:
    """What runs are made of. `redact` takes pasted secrets out of what people write."""

    store: RunStore
    library: Callable[[], Library]
    identities: Identities
    organisation: Callable[[], Organisation]
    escalation: Escalation
    vault: Vault
    clock: Clock
    on_duty: Callable[[float], Sequence[str]]
    place_of: Callable[[str], Place | None]
    redact: Callable[[str], str]
    link: Callable[[str], str] | None = None  # the address of a page of the console
