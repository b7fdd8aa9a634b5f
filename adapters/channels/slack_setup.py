"""Slack put together from the settings: what `channels.use = ["slack"]` brings in, and nothing before."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Coroutine, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.channels.slack import SlackChannel
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_doctor import SlackDoctor
from adapters.channels.slack_edge import EVENTS, SlackEdge
from adapters.channels.slack_events import NAME
from adapters.channels.slack_files import SlackFiles
from adapters.channels.slack_forms import Forms
from adapters.channels.slack_oauth import INSTALL, REDIRECT, Client, SlackOAuth
from adapters.channels.slack_people import SlackPeople
from adapters.channels.slack_replies import TurnParts
from adapters.channels.slack_reports import SlackReports
from adapters.channels.slack_roster import listing
from adapters.channels.slack_state import Install, SlackState, SlackStore
from adapters.channels.slack_turns import SlackTurns
from adapters.shown import trusted_links
from bot.errors import ChannelError, ConfigError, StoreUnavailable
from bot.health import Check
from bot.model import Person, Place
from bot.organisation import Organisation, Words
from bot.platforms import Asgi, Doors, Foundation
from bot.settings import Settings

log = logging.getLogger(__name__)
SYNC_EVERY: Final = 12 * 3600.0  # seconds between two looks at who is in the workspace
_CHANNEL: Final = re.compile(r"(?:\b([TE][A-Z0-9]{2,})/)?\b([CG][A-Z0-9]{2,})\b")


class SlackPlatform:
    """Implements `bot.platforms.Platform`."""

    def __init__(self, foundation: Foundation, store: SlackStore) -> None:
        settings = foundation.settings
        check_settings(settings)
        self._foundation, self._settings = foundation, settings
        single = Install("", settings.slack_bot_token) if settings.slack_bot_token else None
        self._state = SlackState(foundation.db, store, foundation.vault, foundation.clock, single)
        self._api = SlackApi(settings.slack_api, self._state, hosts=settings.slack_hosts)
        self._channel = SlackChannel(self._api, self._state, self._trusted, foundation.attached)
        self._people = SlackPeople(self._api, self._state, foundation.identities, self._language)
        self._turns: SlackTurns | None = None
        self._app: Any = None
        self._socket: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def channel(self) -> SlackChannel:
        return self._channel

    def place_of(self, person: str) -> Place | None:
        return self._people.place_of(person)

    def desk(self) -> Place | None:
        found = desk_channel(self._settings.slack_desk)
        if self._settings.slack_bot_token:  # conversations of the one workspace go by their own id alone
            found = found.rpartition("/")[2]
        return Place(NAME, found, private=False) if found else None

    def endpoints(self, doors: Doors) -> Mapping[str, Asgi]:
        from adapters.channels.slack_app import SlackApp  # noqa: PLC0415 (the SDK's dispatcher, only once it is needed)

        def words() -> Words:
            return self._foundation.organisation().words

        files = SlackFiles(self._api)
        parts = TurnParts(
            api=self._api, channel=self._channel, state=self._state, people=self._people, files=files,
            forms=Forms(self._api, words, self._trusted),
            reports=SlackReports(self._api, self._channel, self._people, files, words), clock=self._foundation.clock,
            doors=doors, words=words, trusted=self._trusted, desk=self.desk,
        )  # fmt: skip
        self._turns = SlackTurns(parts)
        self._app = SlackApp(self._turns, self._api, self._settings.slack_signing_secret)
        found: dict[str, Any] = {}
        if not self._settings.slack_socket:
            found[EVENTS] = SlackEdge(self._settings.slack_signing_secret, self._app.dispatch)
        if self._settings.slack_client_id:
            oauth = SlackOAuth(
                self._client(), self._api, self._state, lambda key: words().say(self._language(), key), self._language
            )
            found |= {INSTALL: oauth, REDIRECT: oauth}
        return found

    async def start(self, doors: Doors) -> None:
        if self._settings.slack_socket:
            from adapters.channels.slack_socket import SlackSocket  # noqa: PLC0415 (with the SDK)

            self._socket = SlackSocket(self._app, self._api, self._settings.slack_app_token)
            self._later(self._socket.run())
        self._later(self._sync())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=10)
        if self._turns:
            await self._turns.close()
        await self._api.close()

    def health(self) -> Iterator[Check]:
        if self._socket:
            yield self._socket.health()
        for install, code in self._api.locked_out.items():
            where = f" ({install})" if install else ""
            yield Check(
                "slack token", "bad", f"Slack refuses it{where}: {code}", "install the app again, then run doctor"
            )

    def doctor(self) -> Iterator[Check]:
        """Token, scopes, clock, desk channel, and the way in."""
        doctor = SlackDoctor(self._settings, self._api, self._state, self.desk())
        yield from asyncio.run(doctor.checks())

    def forget(self, person: Person) -> None:
        self._state.forgotten()

    # inside

    async def _sync(self) -> None:
        """Learn now and then where everybody can be written to."""
        while True:
            nothing: list[Install] = []
            for install in await self._api.run(self._state.installs, nothing):
                with contextlib.suppress(StoreUnavailable):
                    try:
                        found = await self._people.sync(install, f"{install.id}/" if install.id else "", self._met)
                        log.info("people of a workspace", extra={"count": found})
                        await self._directory(install)
                    except ChannelError as error:
                        log.warning("people could not be listed: %s", error)
            await asyncio.sleep(SYNC_EVERY)

    async def _directory(self, install: Install) -> None:
        """Where it is on, people and their groups come from Slack, too."""
        if not self._settings.slack_directory:
            return
        prefix = f"{install.id}/" if install.id else ""
        found = await listing(self._api.call, install, prefix, await self._people.home(install))
        changed = await self._api.run(lambda: self._foundation.people_found(found), 0)
        log.info("people taken from a workspace", extra={"count": changed})

    def _met(self, people: list[Person]) -> dict[str, str]:
        met = self._foundation.identities.meet_all(people, self._foundation.clock.now()) if people else []
        return {person.id: person.key for person in met}

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("a task of the Slack channel ended")

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _client(self) -> Client:
        settings = self._settings
        base = urlsplit(settings.slack_api)
        authorize = f"{base.scheme}://{base.netloc}/oauth/v2/authorize"
        return Client(
            settings.slack_client_id, settings.slack_client_secret, authorize, settings.url, settings.slack_workspaces
        )

    def _trusted(self) -> Mapping[str, str]:
        return _links(self._foundation.organisation())

    def _language(self) -> str:
        return self._foundation.organisation().file.language


class _Key:
    """An organisation by identity, so that its links are gathered once."""

    def __init__(self, org: Organisation) -> None:
        self.org = org

    def __hash__(self) -> int:
        return id(self.org)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.org is self.org


def _links(org: Organisation) -> Mapping[str, str]:
    return _links_of(_Key(org))


@lru_cache(maxsize=4)
def _links_of(key: _Key) -> Mapping[str, str]:
    """Addresses and phone numbers of the whole group: every entity's people may read a card."""
    found: dict[str, str] = {}
    for entity in ("", *key.org.file.entities):
        for language in key.org.words.by_language:
            found |= trusted_links(key.org.values(entity, language))
    return found


def check_settings(settings: Settings) -> None:
    """Raises `ConfigError` naming what is missing."""
    single, many = bool(settings.slack_bot_token), bool(settings.slack_client_id)
    if single == many:
        raise ConfigError("slack: set SECDESK_SLACK_BOT_TOKEN for one workspace, or slack.client_id for many, not both")
    if single and not settings.slack_bot_token.startswith("xoxb-"):
        raise ConfigError("SECDESK_SLACK_BOT_TOKEN is no bot token: copy the one that starts with xoxb-")
    if many and not settings.slack_client_secret:
        raise ConfigError("SECDESK_SLACK_CLIENT_SECRET is not set: copy it from the app's Basic Information")
    if settings.slack_socket and not settings.slack_app_token.startswith("xapp-"):
        raise ConfigError("slack.socket_mode needs SECDESK_SLACK_APP_TOKEN: an app-level token that starts with xapp-")
    if not settings.slack_socket and len(settings.slack_signing_secret) < 16:
        raise ConfigError("SECDESK_SLACK_SIGNING_SECRET is not set: copy it from the app's Basic Information")
    found = desk_channel(settings.slack_desk)
    if settings.slack_desk and (not found or (many and "/" not in found)):
        mend = "T…/C… (workspace and channel)" if many else "the channel's link, or its id (C…)"
        raise ConfigError(f"slack.desk_channel is no channel: use {mend}")
    if urlsplit(settings.slack_api).scheme != "https" and urlsplit(settings.slack_api).hostname not in (
        "127.0.0.1",
        "localhost",
    ):
        raise ConfigError("slack.api_url must be https")


def desk_channel(given: str) -> str:
    """The conversation of a channel's id or link, with its workspace where that is named; "" if there is none."""
    text = given.strip()
    if "/archives/" in text:
        text = text.partition("/archives/")[2].partition("/")[0]
    found = _CHANNEL.search(text)
    if found is None:
        return ""
    return f"{found[1]}/{found[2]}" if found[1] else found[2]


def platform(foundation: Foundation) -> SlackPlatform:
    """What `bot.app` asks for. Raises `ConfigError`."""
    store: SlackStore = foundation.store(NAME)
    return SlackPlatform(foundation, store)
