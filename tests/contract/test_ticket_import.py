"""Exports of Jira and ServiceNow in every form, taken over repeatably, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app.contents import Contents
from bot.app.ticket_import import import_tickets
from bot.errors import ConfigError
from bot.helpdesk.trackers_export import read_export
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, SAM, House

contents, home = fakes.contents, fakes.home

JIRA_CSV = """Issue key,Summary,Status,Status Category,Priority,Reporter,Assignee,Created,Resolved,Description,Comment,Comment
SUP-1,Lost badge,Closed,Done,High,dana.reyes@northwind.example,,01/Mar/24 9:05 AM,02/Mar/24 10:00 AM,"Line one
line two",01/Mar/24 10:00 AM;acc-1;On my way,02/Mar/24 9:00 AM;acc-2;Found it
SUP-2,"Door, back",In Progress,In Progress,Medium,Somebody Unknown,sam.ortiz@northwind.example,2024-03-05 08:00,,It squeaks,,
SUP-2,Door again,Open,To Do,Low,,,2024-03-05 08:00,,,,
,No key,Open,To Do,Low,,,,,,,
SUP-3,,Open,To Do,Low,,,someday,,,,
SUP-4,Odd time,Open,To Do,Lowest,,,someday,,,,
"""
JIRA_JSON = json.dumps({"issues": [
    {"key": "SUP-1", "fields": {
        "summary": "Lost badge", "status": {"name": "Closed", "statusCategory": {"key": "done"}}, "priority": {"name": "High"},
        "reporter": {"emailAddress": "dana.reyes@northwind.example", "displayName": "Dana"}, "assignee": None,
        "created": "2024-03-01T09:05:00.000+0000", "resolutiondate": "2024-03-02T10:00:00.000+0000",
        "description": {"type": "doc", "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "Line one"}, {"type": "hardBreak"},
                                              {"type": "text", "text": "line two"}]}]},
        "comment": {"comments": [
            {"author": {"displayName": "Kim"}, "created": "2024-03-01T10:00:00.000+0000", "body": "On my way"}]},
    }},
    {"key": "SUP-9", "fields": None},
]})  # fmt: skip
SNOW_CSV = (
    "number,short_description,state,priority,caller_id,assigned_to,opened_at,closed_at,comments_and_work_notes\n"
    "INC001,Lost badge,Closed,2 - High,Dana Reyes,,2024-03-01 09:05:00,2024-03-02 10:00:00,"
    '"2024-03-02 09:00:00 - Kim (Additional comments)\nFound it\n\n2024-03-01 10:00:00 - Sam (Work notes)\nOn my way"\n'
    "INC002,Door,On Hold,3 - Moderate,,Sam Ortiz,2024-03-05 08:00:00,,\n"
)
SNOW_JSON = json.dumps({"records": [{"number": "INC001", "short_description": "Lost badge", "state": "7", "priority": "2",
                                     "caller_id": "", "opened_at": "2024-03-01 09:05:00", "sys_id": "a1"}]})  # fmt: skip
SNOW_XML = """<?xml version="1.0" encoding="UTF-8"?><unload unload_date="2024-03-09 10:00:00">
<incident action="INSERT_OR_UPDATE"><number>INC001</number><short_description>Lost &amp; badge</short_description>
<state>1</state><priority>1</priority><opened_at>2024-03-01 09:05:00</opened_at><sys_id>a1</sys_id></incident></unload>"""


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


def take(house: House, name: str, text: str, *, write: bool = True) -> Any:
    path = house.folder / name
    path.write_text(text, "utf-8")
    return import_tickets(house.app, path, write=write)


def test_a_jira_export_becomes_tickets_and_bad_rows_are_listed(house: House) -> None:
    done = take(house, "jira.csv", JIRA_CSV)
    assert list(done.new) == ["SUP-1", "SUP-2", "SUP-4"]
    assert [str(one) for one in done.export.bad] == [
        "row 3: SUP-2 stands in the file before", "row 4: it has no number that we could know it by again",
        "row 5: SUP-3 has no summary",
    ]  # fmt: skip
    assert [one.row for one in done.export.notes] == [6]
    first, second, third = (house.app.tickets.get(number) for number in done.new.values())
    assert (first.subject, first.state, first.severity, first.requester) == (
        "Lost badge",
        "resolved",
        "S2",
        house.key(DANA),
    )
    assert (first.created_at, first.resolved_at) == (1_709_283_900.0, 1_709_373_600.0)
    assert house.timeline(first.number) == [
        ("opened", "jira SUP-1\n\nLine one\nline two"), ("from_tracker", "acc-1: On my way"), ("from_tracker", "acc-2: Found it"),
        ("resolved", ""),
    ]  # fmt: skip
    assert (second.state, second.assignee, second.requester) == ("claimed", house.key(SAM), "")
    assert house.timeline(second.number)[0] == ("opened", "jira SUP-2 (Somebody Unknown)\n\nIt squeaks")
    assert second.created_at == house.clock.now()  # its clocks begin now
    assert third.severity == "S0"
    assert (house.count("delivery"), house.count("outbox"), house.count("page")) == (0, 0, 0)
    assert house.whole()


def test_the_same_again_changes_nothing_and_a_newer_one_brings_what_is_new(house: House) -> None:
    assert list(take(house, "a.csv", JIRA_CSV, write=False).new) == ["SUP-1", "SUP-2", "SUP-4"]
    assert house.tickets() == []
    done = take(house, "a.csv", JIRA_CSV)
    before = house.counts()
    again = take(house, "b.csv", JIRA_CSV)
    assert (again.new, again.changed, again.same) == ({}, {}, done.new)
    assert house.counts() == before
    newer = JIRA_CSV.replace("In Progress,In Progress,Medium", "Done,Done,Highest").replace(
        "It squeaks,,", "It squeaks,Oiled it,"
    )
    last = take(house, "c.csv", newer)
    assert last.changed == {"SUP-2": done.new["SUP-2"]}
    ticket = house.app.tickets.get(done.new["SUP-2"])
    assert (ticket.state, ticket.severity) == ("resolved", "S3")
    assert house.timeline(ticket.number).count(("from_tracker", "Oiled it")) == 1
    assert len(house.tickets()) == 3


def test_a_servicenow_export(house: House) -> None:
    done = take(house, "snow.csv", SNOW_CSV)
    first, second = (house.app.tickets.get(number) for number in done.new.values())
    assert (first.state, first.severity, first.requester) == ("resolved", "S2", house.key(DANA))
    assert [text for kind, text in house.timeline(first.number) if kind == "from_tracker"] == [
        "Sam: On my way",
        "Kim: Found it",
    ]
    assert (second.state, second.waiting, second.assignee) == ("claimed", "person", house.key(SAM))


def test_a_ticket_of_the_tracker_in_use_goes_on_there(db: Db, home: Path, contents: Contents) -> None:
    settings = {"tracker": "jira", "tracker_url": "https://jira.example", "tracker_user": "u", "tracker_token": "t",
                "tracker_queue": "SUP", "tracker_desk": "5", "tracker_type": "20"}  # fmt: skip
    house = House(home, db, contents, settings=settings)
    done = take(house, "jira.csv", JIRA_CSV)
    rows = house.rows("SELECT ticket, remote, done_seq, changes FROM tracked ORDER BY remote")
    assert [(row["remote"], row["changes"]) for row in rows] == [("SUP-1", 0), ("SUP-2", 0), ("SUP-4", 0)]
    assert {row["ticket"] for row in rows} == set(done.new.values())
    assert all(row["done_seq"] > 0 for row in rows)
    house.close()


@pytest.mark.parametrize(("name", "text", "expected"), [
    ("jira.json", JIRA_JSON, ("SUP-1", "resolved", "S2", "Line one\nline two\n", 1_709_283_900.0, 1)),
    ("snow.json", SNOW_JSON, ("INC001", "resolved", "S2", "", 1_709_283_900.0, 0)),
    ("snow.xml", SNOW_XML, ("INC001", "open", "S3", "", 1_709_283_900.0, 0)),
    ("semicolons.csv", "Issue key;Summary;Status\nA-1;x;Closed\n", ("A-1", "resolved", "S1", "", 0.0, 0)),
])  # fmt: skip
def test_every_form(name: str, text: str, expected: Any) -> None:
    export = read_export(name, text.encode())
    (one,) = export.tickets
    assert (one.external, one.status, one.severity, one.text, one.opened, len(one.words)) == expected
    assert [told.row for told in export.bad] == ([2] if name == "jira.json" else [])


@pytest.mark.parametrize("text", [
    "", "a,b\n1,2\n", "{", "[1]", "<x>", "[" * 100_000, '<!DOCTYPE x [<!ENTITY a "b">]><x><y><number>1</number></y></x>',
    "<a>" * 60, '{"issues": 5}', "Issue key,Summary\n\"" + "x" * 200_000,
])  # fmt: skip
def test_what_is_no_export_is_said(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^file: "):
        read_export("file", text.encode())
