"""Microsoft Graph and its sign-in on a loopback port, as strict as the documentation: what it does not know it refuses."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TENANT, CLIENT, SECRET = "tenant-1", "client-1", "s3cret"
_MESSAGES = re.compile(r"/v1\.0/users/([^/]+)/messages")
_MOVE = re.compile(r"/v1\.0/users/([^/]+)/messages/([^/]+)/move")
_USER = re.compile(r"/v1\.0/users/([^/]+)")
_REVOKE = re.compile(r"/v1\.0/users/([^/]+)/revokeSignInSessions")
_RULES = re.compile(r"/v1\.0/users/([^/]+)/mailFolders/inbox/messageRules")


@dataclass
class FakeGraph:
    """`boxes`: address → {id: (Message-ID, folder)}; `rules`: address → rules. `refuse`: status codes to answer first.

    `users`: id → {userPrincipalName, mail, accountEnabled, revoked}, `admins` those that need a directory role.
    """

    boxes: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    refuse: list[int] = field(default_factory=list)
    tokens: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        graph = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_PATCH(self) -> None:
                self._answer()

            def _answer(self) -> None:
                if self.command == "POST" and "Content-Length" not in self.headers:
                    graph.faults.append(f"no length: {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = graph.answer(self.command, self.path, dict(self.headers), body)
                raw = json.dumps(answer).encode() if status != 204 else b""
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "7")
                if status == 302:
                    self.send_header("Location", f"{graph.url}/elsewhere")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        if parts.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token(body)
        if self.refuse:
            return self.refuse.pop(0), {"error": {"code": "x"}}
        if headers.get("Authorization") != f"Bearer token-{self.tokens}":
            return 401, {"error": {"code": "InvalidAuthenticationToken"}}
        if method == "POST" and headers.get("Content-Type") != "application/json":
            return 415, {}
        if found := self._account(method, parts.path, parts.query, body):
            return found
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for pattern, verb, handle in (
            (_MESSAGES, "GET", self._find), (_MOVE, "POST", self._move), (_RULES, "GET", self._list), (_RULES, "POST", self._rule)
        ):  # fmt: skip
            if (found := pattern.fullmatch(parts.path)) and verb == method:
                names = [unquote(name) for name in found.groups()]
                if names[0] not in self.boxes:
                    return 404, {"error": {"code": "ErrorInvalidUser"}}
                return handle(names, query, json.loads(body) if body else {})
        self.faults.append(f"{method} {path}")
        return 400, {"error": {"code": "BadRequest"}}

    def _account(self, method: str, path: str, query: str, body: bytes) -> tuple[int, dict[str, Any]] | None:
        """What the documentation says of users; None where the path is not one of theirs."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if path == "/v1.0/users" and method == "GET":
            wanted = re.fullmatch(r"mail eq '((?:[^']|'')*)'", asked.get("$filter", ""))
            if wanted is None or asked.get("$select") != "id,accountEnabled":
                return 400, {"error": {"code": "Request_BadRequest"}}
            mail = wanted[1].replace("''", "'")
            found = [self._shown(key) for key, user in self.users.items() if user.get("mail") == mail]
            return 200, {"value": found}
        if (hit := _REVOKE.fullmatch(path)) and method == "POST":
            user = self._user(unquote(hit[1]))
            if user is None or body:  # "Do not supply a request body"
                return (404 if user is None else 400), {"error": {"code": "Request_ResourceNotFound"}}
            self.users[user]["revoked"] = self.users[user].get("revoked", 0) + 1
            return 200, {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Edm.Boolean", "value": True}
        if (hit := _USER.fullmatch(path)) and method in {"GET", "PATCH"}:
            user = self._user(unquote(hit[1]))
            if user is None:
                return 404, {"error": {"code": "Request_ResourceNotFound"}}
            if method == "GET":
                return 200, self._shown(user)
            given = json.loads(body)
            if set(given) != {"accountEnabled"} or not isinstance(given["accountEnabled"], bool):
                return 400, {"error": {"code": "Request_BadRequest"}}
            if user in self.admins:
                return 403, {"error": {"code": "Authorization_RequestDenied"}}
            self.users[user] |= given
            return 204, {}
        return None

    def _user(self, name: str) -> str | None:
        """By id or sign-in name, never by mail address."""
        return next((key for key, user in self.users.items() if name in {key, user["userPrincipalName"]}), None)

    def _shown(self, key: str) -> dict[str, Any]:
        return {"id": key, "accountEnabled": self.users[key]["accountEnabled"]}

    def _token(self, body: bytes) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        expected = {"client_id": CLIENT, "client_secret": SECRET, "grant_type": "client_credentials",
                    "scope": "https://graph.microsoft.com/.default"}  # fmt: skip
        if form != expected:
            return 401, {"error": "invalid_client"}
        self.tokens += 1
        return 200, {"access_token": f"token-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"}

    def _find(self, names: list[str], query: dict[str, str], _body: Any) -> tuple[int, dict[str, Any]]:
        wanted = re.fullmatch(r"internetMessageId eq '((?:[^']|'')*)'", query.get("$filter", ""))
        if wanted is None:
            return 400, {"error": {"code": "ErrorInvalidUrlQueryFilter"}}
        message_id, box = wanted[1].replace("''", "'"), self.boxes[names[0]]
        found = [
            key for key, (known, folder) in box.items() if known == message_id and folder != "recoverableitemsdeletions"
        ]
        start = int(query.get("$skip", "0"))
        answer: dict[str, Any] = {"value": [{"id": key} for key in found[start : start + 1]]}
        if len(found) > start + 1:  # one a page, so that pages are followed
            filled = query["$filter"].replace("'", "%27").replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
            answer["@odata.nextLink"] = f"{self.url}/v1.0/users/{names[0]}/messages?$filter={filled}&$skip={start + 1}"
        return 200, answer

    def _move(self, names: list[str], _query: Any, body: Any) -> tuple[int, dict[str, Any]]:
        if set(body) != {"destinationId"} or names[1] not in self.boxes[names[0]]:
            return 400, {"error": {"code": "ErrorInvalidRequest"}}
        message_id, _ = self.boxes[names[0]][names[1]]
        self.boxes[names[0]][names[1]] = (message_id, body["destinationId"])
        return 201, {"id": names[1]}

    def _list(self, names: list[str], _query: Any, _body: Any) -> tuple[int, dict[str, Any]]:
        return 200, {"value": self.rules.get(names[0], [])}

    def _rule(self, names: list[str], _query: Any, body: Any) -> tuple[int, dict[str, Any]]:
        senders = body.get("conditions", {}).get("fromAddresses", [])
        good = set(body) == {"displayName", "sequence", "isEnabled", "conditions", "actions"} and bool(senders)
        if not good or not all("@" in item["emailAddress"]["address"] for item in senders):
            return 400, {"error": {"code": "ErrorInvalidRequest"}}
        self.rules.setdefault(names[0], []).append(body)
        return 201, body
