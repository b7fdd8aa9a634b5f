"""Teams put together from the settings: what `channels.use = ["teams"]` brings in, and nothing before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.channels.teams import TeamsChannel
from adapters.channels.teams_activities import NAME, Activity, Quoted
from adapters.channels.teams_answers import Answer
from adapters.channels.teams_auth import InboundCheck, Keys, Trust
from adapters.channels.teams_connector import Connector
from adapters.channels.teams_doctor import check_settings, credentials, desk_channel, examine
from adapters.channels.teams_edge import PATH, Playground, TeamsEdge
from adapters.channels.teams_files import TeamsFiles
from adapters.channels.teams_http import Clients
from adapters.channels.teams_people import TeamsPeople
from adapters.channels.teams_sharing import Sharing
from adapters.channels.teams_state import TeamsState, TeamsStore, Where
from adapters.channels.teams_tokens import Tokens
from adapters.channels.teams_turns import TurnParts, Turns
from bot.cards import Button, Buttons, Card, Steps, Text
from bot.health import Check
from bot.model import Person, Place
from bot.platforms import Asgi, Doors, Foundation
from bot.turn import Work

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold conversation ids
TENDED_EVERY: Final = 15.0  # seconds between looks at keys and sign-in


class NoTokens:
    """The playground wants none."""

    async def get(self) -> str:
        return ""

    def drop(self, token: str) -> None:
        """Nothing to drop."""


class TeamsPlatform:
    """Implements `bot.platforms.Platform`."""

    def __init__(self, foundation: Foundation, store: TeamsStore) -> None:
        settings = foundation.settings
        check_settings(settings)
        self._foundation, self._settings, self._clients = foundation, settings, Clients()
        self._tenants = frozenset(settings.teams_tenants or (settings.teams_tenant,))
        self._tokens = None if settings.teams_playground else Tokens(self._clients, credentials(settings))
        self._keys = None if settings.teams_playground else Keys(self._clients, settings.teams_metadata)
        self._state = TeamsState(foundation.db, store, foundation.vault, foundation.clock)
        self._connector = Connector(self._clients, self._tokens or NoTokens())
        elsewhere = Where(settings.teams_playground or settings.teams_service, settings.teams_tenant,
                          f"28:{settings.teams_app_id}", "channel")  # fmt: skip
        real = not settings.teams_playground
        self._files = TeamsFiles(self._clients, settings.teams_hosts, self._tokens)
        words = lambda: foundation.organisation().words  # noqa: E731
        self._sharing = Sharing(foundation.vault, foundation.attached, self._files, words)
        names = lambda person: foundation.identities.name(person)  # noqa: E731, PLW0108 (only asked when shown)
        self._channel = TeamsChannel(
            self._state, self._connector, elsewhere=elsewhere, sharing=self._sharing, real=real, names=names
        )
        language = lambda: foundation.organisation().file.language  # noqa: E731
        self._people = TeamsPeople(self._state, self._connector, foundation.identities, self._tenants, language)
        self._turns: Turns | None = None
        self._tending: asyncio.Task[None] | None = None

    @property
    def channel(self) -> TeamsChannel:
        return self._channel

    def place_of(self, person: str) -> Place | None:
        return self._people.place_of(person)

    def desk(self) -> Place | None:
        found = desk_channel(self._settings.teams_desk)
        return Place(NAME, found, private=False) if found else None

    def endpoints(self, doors: Doors) -> Mapping[str, Asgi]:
        from adapters.channels.teams_bot import Adapter, SecdeskBot  # noqa: PLC0415 (the SDK, only once it is needed)

        parts = TurnParts(
            channel=self._channel, state=self._state, clock=self._foundation.clock, people=self._people, files=self._files,
            sharing=self._sharing, doors=doors, organisation=self._foundation.organisation,
            welcome=lambda person, place, key: self._welcome(doors, person, place, key),
            say=lambda person, place, card, key: self._say(doors, person, place, card, key), quoted_mail=quoted_mail,
        )  # fmt: skip
        self._turns = Turns(parts)
        adapter, bot = Adapter(self._connector), SecdeskBot(self._turns)

        async def process(raw: Mapping[str, Any], activity: Activity) -> Answer | None:
            return await adapter.process(raw, activity, bot)

        edge: Any = TeamsEdge(self._gate(), process)
        return {PATH: edge}

    def _gate(self) -> InboundCheck | Playground:
        if self._keys is None:
            return Playground(self._settings.teams_playground, self._tenants)
        return InboundCheck(Trust(self._settings.teams_app_id, self._tenants, self._settings.teams_issuer), self._keys)

    async def start(self, doors: Doors) -> None:
        self._tending = asyncio.ensure_future(self._tend())

    async def _tend(self) -> None:
        """Have keys before the first request, and notice when a service that failed is back, though nobody asks."""
        while self._keys and self._tokens:
            try:
                await self._keys.tend()
                await self._tokens.tend()
            except Exception:
                log.exception("keys and sign-in are looked at again")
            await asyncio.sleep(TENDED_EVERY)

    async def stop(self) -> None:
        if self._tending:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        if self._turns:
            await self._turns.close()
        if self._tokens:
            await self._tokens.close()
        await self._clients.close()

    def health(self) -> Iterator[Check]:
        if self._settings.teams_playground:
            yield Check(
                "teams playground", "note", "requests are taken without sign-in", "for tests on this machine only"
            )
        for part in (self._keys, self._tokens):
            if part:
                yield part.health()
        yield from self._channel.health()

    def doctor(self) -> Iterator[Check]:
        """App id, tenant, secret or certificate (by signing in), signing keys, endpoint, desk channel."""
        yield from examine(self._settings, self._foundation.clock.now(), self._clients)
        yield from self._channel.health()

    def forget(self, person: Person) -> None:
        self._state.forgotten()

    # inside

    def _welcome(self, doors: Doors, person: Person, place: Place, conversation: str) -> str:
        """Greet once in a chat: the delivery's key is the chat's."""
        return self._say(doors, person, place, welcome_card(self._foundation, person), f"welcome:{NAME}:{conversation}")

    def _say(self, doors: Doors, person: Person, place: Place, card: Card, key: str) -> str:
        """Store a message of our own; its delivery, "" if the key has been said before."""

        def say(work: Work) -> str:
            met = self._foundation.identities.meet(work.tx, person, work.at)
            return work.say(met.key, place, card, key, live=True)

        return doors.work(say)


def welcome_card(foundation: Foundation, person: Person) -> Card:
    """Who we are, what can be done here, and the ways in."""
    say, lang = foundation.organisation().words.say, person.language
    steps = tuple(say(lang, f"welcome.{key}") for key in ("ask", "report", "emergency"))
    buttons = (
        Button(say(lang, "button.emergency"), "emergency.start", "incident", "danger"),
        Button(say(lang, "button.report"), "reporting.start"),
        Button(say(lang, "button.person"), "tickets.person"),
    )
    blocks = (
        Text(say(lang, "welcome.body")),
        Steps(steps, say(lang, "welcome.do"), ordered=False),
        Text(say(lang, "welcome.more"), "muted"),
        Buttons(buttons),
    )
    return Card(say(lang, "welcome.title"), blocks, lang=lang)


def quoted_mail(quoted: Quoted) -> Any:
    """A reported chat message as a mail that can be examined."""
    from bot.reporting.chat_message import ChatMessage, as_mail  # noqa: PLC0415 (with the pillar, when it is used)

    return as_mail(ChatMessage("Teams", quoted.author, quoted.text, quoted.link, quoted.at, quoted.html, quoted.files))


def platform(foundation: Foundation) -> TeamsPlatform:
    """What `bot.app` asks for. Raises `ConfigError`."""
    store: TeamsStore = foundation.store(NAME)
    return TeamsPlatform(foundation, store)
