"""A signed webhook: whatever takes a POST becomes the other ticket system, and answers by a POST to us.

To it: one POST a line, `{"schema": "secdesk.ticket/1", "key": …, "ticket": …, "kind": …}`. It has to take each `key` once; any
2xx says that it has it. From it: POST to `/hooks/tracker` what `Update` describes. Both are signed (`adapters/signing.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from adapters.signing import HEADER, genuine, signature
from adapters.trackers.wire import Wire, checked
from bot.errors import NotFound, StoreUnavailable
from bot.ports import Clock, Pushed, RemoteTicket, RemoteWord, TicketLine

log = logging.getLogger(__name__)
PATH = "/hooks/tracker"
MOST = 262_144  # bytes of a body
_Short = Annotated[str, Field(max_length=200)]


class WebhookTracker:
    """Posts each line, signed."""

    name, label = "webhook", "Webhook"

    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._wire, self._secret, self._clock = Wire(checked(url), {}), secret, clock

    def find(self, number: str) -> str:
        return ""

    def open(self, line: TicketLine) -> str:
        self._post(line)
        return line.number

    def has(self, remote: str, key: str) -> bool:
        return False  # the other side takes each key once

    def send(self, remote: str, line: TicketLine) -> str:
        self._post(line)
        return {"status": line.status, "severity": line.severity, "owner": line.owner_mail or line.owner}.get(
            line.kind, ""
        )

    def _post(self, line: TicketLine) -> None:
        said = {"ticket" if name == "number" else name: value for name, value in asdict(line).items()}
        body = json.dumps({"schema": "secdesk.ticket/1", **said}, ensure_ascii=False).encode()
        stamp = signature(self._secret, int(self._clock.now()), body)
        self._wire.send("POST", "", body, headers={HEADER: stamp, "Idempotency-Key": line.key})

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        return (), cursor

    def ticket(self, remote: str) -> RemoteTicket | None:
        return RemoteTicket(remote)

    def pushed(self) -> Sequence[Pushed]:
        return ()

    def taken(self, pushed: Pushed) -> None:
        return None

    def look(self) -> str:
        return "a webhook is not asked: it is posted to when a ticket changes"


class Said(BaseModel):
    """Words of somebody there."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    author: _Short = ""
    mail: _Short = ""
    internal: bool = False


class Update(BaseModel):
    """What the other system posts. `id` is the same when it posts it again; what it leaves out has not changed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    schema_: Annotated[Literal["secdesk.update/1"], Field(alias="schema")]
    id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
    ticket: Annotated[str, Field(pattern=r"^[A-Z]{1,10}-\d{1,12}$")]
    status: Literal["open", "waiting", "resolved"] | None = None
    owner: _Short | None = None
    severity: Literal["S0", "S1", "S2", "S3"] | None = None
    reply: Said | None = None

    def pushed(self, at: float) -> Pushed:
        said = self.reply
        words = (RemoteWord(self.id, at, said.author, said.text, said.mail, said.internal),) if said else ()
        return Pushed(self.id, self.ticket, RemoteTicket(self.ticket, self.status, self.owner, self.severity, words))


class Hook:
    """ASGI application for `POST /hooks/tracker`. Answers 200, 400, 401, 404, 405, 413 or 503, and nothing else."""

    def __init__(
        self, secret: str, clock: Clock, receive: Callable[[Pushed], None],
        run: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._secret, self._clock, self._receive, self._run = secret, clock, receive, run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST:
                    return _said(413, "too large")
        except ClientDisconnect:
            return _said(400, "cut off")
        now = self._clock.now()
        if not genuine(self._secret, request.headers.get(HEADER, ""), body, now):
            log.warning("a request to the tracker's webhook was refused: it is not signed, or too old")
            return _said(401, "not signed, or too old")
        try:
            update = Update.model_validate_json(body)
        except ValidationError as error:
            places = [".".join(str(step) for step in fault["loc"])[:60] for fault in error.errors()[:5]]
            return JSONResponse({"taken": False, "why": "not of the form", "fields": places}, 400)
        return await self._take(update.pushed(now))

    async def _take(self, pushed: Pushed) -> Response:
        try:
            await self._run(lambda: self._receive(pushed))
        except NotFound:
            return _said(404, "no such ticket here")
        except StoreUnavailable:
            return JSONResponse({"taken": False, "why": "later"}, 503, {"Retry-After": "30"})
        return JSONResponse({"taken": True})


def _said(status: int, why: str) -> Response:
    return JSONResponse({"taken": False, "why": why}, status)


def headers(secret: str, at: int, body: bytes) -> Mapping[str, str]:
    """What a sender to `Hook` has to send along."""
    return {HEADER: signature(secret, at, body), "Content-Type": "application/json"}
