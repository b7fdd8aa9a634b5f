"""Calling Slack: one HTTP session a process, the shared pace, waiting on 429 and 5xx, errors as ours.

A 429 pauses that method of that workspace for every replica. What would have to wait longer than its caller can is raised as
`RetryLater`, and the outbox sends it later.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.channels.slack_pace import CHANNEL, METHODS, WAITING, Rate
from adapters.channels.slack_state import Install, SlackState
from adapters.outgoing import LOOPBACK, decoded, proxy_for
from bot.errors import ChannelError, RetryLater, StoreUnavailable, TooLarge, Unreachable

log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE: Final = 5.0  # seconds a call waits for its turn before it comes again later
TRIES: Final = 3
SPREAD: Final = (2.0, 20.0)  # seconds until those who give way look again
MENDED_AFTER: Final = 300.0  # seconds between tries with a token or rights that are not good
TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=5)
THREADS: Final = 8
# Methods that take JSON (docs.slack.dev: "Content types" of each); the others take forms only.
_JSON: Final = {
    "chat.postMessage", "chat.postEphemeral", "chat.update", "views.open", "views.update", "views.publish",
    "assistant.threads.setStatus", "assistant.threads.setSuggestedPrompts", "files.completeUploadExternal",
}  # fmt: skip
_BUSY: Final = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_GONE: Final = {
    "channel_not_found", "user_not_found", "user_disabled", "user_not_visible", "is_archived", "not_in_channel",
    "cannot_dm_bot", "messages_tab_disabled", "no_such_subteam", "user_not_in_channel", "restricted_action",
}  # fmt: skip
_LOCKED_OUT: Final = {
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired",
    "org_login_required", "ekm_access_denied", "not_allowed_token_type",
}  # fmt: skip


class SlackFault(ChannelError):
    """Slack refused a call. `code` is its error."""

    def __init__(self, method: str, code: str) -> None:
        self.code = code
        super().__init__(f"{method}: {code}")


@dataclass(frozen=True)
class Answered:
    """What came back. `data` is None for what is no JSON object: then it was not Slack that answered."""

    status: int
    data: Mapping[str, Any] | None
    headers: Mapping[str, str]

    @property
    def good(self) -> bool:
        return self.status == 200 and self.data is not None and self.data.get("ok") is True

    @property
    def code(self) -> str:
        return str((self.data or {}).get("error", ""))

    def after(self) -> float:
        """Seconds that we are asked to wait: at least a tenth, at most an hour, one if that is not said in numbers."""
        try:
            seconds = float(self.headers.get("Retry-After", "1"))
        except ValueError:
            return 1.0
        return min(max(seconds, 0.1), 3_600.0) if isfinite(seconds) else 1.0


class SlackApi:
    """Calls, on whatever event loop runs: the server's, or the one of a command."""

    def __init__(
        self,
        base: str,
        state: SlackState,
        *,
        hosts: Sequence[str] = (),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.base, self._state, self._pause = base, state, pause
        self._hosts = tuple(host.casefold() for host in hosts)
        self._threads = ThreadPoolExecutor(THREADS, "slack")
        self._clients = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncWebClient]()
        self.locked_out: dict[str, str] = {}  # installation → the error that says that its token is not good

    async def call(
        self,
        install: str,
        method: str,
        body: Mapping[str, Any],
        *,
        channel: str = "",
        patient: bool = False,
        patience: float = PATIENCE,
    ) -> Mapping[str, Any]:
        """One call as an installation ("" where there is only one), in its turn. Messages also take one in their channel.

        Raises `RetryLater`, `Unreachable`, or `SlackFault` with Slack's own error.
        """
        found = await self.install(install)
        if found is None:
            raise Unreachable(f"the app is not installed in {install or 'a workspace'}")
        lanes = {f"{install}|{method}": METHODS.get(method, Rate(50, 10))}
        lanes |= {f"{install}|#{channel}": CHANNEL} if channel else {}
        lanes |= {f"{install}|{method}|waiting": WAITING} if patient else {}
        left = patience
        for attempt in range(1, TRIES + 1):
            left = await self._turn(lanes, left, patient)
            try:
                answered = await self._once(found, method, body)
            except aiohttp.ClientConnectorError as error:
                log.warning("%s: no connection to Slack (%s)", method, type(error).__name__)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise RetryLater(f"{method}: no answer from Slack ({type(error).__name__})", 5.0) from error
            else:
                if answered.good and answered.data is not None:
                    self.locked_out.pop(install, None)
                    return answered.data
                await self._failed(answered, install, method)
            if attempt < TRIES:
                await self._pause(0.3 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 (so that not all come at once)
        raise RetryLater(f"{method}: Slack is not well", 10.0)

    async def asked(
        self, install: Install, method: str, body: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """(answer, headers in small letters) of one call as it comes, errors too: for finding out what is wrong."""
        try:
            answered = await self._once(install, method, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            return {"ok": False, "error": type(error).__name__}, {}
        headers = {name.casefold(): value for name, value in answered.headers.items()}
        nothing = {"ok": False, "error": "no JSON" if answered.status == 200 else f"HTTP {answered.status}"}
        return (nothing if answered.data is None else answered.data), headers

    async def run(self, work: Callable[[], T], otherwise: T) -> T:
        """A look into our own memory on a thread; `otherwise` when the database is away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except StoreUnavailable as error:
            log.warning("Slack's memory cannot be reached: %s", error)
            return otherwise

    async def install(self, name: str) -> Install | None:
        return self._state.cached(name) or await self.run(lambda: self._state.install(name), None)

    def client(self) -> AsyncWebClient:
        """The running loop's client: without a token, with the one shared session."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None or client.session is None or client.session.closed:
            session = aiohttp.ClientSession(
                timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=30)
            )
            client = AsyncWebClient(base_url=self.base, session=session, retry_handlers=[], timeout=20)
            client.proxy = proxy_for(self.base)
            self._clients[loop] = client
        return client

    async def close(self) -> None:
        """Give back the running loop's connections."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client and client.session:
            await client.session.close()

    # files

    def allowed(self, url: str) -> bool:
        """Whether our token may go there: https on a host of the list (loopback may be http), no tricks in the address."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").casefold(), parts.port
        except ValueError:
            return False
        local = host in LOOPBACK and parts.scheme == "http"
        if parts.username or not (local or (parts.scheme == "https" and port in (None, 443))):
            return False
        return any(host == name or (name.startswith(".") and host.endswith(name)) for name in self._hosts)

    async def download(self, install: str, url: str, most: int, size: int = 0) -> bytes:
        """A file's bytes. Raises `TooLarge`, `ChannelError`: without the right to read it Slack sends its sign-in page."""
        found = await self.install(install)
        if found is None or not self.allowed(url):
            raise ChannelError("the file is on a host we do not fetch from")
        session = self.client().session
        assert session is not None  # noqa: S101
        try:
            async with session.get(
                url, headers=_bearer(found.token), allow_redirects=False, proxy=proxy_for(url)
            ) as response:
                if response.status != 200:
                    raise ChannelError(f"the file's host answered {response.status}")
                data = await _capped(response, most)
                if response.content_type == "text/html" and (not size or len(data) != size):
                    raise ChannelError("a sign-in page came instead of the file: the app lacks files:read")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ChannelError(f"the file could not be fetched ({type(error).__name__})") from error
        if size and len(data) != size:
            raise ChannelError("the file did not come whole")
        return data

    async def upload(self, install: str, channel: str, thread: str, name: str, data: bytes) -> None:
        """Post a file into a conversation. Raises `ChannelError`."""
        begun = await self.call(install, "files.getUploadURLExternal", {"filename": name, "length": len(data)})
        session = self.client().session
        assert session is not None  # noqa: S101
        url = str(begun.get("upload_url"))
        if not self.allowed(url):
            raise ChannelError("the upload's host is not one we send files to")
        try:
            async with session.post(url, data=data, allow_redirects=False, proxy=proxy_for(url)) as response:
                if response.status != 200:
                    raise RetryLater(f"the upload was answered {response.status}", 10.0)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RetryLater(f"the upload failed ({type(error).__name__})", 10.0) from error
        files = {"files": [{"id": begun["file_id"], "title": name}], "channel_id": channel}
        await self.call(install, "files.completeUploadExternal", {**files, **({"thread_ts": thread} if thread else {})})

    # inside

    async def _once(self, install: Install, method: str, body: Mapping[str, Any]) -> Answered:
        """One request. Straight over the shared session: on the way through the SDK a call costs half as much again."""
        client = self.client()
        assert client.session is not None  # noqa: S101
        async with client.session.post(
            self.base + method, proxy=client.proxy, **_sent(install, method, body)
        ) as response:
            return Answered(response.status, _object(await response.read()), response.headers)

    async def _failed(self, answered: Answered, install: str, method: str) -> None:
        """Return if it is worth another try now; raise what it is otherwise."""
        status, code, after = answered.status, answered.code, answered.after()
        if status == 429 or code in ("ratelimited", "rate_limited"):
            log.warning("Slack wants us to wait %.0f s with %s", after, method)
            await self.run(lambda: self._state.pause(f"{install}|{method}", after), None)
            return
        if status >= 500 or code in _BUSY:
            log.warning("%s: Slack answered %s %s", method, status, code)
            return
        if code in _LOCKED_OUT:
            self.locked_out[install] = code
        if code in _LOCKED_OUT or code == "missing_scope":  # until somebody has installed the app again
            raise RetryLater(f"{method}: {code}", MENDED_AFTER)
        if code in _GONE:
            raise Unreachable(f"{method}: {code}")
        raise SlackFault(method, code or ("no JSON" if status == 200 else f"HTTP {status}"))

    async def _turn(self, lanes: Mapping[str, Rate], left: float, patient: bool) -> float:
        """Wait for a place in the lanes; what is left of the patience. Raises `RetryLater` when it is not enough."""
        while (seconds := await self.run(lambda: self._state.reserve(lanes, patient=patient), 0.0)) > 0:
            if seconds > left:
                spread = random.uniform(*SPREAD) if patient else 0.0  # noqa: S311 (or thousands would come back together)
                raise RetryLater("a call to Slack waits for its turn", seconds + spread)
            left -= seconds
            await self._pause(seconds + random.uniform(0.0, 0.05))  # noqa: S311 (so that those who wait do not all come back at once)
        return left


async def _capped(response: aiohttp.ClientResponse, most: int) -> bytes:
    if response.content_length is not None and response.content_length > most:
        raise TooLarge(f"over {most} bytes")
    data = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        data += chunk
        if len(data) > most:
            raise TooLarge(f"over {most} bytes")
    return bytes(data)


def _sent(install: Install, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Body and headers of a call: JSON where the method takes it."""
    if method not in _JSON:
        return {"data": {name: str(value) for name, value in body.items()}, "headers": _bearer(install.token)}
    text = json.dumps(body, separators=(",", ":"))
    return {
        "data": text.encode(),
        "headers": {**_bearer(install.token), "Content-Type": "application/json;charset=utf-8"},
    }


def _object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        data = decoded(raw)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
