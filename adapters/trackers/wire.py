"""HTTP for trackers, over the standard library: short patience, no redirects, a cap on what is read, our own words for errors."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.outgoing import LOOPBACK, decoded, opened
from bot.errors import ChannelError, ConfigError, RetryLater

PATIENCE = 20.0  # seconds for one answer
MOST = 8_000_000  # bytes that are read of one
LATER = 60.0  # seconds to wait when a server does not say how long
LONGEST = 3600.0  # seconds: no server makes us wait longer than that at once
Reason = Callable[[Any], str]


def checked(url: str) -> str:
    """An address without its last slash. Raises `ConfigError` for what is not https (loopback may be http)."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.username or parts.query:
        raise ConfigError("tracker.url: use https://…, without a name, a password or a question mark in it")
    return url.rstrip("/")


class Wire:
    """Requests to one server. `reason` finds in a refusal why: names of fields and codes, never words of a person."""

    def __init__(self, url: str, headers: Mapping[str, str], reason: Reason = lambda _answer: "") -> None:
        self._url, self._headers, self._reason = checked(url), dict(headers), reason

    def get(self, path: str, query: Mapping[str, object] | None = None, *, missing: bool = False) -> Any:
        """The JSON answer; with `missing` None for "not found"."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self.send("GET", path + asked, missing=missing)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        missing: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON answer (None for an empty one). Raises `RetryLater` and `ChannelError`."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {"Content-Type": "application/json"} if data is not None else {}
        sent = {"Accept": "application/json", "User-Agent": "secdesk", **self._headers, **more, **(headers or {})}
        request = urllib.request.Request(self._url + path, data, sent, method=method)  # noqa: S310 (checked above)
        try:
            with opened(request, timeout=PATIENCE) as answer:
                return _json(answer.read(MOST + 1))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 and missing:
                    return None
                raise self._refused(error) from None
        except (OSError, ValueError) as error:
            raise RetryLater(f"it cannot be reached ({_kind(error)})", 0.0) from error

    def _refused(self, error: urllib.error.HTTPError) -> ChannelError:
        code = error.code
        if code == 429 or code >= 500:
            wait = error.headers.get("Retry-After", "")
            seconds = min(float(wait), LONGEST) if wait.isdigit() else LATER if code == 429 else 0.0
            return RetryLater(
                "it asks us to wait" if code == 429 else f"it has trouble of its own (HTTP {code})", seconds
            )
        if code in (401, 407):
            return ChannelError("it refuses our sign-in: check SECDESK_TRACKER_TOKEN and tracker.user")
        if 300 <= code < 400:
            return ChannelError("it sends us elsewhere: set tracker.url to the address that answers itself")
        try:
            why = self._reason(decoded(error.read(100_000) or b"null"))
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            why = ""
        said = (
            "we lack a right there"
            if code == 403
            else "it knows no such thing"
            if code == 404
            else "it does not take it"
        )
        return ChannelError(f"{said} (HTTP {code}{f': {why[:160]}' if why else ''})")


def _json(data: bytes) -> Any:
    if len(data) > MOST:
        raise ChannelError("its answer is too large")
    try:
        return decoded(data) if data.strip() else None
    except ValueError as error:
        raise ChannelError("it answered something that is no JSON: check tracker.url") from error


def _kind(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return type(reason).__name__ if isinstance(reason, Exception) else type(error).__name__


def part(text: str) -> str:
    """A text as one part of a path."""
    return urllib.parse.quote(text, safe="")


def minutes_since(cursor: str, now: float, *, spare: int = 3, first: int = 60) -> int:
    """How far to look back for a cursor that is a time: whole minutes with some to spare, whatever the clocks there say."""
    since = float(cursor) if cursor else now - first * 60
    return max(1, int((now - since) // 60) + spare)
