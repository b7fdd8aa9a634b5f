"""The guard in front of Slack's SDK: one ASGI application that lets nothing through that Slack has not signed.

Order: method, size, headers' shape, signature over the raw bytes and their age, encoding, shape; only then the SDK (which checks
the signature again). Answers are 200, 400, 401, 405, 413; never 500: docs.slack.dev, "Verifying requests from Slack".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)
EVENTS: Final = "/slack/events"
BODY_BYTES: Final = 1_048_576  # Slack's largest events are far below: messages hold 40,000 characters
WINDOW: Final = 300  # seconds
DEPTH: Final = 60
FIELDS: Final = 200
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\Z")
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}\Z")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
Dispatch = Callable[[str, Mapping[str, str], Mapping[str, Any]], Awaitable[Response]]


class Refused(Exception):
    """The answer to a request that goes no further."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


class SlackEdge:
    """ASGI application for `POST /slack/events`: events, buttons, shortcuts and commands alike."""

    def __init__(self, secret: str, dispatch: Dispatch, now: Callable[[], float] = time.time) -> None:
        self._secret, self._dispatch, self._now = secret.encode(), dispatch, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        try:
            body = await _body(request)
            self._signed(request, body)
            text = _text(body)
            shape = _shape(text, request.headers.get("content-type", ""))
        except Refused as refused:
            log.warning("a request to the Slack endpoint was refused: %s", refused)
            return PlainTextResponse("", refused.status)
        if shape.get("type") == "app_rate_limited":  # no event, and the SDK would answer 404
            log.warning("Slack holds events back: more than it sends in an hour")
            return PlainTextResponse("")
        if shape.get("type") == "url_verification":
            return JSONResponse({"challenge": str(shape.get("challenge", ""))[:500]})
        if "ssl_check" in shape:
            return PlainTextResponse("")
        return await self._dispatched(text, request, shape)

    async def _dispatched(self, text: str, request: Request, shape: Mapping[str, Any]) -> Response:
        try:
            response = await self._dispatch(text, request.headers, shape)
        except Exception:
            log.exception("an event could not be handled")
            return PlainTextResponse("", 503)
        # an event or action that nobody listens to is not Slack's to send again; what broke is
        if response.status_code == 404:
            return PlainTextResponse("")
        return PlainTextResponse("", 503) if response.status_code >= 500 else response

    def _signed(self, request: Request, body: bytes) -> None:
        """The signature of the raw bytes, by us, not older than the window."""
        stamp = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        if not _TIMESTAMP.match(stamp) or not _SIGNATURE.match(given):
            raise Refused(401, "not signed")
        if abs(self._now() - int(stamp)) > WINDOW:
            raise Refused(401, "too old or too new")
        if not self._secret or not hmac.compare_digest(signature(self._secret, stamp, body), given):
            raise Refused(401, "forged")


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """What Slack puts into `X-Slack-Signature`."""
    return "v0=" + hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()


async def _body(request: Request) -> bytes:
    said = request.headers.get("content-length", "")
    if said and not said.isdecimal():
        raise Refused(400, "no length")
    if len(said) > 12 or int(said or "0") > BODY_BYTES:
        raise Refused(413, "too large")
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > BODY_BYTES:
                raise Refused(413, "too large")
    except ClientDisconnect:
        raise Refused(400, "cut off") from None
    return bytes(data)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "not UTF-8") from None


def _shape(text: str, content_type: str) -> Mapping[str, Any]:
    """The body as a mapping, as the SDK will read it. Raises `Refused` for what it would trip over."""
    kind = content_type.partition(";")[0].strip().casefold()
    if kind == "application/json" or text.startswith("{"):
        return _json(text)
    if kind not in ("application/x-www-form-urlencoded", ""):
        raise Refused(400, "neither JSON nor a form")
    try:
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise Refused(400, "not a form") from None
    return _json(form["payload"]) if "payload" in form else form


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "not JSON") from None
    if text.count("[") + text.count("{") > DEPTH and _deepest(text) > DEPTH:
        raise Refused(400, "nested too deep")
    if not isinstance(value, dict):
        raise Refused(400, "not an object")
    return value


def _deepest(text: str) -> int:
    """How deep brackets go, at most, strings left aside."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        deepest = max(deepest, depth)
    return deepest
