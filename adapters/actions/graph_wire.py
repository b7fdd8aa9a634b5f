"""Microsoft Graph v1.0 over HTTPS: the sign-in of an application, and calls that say clearly what went wrong.

learn.microsoft.com/graph/auth-v2-service, /graph/throttling.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.oauth import microsoft
from adapters.outgoing import decoded, opened
from bot.errors import ChannelError, RetryLater

TIMEOUT = 20.0
LOGIN, GRAPH = "https://login.microsoftonline.com", "https://graph.microsoft.com"
LONGEST = 3600.0  # seconds: nobody makes us wait longer than that at once
_MOST_PAGES = 50


class GraphWire:
    """Thread-safe. `permissions` is said when the other side refuses for lack of one."""

    name = "Microsoft 365"
    dry = False
    permissions = ""

    def __init__(self, tenant: str, client: str, secret: str, *, login: str = LOGIN, graph: str = GRAPH) -> None:
        self._tokens = microsoft(tenant, client, secret, login, f"{GRAPH}/.default")
        self._graph = graph.rstrip("/")

    def get(self, path: str) -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = []
        for page in self._pages(path):
            if page is None:
                return None
            rows.extend(page.get("value", ()))
        return rows

    def _pages(self, path: str) -> Iterator[dict[str, Any] | None]:
        url = path
        for _ in range(_MOST_PAGES):
            answer = self.call("GET", url, missing=True)
            yield answer
            following = str((answer or {}).get("@odata.nextLink", ""))
            if not following.startswith(f"{self._graph}/"):
                return  # the last page; our token goes to no other host
            url = following[len(self._graph) :]

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, missing: bool = False
    ) -> dict[str, Any] | None:
        """The answer as JSON; None for "not found" where that may be. Raises `RetryLater`, `ChannelError`."""
        data = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        headers = {"Authorization": f"Bearer {self._tokens()}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        return self._send(urllib.request.Request(f"{self._graph}{path}", data, headers, method=method), missing)  # noqa: S310

    def _send(self, request: urllib.request.Request, missing: bool = False) -> dict[str, Any] | None:
        try:
            with opened(request, timeout=TIMEOUT) as response:
                raw = response.read(4_000_000)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error, missing)
            return None
        except OSError as error:
            raise RetryLater(f"Microsoft Graph cannot be reached ({type(error).__name__})", 60.0) from error
        if not raw:
            return {}
        try:
            answer = decoded(raw)
        except ValueError as error:
            raise ChannelError("Microsoft Graph answered something that is no JSON") from error
        return answer if isinstance(answer, dict) else {}

    def _refused(self, error: urllib.error.HTTPError, missing: bool) -> None:
        if error.code == 404 and missing:
            return
        if error.code in (429, 503, 504):
            wait = error.headers.get("Retry-After", "")
            raise RetryLater("Microsoft Graph asks to wait", min(float(wait), LONGEST) if wait.isdigit() else 30.0)
        if error.code == 401:
            self._tokens.forget()
        why = {401: "the sign-in was refused: check graph.app_id and the secret",
               403: f"a permission is missing: {self.permissions}"}  # fmt: skip
        raise ChannelError(f"Microsoft Graph: {why.get(error.code, f'HTTP {error.code}')}")


def part(text: str) -> str:
    """A piece of a path."""
    return urllib.parse.quote(text, safe="@")
