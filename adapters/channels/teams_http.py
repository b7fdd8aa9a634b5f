"""An HTTP client for the platform: httpx in front, aiohttp underneath.

httpx's own transport looks at every pooled connection on every request, which was two thirds of a turn's cost (see
`make bench`); aiohttp comes with the SDK anyway. Everything above this file is plain httpx, so tests may use any transport.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import httpx

from adapters.outgoing import proxy_for

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
CONNECTIONS: Final = 100
_CHUNK: Final = 65_536


class Clients:
    """One pooled client for each event loop that asks: the server's, or the one of a command."""

    def __init__(self) -> None:
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(timeout=TIMEOUT, transport=Transport())
        return client

    async def close(self) -> None:
        """Close the running loop's client."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client:
            await client.aclose()


class Transport(httpx.AsyncBaseTransport):
    """`httpx.AsyncBaseTransport` over an aiohttp session: no cookies, no redirects."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        session = self._session = self._session or _session()
        try:
            url = str(request.url)
            answer = await session.request(
                request.method, url, proxy=proxy_for(url), headers=request.headers.multi_items(), data=await request.aread(),
                allow_redirects=False, timeout=_timeout(request.extensions.get("timeout", {})),
            )  # fmt: skip
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=request) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise httpx.ConnectError(type(error).__name__, request=request) from error
        return httpx.Response(
            answer.status, headers=list(answer.headers.items()), stream=_Body(answer), request=request
        )

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    """The answer's bytes, as they come."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_chunked(_CHUNK):
                yield chunk
        except TimeoutError as error:
            raise httpx.ReadTimeout("the answer stopped") from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx.ReadError(type(error).__name__) from error

    async def aclose(self) -> None:
        self._answer.release()


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    skipped = ("User-Agent", "Accept-Encoding", "Accept")
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, skip_auto_headers=skipped,
    )  # fmt: skip


def _timeout(given: dict[str, Any]) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, connect=given.get("pool"), sock_connect=given.get("connect"), sock_read=given.get("read")
    )
