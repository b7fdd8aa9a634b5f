"""What Slack sends to an app: events, presses, modals, shortcuts and commands as it makes them, signed as it signs them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM, ENTERPRISE, BOT, BOT_ID, APP = "T0NORTH", "E0GROUP", "U0BOT", "B0BOT", "A0SECDESK"
DESK, GENERAL = "C0DESK", "C0GENERAL"
Json = dict[str, Any]


@dataclass
class Sent:
    """The state of a workspace, and what comes from it. `threads` are messages that have replies."""

    base: str = ""
    users: dict[str, Json] = field(default_factory=dict)
    channels: dict[str, Json] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    views: dict[str, Json] = field(default_factory=dict)
    homes: dict[str, Json] = field(default_factory=dict)
    files: dict[str, Json] = field(default_factory=dict)
    threads: set[tuple[str, str]] = field(default_factory=set)
    triggers: dict[str, float] = field(default_factory=dict)
    trigger_seconds: float = 3.0
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def user(self, name: str, address: str = "", **more: Any) -> str:
        """Somebody of the workspace; their id."""
        found = f"U{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
        profile = {"real_name": name.replace(".", " ").title(), "email": address or f"{name}@northwind.example"}
        self.users.setdefault(found, {
            "id": found, "team_id": TEAM, "name": name, "real_name": profile["real_name"], "locale": "en-GB",
            "profile": profile, "is_email_confirmed": True, **more,
        })  # fmt: skip
        return found

    def dm(self, user: str) -> str:
        """The channel of somebody's direct messages with the bot."""
        return f"D{user[1:]}"

    def ts(self) -> str:
        return f"1900000000.{next(self.ids):06d}"

    def trigger(self) -> str:
        """A trigger that may open one view within three seconds."""
        name = f"trigger.{next(self.ids)}"
        self.triggers[name] = time.monotonic() + self.trigger_seconds
        return name

    # the Events API

    def event(self, event: Json, *, team: str = TEAM, enterprise: str = "", org_wide: bool = False) -> Json:
        """An Events API envelope."""
        authorization = {"enterprise_id": enterprise or None, "team_id": None if org_wide else team, "user_id": BOT,
                         "is_bot": True, "is_enterprise_install": org_wide}  # fmt: skip
        return {"token": "t", "team_id": team, "enterprise_id": enterprise or None, "api_app_id": APP, "event": event,
                "type": "event_callback", "event_id": f"Ev{next(self.ids)}", "event_time": 1,
                "authorizations": [authorization], "is_ext_shared_channel": False}  # fmt: skip

    def message(self, user: str, text: str = "", channel: str = "", **more: Any) -> Json:
        """Somebody writes: in a direct message unless told otherwise."""
        place = channel or self.dm(user)
        kind = "im" if place.startswith("D") else "channel"
        ts = self.ts()
        if more.get("thread_ts"):
            self.threads.add((place, more["thread_ts"]))
        return {"type": "message", "user": user, "text": text, "ts": ts, "event_ts": ts, "channel": place, "channel_type": kind,
                "team": TEAM, **more}  # fmt: skip

    def mention(self, user: str, text: str, channel: str = GENERAL, **more: Any) -> Json:
        return {**self.message(user, f"<@{BOT}> {text}", channel, **more), "type": "app_mention"}

    def changed(self, message: Json, text: str, **more: Any) -> Json:
        """Somebody edits what they wrote."""
        now = {**message, "text": text, "edited": {"user": message["user"], "ts": self.ts()}, **more}
        return {"type": "message", "subtype": "message_changed", "channel": message["channel"], "hidden": True,
                "ts": self.ts(), "event_ts": self.ts(), "message": now, "previous_message": message}  # fmt: skip

    def deleted(self, message: Json) -> Json:
        """Somebody deletes what they wrote."""
        return {"type": "message", "subtype": "message_deleted", "channel": message["channel"], "hidden": True,
                "ts": self.ts(), "deleted_ts": message["ts"], "event_ts": self.ts(), "previous_message": message}  # fmt: skip

    def opened(self, user: str, tab: str) -> Json:
        return {"type": "app_home_opened", "user": user, "channel": self.dm(user), "tab": tab, "event_ts": self.ts()}

    def upload(self, user: str, name: str, data: bytes, text: str = "", channel: str = "", **more: Any) -> Json:
        """Somebody sends a file."""
        return self.message(user, text, channel, subtype="file_share", files=[self.file(name, data)], **more)

    def file(self, name: str, data: bytes, **more: Any) -> Json:
        """A file that lies on Slack, as messages name it."""
        key = f"F{next(self.ids):08d}"
        url = f"{self.base}/files-pri/{TEAM}-{key}"
        made = {"id": key, "name": name, "size": len(data), "mimetype": "application/octet-stream", "mode": "hosted",
                "url_private": url, "url_private_download": url, "file_access": "visible", **more}  # fmt: skip
        self.files[f"{TEAM}-{key}"] = {"info": made, "data": data}
        return made

    # interaction

    def press(self, user: str, message: Json, label: str, **more: Any) -> Json:
        """Somebody presses a button of a posted message, by what is written on it (or on the line beside it)."""
        block, element, value = found_button(message["blocks"], label)
        action = {"action_id": element["action_id"], "block_id": block.get("block_id", "x"), "type": element["type"],
                  "action_ts": self.ts(), "value": value, "text": element.get("text", {})}  # fmt: skip
        place = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": message["channel"],
            "is_ephemeral": False,
        }
        shown = {key: message[key] for key in ("text", "ts", "blocks", "thread_ts") if message.get(key)}
        if (message["channel"], message["ts"]) in self.threads:
            shown["thread_ts"] = message["ts"]
        return {**self._interaction("block_actions", user), "container": place, "channel": {"id": message["channel"]},
                "message": shown, "actions": [action], "state": {"values": {}}, **more}  # fmt: skip

    def press_home(self, user: str, label: str) -> Json:
        block, element, value = found_button(self.homes[user]["blocks"], label)
        action = {"action_id": element["action_id"], "block_id": block.get("block_id", "x"), "type": "button",
                  "action_ts": self.ts(), "value": value, "text": element["text"]}  # fmt: skip
        return {**self._interaction("block_actions", user), "container": {"type": "view", "view_id": "V0HOME"},
                "actions": [action], "view": {"id": "V0HOME", "type": "home"}}  # fmt: skip

    def submit(self, user: str, view: Json, **typed: str) -> Json:
        """Somebody sends a modal; what is not typed has what was in it."""
        values: dict[str, Json] = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                values[block["block_id"]] = {element["action_id"]: _filled(element, typed)}
        sent = {**view, "state": {"values": values}}
        return {**self._interaction("view_submission", user), "view": sent, "response_urls": []}

    def shortcut(self, user: str, callback: str, message: Json) -> Json:
        """Somebody uses the menu of a message."""
        return {**self._interaction("message_action", user), "callback_id": callback, "message": message,
                "message_ts": message["ts"], "channel": {"id": message["channel"], "name": "x"},
                "response_url": f"{self.base}/response"}  # fmt: skip

    def command(self, user: str, text: str, channel: str = GENERAL) -> Json:
        return {"token": "t", "team_id": TEAM, "team_domain": "north", "channel_id": channel, "channel_name": "x",
                "user_id": user, "user_name": "x", "command": "/secdesk", "text": text, "api_app_id": APP,
                "is_enterprise_install": "false", "response_url": f"{self.base}/response",
                "trigger_id": self.trigger()}  # fmt: skip

    def _interaction(self, kind: str, user: str) -> Json:
        return {"type": kind, "team": {"id": TEAM, "domain": "north"}, "enterprise": None, "is_enterprise_install": False,
                "user": {"id": user, "username": "x", "team_id": TEAM}, "api_app_id": APP, "token": "t",
                "trigger_id": self.trigger()}  # fmt: skip


def _filled(element: Json, typed: Mapping[str, str]) -> Json:
    name = element["action_id"]
    if element["type"] == "static_select":
        wanted = typed.get(name, element["initial_option"]["value"])
        return {"type": "static_select", "selected_option": next(o for o in element["options"] if o["value"] == wanted)}
    return {"type": "plain_text_input", "value": typed.get(name, element.get("initial_value", "")) or None}


def found_button(blocks: list[Json], label: str) -> tuple[Json, Json, str]:
    """(block, element, value) of what is pressed under a label."""
    for block in blocks:
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]
        for element in elements:
            for part in (element, element.get("positive_button", {}), element.get("negative_button", {})):
                shown = part.get("text", {}) if isinstance(part.get("text", {}), dict) else {}
                beside = block.get("text", {}).get("text", "").partition(". ")[2] if "accessory" in block else ""
                if label in (shown.get("text"), beside):
                    return block, element, part.get("value", "")
    raise AssertionError(f"no button {label!r} in {json.dumps(blocks, ensure_ascii=False)[:2_000]}")


def signed(
    body: Json | bytes, *, secret: str = SECRET, at: float | None = None, kind: str = "", form: bool = False
) -> tuple[bytes, dict[str, str]]:
    """(raw body, headers) of a request as Slack signs it. Interactions and commands are forms."""
    of = "application/json"
    if isinstance(body, bytes):
        raw = body
    elif "command" in body:
        raw, of = urlencode(body).encode(), "application/x-www-form-urlencoded"
    elif form or body.get("type") not in ("event_callback", "url_verification", "app_rate_limited"):
        raw, of = urlencode({"payload": json.dumps(body)}).encode(), "application/x-www-form-urlencoded"
    else:
        raw = json.dumps(body).encode()
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return raw, {"Content-Type": kind or of, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def words(value: Any) -> str:
    """Everything that blocks show, as one line."""
    if isinstance(value, Mapping):
        own = value.get("text")
        shown = [own] if isinstance(own, str) else [words(own)] if own else []
        keys = ("fields", "elements", "accessory", "label", "positive_button", "negative_button", "blocks", "title")
        return " ".join(filter(None, [*shown, *(words(value[key]) for key in keys if key in value)]))
    return " ".join(filter(None, map(words, value))) if isinstance(value, list) else ""
