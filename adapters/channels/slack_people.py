"""Who wrote: from the platform's ids to a person of the directory, by addresses that Slack has verified.

Only full members of a workspace or organisation that we serve are looked up in the directory; guests, bots and people of other
companies stay strangers with an id of their own, whatever address they show.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_events import NAME, Event, direct
from adapters.channels.slack_state import Install, Known, Profile, SlackState
from adapters.channels.slack_text import storable
from bot.errors import ChannelError
from bot.model import Person, Place
from bot.ports import Tx

log = logging.getLogger(__name__)
ASKING: Final = 2.5  # seconds; somebody may be in trouble: better taken for a stranger than kept waiting
PAGE: Final = 200


class Who(Protocol):
    """The directory with pseudonyms (`bot.people.Identities`)."""

    def find(self, who: str) -> Person | None: ...

    def known_key(self, person: Person) -> str: ...

    def meet(self, tx: Tx, person: Person, at: float) -> Person: ...


class SlackPeople:
    """Finds the person behind an event, and the direct messages of a person."""

    def __init__(self, api: SlackApi, state: SlackState, who: Who, language: Callable[[], str]) -> None:
        self._api, self._state, self._who, self._language = api, state, who, language
        self._homes: dict[str, frozenset[str]] = {}

    async def person(self, event: Event, prefix: str) -> Person:
        """Never raises: with Slack and database away the person is a stranger, who can still report and cry for help."""
        known = self._state.remembered(prefix, event.user) or await self._api.run(
            lambda: self._state.known(prefix, event.user), None
        )
        if known is None or not self._state.fresh(known):
            asked = await self._ask(event.user, prefix)
            known = Known(asked, 0.0, known.person if known else "") if asked else known
        profile = known.profile if known else Profile(prefix, event.user, "", "", "", ours=False)
        return await self._api.run(lambda: self._person(profile), self._stranger(profile))

    async def met(self, event: Event, prefix: str, person: Person) -> None:
        """Behind a reply: remember which pseudonym is behind the platform's id."""
        known = self._state.remembered(prefix, event.user)
        if known is None or known.person:
            return
        key = person.key or await self._api.run(lambda: self._who.known_key(person), "")
        if key:
            await self._api.run(lambda: self._state.keep_user(known.profile, key), None)

    def place_of(self, person: str) -> Place | None:
        """The direct messages of a pseudonym."""
        known = self._state.known_person(person)
        return direct(known.profile.user, known.profile.prefix) if known else None

    async def name(self, prefix: str, user: str) -> str:
        """What somebody is called, "" if we cannot tell."""
        known = self._state.remembered(prefix, user)
        if known:
            return known.profile.name
        profile = await self._ask(user, prefix, keep=False) if user[:1] in ("U", "W") else None
        return profile.name if profile else ""

    async def sync(self, install: Install, prefix: str, meet: Callable[[list[Person]], Mapping[str, str]]) -> int:
        """Learn where everybody of the directory can be written to; the number found. `meet` gives people pseudonyms."""
        found, cursor = 0, "-"
        home = await self._home(install, 120.0)
        while cursor:
            asked = {"limit": PAGE, **({} if cursor == "-" else {"cursor": cursor})}
            page = await self._api.call(install.id, "users.list", asked, patience=120.0, patient=True)
            keep = partial(self._keep, page.get("members"), home, prefix, meet)
            found += await self._api.run(keep, 0)
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        return found

    async def home(self, install: Install) -> frozenset[str]:
        """Ids of the workspace and organisation that an installation serves. Raises `ChannelError`."""
        return await self._home(install, 120.0)

    # inside

    async def _home(self, install: Install, patience: float = 1.0) -> frozenset[str]:
        """Ids of the workspace and organisation that an installation serves. Never taken from an event: in a channel shared
        with others that may name theirs. Raises `ChannelError`."""
        if install.team or install.enterprise:
            return frozenset({install.team, install.enterprise} - {""})
        if install.id not in self._homes:
            own = await self._api.call(install.id, "auth.test", {}, patience=patience)
            self._homes[install.id] = frozenset(
                {str(own.get(key) or "") for key in ("team_id", "enterprise_id")} - {""}
            )
        return self._homes[install.id]

    def _keep(
        self, members: Any, home: frozenset[str], prefix: str, meet: Callable[[list[Person]], Mapping[str, str]]
    ) -> int:
        profiles = [_profile(user, prefix, home) for user in members or ()]
        staff = {profile.user: person for profile in profiles if (person := self._listed(profile))}
        keys = meet(list(staff.values()))
        for profile in profiles:
            person = staff.get(profile.user)
            if person and keys.get(person.id):
                self._state.keep_user(profile, keys[person.id])
        return len(staff)

    async def _ask(self, user: str, prefix: str, *, keep: bool = True) -> Profile | None:
        """Slack's own word on a user, None if it does not come in time."""
        try:
            profile = await asyncio.wait_for(self._asked(user, prefix), ASKING)
        except (ChannelError, TimeoutError) as error:
            log.warning("nobody could say who wrote: %s", type(error).__name__)
            return None
        if keep and profile.user == user:
            await self._api.run(lambda: self._state.keep_user(profile), None)
            await self._api.run(lambda: self._state.known(prefix, user), None)
        return profile

    async def _asked(self, user: str, prefix: str) -> Profile:
        install = await self._api.install(install_of(prefix))
        home: frozenset[str] = await self._home(install) if install else frozenset()
        wanted = {"user": user, "include_locale": "true"}
        answer = await self._api.call(install_of(prefix), "users.info", wanted, patience=1.0)
        return _profile(answer.get("user"), prefix, home)

    def _person(self, profile: Profile) -> Person:
        return self._listed(profile) or self._stranger(profile)

    def _listed(self, profile: Profile) -> Person | None:
        """The directory's person with this verified address."""
        return self._who.find(profile.email) if profile.ours and profile.email else None

    def _stranger(self, profile: Profile) -> Person:
        return Person(f"{NAME}:{profile.prefix}{profile.user}", profile.name or profile.user,
                      language=profile.language or self._language(), known=False)  # fmt: skip


def install_of(prefix: str) -> str:
    """The installation that a prefix of conversations names, "" where there is only one."""
    return prefix.removesuffix("/")


def _profile(user: Any, prefix: str, home: frozenset[str]) -> Profile:
    """A user object (docs.slack.dev: users.info) as what we need of it. Whose `home` is elsewhere is not ours."""
    raw: Mapping[str, Any] = user if isinstance(user, Mapping) else {}
    shown: Mapping[str, Any] = raw.get("profile") if isinstance(raw.get("profile"), Mapping) else {}  # type: ignore[assignment]
    org: Mapping[str, Any] = raw.get("enterprise_user") if isinstance(raw.get("enterprise_user"), Mapping) else {}  # type: ignore[assignment]
    theirs = {str(raw.get("team_id") or ""), str(org.get("enterprise_id") or "")} - {""}
    barred = (
        "is_restricted",
        "is_ultra_restricted",
        "is_stranger",
        "is_bot",
        "is_app_user",
        "deleted",
        "is_invited_user",
    )
    ours = not any(raw.get(flag) for flag in barred) and raw.get("is_email_confirmed", True) is True
    return Profile(
        prefix, str(raw.get("id") or ""), _first(shown.get("real_name"), raw.get("real_name"), raw.get("name"))[:200],
        _first(shown.get("email"))[:320], _first(raw.get("locale"))[:2].casefold(), ours and bool(home & theirs),
    )  # fmt: skip


def _first(*values: object) -> str:
    return storable(next((value for value in values if isinstance(value, str) and value), ""))
