"""Teams put together from the settings: what `channels.use = ["teams"]` brings in, and nothing before."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx

from adapters.channels.teams import TeamsChannel
from adapters.channels.teams_activities import NAME, Activity, Quoted
from adapters.channels.teams_auth import InboundCheck, Keys, Trust
from adapters.channels.teams_connector import Connector
from adapters.channels.teams_edge import PATH, Playground, TeamsEdge
from adapters.channels.teams_files import TeamsFiles
from adapters.channels.teams_http import Clients
from adapters.channels.teams_people import TeamsPeople
from adapters.channels.teams_state import TeamsState, TeamsStore, Where
from adapters.channels.teams_tokens import Credentials, Tokens, proof
from adapters.channels.teams_turns import Answer, TurnParts, Turns
from bot.cards import Button, Buttons, Card, Steps, Text
from bot.errors import ConfigError, RetryLater
from bot.health import Check
from bot.model import Person, Place
from bot.platforms import Asgi, Doors, Foundation
from bot.settings import Settings
from bot.turn import Work

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold conversation ids
GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CHANNEL: Final = re.compile(r"19:[^/?#\s]+@thread\.(?:tacv2|skype|v2)")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


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
        self._channel = TeamsChannel(self._state, self._connector, elsewhere=elsewhere, real=real)
        language = lambda: foundation.organisation().file.language  # noqa: E731
        self._people = TeamsPeople(self._state, self._connector, foundation.identities, self._tenants, language)
        self._turns: Turns | None = None

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
            channel=self._channel, state=self._state, clock=self._foundation.clock, people=self._people,
            files=TeamsFiles(self._clients, self._settings.teams_hosts), handle=doors.handle, deliver=doors.deliver,
            welcome=lambda person, place, key: self._welcome(doors, person, place, key),
            say=lambda person, place, card, key: self._say(doors, person, place, card, key), form=doors.form,
            words=lambda: self._foundation.organisation().words, quoted_mail=quoted_mail, room_card=doors.room_card,
            listens=doors.in_room,
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
        if self._keys:
            self._warming = asyncio.ensure_future(self._keys.warm())

    async def stop(self) -> None:
        if self._turns:
            await self._turns.close()
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
        yield from self._ids()
        if self._keys and self._tokens:
            yield from asyncio.run(self._asked())
        yield self._endpoint()
        desk = desk_channel(self._settings.teams_desk)
        mend = "" if desk else "set teams.desk_channel to the channel's link, or the desk works in the console only"
        yield Check("teams desk", "ok" if desk else "note", desk or "no desk channel", mend)
        yield from self._channel.health()

    def forget(self, person: Person) -> None:
        self._state.forgotten()

    # inside

    def _ids(self) -> Iterator[Check]:
        for name, value in (("app id", self._settings.teams_app_id), ("tenant", self._settings.teams_tenant)):
            good = bool(GUID.fullmatch(value)) or bool(self._settings.teams_playground)
            mend = "" if good else "copy it from the app registration: 8-4-4-4-12 hexadecimal digits"
            yield Check(f"teams {name}", "ok" if good else "bad", value, mend)

    async def _asked(self) -> list[Check]:
        """Sign in and read the keys, once each."""
        assert self._keys is not None  # noqa: S101
        assert self._tokens is not None  # noqa: S101
        tokens, keys = (
            Tokens(self._clients, credentials(self._settings)),
            Keys(self._clients, self._settings.teams_metadata),
        )
        try:
            await keys.warm()
            await tokens.get()
        except RetryLater:
            log.debug("no token")  # the check says it better
        finally:
            await self._clients.close()
        return [keys.health(), tokens.health()]

    def _endpoint(self) -> Check:
        address = f"{self._settings.url}{PATH}"
        if self._settings.teams_playground:
            return Check("teams endpoint", "note", f"{address}, open to the playground", "for tests only")
        if urlsplit(address).scheme != "https":
            mend = "set server.public_url to the https address that your proxy serves"
            return Check("teams endpoint", "bad", f"{address} is not https: Teams cannot reach it", mend)
        try:
            status = httpx.post(address, json={}, timeout=5.0).status_code
        except httpx.HTTPError as error:
            mend = "start serve, then check the proxy and the name"
            return Check("teams endpoint", "note", f"{address} does not answer ({type(error).__name__})", mend)
        if status == 401:
            return Check("teams endpoint", "ok", f"{address} refuses strangers, as it should")
        return Check("teams endpoint", "bad", f"{address} answers {status}", "your proxy must pass POST on to Secdesk")

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


def check_settings(settings: Settings) -> None:
    """Raises `ConfigError` naming what is missing. An empty app id never starts: it would accept anybody's token."""
    if not settings.teams_app_id:
        raise ConfigError("teams.app_id is empty: set it to the application (client) id of the bot's registration")
    if not settings.teams_tenant:
        raise ConfigError("teams.tenant is empty: set it to the directory (tenant) id of the registration")
    if settings.teams_desk and not desk_channel(settings.teams_desk):
        raise ConfigError("teams.desk_channel is no channel: use “Get link to channel”, or its id (19:…@thread.tacv2)")
    if settings.teams_playground:
        if urlsplit(settings.teams_playground).hostname not in _LOOPBACK or not settings.loopback:
            raise ConfigError("teams.playground takes requests without sign-in: it works on loopback only")
        return
    ways = [bool(settings.teams_secret), bool(settings.teams_certificate), bool(settings.teams_managed)]
    if sum(ways) != 1:
        raise ConfigError("teams: set exactly one of SECDESK_TEAMS_SECRET, teams.certificate, teams.managed")
    if settings.teams_certificate:
        proof(credentials(settings))


def credentials(settings: Settings) -> Credentials:
    """How we sign in."""
    path = settings.teams_certificate
    return Credentials(
        settings.teams_app_id, settings.teams_tenant, settings.teams_secret,
        (settings.folder / Path(path)) if path else None, bool(settings.teams_managed), settings.teams_login,
    )  # fmt: skip


def desk_channel(given: str) -> str:
    """The conversation id in a channel's id or in its link, "" if there is none."""
    found = _CHANNEL.search(unquote(given.strip()))
    return found[0] if found else ""


def platform(foundation: Foundation) -> TeamsPlatform:
    """What `bot.app` asks for. Raises `ConfigError`."""
    store: TeamsStore = foundation.store(NAME)
    return TeamsPlatform(foundation, store)
