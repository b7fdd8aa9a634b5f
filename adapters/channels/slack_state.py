"""What Slack has to remember: installations with sealed tokens, who is behind a platform id, what went out, the shared pace.

The rows are for all replicas; each process keeps what it has just seen in memory for a minute or a day, so that an event of
somebody known in a known workspace reads nothing and writes nothing here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Protocol

from adapters.channels.slack_pace import WAITING, Rate, taken, wait
from adapters.recent import Recent
from bot.ports import Clock, Db, Row, Tx, Vault
from bot.turn import place_from

_TOKENS, _PEOPLE, _STATES = "slack.tokens", "slack.people", "slack.states"
INSTALL_KEPT: Final = 60.0  # seconds until another replica's change of an installation shows here
PROFILE_KEPT: Final = 86_400.0
PARTS_KEPT: Final = 7 * 86_400.0
PACE_KEPT: Final = 3_600.0
PRUNED_EVERY: Final = 2_000  # calls


class SlackStore(Protocol):
    """SQL of the above (one implementation, both databases)."""

    def install(self, name: str) -> Row | None: ...

    def installs(self) -> list[Row]: ...

    def keep_install(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def drop_install(self, tx: Tx, name: str) -> None: ...

    def add_state(self, tx: Tx, state: str, until: float) -> None: ...

    def take_state(self, tx: Tx, state: str, at: float) -> bool: ...

    def user(self, digest: str) -> Row | None: ...

    def user_of(self, person: str) -> Row | None: ...

    def keep_user(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def parts(self, key: str) -> list[Row]: ...

    def keep_part(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def sent_as(self, key: str) -> str: ...

    def place_of_sent(self, ref: str) -> str: ...

    def heard_at(self) -> float: ...

    def lanes(self, tx: Tx, names: Sequence[str], at: float) -> dict[str, Row]: ...

    def set_due(self, tx: Tx, name: str, due: float) -> None: ...

    def pause(self, tx: Tx, name: str, until: float, at: float) -> None: ...

    def prune(self, tx: Tx, *, parts_before: float, pace_before: float) -> None: ...


@dataclass(frozen=True)
class Install:
    """A workspace, or a whole organisation (`team` is empty then), and the token that speaks there."""

    id: str
    token: str = field(repr=False)
    team: str = ""
    enterprise: str = ""
    name: str = ""
    scopes: str = ""
    bot: str = ""
    bot_user: str = ""


@dataclass(frozen=True)
class Profile:
    """Who a platform user is. `ours`: a full member of the workspace or organisation that we serve."""

    prefix: str
    user: str
    name: str
    email: str
    language: str
    ours: bool


@dataclass(frozen=True)
class Known:
    """A stored profile and when the platform gave it to us; `person` is the pseudonym."""

    profile: Profile
    checked_at: float
    person: str


class SlackState:
    """The memory. Synchronous and thread-safe; writes are short transactions of their own.

    With `single` there is one workspace, whose token the settings hold, and nothing is stored of it.
    """

    def __init__(self, db: Db, store: SlackStore, vault: Vault, clock: Clock, single: Install | None) -> None:
        self._db, self._store, self._vault, self._clock, self.single = db, store, vault, clock, single
        self._installs: Recent[Install] = Recent(1_000, INSTALL_KEPT)
        self._known: Recent[Known] = Recent(20_000, 3_600.0)
        self._calls = random.randrange(PRUNED_EVERY)  # noqa: S311 (replicas should not all tidy up at once)

    # installations

    def cached(self, name: str) -> Install | None:
        """The installation, if no look into the database is needed."""
        return self.single or self._installs.get(name)

    def install(self, name: str) -> Install | None:
        """The installation of a workspace or organisation."""
        if found := self.cached(name):
            return found
        row = self._store.install(name)
        if row is None:
            return None
        found = self._opened(row)
        self._installs.put(name, found)
        return found

    def installs(self) -> list[Install]:
        return [self.single] if self.single else [self._opened(row) for row in self._store.installs()]

    def keep_install(self, install: Install) -> None:
        """Store an installation, its token sealed."""
        secret = {"token": install.token, "bot": install.bot, "bot_user": install.bot_user}
        sealed = self._vault.seal(_TOKENS, json.dumps(secret).encode())
        row = {"id": install.id, "team": install.team, "enterprise": install.enterprise, "name": install.name,
               "scopes": install.scopes, "sealed": sealed, "at": self._clock.now()}  # fmt: skip
        with self._db.tx() as tx:
            self._store.keep_install(tx, row)
        self._installs.drop(install.id)

    def drop_install(self, name: str) -> None:
        """The app was taken out there, or its tokens are not good any more."""
        self._installs.drop(name)
        if not self.single:
            with self._db.tx() as tx:
                self._store.drop_install(tx, name)

    def begin(self, state: str, seconds: float) -> None:
        """An installation has begun; whoever comes back with this state within `seconds` may end it."""
        with self._db.tx() as tx:
            self._store.add_state(tx, self._vault.digest(_STATES, state.encode()), self._clock.now() + seconds)

    def finish(self, state: str) -> bool:
        """Use up a state: True the first time, in time."""
        with self._db.tx() as tx:
            return self._store.take_state(tx, self._vault.digest(_STATES, state.encode()), self._clock.now())

    # people

    def remembered(self, prefix: str, user: str) -> Known | None:
        """Who this is, if no look into the database is needed."""
        return self._known.get(prefix + user)

    def known(self, prefix: str, user: str) -> Known | None:
        """Who this platform user is, as far as we have asked."""
        if found := self.remembered(prefix, user):
            return found
        row = self._store.user(self._digest(prefix, user))
        if row is None:
            return None
        found = self._profile(row)
        self._known.put(prefix + user, found)
        return found

    def fresh(self, known: Known) -> bool:
        """Whether a profile need not be asked for again."""
        return self._clock.now() - known.checked_at < PROFILE_KEPT

    def known_person(self, person: str) -> Known | None:
        """The Slack side of a pseudonym."""
        row = self._store.user_of(person) if person else None
        return self._profile(row) if row else None

    def keep_user(self, profile: Profile, person: str = "") -> None:
        """Remember who somebody is. An empty pseudonym keeps what is stored."""
        sealed = self._vault.seal(_PEOPLE, json.dumps(asdict(profile)).encode())
        row = {"digest": self._digest(profile.prefix, profile.user), "person": person, "sealed": sealed,
               "at": self._clock.now()}  # fmt: skip
        with self._db.tx() as tx:
            self._store.keep_user(tx, row)
        self._known.drop(profile.prefix + profile.user)

    def forgotten(self) -> None:
        """Somebody is to be forgotten: nothing about people stays in memory."""
        self._known.clear()

    # messages

    def parts(self, key: str) -> dict[int, tuple[str, str]]:
        """The messages of a delivery that are out: part → (conversation, message)."""
        return {int(row["part"]): (str(row["conversation"]), str(row["message"])) for row in self._store.parts(key)}

    def keep_part(self, key: str, part: int, conversation: str, message: str) -> None:
        row = {"key": key, "part": part, "conversation": conversation, "message": message, "at": self._clock.now()}
        with self._db.tx() as tx:
            self._store.keep_part(tx, row)

    def sent_as(self, key: str) -> tuple[str, str] | None:
        """Where the message of a delivery is: (conversation, message)."""
        conversation, _, message = self._store.sent_as(key).rpartition("/")
        return (conversation, message) if conversation and message else None

    def sent_outside_threads(self, conversation: str, message: str) -> bool:
        """Whether this message is one of ours that stands in no thread."""
        where = self._store.place_of_sent(f"{conversation}/{message}")
        return bool(where) and not place_from(where).thread

    def heard_at(self) -> float:
        """When the newest event of Slack's had its effect, 0 if none has."""
        return self._store.heard_at()

    # pace

    def reserve(self, lanes: Mapping[str, Rate], *, patient: bool) -> float:
        """Take a place in every lane, or in none of them; seconds to wait, 0 when taken."""
        now = self._clock.now()
        with self._db.tx() as tx:
            rows = self._store.lanes(tx, list(lanes), now)
            paused = max((float(row["paused_until"]) - now for row in rows.values()), default=0.0)
            # whoever is patient leaves to others the burst of what is shared; that of their own lane makes up for lateness
            waits = (
                wait(float(rows[name]["due"]), rate, now, patient=patient and rate is not WAITING)
                for name, rate in lanes.items()
            )
            seconds = max(paused, *waits)
            if seconds <= 0:
                for name, rate in lanes.items():
                    self._store.set_due(tx, name, taken(float(rows[name]["due"]), rate, now))
        self._tidy(now)
        return max(0.0, seconds)

    def pause(self, lane: str, seconds: float) -> None:
        """The platform said so: nobody calls there for a while."""
        now = self._clock.now()
        with self._db.tx() as tx:
            self._store.pause(tx, lane, now + seconds, now)

    def _tidy(self, now: float) -> None:
        self._calls += 1
        if self._calls % PRUNED_EVERY == 0:
            with self._db.tx() as tx:
                self._store.prune(tx, parts_before=now - PARTS_KEPT, pace_before=now - PACE_KEPT)

    # inside

    def _opened(self, row: Row) -> Install:
        secret = json.loads(self._vault.unseal(_TOKENS, bytes(row["sealed"])))
        return Install(row["id"], secret["token"], row["team"], row["enterprise"], row["name"], row["scopes"], secret["bot"],
                       secret["bot_user"])  # fmt: skip

    def _profile(self, row: Row) -> Known:
        profile = Profile(**json.loads(self._vault.unseal(_PEOPLE, bytes(row["sealed"]))))
        return Known(profile, float(row["checked_at"]), str(row["person"]))

    def _digest(self, prefix: str, user: str) -> str:
        return self._vault.digest(_PEOPLE, f"{prefix}{user}".encode())
