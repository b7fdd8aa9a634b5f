"""Requests to the servers that the settings name, over the standard library.

A redirect is refused, as any answer that is no 2xx: what we sign in with, and what we say of people, goes to the configured host
and to no other. (`urllib` would send an `Authorization` header along to wherever it is pointed.)
"""

from __future__ import annotations

import json
import math
import urllib.request
from email.message import Message
from functools import lru_cache
from typing import IO, Any
from urllib.parse import urlsplit


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere: the redirect is raised as an `HTTPError`."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)
opened = _OPENER.open  # as `urllib.request.urlopen`: opened(request, timeout=seconds)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # where http will do


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address (`HTTPS_PROXY`, `NO_PROXY`), for clients that do not look there."""
    parts = urlsplit(url)
    return _proxy(parts.scheme, parts.hostname or "")


@lru_cache(maxsize=256)
def _proxy(scheme: str, host: str) -> str | None:
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)


def decoded(data: bytes | str) -> Any:
    """JSON that others wrote. Raises `ValueError`, for what is nested so deeply that the reader gives up too."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def lasting(said: object) -> float:
    """Seconds that a token lasts, as its service says: at most a day, 0 for what is no number."""
    try:
        seconds = float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), 86_400.0)
