"""The SDK's dispatcher around our turns: it checks, authorises and routes; what is to be done is in `slack_turns`.

Imported only once Slack is switched on. Listeners run before the response (`process_before_response`): what is acknowledged is
stored. One listener a kind of payload, the commonest first; events that nobody here wants are acknowledged all the same.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.logger import get_bolt_app_logger
from slack_bolt.request.async_internals import build_async_context
from slack_sdk.web.async_client import AsyncWebClient
from starlette.responses import Response

from adapters.channels.slack_api import SlackApi
from adapters.channels.slack_events import PROPOSE, REPORT, read
from adapters.channels.slack_turns import SlackTurns

log = logging.getLogger(__name__)
COMMAND: Final = "/secdesk"
_FAILED: Final = "secdesk_failed"
_ANY: Final = re.compile("")


class SlackApp:
    """An `AsyncApp` and the two ways into it: signed requests, and Socket Mode's envelopes."""

    def __init__(self, turns: SlackTurns, api: SlackApi, secret: str) -> None:
        self._turns = turns
        self.bolt = AsyncApp(
            name="secdesk", signing_secret=secret or "-", client=AsyncWebClient(base_url=api.base),
            authorize=_authorizing(api), process_before_response=True, attaching_function_token_enabled=False,
            ssl_check_enabled=False, url_verification_enabled=False, attaching_conversation_kwargs_enabled=False,
        )  # fmt: skip
        for name in ("slack_bolt.AsyncApp", get_bolt_app_logger("secdesk").name, "slack_bolt", "slack_sdk"):
            logging.getLogger(name).setLevel(logging.ERROR)  # below that they print what people wrote
        self.bolt.event(_ANY)(self._take)
        self.bolt.action(_ANY)(self._take)
        self.bolt.view(_ANY)(self._take)
        self.bolt.command(COMMAND)(self._take)
        for name in (REPORT, PROPOSE):
            self.bolt.message_shortcut(name)(self._take)

    async def dispatch(self, body: str, headers: Mapping[str, str], shape: Mapping[str, Any]) -> Response:
        """A request that the guard has let through; `shape` is its body as read there.

        Answers 400 to what the SDK trips over, 503 to what we could not do.
        """
        try:
            request = AsyncBoltRequest(body=body, headers=dict(headers))
            if "command" in shape and not request.body:  # the SDK loses commands whose text says "payload"
                request.body = dict(shape)
                request.context = build_async_context(AsyncBoltContext(), request.body)
            answer = await self.bolt.async_dispatch(request)
        except Exception:
            log.exception("a signed request has a shape that is none")
            return Response(status_code=400)
        if answer.status >= 500:
            return Response(status_code=503 if _FAILED in request.context else 400)
        return to_starlette_response(answer)

    # inside

    async def _take(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        try:
            answer = await self._turns.take(read(body))
        except Exception:
            context[_FAILED] = True  # ours to mend, and Slack's to send again
            raise
        await ack("" if answer is None else dict(answer))


def _authorizing(api: SlackApi) -> Callable[..., Awaitable[Any]]:
    """For the SDK: the token of an installation, from memory. A plain function, since it takes `self` for an argument to fill."""

    async def authorize(enterprise_id: str | None, team_id: str | None, context: Any) -> AuthorizeResult | None:
        org_wide = bool(getattr(context, "is_enterprise_install", False))  # then it is the whole organisation's
        install = await api.install((enterprise_id if org_wide else team_id) or "")
        if install is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=install.token, bot_id=install.bot or None,
            bot_user_id=install.bot_user or None,
        )  # fmt: skip

    return authorize
