"""The connector client: posting, replacing and asking, with time-outs and patience, over one pooled HTTP client.

The platform asks for retries on 412, 429, 502 and 504 (learn.microsoft.com: "Optimize your bot with rate limiting in
Teams"), with jitter, so that replicas do not come back together. A wait longer than `PATIENCE` is the caller's.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx

from adapters.outgoing import LOOPBACK, decoded
from bot.errors import ChannelError, RetryLater, Unreachable

log = logging.getLogger(__name__)
AGAIN: Final = frozenset({412, 429, 502, 504})
ATTEMPTS: Final = 4
PATIENCE: Final = 8.0  # seconds one call may spend waiting between its attempts
ANSWERED_BY: Final = 15.0  # seconds one request may take, however slowly its answer drips
FIRST_WAIT: Final = 0.5
LONGEST_ANSWER: Final = 1_000_000  # bytes


class Gone(ChannelError):
    """404 on an update: the message, or the conversation it was in, is no longer there."""


class TokenSource(Protocol):
    """Our own token."""

    async def get(self) -> str: ...

    def drop(self, token: str) -> None: ...


class Connector:
    """Calls to the service address of a conversation. Raises `RetryLater`, `Unreachable`, `Gone`, `ChannelError`."""

    def __init__(
        self,
        client: Callable[[], httpx.AsyncClient],
        tokens: TokenSource,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._tokens, self._pause = client, tokens, pause

    async def post(self, service_url: str, conversation: str, activity: Mapping[str, Any]) -> str:
        """Post an activity; its id."""
        answer = await self._call("POST", service_url, f"v3/conversations/{_id(conversation)}/activities", activity)
        return str(answer.get("id", ""))

    async def put(self, service_url: str, conversation: str, activity_id: str, activity: Mapping[str, Any]) -> None:
        """Replace an activity. Raises `Gone` if it is not there."""
        path = f"v3/conversations/{_id(conversation)}/activities/{_id(activity_id)}"
        await self._call("PUT", service_url, path, activity)

    async def create(self, service_url: str, tenant: str, bot: str, user: str) -> str:
        """Open (or find) the personal chat with a user; its id. The JSON is ours: the SDK's leaves the tenant out."""
        body = {
            "bot": {"id": bot}, "members": [{"id": user}], "isGroup": False, "tenantId": tenant,
            "channelData": {"tenant": {"id": tenant}},
        }  # fmt: skip
        answer = await self._call("POST", service_url, "v3/conversations", body)
        return str(answer.get("id", ""))

    async def member(self, service_url: str, conversation: str, user: str) -> Mapping[str, Any]:
        """Who somebody in a conversation is: name, address, object id, tenant, role."""
        return await self._call("GET", service_url, f"v3/conversations/{_id(conversation)}/members/{_id(user)}", None)

    async def _call(
        self, method: str, service_url: str, path: str, body: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        address = f"{trusted(service_url)}/{path}"
        spent, refused = 0.0, False
        for attempt in range(1, ATTEMPTS + 1):
            token = await self._tokens.get()
            response = await self._once(method, address, body, token)
            if response.status_code == 401 and not refused:
                self._tokens.drop(token)
                refused = True
                continue
            if response.status_code not in AGAIN:
                return _result(method, response)
            seconds = max(_retry_after(response), FIRST_WAIT * 2 ** (attempt - 1)) * random.uniform(1.0, 1.5)  # noqa: S311
            spent += seconds
            if attempt == ATTEMPTS or spent > PATIENCE:
                raise RetryLater(f"Teams answered {response.status_code}", seconds)
            log.info("teams asked to wait", extra={"status": response.status_code, "seconds": round(seconds, 1)})
            await self._pause(seconds)
        raise ChannelError("Teams does not take our token")

    async def _once(self, method: str, address: str, body: Mapping[str, Any] | None, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with asyncio.timeout(ANSWERED_BY):
                return await self._client().request(method, address, json=body, headers=headers)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise RetryLater("Teams did not answer in time", 2.0) from error
        except httpx.HTTPError as error:
            raise RetryLater(f"Teams cannot be reached ({type(error).__name__})", 2.0) from error


def trusted(service_url: str) -> str:
    """The service address without its last slash. Raises `ChannelError` unless our token may travel there."""
    try:
        url = httpx.URL(service_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ChannelError("the service address is none") from error
    if not url.host or url.userinfo or not (url.scheme == "https" or (url.scheme == "http" and url.host in LOOPBACK)):
        raise ChannelError("the service address is not https")
    return service_url.rstrip("/")


def _result(method: str, response: httpx.Response) -> Mapping[str, Any]:
    status, code = response.status_code, _code(response)
    if 200 <= status < 300:
        return _json(response)
    said = f"Teams answered {status} {code}".strip()
    if status == 403 or (status == 404 and code in {"ConversationNotFound", "BotNotInConversationRoster"}):
        raise Gone(said) if method == "PUT" and status == 404 else Unreachable(said)
    if status == 404:
        raise Gone(said)
    if status >= 500:
        raise RetryLater(said, 5.0)
    raise ChannelError(said)


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = decoded(response.content) if response.content and len(response.content) < LONGEST_ANSWER else {}
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _code(response: httpx.Response) -> str:
    """The platform's error code, for example `MessageWritesBlocked`."""
    error = _json(response).get("error") if response.status_code >= 400 else None
    code = error.get("code") if isinstance(error, Mapping) else None
    return code[:60] if isinstance(code, str) else ""


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the platform asks us to wait: a number or a date (RFC 9110, 10.2.3); 0 if it does not say."""
    said = response.headers.get("retry-after", "").strip()
    if said.replace(".", "", 1).isdecimal():
        return min(float(said), 3_600.0)
    try:
        return max(0.0, min(email.utils.parsedate_to_datetime(said).timestamp() - time.time(), 3_600.0))
    except (ValueError, TypeError, IndexError):
        return 0.0


def _id(text: str) -> str:
    return quote(text, safe=":@;=")
