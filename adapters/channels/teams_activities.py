"""A Teams activity as plain values. Pure: the JSON as it came in goes in, frozen values come out.

`read` takes what the platform sends (learn.microsoft.com: Bot Framework activity schema) and refuses shapes that are not
one. Fields that Teams leaves unset (`conversation.tenantId`) are never relied on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from adapters.channels.teams_auth import tenant_of
from adapters.channels.teams_cards import DATA
from bot.model import Action, Place

NAME: Final = "teams"
ID_CHARACTERS: Final = 1_024
TEXT_CHARACTERS: Final = 30_000
FILE_TYPE: Final = "application/vnd.microsoft.teams.file.download.info"
PICTURE: Final = "picture"  # the name of a pasted one; its ending comes with its bytes
SEEN: Final = "seen"  # in the data of a dialog
EDIT: Final = ":edit:"  # in the key of a message that reads otherwise now
THREAD: Final = ";messageid="
_TAG = re.compile(r"<[^<>]{0,400}>")
_SPACE = re.compile(r"[ \t\u00a0]+")

Kind = Literal[
    "message", "edited", "deleted", "pressed", "installed", "removed", "dialog", "dialog_sent", "file_taken", "other"
]
Scope = Literal["personal", "channel", "groupChat"]


class Malformed(Exception):
    """400: this is no activity. The text names the field."""


@dataclass(frozen=True)
class Sender:
    """Who it is from. `id` is the platform's (`29:…`), `aad` the directory's object id ("" for some guests)."""

    id: str
    aad: str
    name: str
    locale: str

    @property
    def language(self) -> str:
        """The language of their client."""
        return self.locale[:2].casefold()


@dataclass(frozen=True)
class Remote:
    """A file that can be fetched: its name and address. A short-lived one that needs no sign-in, or (`ours`: a pasted picture)
    one of the connector's that wants our token."""

    name: str
    url: str
    ours: bool = False


@dataclass(frozen=True)
class Taken:
    """A file that we offered was taken (`upload`: where its bytes go, "" if it was declined). `context` is what we put into the
    offer; `link`, `unique` and `ending` name the file where it will be."""

    context: Mapping[str, Any]
    name: str = ""
    upload: str = ""
    link: str = ""
    unique: str = ""
    ending: str = ""


@dataclass(frozen=True)
class Quoted:
    """The message that a message action was used on. `text` is plain."""

    id: str
    author: str
    text: str
    link: str
    at: float
    html: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Activity:
    """One activity. `card` is the id of the message whose button was pressed; `key` names the event for good, `of` the one
    that an edit or a deletion is about. `seen`: what a dialog sends was shown as it will look.

    `mentions_us`: in a channel, whether it was written to us. `team` is where a channel belongs. `unreadable` counts what came
    along that cannot be fetched.
    """

    kind: Kind
    key: str
    id: str
    name: str
    sender: Sender
    bot: str
    scope: Scope
    conversation: str
    thread: str
    tenant: str
    service_url: str
    text: str = ""
    at: float = 0.0
    action: Action | None = None
    card: str = ""
    files: tuple[Remote, ...] = ()
    unreadable: int = 0
    mentions_us: bool = False
    team: str = ""
    quoted: Quoted | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    of: str = ""
    seen: bool = False
    taken: Taken | None = None

    @property
    def place(self) -> Place:
        """Where this is. The thread is part of it in a channel."""
        return Place(NAME, self.conversation, self.thread, self.scope == "personal")

    @property
    def address(self) -> str:
        """The conversation id that a reply goes to."""
        return address(self.conversation, self.thread)


def address(conversation: str, thread: str) -> str:
    """The platform's id of a conversation, or of one thread of a channel."""
    return f"{conversation}{THREAD}{thread}" if thread else conversation


def apart(whole: str) -> tuple[str, str]:
    """(conversation, thread) of an address."""
    conversation, _, thread = whole.partition(THREAD)
    return conversation, thread


def read(raw: Any) -> Activity:
    """The activity. Raises `Malformed`; unknown types and names are `other`, never an error."""
    if not isinstance(raw, Mapping):
        raise Malformed("activity")
    kind = _text(raw, "type", needed=True)
    talk = _part(raw, "conversation")
    whole = _text(talk, "id", needed=True)
    conversation, thread = apart(whole)
    scope = _scope(talk, raw)
    sender, bot = _part(raw, "from"), _part(raw, "recipient")
    value = raw.get("value")
    identity = _text(raw, "id")
    found = Activity(
        kind="other", id=identity, name=_text(raw, "name"), key=f"{NAME}:{whole}:{identity}",
        sender=Sender(_text(sender, "id", needed=True), _text(sender, "aadObjectId"), _text(sender, "name")[:200],
                      _text(raw, "locale")),
        bot=_text(bot, "id"), scope=scope, conversation=conversation, thread=thread if scope == "channel" else "",
        tenant=tenant_of(raw), service_url=_text(raw, "serviceUrl", needed=True), at=_time(raw.get("timestamp")),
        card=_text(raw, "replyToId"), team=_text(_part(_part(raw, "channelData"), "team"), "id"),
    )  # fmt: skip
    return _kind_of(kind, found, raw, value)


def _kind_of(kind: str, found: Activity, raw: Mapping[str, Any], value: Any) -> Activity:
    """The same with what this type of activity carries."""
    match kind, found.name:
        case "message", _ if (action := _action(value)) is not None:
            return replace(found, kind="pressed", action=action)
        case "message", _:
            return _message(found, raw)
        case "messageUpdate", _:
            edited = replace(_message(found, raw), kind="edited", of=found.key)
            return replace(edited, key=f"{found.key}{EDIT}{_text(raw, 'timestamp') or _text(raw, 'localTimestamp')}")
        case "messageDelete", _:
            return replace(found, kind="deleted", of=found.key, key=f"{found.key}:deleted")
        case "invoke", "adaptiveCard/action":
            pressed = _part(_part(raw, "value"), "action")
            action = _action(pressed.get("data"))
            return replace(found, kind="pressed" if action else "other", action=action)
        case "invoke", "composeExtension/fetchTask" | "composeExtension/submitAction":
            sent = found.name.endswith("submitAction")
            asked = _part(raw, "value")
            data = asked.get("data")
            return replace(found, kind="dialog_sent" if sent else "dialog", command=_text(asked, "commandId"),
                           quoted=_quoted(asked.get("messagePayload")), form=_form(data), action=_action(data),
                           seen=isinstance(data, Mapping) and data.get(SEEN) is True)  # fmt: skip
        case "invoke", "fileConsent/invoke":
            taken = _taken(_part(raw, "value"))
            return replace(found, kind="file_taken", taken=taken)
        case "conversationUpdate", _ if _added(raw, found.bot):
            return replace(found, kind="installed")
        case "installationUpdate", _:
            added = str(raw.get("action", "")).startswith("add")
            return replace(found, kind="installed" if added else "removed")
    return found


def _message(found: Activity, raw: Mapping[str, Any]) -> Activity:
    files, unreadable = _files(raw.get("attachments"), in_channel=found.scope == "channel")
    text, ours = _said(raw, found.bot)
    return replace(found, kind="message", text=text, mentions_us=ours, files=files, unreadable=unreadable)


def _said(raw: Mapping[str, Any], bot: str) -> tuple[str, bool]:
    """The text without our own name in it, and whether we were named. Others' names stay, without the tags."""
    text, ours = _text(raw, "text", most=TEXT_CHARACTERS), False
    for entity in _items(raw.get("entities")):
        if entity.get("type") != "mention":
            continue
        mark, who = _text(entity, "text"), _text(_part(entity, "mentioned"), "id")
        if mark and who == bot:
            text, ours = text.replace(mark, " ", 1), True
    text = re.sub(r"</?at[^<>]{0,200}>", "", text)
    if raw.get("textFormat") == "xml":
        text = plain(text)
    text = text.replace("&nbsp;", " ")
    return "\n".join(_SPACE.sub(" ", line).strip() for line in text.splitlines()).strip(), ours


def plain(text: str) -> str:
    """HTML as text: breaks kept, tags gone, entities read once."""
    broken = re.sub(r"(?i)<(?:br|/p|/div|/li)\b[^<>]{0,100}>", "\n", text)
    return html.unescape(_TAG.sub("", broken)).strip()


def _action(value: Any) -> Action | None:
    """A pressed button of ours. What else a client put into the data is not believed."""
    data = value.get(DATA) if isinstance(value, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("action"), str):
        return None
    chosen = data.get("value")
    form: dict[str, str] = {}
    sent = data.get("inputs")
    for where in sent[:20] if isinstance(sent, list) else ():
        if isinstance(where, str) and isinstance(typed := value.get(where), str):
            form[where.rpartition(".")[0][:60]] = typed
    return Action(data["action"][:100], chosen[:2_000] if isinstance(chosen, str) else "", form)


def _form(value: Any) -> dict[str, str]:
    """What was typed into a dialog."""
    items = value.items() if isinstance(value, Mapping) else ()
    return {str(name)[:60]: text for name, text in list(items)[:20] if isinstance(text, str)}


def _files(value: Any, *, in_channel: bool) -> tuple[tuple[Remote, ...], int]:
    """(files to fetch, how many things came that cannot be). The HTML copy of the text is neither; in a channel it is all
    that tells of a file, which lies in the team's own store."""
    files, unreadable = list[Remote](), 0
    for item in _items(value):
        kind = _text(item, "contentType")
        if kind == FILE_TYPE:
            files.append(Remote(_text(item, "name")[:200], _text(_part(item, "content"), "downloadUrl", most=8_192)))
        elif kind.startswith("image/"):
            files.append(Remote(_text(item, "name")[:200] or PICTURE, _text(item, "contentUrl", most=8_192), ours=True))
        elif kind.startswith("text/html"):
            unreadable += in_channel and "<attachment" in _text(item, "content", most=TEXT_CHARACTERS * 4)
        elif kind:
            unreadable += 1
    return tuple(files), unreadable


def _taken(value: Mapping[str, Any]) -> Taken:
    """The answer to an offered file (learn.microsoft.com: "Send and receive files", file consent)."""
    context, info = value.get("context"), _part(value, "uploadInfo")
    given = context.get(DATA) if isinstance(context, Mapping) else None
    whole = given if isinstance(given, Mapping) else {}
    if value.get("action") != "accept":
        return Taken(whole)
    return Taken(
        whole, _text(info, "name")[:200], _text(info, "uploadUrl", most=8_192), _text(info, "contentUrl", most=8_192),
        _text(info, "uniqueId"), _text(info, "fileType")[:20],
    )  # fmt: skip


def _quoted(value: Any) -> Quoted | None:
    if not isinstance(value, Mapping):
        return None
    author = _part(value, "from")
    body = _part(value, "body")
    content = _text(body, "content", most=TEXT_CHARACTERS * 4)
    rich = _text(body, "contentType") == "html"
    names = tuple(_text(item, "name")[:200] for item in _items(value.get("attachments")) if item.get("name"))
    name = _text(_part(author, "user"), "displayName") or _text(_part(author, "application"), "displayName")
    return Quoted(
        id=_text(value, "id"), author=name[:200], text=(plain(content) if rich else content)[:TEXT_CHARACTERS],
        link=_text(value, "linkToMessage", most=4_096), at=_time(value.get("createdDateTime")),
        html=content if rich else "", files=names,
    )  # fmt: skip


def _added(raw: Mapping[str, Any], bot: str) -> bool:
    return any(member.get("id") == bot and bot for member in _items(raw.get("membersAdded")))


def _scope(talk: Mapping[str, Any], raw: Mapping[str, Any]) -> Scope:
    kind = _text(talk, "conversationType")
    if kind == "personal":
        return "personal"
    if kind == "channel" or _part(_part(raw, "channelData"), "team"):
        return "channel"
    return "groupChat" if kind == "groupChat" or talk.get("isGroup") else "personal"


def _time(value: Any) -> float:
    """Epoch seconds of an ISO time, 0 if it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _text(raw: Mapping[str, Any], name: str, *, needed: bool = False, most: int = ID_CHARACTERS) -> str:
    value = raw.get(name)
    if value is None or value == "":
        if needed:
            raise Malformed(name)
        return ""
    if not isinstance(value, str):
        raise Malformed(name)
    if len(value) > most and most == ID_CHARACTERS:
        raise Malformed(name)
    return value[:most]


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Malformed(name)
    return value


def _items(value: Any) -> Sequence[Mapping[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items[:50] if isinstance(item, Mapping)]
