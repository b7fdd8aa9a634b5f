"""Reading what Jira or ServiceNow exported: CSV, JSON or XML, every row into one shape; what cannot be read is listed.

Jira: "Export CSV (all fields)" of an issue search, or the JSON of its search API. ServiceNow: a list exported as CSV, JSON
(`records`, or `result` of the Table API) or XML. Everything is capped, no document type and no entity is read.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from xml.parsers import expat

from bot.errors import ConfigError
from bot.model import Severity
from bot.ports import TrackerStatus

FILE_BYTES = 100 << 20
ROWS, CELL, DEPTH = 50_000, 100_000, 40
Source = Literal["jira", "servicenow"]
Record = Mapping[str, Any]  # a field by its name, lower case; a list where a column comes more than once
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,19}-?\d{1,12}")
_DONE = {
    "done",
    "resolved",
    "closed",
    "cancelled",
    "canceled",
    "complete",
    "completed",
    "declined",
    "won't do",
    "6",
    "7",
    "8",
}
_WAITING = {"waiting for customer", "on hold", "pending", "awaiting user info", "3"}
_SEVERITY: Mapping[str, Severity] = {
    "highest": "S3", "blocker": "S3", "critical": "S3", "1": "S3", "high": "S2", "major": "S2", "2": "S2", "medium": "S1",
    "moderate": "S1", "normal": "S1", "3": "S1", "low": "S0", "lowest": "S0", "minor": "S0", "trivial": "S0", "planning": "S0",
    "4": "S0", "5": "S0",
}  # fmt: skip
_FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%b/%y %I:%M %p", "%d/%b/%Y %I:%M %p", "%d/%b/%y %H:%M", "%d-%m-%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z",
)  # fmt: skip


@dataclass(frozen=True)
class Word:
    """One comment. `at` is 0 where nobody says when."""

    author: str
    at: float
    text: str


@dataclass(frozen=True)
class Exported:
    """One ticket of an export. `row` counts from 1; `remote` is what the vendor's API calls it, "" if it does not say."""

    row: int
    external: str
    subject: str
    text: str
    status: TrackerStatus
    severity: Severity
    requester: str = ""
    holder: str = ""
    opened: float = 0.0
    closed: float = 0.0
    remote: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, order=True)
class Told:
    """What is wrong with one row."""

    row: int
    what: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.what}"


@dataclass
class Export:
    """What a file holds. `notes` are about rows that were taken all the same."""

    source: Source
    tickets: list[Exported] = field(default_factory=list)
    bad: list[Told] = field(default_factory=list)
    notes: list[Told] = field(default_factory=list)


def read_export(name: str, data: bytes) -> Export:
    """The tickets of a file, by its content. Raises `ConfigError` for what is no such export."""
    if len(data) > FILE_BYTES:
        raise ConfigError(f"{name}: more than {FILE_BYTES >> 20} MB are not read; split the export")
    rows = list(_records(name, data))
    if len(rows) > ROWS:
        raise ConfigError(f"{name}: more than {ROWS} tickets are not read at once; split the export")
    export = Export(_source(name, rows))
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        _take(export, number, row, seen)
    return export


def _source(name: str, rows: Sequence[Record]) -> Source:
    first = rows[0] if rows else {}
    if "issue key" in first or ("key" in first and "fields" in first):
        return "jira"
    if "number" in first and "short_description" in first:
        return "servicenow"
    raise ConfigError(
        f"{name}: this is no export of Jira (Issue key, Summary …) or of ServiceNow (number, short_description …)"
    )


def _take(export: Export, number: int, row: Record, seen: set[str]) -> None:
    read = _jira if export.source == "jira" else _servicenow
    try:
        ticket = read(number, row, export.notes)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        export.bad.append(
            Told(number, str(error) if type(error) is ValueError else "its fields are not of the form of an export")
        )
        return
    if ticket.external in seen:
        export.bad.append(Told(number, f"{ticket.external} stands in the file before"))
        return
    seen.add(ticket.external)
    export.tickets.append(ticket)


# vendors ---------------------------------------------------------------------------------------------------------------------


def _jira(number: int, row: Record, notes: list[Told]) -> Exported:
    if "fields" in row:
        return _jira_issue(number, row, notes)
    key = _key(_one(row, "issue key"))
    words = [found for text in _many(row, "comment", "comments") if (found := _jira_comment(text))]
    category = _one(row, "status category").casefold()
    return Exported(
        number, key, _needed(key, _one(row, "summary")), _one(row, "description"),
        "resolved" if category == "done" else _status(_one(row, "status")), _severity(_one(row, "priority")),
        _one(row, "reporter email", "reporter"), _one(row, "assignee email", "assignee"),
        _time(number, _one(row, "created"), notes), _time(number, _one(row, "resolved"), notes), key, tuple(words),
    )  # fmt: skip


def _jira_comment(text: str) -> Word | None:
    """`01/Mar/24 9:05 AM;account;words` is how Jira writes a comment into a cell."""
    when, _, rest = text.partition(";")
    author, mark, words = rest.partition(";")
    at = _moment(when)
    if mark and at:
        return Word(author.strip()[:80], at, words.strip()) if words.strip() else None
    return Word("", 0.0, text.strip()) if text.strip() else None


def _jira_issue(number: int, row: Record, notes: list[Told]) -> Exported:
    values, key = row["fields"], _key(str(row["key"]))
    status, comments = values.get("status") or {}, (values.get("comment") or {}).get("comments", [])
    done = ((status.get("statusCategory") or {}).get("key")) == "done"
    words = (
        Word(_who(one.get("author")), _moment(str(one.get("created", ""))), _adf(one.get("body"))) for one in comments
    )
    return Exported(
        number, key, _needed(key, str(values.get("summary") or "")), _adf(values.get("description")),
        "resolved" if done else _status(str(status.get("name", ""))), _severity((values.get("priority") or {}).get("name", "")),
        _who(values.get("reporter")), _who(values.get("assignee")), _time(number, str(values.get("created") or ""), notes),
        _time(number, str(values.get("resolutiondate") or ""), notes), key, tuple(word for word in words if word.text),
    )  # fmt: skip


def _servicenow(number: int, row: Record, notes: list[Told]) -> Exported:
    key = _key(_one(row, "number"))
    journal = _one(row, "comments_and_work_notes", "comments")
    return Exported(
        number, key, _needed(key, _one(row, "short_description")), _one(row, "description"), _status(_one(row, "state")),
        _severity(_one(row, "priority")), _one(row, "caller_id.email", "caller_id"),
        _one(row, "assigned_to.email", "assigned_to"), _time(number, _one(row, "opened_at", "sys_created_on"), notes),
        _time(number, _one(row, "closed_at", "resolved_at"), notes), _one(row, "sys_id"), tuple(_journal(journal)),
    )  # fmt: skip


def _journal(text: str) -> Iterator[Word]:
    """`2024-03-01 09:05:00 - Kim (Work notes)` stands above each entry."""
    heads = list(
        re.finditer(
            r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - (.{1,80}?) \((?:Work notes|[A-Z][\w ]{1,30})\)\s*$", text, re.M
        )
    )
    for head, following in zip(heads, [*heads[1:], None], strict=False):
        words = text[head.end() : following.start() if following else None].strip()
        if words:
            yield Word(head[2], _moment(head[1]), words)
    if not heads and text.strip():
        yield Word("", 0.0, text.strip())


# values ----------------------------------------------------------------------------------------------------------------------


def _key(text: str) -> str:
    if not _KEY.fullmatch(text.strip()):
        raise ValueError("it has no number that we could know it by again")
    return text.strip()


def _needed(key: str, subject: str) -> str:
    if not subject.strip():
        raise ValueError(f"{key} has no summary")
    return " ".join(subject.split())


def _status(text: str) -> TrackerStatus:
    said = text.strip().casefold()
    return "resolved" if said in _DONE else "waiting" if said in _WAITING else "open"


def _severity(text: str) -> Severity:
    said = str(text).strip().casefold()
    return _SEVERITY.get(said) or _SEVERITY.get(said.partition(" - ")[0].strip(), "S1")


def _time(number: int, text: str, notes: list[Told]) -> float:
    at = _moment(text)
    if text.strip() and not at:
        notes.append(Told(number, f"a time was not understood: {text.strip()[:40]!r}"))
    return at


def _moment(text: str) -> float:
    said = text.strip()
    for form in _FORMS:
        try:
            moment = datetime.strptime(said, form)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _who(person: Any) -> str:
    return str((person or {}).get("emailAddress") or (person or {}).get("displayName") or "")[:200]


def _adf(value: Any, depth: int = 0) -> str:
    """Text of Jira's document format, or the text that it is."""
    if value is None or depth > DEPTH:
        return ""
    if isinstance(value, str):
        return value[:CELL]
    if isinstance(value, list):
        return "".join(_adf(one, depth + 1) for one in value)
    kind = value.get("type")
    if kind == "hardBreak":
        return "\n"
    inner = str(value.get("text", "")) if kind == "text" else _adf(value.get("content"), depth + 1)
    return inner + ("\n" if kind in {"paragraph", "heading", "listItem", "codeBlock"} else "")


def _many(row: Record, *names: str) -> list[str]:
    found = [row[name] for name in names if row.get(name)]
    flat = [one for value in found for one in (value if isinstance(value, list) else [value])]
    return [str(_shown(one)) for one in flat]


def _one(row: Record, *names: str) -> str:
    """The first that is not empty."""
    return next((text.strip() for text in _many(row, *names) if text.strip()), "")


def _shown(value: Any) -> Any:
    """`sysparm_display_value=all` gives an object a field."""
    if not isinstance(value, dict):
        return value
    return value.get("display_value") or value.get("value") or ""


# files -----------------------------------------------------------------------------------------------------------------------


def _records(name: str, data: bytes) -> Iterator[Record]:
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        yield from _json(name, data)
    elif start == b"<":
        yield from _xml(name, data)
    else:
        yield from _csv(name, data)


def _json(name: str, data: bytes) -> Iterator[Record]:
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: this is no valid JSON") from error
    if isinstance(whole, dict):
        whole = next(
            (whole[key] for key in ("issues", "records", "result") if isinstance(whole.get(key), list)), [whole]
        )
    for one in whole:
        yield {str(key).casefold(): value for key, value in one.items()} if isinstance(one, dict) else {}


def _csv(name: str, data: bytes) -> Iterator[Record]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    head = text.partition("\n")[0]
    csv.field_size_limit(CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        names = [cell.strip().casefold() for cell in next(lines, [])]
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield _named(names, cells)
    except csv.Error as error:
        raise ConfigError(f"{name}: line {lines.line_num} cannot be read ({error})") from error


def _named(names: Sequence[str], cells: Sequence[str]) -> Record:
    row: dict[str, Any] = {}
    for column, cell in zip(names, cells, strict=False):
        if column in row:
            known = row[column]
            row[column] = [*known, cell] if isinstance(known, list) else [known, cell]
        else:
            row[column] = cell
    return row


def _xml(name: str, data: bytes) -> Iterator[Record]:
    """The elements below the root are tickets, what is in them are their fields. Entities are not read."""
    rows: list[dict[str, str]] = []
    path: list[str] = []

    def begin(tag: str, _attributes: object) -> None:
        path.append(tag.casefold())
        if len(path) > DEPTH:
            raise ValueError("too deep")
        if len(path) == 2:
            rows.append({})

    def text(part: str) -> None:
        if len(path) == 3 and rows:
            rows[-1][path[2]] = (rows[-1].get(path[2], "") + part)[:CELL]

    def refuse(*_given: object) -> None:
        raise ValueError("a document type is not read")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler = begin, text
    parser.EndElementHandler = lambda _tag: path.pop() and None
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        raise ConfigError(f"{name}: this is no XML that we read ({error})") from error
    yield from rows
