"""Request Tracker 5 over REST 2 (docs.bestpractical.com/rt/5, RT::REST2), signed in with an authentication token.

RT knows no idempotency key. A ticket is found again by a custom field that holds our number, words by the end of their subject;
a mail that quotes such a subject is not taken for ours, since only what came in over REST is. RT answers 200 to changes that it
does not make, so that each is read again. Rights: ShowTicket, ShowTicketComments, CreateTicket, ReplyToTicket, CommentOnTicket,
ModifyTicket, OwnTicket, ReassignTicket, SeeQueue, SeeCustomField, ModifyCustomField; AdminUsers to find people by address.
"""

from __future__ import annotations

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.trackers.plain import from_html, key_in, seconds
from adapters.trackers.wire import Wire, minutes_since, part
from bot.errors import ChannelError
from bot.model import Severity
from bot.ports import Pushed, RemoteTicket, RemoteWord, TicketLine, TrackerStatus

PRIORITY: Mapping[Severity, int] = {"S0": 10, "S1": 30, "S2": 60, "S3": 90}
_LEAST: tuple[tuple[int, Severity], ...] = ((75, "S3"), (45, "S2"), (20, "S1"), (-(10**9), "S0"))
_STATUS: Mapping[str, TrackerStatus] = {
    "stalled": "waiting", "resolved": "resolved", "rejected": "resolved", "deleted": "resolved",
}  # fmt: skip
_SET: Mapping[TrackerStatus, str] = {"open": "open", "waiting": "stalled", "resolved": "resolved"}
_WORDS = {"Correspond", "Comment"}
_LENGTH = re.compile(r"^Content-Length: (\d+)", re.MULTILINE)
_PAGE, _PAGES = 100, 50
_MOST_WORDS = 200_000  # bytes of one message
_KEPT = 2000  # texts that are kept: they never change


class RequestTracker:
    """One queue of one RT."""

    name, label = "rt", "Request Tracker"

    def __init__(self, url: str, token: str, queue: str, field: str = "Secdesk") -> None:
        self._wire = Wire(f"{url.rstrip('/')}/REST/2.0", {"Authorization": f"token {token}"}, _reason)
        self._queue, self._field = queue, field
        self._findable = False
        self._mails: dict[str, str] = {}
        self._texts: OrderedDict[str, str] = OrderedDict()

    # to RT

    def find(self, number: str) -> str:
        found = self._items("/tickets", query=f"CF.{{{self._field}}} = '{_quoted(number)}'", orderby="id")
        return next((str(item["id"]) for item in found), "")

    def open(self, line: TicketLine) -> str:
        body: dict[str, Any] = {
            "Queue": self._queue, "Subject": _subject(line.subject or line.number), "ContentType": "text/plain",
            "Content": f"{line.text}\n\n{line.number}: {line.url}", "Priority": PRIORITY[line.severity], "Status": "new",
            "CustomFields": {self._field: line.number},
        }  # fmt: skip
        if line.requester_mail:
            body["Requestor"] = [line.requester_mail]
        answer = self._wire.send("POST", "/ticket", body)
        remote = str(answer["id"]) if isinstance(answer, dict) and answer.get("id") else ""
        if not remote:
            raise ChannelError(
                f"it opened no ticket: does the queue {self._queue} exist, and may we open tickets in it?"
            )
        if not self._findable and self.find(line.number) != remote:  # else the next crash would open a second one
            queue, field = self._queue, self._field
            raise ChannelError(f"tickets of the queue {queue} lack the custom field {field}, or we may not set it")
        self._findable = True
        return remote

    def has(self, remote: str, key: str) -> bool:
        parts = self._items(f"/ticket/{part(remote)}/attachments", fields="Subject,Headers")
        return any(key_in(str(item.get("Subject") or "")) == key for item in parts)

    def send(self, remote: str, line: TicketLine) -> str:
        path = f"/ticket/{part(remote)}"
        if line.kind in {"said", "note"}:
            text = line.text if line.kind == "note" else f"{line.author}:\n\n{line.text}"
            body = {
                "Content": text,
                "ContentType": "text/plain",
                "Subject": f"{_subject(line.subject, 90)} [{line.key}]",
            }
            self._wire.send("POST", f"{path}/{'correspond' if line.kind == 'said' else 'comment'}", body)
            return ""
        if line.kind == "owner":
            return self._set_owner(remote, line)
        if line.kind == "status":
            return self._set_status(remote, line.status)
        self._wire.send("PUT", path, {"Priority": PRIORITY[line.severity]})
        return self._checked(self.ticket_only(remote).severity, line.severity, "its priority") or ""

    def _set_owner(self, remote: str, line: TicketLine) -> str:
        wanted = self._user_named(line.owner_mail) if line.owner_mail else ""
        if (line.owner_mail or line.owner) and not wanted:  # nobody there has this address: at least say who has it
            self.send(remote, replace(line, kind="note", text=f"{line.owner or line.owner_mail}: {line.url}"))
            return self.ticket_only(remote).owner or ""
        self._wire.send("PUT", f"/ticket/{part(remote)}", {"Owner": wanted or "Nobody"})
        now = self.ticket_only(remote).owner or ""
        if now.casefold() != line.owner_mail.casefold():
            raise ChannelError("it did not change the owner: our user lacks ReassignTicket, or theirs lacks OwnTicket")
        return now

    def _set_status(self, remote: str, status: TrackerStatus) -> str:
        if self.ticket_only(remote).status != status:
            self._wire.send("PUT", f"/ticket/{part(remote)}", {"Status": _SET[status]})
        return self._checked(self.ticket_only(remote).status, status, "its status") or ""

    @staticmethod
    def _checked(now: str | None, wanted: str, what: str) -> str | None:
        if now != wanted:
            raise ChannelError(
                f"it did not change {what}: our user lacks ModifyTicket, or its lifecycle does not allow it"
            )
        return now

    # from RT

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        back = minutes_since(cursor, now)
        query = f"Queue = '{_quoted(self._queue)}' AND LastUpdated > '{back} minutes ago' AND CF.{{{self._field}}} IS NOT NULL"
        return [str(item["id"]) for item in self._items("/tickets", query=query, orderby="id")], str(now)

    def ticket(self, remote: str) -> RemoteTicket | None:
        stands = self._stands(remote)
        if stands is None:
            return None
        return RemoteTicket(remote, stands.status, stands.owner, stands.severity, tuple(self._words(remote)))

    def ticket_only(self, remote: str) -> RemoteTicket:
        """Without its words. Raises `ChannelError` if it is gone."""
        stands = self._stands(remote)
        if stands is None:
            raise ChannelError("the ticket is not there any more, or we may not see it")
        return stands

    def _stands(self, remote: str) -> RemoteTicket | None:
        row = self._wire.get(f"/ticket/{part(remote)}", missing=True)
        if not isinstance(row, dict):
            return None
        priority = int(row["Priority"]) if re.fullmatch(r"-?\d{1,9}", str(row.get("Priority", ""))) else None
        severity = next((name for least, name in _LEAST if priority is not None and priority >= least), None)
        holder = str((row.get("Owner") or {}).get("id", ""))
        owner = "" if holder in {"", "Nobody"} else self._mail_of(holder) or holder
        return RemoteTicket(remote, _STATUS.get(str(row.get("Status")), "open"), owner, severity)

    def _words(self, remote: str) -> Iterator[RemoteWord]:
        path = f"/ticket/{part(remote)}"
        parts: dict[str, list[Mapping[str, Any]]] = {}
        for item in self._items(f"{path}/attachments", fields="Subject,ContentType,TransactionId,Headers"):
            parts.setdefault(str(item.get("TransactionId")), []).append(item)
        creator = {"fields[Creator]": "Name,EmailAddress,RealName"}
        for item in self._items(f"{path}/history", fields="Type,Creator,Created", **creator):
            if item.get("Type") not in _WORDS:
                continue
            mine, who = parts.get(str(item["id"]), []), item.get("Creator") or {}
            over_rest = any("\nX-RT-Interface: REST" in "\n" + str(one.get("Headers", "")) for one in mine)
            key = (
                next((found for one in mine if (found := key_in(str(one.get("Subject") or "")))), "")
                if over_rest
                else ""
            )
            yield RemoteWord(
                str(item["id"]), seconds(str(item.get("Created", ""))), str(who.get("RealName") or who.get("Name") or ""),
                "" if key else self._text(mine), str(who.get("EmailAddress") or ""), item["Type"] == "Comment", key,
            )  # fmt: skip

    def _text(self, parts: Sequence[Mapping[str, Any]]) -> str:
        """The words of a message: its plain part, else its HTML one."""
        for kind in ("text/plain", "text/html"):
            for one in parts:
                length = _LENGTH.search(str(one.get("Headers", "")))
                if one.get("ContentType") == kind and (not length or int(length[1]) <= _MOST_WORDS):
                    text = self._content(str(one["id"]))
                    return from_html(text) if kind == "text/html" else text
        return ""

    def _content(self, attachment: str) -> str:
        if attachment not in self._texts:
            row = self._wire.get(f"/attachment/{part(attachment)}", missing=True) or {}
            self._texts[attachment] = _decoded(str(row.get("Content") or ""), str(row.get("Headers") or ""))[
                :_MOST_WORDS
            ]
            while len(self._texts) > _KEPT:
                self._texts.popitem(last=False)
        return self._texts[attachment]

    def pushed(self) -> Sequence[Pushed]:
        return ()

    def taken(self, pushed: Pushed) -> None:
        return None

    def look(self) -> str:
        version = (self._wire.get("/rt") or {}).get("Version", "?")
        if self._wire.get(f"/queue/{part(self._queue)}", missing=True) is None:
            raise ChannelError(f"there is no queue {self._queue}, or our user may not see it")
        return f"Request Tracker {str(version)[:30]}, queue {self._queue}"

    # people

    def _user_named(self, mail: str) -> str:
        wanted = json.dumps([{"field": "EmailAddress", "operator": "=", "value": mail}])
        found = self._items("/users", query=wanted, fields="Name,EmailAddress")
        return next((str(one.get("Name") or one["id"]) for one in found), "")

    def _mail_of(self, name: str) -> str:
        if name not in self._mails:
            row = self._wire.get(f"/user/{part(name)}", missing=True) or {}
            self._mails[name] = str(row.get("EmailAddress") or "")
        return self._mails[name]

    def _items(self, path: str, **query: object) -> Iterator[Mapping[str, Any]]:
        """Every item of a collection, page by page. (Histories don't say how many there are.)"""
        for page in range(1, _PAGES + 1):
            answer = self._wire.get(path, {**query, "per_page": _PAGE, "page": page})
            items = answer.get("items", []) if isinstance(answer, dict) else []
            yield from (item for item in items if isinstance(item, dict) and item.get("id"))
            if len(items) < _PAGE:
                return


def _decoded(content: str, headers: str) -> str:
    """RT gives the content of one attachment in base64, in a list as it is; its length tells which it was."""
    length = _LENGTH.search(headers)
    try:
        data = base64.b64decode(content, validate=False)
    except ValueError:
        return content
    if length and len(content.encode()) != int(length[1]) and len(data) == int(length[1]):
        return data.decode("utf-8", "replace")
    return content


def _subject(text: str, most: int = 200) -> str:
    """One line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most]


def _quoted(text: str) -> str:
    """Inside the quotes of a query."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _reason(answer: Any) -> str:
    return str(answer.get("message", "")) if isinstance(answer, dict) else ""
