"""What `secdesk doctor` asks of Slack: token, rights, clock, the desk's channel, and the way in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from adapters.channels.slack import address
from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_edge import EVENTS, WINDOW
from adapters.channels.slack_scopes import SCOPES
from adapters.channels.slack_state import Install, SlackState
from bot.health import Check
from bot.model import Place
from bot.settings import Settings

CLOCK: Final = 60.0  # seconds of difference that are worth mending before Slack's 300 are reached


class SlackDoctor:
    """Sends no message."""

    def __init__(
        self,
        settings: Settings,
        api: SlackApi,
        state: SlackState,
        desk: Place | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._api, self._state, self._desk, self._now = settings, api, state, desk, now

    async def checks(self) -> list[Check]:
        """Every check, in the order in which one would mend them."""
        try:
            return [check async for check in self._all()]
        finally:
            await self._api.close()

    async def _all(self) -> AsyncIterator[Check]:
        nothing: list[Install] = []
        installs = await self._api.run(self._state.installs, nothing)
        if not installs:
            mend = f"open {self._settings.url}/slack/install and install it in a workspace"
            yield Check("slack installation", "note", "installed nowhere yet", mend)
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
        channel: Mapping[str, Any] = answer.get("channel") or {}
        if not answer.get("ok"):
            yield Check(
                "slack desk", "bad", f"{to.id}: {answer.get('error')}", "check slack.desk_channel, and invite the app"
            )
        elif not channel.get("is_member"):
            yield Check("slack desk", "bad", f"{to.id}: the app is not in it", "write /invite @Secdesk there")
        else:
            yield Check("slack desk", "ok", f"#{channel.get('name', to.id)}")
            if not channel.get("is_private"):
                mend = "make it private: what people tell the desk stands there"
                yield Check("slack desk", "note", "everybody in the workspace can read it", mend)

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
        session = self._api.client().session
        assert session is not None  # noqa: S101
        try:
            async with session.post(where, data=b"{}", timeout=aiohttp.ClientTimeout(total=5)) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            mend = "start serve, then check the proxy and the name"
            return Check("slack endpoint", "note", f"{where} does not answer ({type(error).__name__})", mend)
        if status == 401:
            return Check("slack endpoint", "ok", f"{where} refuses strangers, as it should")
        return Check("slack endpoint", "bad", f"{where} answers {status}", "your proxy must pass POST on to Secdesk")


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
