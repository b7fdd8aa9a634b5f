"""Requests to the servers that the settings name, over the standard library.

A redirect is refused, as any answer that is no 2xx: what we sign in with, and what we say of people, goes to the configured host
and to no other. (`urllib` would send an `Authorization` header along to wherever it is pointed.)
"""

from __future__ import annotations

import json
import urllib.request
from email.message import Message
from typing import IO, Any


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere: the redirect is raised as an `HTTPError`."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)
opened = _OPENER.open  # as `urllib.request.urlopen`: opened(request, timeout=seconds)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # where http will do


def decoded(data: bytes | str) -> Any:
    """JSON that others wrote. Raises `ValueError`, for what is nested so deeply that the reader gives up too."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
