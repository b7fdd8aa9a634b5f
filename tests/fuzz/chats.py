"""Harnesses of what chat platforms, identity providers and other systems send us: bodies, tokens, signatures, headers."""

from __future__ import annotations

import asyncio
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from adapters.channels import slack_events, teams_activities
from adapters.channels.slack_edge import SlackEdge, signature
from adapters.channels.teams_activities import Malformed
from adapters.channels.teams_auth import Denied, InboundCheck, Keys, KeysUnavailable, SigningKey, Trust
from adapters.channels.teams_edge import TeamsEdge
from adapters.signing import HEADER, genuine
from adapters.signing import signature as our_signature
from adapters.trackers.webhook import Hook
from adapters.vault import KeyVault
from adapters.web.oidc import OidcError
from adapters.web.security import Signer, refusal
from bot.settings import Settings
from tests.fakes.slack import FakeSlack
from tests.fakes.teams import APP, ISSUER, TENANT, rsa_key
from tests.fuzz.harness import dumped, harness, json_of, text_of

SECRET, NOW = "s" * 32, 1_900_000_000.0
MARKS = (
    b'{"type":',
    b'"event_callback"',
    b"payload=%7B",
    b"&",
    b"=",
    b"\\ud800",
    b"[" * 100,
    b'{"a":' * 80,
    b"null",
    b"1e400",
    b"%ff",
)


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def knock(app: ASGIApp, body: bytes, path: str = "/", method: str = "POST", query: bytes = b"", **headers: str) -> int:
    """The status that an application answers with."""
    told: list[int] = []
    parts = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0) if len(parts) > 1 else parts[0]

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": "",
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8765),
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1", "replace")) for name, value in headers.items()
        ],
    }
    loop().run_until_complete(app(scope, receive, send))
    return told[0] if told else 0


# Slack


def _slack() -> list[bytes]:
    fake = FakeSlack()
    dana = fake.user("dana.reyes")
    message = fake.message(
        dana,
        "hello <@U1> & <https://a.example|b>",
        files=[{"id": "F1", "name": "x.eml", "size": 5, "url_private": "https://x"}],
    )
    posted = {
        **message,
        "blocks": [
            {
                "type": "actions",
                "block_id": "b",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "answering.rate",
                        "value": "yes",
                        "text": {"type": "plain_text", "text": "Yes"},
                    }
                ],
            }
        ],
    }
    view = {
        "id": "V1",
        "callback_id": "secdesk",
        "private_metadata": "{}",
        "blocks": [{"type": "input", "block_id": "note", "element": {"type": "plain_text_input", "action_id": "note"}}],
    }
    return dumped(
        fake.event(message),
        fake.event(fake.mention(dana, "hello")),
        fake.event(fake.changed(message, "other")),
        fake.press(dana, posted, "Yes"),
        fake.shortcut(dana, "report", message),
        fake.command(dana, "help"),
        fake.submit(dana, view, note="x"),
        {"type": "app_rate_limited"},
        {"type": "url_verification", "challenge": "x"},
    )


@harness("slack.event", "json", made=_slack)
def slack_event(data: bytes) -> None:
    slack_events.read(json_of(data))


@harness("slack.door", pieces=MARKS, made=_slack)
def slack_door(data: bytes) -> None:
    """What is signed, by whoever stole the secret or by Slack itself on a bad day."""

    async def dispatch(_text: str, _headers: Any, shape: Any) -> Any:
        slack_events.read(shape)
        return PlainTextResponse("")

    edge, stamp = SlackEdge(SECRET, dispatch, lambda: NOW), str(int(NOW))
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        status = knock(
            edge,
            data,
            content_type=kind,
            x_slack_request_timestamp=stamp,
            x_slack_signature=signature(SECRET.encode(), stamp, data),
        )
        assert status in (200, 400), status


@harness(
    "slack.signature",
    "text",
    pieces=(b"v0=", b"0" * 64, b"v1=", b"1900000000", b"\xc2\xb2", b"-", b"+"),
    made=lambda: [b"v0=" + b"0" * 64 + b"|1900000000"],
)
def slack_signature(data: bytes) -> None:
    given, _, stamp = text_of(data).partition("|")
    edge = SlackEdge(SECRET, None, lambda: NOW)  # type: ignore[arg-type]
    assert knock(edge, b"{}", x_slack_signature=given, x_slack_request_timestamp=stamp) == 401


# Teams


def _activities() -> list[bytes]:
    base = {
        "type": "message",
        "id": "1",
        "channelId": "msteams",
        "serviceUrl": "https://smba.example/emea/",
        "timestamp": "2026-01-01T00:00:00Z",
        "from": {"id": "29:x", "aadObjectId": "a", "name": "Dana"},
        "recipient": {"id": "28:b"},
        "locale": "de-DE",
        "conversation": {"id": "19:c@thread.tacv2;messageid=5", "conversationType": "channel"},
        "text": "<at>Secdesk</at> hello",
        "textFormat": "xml",
        "channelData": {"tenant": {"id": TENANT}, "team": {"id": "19:t"}},
        "entities": [{"type": "mention", "text": "<at>Secdesk</at>", "mentioned": {"id": "28:b"}}],
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.teams.file.download.info",
                "name": "x.eml",
                "content": {"downloadUrl": "https://a", "fileType": "eml"},
            },
            {"contentType": "image/*", "contentUrl": "https://smba.example/x"},
        ],
    }
    pressed = {"secdesk": {"action": "answering.rate", "value": "yes"}, "note": "x"}
    invoke = {**base, "type": "invoke"}
    return dumped(
        base,
        {**base, "value": pressed},
        {**invoke, "name": "adaptiveCard/action", "value": {"action": {"data": pressed}}},
        {
            **invoke,
            "name": "composeExtension/submitAction",
            "value": {
                "commandId": "report",
                "data": pressed,
                "messagePayload": {"id": "1", "body": {"content": "<p>x</p>"}},
            },
        },
        {
            **invoke,
            "name": "fileConsent/invoke",
            "value": {"action": "accept", "context": {}, "uploadInfo": {"uploadUrl": "https://a", "name": "x"}},
        },
        {**base, "type": "conversationUpdate", "membersAdded": [{"id": "28:b"}]},
        {**base, "type": "installationUpdate", "action": "add"},
        {**base, "type": "messageUpdate"},
        {**base, "type": "messageDelete"},
    )


@harness("teams.activity", "json", made=_activities, also=(Malformed,))
def teams_activity(data: bytes) -> None:
    teams_activities.read(json_of(data))


@harness("teams.door", pieces=MARKS, made=_activities)
def teams_door(data: bytes) -> None:
    class Gate:
        async def claims(self, _header: str) -> Any:
            return {"serviceurl": "https://smba.example/emea/"}

        def admits(self, claims: Any, activity: Any) -> None:
            InboundCheck(Trust(APP, frozenset({TENANT}), ISSUER), None).admits(claims, activity)  # type: ignore[arg-type]

    async def process(_raw: Any, _activity: Any) -> None:
        return None

    assert knock(TeamsEdge(Gate(), process), data) in (200, 400, 401)  # type: ignore[arg-type]


@cache
def _check() -> InboundCheck:
    keys = Keys(None, "https://login.example", time.monotonic)  # type: ignore[arg-type]
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(0).public_key()))
    keys._keys = {"key-1": SigningKey(jwt.PyJWK(jwk, algorithm="RS256"), frozenset({"msteams"}))}
    keys._may_fetch = lambda: False  # type: ignore[method-assign]
    return InboundCheck(Trust(APP, frozenset({TENANT}), ISSUER), keys)


def _tokens() -> list[bytes]:
    claims = {"iss": ISSUER, "aud": APP, "exp": int(time.time()) + 3600, "serviceurl": "https://smba.example/emea/"}
    other = {**claims, "aud": [APP], "exp": "soon"}
    return [
        ("Bearer " + jwt.encode(one, rsa_key(0), algorithm="RS256", headers={"kid": "key-1"})).encode()
        for one in (claims, other)
    ]


@harness(
    "teams.token",
    "text",
    pieces=(
        b"Bearer ",
        b".",
        b"eyJhbGciOiJub25lIn0",
        b"eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0xIn0",
        b"e30",
        b"=",
        b"\x00",
    ),
    made=_tokens,
    also=(Denied, KeysUnavailable),
)
def teams_token(data: bytes) -> None:
    given = text_of(data)
    claims = loop().run_until_complete(_check().claims(given))
    assert claims["aud"] == APP


# who signs in, and what we sign ourselves


@cache
def _provider() -> Any:
    from tests.unit.test_oidc_tokens import House

    return House()


def _logout() -> list[bytes]:
    from tests.unit.test_oidc_tokens import LOGOUT, signed

    return [signed(nonce=None, events={LOGOUT: {}}, jti="1").encode(), signed().encode()]


@harness(
    "oidc.token",
    "text",
    pieces=(b".", b"eyJhbGciOiJub25lIn0", b"e30", b"=", b"\xff", b"W10", b"bnVsbA"),
    made=_logout,
    also=(OidcError,),
    seconds=2.0,
)
def oidc_token(data: bytes) -> None:
    _provider().provider.ended(text_of(data))


@harness(
    "oidc.answer",
    "json",
    made=lambda: dumped(
        {
            "issuer": "https://id.northwind.example",
            "authorization_endpoint": "https://id.northwind.example/auth",
            "token_endpoint": "https://id.northwind.example/token",
            "jwks_uri": "https://id.northwind.example/keys",
            "keys": [{"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB"}],
            "id_token": "a.b.c",
            "access_token": "x",
            "sub": "u",
            "email": "a@x.example",
        }
    ),
    also=(OidcError,),
    seconds=2.0,
)
def oidc_answer(data: bytes) -> None:
    """A provider, or somebody between us and it, that answers what it likes (every page of it the same)."""
    from adapters.web.oidc import Asked, Provider, groups_of, merged

    answer = json_of(data)
    if not isinstance(answer, dict):
        return
    given = Settings(Path(), issuer="https://id.northwind.example", signin_client="console", signin_secret="s")
    provider = Provider(given, lambda: NOW, lambda _url, _body, _headers: answer)
    merged(answer, answer)
    groups_of(answer, "groups")
    provider.leaving("x", "https://desk.example")
    provider.answered(
        {"state": "s", "code": "c"}, Asked("s", "n", "v" * 43, "/console", NOW), "https://desk.example/back"
    )


@harness(
    "web.signed",
    "text",
    pieces=(b".", b"e30", b"bnVsbA==", b"=", b"\xc3\xa9"),
    made=lambda: [Signer(KeyVault({1: b"k" * 32}), "who").seal({"a": "ü"}).encode()],
)
def web_signed(data: bytes) -> None:
    value, token = Signer(KeyVault({1: b"k" * 32}), "who").open(text_of(data)), text_of(data)
    assert value is None or Signer(KeyVault({1: b"k" * 32}), "who").seal(value) == token


@harness(
    "web.headers",
    "json",
    pieces=(b"127.0.0.1:8765", b"[::1", b"@", b"http://", b"null"),
    made=lambda: dumped(
        {
            "host": "127.0.0.1:8765",
            "origin": "http://127.0.0.1:8765",
            "sec-fetch-site": "same-origin",
            "sec-fetch-mode": "navigate",
        }
    ),
)
def web_headers(data: bytes) -> None:
    sent = json_of(data)
    if isinstance(sent, dict):
        pairs = [
            (name.encode("latin-1", "replace").lower(), str(value).encode("latin-1", "replace"))
            for name, value in sent.items()
        ]
        for settings in (Settings(Path()), Settings(Path(), host="0.0.0.0", public_url="https://desk.example")):
            for method in ("GET", "POST"):
                refusal(settings, method, "/console/queue", "http", Headers(raw=pairs))


# our own webhooks


def _updates() -> list[bytes]:
    return dumped(
        {
            "schema": "secdesk.update/1",
            "id": "u1",
            "ticket": "SEC-7",
            "status": "resolved",
            "owner": "sam",
            "severity": "S2",
            "reply": {"text": "done", "author": "Kim", "mail": "k@x.example", "internal": True},
        }
    )


class _Clock:
    def now(self) -> float:
        return NOW


@harness("hook.tracker", "json", pieces=MARKS, made=_updates)
def hook_tracker(data: bytes) -> None:
    taken: list[Any] = []

    async def run(work: Any) -> None:
        work()

    hook = Hook(SECRET, _Clock(), taken.append, run)
    stamp = our_signature(SECRET, int(NOW), data)
    assert knock(hook, data, **{HEADER.lower(): stamp}) in (200, 400, 413)
    assert knock(hook, data, **{HEADER.lower(): stamp[:-1] + ("0" if stamp[-1] != "0" else "1")}) == 401


@harness(
    "hook.signature",
    "text",
    pieces=(b"t=", b",v1=", b"0" * 64, b"\xd9\xa1", b"\n"),
    made=lambda: [our_signature("x", int(NOW), b"{}").encode()],
)
def hook_signature(data: bytes) -> None:
    assert not genuine(SECRET, text_of(data), b"{}", NOW)
