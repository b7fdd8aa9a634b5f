"""Files that people send in the personal chat: fetched at once, from known hosts only, up to a size.

The platform hands out an address that needs no sign-in and lives for minutes (learn.microsoft.com: "Send and receive
files"). Our token is never sent there, and no redirect is followed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from adapters.channels.teams_activities import Remote
from bot.errors import ChannelError, TooLarge
from bot.model import File

log = logging.getLogger(__name__)
MOST_BYTES: Final = 30 * 1024 * 1024
MOST_FILES: Final = 10
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
HOSTS: Final = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Fetched:
    """What came, and the names of what did not."""

    files: tuple[File, ...]
    refused: tuple[str, ...]


class TeamsFiles:
    """Fetches. `hosts` are host names; one with a dot in front stands for everything below it."""

    def __init__(self, client: Callable[[], httpx.AsyncClient], hosts: Sequence[str] = HOSTS) -> None:
        self._client, self._hosts = client, tuple(host.casefold() for host in hosts)

    async def all(self, remotes: Sequence[Remote]) -> Fetched:
        """Every file of a message; never raises."""
        files, refused = [], [remote.name for remote in remotes[MOST_FILES:]]
        for remote in remotes[:MOST_FILES]:
            try:
                files.append(File(remote.name, await self.fetch(remote.url)))
            except (ChannelError, TooLarge) as error:
                log.warning("a file was not fetched: %s", error)
                refused.append(remote.name)
        return Fetched(tuple(files), tuple(refused))

    async def fetch(self, url: str) -> bytes:
        """The bytes. Raises `TooLarge`, `ChannelError`."""
        if not self.allowed(url):
            raise ChannelError("the file is on a host we do not fetch from")
        try:
            async with self._client().stream("GET", url, timeout=TIMEOUT, follow_redirects=False) as response:
                if response.status_code != 200:
                    raise ChannelError(f"the file's host answered {response.status_code}")
                return await _capped(response)
        except httpx.HTTPError as error:
            raise ChannelError(f"the file could not be fetched ({type(error).__name__})") from error

    def allowed(self, url: str) -> bool:
        """Whether the address is https (or loopback) on a host of the list, with no name or port tricks."""
        try:
            found = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            return False
        host = found.host.casefold().rstrip(".")
        if found.userinfo or not (found.scheme == "https" or (found.scheme == "http" and host in _LOOPBACK)):
            return False
        if found.scheme == "https" and found.port not in (None, 443):
            return False
        return any(host == name.lstrip(".") or (name.startswith(".") and host.endswith(name)) for name in self._hosts)


async def _capped(response: httpx.Response) -> bytes:
    said = response.headers.get("content-length", "")
    if said.isdecimal() and int(said) > MOST_BYTES:
        raise TooLarge(f"over {MOST_BYTES} bytes")
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            raise TooLarge(f"over {MOST_BYTES} bytes")
    return bytes(data)
