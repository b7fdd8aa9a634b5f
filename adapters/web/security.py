"""The outer wall of the web application, around every request.

- Host must be one of ours (DNS rebinding: a page of somebody else's name that resolves to 127.0.0.1).
- A request that changes something must come from our own page: `Origin` equal to the host it was sent to, or
  `Sec-Fetch-Site: same-origin` (fetch.spec.whatwg.org: pages cannot set either). Under `Referrer-Policy: no-referrer`
  browsers send `Origin: null` with a form, which is why the second one is needed.
- Bodies have a cap; an over-long one is read to its end and thrown away, since a browser shows no answer before that.
- Every response carries the security headers, the ones to refused requests and to our own faults too.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.outgoing import LOOPBACK
from bot.errors import TooLarge
from bot.organisation import Words
from bot.ports import Vault
from bot.settings import Settings

log = logging.getLogger(__name__)
UPLOAD_BYTES = 30 * 1024 * 1024
FORM_BYTES = 256 * 1024
DRAINED_BYTES = 256 * 1024 * 1024  # of a refused body; past this the connection is simply closed
_EVIDENCE = re.compile(r"/console/runs/[^/]{1,40}/done")  # a file that proves that a step was done
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OPEN = {"/healthz", "/readyz", "/metrics"}  # asked by machines, by address
BEARER = (
    "/scim/v2",
    "/api/v1",
)  # for machines with a token of their own: no cookie counts there, so no page can misuse one
ENDED = "/console/sign-in/ended"  # called by the sign-in provider with a signed token: no cookie counts there either
BEARER_BYTES = 1024 * 1024
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 # nosec B104 (compared, not bound)
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware that does all of the above."""

    def __init__(self, app: ASGIApp, settings: Settings, words: Callable[[], Words], fault: Callable[[], Any]) -> None:
        self._app, self._settings, self._words, self._fault = app, settings, words, fault
        self._extra = {"Strict-Transport-Security": "max-age=31536000"} if secure(settings) else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._harden(message)
            await send(message)

        headers = Headers(scope=scope)
        refused = refusal(self._settings, scope["method"], scope["path"], scope["scheme"], headers)
        if refused:
            status, key = refused
            log.warning("request refused", extra={"status": status, "why": key})
            text = self._words().say("en", key, url=self._settings.url)
            await PlainTextResponse(text + "\n", status)(scope, receive, sending)
            return
        uploads = scope["path"] == "/chat/send" or _EVIDENCE.fullmatch(scope["path"])
        limit = UPLOAD_BYTES + FORM_BYTES if uploads else FORM_BYTES
        limit = BEARER_BYTES if bearer(scope["path"]) else limit
        try:
            await self._app(scope, _Limited(receive, limit), sending)
        except Exception:
            log.exception("the page could not be made")
            if not started:
                await self._fault()(scope, receive, sending)

    def _harden(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in {**_HEADERS, **self._extra}.items():
            headers.setdefault(name, value)


class _Limited:
    """`receive` that raises `TooLarge` once a body is over its cap and has been read to its end."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._seen = receive, limit, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._count(message)
        if self._seen <= self._limit:
            return message
        while message.get("more_body") and self._seen <= DRAINED_BYTES:
            message = await self._receive()
            self._count(message)
        raise TooLarge(f"{self._seen} bytes")

    def _count(self, message: Message) -> None:
        self._seen += len(message.get("body", b""))


def refusal(settings: Settings, method: str, path: str, scheme: str, headers: Headers) -> tuple[int, str] | None:
    """Why a request is not answered: (status, key of the words), or None."""
    host = headers.get("host", "")
    if not host_allowed(settings, host, by_address=path in _OPEN):
        return 421, "web.refused.host"
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if bearer(path) or path == ENDED:
        return None
    if method in _SAFE:
        inside = site in {None, "same-origin", "none"}
        document = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return None if inside or document else (403, "web.refused.origin")
    ours = {f"{scheme}://{host}".casefold(), _origin(settings.public_url)}
    from_us = site in {None, "same-origin", "none"}
    if origin in {None, "null"}:
        from_us = site == "same-origin"
    elif origin is not None:
        from_us = from_us and origin.casefold() in ours
    return None if from_us else (403, "web.refused.origin")


def bearer(path: str) -> bool:
    """Whether a path is for callers with a bearer token only."""
    return any(path == base or path.startswith(f"{base}/") for base in BEARER)


def host_allowed(settings: Settings, host: str, *, by_address: bool = False) -> bool:
    """Whether a Host header names this server. Rebinding needs a name, so an open bind takes any address."""
    name = _hostname(host)
    if name is None:
        return False
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if name == public or (name in LOOPBACK and (settings.loopback or not settings.public_url)):
        return True
    if name == settings.host.casefold() and settings.host not in _EVERYWHERE:
        return True
    return (by_address or (settings.host in _EVERYWHERE and not public)) and _is_address(name)


def secure(settings: Settings) -> bool:
    """Whether browsers reach us over TLS (cookies are then marked Secure)."""
    return settings.url.startswith("https://")


class Signer:
    """Values a browser holds for us and cannot change. `purpose` keeps one kind from being used as another."""

    def __init__(self, vault: Vault, purpose: str) -> None:
        self._vault, self._purpose = vault, f"web.signed.{purpose}"

    def seal(self, value: object) -> str:
        body = urlsafe_b64encode(json.dumps(value, ensure_ascii=False).encode()).decode()
        return f"{body}.{self._mac(body)}"

    def open(self, token: str) -> Any:
        """The value, or None if it is not ours."""
        body, _, mac = token.partition(".")
        if not mac or not compare_digest(mac.encode(), self._mac(body).encode()):
            return None
        return json.loads(urlsafe_b64decode(body))

    def _mac(self, body: str) -> str:
        return self._vault.digest(self._purpose, body.encode())[:43]


def _hostname(host: str) -> str | None:
    """The name in a Host header, lower case, without port and brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if host and parts.netloc == host and "@" not in host else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".casefold()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
