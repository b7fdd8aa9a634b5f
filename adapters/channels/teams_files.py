"""Files both ways: what people send is fetched at once, what they are sent goes to their own store; known hosts only, up to a
size.

For a file the platform hands out an address that needs no sign-in and lives for minutes (learn.microsoft.com: "Send and
receive files"). Our token is never sent there, and no redirect is followed. Only pasted pictures lie with the connector and
want our token; they are fetched from the very host that the conversation is served by, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from adapters.channels.teams_activities import PICTURE, Remote
from adapters.channels.teams_connector import TokenSource, trusted
from adapters.outgoing import LOOPBACK
from bot.errors import ChannelError, TooLarge
from bot.model import File

log = logging.getLogger(__name__)
MOST_BYTES: Final = 30 * 1024 * 1024
MOST_FILES: Final = 10
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
FETCHED_BY: Final = 60.0  # seconds for one file, however slowly its bytes drip
HOSTS: Final = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")


@dataclass(frozen=True)
class Fetched:
    """What came, and the names of what did not."""

    files: tuple[File, ...]
    refused: tuple[str, ...]


class TeamsFiles:
    """Fetches and puts. `hosts` are host names; one with a dot in front stands for everything below it."""

    def __init__(
        self, client: Callable[[], httpx.AsyncClient], hosts: Sequence[str] = HOSTS, tokens: TokenSource | None = None
    ) -> None:
        self._client, self._hosts, self._tokens = client, tuple(host.casefold() for host in hosts), tokens

    async def all(self, remotes: Sequence[Remote], service_url: str) -> Fetched:
        """Every file of a message that came from this service address; never raises."""
        files, refused = [], [remote.name for remote in remotes[MOST_FILES:]]
        for remote in remotes[:MOST_FILES]:
            try:
                async with asyncio.timeout(FETCHED_BY):
                    files.append(await self.fetch(remote, service_url))
            except (ChannelError, TooLarge, TimeoutError) as error:
                log.warning("a file was not fetched: %s", error or "too slow")
                refused.append(remote.name)
        return Fetched(tuple(files), tuple(refused))

    async def fetch(self, remote: Remote, service_url: str) -> File:
        """The file. Raises `TooLarge`, `ChannelError`."""
        if not (connectors(remote.url, service_url) if remote.ours else self.allowed(remote.url)):
            raise ChannelError("the file is on a host we do not fetch from")
        token = await self._tokens.get() if remote.ours and self._tokens else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            asking = self._client().stream("GET", remote.url, headers=headers, timeout=TIMEOUT, follow_redirects=False)
            async with asking as response:
                if response.status_code != 200:
                    raise ChannelError(f"the file's host answered {response.status_code}")
                kind = response.headers.get("content-type", "").partition(";")[0].strip()[:100]
                return File(_named(remote, kind), await _capped(response), kind)
        except httpx.HTTPError as error:
            raise ChannelError(f"the file could not be fetched ({type(error).__name__})") from error

    async def put(self, url: str, data: bytes) -> None:
        """Put the whole of a file where somebody agreed to have it. Raises `ChannelError`."""
        if not self.allowed(url):
            raise ChannelError("the file should go to a host we do not know")
        last = len(data) - 1
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes 0-{last}/{len(data)}"}
        try:
            async with asyncio.timeout(FETCHED_BY):
                sending = self._client().put(
                    url, content=data, headers=headers, timeout=TIMEOUT, follow_redirects=False
                )
                status = (await sending).status_code
        except (httpx.HTTPError, TimeoutError) as error:
            raise ChannelError(f"the file could not be put there ({type(error).__name__})") from error
        if not 200 <= status < 300:
            raise ChannelError(f"the file's host answered {status}")

    def allowed(self, url: str) -> bool:
        """Whether the address is https (or loopback) on a host of the list, with no name or port tricks."""
        try:
            found = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            return False
        host = found.host.casefold().rstrip(".")
        if found.userinfo or not (found.scheme == "https" or (found.scheme == "http" and host in LOOPBACK)):
            return False
        if found.scheme == "https" and found.port not in (None, 443):
            return False
        return any(host == name.lstrip(".") or (name.startswith(".") and host.endswith(name)) for name in self._hosts)


def connectors(url: str, service_url: str) -> bool:
    """Whether an address is the connector's own for attachments, so that our token may travel there."""
    try:
        found, ours = httpx.URL(url), httpx.URL(trusted(service_url))
    except (httpx.InvalidURL, TypeError, ChannelError):
        return False
    same = (found.scheme, found.host, found.port) == (ours.scheme, ours.host, ours.port) and not found.userinfo
    return same and f"{found.path}/".startswith(f"{ours.path.rstrip('/')}/v3/attachments/") and ".." not in found.path


def _named(remote: Remote, kind: str) -> str:
    """A pasted picture has no name; its kind says how it should end."""
    ending = mimetypes.guess_extension(kind) if kind.startswith("image/") else None
    return f"{remote.name}{ending or ''}" if remote.name == PICTURE else remote.name


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
