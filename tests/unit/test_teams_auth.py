"""The inbound check: every bad request is 401, nothing is done and nobody is called; rotation and outages."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from adapters.channels.teams_activities import Activity
from adapters.channels.teams_answers import Answer
from adapters.channels.teams_auth import InboundCheck, Keys, Trust
from adapters.channels.teams_edge import PATH, Playground, TeamsEdge
from tests.fakes.teams import APP, ISSUER, OTHER_TENANT, TENANT, FakeTeams, Fault, rsa_key, running

TRUST = Trust(APP, frozenset({TENANT}), ISSUER)
METADATA = "/.well-known/openidconfiguration"
Send = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTeams]:
    with running() as fake:
        yield fake


@pytest.fixture
def teams(server: FakeTeams) -> FakeTeams:
    server.calls.clear()
    server.metadata, server.endorsements, server.key, server.kid = None, ("msteams",), 0, "key-1"
    return server


@pytest.fixture(scope="module")
def attacker() -> Iterator[FakeTeams]:
    """Somebody else's server, which must never hear from us."""
    with running() as fake:
        yield fake


class Edge:
    """The endpoint with a real check, and what got through it."""

    def __init__(
        self,
        teams: FakeTeams,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] | None = None,
        fetched_by: float = 8.0,
    ) -> None:
        self.taken: list[Activity] = []
        self._teams, self._timeout = teams, timeout
        self.client: httpx.AsyncClient | None = None
        more: dict[str, Any] = {"clock": clock} if clock else {}
        self.keys = Keys(self._client, teams.base + METADATA, fetched_by=fetched_by, **more)
        self.app = TeamsEdge(InboundCheck(TRUST, self.keys), self._take)

    def _client(self) -> httpx.AsyncClient:
        assert self.client is not None
        return self.client

    async def _take(self, _raw: Mapping[str, Any], activity: Activity) -> Answer | None:
        self.taken.append(activity)
        return None

    def send(self, *requests: tuple[Any, str]) -> list[int]:
        """The status of each (body, authorization), one after the other in one event loop."""

        async def all_of_them() -> list[int]:
            async with httpx.AsyncClient(timeout=self._timeout) as self.client:
                return [(await post(self.app, *request)).status_code for request in requests]

        return asyncio.run(all_of_them())


async def post(app: TeamsEdge, body: Any, authorization: str, method: str = "POST") -> httpx.Response:
    content = body if isinstance(body, bytes) else httpx.Request("POST", "http://x", json=body).content
    headers = {"authorization": authorization.encode("latin-1")} if authorization else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as sender:
        return await sender.request(method, f"http://bot.example{PATH}", content=content, headers=headers)


def test_a_genuine_request_gets_through(teams: FakeTeams) -> None:
    edge = Edge(teams)
    assert [200] == edge.send((teams.message("hello"), f"Bearer {teams.token()}"))
    assert ["hello"] == [activity.text for activity in edge.taken]


BAD: dict[str, Callable[[FakeTeams], str]] = {
    "no header": lambda _: "",
    "another scheme": lambda teams: f"Basic {teams.token()}",
    "no token": lambda _: "Bearer ",
    "garbage": lambda _: "Bearer not-a-token",
    "garbage in three parts": lambda _: "Bearer a.b.c",
    "bytes that are no text": lambda _: "Bearer \x00\xff",
    "header is no object": lambda _: "Bearer W10.W10.W10",
    "an enormous one": lambda _: "Bearer " + "a" * 20_000,
    "unsigned": lambda teams: f"Bearer {teams.token(algorithm='none')}",
    "symmetric": lambda teams: f"Bearer {teams.token(algorithm='HS256')}",
    "RS512": lambda teams: f"Bearer {teams.token(algorithm='RS512')}",
    "another key under our key's id": lambda teams: f"Bearer {teams.token(key=7)}",
    "unknown key id": lambda teams: f"Bearer {teams.token(key=7, headers={'kid': 'other'})}",
    "key id is empty": lambda teams: f"Bearer {teams.token(headers={'kid': ''})}",
    "key id is a number": lambda teams: f"Bearer {forged({'alg': 'RS256', 'kid': 1})}",
    "key id is missing": lambda teams: f"Bearer {forged({'alg': 'RS256'})}",
    "algorithm is a list": lambda teams: f"Bearer {forged({'alg': ['RS256'], 'kid': teams.kid})}",
    "header has no bottom": lambda _: f"Bearer {forged(b'[' * 9_000)}",
    "header is no JSON": lambda _: f"Bearer {forged(bytes(range(256)))}",
    "brings its own key": lambda teams: f"Bearer {own_key(teams)}",
    "signature cut off": lambda teams: f"Bearer {teams.token()[:-20]}",
    "claims changed": lambda teams: f"Bearer {swapped(teams)}",
    "expired": lambda teams: f"Bearer {teams.token(exp=1_700_000_000)}",
    "without expiry": lambda teams: f"Bearer {teams.token(exp=None)}",
    "expired beyond what clocks may differ": lambda teams: f"Bearer {teams.token(exp=int(time.time()) - 301)}",
    "expiry beyond numbers": lambda teams: f"Bearer {teams.token(exp=float('nan'))}",
    "never expires": lambda teams: f"Bearer {teams.token(exp=float('inf'))}",
    "issued in no time": lambda teams: f"Bearer {teams.token(iat=float('inf'))}",
    "expiry is text": lambda teams: f"Bearer {teams.token(exp='soon')}",
    "not yet valid": lambda teams: f"Bearer {teams.token(nbf=99_999_999_999)}",
    "another issuer": lambda teams: f"Bearer {teams.token(iss='https://sts.windows.net/x/')}",
    "issuer with something behind": lambda teams: f"Bearer {teams.token(iss=ISSUER + '/')}",
    "no issuer": lambda teams: f"Bearer {teams.token(iss=None)}",
    "another app": lambda teams: f"Bearer {teams.token(aud='00000000-0000-0000-0000-000000000000')}",
    "empty audience": lambda teams: f"Bearer {teams.token(aud='')}",
    "a list of audiences": lambda teams: f"Bearer {teams.token(aud=[APP, 'other'])}",
    "no audience": lambda teams: f"Bearer {teams.token(aud=None)}",
    "no service address in the token": lambda teams: f"Bearer {teams.token(serviceurl=None)}",
    "another service address in the token": lambda teams: f"Bearer {teams.token(serviceurl='https://x.example/')}",
    "service address is no text": lambda teams: f"Bearer {teams.token(serviceurl=[teams.service_url])}",
}


def swapped(teams: FakeTeams) -> str:
    """A genuine signature over other claims."""
    head, _, sign = teams.token().split(".")
    return ".".join((head, teams.token(aud="other").split(".")[1], sign))


def forged(header: dict[str, Any] | bytes) -> str:
    """A token with this header, signed by nobody."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return f"{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}.e30.e30"


def own_key(teams: FakeTeams) -> str:
    """Well signed, by a key that stands in the token itself, and at an address of the sender's."""
    public = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(7).public_key(), as_dict=True)
    return teams.token(key=7, headers={"jwk": public, "jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/x"})


@pytest.mark.parametrize("case", BAD)
def test_a_bad_token_is_401_and_does_nothing(teams: FakeTeams, case: str) -> None:
    edge = Edge(teams)
    good = (teams.message("hello"), f"Bearer {teams.token()}")
    assert [401, 200, 401] == edge.send((good[0], BAD[case](teams)), good, (good[0], BAD[case](teams)))
    assert 1 == len(edge.taken)
    assert {METADATA, "/keys"} == {call.path for call in teams.calls}


def test_what_just_expired_is_taken_since_clocks_differ(teams: FakeTeams) -> None:
    assert [200] == Edge(teams).send((teams.message("hello"), f"Bearer {teams.token(exp=int(time.time()) - 200)}"))


def test_a_key_that_is_not_endorsed_for_teams_is_refused(teams: FakeTeams) -> None:
    teams.endorsements = ("webchat",)
    assert [401] == Edge(teams).send((teams.message("hello"), f"Bearer {teams.token()}"))


@pytest.mark.parametrize(
    "change",
    [
        {"channelId": "webchat"},
        {"channelId": None},
        {"channelData": {"tenant": {"id": OTHER_TENANT}}},
        {"channelData": {"tenant": {"id": ""}}},
        {"channelData": {"tenant": TENANT}},
        {"channelData": {}},
        {"channelData": [TENANT]},
        {"channelData": None, "conversation": {"id": "a:dana", "tenantId": TENANT}},
        {"serviceUrl": None},
        {"serviceUrl": ["x"]},
    ],
)
def test_an_activity_the_token_was_not_made_for_is_refused(teams: FakeTeams, change: Mapping[str, Any]) -> None:
    edge = Edge(teams)
    assert [401] == edge.send(({**teams.message("hello"), **change}, f"Bearer {teams.token()}"))
    assert [] == edge.taken


def test_a_genuine_token_with_somebody_elses_service_address_calls_nobody(
    teams: FakeTeams, attacker: FakeTeams
) -> None:
    edge = Edge(teams)
    stolen = {**teams.message("hello"), "serviceUrl": attacker.service_url}
    named = teams.token(serviceurl=attacker.service_url, key=3)
    assert [401, 401] == edge.send((stolen, f"Bearer {teams.token()}"), (stolen, f"Bearer {named}"))
    assert [] == attacker.calls
    assert [] == edge.taken


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[1]", 400),
        (b"null", 400),
        (b" " * 600_000, 413),
    ],
)
def test_a_bad_body_with_a_good_token_is_400_or_413(teams: FakeTeams, body: bytes, status: int) -> None:
    assert [status] == Edge(teams).send((body, f"Bearer {teams.token()}"))


@pytest.mark.parametrize(
    "change",
    [
        {"type": None},
        {"type": 5},
        {"from": "dana"},
        {"from": {}},
        {"from": {"id": {"a": 1}}},
        {"conversation": None},
        {"conversation": {"id": "x" * 5_000}},
        {"text": {"a": 1}},
        {"name": 4},
    ],
)
def test_a_bad_shape_with_a_good_token_is_400(teams: FakeTeams, change: Mapping[str, Any]) -> None:
    edge = Edge(teams)
    assert [400] == edge.send(({**teams.message("hello"), **change}, f"Bearer {teams.token()}"))
    assert [] == edge.taken


def test_of_a_strangers_request_no_byte_of_the_body_is_read(teams: FakeTeams) -> None:
    """So nobody without a token can keep us busy with one that never ends."""
    edge, read, said = Edge(teams), list[str](), list[int]()

    async def receive() -> dict[str, Any]:
        read.append("body")
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        said.extend([message["status"]] if message["type"] == "http.response.start" else [])

    async def ask() -> None:
        for headers in ([], [(b"authorization", b"Bearer a.b.c")], [(b"content-length", b"9" * 5_000)]):
            scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b""}
            await edge.app(scope, receive, send)

    asyncio.run(ask())
    assert ([401, 401, 413], []) == (said, read)


def test_a_body_that_is_cut_off_is_400(teams: FakeTeams) -> None:
    said = list[int]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.extend([message["status"]] if message["type"] == "http.response.start" else [])

    async def ask() -> None:
        edge = Edge(teams)
        async with httpx.AsyncClient() as edge.client:
            headers = [(b"authorization", f"Bearer {teams.token()}".encode())]
            scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b""}
            await edge.app(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert [400] == said


def test_only_post() -> None:
    async def ask() -> int:
        return (await post(Edge(FakeTeams()).app, {}, "", "GET")).status_code

    assert 405 == asyncio.run(ask())


def test_keys_are_fetched_once(teams: FakeTeams) -> None:
    good = (teams.message("hello"), f"Bearer {teams.token()}")
    assert [200, 200, 200] == Edge(teams).send(good, good, good)
    assert 1 == len(teams.asked("/keys"))


def test_a_rotated_key_is_known_within_one_request(teams: FakeTeams) -> None:
    edge = Edge(teams)
    old = f"Bearer {teams.token()}"

    async def rotate() -> list[int]:
        async with httpx.AsyncClient() as edge.client:
            before = await post(edge.app, teams.message("before"), old)
            teams.rotate()
            after = await post(edge.app, teams.message("after"), f"Bearer {teams.token()}")
            late = await post(edge.app, teams.message("late"), old)
            return [before.status_code, after.status_code, late.status_code]

    assert [200, 200, 401] == asyncio.run(rotate())


def test_made_up_key_ids_do_not_make_us_hammer_the_metadata(teams: FakeTeams) -> None:
    edge = Edge(teams)
    made_up = [(teams.message("x"), f"Bearer {teams.token(headers={'kid': f'k{i}'})}") for i in range(30)]
    good = (teams.message("hello"), f"Bearer {teams.token()}")
    assert [200, *[401] * 30, 200] == edge.send(good, *made_up, good)
    assert 6 == len(teams.asked(METADATA))


def test_with_the_metadata_down_known_keys_still_serve(teams: FakeTeams) -> None:
    now = [0.0]
    edge = Edge(teams, clock=lambda: now[0])
    good = (teams.message("hello"), f"Bearer {teams.token()}")

    async def over_a_day() -> list[int]:
        async with httpx.AsyncClient() as edge.client:
            first = await post(edge.app, *good)
            teams.metadata, now[0] = Fault(503), 100_000.0
            await edge.keys.tend()
            second = await post(edge.app, *good)
            unknown = await post(edge.app, teams.message("x"), f"Bearer {teams.token(headers={'kid': 'new'})}")
            return [first.status_code, second.status_code, unknown.status_code]

    assert [200, 200, 401] == asyncio.run(over_a_day())
    assert ("note", "the signing keys cannot be fetched (HTTPStatusError)") == (
        edge.keys.health().level,
        edge.keys.health().says,
    )


@pytest.mark.parametrize("fault", [Fault(503), Fault(0, wait=0.5)])
def test_without_any_keys_the_answer_is_503_and_the_health_says_so(teams: FakeTeams, fault: Fault) -> None:
    teams.metadata = fault
    edge = Edge(teams, timeout=0.2)
    assert [503] == edge.send((teams.message("hello"), f"Bearer {teams.token()}"))
    assert "bad" == edge.keys.health().level


def test_keys_that_drip_have_their_time(teams: FakeTeams) -> None:
    """Each byte comes within httpx's time-out; the whole must not hold the endpoint for ever."""
    teams.metadata = Fault(200, wait=0.05, drip=200)
    edge = Edge(teams, fetched_by=0.3)
    assert [503] == edge.send((teams.message("hello"), f"Bearer {teams.token()}"))
    assert ("bad", "the signing keys cannot be fetched (TimeoutError)") == (
        edge.keys.health().level,
        edge.keys.health().says,
    )


def test_those_who_wait_for_keys_that_do_not_come_share_one_attempt(teams: FakeTeams) -> None:
    teams.metadata = Fault(0, wait=0.5)
    now = [0.0]
    edge = Edge(teams, timeout=0.2, clock=lambda: now[0])
    good = (teams.message("hello"), f"Bearer {teams.token()}")

    async def many() -> list[int]:
        async with httpx.AsyncClient(timeout=0.2) as edge.client:
            together = [
                answer.status_code for answer in await asyncio.gather(*(post(edge.app, *good) for _ in range(8)))
            ]
            after = (await post(edge.app, *good)).status_code  # a service that fails is left alone for a while
            teams.metadata, now[0] = None, 6.0
            return [*together, after, (await post(edge.app, *good)).status_code]

    assert [503] * 9 + [200] == asyncio.run(many())
    assert 2 == len(teams.asked(METADATA))


def test_keys_are_looked_for_though_nobody_asks(teams: FakeTeams) -> None:
    now = [0.0]
    edge = Edge(teams, clock=lambda: now[0])
    levels = [edge.keys.health().level]

    async def over_two_days() -> None:
        async with httpx.AsyncClient() as edge.client:
            for moment, fault in ((0.0, Fault(503)), (15.0, None), (30.0, None), (90_000.0, None)):
                teams.metadata, now[0] = fault, moment
                await edge.keys.tend()
                levels.append(edge.keys.health().level)

    asyncio.run(over_two_days())
    assert ["note", "bad", "ok", "ok", "ok"] == levels
    assert 3 == len(teams.asked(METADATA))  # the one that failed, the first, and a day later


def test_a_slow_metadata_endpoint_does_not_block_the_loop(teams: FakeTeams) -> None:
    teams.metadata = Fault(0, wait=0.4)
    edge = Edge(teams)

    async def meanwhile() -> tuple[int, int]:
        async with httpx.AsyncClient() as edge.client:
            waiting = asyncio.ensure_future(post(edge.app, teams.message("x"), f"Bearer {teams.token()}"))
            ticks = 0
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
            return ticks, (await waiting).status_code

    ticks, status = asyncio.run(meanwhile())
    assert 200 == status
    assert 15 < ticks


def test_keys_from_plain_http_are_not_taken_when_the_metadata_is_https() -> None:
    async def fetch() -> str:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"jwks_uri": "http://keys.example/keys"})

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            keys = Keys(lambda: client, "https://login.example/metadata")
            await keys.tend()
            return keys.health().level

    assert "bad" == asyncio.run(fetch())


def test_an_empty_app_id_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="empty app id"):
        InboundCheck(Trust("", frozenset({TENANT}), ISSUER), Keys(httpx.AsyncClient, "http://x"))


def test_nothing_of_a_refused_request_is_logged(teams: FakeTeams, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "adapters")
    token = teams.token(aud="other")
    assert [401] == Edge(teams).send((teams.message("my secret question"), f"Bearer {token}"))
    assert "my secret question" not in caplog.text
    assert token not in caplog.text


def test_the_playground_lets_in_only_its_own_address(teams: FakeTeams) -> None:
    taken: list[str] = []

    async def take(_raw: Mapping[str, Any], activity: Activity) -> Answer | None:
        taken.append(activity.text)
        return None

    async def ask() -> list[int]:
        edge = TeamsEdge(Playground(teams.base, frozenset({TENANT})), take)
        elsewhere = {**teams.message("b"), "serviceUrl": "http://127.0.0.1:1/x"}
        requests = [(teams.message("a"), ""), (elsewhere, ""), (teams.message("c"), "Bearer x")]
        return [(await post(edge, *request)).status_code for request in requests]

    assert [200, 401, 401] == asyncio.run(ask())
    assert ["a"] == taken


def test_the_fake_signs_with_keys_of_its_own() -> None:
    assert rsa_key(0) is not rsa_key(7)


def test_a_remembered_token_is_checked_anew_when_it_ends_or_its_key_goes(
    teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = Edge(teams)
    good = f"Bearer {teams.token()}"

    async def script() -> list[int]:
        async with httpx.AsyncClient() as edge.client:
            statuses = [(await post(edge.app, teams.message("a"), good)).status_code for _ in range(2)]
            real = time.time
            with monkeypatch.context() as later:
                later.setattr("adapters.channels.teams_auth.time.time", lambda: real() + 100_000)
                later.setattr("jwt.api_jwt.datetime", Later)
                statuses.append((await post(edge.app, teams.message("b"), good)).status_code)
            return statuses

    assert [200, 200, 401] == asyncio.run(script())


class Later(datetime):
    """A day and more ahead."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(seconds=100_000)
