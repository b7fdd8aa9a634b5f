"""Pace, connector client, tokens, activities: each on its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.teams_activities import Malformed, plain, read
from adapters.channels.teams_connector import ATTEMPTS, PATIENCE, Connector, Gone, trusted
from adapters.channels.teams_doctor import desk_channel
from adapters.channels.teams_files import HOSTS, TeamsFiles
from adapters.channels.teams_pace import TENANT, TENANT_WAITING, THREAD, Limit, Sent, add, wait
from adapters.channels.teams_tokens import Credentials, Tokens, assertion
from bot.errors import ChannelError, ConfigError, RetryLater, Unreachable
from bot.model import Place
from tests.fakes.teams import APP, FakeTeams, Fault, certificate, rsa_key, running
from tests.fakes.teams import TENANT as TENANT_ID


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTeams]:
    with running() as fake:
        yield fake


@pytest.fixture
def teams(server: FakeTeams) -> FakeTeams:
    for kept in (server.calls, server.faults, server.messages):
        kept.clear()
    server.sign_in, server.expires_in = None, 3600
    return server


# pace


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=150), st.sampled_from([THREAD[:3], TENANT, TENANT_WAITING]))
def test_no_window_ever_holds_more_than_its_limit(gaps: list[float], limits: tuple[Limit, ...]) -> None:
    sent, now, times = Sent(), 1_900_000_000.0, list[float]()
    for gap in gaps:
        now += gap
        now += wait(sent, limits, now)
        assert 0.0 == wait(sent, limits, now + 1e-6)
        sent = Sent.load(add(sent, limits, now).dump())
        times.append(now)
    for limit in limits:
        assert all(sum(start <= at < start + limit.window - 1e-4 for at in times) <= limit.most for start in times)


def test_the_hour_is_kept_too() -> None:
    sent, now = Sent(), 1_900_000_000.0
    start, count = now, 0
    while now < start + 3_600:
        now += wait(sent, THREAD, now)
        sent, count = add(sent, THREAD, now), count + 1
        now += 0.6
    assert 1_700 < count <= 1_801


def test_waiting_messages_leave_a_share_of_the_tenant_to_the_living() -> None:
    sent = Sent()
    for i in range(35):
        sent = add(sent, TENANT_WAITING, 100.0 + i / 1_000)
    assert wait(sent, TENANT_WAITING, 100.1) > 0.8
    assert 0.0 == wait(sent, TENANT, 100.1)


# connector


class Token:
    """Hands out tokens and notes which were refused."""

    def __init__(self) -> None:
        self.number, self.dropped = 1, list[str]()

    async def get(self) -> str:
        return f"t{self.number}"

    def drop(self, token: str) -> None:
        self.dropped.append(token)
        self.number += 1


def call(teams: FakeTeams, *faults: Fault, how: str = "post", timeout: float = 5.0, token: Token | None = None) -> Any:
    """(result or error, pauses) of one call with these answers in front."""
    teams.faults.extend(faults)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def go() -> Any:
        async with httpx.AsyncClient(timeout=timeout) as client:
            connector = Connector(lambda: client, token or Token(), pause)
            try:
                if how == "put":
                    return await connector.put(teams.service_url, "a:x", "m1", {"type": "message"})
                return await connector.post(teams.service_url, "a:x", {"type": "message"})
            except ChannelError as error:
                return error

    return asyncio.run(go()), pauses


@pytest.mark.parametrize("status", [412, 429, 502, 504])
def test_what_the_platform_asks_to_repeat_is_repeated_with_jitter(teams: FakeTeams, status: int) -> None:
    random.seed(7)
    result, pauses = call(teams, Fault(status), Fault(status))
    assert "m1" == result
    assert [True, True] == [0.5 <= pauses[0] <= 0.75, 1.0 <= pauses[1] <= 1.5]
    assert 3 == len(teams.calls)


def test_retry_after_is_kept(teams: FakeTeams) -> None:
    result, pauses = call(teams, Fault(429, {"Retry-After": "3"}))
    assert "m1" == result
    assert 3.0 <= pauses[0] <= 4.5


def test_a_long_retry_after_is_the_callers(teams: FakeTeams) -> None:
    result, pauses = call(teams, Fault(429, {"Retry-After": "60"}))
    assert isinstance(result, RetryLater)
    assert 60 <= result.seconds <= 90
    assert [] == pauses


def test_patience_ends(teams: FakeTeams) -> None:
    result, pauses = call(teams, *[Fault(502)] * 9)
    assert isinstance(result, RetryLater)
    assert ATTEMPTS == len(teams.calls)
    assert sum(pauses) <= PATIENCE


@pytest.mark.parametrize(
    ("fault", "how", "kind"),
    [
        (Fault(403, code="MessageWritesBlocked"), "post", Unreachable),
        (Fault(404, code="ConversationNotFound"), "post", Unreachable),
        (Fault(404, code="ActivityNotFoundInConversation"), "put", Gone),
        (Fault(404), "put", Gone),
        (Fault(500), "post", RetryLater),
        (Fault(503), "post", RetryLater),
        (Fault(400, code="BadSyntax"), "post", ChannelError),
        (Fault(413, code="MessageSizeTooBig"), "post", ChannelError),
    ],
)
def test_each_answer_has_its_meaning(teams: FakeTeams, fault: Fault, how: str, kind: type[Exception]) -> None:
    result, _ = call(teams, fault, how=how)
    assert kind is type(result)


def test_a_refused_token_is_dropped_and_a_new_one_taken_once(teams: FakeTeams) -> None:
    token = Token()
    result, _ = call(teams, Fault(401), token=token)
    assert ("m1", ["t1"]) == (result, token.dropped)
    assert ["t1", "t2"] == [call.token for call in teams.calls]
    result, _ = call(teams, Fault(401), Fault(401), token=token)
    assert type(result) is ChannelError


def test_no_answer_is_not_waited_for(teams: FakeTeams) -> None:
    result, _ = call(teams, Fault(0, wait=0.5), timeout=0.1)
    assert isinstance(result, RetryLater)


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "ftp://x", "https://u:p@x.example/", "", "//x", "http://[", "https://"]
)
def test_our_token_travels_by_https_only(url: str) -> None:
    with pytest.raises(ChannelError):
        trusted(url)


# tokens


def tokens(
    teams: FakeTeams,
    script: Callable[[Tokens, list[float]], Any],
    *,
    timeout: float = 0.3,
    signed_in_by: float = 8.0,
    **more: Any,
) -> Any:
    now = [1_000.0]

    async def go() -> Any:
        async with httpx.AsyncClient(timeout=timeout) as client:
            known = Credentials(APP, TENANT_ID, **{"secret": "s3cret", "login_url": teams.base, **more})
            return await script(Tokens(lambda: client, known, lambda: now[0], signed_in_by=signed_in_by), now)

    return asyncio.run(go())


def test_one_token_an_hour_however_many_ask_at_once(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, now: list[float]) -> list[str]:
        first = await asyncio.gather(*(tokens.get() for _ in range(20)))
        now[0] += 3_200
        second = await tokens.get()
        now[0] += 200  # within five minutes of its end: renewed behind those who ask
        third = await asyncio.gather(*(tokens.get() for _ in range(20)))
        await until(lambda: len(teams.asked("token")) == 2)
        await tokens.close()
        return [*set(first), second, *set(third)]

    assert ["ours-1", "ours-1", "ours-1"] == tokens(teams, script)
    assert 2 == len(teams.asked("token"))
    form = teams.asked("token")[0].body
    assert "grant_type=client_credentials" in form
    assert "scope=https%3A%2F%2Fapi.botframework.com%2F.default" in form


@pytest.mark.parametrize("fault", [Fault(503), Fault(401), Fault(0, wait=0.6)])
def test_a_failing_sign_in_service_is_left_alone_for_a_while(teams: FakeTeams, fault: Fault) -> None:
    async def script(tokens: Tokens, now: list[float]) -> Any:
        teams.sign_in = fault
        for _ in range(5):
            with pytest.raises(RetryLater):
                await tokens.get()
        level = tokens.health().level
        teams.sign_in, now[0] = None, now[0] + 10
        return level, await tokens.get(), tokens.health().level

    level, _, after = tokens(teams, script)
    assert ("bad", "ok") == (level, after)
    assert 2 == len(teams.asked("token"))


def test_while_the_old_token_is_good_an_outage_is_only_a_note(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, now: list[float]) -> Any:
        first = await tokens.get()
        teams.sign_in, now[0] = Fault(503), now[0] + 3_400
        second = await tokens.get()
        await until(lambda: tokens.health().level != "ok")
        return first == second, tokens.health().level, tokens.health().mend

    assert (True, "note", "the token we have is still good") == tokens(teams, script)


def test_a_slow_sign_in_service_holds_nobody_up_while_the_old_token_is_good(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, now: list[float]) -> tuple[list[str], list[int]]:
        await tokens.get()
        teams.sign_in, now[0] = Fault(0, wait=30), now[0] + 3_400
        ticks = [0]

        async def tick() -> None:
            while True:
                ticks[0] += 1
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(tick())
        got = [await tokens.get() for _ in range(5)]
        beside.cancel()
        await tokens.close()
        return got, ticks

    got, ticks = tokens(teams, script, timeout=60.0)
    assert ["ours-1"] * 5 == got
    assert ticks[0] < 1_000, "nobody waited"


def test_a_sign_in_that_drips_has_its_time(teams: FakeTeams) -> None:
    """Each byte comes within httpx's time-out; the whole must not take for ever."""

    async def script(tokens: Tokens, _now: list[float]) -> tuple[str, str]:
        teams.sign_in = Fault(200, wait=0.05, drip=200)
        with pytest.raises(RetryLater):
            await tokens.get()
        return tokens.health().level, tokens.health().says

    assert ("bad", "the sign-in service cannot be reached (TimeoutError)") == tokens(teams, script, signed_in_by=0.3)


def test_a_sign_in_service_that_is_back_is_noticed_though_nobody_asks(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, now: list[float]) -> list[str]:
        await tokens.tend()
        assert [] == teams.asked("token")
        teams.sign_in = Fault(503)
        with pytest.raises(RetryLater):
            await tokens.get()
        levels = [tokens.health().level]
        teams.sign_in, now[0] = None, now[0] + 15
        await tokens.tend()
        return [*levels, tokens.health().level]

    assert ["bad", "ok"] == tokens(teams, script)


def test_a_new_token_that_is_refused_is_not_asked_for_again_and_again(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, now: list[float]) -> list[str]:
        first = await tokens.get()
        tokens.drop(first)
        kept, now[0] = await tokens.get(), now[0] + 100
        tokens.drop(first)
        return [first, kept, await tokens.get()]

    assert ["ours-1", "ours-1", "ours-2"] == tokens(teams, script)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it, with a limit."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


def test_managed_identity(teams: FakeTeams) -> None:
    async def script(tokens: Tokens, _now: list[float]) -> str:
        return await tokens.get()

    assert "managed-1" == tokens(teams, script, secret="", managed=True, identity_url=f"{teams.base}/identity/token")


def test_a_certificate_signs_an_assertion(tmp_path: Path) -> None:
    key, path = rsa_key(5), tmp_path / "bot.pem"
    certificate(path, 5, until=dt.datetime(2049, 1, 1, tzinfo=dt.UTC))
    known = Credentials(APP, TENANT_ID, certificate=path)
    signed = assertion(known, path)
    claims = jwt.decode(signed, key.public_key(), algorithms=["PS256"], audience=known.token_url)
    assert (APP, APP) == (claims["iss"], claims["sub"])
    assert 43 == len(jwt.get_unverified_header(signed)["x5t#S256"])


def test_an_answer_that_drips_is_not_waited_for(teams: FakeTeams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.channels.teams_connector.ANSWERED_BY", 0.2)
    result, _ = call(teams, Fault(200, wait=0.05, drip=200))
    assert isinstance(result, RetryLater)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"])
def test_a_bad_certificate_says_what_it_must_be(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bot.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="must be a PEM file"):
        assertion(Credentials(APP, TENANT_ID, certificate=path), path)


def test_secrets_are_in_no_repr() -> None:
    assert "s3cret" not in repr(Credentials(APP, TENANT_ID, "s3cret"))


# activities

FAKE = FakeTeams("http://127.0.0.1:1")


def test_our_name_goes_and_others_stay() -> None:
    raw = FAKE.mention(FAKE.message("ask <at>Dana</at>\u00a0 please"))
    assert ("ask Dana please", True) == (read(raw).text, read(raw).mentions_us)


def test_somebody_elses_mention_is_not_ours() -> None:
    raw = FAKE.message("<at>Secdesk</at> hi")
    raw["entities"] = [{"type": "mention", "text": "<at>Secdesk</at>", "mentioned": {"id": "28:other"}}]
    assert ("Secdesk hi", False) == (read(raw).text, read(raw).mentions_us)


def test_a_thread_is_part_of_the_place_in_a_channel_only() -> None:
    in_channel = read(FAKE.in_channel(FAKE.message("x"), "19:a@thread.tacv2", "55"))
    assert Place("teams", "19:a@thread.tacv2", "55", private=False) == in_channel.place
    assert "19:a@thread.tacv2;messageid=55" == in_channel.address
    assert Place("teams", "a:dana.reyes") == read(FAKE.message("x")).place


def test_the_key_names_conversation_and_activity() -> None:
    first, second = read(FAKE.message("x")), read(FAKE.message("x"))
    assert first.key != second.key
    assert first.key == f"teams:a:dana.reyes:{first.id}"


def test_data_of_a_button_is_taken_apart_and_nothing_else_believed() -> None:
    data = {
        "secdesk": {"action": "desk.reply", "value": "SEC-1", "inputs": ["text.2", "reach.3", 5]},
        "text.2": "hello",
        "reach.3": "phone",
        "admin": "yes",
    }
    action = read(FAKE.activity("message", value=data)).action
    assert action is not None
    assert ("desk.reply", "SEC-1", {"text": "hello", "reach": "phone"}) == (action.id, action.value, dict(action.form))


@pytest.mark.parametrize("value", [{}, {"secdesk": "x"}, {"secdesk": {"action": 1}}, {"other": {}}, [1], "x", None])
def test_a_value_that_is_not_ours_is_no_press(value: Any) -> None:
    assert read(FAKE.activity("message", text="hello", value=value)).kind == "message"


def test_html_becomes_text() -> None:
    assert "a & b <c>\nd" == plain("<p>a &amp; b &lt;c&gt;<br>d</p>")
    assert "&lt;" == plain("&amp;lt;")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["type", "id", "from", "conversation", "recipient", "channelData", "text", "entities", "attachments", "value",
          "name", "membersAdded", "timestamp", "replyToId", "locale", "textFormat"]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values), st.sampled_from(["message", "invoke", "conversationUpdate"])
)
def test_any_shape_is_an_activity_or_malformed(change: dict[str, Any], kind: str) -> None:
    raw = {**FAKE.activity(kind, name="adaptiveCard/action"), **change}
    try:
        read(raw)
    except Malformed:
        return


# files and settings


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://contoso.sharepoint.com/x", True),
        ("https://contoso-my.sharepoint.com:443/x", True),
        ("https://CONTOSO.SharePoint.com./x", True),
        ("https://sharepoint.com.evil.example/x", False),
        ("https://evilsharepoint.com/x", False),
        ("http://contoso.sharepoint.com/x", False),
        ("https://contoso.sharepoint.com@evil.example/x", False),
    ],
)
def test_file_hosts(url: str, allowed: bool) -> None:
    assert allowed is TeamsFiles(httpx.AsyncClient, HOSTS).allowed(url)


def test_the_desk_channel_may_be_given_as_a_link() -> None:
    link = "https://teams.microsoft.com/l/channel/19%3Aabc%40thread.tacv2/Desk?groupId=1&tenantId=2"
    assert "19:abc@thread.tacv2" == desk_channel(link) == desk_channel("19:abc@thread.tacv2")
    assert "" == desk_channel("Desk")
