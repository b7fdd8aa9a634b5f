"""What `secdesk doctor` asks of Slack: who may install, token, rights, clock, the desk's channel, the way in, what has come in.

Sends no message. The way in is tried from outside, as Slack does it: unsigned, and with a signed challenge.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from adapters.channels.slack import address
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_edge import EVENTS, WINDOW, signature
from adapters.channels.slack_oauth import INSTALL, REDIRECT, Away, exchange
from adapters.channels.slack_scopes import SCOPES
from adapters.channels.slack_state import Install, SlackState
from adapters.outgoing import proxy_for
from bot.health import Check
from bot.model import Place
from bot.settings import Settings

CLOCK: Final = 60.0  # seconds of difference that are worth mending before Slack's 300 are reached
KNOCK: Final = aiohttp.ClientTimeout(total=5)
CHALLENGE: Final = "secdesk-doctor"
SHOWN: Final = 200  # characters of an answer that are looked at
Knock = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, str]]]


class SlackDoctor:
    """`knock` posts to our own public address: (status, answer). Raises `aiohttp.ClientError`, `TimeoutError`."""

    def __init__(
        self,
        settings: Settings,
        api: SlackApi,
        state: SlackState,
        desk: Place | None,
        now: Callable[[], float] = time.time,
        knock: Knock | None = None,
    ) -> None:
        self._settings, self._api, self._state, self._desk, self._now = settings, api, state, desk, now
        self._knock = knock or self._post

    async def checks(self) -> list[Check]:
        """Every check, in the order in which one would mend them."""
        try:
            return [check async for check in self._all()]
        finally:
            await self._api.close()

    async def _all(self) -> AsyncIterator[Check]:
        nothing: list[Install] = []
        installs = await self._api.run(self._state.installs, nothing)
        if self._settings.slack_client_id:
            yield await self._client()
            for check in self._installed(installs):
                yield check
        clock: Check | None = None
        for install in installs:
            answer, headers = await self._api.asked(install, "auth.test", {})
            for check in _token(install, answer, headers):
                yield check
            clock = clock or self._clock(headers)
        if clock:
            yield clock
        async for check in self._channel():
            yield check
        yield await (self._socket() if self._settings.slack_socket else self._endpoint())
        yield await self._heard()

    # many workspaces

    async def _client(self) -> Check:
        """The app's credentials: with good ones Slack complains of the code, with bad ones of them."""
        client, secret = self._settings.slack_client_id, self._settings.slack_client_secret
        try:
            answer = await exchange(self._api, client, secret, "secdesk-doctor", self._settings.url + REDIRECT)
        except Away as away:
            return Check("slack client", "note", f"Slack gave no answer ({away})", "try again in a few minutes")
        error = str(answer.get("error", ""))
        if error in ("invalid_client_id", "bad_client_secret", "invalid_client"):
            mend = "copy Client ID and Client Secret again from the app's Basic Information"
            return Check("slack client", "bad", f"Slack does not know these credentials: {error}", mend)
        if error in ("invalid_code", "code_already_used"):
            return Check("slack client", "ok", client)
        mend = "the redirect URL in the app's OAuth & Permissions must be ours"
        return Check("slack client", "note", f"Slack says {error}", mend)

    def _installed(self, installs: list[Install]) -> Iterator[Check]:
        served = set(self._settings.slack_workspaces)
        if not served:
            mend = "list the ids of your workspaces (T…) or of your organisation (E…) in slack.workspaces"
            yield Check("slack installation", "bad", "nobody may install it", mend)
        elif not installs:
            mend = f"open {self._settings.url}{INSTALL} and install it"
            yield Check("slack installation", "note", "installed nowhere yet", mend)
        for install in installs:
            if not served.intersection({install.id, install.enterprise}):
                mend = "add it to slack.workspaces, or take the app out there"
                says = f"{install.name or install.id} ({install.id}) is none of slack.workspaces"
                yield Check("slack installation", "bad", says, mend)

    # both

    def _clock(self, headers: Mapping[str, str]) -> Check | None:
        try:
            theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, TypeError):
            return None
        off = self._now() - theirs
        if abs(off) > CLOCK:
            mend = f"set this machine's clock: at {WINDOW} s Slack's requests are refused as too old"
            return Check("slack clock", "bad", f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} Slack's", mend)
        return Check("slack clock", "ok", f"{abs(off):.0f} s apart")

    async def _channel(self) -> AsyncIterator[Check]:
        if self._desk is None:
            mend = "set slack.desk_channel to the channel's link, or the desk works in the console only"
            yield Check("slack desk", "note", "no desk channel", mend)
            return
        to = address(self._desk.conversation)
        install = await self._api.install(to.install)
        if install is None:
            yield Check("slack desk", "bad", f"the app is not installed in {to.install}", "install it there")
            return
        answer, _ = await self._api.asked(install, "conversations.info", {"channel": to.id})
        for check in _desk(to.id, answer):
            yield check

    async def _socket(self) -> Check:
        token = Install("", self._settings.slack_app_token)
        answer, _ = await self._api.asked(token, "apps.connections.open", {})
        if answer.get("ok"):
            return Check("slack socket", "ok", "Slack lets us connect")
        mend = "make an app-level token with connections:write, and switch Socket Mode on in the app"
        return Check("slack socket", "bad", f"Slack does not let us connect: {answer.get('error')}", mend)

    async def _endpoint(self) -> Check:
        where = f"{self._settings.url}{EVENTS}"
        if urlsplit(where).scheme != "https":
            mend = "set server.public_url to the https address that your proxy serves, or use Socket Mode"
            return Check("slack endpoint", "bad", f"{where} is not https: Slack cannot reach it", mend)
        try:
            stranger, _ = await self._knock(where, b"{}", {})
            if stranger != 401:
                mend = "your proxy must pass POST on to Secdesk"
                return Check("slack endpoint", "bad", f"{where} answers {stranger}", mend)
            status, said = await self._knock(where, *self._challenge())
        except (aiohttp.ClientError, TimeoutError) as error:
            mend = "start serve, then check the proxy and the name"
            return Check("slack endpoint", "note", f"{where} does not answer ({type(error).__name__})", mend)
        if status != 200 or CHALLENGE not in said:
            mend = "start serve anew with this signing secret; a proxy must change neither body nor X-Slack headers"
            return Check("slack endpoint", "bad", f"{where} refuses what is signed ({status})", mend)
        return Check("slack endpoint", "ok", f"{where} takes what is signed and refuses strangers, as it should")

    def _challenge(self) -> tuple[bytes, dict[str, str]]:
        """What Slack sends to find out whether an address is ours (docs.slack.dev: url_verification)."""
        body = json.dumps({"type": "url_verification", "challenge": CHALLENGE}).encode()
        stamp = str(int(self._now()))
        made = signature(self._settings.slack_signing_secret.encode(), stamp, body)
        return body, {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": made, "Content-Type": "application/json"}

    async def _post(self, where: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        session = self._api.client().session
        assert session is not None  # noqa: S101
        async with session.post(
            where, data=body, headers=headers, timeout=KNOCK, allow_redirects=False, proxy=proxy_for(where)
        ) as response:
            return response.status, (await response.content.read(SHOWN)).decode(errors="replace")

    async def _heard(self) -> Check:
        """Whether Slack's events reach us, by the newest that had its effect."""
        at = await self._api.run(self._state.heard_at, 0.0)
        if not at:
            way = "Socket Mode and Event Subscriptions are" if self._settings.slack_socket else "its request URL is"
            mend = f"write to Secdesk in Slack; if it does not answer, check in the app that {way} switched on and verified"
            return Check("slack events", "note", "none has come yet", mend)
        ago = max(0.0, self._now() - at)
        shown = (
            f"{ago / 86_400:.0f} days"
            if ago > 2 * 86_400
            else f"{ago / 3_600:.1f} h"
            if ago > 3_600
            else f"{ago / 60:.0f} min"
        )
        return Check("slack events", "ok", f"the last one came {shown} ago")


def _token(install: Install, answer: Mapping[str, Any], headers: Mapping[str, str]) -> list[Check]:
    name = f" ({install.name or install.id})" if install.id else ""
    if not answer.get("ok"):
        mend = "copy the bot token again from OAuth & Permissions" if not install.id else "install the app there again"
        return [Check("slack token", "bad", f"Slack refuses it{name}: {answer.get('error')}", mend)]
    checks = [Check("slack token", "ok", f"{answer.get('user', 'bot')} in {answer.get('team', 'Slack')}{name}")]
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()}
    missing = sorted(set(SCOPES) - granted)
    if not granted:
        checks.append(Check("slack scopes", "note", f"Slack did not say which there are{name}"))
    elif missing:
        mend = "update the app from manifest/slack/manifest.yaml, then install it again"
        checks.append(Check("slack scopes", "bad", f"missing{name}: {', '.join(missing)}", mend))
    else:
        checks.append(Check("slack scopes", "ok", f"all {len(SCOPES)}{name}"))
    more = sorted(granted - set(SCOPES) - {"identify"})
    if more:
        checks.append(Check("slack scopes", "note", f"not needed{name}: {', '.join(more)}", "take them out of the app"))
    return checks


def _desk(channel_id: str, answer: Mapping[str, Any]) -> Iterator[Check]:
    channel: Mapping[str, Any] = answer.get("channel") or {}
    name = f"#{channel.get('name', channel_id)}"
    if not answer.get("ok"):
        mend = "check slack.desk_channel, and write /invite @Secdesk there"
        yield Check("slack desk", "bad", f"{channel_id}: {answer.get('error')}", mend)
    elif channel.get("is_archived"):
        yield Check("slack desk", "bad", f"{name} is archived", "open it again, or name another channel")
    elif not channel.get("is_member"):
        yield Check("slack desk", "bad", f"{name}: the app is not in it", "write /invite @Secdesk there")
    elif channel.get("is_ext_shared"):
        yield Check("slack desk", "bad", f"{name} is shared with another organisation", "take a channel of your own")
    else:
        yield Check("slack desk", "ok", name)
        if not channel.get("is_private"):
            mend = "make it private: what people tell the desk stands there"
            yield Check("slack desk", "note", "everybody in the workspace can read it", mend)
