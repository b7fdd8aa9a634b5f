"""The SCIM service over a real database, called as an identity provider calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from starlette.applications import Starlette

from adapters.directories.file import FileDirectory
from adapters.stores.audit import SqlAuditStore
from adapters.stores.core import SqlCoreStore, SqlIdentityStore
from adapters.stores.people import SqlRosterStore
from adapters.vault import KeyVault
from adapters.web.scim import PATH, Scim
from bot.audit import AuditLog
from bot.directory import Rules, Said
from bot.directory_roster import Roster
from bot.directory_sources import Sources
from bot.model import Person
from bot.people import Identities
from bot.ports import Db
from bot.turn import Work

T = TypeVar("T")
NOW = 1_900_000_000.0
TOKEN = "a-token-of-the-identity-provider"
URL = "http://testserver"


class InLoop(httpx.BaseTransport):
    """Calls an application in this thread: a thousand calls take a second, not a minute."""

    def __init__(self, app: Starlette) -> None:
        self._app, self._loop = app, asyncio.new_event_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.read(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
            "path": request.url.path, "raw_path": request.url.raw_path, "query_string": request.url.query, "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw], "client": ("127.0.0.1", 5),
            "server": ("testserver", 80),
        }  # fmt: skip
        self._loop.run_until_complete(self._app(scope, receive, send))
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)

    def close(self) -> None:
        self._loop.close()


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: float = NOW

    def now(self) -> float:
        return self.at


@dataclass
class ScimHouse:
    """A directory, a roster and the service."""

    db: Db
    people: Iterable[Person | Said] = ()
    rules: Rules = field(default_factory=Rules)
    tokens: tuple[str, ...] = (TOKEN,)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.vault = KeyVault({1: b"k" * 32})
        self.directory = FileDirectory(None)
        self.directory.replace(self.people, self.rules)
        self.store = SqlRosterStore(self.db)
        self.roster = Roster(self.db, self.store, self.vault)
        self.directory.attach(self.roster, self.clock.now)
        self.identities = Identities(self.db, SqlIdentityStore(self.db), self.vault, self.directory)
        self.audit = AuditLog(self.vault, SqlAuditStore())
        self.sources = Sources(self.roster, self.work, self.directory, self.identities, self.store)
        scim = Scim(self.sources, self.clock, self.run, lambda: self.tokens, URL)
        self.client = httpx.Client(
            transport=InLoop(Starlette(routes=scim.routes())),
            base_url=URL,
            headers={"authorization": f"Bearer {TOKEN}"},
        )

    def work(self, change: Callable[[Work], T]) -> T:
        with self.db.tx() as tx:
            return change(Work(tx, self.clock.now(), SqlCoreStore(self.db), self.audit, {}))

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to a call."""
        return self.client.request(method, PATH + path, json=body, headers=headers)

    def user(self, user_name: str, /, **more: Any) -> dict[str, Any]:
        """Create a user, a second after the one before; what came back."""
        self.clock.at += 1
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user_name,
            "active": True,
            **more,
        }
        made = self.call("POST", "/Users", body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def group(self, name: str, *members: str) -> dict[str, Any]:
        """Create a group; what came back."""
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
            "members": [{"value": member} for member in members],
        }  # fmt: skip
        made = self.call("POST", "/Groups", body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        """The answer to a PATCH."""
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
        return self.call("PATCH", path, body)
