"""Teams on loopback: sign-in metadata and keys, token endpoint, connector, files, and a minter of tokens. Faults included.

Everything that the platform would be asked for is one HTTP server; `calls` says what was asked. `faults` answer the next
connector calls; `metadata`, `sign_in` say how those two behave. Every card that comes in goes through `examine`; what it
says is in `wrong`.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jwt
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

APP = "8a1f6f0e-0000-4000-8000-00000000a991"
TENANT = "11111111-2222-4333-8444-555555555555"
OTHER_TENANT = "99999999-2222-4333-8444-555555555555"
ISSUER = "https://api.botframework.com"
BOT = f"28:{APP}"
Json = dict[str, Any]


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """Making one takes a while, so every test has the same few."""
    assert number >= 0
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Fault:
    """One bad answer. `wait` seconds before it; with `drip` that long before each of so many bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    wait: float = 0.0
    drip: int = 0


@dataclass
class Call:
    """One request that came in."""

    method: str
    path: str
    body: Any
    token: str


@dataclass
class FakeTeams:
    """The platform. `members` is the roster: user id → what it says of them."""

    base: str = ""
    kid: str = "key-1"
    endorsements: tuple[str, ...] = ("msteams",)
    metadata: Fault | None = None
    sign_in: Fault | None = None
    expires_in: int = 3600
    members: dict[str, Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    calls: list[Call] = field(default_factory=list)
    messages: dict[str, Json] = field(default_factory=dict)
    key: int = 0
    examine: Callable[[Json], list[str]] = lambda _card: []
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        routes = [
            Route("/.well-known/openidconfiguration", self._metadata),
            Route("/keys", self._keys),
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/identity/token", self._identity),
            Route("/files/{name}", self._file, methods=["GET", "PUT"]),
            Route("/emea/v3/attachments/{name}/views/original", self._picture),
            Route("/{path:path}", self._connector, methods=["GET", "POST", "PUT"]),
        ]
        self.app = Starlette(routes=routes)

    # what tests use

    @property
    def service_url(self) -> str:
        return f"{self.base}/emea/"

    def token(
        self, *, key: int | None = None, algorithm: str = "RS256", headers: Json | None = None, **claims: Any
    ) -> str:
        """A genuine token; keyword arguments replace claims, None leaves one out."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": APP, "nbf": now - 10, "exp": now + 3600, "serviceurl": self.service_url, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        signing: Any = rsa_key(self.key if key is None else key)
        if algorithm == "none":
            signing = None
        elif algorithm == "HS256":
            signing = "a-shared-secret-that-is-long-enough-for-hs256"
        return jwt.encode(body, signing, algorithm=algorithm, headers={"kid": self.kid, **(headers or {})})

    def rotate(self) -> None:
        """New key, the old one is gone."""
        self.key += 1
        self.kid = f"key-{self.key + 1}"

    def asked(self, path: str) -> list[Call]:
        return [call for call in self.calls if path in call.path]

    def clear(self) -> None:
        """Everything that a test may have left."""
        for kept in (
            self.calls,
            self.faults,
            self.messages,
            self.members,
            self.files,
            self.pictures,
            self.ranges,
            self.wrong,
        ):
            kept.clear()
        self.metadata = self.sign_in = None

    def posted(self, conversation: str = "") -> list[Json]:
        """Messages that were posted, oldest first."""
        posts = [call for call in self.calls if call.method == "POST" and call.path.endswith("/activities")]
        return [call.body for call in posts if conversation in call.path and call.body.get("type") == "message"]

    def cards(self, conversation: str = "") -> list[Json]:
        """The adaptive cards of those messages."""
        kind = "application/vnd.microsoft.card.adaptive"
        attached = [message["attachments"][0] for message in self.posted(conversation)]
        return [item["content"] for item in attached if item["contentType"] == kind]

    # activities

    def activity(self, kind: str, user: str = "dana.reyes", conversation: str = "", **more: Any) -> Json:
        """One activity as Teams sends it: from `user`, in their personal chat unless told otherwise."""
        number = next(self._ids)
        talk = {"id": conversation or f"a:{user}", "conversationType": "personal"}
        return {
            "type": kind, "id": f"16{number:011d}", "timestamp": "2026-11-24T10:00:00.000Z", "channelId": "msteams",
            "serviceUrl": self.service_url, "locale": "en-GB",
            "from": {"id": f"29:{user}", "name": user.title(), "aadObjectId": f"aad-{user}"},
            "conversation": talk, "recipient": {"id": BOT, "name": "Secdesk"},
            "channelData": {"tenant": {"id": TENANT}}, **more,
        }  # fmt: skip

    def message(self, text: str, user: str = "dana.reyes", **more: Any) -> Json:
        return self.activity("message", user, text=text, textFormat="plain", **more)

    def in_channel(self, activity: Json, channel: str = "19:desk@thread.tacv2", thread: str = "") -> Json:
        """The same activity written in a channel."""
        whole = f"{channel};messageid={thread or activity['id']}"
        data = {**activity["channelData"], "team": {"id": "19:team@thread.tacv2"}, "channel": {"id": channel}}
        return {**activity, "conversation": {"id": whole, "conversationType": "channel", "isGroup": True},
                "channelData": data}  # fmt: skip

    def mention(self, activity: Json) -> Json:
        """The same activity with our name in front."""
        entity = {"type": "mention", "text": "<at>Secdesk</at>", "mentioned": {"id": BOT, "name": "Secdesk"}}
        return {**activity, "text": f"<at>Secdesk</at> {activity['text']}", "entities": [entity]}

    def press(self, action: Json, card: str, user: str = "dana.reyes", typed: Json | None = None, **more: Any) -> Json:
        """`Action.Execute` of a card's action."""
        value = {"action": {**action, "data": {**action["data"], **(typed or {})}}, "trigger": "manual"}
        return self.activity("invoke", user, name="adaptiveCard/action", value=value, replyToId=card, **more)

    def installed(self, user: str = "dana.reyes") -> Json:
        return self.activity("conversationUpdate", user, membersAdded=[{"id": BOT}, {"id": f"29:{user}"}])

    # the server

    async def _behave(self, fault: Fault | None) -> Response | None:
        if fault is None:
            return None
        if fault.drip:
            return StreamingResponse(self._dripping(fault), fault.status)
        if fault.wait:
            await asyncio.sleep(fault.wait)
        if not fault.status:
            return None
        return JSONResponse({"error": {"code": fault.code, "message": "no"}}, fault.status, dict(fault.headers))

    async def _dripping(self, fault: Fault) -> AsyncIterator[bytes]:
        for _ in range(fault.drip):
            await asyncio.sleep(fault.wait)
            yield b" "

    async def _note(self, request: Request) -> Any:
        body = await request.body()
        kind = request.headers.get("content-type", "")
        content = json.loads(body) if body and "json" in kind else body.decode("latin-1")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.calls.append(Call(request.method, unquote(request.url.path), content, token))
        return content

    async def _metadata(self, request: Request) -> Response:
        await self._note(request)
        return await self._behave(self.metadata) or JSONResponse({"issuer": ISSUER, "jwks_uri": f"{self.base}/keys"})

    async def _keys(self, request: Request) -> Response:
        await self._note(request)
        numbers = rsa_key(self.key).public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "kid": self.kid, "n": _number(numbers.n), "e": _number(numbers.e),
               "endorsements": list(self.endorsements)}  # fmt: skip
        return JSONResponse({"keys": [key]})

    async def _token(self, request: Request) -> Response:
        await self._note(request)
        made = {
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "access_token": f"ours-{len(self.asked('token'))}",
        }
        return await self._behave(self.sign_in) or JSONResponse(made)

    async def _identity(self, request: Request) -> Response:
        await self._note(request)
        return JSONResponse({"access_token": "managed-1", "expires_in": "3600"})

    async def _file(self, request: Request) -> Response:
        content = await self._note(request)
        if request.method == "PUT":
            self.files[request.path_params["name"]] = content.encode("latin-1")
            self.ranges.append(request.headers.get("content-range", ""))
            return JSONResponse({}, 201)
        data = self.files.get(request.path_params["name"])
        return Response(data) if data is not None else Response(status_code=404)

    async def _picture(self, request: Request) -> Response:
        await self._note(request)
        data = self.pictures.get(request.path_params["name"])
        if not self.calls[-1].token:
            return Response(status_code=401)
        return Response(data, media_type="image/png") if data is not None else Response(status_code=404)

    async def _connector(self, request: Request) -> Response:
        content = await self._note(request)
        if refused := await self._behave(self.faults.popleft() if self.faults else None):
            return refused
        self._examine(content)
        path = unquote(request.url.path)
        if "/members/" in path:
            found = self.members.get(path.rpartition("/")[2])
            return JSONResponse(found, 200) if found else JSONResponse({"error": {"code": "MemberNotFound"}}, 404)
        if request.method == "PUT":
            name = path.rpartition("/")[2]
            if name not in self.messages:
                return JSONResponse({"error": {"code": "ActivityNotFoundInConversation"}}, 404)
            self.messages[name] = content
            return JSONResponse({"id": name})
        if path.endswith("/v3/conversations"):
            return JSONResponse({"id": f"a:{content['members'][0]['id'].removeprefix('29:')}"}, 201)
        name = f"m{len(self.messages) + 1}"
        self.messages[name] = content
        return JSONResponse({"id": name}, 201)

    def _examine(self, content: Any) -> None:
        attached = content.get("attachments", ()) if isinstance(content, dict) else ()
        for item in attached:
            if item["contentType"] == "application/vnd.microsoft.card.adaptive":
                self.wrong += self.examine(item["content"])


@contextmanager
def running(fake: FakeTeams | None = None) -> Iterator[FakeTeams]:
    """The fake on a port of its own."""
    fake = fake or FakeTeams()
    server = uvicorn.Server(uvicorn.Config(fake.app, port=0, log_level="error", lifespan="off"))
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


def member(user: str, **more: Any) -> Json:
    """What the roster says of somebody of our tenant."""
    address = f"{user}@northwind.example"
    return {"id": f"29:{user}", "name": user.title(), "email": address, "userPrincipalName": address, "tenantId": TENANT,
            "aadObjectId": f"aad-{user}", "userRole": "user", **more}  # fmt: skip


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def certificate(path: Path, number: int = 5, *, until: dt.datetime) -> bytes:
    """Write a PEM file with a key and its certificate; the certificate alone."""
    key, name = rsa_key(number), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secdesk")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(until - dt.timedelta(days=900)).not_valid_after(until).sign(key, hashes.SHA256())
    )  # fmt: skip
    coded = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    public = made.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(key.private_bytes(*coded) + public)
    return public
