"""Slack on loopback: the Web API with tokens and scopes checked, files, uploads, modals with a three-second trigger, and faults.

Everything that the platform would be asked for is one HTTP server; `calls` says what was asked. `fail` makes the next calls of
a method go wrong. What is wrong with a message or a view is refused as Slack would, and kept in `rejected`. What Slack sends to
the bot is made by `slack_sent`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from adapters.channels.slack_scopes import SCOPES
from tests.fakes.slack_checks import message_faults, view_faults
from tests.fakes.slack_sent import (
    BOT,
    BOT_ID,
    DESK,
    ENTERPRISE,
    GENERAL,
    SECRET,
    TEAM,
    Json,
    Sent,
    found_button,
    signed,
    words,
)

TOKEN, APP_TOKEN = "xoxb-fake-1", "xapp-fake-1"
# docs.slack.dev, each method's page: the scope it needs, and whether it takes JSON (the others take forms alone).
METHODS = {
    "auth.test": ("", False), "apps.connections.open": ("", False), "users.info": ("users:read", False),
    "users.list": ("users:read", False), "conversations.info": ("groups:read", False),
    "chat.postMessage": ("chat:write", True), "chat.postEphemeral": ("chat:write", True),
    "chat.update": ("chat:write", True), "chat.getPermalink": ("", False), "views.open": ("", True),
    "views.update": ("", True), "views.publish": ("", True), "assistant.threads.setStatus": ("chat:write", True),
    "assistant.threads.setSuggestedPrompts": ("assistant:write", True), "files.info": ("files:read", False),
    "files.getUploadURLExternal": ("files:write", False), "files.completeUploadExternal": ("files:write", True),
}  # fmt: skip
__all__ = [
    "APP_TOKEN", "BOT", "DESK", "ENTERPRISE", "GENERAL", "SECRET", "TEAM", "TOKEN", "FakeSlack", "Fault", "Json", "found_button",
    "running", "signed", "words",
]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One bad answer. `error` is Slack's own with HTTP 200; `lost`: done all the same, but the answer never comes; `says` is
    the word of some proxy, of content type `kind`."""

    status: int = 200
    error: str = ""
    retry_after: float | str = 0
    wait: float = 0.0
    lost: bool = False
    says: str = ""
    kind: str = "text/html"


@dataclass
class Call:
    """One request that came in."""

    method: str
    body: Json
    token: str


@dataclass
class FakeSlack(Sent):
    """The platform. `users` is what users.info says; `tokens` are those it takes, and whose they are."""

    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: TEAM, APP_TOKEN: TEAM})
    revoked: set[str] = field(default_factory=set)
    scopes: tuple[str, ...] = tuple(SCOPES)
    links: tuple[str, ...] = ()
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[Call] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    uploads: dict[str, Json] = field(default_factory=dict)
    clock_off: float = 0.0

    def __post_init__(self) -> None:
        routes = [
            Route("/api/{method}", self._api, methods=["GET", "POST"]),
            Route("/files-pri/{name}", self._file),
            Route("/elsewhere/{name}", lambda request: Response(status_code=302, headers={"location": "/files-pri/x"})),
            Route("/upload/{name}", self._take_upload, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)
        self.reset()

    def reset(self) -> None:
        """As on the first day, for the next test."""
        for kept in (
            self.revoked, self.calls, self.rejected, self.statuses, self.uploads, self.faults, self.users, self.channels,
            self.messages, self.views, self.homes, self.files, self.threads, self.triggers,
        ):  # fmt: skip
            kept.clear()
        self.tokens = {TOKEN: TEAM, APP_TOKEN: TEAM}
        self.scopes, self.clock_off, self.trigger_seconds = tuple(SCOPES), 0.0, 3.0
        for channel, private in ((DESK, True), (GENERAL, False)):
            self.channels[channel] = {"id": channel, "name": channel.lower(), "is_member": True, "is_private": private}

    # what tests use

    @property
    def url(self) -> str:
        return f"{self.base}/api/"

    def fail(self, method: str, *faults: Fault) -> None:
        self.faults[method].extend(faults)

    def asked(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def posted(self, channel: str = "") -> list[Json]:
        """Messages as they stand now, oldest first, by channel or by the person whose direct messages they are in."""
        return [message for message in self.messages if not channel or channel in (message["channel"], message["to"])]

    # the server

    async def _api(self, request: Request) -> Response:
        method, token = request.path_params["method"], _token(request)
        scope, takes_json = METHODS.get(method, ("", False))
        body = await _arguments(request, takes_json=takes_json)
        self.calls.append(Call(method, body, token))
        fault = self.faults[method].popleft() if self.faults[method] else Fault()
        if fault.wait:
            await asyncio.sleep(fault.wait)
        if fault.status == 429:
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(fault.retry_after)})
        if fault.status != 200 or fault.says:
            return Response(fault.says or "upstream connect error", fault.status, media_type=fault.kind)
        answer = {"ok": False, "error": fault.error} if fault.error else self._answer(method, body, token, scope)
        return StreamingResponse(_lost(), media_type="application/json") if fault.lost else self._json(answer)

    def _answer(self, method: str, body: Json, token: str, scope: str) -> Json:
        if method == "oauth.v2.access":
            return self._installed(body)
        if token in self.revoked:
            return {"ok": False, "error": "token_revoked"}
        if token not in self.tokens:
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        if scope and scope not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": scope, "provided": ",".join(self.scopes)}
        handler = getattr(self, f"_{method.replace('.', '_')}", None)
        answer: Json = handler(body) if handler else {"ok": False, "error": "unknown_method"}
        return answer

    def _json(self, answer: Json) -> Response:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.clock_off))
        headers = {"x-oauth-scopes": ",".join(self.scopes), "date": date}
        return Response(json.dumps(answer), headers=headers, media_type="application/json")

    def _auth_test(self, _body: Json) -> Json:
        return {"ok": True, "team": "Northwind", "team_id": TEAM, "user": "secdesk", "user_id": BOT, "bot_id": BOT_ID}

    def _apps_connections_open(self, _body: Json) -> Json:
        return {"ok": True, "url": self.base.replace("http", "ws") + "/socket"}

    def _users_info(self, body: Json) -> Json:
        found = self.users.get(body.get("user", ""))
        return {"ok": True, "user": found} if found else {"ok": False, "error": "user_not_found"}

    def _users_list(self, body: Json) -> Json:
        at, most = int(body.get("cursor") or 0), int(body.get("limit") or 100)
        page = list(self.users.values())[at : at + most]
        more = str(at + most) if at + most < len(self.users) else ""
        return {"ok": True, "members": page, "response_metadata": {"next_cursor": more}}

    def _conversations_info(self, body: Json) -> Json:
        found = self.channels.get(body.get("channel", ""))
        return {"ok": True, "channel": found} if found else {"ok": False, "error": "channel_not_found"}

    def _chat_postMessage(self, body: Json) -> Json:
        if wrong := message_faults(body, self.links):
            self.rejected += wrong
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": wrong}}
        to = str(body.get("channel"))
        channel = self.dm(to) if to in self.users else to
        if channel not in self.channels and not channel.startswith("D"):
            return {"ok": False, "error": "channel_not_found"}
        if not self.channels.get(channel, {}).get("is_member", True):
            return {"ok": False, "error": "not_in_channel"}
        message = {**body, "to": to, "channel": channel, "ts": self.ts(), "user": BOT, "bot_id": BOT_ID}
        self.messages.append(message)
        if "user" not in body and body.get("thread_ts"):
            self.threads.add((channel, body["thread_ts"]))
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}

    def _chat_postEphemeral(self, body: Json) -> Json:
        """In a thread it shows only if there is one: the call is fine all the same."""
        if body.get("user") not in self.users:
            return {"ok": False, "error": "user_not_in_channel"}
        answer = self._chat_postMessage(body)
        if not answer["ok"]:
            return answer
        made, thread = self.messages[-1], body.get("thread_ts")
        made |= {"only": body["user"], "shows": not thread or (made["channel"], thread) in self.threads}
        return {"ok": True, "message_ts": answer["ts"]}

    def _chat_update(self, body: Json) -> Json:
        if wrong := message_faults({key: value for key, value in body.items() if key != "blocks" or value}, self.links):
            self.rejected += wrong
            return {"ok": False, "error": "invalid_blocks"}
        for message in self.messages:
            if (message["channel"], message["ts"]) == (body["channel"], body["ts"]) and "only" not in message:
                message.update({"text": body["text"], "blocks": body.get("blocks", [])})
                return {"ok": True, "channel": body["channel"], "ts": body["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def _chat_getPermalink(self, body: Json) -> Json:
        if not {"channel", "message_ts"} <= set(body):
            return {"ok": False, "error": "invalid_arguments"}
        link = f"https://north.slack.example/archives/{body['channel']}/p{body['message_ts']}"
        return {"ok": True, "permalink": link}

    def _views_open(self, body: Json) -> Json:
        if self.triggers.pop(body.get("trigger_id", ""), 0.0) < time.monotonic():
            return {"ok": False, "error": "expired_trigger_id"}
        return self._view(f"V{next(self.ids):06d}", body["view"])

    def _views_update(self, body: Json) -> Json:
        if body.get("view_id") not in self.views:
            return {"ok": False, "error": "not_found"}
        return self._view(body["view_id"], body["view"])

    def _view(self, name: str, view: Json) -> Json:
        if wrong := view_faults(view, self.links):
            self.rejected += wrong
            return {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": wrong}}
        self.views.pop(name, None)
        self.views[name] = {**view, "id": name, "hash": f"{next(self.ids)}.abc", "team_id": TEAM}
        return {"ok": True, "view": self.views[name]}

    def _views_publish(self, body: Json) -> Json:
        if wrong := view_faults(body["view"], self.links):
            self.rejected += wrong
            return {"ok": False, "error": "invalid_arguments"}
        self.homes[body["user_id"]] = body["view"]
        return {"ok": True, "view": body["view"]}

    def _assistant_threads_setStatus(self, body: Json) -> Json:
        if not body.get("thread_ts"):
            return {"ok": False, "error": "invalid_thread_ts"}
        self.statuses.append(body["status"])
        return {"ok": True}

    def _assistant_threads_setSuggestedPrompts(self, body: Json) -> Json:
        """Four at most; an app with an agent's view must not name a thread."""
        good = 1 <= len(body["prompts"]) <= 4 and "thread_ts" not in body
        return {"ok": True} if good else {"ok": False, "error": "invalid_arguments"}

    def _files_info(self, body: Json) -> Json:
        found = next((file["info"] for file in self.files.values() if file["info"]["id"] == body.get("file")), None)
        if found is None:
            return {"ok": False, "error": "file_not_found"}
        return {"ok": True, "file": {**found, "file_access": "visible"}}

    def _files_getUploadURLExternal(self, body: Json) -> Json:
        key = f"F{next(self.ids):08d}"
        self.uploads[key] = {"name": body["filename"], "length": int(body["length"]), "data": b""}
        return {"ok": True, "upload_url": f"{self.base}/upload/{key}", "file_id": key}

    def _files_completeUploadExternal(self, body: Json) -> Json:
        for item in body["files"]:
            upload = self.uploads[item["id"]]
            if len(upload["data"]) != upload["length"]:
                return {"ok": False, "error": "file_not_found"}
            upload |= {"channel": body.get("channel_id", ""), "thread": body.get("thread_ts", "")}
        return {"ok": True, "files": body["files"]}

    def _installed(self, body: Json) -> Json:
        if body.get("code") not in ("good", "grid"):
            return {"ok": False, "error": "invalid_code"}
        grid = body["code"] == "grid"
        token = f"xoxb-{body['code']}"
        self.tokens[token] = ENTERPRISE if grid else "T0OTHER"
        return {"ok": True, "access_token": token, "token_type": "bot", "scope": ",".join(SCOPES), "bot_user_id": BOT,
                "bot_id": BOT_ID, "app_id": "A0SECDESK", "is_enterprise_install": grid,
                "team": None if grid else {"id": "T0OTHER", "name": "Other"},
                "enterprise": {"id": ENTERPRISE, "name": "Group"} if grid else None}  # fmt: skip

    async def _file(self, request: Request) -> Response:
        """Without a good token and the scope Slack shows its sign-in page, with status 200."""
        self.calls.append(Call("file", {"name": request.path_params["name"]}, _token(request)))
        file = self.files.get(request.path_params["name"])
        token = _token(request)
        if token not in self.tokens or token in self.revoked or "files:read" not in self.scopes:
            return HTMLResponse("<!DOCTYPE html><html><title>Sign in to Slack</title></html>")
        return Response(file["data"], media_type=file["info"]["mimetype"]) if file else Response(status_code=404)

    async def _take_upload(self, request: Request) -> Response:
        fault = self.faults["upload"].popleft() if self.faults["upload"] else Fault()
        if fault.status != 200:
            return PlainTextResponse("no", fault.status)
        self.uploads[request.path_params["name"]]["data"] = await request.body()
        return PlainTextResponse("OK")


@contextmanager
def running(fake: FakeSlack | None = None) -> Iterator[FakeSlack]:
    """The fake on a port of its own."""
    fake = fake or FakeSlack()
    server = uvicorn.Server(uvicorn.Config(fake.app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.005)
    fake.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(5)


async def _arguments(request: Request, *, takes_json: bool) -> Json:
    if "json" in request.headers.get("content-type", ""):
        body = json.loads(await request.body() or b"{}")
        return body if takes_json and isinstance(body, dict) else {}
    form = await request.form()
    return {**request.query_params, **{key: value for key, value in form.items() if isinstance(value, str)}}


async def _lost() -> AsyncIterator[bytes]:
    yield b'{"ok":'
    raise ConnectionResetError("the line went dead")


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")
