"""What Slack sends, as plain values. Pure: a request's body goes in, one frozen `Event` comes out.

Shapes that are none of ours are `other`, never an error: Slack adds fields and events as it likes (docs.slack.dev: Events API,
interaction payloads, slash commands).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from adapters.channels.slack_blocks import Pressed, label_of, pressed
from adapters.channels.slack_text import read as read_text
from adapters.channels.slack_text import storable
from bot.model import Place

NAME: Final = "slack"
REPORT: Final = "report_message"  # callback ids of the message shortcuts, as in the manifest
PROPOSE: Final = "propose_answer"
TEXT_CHARACTERS: Final = 40_000
MOST_FILES: Final = 20
_SAID = {"", "file_share", "thread_broadcast", "me_message"}

Kind = Literal[
    "said", "edited", "deleted", "pressed", "submitted", "shortcut", "command", "home", "opened", "removed", "other"
]
Json = Mapping[str, Any]


_TS: Final = re.compile(r"[0-9]{1,10}\.[0-9]{1,6}\Z")


def stamp(ts: str) -> float:
    """Slack's time of a message as epoch seconds, 0 for what is none."""
    return float(ts) if _TS.match(ts) else 0.0


@dataclass(frozen=True)
class Remote:
    """A file that can be fetched with our token. Without `url` the platform has to be asked for it."""

    id: str
    name: str
    url: str = ""
    size: int = 0
    type: str = ""


@dataclass(frozen=True)
class Quoted:
    """The message that a shortcut was used on. `text` is plain."""

    author: str
    text: str
    ts: str = ""
    files: tuple[Remote, ...] = ()


@dataclass(frozen=True)
class View:
    """A modal that was sent. `metadata` is what we put into it."""

    id: str
    callback: str
    metadata: str


@dataclass(frozen=True)
class Event:
    """One thing that happened. `key` names it for good: the same event delivered again has the same one.

    `of` is the key of the message that an edit or a deletion is about. `shown` are the blocks of the message that was pressed.
    """

    kind: Kind
    key: str = ""
    team: str = ""
    enterprise: str = ""
    org_wide: bool = False
    bot: str = ""
    user: str = ""
    channel: str = ""
    ts: str = ""
    thread: str = ""
    text: str = ""
    mentions_us: bool = False
    files: tuple[Remote, ...] = ()
    of: str = ""
    action: Pressed | None = None
    label: str = ""
    block: str = ""
    element: str = ""
    sent: str = ""
    shown: tuple[Json, ...] = ()
    shown_text: str = ""
    trigger: str = ""
    callback: str = ""
    view: View | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    quoted: Quoted | None = None

    @property
    def install(self) -> str:
        """Whose token serves it: the whole organisation's, or the workspace's."""
        return self.enterprise if self.org_wide else self.team

    @property
    def private(self) -> bool:
        """Whether only this person sees the conversation."""
        return not self.channel or self.channel.startswith("D")


def place_of(event: Event, prefix: str) -> Place:
    """Where an event is. A direct message is the person's, whatever id its channel has; `prefix` names the workspace."""
    if event.private:
        return direct(event.user, prefix, event.thread)
    return Place(NAME, prefix + event.channel, event.thread or event.ts, private=False)


def direct(user: str, prefix: str, thread: str = "") -> Place:
    """Somebody's direct messages."""
    return Place(NAME, prefix + user, thread)


def read(body: Any) -> Event:
    """The event in a request's body."""
    if not isinstance(body, Mapping):
        return Event("other")
    base = Event(
        "other",
        team=_text(body, "team_id") or _text(_part(body, "team"), "id") or _text(_part(body, "user"), "team_id"),
        enterprise=_text(body, "enterprise_id") or _text(_part(body, "enterprise"), "id"),
        org_wide=body.get("is_enterprise_install") in (True, "true"),
        trigger=_text(body, "trigger_id"),
    )
    match body.get("type"):
        case "event_callback":
            return _event(_authorised(base, body), _part(body, "event"))
        case "block_actions":
            return _pressed(_by_user(base, body), body)
        case "view_submission":
            return _submitted(_by_user(base, body), _part(body, "view"))
        case "message_action":
            return _shortcut(_by_user(base, body), body)
        case None if _text(body, "command"):
            return replace(
                base, kind="command", key=f"{NAME}:command:{base.trigger}", user=_text(body, "user_id"),
                channel=_text(body, "channel_id"), text=read_text(_text(body, "text")),
            )  # fmt: skip
    return base


# the Events API


def _authorised(base: Event, body: Json) -> Event:
    """In a channel shared with others, the installation that it is for is named in `authorizations`."""
    ours = next(iter(_items(body.get("authorizations"))), {})
    return replace(
        base,
        team=_text(ours, "team_id") or base.team,
        enterprise=_text(ours, "enterprise_id") or base.enterprise,
        org_wide=ours.get("is_enterprise_install") is True if ours else base.org_wide,
        bot=_text(ours, "user_id"),
    )


def _event(base: Event, event: Json) -> Event:
    user, channel = _text(event, "user"), _text(event, "channel")
    match event.get("type"), _text(event, "subtype"):
        case (("message" | "app_mention"), subtype) if subtype in _SAID:
            return _said(base, event)
        case "message", "message_changed":
            return _changed(replace(base, channel=channel), event)
        case "message", "message_deleted":
            return _deleted(
                replace(base, channel=channel), _part(event, "previous_message"), _text(event, "deleted_ts")
            )
        case "app_home_opened", _:
            kind: Kind = "home" if event.get("tab") == "home" else "opened"
            key = f"{NAME}:{base.install}:{kind}:{user}"
            return replace(base, kind=kind, key=key, user=user, channel=channel)
        case "app_uninstalled", _:
            return replace(base, kind="removed", key=f"{NAME}:{base.install}:removed")
        case "tokens_revoked", _ if _part(event, "tokens").get("bot"):  # tokens of people are none of ours
            return replace(base, kind="removed", key=f"{NAME}:{base.install}:removed")
    return base


def _said(base: Event, event: Json) -> Event:
    user, ts = _text(event, "user"), _text(event, "ts")
    if not user or not ts or event.get("bot_id") or user == base.bot:
        return base
    raw = _text(event, "text", TEXT_CHARACTERS)
    channel = _text(event, "channel")
    return replace(
        base, kind="said", key=_key(base, ts, channel), user=user, channel=channel, ts=ts,
        thread=_thread(channel, ts, _text(event, "thread_ts")), text=read_text(raw, base.bot),
        mentions_us=event.get("type") == "app_mention" or bool(base.bot and f"<@{base.bot}" in raw),
        files=_files(event.get("files")),
    )  # fmt: skip


def _changed(base: Event, event: Json) -> Event:
    """An edit by a person; previews that Slack adds and our own updates come as changes too."""
    now, before = _part(event, "message"), _part(event, "previous_message")
    if _text(now, "subtype") == "tombstone":
        return _deleted(base, before, _text(now, "ts"))
    said = _said(base, {"type": "message", **now, "channel": base.channel})
    if said.kind != "said" or _text(now, "text") == _text(before, "text"):
        return base
    edited = _text(_part(now, "edited"), "ts") or _text(event, "event_ts")
    return replace(said, kind="edited", of=said.key, key=f"{said.key}:edit:{edited}")


def _deleted(base: Event, before: Json, ts: str) -> Event:
    user = _text(before, "user")
    if not user or not ts or before.get("bot_id") or user == base.bot:
        return base
    key = _key(base, ts)
    return replace(base, kind="deleted", user=user, ts=ts, thread=_text(before, "thread_ts"), of=key,
                   key=f"{key}:deleted")  # fmt: skip


# interaction


def _by_user(base: Event, body: Json) -> Event:
    return replace(base, user=_text(_part(body, "user"), "id"))


def _pressed(base: Event, body: Json) -> Event:
    element = next(iter(_items(body.get("actions"))), {})
    container, message = _part(body, "container"), _part(body, "message")
    channel = _text(_part(body, "channel"), "id") or _text(container, "channel_id")
    name = _text(element, "action_id")
    value = _text(element, "value", 4_000) or _text(_part(element, "selected_option"), "value", 4_000)
    if not base.user or not name or (channel and not message and not container.get("is_ephemeral")):
        return base
    ts = _text(container, "message_ts") or _text(message, "ts")
    shown = tuple(_items(message.get("blocks")))
    thread = _thread(channel, ts, _text(message, "thread_ts") or _text(container, "thread_ts"))
    return replace(
        base, kind="pressed", key=f"{NAME}:press:{base.trigger or _text(element, 'action_ts')}", channel=channel, ts=ts,
        thread=thread, action=pressed(name, value), label=label_of(element, shown), block=_text(element, "block_id"),
        element=name, sent=value,
        shown=shown, shown_text=_text(message, "text", TEXT_CHARACTERS),
    )  # fmt: skip


def _submitted(base: Event, view: Json) -> Event:
    if not base.user or not _text(view, "id"):
        return base
    sent = View(_text(view, "id"), _text(view, "callback_id"), _text(view, "private_metadata", 3_000))
    return replace(
        base, kind="submitted", key=f"{NAME}:view:{sent.id}:{_text(view, 'hash')}", view=sent, form=_form(view),
        callback=sent.callback,
    )  # fmt: skip


def _shortcut(base: Event, body: Json) -> Event:
    message = _part(body, "message")
    ts = _text(message, "ts") or _text(body, "message_ts")
    author = _text(message, "user") or _text(message, "bot_id") or _text(message, "username")
    quoted = Quoted(author, read_text(_text(message, "text", TEXT_CHARACTERS)), ts, _files(message.get("files")))
    return replace(
        base, kind="shortcut", key=f"{NAME}:shortcut:{base.trigger}", callback=_text(body, "callback_id"), quoted=quoted,
        channel=_text(_part(body, "channel"), "id"), ts=ts, thread=_text(message, "thread_ts"),
    )  # fmt: skip


def _form(view: Json) -> dict[str, str]:
    """What was typed and chosen, by field name."""
    found: dict[str, str] = {}
    for block in _part(_part(view, "state"), "values").values():
        for name, element in block.items() if isinstance(block, Mapping) else ():
            if isinstance(element, Mapping):
                chosen = _part(element, "selected_option")
                found[str(name)[:60]] = _text(element, "value", TEXT_CHARACTERS) or _text(chosen, "value")
    return found


# inside


def _key(event: Event, ts: str, channel: str = "") -> str:
    return f"{NAME}:{event.install}:{channel or event.channel}:{ts}"


def _thread(channel: str, ts: str, thread: str) -> str:
    """A direct message with replies under it says that it is a thread: it stands in the conversation all the same."""
    return "" if thread == ts and channel.startswith("D") else thread


def _files(value: Any) -> tuple[Remote, ...]:
    found = []
    for item in list(_items(value))[:MOST_FILES]:
        if _text(item, "id") and item.get("mode") not in ("tombstone", "hidden_by_limit"):
            url = _text(item, "url_private_download", 4_000) or _text(item, "url_private", 4_000)
            size = item.get("size")
            found.append(Remote(_text(item, "id"), _text(item, "name", 200) or "file", url,
                                size if isinstance(size, int) else 0, _text(item, "mimetype")))  # fmt: skip
    return tuple(found)


def _text(value: Json, key: str, most: int = 1_000) -> str:
    found = value.get(key)
    return storable(found[:most]) if isinstance(found, str) else ""


def _part(value: Json, key: str) -> Json:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _items(value: Any) -> Sequence[Json]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
