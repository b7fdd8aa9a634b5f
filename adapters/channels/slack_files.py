"""Files that people send: fetched with our token from Slack's own hosts only, checked by size, never followed elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_events import Remote
from bot.errors import ChannelError, TooLarge
from bot.model import File

log = logging.getLogger(__name__)
MOST_BYTES: Final = 30 * 1024 * 1024
MOST_FILES: Final = 10
ALL_BYTES: Final = 60 * 1024 * 1024  # of one message: they are in memory until they are stored


@dataclass(frozen=True)
class Fetched:
    """What came, and the names of what did not."""

    files: tuple[File, ...] = ()
    refused: tuple[str, ...] = ()


class SlackFiles:
    """Fetches the files of messages."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def all(self, install: str, remotes: Sequence[Remote]) -> Fetched:
        """Every file of a message; never raises."""
        files: list[File] = []
        refused, room = [remote.name for remote in remotes[MOST_FILES:]], ALL_BYTES
        for remote in remotes[:MOST_FILES]:
            try:
                files.append(await self.fetch(install, remote, min(room, MOST_BYTES)))
                room -= len(files[-1].data)
            except (ChannelError, TooLarge) as error:
                log.warning("a file was not fetched: %s", error)
                refused.append(remote.name)
        return Fetched(tuple(files), tuple(refused))

    async def fetch(self, install: str, remote: Remote, most: int = MOST_BYTES) -> File:
        """One file of at most so many bytes. Raises `TooLarge`, `ChannelError`."""
        if not remote.url:  # in channels shared with others Slack names the file only
            remote = await self._asked(install, remote)
        if remote.size > most:
            raise TooLarge(f"over {most} bytes")
        return File(remote.name, await self._api.download(install, remote.url, most, remote.size), remote.type)

    async def _asked(self, install: str, remote: Remote) -> Remote:
        answer = await self._api.call(install, "files.info", {"file": remote.id})
        found: Mapping[str, Any] = answer.get("file") or {}
        url = found.get("url_private_download") or found.get("url_private") or ""
        return Remote(remote.id, str(found.get("name") or remote.name), str(url), int(found.get("size") or 0),
                      str(found.get("mimetype") or ""))  # fmt: skip
