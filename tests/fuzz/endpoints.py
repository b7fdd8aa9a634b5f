"""Harnesses of the web application: every route that the running application has, with good credentials and any content."""

from __future__ import annotations

import json
import re
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.routing import Mount, Route

from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from adapters.web.people import COOKIE as CHOSEN
from adapters.web.security import Signer
from adapters.web.sessions import COOKIE
from bot.app.wiring import web_services
from bot.tokens import SCOPES
from tests.fuzz.chats import knock
from tests.fuzz.harness import dumped, harness, json_of
from tests.fuzz.words import house

HOST = {"host": "127.0.0.1:8765", "origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
SPOILING = ("/console/sign-out", "/console/access/end", "/console/tokens/{id}/revoke")  # which end what we come in with
_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")


@cache
def _app() -> tuple[Any, dict[str, str], str, str]:
    """The application, an administrator's headers, their form token, and an API token."""
    from tests.fakes.web_roles import form_of, signed_in_as

    async def run(work: Any) -> Any:
        return work()

    async def handle(message: Any) -> Any:
        house().clock.forward(10)  # or the limit on messages a minute answers
        return house().desk.handle(message)

    edge: Any = SimpleNamespace(handle=handle, run=run)
    jobs: Any = SimpleNamespace(state=lambda: ("running", ""))
    app = create_web(web_services(house().app, edge, Metrics(), jobs))
    browser = signed_in_as(house(), "admin", app=app)
    csrf = form_of(browser)["csrf"]
    with house().db.tx() as tx:  # the clock runs fast
        tx.execute("UPDATE console_session SET expires_at = :at", at=1e12)
    tokens, sam = house().app.tokens, house().analyst("sam.ortiz")
    secret = house().app.work(lambda work: tokens.create(work, "fuzz", sam, tuple(SCOPES), 300, "cli"))[1]
    chosen = Signer(house().app.vault, "who").seal("dana.reyes")
    headers = {**HOST, "cookie": f"{COOKIE}={browser.cookies.get(COOKIE)}; {CHOSEN}={chosen}"}
    assert knock(app, b"", "/console/health", "GET", **headers) == 200  # or nothing would be fuzzed but the door
    assert knock(app, b"", "/api/v1/tickets", "GET", host=HOST["host"], authorization=f"Bearer {secret}") == 200
    return app, headers, csrf, secret


def _routes(api: bool) -> list[bytes]:
    found = []
    for route in _app()[0].routes:
        if (
            isinstance(route, Route)
            and not isinstance(route, Mount)
            and route.path.startswith("/api/") == api
            and route.path not in SPOILING
            and (hasattr(route, "needs") or not api)  # an endpoint, or what is there for other methods
        ):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                found.append(
                    {
                        "method": method,
                        "path": _PARAM.sub("SEC-1", route.path),
                        "query": {"q": "x", "page": "1"},
                        "form": {"event": "12345678", "text": "x", "person": "dana.reyes", "note": "x"},
                    }
                )
    return dumped(*found)


def _pairs(value: Any) -> list[tuple[str, str]]:
    return [(str(name)[:60], str(item)[:5000]) for name, item in value.items()] if isinstance(value, dict) else []


def _asked(given: Any) -> tuple[str, str, bytes]:
    """(method, path, query) of an input."""
    method, path = str(given.get("method", "GET")).upper()[:10], str(given.get("path", "/"))[:500]
    if not re.fullmatch("[A-Z]+", method) or path.startswith(SPOILING):
        method, path = "GET", "/healthz"
    path = "/" + path.lstrip("/").encode("utf-8", "replace").decode()
    return method, path, urlencode(_pairs(given.get("query")), errors="replace").encode()


@harness(
    "web.request",
    "json",
    pieces=(b"SEC-1", b"../..", b"%00", b"2026-13", b"RUN-1"),
    made=lambda: _routes(api=False),
    seconds=4.0,
)
def web_request(data: bytes) -> None:
    """An administrator's browser, with any address, query and form."""
    given = json_of(data)
    if isinstance(given, dict):
        app, headers, csrf, _ = _app()
        method, path, query = _asked(given)
        body = urlencode([("csrf", csrf), *_pairs(given.get("form"))], errors="replace").encode()
        status = knock(
            app,
            body if method != "GET" else b"",
            path,
            method,
            query,
            **headers,
            content_type="application/x-www-form-urlencoded",
        )
        assert 200 <= status < 500 or status == 503, (status, method, path)


@harness(
    "web.body",
    pieces=(
        b"--b\r\n",
        b"--b--\r\n",
        b'Content-Disposition: form-data; name="files"; filename="x.eml"\r\n\r\n',
        b"=",
        b"&",
        b"%",
        b"text=",
        b";" * 200,
    ),
    made=lambda: [
        b'--b\r\nContent-Disposition: form-data; name="event"\r\n\r\n12345678\r\n--b\r\n'
        b'Content-Disposition: form-data; name="files"; filename="x.eml"\r\n'
        b"\r\nFrom: a@b.example\r\n\r\n--b--\r\n",
        b"event=12345678&text=hello",
    ],
    seconds=4.0,
)
def web_body(data: bytes) -> None:
    """Forms as bytes: in pieces, badly coded, cut off."""
    app, headers, _, _ = _app()
    for path in ("/chat/send", "/console/sign-in", "/console/tickets/SEC-1/claim", "/console/runs/RUN-1/done"):
        for kind in ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "multipart/form-data"):
            status = knock(app, data, path, "POST", **headers, content_type=kind)
            assert 200 <= status < 500 or status == 503, (status, path, kind)


@harness(
    "api.request",
    "json",
    pieces=(b"SEC-1", b"S9", b"2026-02-30", b"cursor"),
    made=lambda: _routes(api=True),
    seconds=4.0,
)
def api_request(data: bytes) -> None:
    """A program with a token of every scope, with any JSON."""
    given = json_of(data)
    if isinstance(given, dict):
        app, _, _, secret = _app()
        method, path, query = _asked(given)
        body = json.dumps(given.get("form")).encode()
        headers = {
            "authorization": f"Bearer {secret}",
            "idempotency-key": quote(str(given.get("key", "k")))[:60],
            "content_type": "application/json",
        }
        status = knock(app, body, path, method, query, host=HOST["host"], **headers)
        assert 200 <= status < 500 or status == 503, (status, method, path)


@harness(
    "api.body",
    pieces=(b"{", b"[" * 1000, b'"\\ud800"', b"NaN", b"1e999", b"\xff"),
    made=lambda: dumped({"text": "x"}, {"severity": "S1"}, []),
    seconds=4.0,
)
def api_body(data: bytes) -> None:
    """JSON as bytes."""
    app, _, _, secret = _app()
    for path, method in (("/api/v1/tickets", "POST"), ("/api/v1/tickets/SEC-1", "PATCH"), ("/api/v1/reports", "POST")):
        status = knock(
            app,
            data,
            path,
            method,
            host=HOST["host"],
            authorization=f"Bearer {secret}",
            content_type="application/json",
        )
        assert 200 <= status < 500, (status, path)


@cache
def _scim() -> Any:
    from pathlib import Path
    from tempfile import mkdtemp

    from adapters.stores.open import open_db
    from tests.fakes.scim import ScimHouse

    return ScimHouse(open_db("", Path(mkdtemp(prefix="secdesk-fuzz-"))), tokens=("t" * 40,))


def _users() -> list[bytes]:
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "a@x.example",
        "active": True,
        "emails": [{"value": "a@x.example", "primary": True}],
        "name": {"formatted": "A"},
        "preferredLanguage": "de-DE",
        "timezone": "Europe/Berlin",
    }
    change = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "replace", "path": "active", "value": False},
            {"op": "add", "path": 'emails[type eq "work"].value', "value": "b@x.example"},
        ],
    }
    group = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "G",
        "members": [{"value": "1"}],
    }
    return dumped(
        *(
            {"method": method, "path": path, "query": {"filter": 'userName eq "a"'}, "body": body}
            for method, path, body in (
                ("POST", "/Users", user),
                ("PUT", "/Users/1", user),
                ("PATCH", "/Users/1", change),
                ("GET", "/Users", None),
                ("POST", "/Groups", group),
                ("PATCH", "/Groups/1", change),
            )
        )
    )


@harness(
    "scim.request",
    "json",
    pieces=(b'userName eq "a" and (', b"emails[", b"]", b"urn:", b'co "%"', b"not (", b"(" * 200, b"members[value eq "),
    made=_users,
    seconds=4.0,
)
def scim_request(data: bytes) -> None:
    given = json_of(data)
    if isinstance(given, dict):
        _scim().clock.at += 1
        method, path, query = _asked(given)
        status = knock(
            _scim_app(),
            json.dumps(given.get("body")).encode(),
            "/scim/v2" + path,
            method,
            query,
            authorization="Bearer " + "t" * 40,
            content_type="application/scim+json",
        )
        assert 200 <= status < 500 or status == 501, (status, method, path)


@cache
def _scim_app() -> Any:
    from starlette.applications import Starlette

    from adapters.web.scim import Scim

    made = _scim()
    return Starlette(
        routes=Scim(made.sources, made.clock, made.run, lambda: made.tokens, "http://127.0.0.1:8765").routes()
    )
