"""Being installed: OAuth v2 for many workspaces and for Enterprise Grid organisations (docs.slack.dev: "Installing with OAuth").

The state is stored (as a keyed digest), lives ten minutes, works once, and must come back from the same browser. Whoever runs a
workspace can give its people any address, so only workspaces that the settings name are kept; the token of another is given
back.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from slack_sdk.errors import SlackApiError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_scopes import SCOPES
from adapters.channels.slack_state import Install, SlackState
from bot.errors import StoreUnavailable

log = logging.getLogger(__name__)
INSTALL: Final = "/slack/install"
REDIRECT: Final = "/slack/oauth_redirect"
STATE_SECONDS: Final = 600.0
COOKIE: Final = "secdesk-slack-state"
_HEADERS: Final = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "DENY",
                   "Referrer-Policy": "no-referrer"}  # fmt: skip


@dataclass(frozen=True)
class Client:
    """The app's credentials, where Slack asks people, our own address, and the ids (T…, E…) that may install the app."""

    id: str
    secret: str
    authorize_url: str
    own_url: str
    workspaces: tuple[str, ...] = ()


class Away(Exception):
    """Slack gave no answer that one can do anything with."""


class SlackOAuth:
    """ASGI application for both addresses. `lang` is the language in which `say` speaks."""

    def __init__(
        self, client: Client, api: SlackApi, state: SlackState, say: Callable[[str], str], lang: Callable[[], str] = lambda: "en"
    ) -> None:  # fmt: skip
        self._client, self._api, self._state, self._say, self._lang = client, api, state, say, lang

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await self._answer(Request(scope, receive))
            response.headers.update(_HEADERS)
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "GET":
            return Response(status_code=405, headers={"Allow": "GET"})
        try:
            return await (self._begin() if request.url.path == INSTALL else self._finish(request))
        except StoreUnavailable as error:
            log.warning("an installation could not be stored: %s", error)
        except Away as error:
            log.warning("an installation was not ended, Slack is not well: %s", error)
        return self._page("slack.install.later", 503)

    async def _begin(self) -> Response:
        """Off to Slack, with a state."""
        state = secrets.token_urlsafe(32)
        await self._run(lambda: self._state.begin(state, STATE_SECONDS))
        asked = {
            "client_id": self._client.id,
            "scope": ",".join(SCOPES),
            "state": state,
            "redirect_uri": self._redirect,
        }
        response = RedirectResponse(f"{self._client.authorize_url}?{urlencode(asked)}", 302)
        secure = self._client.own_url.startswith("https:")
        response.set_cookie(
            COOKIE, state, max_age=int(STATE_SECONDS), path="/slack", secure=secure, httponly=True, samesite="lax"
        )
        return response

    async def _finish(self, request: Request) -> Response:
        """Back from Slack: the state, then the code for a token, then the installation."""
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        cookie = request.cookies.get(COOKIE, "")
        if not state or not secrets.compare_digest(state.encode(), cookie.encode()):
            return self._page("slack.install.refused", 400)
        if not await self._run(lambda: self._state.finish(state)):
            return self._page("slack.install.refused", 400)
        if not code:
            return self._page("slack.install.cancelled", 200)
        answer = await exchange(self._api, self._client.id, self._client.secret, code[:500], self._redirect)
        install = installed(answer)
        if install is None:
            log.warning("an installation came to nothing: %s", answer.get("error") or "an answer we cannot use")
            return self._page("slack.install.refused", 400)
        if not {install.id, install.enterprise}.intersection(self._client.workspaces):
            log.warning("not installed: %s is not in slack.workspaces", install.id)
            await self._api.asked(install, "auth.revoke", {})
            return self._page("slack.install.not_ours", 403)
        await self._run(lambda: self._state.keep_install(install))
        log.info("installed", extra={"install": install.id})
        return self._page("slack.install.done", 200)

    async def _run(self, work: Callable[[], Any]) -> Any:
        """As `SlackApi.run`, but what cannot be stored is raised."""
        failed: list[StoreUnavailable] = []

        def guarded() -> Any:
            try:
                return work()
            except StoreUnavailable as error:
                failed.append(error)
                return None

        result = await self._api.run(guarded, None)
        if failed:
            raise failed[0]
        return result

    def _page(self, key: str, status: int) -> HTMLResponse:
        text, lang = escape(self._say(key)), escape(self._lang())
        return HTMLResponse(
            f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Secdesk</title><p>{text}</p>', status
        )

    @property
    def _redirect(self) -> str:
        return self._client.own_url + REDIRECT


async def exchange(api: SlackApi, client_id: str, secret: str, code: str, redirect: str) -> Mapping[str, Any]:
    """What Slack gives for a code, refusals too (docs.slack.dev: oauth.v2.access). Raises `Away`."""
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    sent: dict[str, Any] = {
        "data": {"code": code, "redirect_uri": redirect}
    }  # never in the address, which proxies write down
    try:
        response: Any = await api.client().api_call(
            "oauth.v2.access", **sent, headers={"Authorization": f"Basic {credentials}"}
        )
    except SlackApiError as error:
        response = error.response
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Away(type(error).__name__) from error
    status, data = getattr(response, "status_code", 0), getattr(response, "data", None)
    if status >= 429 or not isinstance(data, dict):
        raise Away(f"HTTP {status}")
    return data


def installed(answer: Mapping[str, Any]) -> Install | None:
    """The installation in an answer of oauth.v2.access: by workspace, or by organisation where it holds for all of it.

    None for a token that runs out (the app's token rotation is on: it would be dead after twelve hours).
    """
    team, enterprise = _part(answer, "team"), _part(answer, "enterprise")
    org_wide = answer.get("is_enterprise_install") is True
    token, name = answer.get("access_token"), (enterprise if org_wide else team).get("id")
    if not isinstance(token, str) or not token or not isinstance(name, str) or not name:
        return None
    if answer.get("refresh_token") or answer.get("expires_in"):
        log.error(
            "the app's token rotation is on: make the app anew from manifest/slack/manifest.yaml, which leaves it off"
        )
        return None
    shown, scopes = (enterprise if org_wide else team).get("name") or "", answer.get("scope") or ""
    return Install(name, token, "" if org_wide else name, str(enterprise.get("id") or ""), str(shown), str(scopes),
                   str(answer.get("bot_id") or ""), str(answer.get("bot_user_id") or ""))  # fmt: skip


def _part(answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = answer.get(key)
    return found if isinstance(found, Mapping) else {}
