"""Harnesses of what other systems answer us: ticket systems, pagers, sign-in services, Microsoft Graph."""

from __future__ import annotations

import io
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

from adapters import oauth
from adapters.actions import graph_wire
from adapters.channels import slack_people, slack_roster
from adapters.channels.teams_people import profile_of
from adapters.directories.slack import said_by_slack
from adapters.pagers import wire as pager_wire
from adapters.pagers.pagerduty import PagerDutyPager
from adapters.trackers import wire as tracker_wire
from adapters.trackers.careful import Careful
from adapters.trackers.jira import JiraServiceManagement
from adapters.trackers.rt import RequestTracker
from adapters.trackers.servicenow import ServiceNow
from bot.errors import ChannelError
from bot.ports import Page, TicketLine, Tracker
from tests.fakes.teams import OTHER_TENANT, TENANT
from tests.fuzz.chats import loop
from tests.fuzz.harness import dumped, harness, json_of

NOW = 1_900_000_000.0
PIECES = (b"{", b"[" * 2000, b'{"a":' * 2000, b"\xff", b"null", b"1e999", b'"\\ud800"', b"<html>")
LINES = tuple(
    TicketLine("SEC-7/1", "SEC-7", kind, "text", owner_mail="a@x.example")
    for kind in ("open", "said", "status", "owner", "severity")
)


class _Clock:
    def now(self) -> float:
        return NOW


def _asked(made: Tracker, data: bytes) -> None:
    """Everything that we ask a ticket system, each answered with the same."""
    tracker: Any = Careful(made)
    inside: Any = made
    answer = json_of(data)
    inside._wire.send = lambda *_given, **_more: answer
    inside._wire.get = lambda *_given, **_more: answer
    calls: list[Callable[[], object]] = [
        lambda: tracker.find("SEC-7"),
        lambda: tracker.has("1", "SEC-7/1"),
        lambda: tracker.changed("", NOW),
        lambda: tracker.changed("1e300", NOW),
        lambda: tracker.ticket("1"),
        tracker.look,
        tracker.pushed,
    ]
    for call in [
        *calls,
        *(lambda line=line: tracker.open(line) if line.kind == "open" else tracker.send("1", line) for line in LINES),
    ]:
        with suppress(ChannelError):
            call()


JIRA = {
    "issues": [
        {
            "key": "SD-1",
            "fields": {
                "summary": "[SEC-7] x",
                "status": {"name": "Done", "statusCategory": {"key": "done"}},
                "assignee": {"emailAddress": "a@x.example"},
                "priority": {"id": "1", "name": "High"},
                "updated": "2026-01-01T00:00:00.000+0000",
            },
        }
    ],
    "key": "SD-1",
    "issueKey": "SD-1",
    "accountId": "1",
    "transitions": [{"id": "1", "to": {"statusCategory": {"key": "done"}}}],
    "values": [
        {
            "id": "1",
            "body": "x SEC-7/1",
            "public": True,
            "author": {"displayName": "K", "emailAddress": "k@x.example"},
            "created": {"epochMillis": 1},
        }
    ],
    "isLastPage": True,
    "isLast": True,
    "fields": {"status": {"statusCategory": {"key": "done"}}, "assignee": None, "priority": {"name": "High"}},
    "projectTypeKey": "service_desk",
    "displayName": "x",
}


@harness("answer.jira", "json", made=lambda: dumped(JIRA, JIRA["issues"], None), seconds=2.0)
def answer_jira(data: bytes) -> None:
    _asked(JiraServiceManagement("https://jira.example", "u", "t", "SD", "1", "2"), data)


RT = {
    "id": "1",
    "items": [
        {
            "id": "1",
            "Type": "Correspond",
            "Created": "2026-01-01T00:00:00Z",
            "Creator": {"id": "k"},
            "_hyperlinks": [{"ref": "attachment", "_url": "x/attachment/5"}],
            "Status": "open",
            "Subject": "x",
        }
    ],
    "pages": 1,
    "total": 1,
    "count": 1,
    "Status": "resolved",
    "Owner": {"id": "sam"},
    "Priority": "60",
    "EmailAddress": "k@x.example",
    "Version": "5.0",
    "Content": "eA==",
    "Headers": "Content-Type: text/plain\nContent-Length: 1",
    "ContentType": "text/plain",
    "CustomFields": [{"name": "Secdesk", "values": ["SEC-7"]}],
}


@harness("answer.rt", "json", made=lambda: dumped(RT, [RT], None), seconds=2.0)
def answer_rt(data: bytes) -> None:
    _asked(RequestTracker("https://rt.example", "t", "q"), data)


SERVICENOW = {
    "result": [
        {
            "sys_id": "1",
            "number": "INC1",
            "state": "6",
            "impact": "1",
            "urgency": "1",
            "assigned_to": {"value": "2"},
            "email": "a@x.example",
            "user_name": "u",
            "value": "x [code]SEC-7/1[/code]",
            "element": "comments",
            "sys_created_on": "2026-01-01 00:00:00",
            "sys_created_by": "k",
            "name": "K",
        }
    ]
}


@harness(
    "answer.servicenow", "json", made=lambda: dumped(SERVICENOW, {"result": SERVICENOW["result"][0]}, None), seconds=2.0
)
def answer_servicenow(data: bytes) -> None:
    _asked(ServiceNow("https://sn.example", "u", "p"), data)


class _Opened(io.BytesIO):
    headers: Any = {}
    status = 200


def _wired(module: ModuleType, data: bytes, status: int, ask: Callable[[], object]) -> None:
    """Ask with a wire on which these bytes come back."""

    def opened(request: Any, timeout: float) -> Any:
        if status >= 400:
            raise urllib.error.HTTPError("https://x.example", status, "x", {"Retry-After": "9" * 30}, _Opened(data))  # type: ignore[arg-type]
        return _Opened(data)

    kept, module.opened = module.opened, opened  # type: ignore[attr-defined]
    try:
        with suppress(ChannelError):
            ask()
    finally:
        module.opened = kept  # type: ignore[attr-defined]


@harness(
    "answer.tracker-wire",
    pieces=PIECES,
    made=lambda: dumped(JIRA, {"errors": {"x": "y"}, "errorMessages": ["x"]}, {"error": {"message": "x"}}),
)
def answer_tracker_wire(data: bytes) -> None:
    for tracker in (
        JiraServiceManagement("https://jira.example", "u", "t", "SD", "1", "2"),
        RequestTracker("https://rt.example", "t", "q"),
        ServiceNow("https://sn.example", "u", "p"),
    ):
        inside: Any = tracker
        for status in (200, 400, 403, 429):
            _wired(tracker_wire, data, status, lambda wire=inside._wire: wire.get("/x", missing=True))


@harness(
    "answer.pager", pieces=PIECES, made=lambda: dumped({"status": "success", "dedup_key": "x"}, {"status": "invalid"})
)
def answer_pager(data: bytes) -> None:
    pager = PagerDutyPager("r", "desk", _Clock(), "https://pager.example")
    for status in (200, 400):
        _wired(pager_wire, data, status, lambda: pager.page(Page("SEC-7", "sam", "x", "k", "https://desk.example")))


@harness(
    "answer.sign-in",
    pieces=PIECES,
    made=lambda: dumped({"access_token": "x", "expires_in": 3600}, {"error": "invalid_client"}),
)
def answer_sign_in(data: bytes) -> None:
    """Access tokens for mail, Graph and Google."""
    for status in (200, 400, 503):
        _wired(oauth, data, status, oauth.microsoft("t", "c", "s", "https://login.example", "x"))


@harness(
    "answer.graph",
    pieces=PIECES,
    made=lambda: dumped({"value": [{"id": "1"}], "@odata.nextLink": "https://graph.example/v1/x"}),
)
def answer_graph(data: bytes) -> None:
    graph: Any = graph_wire.GraphWire("t", "c", "s", login="https://login.example", graph="https://graph.example/v1")
    graph._tokens = lambda: "x"
    graph._tokens.forget = lambda: None
    for status in (200, 401, 404, 429):
        _wired(graph_wire, data, status, lambda: graph.get("/x"))


SLACK_USER = {
    "id": "U1",
    "team_id": "T1",
    "name": "dana",
    "is_email_confirmed": True,
    "locale": "de-DE",
    "tz": "Europe/Berlin",
    "profile": {"real_name": "Dana", "email": "dana@x.example", "title": "x", "phone": "1"},
    "enterprise_user": {"enterprise_id": "E1"},
}


@harness(
    "answer.slack-user", "json", made=lambda: dumped(SLACK_USER, {**SLACK_USER, "team_id": "T9", "is_restricted": True})
)
def answer_slack_user(data: bytes) -> None:
    """`users.info`: whoever is not of our workspace is never one of us."""
    user = json_of(data)
    if slack_people._profile(user, "T1/", frozenset({"T1", "E1"})).ours:
        org = user.get("enterprise_user")
        assert user.get("team_id") in ("T1", "E1") or org.get("enterprise_id") in ("T1", "E1")


GROUPS = [{"id": "S1", "handle": "board", "name": "Board", "users": ["U1"], "date_delete": 0}]


@harness(
    "answer.slack-list",
    "json",
    made=lambda: dumped({"users": [SLACK_USER], "groups": GROUPS, "next": {"next_cursor": "x"}}),
)
def answer_slack_list(data: bytes) -> None:
    """`users.list` and `usergroups.list`, two pages of them."""
    pages = json_of(data)
    given: dict[str, Any] = pages if isinstance(pages, dict) else {}
    install: Any = SimpleNamespace(id="T1")

    async def call(_install: Any, _method: str, body: Any, **_more: Any) -> Any:
        further = {} if "cursor" in body else given.get("next")
        return {"members": given.get("users"), "usergroups": given.get("groups"), "response_metadata": further}

    said_by_slack(loop().run_until_complete(slack_roster.listing(call, install, "T1/", frozenset({"T1"}))))


MEMBER = {
    "id": "29:x",
    "aadObjectId": "a",
    "name": "Dana",
    "email": "d@x.example",
    "userPrincipalName": "d@x.example",
    "tenantId": TENANT,
    "userRole": "user",
}


@harness(
    "answer.teams-member",
    "json",
    made=lambda: dumped(MEMBER, {**MEMBER, "userRole": "guest"}, {**MEMBER, "tenantId": OTHER_TENANT}),
)
def answer_teams_member(data: bytes) -> None:
    """A roster entry: whoever is of another tenant, or a guest, is never one of us."""
    member = json_of(data)
    if isinstance(member, dict):
        activity: Any = SimpleNamespace(sender=SimpleNamespace(id="29:x", aad="a", name="D"), tenant=TENANT)
        found = profile_of(member, activity, frozenset({TENANT}))
        elsewhere = isinstance(member.get("tenantId"), str) and member["tenantId"].strip() not in ("", TENANT)
        assert not (found.ours and elsewhere)
        assert found.ours or not found.email
