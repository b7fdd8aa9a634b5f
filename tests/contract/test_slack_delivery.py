"""Sending to Slack when it is slow, busy, broken or says no: what waits is sent, once, and nothing is lost."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.channels import slack_api
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_blocks import LIMITS
from adapters.channels.slack_state import Install, SlackState
from bot.app import App
from bot.app.contents import Contents
from bot.cards import Attached, Buttons, Card, Text
from bot.errors import ChannelError, RetryLater, TooLarge, Unreachable
from bot.model import Place
from tests.fakes import slack_house
from tests.fakes.cards import SAMPLES, b
from tests.fakes.slack import DESK, GENERAL, TOKEN, FakeSlack, Fault
from tests.fakes.slack_app import Driver, make, run, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app

QUESTION = "how do I report a phishing mail?"
HERE = Place("slack", DESK, private=False)


def states(app: App) -> dict[str, int]:
    rows = app.db.query("SELECT state, COUNT(*) AS n FROM delivery GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def clock(app: App) -> Any:
    return app.clock


async def post(t: Driver, text: str, channel: str = DESK, **how: Any) -> Any:
    return await t.platform._api.call(
        "", "chat.postMessage", {"channel": channel, "text": text}, channel=channel, **how
    )


# busy, broken, slow


@pytest.mark.parametrize(
    "faults",
    [[Fault(429, retry_after=1)], [Fault(500)], [Fault(502), Fault(503)], [Fault(error="internal_error")],
     [Fault(error="ratelimited")], [Fault(429, retry_after=2), Fault(504)]],
)  # fmt: skip
def test_what_passes_soon_is_waited_for(app: App, slack: FakeSlack, faults: list[Fault]) -> None:
    slack.fail("chat.postMessage", *faults)
    before = app.clock.now()
    run(app, slack, lambda t: t.say("dana.reyes", QUESTION))
    assert {"sent": 1} == states(app)
    assert 1 == len(slack.messages)
    assert app.clock.now() >= before + sum(fault.retry_after for fault in faults)


@pytest.mark.parametrize(
    "faults",
    [[Fault(429, retry_after=60)], [Fault(500)] * 3, [Fault(503)] * 3, [Fault(lost=False, error="fatal_error")] * 3],
)
def test_what_does_not_is_sent_later_from_the_outbox(app: App, slack: FakeSlack, faults: list[Fault]) -> None:
    slack.fail("chat.postMessage", *faults)

    async def script(t: Driver) -> Any:
        status = (await t.send(slack.event(slack.message(t.people["dana.reyes"], QUESTION)))).status_code
        early = (states(app), len(slack.messages))
        clock(app).forward(60)
        await t.drain()
        return status, early

    assert (200, ({"queued": 1}, 0)) == run(app, slack, script)
    assert {"sent": 1} == states(app)
    assert 1 == len(slack.messages)


def test_a_queued_reply_survives_the_end_of_the_process(
    app: App, slack: FakeSlack, tmp_path: Path, contents: Contents
) -> None:
    slack.fail("chat.postMessage", *[Fault(503)] * 3)
    run(app, slack, lambda t: t.say("dana.reyes", QUESTION))
    assert [] == slack.messages
    app.close()
    again = make(tmp_path, slack, contents)
    clock(again).forward(30)
    run(again, slack, lambda t: t.drain())
    again.close()
    assert "How do I report a suspicious email?" in shown(slack.messages)


def test_while_slack_wants_us_to_wait_nobody_asks(app: App, slack: FakeSlack) -> None:
    slack.fail("chat.postMessage", Fault(429, retry_after=40))

    async def script(t: Driver) -> Any:
        for _ in range(4):
            await t.say("dana.reyes", QUESTION)
        asked = len(slack.asked("chat.postMessage"))
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))  # another method is not held up
        clock(app).forward(41)
        await t.drain()
        return asked, len(slack.homes)

    assert (1, 1) == run(app, slack, script)
    assert {"sent": 4} == states(app)


def test_one_replicas_429_is_every_replicas(app: App, slack: FakeSlack) -> None:
    slack.fail("chat.postMessage", Fault(429, retry_after=40))

    async def script(t: Driver) -> Any:
        mine = t.platform
        other = SlackApi(slack.url, SlackState(app.db, mine._state._store, app.vault, app.clock, Install("", TOKEN)))
        waits = []
        for api in (mine._api, other):
            with pytest.raises(RetryLater) as waiting:
                await api.call("", "chat.postMessage", {"channel": DESK, "text": "x"})
            waits.append(round(waiting.value.seconds))
        clock(app).forward(40)
        await other.call("", "chat.postMessage", {"channel": DESK, "text": "x"})
        await other.close()
        return waits

    first, second = run(app, slack, script)
    assert 38 <= second <= first <= 40
    assert 2 == len(slack.asked("chat.postMessage"))


@pytest.mark.parametrize(
    ("said", "least", "most"), [("soon", 0.9, 1.1), ("-5", 0.0, 0.2), ("1e9", 3_590, 3_601), ("nan", 0.9, 1.1)]
)
def test_an_odd_retry_after_is_bounded(app: App, slack: FakeSlack, said: str, least: float, most: float) -> None:
    slack.fail("chat.postMessage", Fault(429, retry_after=said))

    async def script(t: Driver) -> float:
        before = app.clock.now()
        with pytest.raises(RetryLater) if most > 5 else nullcontext():
            await post(t, "x")
        row = app.db.query("SELECT paused_until FROM slack_pace WHERE name = :n", n="|chat.postMessage")[0]
        return float(row["paused_until"]) - before

    assert least <= run(app, slack, script) <= most


@pytest.mark.parametrize("fault", [Fault(wait=0.4), Fault(lost=True)])
def test_an_answer_that_never_comes_leaves_the_reply_queued(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(slack_api, "TIMEOUT", aiohttp.ClientTimeout(total=0.25))
    slack.fail("chat.postMessage", fault)

    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", QUESTION)
        early = states(app)
        clock(app).forward(30)
        await t.drain()
        return early

    assert {"queued": 1} == run(app, slack, script)
    assert {"sent": 1} == states(app)


def test_with_slack_out_of_reach_replies_wait(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        api, there = t.platform._api, t.platform._api.base
        await api.close()
        api.base = "http://127.0.0.1:9/api/"
        status = (await t.send(slack.event(slack.message(t.people["dana.reyes"], QUESTION)))).status_code
        early = states(app)
        await api.close()
        api.base = there
        clock(app).forward(30)
        await t.drain()
        return status, early

    assert (200, {"queued": 1}) == run(app, slack, script)
    assert {"sent": 1} == states(app)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(says="<html>sign in</html>"),
        Fault(says="<html>sign in</html>", kind="application/json"),
        Fault(says="sign in", kind="text/plain"),
        Fault(says="[]", kind="application/json"),
        Fault(says="{}", kind="application/json"),
        Fault(407, says="sign in"),
    ],
    ids=lambda fault: f"{fault.status} {fault.kind} {fault.says[:2]}",
)
def test_what_a_proxy_says_is_no_answer_of_slacks(app: App, slack: FakeSlack, fault: Fault) -> None:
    slack.fail("chat.postMessage", fault)

    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", QUESTION)
        early = states(app)
        clock(app).forward(30)
        await t.drain()
        return early

    assert {"queued": 1} == run(app, slack, script)
    assert {"sent": 1} == states(app)


# no


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "is_archived", "user_disabled", "messages_tab_disabled"]
)
def test_who_cannot_be_reached_is_not_tried_again(app: App, slack: FakeSlack, error: str) -> None:
    slack.fail("chat.postMessage", Fault(error=error))

    async def script(t: Driver) -> None:
        await t.say("dana.reyes", QUESTION)
        await t.drain()

    run(app, slack, script)
    assert {"unreachable": 1} == states(app)
    assert 1 == len(slack.asked("chat.postMessage"))


@pytest.mark.parametrize("missing", ["token", "scope"])
def test_without_token_or_right_replies_wait_and_health_names_the_token(
    app: App, slack: FakeSlack, missing: str
) -> None:
    if missing == "token":
        slack.revoked.add(TOKEN)
    else:
        slack.scopes = ("users:read",)

    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", "I clicked the link and entered my password")
        bad = [(check.level, check.says) for check in t.platform.health() if check.name == "slack token"]
        early = states(app)
        slack.revoked.clear()
        slack.scopes = ("users:read", "chat:write")
        clock(app).forward(30)
        await t.drain("delivery.send")
        return bad, early

    bad, early = run(app, slack, script)
    assert ([("bad", "Slack refuses it: token_revoked")] if missing == "token" else []) == bad
    assert {"queued": 1} == early
    assert {"sent": 1} == states(app)


def test_blocks_that_slack_refuses_go_out_as_text(app: App, slack: FakeSlack) -> None:
    slack.fail("chat.postMessage", Fault(error="invalid_blocks"))
    run(app, slack, lambda t: t.say("dana.reyes", QUESTION))
    (message,) = slack.messages
    assert "blocks" not in message
    assert message["text"].startswith("How do I report a suspicious email?")


def test_an_update_that_slack_refuses_shows_as_text(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        sent = await t.platform.channel.send(HERE, SAMPLES["person"], "k1")
        slack.fail("chat.update", Fault(error="invalid_blocks"))
        await t.platform.channel.update(sent, SAMPLES["receipt"])

    run(app, slack, script)
    (message,) = slack.messages
    assert [] == message["blocks"]
    assert "Got it: SEC-143" in message["text"]


# long cards


def test_a_long_card_is_sent_in_several_messages_and_only_what_is_missing_comes_later(
    app: App, slack: FakeSlack
) -> None:
    async def script(t: Driver) -> Any:
        channel, card = t.platform.channel, SAMPLES["long"]
        slack.fail("chat.postMessage", Fault(), Fault(), *[Fault(503)] * 3)
        with pytest.raises(RetryLater):
            await channel.send(HERE, card, "k1")
        early = len(slack.messages)
        first = await channel.send(HERE, card, "k1")
        assert first == await channel.send(HERE, card, "k1")  # all is out
        return early, first

    early, ref = run(app, slack, script)
    assert 2 == early
    assert slack.messages[-1]["ts"] == ref.id
    texts = [shown([message]) for message in slack.messages]
    assert len(texts) == len(set(texts))
    assert all(len(message["blocks"]) < LIMITS["message blocks"] for message in slack.messages)


def test_fifty_buttons_can_still_be_pressed(app: App, slack: FakeSlack) -> None:
    rows = tuple(
        Buttons((b(f"Button number {n} with rather a long label", "tickets.mine", str(n)),)) for n in range(60)
    )

    async def script(t: Driver) -> Any:
        place = Place("slack", t.people["dana.reyes"])
        await t.platform.channel.send(place, Card("", rows), "k1")
        full = max(slack.messages, key=lambda message: len(message["blocks"]))
        await t.press("dana.reyes", full, "Button number 3 with rather a long label")
        return full

    assert "You chose: Button number 3 with rather a long label" in shown([run(app, slack, script)])


def test_a_file_that_is_gone_by_now_is_only_named(app: App, slack: FakeSlack) -> None:
    card = Card("", (Text("see this"), Attached("gone", "steps.pdf", 5)))
    run(app, slack, lambda t: t.platform.channel.send(HERE, card, "k1"))
    assert "steps.pdf" in shown(slack.messages)
    assert {} == slack.uploads


# limits


def test_a_channel_gets_about_one_message_a_second(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[float]:
        started, taken = app.clock.now(), []
        for n in range(12):
            await post(t, f"line {n}", patience=60.0)
            taken.append(app.clock.now() - started)
        return taken

    taken = run(app, slack, script)
    assert [0.0] * 5 == taken[:5]
    assert 7.0 <= taken[-1] <= 8.0


def test_a_full_channel_holds_up_no_other(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> float:
        for n in range(5):
            await post(t, f"line {n}")
        with pytest.raises(RetryLater):
            await post(t, "one more", patience=0.5)
        before = app.clock.now()
        await post(t, "elsewhere", GENERAL, patience=0.0)
        return app.clock.now() - before

    assert 0.0 == run(app, slack, script)


def test_people_who_wait_go_before_tips(app: App, slack: FakeSlack) -> None:
    """With tips keeping their lane full, answers go out at once: the burst is theirs. Tips come in their turn."""

    async def script(t: Driver) -> Any:
        people = [slack.user(f"person{n}") for n in range(6)]
        tips = [t.platform.channel.send(Place("slack", who), SAMPLES["quiz"], f"nudge:{who}") for who in people]
        done = await asyncio.gather(*tips, return_exceptions=True)
        full = app.clock.now()
        for who in people:
            await t.platform.channel.send(Place("slack", who), SAMPLES["receipt"], who)
        return [type(result).__name__ for result in done], full - began, app.clock.now() - full

    began = app.clock.now()
    tips, spent, waited = run(app, slack, script)
    assert ["SentRef"] * 6 == tips
    assert spent >= 5 * 60 / 320
    assert 0.0 == waited


def test_ten_thousand_tips_take_forty_four_minutes(app: App) -> None:
    """By the lane's arithmetic, which is all that holds them back."""
    from adapters.channels.slack_pace import WAITING, taken, wait

    rate, due, now, sent = WAITING, 0.0, 0.0, 0
    while sent < 10_000:
        seconds = wait(due, rate, now, patient=True)
        now += seconds
        due, sent = taken(due, rate, now), sent + 1
    assert 43 * 60 < now < 44.5 * 60


def test_one_session_for_everything(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        session = t.platform._api.client().session
        await t.say("dana.reyes", QUESTION)
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))
        same = t.platform._api.client().session is session
        connections = sum(len(kept) for kept in session.connector._conns.values())
        return same, connections

    same, connections = run(app, slack, script)
    assert same
    assert 1 <= connections <= 3


def test_a_message_of_somebody_we_know_asks_slack_nothing_but_to_post_the_reply(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[str]:
        await t.say("dana.reyes", "hello")
        slack.calls.clear()
        await t.say("dana.reyes", QUESTION)
        return [call.method for call in slack.calls]

    assert ["chat.postMessage"] == run(app, slack, script)


# downloads and uploads, by themselves


def test_a_download_is_capped_whatever_the_headers_say(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        file = slack.file("a.bin", b"x" * 5_000)
        api, url = t.platform._api, file["url_private"]
        with pytest.raises(TooLarge):
            await api.download("", url, 4_999)
        return await api.download("", url, 5_000)

    assert b"x" * 5_000 == run(app, slack, script)


def test_an_upload_goes_to_slacks_own_hosts_only(app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"ok": True, "upload_url": "https://evil.example/upload", "file_id": "F1"}
    monkeypatch.setattr(slack, "_files_getUploadURLExternal", lambda _body: elsewhere)

    async def script(t: Driver) -> None:
        with pytest.raises(ChannelError, match="not one we send files to"):
            await t.platform._api.upload("", DESK, "", "a.txt", b"x")

    run(app, slack, script)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.eml", True),
        ("https://FILES.slack.com/a", True),
        ("https://files.slack.com:443/a", True),
        ("https://a.files.example/x", True),
        ("https://files.example/x", False),
        ("http://files.slack.com/a", False),
        ("https://files.slack.com:8443/a", False),
        ("https://x@files.slack.com/a", False),
        ("https://files.slack.com.evil.example/a", False),
        ("https://slack.com/a", False),
        ("https://files.slack.com:port/a", False),
        ("//files.slack.com/a", False),
        ("", False),
    ],
)
def test_hosts_that_files_may_come_from(url: str, good: bool) -> None:
    api = SlackApi("https://slack.com/api/", None, hosts=("files.slack.com", ".files.example"))  # type: ignore[arg-type]
    assert good is api.allowed(url)


def test_an_app_that_is_not_installed_reaches_nobody(app: App, slack: FakeSlack) -> None:
    state = SlackState(app.db, app.platforms["slack"]._state._store, app.vault, app.clock, None)  # type: ignore[attr-defined]

    async def script(_t: Driver) -> None:
        with pytest.raises(Unreachable, match="T0GONE"):
            await SlackApi(slack.url, state).call("T0GONE", "chat.postMessage", {})

    run(app, slack, script)
