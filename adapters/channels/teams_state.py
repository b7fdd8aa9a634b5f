"""What Teams has to remember: where conversations are, who is behind a platform id, what was sent as which message.

The rows are for all replicas; each process keeps what it has just seen in memory, so that a turn in a known conversation
reads nothing twice and writes nothing.
"""

from __future__ import annotations

import json
import random
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Generic, Protocol, TypeVar

from adapters.channels.teams_activities import Activity
from adapters.channels.teams_pace import Limit, Sent, add, wait
from bot.cards import Card, load
from bot.ports import Clock, Db, Row, Tx, Vault

T = TypeVar("T")
_PURPOSE = "teams"
CARDS_KEPT: Final = 180 * 86_400.0  # seconds after which a press on an old card finds no card any more
PACE_KEPT: Final = 7_200.0
PROFILE_KEPT: Final = 86_400.0
PRUNED_EVERY: Final = 2_000  # reservations


Lanes = Sequence[tuple[str, Sequence[Limit]]]  # names and the limits that hold in each


class TeamsStore(Protocol):
    """SQL of the above (one implementation, both databases)."""

    def conversation(self, conversation: str) -> Row | None: ...

    def keep_conversation(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def drop_conversation(self, tx: Tx, conversation: str) -> None: ...

    def user(self, digest: str) -> Row | None: ...

    def user_of(self, person: str) -> Row | None: ...

    def keep_user(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def mark_unreachable(self, tx: Tx, conversation: str, reason: str) -> int: ...

    def unreachable(self, limit: int = 50) -> list[Row]: ...

    def add_card(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def sent_parts(self, key: str) -> dict[int, str]: ...

    def card(self, refs: Sequence[str]) -> Row | None: ...

    def ref_of(self, key: str) -> str: ...

    def replaced_by(self, conversation: str, activity: str) -> str: ...

    def pace(self, tx: Tx, name: str, at: float) -> str: ...

    def set_pace(self, tx: Tx, name: str, sent: str) -> None: ...

    def prune(self, tx: Tx, *, cards_before: float, pace_before: float) -> None: ...


@dataclass(frozen=True)
class Where:
    """How to reach a conversation."""

    service_url: str
    tenant: str
    bot: str
    scope: str
    team: str = ""


@dataclass(frozen=True)
class Profile:
    """Who a platform user is. `ours`: a member of a tenant that we serve, not a guest in it."""

    user: str
    aad: str
    tenant: str
    name: str
    email: str
    ours: bool


@dataclass(frozen=True)
class Known:
    """A stored profile, when the platform gave it to us, and the personal chat ("" if there is none yet)."""

    profile: Profile
    checked_at: float
    person: str
    conversation: str
    state: str


class TeamsState:
    """The memory. Synchronous and thread-safe; writes are short transactions of their own."""

    def __init__(self, db: Db, store: TeamsStore, vault: Vault, clock: Clock) -> None:
        self._db, self._store, self._vault, self._clock = db, store, vault, clock
        self._where: Recent[Where] = Recent(20_000)
        self._known: Recent[Known] = Recent(20_000)
        self._reserved = random.randrange(PRUNED_EVERY)  # noqa: S311 (replicas should not all tidy up at once)

    # conversations

    def seen(self, activity: Activity) -> None:
        """Keep the conversation of an activity, if it is new or has moved."""
        if not _same(self.where(activity.conversation), activity):
            self.keep(activity.conversation, _where(activity))

    def seen_before(self, activity: Activity) -> bool:
        """Whether `seen` would have nothing to do, from memory alone: for the event loop."""
        return _same(self._where.get(activity.conversation), activity)

    def there(self, conversation: str) -> Where | None:
        """As `where`, from memory alone."""
        return self._where.get(conversation)

    def keep(self, conversation: str, found: Where) -> None:
        """Remember where a conversation is: in memory first, so that a reply finds its way with the database away."""
        self._where.put(conversation, found)
        with self._db.tx() as tx:
            self._store.keep_conversation(tx, {"id": conversation, **asdict(found), "at": self._clock.now()})

    def where(self, conversation: str) -> Where | None:
        """How to reach a conversation, None if we have never been there."""
        if known := self._where.get(conversation):
            return known
        row = self._store.conversation(conversation)
        if row is None:
            return None
        found = Where(row["service_url"], row["tenant"], row["bot"], row["scope"], row["team"])
        self._where.put(conversation, found)
        return found

    def left(self, conversation: str) -> None:
        """The app was removed there."""
        with self._db.tx() as tx:
            self._store.drop_conversation(tx, conversation)
        self._where.drop(conversation)
        self._known.clear()

    # people

    def remembered(self, tenant: str, user: str) -> Known | None:
        """As `known`, from memory alone: for the event loop."""
        return self._known.get(self._digest(tenant, user))

    def known(self, tenant: str, user: str) -> Known | None:
        """Who this platform user is, as far as we have asked."""
        digest = self._digest(tenant, user)
        if known := self._known.get(digest):
            return known
        row = self._store.user(digest)
        if row is None:
            return None
        known = self._from_row(row)
        self._known.put(digest, known)
        return known

    def fresh(self, known: Known) -> bool:
        """Whether a profile need not be asked for again."""
        return self._clock.now() - known.checked_at < PROFILE_KEPT

    def known_person(self, person: str) -> Known | None:
        """The Teams side of a pseudonym."""
        row = self._store.user_of(person) if person else None
        return self._from_row(row) if row else None

    def keep_user(self, profile: Profile, *, person: str = "", conversation: str = "") -> None:
        """Remember who somebody is. Empty fields keep what is stored."""
        digest = self._digest(profile.tenant, profile.aad or profile.user)
        sealed = self._vault.seal(_PURPOSE, json.dumps(asdict(profile)).encode())
        row = {"digest": digest, "person": person, "conversation": conversation, "sealed": sealed,
               "at": self._clock.now()}  # fmt: skip
        with self._db.tx() as tx:
            self._store.keep_user(tx, row)
        self._known.drop(digest)

    def unreachable(self, conversation: str, reason: str) -> None:
        """Mark whoever is in this personal chat."""
        with self._db.tx() as tx:
            self._store.mark_unreachable(tx, conversation, reason)
        self._known.clear()

    def forgotten(self) -> None:
        """Somebody is to be forgotten: nothing about people stays in memory."""
        self._known.clear()

    def cannot_be_reached(self) -> list[Row]:
        return self._store.unreachable()

    # cards

    def sent(self, conversation: str, activity: str, key: str, part: int) -> None:
        """Remember that a part of a long card has gone out, or (`part` -1) which message a coming one takes the place of."""
        row = {"conversation": conversation, "activity": activity, "key": key, "part": part, "at": self._clock.now()}
        with self._db.tx() as tx:
            self._store.add_card(tx, row)

    def sent_parts(self, key: str) -> dict[int, str]:
        return self._store.sent_parts(key)

    def reply_to(self, activity: Activity) -> tuple[str, str]:
        """(the message that answers what was edited or taken back, the event that it answers now: the last edit before, if
        there was one); the message is "" if there is none."""
        message = self._store.ref_of(f"reply:{activity.of}").rpartition("/")[2]
        last = self._store.replaced_by(activity.conversation, message) if message else ""
        return message, last.removeprefix("reply:") or activity.of

    def card(self, activity: Activity) -> Card | None:
        """The card whose button was pressed. In a channel it may have started the thread that it is in."""
        return self.card_for(activity)[0]

    def card_for(self, activity: Activity) -> tuple[Card | None, str]:
        """(the card whose button was pressed, the pseudonym that it was sent to)."""
        refs = [f"{activity.address}/{activity.card}", f"{activity.conversation}/{activity.card}"]
        row = self._store.card(refs) if activity.card else None
        return (load(row["card"]), str(row["person"])) if row else (None, "")

    # pace

    def reserve(self, lanes: Lanes) -> float:
        """Take a place in every lane, or in none of them; seconds to wait, 0 when taken."""
        return self.reserve_all([lanes])[0]

    def reserve_all(self, wanted: Sequence[Lanes]) -> list[float]:
        """As `reserve`, for many at once in one transaction: first come, first served."""
        now = self._clock.now()
        names = sorted({name for lanes in wanted for name, _ in lanes})  # locked in one order, so nobody deadlocks
        with self._db.tx() as tx:
            states = {name: Sent.load(self._store.pace(tx, name, now)) for name in names}
            before = dict(states)
            waits = [self._take(states, lanes, now) for lanes in wanted]
            for name in names:
                if states[name] is not before[name]:
                    self._store.set_pace(tx, name, states[name].dump())
        self._tidy(now)
        return waits

    @staticmethod
    def _take(states: dict[str, Sent], lanes: Lanes, now: float) -> float:
        seconds = max(wait(states[name], limits, now) for name, limits in lanes)
        if seconds <= 0:
            states.update({name: add(states[name], limits, now) for name, limits in lanes})
        return seconds

    def _tidy(self, now: float) -> None:
        self._reserved += 1
        if self._reserved % PRUNED_EVERY == 0:
            with self._db.tx() as tx:
                self._store.prune(tx, cards_before=now - CARDS_KEPT, pace_before=now - PACE_KEPT)

    # inside

    def _from_row(self, row: Row) -> Known:
        profile = Profile(**json.loads(self._vault.unseal(_PURPOSE, bytes(row["sealed"]))))
        return Known(profile, row["checked_at"], row["person"], row["conversation"], row["state"])

    def _digest(self, tenant: str, user: str) -> str:
        return self._vault.digest(_PURPOSE, f"{tenant}/{user}".encode())


def _where(activity: Activity) -> Where:
    return Where(activity.service_url, activity.tenant, activity.bot, activity.scope, activity.team)


def _same(known: Where | None, activity: Activity) -> bool:
    given = (activity.service_url, activity.tenant, activity.bot)
    return known is not None and (known.service_url, known.tenant, known.bot) == given


class Recent(Generic[T]):
    """The values used last, a bounded number of them."""

    def __init__(self, most: int) -> None:
        self._most, self._values = most, OrderedDict[str, T]()
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
