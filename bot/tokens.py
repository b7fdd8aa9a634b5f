"""Tokens of the HTTP API: made by an administrator for one person, with scopes and an end, shown once, kept as a keyed digest.

A token never does more than the person it acts as: a call needs the scope, and that person's console role, both at that moment.
Whoever it acts as is told of it when somebody else has made it.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Card, Text
from bot.errors import NotFound, Refused, StoreUnavailable
from bot.model import Person, Place
from bot.organisation import Organisation
from bot.permissions import PERMISSIONS
from bot.ports import Row, Tx, Vault
from bot.turn import Work

PREFIX = "secdesk_"  # so that scanners of repositories know one when they see it
SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
MOST_DAYS = 366
_NOT_HERE = (
    "own",
    "write",
)  # sessions and drafts are for people in the console, and so is each step that two people share
SCOPES = tuple(name for name in PERMISSIONS if name not in _NOT_HERE)
KEPT_SECONDS = 86_400.0  # how long an Idempotency-Key is remembered
_PURPOSE = "api.token"
_SEEN_EVERY = 60.0  # seconds between two notes of a token's last use


@dataclass(frozen=True)
class Token:
    """A token as it is kept. Times are UTC epoch seconds, 0 for "not"; `person` and `created_by` are pseudonyms."""

    id: str
    name: str
    person: str
    scopes: frozenset[str]
    created_by: str
    created_at: float
    expires_at: float
    revoked_at: float
    used_at: float

    def state(self, at: float) -> str:
        """`good`, `revoked` or `expired`."""
        return "revoked" if self.revoked_at else "expired" if self.expires_at <= at else "good"


class TokenStore(Protocol):
    """SQL of tokens, and of requests that must have their effect once."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def of_digest(self, digest: str) -> Row | None: ...

    def all(self) -> list[Row]:
        """The newest first."""
        ...

    def revoke(self, tx: Tx, token: str, at: float) -> bool:
        """False if there is none, or it was revoked before."""
        ...

    def used(self, token: str, at: float) -> None: ...

    def begin(self, tx: Tx, token: str, key: str, digest: str, at: float) -> Row | None:
        """Take a key; None for the first one, else what is kept of it (`digest`, `status`, `body`)."""
        ...

    def answered(self, token: str, key: str) -> bool:
        """Whether a key was taken and has its answer."""
        ...

    def finish(self, tx: Tx, token: str, key: str, status: int, body: str) -> None: ...

    def prune(self, tx: Tx, before: float) -> int: ...


@dataclass(frozen=True)
class Tokens:
    """What can be done with tokens. `reach`: where a pseudonym hears from us."""

    store: TokenStore
    vault: Vault
    org: Callable[[], Organisation]
    reach: Callable[[str], Place | None]
    redact: Callable[[str], str] = lambda text: text  # pasted secrets out of a name

    def create(
        self, work: Work, name: str, person: Person, scopes: Collection[str], days: int, by: str
    ) -> tuple[Token, str]:
        """(the token as it is kept, what to show once). Raises `Refused` for a name, scope or time that cannot be, and for a
        person who may not be in the console."""
        if not (person.known and self.org().console_roles(person.roles)):
            raise Refused(f"{person.id} has no role in the console: a token that acts as them could do nothing")
        name, wrong = self.redact(" ".join(name.split()))[:60], sorted(set(scopes) - set(SCOPES))
        if not name:
            raise Refused("give the token a name that says what it is for")
        if wrong or not scopes:
            raise Refused(f"there is no scope {', '.join(wrong) or 'chosen'}; there are: {', '.join(SCOPES)}")
        if not 0 < days <= MOST_DAYS:
            raise Refused(f"a token ends after 1 to {MOST_DAYS} days")
        secret = PREFIX + secrets.token_urlsafe(32)
        token = Token(
            uuid.uuid4().hex[:12], name, person.key, frozenset(scopes), by, work.at, work.at + days * 86_400.0, 0.0, 0.0
        )
        self.store.add(work.tx, {**vars(token), "scopes": " ".join(sorted(scopes)), "digest": self._digest(secret)})
        work.audit(by, "token.create", token.id, scopes=".".join(sorted(scopes)), to=person.key, days=str(days))
        if by != person.key:
            self._tell(work, token, person, by)
        return token, secret

    def _tell(self, work: Work, token: Token, person: Person, by: str) -> None:
        """A token opens the door in somebody's name: they read of each that they did not make themselves."""
        place = self.reach(person.key)
        if place is None:
            return
        name = "token.made" if by.startswith("p_") else "token.made_on_server"
        said = self.org().words.say(
            person.language,
            name,
            scopes=", ".join(sorted(token.scopes)),
            days=str(round((token.expires_at - token.created_at) / 86_400.0)),
        )
        work.say(person.key, place, Card("", (Text(said),), "desk", lang=person.language), f"token:{token.id}")

    def all(self) -> list[Token]:
        return [_token(row) for row in self.store.all()]

    def revoke(self, work: Work, token: str, by: str) -> None:
        """End one now. Raises `NotFound` for one that there is not, or that has been revoked."""
        if not self.store.revoke(work.tx, token, work.at):
            raise NotFound(token)
        work.audit(by, "token.revoke", token)

    def find(self, secret: str, at: float) -> Token | None:
        """The token that holds now, with a note of its use; None for every other text."""
        if not SHAPE.fullmatch(secret):
            return None
        row = self.store.of_digest(self._digest(secret))
        token = _token(row) if row else None
        if token is None or token.state(at) != "good":
            return None
        if not 0 <= at - token.used_at < _SEEN_EVERY:
            with suppress(StoreUnavailable):  # reading goes on while nothing can be written
                self.store.used(token.id, at)
        return token

    def _digest(self, secret: str) -> str:
        return self.vault.digest(_PURPOSE, secret.encode())


def _token(row: Row) -> Token:
    kept = {name: value for name, value in row.items() if name != "digest"}
    return Token(**{**kept, "scopes": frozenset(str(row["scopes"]).split())})
