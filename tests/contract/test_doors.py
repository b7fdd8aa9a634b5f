"""Every door of the running application, and what each does with credentials that are missing, wrong, expired, played again, or
somebody else's.

The doors are taken from the application as it is served, with every channel and option on: a route that nobody has sorted into
`DOORS` fails here. What can be tried on every route of a door at once is tried here; for the rest the test that does it is named.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from adapters.signing import HEADER, signature
from adapters.stores.sessions import NewSession
from adapters.web.metrics import Metrics
from adapters.web.sessions import COOKIE, digest_of
from bot.app import App
from bot.app.serving import Edge, front
from bot.tokens import SCOPES
from tests.docs import ROOT
from tests.fakes import slack_house
from tests.fakes.slack import DESK, SECRET, FakeSlack, signed
from tests.fakes.slack_app import make
from tests.fakes.teams import APP, OTHER_TENANT, TENANT, FakeTeams
from tests.fakes.teams import running as teams_running

server, contents = slack_house.server, slack_house.contents
HOUR = 3600.0
OURS = "https://secdesk.northwind.example"
HOW = ("missing", "wrong", "expired", "replayed", "other")
_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")

# door: (which of its credentials are tried here, what shows the rest)
HERE = "here"
NONE = "it takes no credentials: "
SLACK, OAUTH, TEAMS = (
    "tests/contract/test_slack_edge.py",
    "tests/contract/test_slack_oauth.py",
    "tests/unit/test_teams_auth.py",
)
SECURITY, OIDC, TOKENS = (
    "tests/unit/test_web_security.py",
    "tests/unit/test_web_oidc.py",
    "tests/unit/test_oidc_tokens.py",
)
DOORS: dict[str, dict[str, str]] = {
    "open": dict.fromkeys(
        HOW, NONE + "it says that we are alive, or what the API looks like, and nothing about anybody"
    ),
    "metrics": {
        "missing": HERE,
        "wrong": HERE,
        "other": HERE,
        "expired": NONE + "the token is a setting",
        "replayed": NONE + "reading twice changes nothing",
    },
    "sign-in": {
        "missing": HERE,
        "wrong": HERE,
        "expired": f"{SECURITY}::test_an_old_link_says_how_to_get_another",
        "replayed": f"{SECURITY}::test_a_link_used_twice_says_how_to_get_another",
        "other": f"{SECURITY}::test_a_link_for_somebody_without_a_desk_role_is_no_use",
    },
    "provider": {
        "missing": HERE,
        "wrong": HERE,
        "expired": f"{TOKENS}::test_any_other_token_lets_nobody_in",
        "replayed": f"{OIDC}::test_an_answer_counts_once_and_in_its_own_browser",
        "other": f"{OIDC}::test_another_account_with_the_same_address_is_let_in_only_after_release",
    },
    "logout": {
        "missing": HERE,
        "wrong": HERE,
        "expired": f"{TOKENS}::test_a_logout_token_is_one_or_it_is_not",
        "replayed": "tests/contract/test_sessions.py::test_a_logout_token_counts_once",
        "other": f"{OIDC}::test_of_logout_tokens_only_those_that_do_not_hold_are_counted",
    },
    "console": dict.fromkeys(HOW, HERE),
    "api": dict.fromkeys(HOW, HERE),
    "scim": {
        "missing": HERE,
        "wrong": HERE,
        "expired": HERE,
        "other": HERE,
        "replayed": "tests/contract/test_scim.py::test_a_name_is_taken_once",
    },
    "slack": {
        "missing": HERE,
        "wrong": HERE,
        "expired": HERE,
        "other": HERE,
        "replayed": "tests/contract/test_slack.py::test_the_same_event_twice_has_one_reply",
    },
    "slack install": {
        "missing": HERE,
        "wrong": HERE,
        "expired": f"{OAUTH}::test_a_forged_or_stale_callback_is_refused_and_slack_is_not_asked",
        "replayed": "tests/contract/test_slack_store.py::test_the_state_of_an_installation_works_once_and_in_time",
        "other": f"{OAUTH}::test_a_workspace_that_is_not_ours_is_not_kept_and_its_token_given_back",
    },
    "teams": {
        "missing": HERE,
        "wrong": HERE,
        "expired": HERE,
        "other": HERE,
        "replayed": "tests/contract/test_teams.py::test_the_same_event_twice_has_one_reply",
    },
    "tracker": {
        "missing": HERE,
        "wrong": HERE,
        "expired": HERE,
        "other": HERE,
        "replayed": "tests/contract/test_trackers.py::test_what_is_pushed_has_its_effect_once",
    },
    "chat": {
        "missing": "tests/unit/test_web_chat.py::test_leaving_goes_back_to_the_choice",
        "wrong": f"{SECURITY}::test_the_chosen_person_is_signed",
        "expired": "tests/unit/test_web_chat.py::test_somebody_who_is_gone_has_to_choose_again",
        "replayed": "tests/unit/test_web_chat.py::test_a_double_submit_has_one_effect",
        "other": "tests/unit/test_web_chat.py::test_nobody_can_mark_a_post_of_somebody_else",
    },
}


def door_of(path: str) -> str:
    """Which door a path belongs to; "" for a new one, which has to be sorted in."""
    exact = {
        "/healthz": "open",
        "/readyz": "open",
        "/api/v1/openapi.json": "open",
        "/api/v1/docs": "open",
        "/metrics": "metrics",
        "/console/sign-in": "sign-in",
        "/console/sign-in/out": "sign-in",
        "/console/sign-out": "sign-in",
        "/console/sign-in/start": "provider",
        "/console/sign-in/back": "provider",
        "/console/sign-in/ended": "logout",
        "/slack/events": "slack",
        "/slack/install": "slack install",
        "/slack/oauth_redirect": "slack install",
        "/api/messages": "teams",
        "/hooks/tracker": "tracker",
        "/": "open",
        "/who": "chat",
        "/leave": "chat",
    }
    families = {"/console": "console", "/api/v1": "api", "/scim/v2": "scim", "/chat": "chat", "/static": "open"}
    if path in exact:
        return exact[path]
    return next(
        (door for start, door in families.items() if path == start or path.startswith((f"{start}/", f"{start}{{"))), ""
    )


@dataclass(frozen=True)
class Where:
    """One route and method. `needs` is the console's permission, None elsewhere."""

    door: str
    path: str
    method: str
    needs: Any = None

    @property
    def address(self) -> str:
        verb = next(iter(self.needs)) if isinstance(self.needs, Mapping) else "x"
        return _PARAM.sub("nothing-there", self.path.replace("{verb}", verb).replace("v1{rest", "v1/{rest"))


class World:
    """Secdesk as it is served, with everything on, in an event loop of its own."""

    def __init__(self, app: App, teams: FakeTeams) -> None:
        self.app, self.teams, self.loop = app, teams, asyncio.new_event_loop()
        edge, self.metrics = Edge(app, Metrics()), Metrics()
        app.bridge.use(self.loop)
        jobs: Any = SimpleNamespace(state=lambda: ("running", ""))
        self.edge, self.front = edge, front(app, edge, self.metrics, jobs, edge.doors())

    def where(self) -> list[Where]:
        rest: Any = self.front.rest
        found = [
            Where(door_of(path), path, "POST" if "/slack/" not in path or path.endswith("events") else "GET")
            for path in self.front.endpoints
        ]
        for route in rest.routes:
            if isinstance(route, Mount):
                found.append(Where(door_of(route.path), route.path, "GET"))
            elif isinstance(route, Route):
                methods = sorted((route.methods or set()) - {"HEAD"})
                found += [
                    Where(door_of(route.path), route.path, method, getattr(route, "needs", None)) for method in methods
                ]
        return found

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] = {}, content: bytes | None = None, **form: str
    ) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.front, client=("198.51.100.7", 4000))  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url=OURS) as client:
                body: Any = (
                    {"content": content} if content is not None else {"data": form} if form and method != "GET" else {}
                )
                return await client.request(method, path, headers=dict(headers), **body)

        return self.loop.run_until_complete(go())

    def rows(self) -> dict[str, int]:
        """How much is in every table but the ones that count refusals and hold states of ways that were begun."""
        tables = self.app.db.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        kept = [
            row["name"]
            for row in tables
            if "fts" not in row["name"] and row["name"] not in {"slack_state", "slack_pace", "teams_pace"}
        ]
        return {name: int(self.app.db.query(f"SELECT COUNT(*) AS n FROM {name}")[0]["n"]) for name in kept}

    def settle(self) -> None:
        """Wait for what runs behind the acknowledgements of the platforms."""
        for platform in self.app.platforms.values():
            turns: Any = platform
            self.loop.run_until_complete(turns._turns.close(20))

    def session(self, who: str, *, at: float | None = None, roles: tuple[str, ...] = (), over: bool = False) -> str:
        """A session's cookie: begun at a time, with roles that a provider gave (or the directory's)."""
        app, token = self.app, secrets.token_urlsafe(16)
        person = app.directory.find(who)
        assert person is not None

        def begin(work: Any) -> None:
            met, since = app.identities.meet(work.tx, person, work.at), work.at if at is None else at
            via = "oidc" if roles else "link"
            app.sessions.begin(
                work.tx,
                NewSession(
                    digest_of(app.vault, "session", token),
                    secrets.token_hex(4),
                    met.key,
                    since,
                    since + 8 * HOUR,
                    via,
                    json.dumps(roles) if roles else "",
                ),
            )
            if over:
                app.sessions.end(work.tx, digest_of(app.vault, "session", token))

        app.work(begin)
        return f"{COOKIE}={token}"

    def token(self, who: str = "sam.ortiz", **columns: object) -> str:
        """An API token of every scope; then its row as the test wants it."""
        app = self.app
        person = app.directory.find(who)
        assert person is not None

        def create(work: Any) -> Any:
            met = app.identities.meet(work.tx, person, work.at)
            return app.tokens.create(work, "a test", met, tuple(SCOPES), 30, "cli")

        token, secret = app.work(create)
        with app.db.tx() as tx:
            for column, value in columns.items():
                tx.execute(f"UPDATE api_token SET {column} = :value WHERE id = :id", value=value, id=token.id)
        return str(secret)


@pytest.fixture(scope="module")
def world(server: FakeSlack, contents: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server.reset()
    with teams_running() as teams:
        app = make(
            tmp_path_factory.mktemp("doors"),
            server,
            contents,
            channels=("slack", "teams"),
            slack_bot_token="",
            slack_client_id="1.2",
            slack_client_secret="s" * 20,
            slack_workspaces=("T0OTHER",),
            slack_desk=f"T0OTHER/{DESK}",
            public_url=OURS,
            teams_app_id=APP,
            teams_tenant=TENANT,
            teams_secret="s3cret",
            teams_desk="19:desk@thread.tacv2",
            teams_hosts=("127.0.0.1",),
            teams_login=teams.base,
            teams_metadata=f"{teams.base}/.well-known/openidconfiguration",
            teams_service=teams.service_url,
            scim_token="t" * 40,
            issuer="https://id.example",
            signin_client="console",
            signin_secret="s",
            tracker="webhook",
            tracker_url="https://tracker.example/in",
            tracker_token="k" * 32,
            api_per_minute=1_000_000,
        )
        made = World(app, teams)
        yield made
        made.loop.run_until_complete(_stop(app))
        made.edge.close()
        app.close()


async def _stop(app: App) -> None:
    for platform in app.platforms.values():
        await platform.stop()


# the table


def test_every_route_belongs_to_a_door(world: World) -> None:
    assert [] == sorted({where.path for where in world.where() if where.door not in DOORS})
    assert set(DOORS) - {"chat"} == {where.door for where in world.where()}
    assert [] == [door for door, how in DOORS.items() if set(how) != set(HOW)]


def test_every_test_that_the_table_names_is_there() -> None:
    named = {name for how in DOORS.values() for name in how.values() if "::" in name}
    assert [] == sorted(name for name in named if not exists(name))


def exists(name: str) -> bool:
    """Whether `file::test` is there."""
    path, _, test = name.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


# what is sent


def from_page(cookie: str = "") -> dict[str, str]:
    return {"origin": OURS, "sec-fetch-site": "same-origin"} | ({"cookie": cookie} if cookie else {})


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


Sent = Callable[[World, Where], tuple[dict[str, str], bytes | None, set[int]]]
OUT = {303, 401}  # to the sign-in page, or for scripts


def console(make_cookie: Callable[[World], str], expected: set[int] = OUT) -> Sent:
    made: list[str] = []

    def sent(world: World, _where: Where) -> tuple[dict[str, str], bytes | None, set[int]]:
        made.extend([] if made else [make_cookie(world)])
        return from_page(made[0]), None, expected

    return sent


def api(make_token: Callable[[World], str], expected: set[int]) -> Sent:
    made: list[str] = []

    def sent(world: World, _where: Where) -> tuple[dict[str, str], bytes | None, set[int]]:
        made.extend([] if made else [make_token(world)])
        return bearer(made[0]), b"{}", expected

    return sent


def scim(token: str) -> Sent:
    return lambda _world, _where: (bearer(token), b"{}", {401, 429})


def slack_event(world: World, **how: Any) -> tuple[bytes, dict[str, str]]:
    fake = FakeSlack()
    return signed(fake.event(fake.message(fake.user("dana.reyes"), "hello")), **how)


def slack(**how: Any) -> Sent:
    def sent(world: World, _where: Where) -> tuple[dict[str, str], bytes | None, set[int]]:
        import time

        given = {name: time.time() + value if name == "at" else value for name, value in how.items()}
        body, headers = slack_event(world, **given)
        return headers, body, {401}

    return sent


def teams(tenant: str = TENANT, **claims: Any) -> Sent:
    def sent(world: World, _where: Where) -> tuple[dict[str, str], bytes | None, set[int]]:
        activity = {
            "type": "message",
            "id": secrets.token_hex(4),
            "channelId": "msteams",
            "serviceUrl": world.teams.service_url,
            "text": "hello",
            "from": {"id": "29:dana.reyes"},
            "recipient": {"id": f"28:{APP}"},
            "channelData": {"tenant": {"id": tenant}},
            "conversation": {"id": "a:1", "conversationType": "personal"},
        }
        return bearer(world.teams.token(**claims)), json.dumps(activity).encode(), {401}

    return sent


def tracker(secret: str, off: float = 0.0) -> Sent:
    def sent(world: World, _where: Where) -> tuple[dict[str, str], bytes | None, set[int]]:
        body = json.dumps({"schema": "secdesk.update/1", "id": "u1", "ticket": "SEC-1", "status": "resolved"}).encode()
        return {HEADER: signature(secret, int(world.app.clock.now() + off), body)}, body, {401}

    return sent


def plain(headers: Mapping[str, str], expected: set[int], body: bytes | None = None) -> Sent:
    return lambda _world, _where: (dict(headers), body, expected)


HERE_SENT: dict[tuple[str, str], Sent] = {
    ("metrics", "missing"): plain({}, {403}),
    ("metrics", "wrong"): plain(bearer("nonsense"), {403}),
    ("metrics", "other"): api(lambda world: world.token(), {403}),
    ("sign-in", "missing"): plain(from_page(), {200, 303, 410}),
    ("sign-in", "wrong"): plain(from_page(f"{COOKIE}=nonsense"), {200, 303, 410}),
    ("provider", "missing"): plain(from_page(), {403, 503}),
    ("provider", "wrong"): plain(from_page("secdesk_signin=nonsense"), {403, 503}),
    ("logout", "missing"): plain({}, {400}),
    ("logout", "wrong"): plain({"content-type": "application/x-www-form-urlencoded"}, {400}, b"logout_token=a.b.c"),
    ("console", "missing"): console(lambda _world: ""),
    ("console", "wrong"): console(lambda _world: f"{COOKIE}=nonsense"),
    ("console", "expired"): console(lambda world: world.session("sam.ortiz", at=world.app.clock.now() - 9 * HOUR)),
    ("console", "replayed"): console(lambda world: world.session("sam.ortiz", over=True)),
    ("console", "other"): console(lambda world: world.session("dana.reyes"), {403}),
    ("api", "missing"): plain({}, {401}, b"{}"),
    ("api", "wrong"): plain(bearer("secdesk_" + "A" * 43), {401}, b"{}"),
    ("api", "expired"): api(lambda world: world.token(expires_at=world.app.clock.now() - 1), {401}),
    ("api", "replayed"): api(lambda world: world.token(revoked_at=world.app.clock.now() - 1), {401}),
    ("api", "other"): api(
        lambda world: world.token(person=world.app.identities.known_key(world.app.directory.find("dana.reyes"))), {403}
    ),  # type: ignore[arg-type]
    ("scim", "missing"): plain({}, {401, 429}, b"{}"),
    ("scim", "wrong"): scim("nonsense"),
    ("scim", "expired"): scim("o" * 40),
    ("scim", "other"): api(lambda world: world.token(), {401, 429}),
    ("slack", "missing"): plain({}, {401}, b"{}"),
    ("slack", "wrong"): slack(secret="x" * 32),
    ("slack", "expired"): slack(at=-301.0),
    ("slack", "other"): plain(bearer("x" * 40), {401}, b"{}"),
    ("slack install", "missing"): plain({}, {302, 400}),
    ("slack install", "wrong"): plain({"cookie": "secdesk_slack_state=nonsense"}, {302, 400}),
    ("teams", "missing"): plain({}, {401}, b"{}"),
    ("teams", "wrong"): teams(key=3),
    ("teams", "expired"): teams(exp=1_700_000_000, nbf=1_600_000_000),
    ("teams", "other"): teams(OTHER_TENANT),
    ("tracker", "missing"): plain({}, {401}, b"{}"),
    ("tracker", "wrong"): tracker("x" * 32),
    ("tracker", "expired"): tracker("k" * 32, -301.0),
    ("tracker", "other"): tracker(SECRET),
}


def test_what_the_table_says_is_tried_here_is() -> None:
    assert {(door, how) for door, each in DOORS.items() for how, said in each.items() if said == HERE} == set(HERE_SENT)


@pytest.mark.parametrize(("door", "how"), sorted(HERE_SENT), ids=str)
def test_a_door_stays_shut(world: World, door: str, how: str) -> None:
    sent, wrong = HERE_SENT[door, how], []
    places = [where for where in world.where() if where.door == door]
    assert places
    sent(world, places[0])  # makes what it needs
    before = world.rows()
    for where in places:
        headers, body, expected = sent(world, where)
        if door == "api" and where.needs is None:  # no endpoint: what is there for other methods and addresses
            expected = expected | {404, 405}
        if door in {"metrics", "sign-in", "provider", "console"} and where.method != "GET":
            body, headers = (
                b"csrf=nonsense&event=12345678",
                headers | {"content-type": "application/x-www-form-urlencoded"},
            )
        answer = world.ask(where.method, where.address, headers, body if where.method != "GET" else None)
        if answer.status_code not in expected:
            wrong.append(f"{where.method} {where.path}: {answer.status_code}")
        if (
            "set-cookie" in answer.headers
            and COOKIE in answer.headers["set-cookie"]
            and "Max-Age=0" not in answer.headers["set-cookie"]
        ):
            wrong.append(f"{where.method} {where.path}: gave a session")
    assert [] == wrong
    assert world.rows() == before


# and with good ones it opens, or nothing above would mean anything


def test_with_good_credentials_each_door_opens(world: World) -> None:
    sam, token = world.session("sam.ortiz", roles=("admin",)), world.token()
    assert 200 == world.ask("GET", "/console/health", from_page(sam)).status_code
    assert 200 == world.ask("GET", "/api/v1/tickets", bearer(token)).status_code
    assert 200 == world.ask("GET", "/scim/v2/Users", bearer("t" * 40)).status_code
    body, headers = slack_event(world)
    assert 200 == world.ask("POST", "/slack/events", headers, body).status_code
    headers, activity, _ = teams()(world, Where("teams", "/api/messages", "POST"))
    assert 200 == world.ask("POST", "/api/messages", headers, activity).status_code
    headers, update, _ = tracker("k" * 32)(world, Where("tracker", "/hooks/tracker", "POST"))
    assert 404 == world.ask("POST", "/hooks/tracker", headers, update).status_code  # genuine; there is no such ticket
    world.settle()


def test_a_form_with_the_token_of_another_session_changes_nothing(world: World) -> None:
    """A page of somebody who has a session of their own cannot act in somebody else's."""
    sam, ines = world.session("sam.ortiz", roles=("admin",)), world.session("ines.brandt", roles=("admin",))
    page = world.ask("GET", "/console/health", from_page(ines)).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    before, wrong = world.rows(), []
    for where in world.where():
        if where.door == "console" and where.method == "POST":
            answer = world.ask("POST", where.address, from_page(sam), csrf=found[1], event="87654321")
            if answer.status_code != 403:
                wrong.append(f"{where.path}: {answer.status_code}")
    assert [] == wrong
    assert world.rows() == before


def test_what_is_written_into_the_database_without_the_key_opens_nothing(world: World) -> None:
    """Whoever may write to the file, but has not the key, makes neither a session nor a token: the digests are keyed."""
    app, token = world.app, secrets.token_urlsafe(16)
    cookie, secret = world.session("sam.ortiz", roles=("admin",)), world.token()
    plain_digest = hashlib.sha256(token.encode()).hexdigest()
    with app.db.tx() as tx:
        tx.execute("UPDATE console_session SET digest = :new WHERE digest = :old", new=plain_digest,
                   old=digest_of(app.vault, "session", cookie.partition("=")[2]))  # fmt: skip
        tx.execute("UPDATE api_token SET digest = :new WHERE id = (SELECT MAX(id) FROM api_token)", new=plain_digest)
    assert world.ask("GET", "/console/health", from_page(f"{COOKIE}={token}")).status_code in OUT
    assert world.ask("GET", "/console/health", from_page(cookie)).status_code in OUT
    for given in (token, f"secdesk_{token}", plain_digest):
        assert 401 == world.ask("GET", "/api/v1/tickets", bearer(given)).status_code
    assert secret.startswith("secdesk_")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_use_a_session(world: World, site: str) -> None:
    sam, before, wrong = world.session("sam.ortiz", roles=("admin",)), world.rows(), []
    for where in world.where():
        if where.door in {"console", "sign-in", "chat"} and where.method == "POST":
            headers = {"origin": "https://evil.example", "sec-fetch-site": site, "cookie": sam}
            if (status := world.ask("POST", where.address, headers, csrf="x").status_code) != 403:
                wrong.append(f"{where.path}: {status}")
    assert [] == wrong
    assert world.rows() == before


def test_the_name_of_another_host_is_refused_at_the_web_application(world: World) -> None:
    doors = {"console", "api", "scim", "sign-in", "provider", "logout", "metrics", "open", "chat"}
    answers = {
        (where.method, where.path): world.ask(where.method, where.address, {"host": "evil.example"}).status_code
        for where in world.where()
        if where.door in doors
    }
    assert {421} == set(answers.values()), [key for key, status in answers.items() if status != 421]
