"""A chat platform as the composition root sees it: a channel, and what comes with one.

`adapters/channels/<name>_setup.py` holds `platform(foundation) -> Platform`; it is imported only if `<name>` is switched
on, and that is all it takes to add one. Platforms know neither each other nor the composition root.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from bot.cards import Card
from bot.health import Check
from bot.model import Action, Message, Person, Place, Reply
from bot.organisation import Organisation
from bot.people import Identities
from bot.ports import Channel, Clock, Db, Vault
from bot.settings import Settings
from bot.turn import Work

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True)
class Workspace:
    """Everybody of a chat platform as it lists them. `groups` None: it may not say who is in which.

    `home`: ids of the workspace and the organisation that are ours. `prefix`: what stands before ids of this installation.
    """

    prefix: str
    home: frozenset[str]
    users: Sequence[Mapping[str, Any]]
    groups: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class Foundation:
    """What a platform is built on."""

    settings: Settings
    db: Db
    vault: Vault
    clock: Clock
    identities: Identities
    organisation: Callable[[], Organisation]
    store: Callable[[str], Any]  # the SQL of a platform's own tables: `adapters/stores/<name>.py`
    attached: Callable[[str], bytes] = lambda _id: b""  # the bytes of a card's file; raises `NotFound`
    people_found: Callable[[Workspace], int] = lambda _workspace: 0  # takes them into the directory; how many changed


class InTransaction(Protocol):
    """Runs a change in one transaction and wakes the sweeper after the commit."""

    def __call__(self, change: Callable[[Work], T]) -> T: ...


@dataclass(frozen=True)
class Checked:
    """A sent form: what is wrong with it by field, or how what it would make looks (with the form below, to be sent again)."""

    errors: Mapping[str, str] = field(default_factory=dict)
    preview: Card | None = None


@dataclass(frozen=True)
class Doors:
    """What a running platform may ask of the desk. `deliver` sends a stored message on a thread of its own.

    `room_card`: the desk channel's card that an action belongs to, as it is now; None if it belongs to none.
    `in_room`: whether a place is the thread of a ticket, where everything is for the desk.
    `form`: what to ask before an action is sent, None for nothing; `check` looks at what was filled in.
    `home`: somebody's own page. `expects`: whether a pseudonym is in the middle of something in a place.
    `amended`: the message with this key reads otherwise now ("": it is gone); True if its new text wants an answer.
    """

    handle: Callable[[Message], Awaitable[Reply]]
    deliver: Callable[[str], Awaitable[bool]]
    work: InTransaction
    room_card: Callable[[Action], Card | None]
    in_room: Callable[[Place], bool]
    form: Callable[[Action, Person], Card | None] = lambda _action, _person: None
    check: Callable[[Action, Person], Checked] = lambda _action, _person: Checked()
    home: Callable[[Person], Card | None] = lambda _person: None
    expects: Callable[[str, Place], bool] = lambda _person, _place: False
    amended: Callable[[Person, str, str], bool] = lambda _person, _key, _text: False


class Platform(Protocol):
    """A chat platform."""

    @property
    def channel(self) -> Channel: ...

    def place_of(self, person: str) -> Place | None:
        """The private chat of a pseudonym, if there is one that can be written to."""
        ...

    def desk(self) -> Place | None:
        """The desk's own channel there, if one is set."""
        ...

    def endpoints(self, doors: Doors) -> Mapping[str, Asgi]:
        """ASGI applications by exact path. They stand outside the web application's guard and check callers themselves."""
        ...

    async def start(self, doors: Doors) -> None:
        """On the server's event loop, before the first request. Must not wait for the network."""
        ...

    async def stop(self) -> None:
        """Let what is running end, and give back connections."""
        ...

    def health(self) -> Iterable[Check]:
        """What works now, from memory: for `/readyz` and the console."""
        ...

    def doctor(self) -> Iterable[Check]:
        """What works, asked of the platform itself. Sends no message."""
        ...

    def forget(self, person: Person) -> None:
        """Drop what is remembered in memory about somebody; rows go with `people forget`."""
        ...
