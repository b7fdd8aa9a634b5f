"""Fakes of what rings a phone: a server that checks every request as PagerDuty's Events API v2 does, and a webhook's receiver."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a shared secret"
KEY = "0123456789abcdef0123456789abcdef"
_FIELDS = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


def faults_of(event: Any) -> list[str]:
    """What PagerDuty's documentation does not allow in an event."""
    if not isinstance(event, dict):
        return ["not an object"]
    found = [f"unknown field {name}" for name in sorted(set(event) - _FIELDS)]
    if event.get("routing_key") != KEY:
        found.append("'routing_key' is invalid")
    action = event.get("event_action")
    if action not in {"trigger", "acknowledge", "resolve"}:
        found.append("'event_action' is invalid")
    key = event.get("dedup_key", "")
    if not isinstance(key, str) or len(key) > 255 or (action != "trigger" and not key):
        found.append("'dedup_key' is invalid")
    if action == "trigger":
        found += _payload_faults(event.get("payload"))
        links = event.get("links", [])
        if not all(set(link) <= {"href", "text"} and re.match("https?://", link.get("href", "")) for link in links):
            found.append("'links' is invalid")
    return found


def _payload_faults(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing"]
    found = [f"unknown field payload.{name}" for name in sorted(set(payload) - _PAYLOAD)]
    summary, source = payload.get("summary"), payload.get("source")
    if not isinstance(summary, str) or not 0 < len(summary) <= 1024:
        found.append("'payload.summary' is invalid")
    if not isinstance(source, str) or not source:
        found.append("'payload.source' is missing")
    if payload.get("severity") not in {"critical", "warning", "error", "info"}:
        found.append("'payload.severity' is invalid")
    if "timestamp" in payload:
        datetime.fromisoformat(payload["timestamp"])
    return found


@dataclass
class Ringer:
    """What came in, and how to answer the next requests: `trouble` holds status codes, first to last."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    refused: list[list[str]] = field(default_factory=list)
    trouble: list[int] = field(default_factory=list)

    def actions(self) -> list[tuple[str, str]]:
        return [(event["event_action"], event["dedup_key"]) for event in self.events]


def signed(header: str, body: bytes, now: float) -> bool:
    """As a receiver checks it: right secret, right body, not old."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", header)
    if found is None or abs(now - int(found[1])) > 300:
        return False
    wanted = hmac.new(SECRET.encode(), f"{found[1]}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, found[2])


@contextmanager
def ringer(now: float) -> Iterator[Ringer]:
    """A server: /v2/enqueue is PagerDuty, /hook a receiver of the signed webhook."""
    state = Ringer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, answer = self._answer(body)
            data = json.dumps(answer).encode()
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
            if state.trouble:
                return state.trouble.pop(0), {}
            event = json.loads(body)
            if self.path == "/hook":
                if not signed(self.headers.get("X-Secdesk-Signature", ""), body, now):
                    return 401, {}
                state.events.append(event)
                return 200, {}
            found = faults_of(event) + ([] if self.path == "/v2/enqueue" else ["no such path"])
            if found or self.headers["Content-Type"] != "application/json":
                state.refused.append(found)
                return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": found}
            state.events.append(event)
            return 202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
