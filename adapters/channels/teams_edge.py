"""The messaging endpoint: one ASGI application, mounted by whoever serves.

Order: size, token, body, JSON, what the token says of the activity, shape; only then anything is done. Of a stranger's
request not a byte of the body is read. Answers are 200 (with a body for invokes), 400, 401, 405, 413 and, when nothing can be
checked or something of ours broke, 503; never 500.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from adapters.channels.teams_activities import Activity, Malformed, read
from adapters.channels.teams_answers import Answer
from adapters.channels.teams_auth import Denied, InboundCheck, KeysUnavailable, admit_tenant

log = logging.getLogger(__name__)
PATH: Final = "/api/messages"
BODY_BYTES: Final = 512 * 1024


class Gate(Protocol):
    """Who may come in. Both raise `Denied`; the first also `KeysUnavailable`."""

    async def claims(self, authorization: str) -> Mapping[str, Any]: ...

    def admits(self, claims: Mapping[str, Any], activity: Mapping[str, Any]) -> None: ...


class Process(Protocol):
    """One turn."""

    async def __call__(self, raw: Mapping[str, Any], activity: Activity) -> Answer | None: ...


class Playground:
    """`Gate` without tokens, for the playground on this machine: only its own loopback address is let in.

    It exists only where `teams.playground` is set; then the channel is not `real`, and the server must be on loopback.
    """

    def __init__(self, address: str, tenants: frozenset[str]) -> None:
        self._address, self._tenants = urlsplit(address), tenants

    async def claims(self, authorization: str) -> Mapping[str, Any]:
        if authorization:
            raise Denied("the playground sends no token")
        return {}

    def admits(self, claims: Mapping[str, Any], activity: Mapping[str, Any]) -> None:
        named = urlsplit(str(activity.get("serviceUrl")))
        if (named.scheme, named.netloc) != (self._address.scheme, self._address.netloc):
            raise Denied("not the playground")
        admit_tenant(activity, self._tenants)


class TeamsEdge:
    """ASGI application for `POST /api/messages`."""

    def __init__(self, gate: InboundCheck | Playground, process: Process) -> None:
        self._gate: Gate = gate
        self._process = process

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        try:
            _size_said(request)
            claims = await self._gate.claims(request.headers.get("authorization", ""))
            raw = _json(await _body(request))
            self._gate.admits(claims, raw)
            activity = read(raw)
        except _TooLarge:
            return Response(status_code=413)
        except Denied as error:
            log.warning("teams request refused: %s", error)
            return Response(status_code=401)
        except KeysUnavailable as error:
            log.error("teams request not checked: %s", error)
            return Response(status_code=503, headers={"Retry-After": "10"})
        except (Malformed, ClientDisconnect) as error:
            log.warning("teams request malformed: %s", error or "cut off")
            return Response(status_code=400)
        return await self._turn(raw, activity)

    async def _turn(self, raw: Mapping[str, Any], activity: Activity) -> Response:
        try:
            answer = await self._process(raw, activity)
        except Malformed as error:
            log.warning("teams request malformed: %s", error)
            return Response(status_code=400)
        except Exception:
            log.exception("a turn failed", extra={"kind": activity.kind})
            return Response(status_code=503)
        if answer is None:
            return Response(status_code=200)
        return JSONResponse(answer.body or None, answer.status)


class _TooLarge(Exception):
    """413."""


def _size_said(request: Request) -> None:
    said = request.headers.get("content-length", "")
    if said.isdecimal() and (len(said) > 9 or int(said) > BODY_BYTES):  # a number of any length costs no time
        raise _TooLarge


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise _TooLarge
    return bytes(body)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("body") from error
    if not isinstance(raw, Mapping):
        raise Malformed("body")
    return raw
