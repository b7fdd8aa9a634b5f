"""What `secdesk doctor` says of Teams, and what keeps it from starting: ids, certificate, sign-in, endpoint, desk channel."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx

from adapters.channels.teams_auth import Keys
from adapters.channels.teams_edge import PATH
from adapters.channels.teams_http import Clients
from adapters.channels.teams_tokens import Credentials, Tokens, loaded, proof
from adapters.outgoing import LOOPBACK
from bot.errors import ConfigError, RetryLater
from bot.health import Check, Level
from bot.settings import Settings

log = logging.getLogger(__name__)
SOON: Final = 30  # days before its end that a certificate is spoken of
GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CHANNEL: Final = re.compile(r"19:[^/?#\s]+@thread\.(?:tacv2|skype|v2)")


def examine(settings: Settings, now: float, clients: Clients) -> Iterator[Check]:
    """App id, tenant, certificate, keys and sign-in (by asking for them), endpoint, desk channel. Sends no message."""
    yield from _ids(settings)
    if settings.teams_certificate:
        yield _certificate(settings, now)
    if not settings.teams_playground:
        yield from asyncio.run(_asked(settings, clients))
    yield _endpoint(settings)
    desk = desk_channel(settings.teams_desk)
    mend = "" if desk else "set teams.desk_channel to the channel's link, or the desk works in the console only"
    yield Check("teams desk", "ok" if desk else "note", desk or "no desk channel", mend)


def _ids(settings: Settings) -> Iterator[Check]:
    for name, value in (("app id", settings.teams_app_id), ("tenant", settings.teams_tenant)):
        good = bool(GUID.fullmatch(value)) or bool(settings.teams_playground)
        mend = "" if good else "copy it from the app registration: 8-4-4-4-12 hexadecimal digits"
        yield Check(f"teams {name}", "ok" if good else "bad", value, mend)


def _certificate(settings: Settings, now: float) -> Check:
    """Until when it is good; the sign-in service refuses it from then on."""
    until = loaded(settings.folder / settings.teams_certificate)[1].not_valid_after_utc
    days = int((until.timestamp() - now) // 86_400)
    level: Level = "bad" if days < 0 else "note" if days < SOON else "ok"
    mend = "" if level == "ok" else "make a new one, and upload its public half to the app registration"
    return Check("teams certificate", level, f"good until {until:%Y-%m-%d}", mend)


async def _asked(settings: Settings, clients: Clients) -> list[Check]:
    """Sign in and read the keys, once each."""
    tokens, keys = Tokens(clients, credentials(settings)), Keys(clients, settings.teams_metadata)
    try:
        await keys.tend()
        await tokens.get()
    except RetryLater:
        log.debug("no token")  # the check says it better
    finally:
        await clients.close()
    return [keys.health(), tokens.health()]


def _endpoint(settings: Settings) -> Check:
    address = f"{settings.url}{PATH}"
    if settings.teams_playground:
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


def check_settings(settings: Settings) -> None:
    """Raises `ConfigError` naming what is missing. An empty app id never starts: it would accept anybody's token."""
    if not settings.teams_app_id:
        raise ConfigError("teams.app_id is empty: set it to the application (client) id of the bot's registration")
    if not settings.teams_tenant:
        raise ConfigError("teams.tenant is empty: set it to the directory (tenant) id of the registration")
    if settings.teams_desk and not desk_channel(settings.teams_desk):
        raise ConfigError("teams.desk_channel is no channel: use “Get link to channel”, or its id (19:…@thread.tacv2)")
    if settings.teams_playground:
        if urlsplit(settings.teams_playground).hostname not in LOOPBACK or not settings.loopback:
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
