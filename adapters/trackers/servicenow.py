"""ServiceNow over the Table API (servicenow.com/docs, "Table API"): incidents, journal entries, users. Basic authentication.

An incident is found again by `correlation_id`, which holds our number (`correlation_display` says whose it is); a journal entry
by the key at its end, and only if our own user wrote it. Our user needs the roles `itil` and `sn_incident_write`, and read access
to `sys_journal_field` and `sys_user`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.trackers.plain import from_html, key_in, seconds, signed
from adapters.trackers.wire import Wire, minutes_since, part
from bot.errors import ChannelError
from bot.model import Severity
from bot.ports import Pushed, RemoteTicket, RemoteWord, TicketLine, TrackerStatus

OURS = "Secdesk"  # correlation_display
IMPACT: Mapping[Severity, tuple[str, str]] = {"S0": ("3", "3"), "S1": ("2", "2"), "S2": ("1", "2"), "S3": ("1", "1")}
_SEVERITY: Mapping[str, Severity] = {"1": "S3", "2": "S2", "3": "S1", "4": "S0", "5": "S0"}  # by priority
_STATUS: Mapping[str, TrackerStatus] = {"3": "waiting", "6": "resolved", "7": "resolved", "8": "resolved"}
_SET: Mapping[TrackerStatus, Mapping[str, str]] = {
    "open": {"state": "2"},
    "waiting": {"state": "3", "hold_reason": "1"},  # awaiting caller
    "resolved": {"state": "6", "close_code": "Solution provided", "close_notes": "Closed in Secdesk"},
}
_TABLES = "/api/now/table"
_PAGE, _PAGES = 200, 50
_SHORT, _LONG = 160, 30_000  # characters


class ServiceNow:
    """Incidents of one instance."""

    name, label = "servicenow", "ServiceNow"

    def __init__(self, url: str, user: str, password: str, group: str = "") -> None:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._wire = Wire(url, {"Authorization": f"Basic {basic}"}, _reason)
        self._user, self._group = user, group
        self._people: dict[str, tuple[str, str]] = {}

    # to ServiceNow

    def find(self, number: str) -> str:
        query = f"correlation_id={_value(number)}^correlation_display={OURS}^ORDERBYsys_created_on"
        return next((str(row["sys_id"]) for row in self._rows("incident", query, "sys_id")), "")

    def open(self, line: TicketLine) -> str:
        who = f"\n\n{line.requester} {line.requester_mail}".rstrip()
        impact, urgency = IMPACT[line.severity]
        body = {
            "short_description": (line.subject or line.number)[:_SHORT], "description": f"{line.text}{who}\n{line.url}"[:_LONG],
            "correlation_id": line.number, "correlation_display": OURS, "impact": impact, "urgency": urgency,
        }  # fmt: skip
        if self._group:
            body["assignment_group"] = self._group
        answer = self._wire.send("POST", f"{_TABLES}/incident?sysparm_fields=sys_id", body)
        remote = str(((answer or {}).get("result") or {}).get("sys_id", ""))
        if not remote:
            raise ChannelError("its answer names no incident: check tracker.url")
        return remote

    def has(self, remote: str, key: str) -> bool:
        return any(word.key == key for word in self._journal(remote))

    def send(self, remote: str, line: TicketLine) -> str:
        if line.kind in {"said", "note"}:
            text = line.text if line.kind == "note" else f"{line.author}:\n\n{line.text}"
            self._set(remote, {"comments" if line.kind == "said" else "work_notes": signed(text[:_LONG], line.key)})
            return ""
        if line.kind == "owner":
            return self._set_owner(remote, line)
        if line.kind == "severity":
            impact, urgency = IMPACT[line.severity]
            self._set(remote, {"impact": impact, "urgency": urgency})
            return self._stands(remote).severity or line.severity
        if self._stands(remote).status != line.status:
            self._set(remote, _SET[line.status])
        now = self._stands(remote).status
        if now != line.status:
            raise ChannelError(
                f"it did not change its state to {line.status}: a rule of the instance does not allow it"
            )
        return now

    def _set_owner(self, remote: str, line: TicketLine) -> str:
        query = f"email={_value(line.owner_mail)}^active=true"
        found = list(self._rows("sys_user", query, "sys_id")) if line.owner_mail else []
        if (line.owner_mail or line.owner) and not found:  # nobody there has this address: at least say who has it
            self._set(remote, {"work_notes": signed(f"{line.owner or line.owner_mail}: {line.url}", line.key)})
        else:
            self._set(remote, {"assigned_to": str(found[0]["sys_id"]) if found else ""})
        return self._stands(remote).owner or ""

    def _set(self, remote: str, fields: Mapping[str, str]) -> None:
        self._wire.send("PATCH", f"{_TABLES}/incident/{part(remote)}?sysparm_fields=sys_id", dict(fields))

    # from ServiceNow

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        back = minutes_since(cursor, now)  # relative, since times in a query are in the time zone of our user there
        query = f"correlation_display={OURS}^sys_updated_onRELATIVEGT@minute@ago@{back}^ORDERBYsys_id"
        return [str(row["sys_id"]) for row in self._rows("incident", query, "sys_id")], str(now)

    def ticket(self, remote: str) -> RemoteTicket | None:
        stands = self._incident(remote)
        return replace(stands, words=tuple(self._journal(remote))) if stands else None

    def _stands(self, remote: str) -> RemoteTicket:
        stands = self._incident(remote)
        if stands is None:
            raise ChannelError("the incident is not there any more, or we may not see it")
        return stands

    def _incident(self, remote: str) -> RemoteTicket | None:
        asked = {
            "sysparm_fields": "state,priority,assigned_to.email,assigned_to.name",
            "sysparm_exclude_reference_link": "true",
        }
        answer = self._wire.get(f"{_TABLES}/incident/{part(remote)}", asked, missing=True)
        row = (answer or {}).get("result")
        if not isinstance(row, dict):
            return None
        owner = str(row.get("assigned_to.email") or row.get("assigned_to.name") or "")
        return RemoteTicket(
            remote, _STATUS.get(str(row.get("state")), "open"), owner, _SEVERITY.get(str(row.get("priority")))
        )

    def _journal(self, remote: str) -> Iterator[RemoteWord]:
        query = f"element_id={_value(remote)}^elementINcomments,work_notes^ORDERBYsys_created_on"
        for row in self._rows("sys_journal_field", query, "sys_id,element,value,sys_created_by,sys_created_on"):
            writer, text = str(row.get("sys_created_by", "")), _plain(str(row.get("value", "")))
            key = key_in(text) if writer == self._user else ""
            name, mail = ("", "") if key else self._person(writer)
            at, internal = seconds(str(row.get("sys_created_on", ""))), row.get("element") == "work_notes"
            yield RemoteWord(str(row["sys_id"]), at, name or writer, text, mail, internal, key)

    def pushed(self) -> Sequence[Pushed]:
        return ()

    def taken(self, pushed: Pushed) -> None:
        return None

    def look(self) -> str:
        asked = {"sysparm_limit": "1", "sysparm_fields": "sys_id"}
        for table in ("incident", "sys_journal_field"):
            self._wire.get(f"{_TABLES}/{table}", asked)
        return "ServiceNow, table incident"

    # inside

    def _person(self, user: str) -> tuple[str, str]:
        if user not in self._people:
            row = next(self._rows("sys_user", f"user_name={_value(user)}", "name,email"), {})
            self._people[user] = (str(row.get("name", "")), str(row.get("email", "")))
        return self._people[user]

    def _rows(self, table: str, query: str, fields: str) -> Iterator[Mapping[str, Any]]:
        for page in range(_PAGES):
            asked = {"sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": str(_PAGE),
                     "sysparm_offset": str(page * _PAGE), "sysparm_exclude_reference_link": "true"}  # fmt: skip
            rows = (self._wire.get(f"{_TABLES}/{table}", asked) or {}).get("result", [])
            yield from rows
            if len(rows) < _PAGE:
                return


def _plain(text: str) -> str:
    """`[code]<p>…</p>[/code]` is how journals hold HTML."""
    if "[code]" not in text:
        return text
    return from_html(text.replace("[code]", "").replace("[/code]", ""))


def _value(text: str) -> str:
    """A value that cannot end its condition in an encoded query."""
    return "".join(char for char in text if char.isprintable() and char != "^")


def _reason(answer: Any) -> str:
    return str((answer.get("error") or {}).get("message", ""))
