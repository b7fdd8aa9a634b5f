"""A signed webhook: whatever can ring a phone and takes a POST.

Signed as `adapters/signing.py` says: the receiver compares in constant time, and refuses a TIME that is minutes away. `key` is
the same when a call is tried again.
"""

from __future__ import annotations

import json

from adapters.pagers.wire import post
from adapters.signing import HEADER, signature
from bot.ports import Clock, Page


class WebhookPager:
    """Posts each call, signed."""

    name = "webhook"
    rings = True

    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    def page(self, page: Page) -> None:
        self._send({"event": "page", "key": page.key, "to": page.to, "summary": page.summary, "ticket": page.ticket,
                    "url": page.url})  # fmt: skip

    def settle(self, call: str, how: str) -> None:
        """`how`: acknowledge or resolve."""
        self._send({"event": how, "key": call})

    def _send(self, event: dict[str, str]) -> None:
        body = json.dumps({"schema": "secdesk.page/1", **event}, ensure_ascii=False).encode()
        post(self._url, body, {HEADER: signature(self._secret, int(self._clock.now()), body)})
