"""Who wrote: from the platform's ids to a person of the directory, by addresses the tenant vouches for.

The platform's roster names the person's address, tenant and role. Only members of a tenant that we serve are looked up in
the directory; guests and people of other tenants stay strangers with an id of their own, whatever address they show.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from adapters.channels.teams_activities import NAME, Activity
from adapters.channels.teams_connector import Connector
from adapters.channels.teams_state import Known, Profile, TeamsState
from bot.errors import ChannelError, StoreUnavailable
from bot.model import Person, Place

log = logging.getLogger(__name__)
T = TypeVar("T")
ROSTER_SECONDS = 2.5  # somebody may be in trouble: better taken for a stranger than kept waiting
_GUESTS = {"guest", "anonymous"}


class Who(Protocol):
    """The directory with pseudonyms (`bot.people.Identities`)."""

    def find(self, who: str) -> Person | None: ...

    def known_key(self, person: Person) -> str: ...


class TeamsPeople:
    """Finds the person behind an activity, and the personal chat of a person."""

    def __init__(
        self, state: TeamsState, connector: Connector, who: Who, tenants: frozenset[str], language: Callable[[], str]
    ) -> None:
        self._state, self._connector, self._who, self._tenants = state, connector, who, tenants
        self._language = language

    async def person(self, activity: Activity) -> Person:
        """Never raises: with roster and database away the person is a stranger, who can still report and cry for help."""
        sender = activity.sender
        known = await self.known(activity)
        profile = known.profile if known else None
        if known is None or not self._state.fresh(known):
            profile = await self._ask(activity) or profile
        found = profile or Profile(sender.id, sender.aad, activity.tenant, sender.name, "", ours=False)
        person = self._from(found, sender.locale)
        await self._keep(activity, known, found if profile else None, person)
        return person

    async def met(self, activity: Activity, person: Person) -> None:
        """Bind the pseudonym, once there is one, to the platform's id, so that nudges and tickets find the chat."""
        known = await self.known(activity)
        if known is None or known.person:
            return
        key = person.key or await tolerant(self._who.known_key, person, otherwise="")
        if key:
            await tolerant(lambda: self._state.keep_user(known.profile, person=key), otherwise=None)

    def place_of(self, person: str) -> Place | None:
        """The personal chat of a pseudonym, if the app is installed there and messages get through."""
        known = self._state.known_person(person)
        if known is None or not known.conversation or known.state != "ok":
            return None
        return Place(NAME, known.conversation)

    async def personal(self, activity: Activity) -> Place:
        """The personal chat of whoever sent this, opened if need be. Raises `Unreachable`, `RetryLater`, `ChannelError`."""
        if activity.scope == "personal":
            return activity.place
        tenant, known = activity.tenant, await self.known(activity)
        if known and known.conversation:
            return Place(NAME, known.conversation)
        chat = await self._connector.create(activity.service_url, tenant, activity.bot, activity.sender.id)
        if not chat:
            raise ChannelError("Teams named no chat")
        await self._opened(activity, known, chat)
        return Place(NAME, chat)

    # inside

    async def known(self, activity: Activity) -> Known | None:
        """What is stored of whoever sent this, from memory if we can: a thread costs more than the look."""
        tenant, user = activity.tenant, activity.sender.aad or activity.sender.id
        return self._state.remembered(tenant, user) or await tolerant(self._state.known, tenant, user, otherwise=None)

    async def _opened(self, activity: Activity, known: Known | None, chat: str) -> None:
        opened = replace(activity, conversation=chat, thread="", scope="personal")
        await tolerant(self._state.seen, opened, otherwise=None)
        if known:
            await tolerant(lambda: self._state.keep_user(known.profile, conversation=chat), otherwise=None)

    async def _ask(self, activity: Activity) -> Profile | None:
        try:
            asking = self._connector.member(activity.service_url, activity.conversation, activity.sender.id)
            member = await asyncio.wait_for(asking, ROSTER_SECONDS)
        except (ChannelError, TimeoutError) as error:
            log.warning("the roster did not answer: %s", error or type(error).__name__)
            return None
        return profile_of(member, activity, self._tenants)

    def _from(self, profile: Profile, locale: str) -> Person:
        if profile.ours:
            for name in (profile.email, profile.aad):
                if name and (person := self._find(name)):
                    return person
        strange = f"{NAME}:{profile.tenant}/{profile.aad or profile.user}"
        language = locale[:2].casefold() if locale[:2].isalpha() else self._language()
        return Person(strange, profile.name or "?", language=language, known=False)

    def _find(self, name: str) -> Person | None:
        try:
            return self._who.find(name)
        except StoreUnavailable:  # the directory knows them; only their pseudonym cannot be read
            return None

    async def _keep(self, activity: Activity, known: Known | None, profile: Profile | None, person: Person) -> None:
        """Write only what is new."""
        chat = activity.conversation if activity.scope == "personal" else ""
        same = known is not None and profile == known.profile and (not chat or chat == known.conversation)
        if profile is None or (same and known is not None and known.state == "ok" and self._state.fresh(known)):
            return
        await tolerant(lambda: self._state.keep_user(profile, person=person.key, conversation=chat), otherwise=None)


def profile_of(member: Mapping[str, Any], activity: Activity, tenants: frozenset[str]) -> Profile:
    """A roster entry as a profile (learn.microsoft.com: "Get single member details")."""
    upn, role = _text(member, "userPrincipalName"), _text(member, "userRole").casefold()
    tenant = _text(member, "tenantId") or activity.tenant
    guest = role in _GUESTS or "#ext#" in upn.casefold() or tenant not in tenants
    address = _text(member, "email") or upn
    return Profile(
        user=activity.sender.id, aad=activity.sender.aad or _text(member, "aadObjectId"), tenant=activity.tenant,
        name=_text(member, "name") or activity.sender.name, email="" if guest else address, ours=not guest,
    )  # fmt: skip


async def tolerant(work: Callable[..., T], *given: Any, otherwise: Any) -> T:
    """Run on a thread; with the database away, `otherwise`."""
    try:
        return await asyncio.to_thread(work, *given)
    except StoreUnavailable:
        return otherwise  # type: ignore[no-any-return]


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value[:320] if isinstance(value, str) else ""
