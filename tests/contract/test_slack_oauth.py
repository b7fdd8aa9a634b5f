"""Installing Secdesk in many workspaces and in a whole organisation: state, tokens, who may, and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adapters.channels.slack_oauth import COOKIE, INSTALL, REDIRECT, STATE_SECONDS, installed
from adapters.channels.slack_scopes import SCOPES
from adapters.channels.slack_state import INSTALL_KEPT, Install
from bot.app import App
from bot.errors import StoreUnavailable
from tests.fakes import slack_house
from tests.fakes.slack import DESK, ENTERPRISE, TOKEN, FakeSlack, Fault, Json
from tests.fakes.slack_app import Driver, make, run, shown

server, slack, contents = slack_house.server, slack_house.slack, slack_house.contents

OTHER = "T0OTHER"  # the workspace that the fake installs for the code "good"; "grid" is the whole organisation
PUBLIC = "https://secdesk.northwind.example"
QUESTION, ANSWER = "how do I report a phishing mail?", "How do I report a suspicious email?"
MANY: Json = {"slack_bot_token": "", "slack_client_id": "12.34", "slack_client_secret": "client secret", "public_url": PUBLIC,
              "slack_workspaces": (OTHER, ENTERPRISE), "slack_desk": f"{OTHER}/{DESK}"}  # fmt: skip


@pytest.fixture
def app(slack: FakeSlack, tmp_path: Path, contents: Any) -> Iterator[App]:
    slack.tokens.pop(TOKEN, None)
    made = make(tmp_path, slack, contents, **MANY)
    yield made
    made.close()


class Browser:
    """Somebody's browser: keeps cookies, follows nothing."""

    def __init__(self, t: Driver) -> None:
        self.t, self.cookies = t, httpx.Cookies()

    async def get(self, path: str, method: str = "GET", **query: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.t.endpoints[path])
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC, cookies=self.cookies) as client:
            answer = await client.request(method, path, params=query)
        self.cookies.update(answer.cookies)
        return answer

    async def begin(self) -> str:
        """Off to Slack; the state that came along."""
        return asked(await self.get(INSTALL))["state"]

    async def install(self, code: str = "good") -> httpx.Response:
        return await self.get(REDIRECT, state=await self.begin(), code=code)


def asked(answer: httpx.Response) -> dict[str, str]:
    return {key: value[0] for key, value in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def kept(app: App) -> list[Install]:
    installs: list[Install] = app.platforms["slack"]._state.installs()  # type: ignore[attr-defined]
    return installs


def tell(t: Driver, who: str, text: str = QUESTION, **where: Any) -> Awaitable[list[Json]]:
    return t.came(t.send(t.slack.event(t.slack.message(t.people[who], text, team=where.get("team")), **where)))


def moved(slack: FakeSlack, team: str, enterprise: str = "") -> None:
    """Everybody works in this workspace (of this organisation)."""
    for user in slack.users.values():
        user |= {"team_id": team, **({"enterprise_user": {"enterprise_id": enterprise}} if enterprise else {})}


# beginning


def test_it_sends_people_to_slack_with_scopes_a_state_and_our_own_address(app: App, slack: FakeSlack) -> None:
    answer = run(app, slack, lambda t: Browser(t).get(INSTALL))
    where, query = urlsplit(answer.headers["location"]), asked(answer)
    assert (302, "/oauth/v2/authorize") == (answer.status_code, where.path)
    assert f"{where.scheme}://{where.netloc}" == slack.base
    assert {"client_id": "12.34", "scope": ",".join(SCOPES), "redirect_uri": PUBLIC + REDIRECT} == {
        key: query[key] for key in ("client_id", "scope", "redirect_uri")
    }
    assert len(query["state"]) >= 40


def test_the_state_is_kept_where_no_script_and_no_other_page_can_use_it(app: App, slack: FakeSlack) -> None:
    answer = run(app, slack, lambda t: Browser(t).get(INSTALL))
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={asked(answer)['state']};")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/slack", f"Max-Age={int(STATE_SECONDS)}"):
        assert part.casefold() in cookie.casefold()
    assert ("no-store", "DENY", "no-referrer") == tuple(
        answer.headers[name] for name in ("cache-control", "x-frame-options", "referrer-policy")
    )


def test_every_beginning_has_a_state_of_its_own(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> set[str]:
        return {await Browser(t).begin() for _ in range(20)}

    assert 20 == len(run(app, slack, script))


def test_only_get(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[int]:
        return [(await Browser(t).get(path, "POST")).status_code for path in (INSTALL, REDIRECT)]

    assert [405, 405] == run(app, slack, script)


# ending


def test_a_workspace_installs_and_is_answered_with_its_own_token(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        moved(slack, OTHER)
        before = await tell(t, "dana.reyes", team=OTHER)
        page = await Browser(t).install()
        after = await tell(t, "dana.reyes", team=OTHER)
        return before, page, after

    before, page, after = run(app, slack, script)
    assert [] == before
    assert (200, True) == (page.status_code, "Secdesk is installed" in page.text)
    assert ANSWER in shown(after)
    exchange = slack.asked("oauth.v2.access")[0].body
    assert {"code": "good", "redirect_uri": PUBLIC + REDIRECT} == exchange  # the credentials are in a header
    assert {"xoxb-good"} == {call.token for call in slack.asked("chat.postMessage")}
    assert [(OTHER, OTHER, "Other")] == [(install.id, install.team, install.name) for install in kept(app)]


def test_tokens_lie_encrypted(app: App, slack: FakeSlack, tmp_path: Path) -> None:
    run(app, slack, lambda t: Browser(t).install())
    assert ["xoxb-good"] == [install.token for install in kept(app)]
    app.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "knowledge" not in path.parts]
    assert any(path.name.startswith("secdesk") or path.suffix == ".db" for path in files)
    assert [] == [path.name for path in files if b"xoxb-good" in path.read_bytes()]
    assert "xoxb-good" not in repr(Install(OTHER, "xoxb-good"))


def test_the_states_lie_there_as_digests(app: App, slack: FakeSlack) -> None:
    state = run(app, slack, lambda t: Browser(t).begin())
    rows = app.db.query("SELECT state FROM slack_state")
    assert (1, False) == (len(rows), state in str(rows))


def test_installing_again_takes_the_new_token(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await Browser(t).install()
        old = kept(app)[0]
        app.platforms["slack"]._state.keep_install(Install(OTHER, "xoxb-old", OTHER))  # type: ignore[attr-defined]
        await Browser(t).install()
        assert [old] == kept(app)

    run(app, slack, script)


# forged, stale, refused

Attempt = Callable[[Driver], Awaitable[httpx.Response]]


async def _no_state(t: Driver) -> httpx.Response:
    return await Browser(t).get(REDIRECT, code="good")


async def _invented(t: Driver) -> httpx.Response:
    browser = Browser(t)
    browser.cookies.set(COOKIE, "x" * 43)
    return await browser.get(REDIRECT, code="good", state="x" * 43)


async def _of_another_browser(t: Driver) -> httpx.Response:
    """Somebody is made to follow an attacker's link: the state is genuine, but it began elsewhere."""
    victim = Browser(t)
    await victim.begin()
    return await victim.get(REDIRECT, code="good", state=await Browser(t).begin())


async def _without_cookie(t: Driver) -> httpx.Response:
    return await Browser(t).get(REDIRECT, code="good", state=await Browser(t).begin())


async def _twice(t: Driver) -> httpx.Response:
    browser = Browser(t)
    state = await browser.begin()
    await browser.get(REDIRECT, code="", error="access_denied", state=state)
    return await browser.get(REDIRECT, code="good", state=state)


async def _too_late(t: Driver) -> httpx.Response:
    browser = Browser(t)
    state = await browser.begin()
    clock: Any = t.app.clock
    clock.forward(STATE_SECONDS + 1)
    return await browser.get(REDIRECT, code="good", state=state)


async def _odd_characters(t: Driver) -> httpx.Response:
    browser = Browser(t)
    await browser.begin()
    return await browser.get(REDIRECT, code="good", state="ä\u2028" * 1_000)


@pytest.mark.parametrize(
    "attempt", [_no_state, _invented, _of_another_browser, _without_cookie, _twice, _too_late, _odd_characters]
)
def test_a_forged_or_stale_callback_is_refused_and_slack_is_not_asked(
    app: App, slack: FakeSlack, attempt: Attempt
) -> None:
    answer = run(app, slack, attempt)
    assert (400, True) == (answer.status_code, "Start again from the install link" in answer.text)
    assert [] == slack.asked("oauth.v2.access")
    assert [] == kept(app)


def test_a_state_just_in_time_is_good(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> httpx.Response:
        browser = Browser(t)
        state = await browser.begin()
        clock: Any = t.app.clock
        clock.forward(STATE_SECONDS - 1)
        return await browser.get(REDIRECT, code="good", state=state)

    assert 200 == run(app, slack, script).status_code


def test_somebody_changes_their_mind(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> httpx.Response:
        browser = Browser(t)
        return await browser.get(REDIRECT, error="access_denied", state=await browser.begin())

    answer = run(app, slack, script)
    assert (200, True) == (answer.status_code, "Nothing was installed" in answer.text)
    assert ([], []) == (slack.asked("oauth.v2.access"), kept(app))


def test_a_workspace_that_is_not_ours_is_not_kept_and_its_token_given_back(
    slack: FakeSlack, tmp_path: Path, contents: Any
) -> None:
    app = make(tmp_path, slack, contents, **{**MANY, "slack_workspaces": ("T0OURS",), "slack_desk": ""})

    async def script(t: Driver) -> Any:
        moved(slack, OTHER)
        page = await Browser(t).install()
        return page, await tell(t, "dana.reyes", team=OTHER)

    page, messages = run(app, slack, script)
    assert (403, True) == (page.status_code, "not one that Secdesk serves" in page.text)
    assert ([], []) == (messages, kept(app))
    assert ["xoxb-good"] == [call.token for call in slack.asked("auth.revoke")]
    app.close()


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault(error="invalid_code"), 400), (Fault(503), 503), (Fault(429, retry_after=3), 503), (Fault(lost=True), 503)],
)
def test_an_exchange_that_fails_is_a_page_and_keeps_nothing(
    app: App, slack: FakeSlack, fault: Fault, status: int
) -> None:
    async def script(t: Driver) -> httpx.Response:
        slack.fail("oauth.v2.access", fault)
        return await Browser(t).install()

    answer = run(app, slack, script)
    assert (status, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert [] == kept(app)


def test_with_the_database_away_it_says_so(app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def away() -> Iterator[None]:
        raise StoreUnavailable("locked")
        yield

    async def script(t: Driver) -> httpx.Response:
        monkeypatch.setattr(t.platform._state._db, "tx", away)
        return await Browser(t).get(INSTALL)

    answer = run(app, slack, script)
    monkeypatch.undo()
    assert (503, True) == (answer.status_code, "Try again in a few minutes" in answer.text)


def test_a_token_that_runs_out_is_not_taken() -> None:
    """The manifest leaves rotation off; an app that has it on would be dead after twelve hours."""
    good = {
        "access_token": "xoxb-1",
        "team": {"id": "T1", "name": "One"},
        "is_enterprise_install": False,
        "scope": "chat:write",
    }
    assert Install("T1", "xoxb-1", "T1", "", "One", "chat:write") == installed(good)
    assert installed({**good, "expires_in": 43_200, "refresh_token": "xoxe-1"}) is None


@pytest.mark.parametrize("answer", [{}, {"access_token": "x"}, {"access_token": 1, "team": {"id": "T1"}}, {"team": "T1"},
                                    {"access_token": "x", "team": {"id": "T1"}, "is_enterprise_install": True}])  # fmt: skip
def test_an_answer_of_another_shape_installs_nothing(answer: Json) -> None:
    assert installed(answer) is None


# Enterprise Grid


def test_an_organisation_installs_once_for_all_its_workspaces(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await Browser(t).install("grid")
        said = []
        for team in ("T0NORTH", "T0SOUTH"):
            moved(slack, team, ENTERPRISE)
            said.append(await tell(t, "dana.reyes", team=team, enterprise=ENTERPRISE, org_wide=True))
        return said

    north, south = run(app, slack, script)
    assert (ANSWER in shown(north), ANSWER in shown(south)) == (True, True)
    assert [(ENTERPRISE, "", ENTERPRISE)] == [(install.id, install.team, install.enterprise) for install in kept(app)]
    assert {"xoxb-grid"} == {call.token for call in slack.asked("chat.postMessage")}


def test_one_workspace_of_an_organisation_may_be_named_by_the_organisation(app: App, slack: FakeSlack) -> None:
    """An answer of a workspace that belongs to an organisation names both."""
    answer = {"access_token": "xoxb-2", "team": {"id": "T0SOUTH", "name": "South"}, "is_enterprise_install": False,
              "enterprise": {"id": ENTERPRISE, "name": "Group"}}  # fmt: skip
    install = installed(answer)
    assert install is not None
    assert ("T0SOUTH", "T0SOUTH", ENTERPRISE) == (install.id, install.team, install.enterprise)


def test_buttons_and_forms_of_an_organisation_use_its_token(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await Browser(t).install("grid")
        moved(slack, "T0SOUTH", ENTERPRISE)
        (card,) = await tell(t, "dana.reyes", "hello", team="T0SOUTH", enterprise=ENTERPRISE, org_wide=True)
        press = slack.press(t.people["dana.reyes"], card, "Talk to a person")
        grid = {"team": {"id": "T0SOUTH", "domain": "south", "enterprise_id": ENTERPRISE},
                "enterprise": {"id": ENTERPRISE, "name": "Group"}, "is_enterprise_install": True}  # fmt: skip
        await t.send({**press, **grid})

    run(app, slack, script)
    assert ["xoxb-grid"] == [call.token for call in slack.asked("views.open")]


# the end of an installation


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"]}}]
)
@pytest.mark.parametrize("org_wide", [False, True])
def test_an_end_drops_the_token_at_once(app: App, slack: FakeSlack, event: Json, org_wide: bool) -> None:
    where: Json = {"team": "T0SOUTH", "enterprise": ENTERPRISE, "org_wide": True} if org_wide else {"team": OTHER}

    async def script(t: Driver) -> Any:
        await Browser(t).install("grid" if org_wide else "good")
        moved(slack, where["team"], where.get("enterprise", ""))
        said = await tell(t, "dana.reyes", **where)
        ended = await t.send(slack.event(event, **where))
        asked_before = len(slack.calls)
        later = await t.send(slack.event(slack.message(t.people["dana.reyes"], "hello"), **where))
        return said, ended.status_code, later.status_code, slack.calls[asked_before:]

    said, ended, later, calls = run(app, slack, script)
    assert ANSWER in shown(said)
    assert (200, 200, []) == (ended, later, calls)
    assert [] == kept(app)


def test_a_persons_own_tokens_end_nothing(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await Browser(t).install()
        await t.send(slack.event({"type": "tokens_revoked", "tokens": {"oauth": ["U0DANA"], "bot": []}}, team=OTHER))

    run(app, slack, script)
    assert [OTHER] == [install.id for install in kept(app)]


def test_the_end_in_one_workspace_leaves_the_others(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await Browser(t).install()
        await Browser(t).install("grid")
        await t.send(slack.event({"type": "app_uninstalled"}, team=OTHER))

    run(app, slack, script)
    assert [ENTERPRISE] == [install.id for install in kept(app)]


def test_another_replica_sees_the_end_within_a_minute(app: App, slack: FakeSlack) -> None:
    """Each keeps an installation in memory for a minute; the end was told to another one."""

    async def script(t: Driver) -> Any:
        await Browser(t).install()
        moved(slack, OTHER)
        await tell(t, "dana.reyes", team=OTHER)
        with app.db.tx() as tx:
            tx.execute("DELETE FROM slack_install")
        clock: Any = app.clock
        state = t.platform._state
        assert state.cached(OTHER) is not None
        state._installs._now = lambda: clock.now() + INSTALL_KEPT + 1  # its own, monotonic
        return await asyncio.to_thread(state.install, OTHER)

    assert run(app, slack, script) is None


def test_a_revoked_token_shows_in_the_health(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await Browser(t).install()
        moved(slack, OTHER)
        slack.revoked.add("xoxb-good")
        await tell(t, "dana.reyes", team=OTHER)
        return [(check.name, check.level, check.says) for check in t.platform.health()]

    assert ("slack token", "bad", f"Slack refuses it ({OTHER}): token_revoked") in run(app, slack, script)
