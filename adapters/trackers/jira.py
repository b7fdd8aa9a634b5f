"""Jira Service Management (Cloud): customer requests over its own API, status and holder over the platform's API, version 3.

developer.atlassian.com/cloud/jira/service-desk/rest and …/platform/rest/v3, signed in with a mail address and an API token. There
is no idempotency key: a request is found again by our number at the start of its summary, a comment by the key at its end (and
only if we wrote it). Requests are raised by our own user, so that the person hears of a change once, from us.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.trackers.plain import key_in, seconds, signed
from adapters.trackers.wire import Wire, minutes_since, part
from bot.errors import ChannelError, RetryLater
from bot.model import Severity
from bot.ports import Pushed, RemoteTicket, RemoteWord, TicketLine, TrackerStatus

PRIORITY: Mapping[Severity, str] = {"S0": "Low", "S1": "Medium", "S2": "High", "S3": "Highest"}
_SEVERITY: Mapping[str, Severity] = {"lowest": "S0", "low": "S0", "medium": "S1", "high": "S2", "highest": "S3"}
_PLATFORM, _DESK = "/rest/api/3", "/rest/servicedeskapi"
_WAITS = ("wait", "pending", "hold")  # words in the name of a status in which somebody is waited for
_PAGE, _PAGES = 100, 50
_SUMMARY, _WORDS = 240, 30_000  # characters: Jira takes 255 and 32,767


class JiraServiceManagement:
    """One service desk; `project` is the key of its project."""

    name, label = "jira", "Jira Service Management"

    def __init__(self, url: str, user: str, token: str, project: str, desk: str, request_type: str) -> None:
        basic = base64.b64encode(f"{user}:{token}".encode()).decode()
        self._wire = Wire(url, {"Authorization": f"Basic {basic}"}, _reason)
        self._project, self._desk, self._type = project, desk, request_type
        self._me = ""

    # to Jira

    def find(self, number: str) -> str:
        jql = f'project = "{_quoted(self._project)}" AND summary ~ "\\"{_quoted(number)}\\"" ORDER BY created ASC'
        for issue in self._search(jql, "summary"):
            if str((issue.get("fields") or {}).get("summary", "")).startswith(f"[{number}] "):
                return str(issue["key"])
        return ""

    def open(self, line: TicketLine) -> str:
        who = f"\n\n{line.requester} {line.requester_mail}".rstrip()
        answer = self._wire.send("POST", f"{_DESK}/request", {
            "serviceDeskId": self._desk, "requestTypeId": self._type,
            "requestFieldValues": {
                "summary": f"[{line.number}] {_line(line.subject or line.number)}"[:_SUMMARY],
                "description": f"{line.text}{who}\n{line.url}"[:_WORDS],
            },
        })  # fmt: skip
        key = str((answer or {}).get("issueKey", ""))
        if not key:
            raise ChannelError("its answer names no request: check tracker.url")
        if line.severity != "S1":
            self._set_priority(key, line)
        return key

    def has(self, remote: str, key: str) -> bool:
        return any(word.key == key for word in self._comments(remote))

    def send(self, remote: str, line: TicketLine) -> str:
        if line.kind in {"said", "note"}:
            text = line.text if line.kind == "note" else f"{line.author}:\n\n{line.text}"
            self._comment(remote, signed(text[:_WORDS], line.key), public=line.kind == "said")
            return ""
        if line.kind == "owner":
            return self._set_owner(remote, line)
        return self._set_priority(remote, line) if line.kind == "severity" else self._set_status(remote, line.status)

    def _comment(self, remote: str, text: str, *, public: bool) -> None:
        self._wire.send("POST", f"{_DESK}/request/{part(remote)}/comment", {"body": text, "public": public})

    def _set_owner(self, remote: str, line: TicketLine) -> str:
        wanted = self._account(line.owner_mail) if line.owner_mail else ""
        if (line.owner_mail or line.owner) and not wanted:  # nobody there has this address: at least say who has it
            self._comment(remote, signed(f"{line.owner or line.owner_mail}: {line.url}", line.key), public=False)
            return self._stands(remote).owner or ""
        self._wire.send("PUT", f"{_PLATFORM}/issue/{part(remote)}/assignee", {"accountId": wanted or None})
        return self._stands(remote).owner or ""

    def _set_priority(self, remote: str, line: TicketLine) -> str:
        body = {"fields": {"priority": {"name": PRIORITY[line.severity]}}}
        try:
            self._wire.send("PUT", f"{_PLATFORM}/issue/{part(remote)}", body)
        except RetryLater:
            raise
        except ChannelError:  # the project has no priorities: at least say it
            self._comment(remote, signed(line.severity, line.key or f"{line.number}/severity"), public=False)
        return self._stands(remote).severity or line.severity

    def _set_status(self, remote: str, status: TrackerStatus) -> str:
        path = f"{_PLATFORM}/issue/{part(remote)}/transitions"
        if self._stands(remote).status == status:
            return status
        moves = (self._wire.get(path) or {}).get("transitions", [])
        fitting = [move for move in moves if _status(move.get("to")) == status]
        fitting.sort(key=lambda move: _category(move.get("to")) != "indeterminate")  # rather "in progress" than "new"
        if fitting:
            self._wire.send("POST", path, {"transition": {"id": str(fitting[0]["id"])}})
        elif status != "waiting":  # a workflow without waiting is not wrong, one that cannot be ended is
            raise ChannelError(f"its workflow has no transition to a status that means {status}, or we may not make it")
        return self._stands(remote).status or ""

    # from Jira

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        jql = (
            f'project = "{_quoted(self._project)}" AND updated >= "-{minutes_since(cursor, now)}m" ORDER BY updated ASC'
        )
        return [str(issue["key"]) for issue in self._search(jql, "updated")], str(now)

    def ticket(self, remote: str) -> RemoteTicket | None:
        stands = self._issue(remote)
        return replace(stands, words=tuple(self._comments(remote))) if stands else None

    def _stands(self, remote: str) -> RemoteTicket:
        stands = self._issue(remote)
        if stands is None:
            raise ChannelError("the request is not there any more, or we may not see it")
        return stands

    def _issue(self, remote: str) -> RemoteTicket | None:
        row = self._wire.get(f"{_PLATFORM}/issue/{part(remote)}", {"fields": "status,assignee,priority"}, missing=True)
        if not isinstance(row, dict):
            return None
        fields = row.get("fields") or {}
        holder = fields.get("assignee") or {}
        owner = str(holder.get("emailAddress") or holder.get("displayName") or "")
        severity = _SEVERITY.get(str((fields.get("priority") or {}).get("name", "")).casefold())
        return RemoteTicket(remote, _status(fields.get("status")), owner, severity)

    def _comments(self, remote: str) -> Iterator[RemoteWord]:
        path, start = f"{_DESK}/request/{part(remote)}/comment", 0
        for _ in range(_PAGES):
            page = self._wire.get(path, {"start": start, "limit": _PAGE}) or {}
            values = page.get("values", [])
            for one in values:
                author, body = one.get("author") or {}, str(one.get("body") or "")
                ours = author.get("accountId") == self._myself()
                moment = (one.get("created") or {}).get("epochMillis")
                at = (
                    moment / 1000.0
                    if isinstance(moment, int)
                    else seconds(str((one.get("created") or {}).get("iso8601")))
                )
                yield RemoteWord(
                    str(one["id"]), at, str(author.get("displayName") or ""), body, str(author.get("emailAddress") or ""),
                    not one.get("public", True), key_in(body) if ours else "",
                )  # fmt: skip
            start += len(values)
            if page.get("isLastPage", True) or not values:
                return

    def pushed(self) -> Sequence[Pushed]:
        return ()

    def taken(self, pushed: Pushed) -> None:
        return None

    def look(self) -> str:
        self._me = ""
        me = self._myself()
        path = f"{_DESK}/servicedesk/{part(self._desk)}/requesttype/{part(self._type)}"
        kind = self._wire.get(path, missing=True)
        if kind is None or not me:
            raise ChannelError(
                "there is no such service desk or request type: check tracker.service_desk, tracker.request_type"
            )
        return f"Jira Service Management, project {self._project}, request type {_line(str(kind.get('name', '')))[:60]}"

    # inside

    def _myself(self) -> str:
        if not self._me:
            self._me = str((self._wire.get(f"{_PLATFORM}/myself") or {}).get("accountId", ""))
        return self._me

    def _account(self, mail: str) -> str:
        found = self._wire.get(f"{_PLATFORM}/user/search", {"query": mail, "maxResults": 5}) or []
        known = [one for one in found if one.get("active") and one.get("accountType", "atlassian") == "atlassian"]
        exact = [one for one in known if str(one.get("emailAddress", "")).casefold() == mail.casefold()]
        chosen = exact or (
            known if len(known) == 1 and not known[0].get("emailAddress") else []
        )  # addresses may be hidden
        return str(chosen[0]["accountId"]) if chosen else ""

    def _search(self, jql: str, fields: str) -> Iterator[Mapping[str, Any]]:
        token = ""  # nosec B105 (of a page of results)
        for _ in range(_PAGES):
            more = {"nextPageToken": token} if token else {}
            page = self._wire.get(
                f"{_PLATFORM}/search/jql", {"jql": jql, "fields": fields, "maxResults": _PAGE, **more}
            )  # fmt: skip
            yield from (page or {}).get("issues", [])
            token = str((page or {}).get("nextPageToken") or "")
            if not token:
                return


def _status(status: Any) -> TrackerStatus:
    if _category(status) == "done":
        return "resolved"
    name = str((status or {}).get("name", "")).casefold()
    return "waiting" if any(word in name for word in _WAITS) and "support" not in name else "open"


def _category(status: Any) -> str:
    return str(((status or {}).get("statusCategory") or {}).get("key", ""))


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _reason(answer: Any) -> str:
    """Names of the fields that Jira complains about, and its messages: they repeat no values of ours."""
    messages = [str(one) for one in answer.get("errorMessages", [])]
    messages += [str(answer["errorMessage"])] if answer.get("errorMessage") else []
    return "; ".join([*sorted(answer.get("errors", {})), *messages])
