"""PagerDuty, Events API v2 (developer.pagerduty.com/docs/events-api-v2): a phone rings."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from adapters.pagers.wire import post
from bot.errors import ChannelError
from bot.ports import Clock, Page

URL = "https://events.pagerduty.com/v2/enqueue"
MOST_SUMMARY, MOST_KEY = 1024, 255  # limits of the API


class PagerDutyPager:
    """Triggers an incident a call, and acknowledges or resolves it when somebody has answered here."""

    name = "pagerduty"
    rings = True

    def __init__(self, routing_key: str, source: str, clock: Clock, url: str = URL) -> None:
        self._key, self._source, self._clock, self._url = routing_key, source, clock, url or URL

    def page(self, page: Page) -> None:
        payload = {
            "summary": (page.summary or "Secdesk")[:MOST_SUMMARY],
            "source": self._source,
            "severity": "critical",
            "timestamp": datetime.fromtimestamp(self._clock.now(), UTC).isoformat(),
            "component": "secdesk",
            "class": "emergency" if page.ticket else "test",
            "custom_details": {"to": page.to, "ticket": page.ticket},
        }
        links = [{"href": page.url, "text": page.ticket}] if page.url and page.ticket else []
        self._send("trigger", page.key, payload=payload, links=links, client="Secdesk", client_url=page.url)

    def settle(self, call: str, how: str) -> None:
        """`how`: acknowledge or resolve."""
        self._send(how, call)

    def _send(self, action: str, key: str, **more: object) -> None:
        event = {"routing_key": self._key, "event_action": action, "dedup_key": key[:MOST_KEY], **more}
        answer = post(self._url, json.dumps(event).encode())
        if answer.get("status") != "success":
            raise ChannelError("did not take it")
