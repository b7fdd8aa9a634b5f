"""What the pillar of partners is made of: its store, and what it is handed of the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from bot.calendars import Calendar
from bot.contracts import Contract
from bot.errors import NotFound, Refused
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.partners.figures import Case
from bot.people import Identities
from bot.ports import Clock, Row, Tx
from bot.turn import Work

T = TypeVar("T")


class Run(Protocol):
    """Runs a change in one transaction."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


class Cases(Protocol):
    """A partner's tickets that were not closed before `begin`, with every promise, as things stood at `until`; or one of them."""

    def __call__(self, partner: str, begin: float, until: float, ticket: str = "") -> list[Case]: ...


class PartnerStore(Protocol):
    """SQL of partners. Reading of tickets and mails is a read model: nothing is written there."""

    def line_text(self, ticket: str, seq: int) -> str: ...

    def timeline(self, ticket: str) -> list[Row]: ...

    def let_through(self, begin: float, end: float) -> dict[str, int]: ...

    def tagged(self, tag: str, begin: float, end: float) -> list[str]: ...

    def report(self, partner: str, month: str) -> Row | None: ...

    def reports(self, partner: str) -> list[Row]: ...

    def add_report(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def reviews(self, partner: str) -> list[Row]: ...

    def record_review(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def add_action(self, tx: Tx, row: Mapping[str, object]) -> str: ...

    def action(self, id_: str) -> Row | None: ...

    def actions(self, partner: str, *, every: bool = False) -> list[Row]: ...

    def change_action(self, tx: Tx, id_: str, was: str, changes: Mapping[str, object]) -> bool: ...

    def add_pulse(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def add_pulse_words(self, tx: Tx, partner: str, quarter: str, code: str, words: str) -> None: ...

    def pulse(self, partner: str, quarter: str) -> list[Row]: ...

    def add_dispute(self, tx: Tx, row: Mapping[str, object]) -> str: ...

    def disputed(self, ticket: str, breach: str) -> str: ...

    def dispute(self, id_: str) -> Row | None: ...

    def lock_dispute(self, tx: Tx, id_: str) -> Row | None: ...

    def disputes(self, partner: str) -> list[Row]: ...

    def change_dispute(self, tx: Tx, id_: str, changes: Mapping[str, object]) -> None: ...

    def add_record(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def add_record_text(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def records(self, dispute: str) -> list[Row]: ...

    def record_texts(self, dispute: str) -> list[Row]: ...


@dataclass(frozen=True)
class Parts:
    """`redact` takes secrets out.

    `digest` is the vault's; `link` makes an address of a path of the console.
    """

    store: PartnerStore
    contracts: Callable[[], Mapping[str, Contract]]
    cases: Cases
    calendar: Callable[[str], Calendar]
    identities: Identities
    organisation: Callable[[], Organisation]
    place_of: Callable[[str], Place | None]
    clock: Clock
    digest: Callable[[str, bytes], str]
    link: Callable[[str], str]
    redact: Callable[[str], str]

    @property
    def zone(self) -> str:
        """The organisation's: months are counted in it."""
        return self.organisation().file.timezone

    def today(self) -> date:
        """The organisation's day."""
        return datetime.fromtimestamp(self.clock.now(), UTC).astimezone(ZoneInfo(self.zone)).date()

    def contract(self, partner: str) -> Contract:
        """A contract by its id. Raises `NotFound`."""
        found = self.contracts().get(partner)
        if found is None:
            raise NotFound(partner)
        return found

    def say(self, person: Person, key: str, **params: object) -> str:
        return self.organisation().words.say(person.language, key, **params)

    def needed(self, person: Person, text: str, most: int = 2000) -> str:
        """Words that must be there, without secrets. Raises `Refused`."""
        text = self.redact(text.strip())[:most]
        if not text:
            raise Refused(self.say(person, "partner.needs_words"))
        return text

    def named(self, who: str) -> str:
        """A name for an id of the directory, or for a pseudonym."""
        return self.identities.name(who) if who.startswith("p_") else self.identities.shown(who)
