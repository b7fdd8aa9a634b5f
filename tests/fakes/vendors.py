"""Jira Service Management, ServiceNow, RT and a webhook's receiver on loopback ports, as strict as the vendors' published shapes.

What they don't know they refuse, and remember in `faults`: a fake that takes everything proves nothing. `trouble` holds status
codes to answer first, `lose` the number of answers that get lost after the request had its effect.
Jira: developer.atlassian.com/cloud/jira/service-desk/rest and …/platform/rest/v3. ServiceNow: "Table API".
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.signing import HEADER, genuine

USER, TOKEN = "secdesk@northwind.example", "t0ken"
BASIC = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
Answer = tuple[int, Any]


class Refuse(Exception):
    """The documented refusal."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        super().__init__(str(body))


@dataclass
class Server:
    """HTTP around `handle`."""

    trouble: list[int] = field(default_factory=list)
    lose: int = 0
    faults: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    url: str = ""
    auth: str = BASIC

    def __post_init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if fake.trouble:
                    return self._say(fake.trouble.pop(0), {})
                status, answer = fake.answer(self.command, self.path, dict(self.headers), body)
                if fake.lose and self.command != "GET":
                    fake.lose -= 1
                    self.close_connection = True  # the request had its effect, and nobody hears of it
                    return None
                return self._say(status, answer)

            do_GET = do_POST = do_PUT = do_PATCH = _do

            def _say(self, status: int, answer: Any) -> None:
                raw = b"" if status == 204 else json.dumps(answer).encode()
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "120")
                if status == 302:
                    self.send_header("Location", "https://elsewhere.example/")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.calls.append(f"{method} {parts.path}")
        if headers.get("Authorization") != self.auth:
            return 401, {}
        if body and headers.get("Content-Type") != "application/json":
            return 415, {}
        try:
            return self.handle(method, unquote(parts.path), query, json.loads(body) if body else None)
        except Refuse as refused:
            return refused.status, refused.body

    def handle(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        raise NotImplementedError

    def fault(self, what: str, status: int = 400) -> Answer:
        self.faults.append(what)
        return status, {"errorMessages": [what], "errors": {}, "error": {"message": what}}


def only(body: Any, required: set[str], optional: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Exactly these fields. Raises `Refuse`."""
    if not isinstance(body, dict) or not required <= set(body) or set(body) - required - optional:
        wrong = sorted(set(body or {}) ^ required) if isinstance(body, dict) else ["body"]
        raise Refuse(400, {"errorMessages": [], "errors": dict.fromkeys(wrong, "not known or missing"),
                           "error": {"message": f"fields: {wrong}"}})  # fmt: skip


# Jira Service Management ---------------------------------------------------------------------------------------------------

STATUSES = {
    "1": ("Waiting for support", "new"), "2": ("In Progress", "indeterminate"), "3": ("Waiting for customer", "indeterminate"),
    "4": ("Resolved", "done"),
}  # fmt: skip
PRIORITIES = ("Lowest", "Low", "Medium", "High", "Highest")
_KEY = r"([A-Z][A-Z0-9]+-\d+)"


@dataclass
class FakeJira(Server):
    """Project SEC, service desk 5, request type 20. People by account id; ours is "me"."""

    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, tuple[str, str]] = field(default_factory=lambda: {
        "me": ("Secdesk", USER), "acc-sam": ("Sam Ortiz", "sam.ortiz@northwind.example"),
        "acc-kim": ("Kim", "kim@northwind.example"),
    })  # fmt: skip
    moves: set[str] = field(default_factory=lambda: {"1", "2", "3", "4"})
    ids: int = 100

    def handle(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", "/rest/servicedeskapi/request", self._create),
            ("POST", f"/rest/servicedeskapi/request/{_KEY}/comment", self._comment),
            ("GET", f"/rest/servicedeskapi/request/{_KEY}/comment", self._comments),
            ("GET", r"/rest/servicedeskapi/servicedesk/(\d+)/requesttype/(\d+)", self._type),
            ("GET", "/rest/api/3/search/jql", self._search),
            ("GET", "/rest/api/3/myself", lambda _q, _b: (200, {"accountId": "me"})),
            ("GET", "/rest/api/3/user/search", self._people),
            ("GET", f"/rest/api/3/issue/{_KEY}", self._issue),
            ("PUT", f"/rest/api/3/issue/{_KEY}", self._edit),
            ("PUT", f"/rest/api/3/issue/{_KEY}/assignee", self._assign),
            ("GET", f"/rest/api/3/issue/{_KEY}/transitions", self._transitions),
            ("POST", f"/rest/api/3/issue/{_KEY}/transitions", self._move),
        ]
        for verb, pattern, handle in routes:
            if (found := re.fullmatch(pattern, path)) and verb == method:
                return handle(query, body, *found.groups())
        return self.fault(f"{method} {path}", 404)

    def _there(self, key: str) -> dict[str, Any]:
        if key not in self.issues:
            raise Refuse(
                404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}
            )
        return self.issues[key]

    def _create(self, _query: Any, body: Any) -> Answer:
        only(
            body,
            {"serviceDeskId", "requestTypeId", "requestFieldValues"},
            {"raiseOnBehalfOf", "requestParticipants", "channel"},
        )
        values = body["requestFieldValues"]
        only(values, {"summary"}, {"description"})
        if (body["serviceDeskId"], body["requestTypeId"]) != ("5", "20") or not 0 < len(values["summary"]) <= 255:
            return self.fault("serviceDeskId, requestTypeId or summary")
        if "\n" in values["summary"] or len(values.get("description", "")) > 32767:
            return self.fault("summary or description")
        self.ids += 1
        key = f"SEC-{self.ids}"
        self.issues[key] = {"summary": values["summary"], "description": values["description"], "status": "1", "owner": None,
                            "priority": "Medium", "comments": [], "updated": datetime.now(UTC)}  # fmt: skip
        return 201, {"issueId": str(self.ids), "issueKey": key, "requestTypeId": "20", "serviceDeskId": "5"}

    def _comment(self, _query: Any, body: Any, key: str) -> Answer:
        only(body, {"body", "public"})
        issue = self._there(key)
        if not isinstance(body["public"], bool) or not 0 < len(body["body"]) <= 32767:
            return self.fault("comment")
        return 201, self.write(issue, "me", body["body"], public=body["public"])

    def write(self, issue: dict[str, Any], who: str, text: str, *, public: bool = True) -> dict[str, Any]:
        """A comment as somebody writes it."""
        self.ids += 1
        name, mail = self.people[who]
        moment = datetime.now(UTC)
        comment = {
            "id": str(self.ids), "body": text, "public": public,
            "author": {"accountId": who, "displayName": name, "emailAddress": mail, "active": True},
            "created": {"iso8601": moment.strftime("%Y-%m-%dT%H:%M:%S+0000"), "epochMillis": int(moment.timestamp() * 1000)},
        }  # fmt: skip
        issue["comments"].append(comment)
        issue["updated"] = moment
        return comment

    def _comments(self, query: dict[str, str], _body: Any, key: str) -> Answer:
        only(query, set(), {"start", "limit", "public", "internal", "expand"})
        start, limit = (
            int(query.get("start", "0")),
            min(int(query.get("limit", "50")), 2),
        )  # small pages, so that all are asked for
        rows = self._there(key)["comments"]
        page = rows[start : start + limit]
        return 200, {
            "size": len(page),
            "start": start,
            "limit": limit,
            "isLastPage": start + limit >= len(rows),
            "values": page,
        }

    def _type(self, _query: Any, _body: Any, desk: str, kind: str) -> Answer:
        return (200, {"id": kind, "name": "Get help"}) if (desk, kind) == ("5", "20") else (404, {"errorMessage": "no"})

    def _search(self, query: dict[str, str], _body: Any) -> Answer:
        only(query, {"jql", "fields"}, {"maxResults", "nextPageToken"})
        if not 1 <= int(query.get("maxResults", "50")) <= 5000:
            return self.fault("maxResults")
        found = re.fullmatch(
            r'project = "SEC" AND (?:summary ~ "\\"([A-Z]+-\d+)\\"" ORDER BY created ASC'
            r'|updated >= "-(\d+)m" ORDER BY updated ASC)',
            query["jql"],
        )
        if found is None:
            return self.fault(f"jql: {query['jql']}")
        since = datetime.now(UTC) - timedelta(minutes=int(found[2] or 0))
        keys = [
            key for key, issue in self.issues.items()
            if (found[1] and re.search(rf"\b{found[1]}\b", issue["summary"])) or (found[2] and issue["updated"] >= since)
        ]  # fmt: skip
        start = int(query.get("nextPageToken", "0"))
        answer: dict[str, Any] = {
            "issues": [
                {"id": key[4:], "key": key, "fields": {"summary": self.issues[key]["summary"]}}
                for key in keys[start : start + 2]
            ],
            "isLast": start + 2 >= len(keys),
        }  # fmt: skip
        return 200, answer | ({} if answer["isLast"] else {"nextPageToken": str(start + 2)})

    def _people(self, query: dict[str, str], _body: Any) -> Answer:
        only(query, {"query"}, {"maxResults", "startAt"})
        return 200, [
            {"accountId": key, "displayName": name, "emailAddress": mail, "active": True, "accountType": "atlassian"}
            for key, (name, mail) in self.people.items() if mail == query["query"]
        ]  # fmt: skip

    def _issue(self, query: dict[str, str], _body: Any, key: str) -> Answer:
        only(query, set(), {"fields", "expand"})
        issue = self._there(key)
        name, category = STATUSES[issue["status"]]
        who = issue["owner"]
        owner = (
            {"accountId": who, "displayName": self.people[who][0], "emailAddress": self.people[who][1]} if who else None
        )
        fields = {
            "status": {"name": name, "statusCategory": {"key": category}},
            "assignee": owner,
            "priority": {"name": issue["priority"]},
        }
        return 200, {"id": key[4:], "key": key, "fields": fields}

    def _edit(self, _query: Any, body: Any, key: str) -> Answer:
        only(body, {"fields"})
        only(body["fields"], {"priority"})
        only(body["fields"]["priority"], {"name"})
        if body["fields"]["priority"]["name"] not in PRIORITIES:
            return self.fault("priority")
        self._there(key)["priority"] = body["fields"]["priority"]["name"]
        return 204, None

    def _assign(self, _query: Any, body: Any, key: str) -> Answer:
        only(body, {"accountId"})
        if body["accountId"] not in {None, *self.people}:
            return self.fault("accountId")
        self._there(key)["owner"] = body["accountId"]
        return 204, None

    def _transitions(self, _query: Any, _body: Any, key: str) -> Answer:
        here = self._there(key)["status"]
        return 200, {"expand": "transitions", "transitions": [
            {"id": f"{one}1", "name": name, "to": {"id": one, "name": name, "statusCategory": {"key": category}}}
            for one, (name, category) in STATUSES.items() if one != here and one in self.moves
        ]}  # fmt: skip

    def _move(self, _query: Any, body: Any, key: str) -> Answer:
        only(body, {"transition"}, {"fields", "update"})
        only(body["transition"], {"id"})
        to = body["transition"]["id"][:-1]
        if body["transition"]["id"] != f"{to}1" or to not in self.moves or to == self._there(key)["status"]:
            return self.fault("transition")
        self._there(key)["status"] = to
        return 204, None


# ServiceNow ----------------------------------------------------------------------------------------------------------------

_FIELDS = {"short_description", "description", "correlation_id", "correlation_display", "impact", "urgency", "assignment_group",
           "state", "hold_reason", "close_code", "close_notes", "comments", "work_notes", "assigned_to"}  # fmt: skip
_PRIORITY = {("1", "1"): "1", ("1", "2"): "2", ("1", "3"): "3", ("2", "1"): "2", ("2", "2"): "3", ("2", "3"): "4",
             ("3", "1"): "3", ("3", "2"): "4", ("3", "3"): "5"}  # fmt: skip


@dataclass
class FakeServiceNow(Server):
    """Tables incident, sys_journal_field, sys_user. Closing without a code and notes is refused, as by the stock data policy."""

    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    journal: list[dict[str, str]] = field(default_factory=list)
    users: dict[str, dict[str, str]] = field(default_factory=lambda: {
        "u-sam": {"user_name": "sam", "name": "Sam Ortiz", "email": "sam.ortiz@northwind.example"},
        "u-kim": {"user_name": "kim", "name": "Kim", "email": "kim@northwind.example"},
    })  # fmt: skip

    def handle(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        only(
            query,
            set(),
            {"sysparm_query", "sysparm_fields", "sysparm_limit", "sysparm_offset", "sysparm_exclude_reference_link"},
        )
        found = re.fullmatch(r"/api/now/table/(incident|sys_journal_field|sys_user)(?:/([0-9a-f-]+))?", path)
        if found is None:
            return self.fault(f"{method} {path}", 404)
        table, one = found.groups()
        if method == "GET" and one is None:
            return self._list(table, query)
        if table != "incident":
            return self.fault(f"{method} {path}", 403)
        if method == "POST" and one is None:
            return self._insert(body)
        if one not in self.incidents:
            return 404, {
                "error": {"message": "No Record found", "detail": "Record doesn't exist or ACL restricts"},
                "status": "failure",
            }
        if method == "PATCH":
            self._update(self.incidents[one], body)
            return 200, {"result": {"sys_id": one}}
        return 200, {"result": self._shown(self.incidents[one], query["sysparm_fields"])}

    def _insert(self, body: Any) -> Answer:
        if not isinstance(body, dict) or not {"short_description"} <= set(body) <= _FIELDS:
            return self.fault(f"insert {body}")
        if len(body["short_description"]) > 160:
            return self.fault("short_description")
        key = f"{len(self.incidents) + 1:032x}"
        self.incidents[key] = {"sys_id": key, "state": "1", "impact": "3", "urgency": "3", "assigned_to": ""}
        self._update(self.incidents[key], body)
        return 201, {"result": {"sys_id": key}}

    def _update(self, row: dict[str, Any], body: Any) -> None:
        if (
            not isinstance(body, dict)
            or set(body) - _FIELDS
            or not all(isinstance(value, str) for value in body.values())
        ):
            self.faults.append(f"update {body}")
            raise Refuse(400, {"error": {"message": "Invalid update"}})
        if body.get("state") == "6" and not (body.get("close_code") and body.get("close_notes")):
            raise Refuse(
                403,
                {"error": {"message": "Operation Failed", "detail": "Data Policy Exception: close_code, close_notes"}},
            )
        if body.get("state") == "3" and not body.get("hold_reason"):
            raise Refuse(
                403, {"error": {"message": "Operation Failed", "detail": "Data Policy Exception: hold_reason"}}
            )
        if body.get("assigned_to", "") not in {"", *self.users}:
            raise Refuse(400, {"error": {"message": "assigned_to"}})
        for element in ("comments", "work_notes"):
            if element in body:
                self.write(row, USER, body[element], element)
        row.update({name: value for name, value in body.items() if name not in {"comments", "work_notes"}})
        row["updated"] = datetime.now(UTC)

    def write(self, row: dict[str, Any], user: str, text: str, element: str = "comments") -> None:
        """A journal entry as somebody writes it."""
        at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.journal.append({"sys_id": f"j{len(self.journal)}", "element_id": row["sys_id"], "element": element, "value": text,
                             "sys_created_by": user, "sys_created_on": at})  # fmt: skip
        row["updated"] = datetime.now(UTC)

    def _shown(self, row: dict[str, Any], fields: str) -> dict[str, str]:
        holder = self.users.get(row.get("assigned_to", ""), {})
        whole = {**row, "priority": _PRIORITY[(row.get("impact", "3"), row.get("urgency", "3"))],
                 **{f"assigned_to.{name}": value for name, value in holder.items()}}  # fmt: skip
        return {name: str(whole.get(name, "")) for name in fields.split(",")}

    def _list(self, table: str, query: dict[str, str]) -> Answer:
        asked, fields = query.get("sysparm_query", ""), query.get("sysparm_fields", "sys_id")
        rows = {"incident": list(self.incidents.values()), "sys_journal_field": self.journal,
                "sys_user": [{"sys_id": key, "active": "true", **user} for key, user in self.users.items()]}[table]  # fmt: skip
        for condition in filter(None, asked.split("^")):
            if condition.startswith("ORDERBY"):
                continue
            rows = [row for row in rows if self._holds(condition, row)]
        start = int(query.get("sysparm_offset", "0"))
        page = rows[start : start + int(query.get("sysparm_limit", "10000"))]
        names = fields.split(",")
        shown = [
            self._shown(row, fields) if table == "incident" else {n: row.get(n, "") for n in names} for row in page
        ]
        return 200, {"result": shown}

    def _holds(self, condition: str, row: dict[str, Any]) -> bool:
        if found := re.fullmatch(r"sys_updated_onRELATIVEGT@minute@ago@(\d+)", condition):
            return bool(row["updated"] > datetime.now(UTC) - timedelta(minutes=int(found[1])))
        if found := re.fullmatch(r"(\w+)IN([\w,]+)", condition):
            return row.get(found[1]) in found[2].split(",")
        if found := re.fullmatch(r"(\w+)=(.*)", condition):
            return str(row.get(found[1], "")) == found[2]
        self.faults.append(f"sysparm_query {condition}")
        raise Refuse(400, {"error": {"message": "Invalid query"}})


# Request Tracker -------------------------------------------------------------------------------------------------------------


@dataclass
class FakeRt(Server):
    """REST 2 as a real RT 5.0.3 answers it (`tests/e2e/tracker` runs that one): a queue Security with a custom field Secdesk.

    It answers 200 to changes that it does not make; a reply opens a new or a closed ticket; one attachment comes in base64.
    """

    auth: str = f"token {TOKEN}"
    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, tuple[str, str]] = field(default_factory=lambda: {
        "secdesk": ("Secdesk", USER), "sam": ("Sam Ortiz", "sam.ortiz@northwind.example"),
        "kim": ("Kim", "kim@northwind.example"),
    })  # fmt: skip
    ids: int = 40

    def handle(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", "/ticket", self._create), ("GET", "/tickets", self._search), ("GET", r"/ticket/(\d+)", self._show),
            ("PUT", r"/ticket/(\d+)", self._edit), ("POST", r"/ticket/(\d+)/(correspond|comment)", self._say_there),
            ("GET", r"/ticket/(\d+)/(history|attachments)", self._list), ("GET", r"/attachment/(\d+)", self._attachment),
            ("GET", "/users", self._users), ("GET", r"/user/([\w@.-]+)", self._user),
            ("GET", "/rt", lambda _q, _b: (200, {"Version": "5.0.3"})),
            ("GET", "/queue/Security", lambda _q, _b: (200, {"id": 3, "Name": "Security"})),
        ]  # fmt: skip
        for verb, pattern, handle in routes:
            if (found := re.fullmatch("/REST/2.0" + pattern, path)) and verb == method:
                return handle(query, body, *found.groups())
        return self.fault(f"{method} {path}", 404)

    def _there(self, number: str) -> dict[str, Any]:
        if number not in self.tickets:
            raise Refuse(404, {"message": "Not Found"})
        return self.tickets[number]

    def _create(self, _query: Any, body: Any) -> Answer:
        only(
            body,
            {"Queue", "Subject", "Content", "ContentType"},
            {"Requestor", "Status", "Priority", "CustomFields", "Owner"},
        )
        if body["Queue"] != "Security" or set(body.get("CustomFields", {})) - {"Secdesk"} or "\n" in body["Subject"]:
            return self.fault("create")
        number = str(len(self.tickets) + 1)
        self.tickets[number] = {"Status": body["Status"], "Priority": body["Priority"], "Owner": "Nobody", "words": [],
                                "Secdesk": body["CustomFields"]["Secdesk"], "updated": datetime.now(UTC)}  # fmt: skip
        self.write(self.tickets[number], "secdesk", body["Content"], "Create", body["Subject"])
        return 201, {"type": "ticket", "id": number, "_url": f"{self.url}/REST/2.0/ticket/{number}"}

    def write(
        self, ticket: dict[str, Any], who: str, text: str, kind: str = "Correspond", subject: str = "", by: str = "REST"
    ) -> None:
        """Words as somebody writes them; `by` is RT's name for the way they took."""
        self.ids += 1
        ticket["words"].append(
            {"id": str(self.ids), "who": who, "text": text, "kind": kind, "subject": subject, "by": by}
        )
        ticket["updated"] = datetime.now(UTC)
        if kind == "Correspond" and ticket["Status"] in {"new", "resolved"}:
            ticket["Status"] = "open"

    def _say_there(self, _query: Any, body: Any, number: str, how: str) -> Answer:
        only(body, {"Content", "ContentType"}, {"Subject"})
        self.write(self._there(number), "secdesk", body["Content"], how.capitalize(), body.get("Subject", ""))
        return 201, ["Correspondence added"]

    def _edit(self, _query: Any, body: Any, number: str) -> Answer:
        ticket = self._there(number)
        for name, value in body.items():
            known = {"Status": {"new", "open", "stalled", "resolved"}, "Owner": {"Nobody", *self.users}}.get(name)
            if name not in {"Status", "Owner", "Priority"} or (known and value not in known):
                return 200, [f"Ticket {number}: That is not valid"]
            ticket[name] = value
        return 200, [f"Ticket {number}: changed"]

    def _show(self, _query: Any, _body: Any, number: str) -> Answer:
        ticket = self._there(number)
        return 200, {"id": int(number), "Status": ticket["Status"], "Priority": str(ticket["Priority"]),
                     "Owner": {"type": "user", "id": ticket["Owner"]}}  # fmt: skip

    def _page(self, query: dict[str, str], items: list[Any]) -> Answer:
        size, page = int(query.get("per_page", "20")), int(query.get("page", "1"))
        shown = items[(page - 1) * size : page * size] if size <= 100 else self.faults.append("per_page") or []
        return 200, {"items": shown, "count": len(shown), "total": None, "page": page, "per_page": size}

    def _search(self, query: dict[str, str], _body: Any) -> Answer:
        only(query, {"query"}, {"fields", "orderby", "page", "per_page"})
        exact = re.fullmatch(r"CF\.\{Secdesk\} = '([A-Z]+-\d+)'", query["query"])
        moved = re.fullmatch(
            r"Queue = 'Security' AND LastUpdated > '(\d+) minutes ago' AND CF\.\{Secdesk\} IS NOT NULL", query["query"]
        )
        if not exact and not moved:
            return self.fault(f"query {query['query']}")
        since = datetime.now(UTC) - timedelta(minutes=int(moved[1]) if moved else 0)
        found = [
            number for number, ticket in self.tickets.items()
            if (exact and ticket["Secdesk"] == exact[1]) or (moved and ticket["updated"] > since)
        ]  # fmt: skip
        return self._page(query, [{"type": "ticket", "id": number} for number in found])

    def _list(self, query: dict[str, str], _body: Any, number: str, what: str) -> Answer:
        only(query, {"fields"}, {"fields[Creator]", "page", "per_page"})
        rows = []
        for word in self._there(number)["words"]:
            name, mail = self.users[word["who"]]
            head = (
                f"Content-Type: text/plain\nX-RT-Interface: {word['by']}\nContent-Length: {len(word['text'].encode())}"
            )
            rows.append(
                {"id": word["id"], "Type": word["kind"], "Created": "2026-11-24T14:00:15Z",
                 "Creator": {"id": word["who"], "Name": word["who"], "RealName": name, "EmailAddress": mail}}
                if what == "history" else
                {"id": f"9{word['id']}", "TransactionId": word["id"], "Subject": word["subject"], "ContentType": "text/plain",
                 "Headers": head}
            )  # fmt: skip
        return self._page(query, rows)

    def _attachment(self, _query: Any, _body: Any, name: str) -> Answer:
        for ticket in self.tickets.values():
            for word in ticket["words"]:
                if f"9{word['id']}" == name:
                    data = word["text"].encode()
                    return 200, {
                        "id": name,
                        "Content": base64.b64encode(data).decode(),
                        "Headers": f"Content-Length: {len(data)}",
                    }
        return 404, {"message": "Not Found"}

    def _users(self, query: dict[str, str], _body: Any) -> Answer:
        (wanted,) = json.loads(query["query"])
        if (wanted["field"], wanted["operator"]) != ("EmailAddress", "="):
            return self.fault("users")
        found = [name for name, (_, mail) in self.users.items() if mail == wanted["value"]]
        return self._page(query, [{"type": "user", "id": name, "Name": name} for name in found])

    def _user(self, _query: Any, _body: Any, name: str) -> Answer:
        return (200, {"Name": name, "EmailAddress": self.users[name][1]}) if name in self.users else (404, {})


# a webhook's receiver ----------------------------------------------------------------------------------------------------------


@dataclass
class FakeReceiver(Server):
    """Takes each key once, as the description asks it to; refuses what is not signed."""

    secret: str = "a shared secret"
    now: Callable[[], float] = lambda: 0.0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        if method != "POST" or not genuine(self.secret, headers.get(HEADER, ""), body, self.now()):
            self.faults.append("not signed")
            return 401, {}
        line = json.loads(body)
        if line["schema"] != "secdesk.ticket/1" or headers.get("Idempotency-Key") != line["key"]:
            return self.fault("shape")
        if all(one["key"] != line["key"] for one in self.lines):
            self.lines.append(line)
        return 200, {}
