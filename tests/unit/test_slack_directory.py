"""People and user groups from Slack: who counts, what of them is believed, and lists that break off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.slack_api import SlackFault
from adapters.channels.slack_roster import listing
from adapters.channels.slack_state import Install
from adapters.directories.slack import said_by_slack
from adapters.stores.open import open_db
from bot.app.staff import take_slack
from bot.directory import FILE, SLACK, GroupRule, Rules, Said
from bot.platforms import Workspace
from tests.fakes.scim import ScimHouse

HOME = frozenset({"T1", "E1"})


def user(name: str, **more: Any) -> dict[str, Any]:
    profile = {"email": f"{name}@x.example", "real_name": name.title(), "title": "Buyer", **more.pop("profile", {})}
    return {"id": f"U{name}", "team_id": "T1", "tz": "Europe/Oslo", "locale": "de-DE", "is_email_confirmed": True,
            "profile": profile, **more}  # fmt: skip


def workspace(*users: Mapping[str, Any], groups: Any = ()) -> Workspace:
    return Workspace("", HOME, users, groups)


def test_a_member_and_their_groups() -> None:
    groups = [
        {"handle": "board", "name": "The board", "users": ["Uida"]},
        {"handle": "old", "users": ["Uida"], "date_delete": 9},
    ]
    assert said_by_slack(workspace(user("ida"), groups=groups)) == [
        Said(SLACK, "slack:Uida", "", ("ida@x.example",), "Ida", language="de", timezone="Europe/Oslo", title="Buyer",
             groups=frozenset({"board", "The board"})),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"is_bot": True}, {"is_stranger": True}, {"is_app_user": True}, {"team_id": "T9"}, {"id": ""}, {"id": "USLACKBOT"},
        {"team_id": "T9", "enterprise_user": {"enterprise_id": "E9"}},
    ],
)  # fmt: skip
def test_who_is_nobody_here(more: dict[str, Any]) -> None:
    assert said_by_slack(workspace(user("ida", **more))) == []


def test_only_confirmed_addresses_count_and_guests_are_guests() -> None:
    open_, guest, org = said_by_slack(
        workspace(
            user("a", is_email_confirmed=False), user("b", is_restricted=True),
            user("c", team_id="T9", enterprise_user={"enterprise_id": "E1"}),
        )
    )  # fmt: skip
    assert (open_.addresses, guest.kind, org.addresses) == ((), "guest", ("c@x.example",))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ScimHouse]:
    rules = Rules(groups=(GroupRule("board", frozenset({"executive"})), GroupRule("it", frozenset({"it_helpdesk"}))),
                  barred={SLACK: frozenset({"it_helpdesk"})})  # fmt: skip
    db = open_db("", tmp_path)
    yield ScimHouse(db, [Said(FILE, "ida", "ida", ("ida@x.example",), "Ida Roth", timezone="Europe/Rome")], rules)
    db.close()


def test_merged_and_with_the_roles_of_groups(house: ScimHouse) -> None:
    groups = [{"handle": "board", "users": ["Uida"]}, {"handle": "it", "users": ["Uida", "Utom"]}]
    assert take_slack(house.sources, workspace(user("ida"), user("tom"), groups=groups)) == 2
    ida, tom = house.directory.find("ida"), house.directory.find("tom@x.example")
    assert ida is not None
    assert tom is not None
    assert (ida.name, ida.timezone, ida.language, ida.roles) == (
        "Ida Roth",
        "Europe/Rome",
        "de",
        frozenset({"executive"}),
    )
    assert (tom.name, tom.timezone, tom.roles) == ("Tom", "Europe/Oslo", frozenset({"regular"}))
    assert take_slack(house.sources, workspace(user("ida"), user("tom"), groups=groups)) == 0


def test_a_closed_account_and_one_that_is_gone(house: ScimHouse) -> None:
    take_slack(house.sources, workspace(user("ida"), user("tom"), user("eve")))
    closed = user("tom", deleted=True)
    del closed["profile"]["email"]
    take_slack(house.sources, workspace(user("ida", deleted=True), closed))
    found = {who: house.directory.find(f"{who}@x.example") is not None for who in ("ida", "tom", "eve")}
    assert found == {"ida": True, "tom": False, "eve": False}  # people.yaml still has Ida


def test_a_list_that_broke_off_makes_nobody_leave(house: ScimHouse) -> None:
    take_slack(house.sources, workspace(*(user(f"p{i}") for i in range(20))))
    take_slack(house.sources, workspace(user("p1")))
    assert sum(1 for _ in house.directory.people()) == 21


def test_listing_turns_pages_and_does_without_groups() -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []

    async def call(_install: str, method: str, params: Mapping[str, Any], **_more: Any) -> Mapping[str, Any]:
        asked.append((method, params))
        if method == "usergroups.list":
            raise SlackFault(method, "missing_scope")
        more = "" if "cursor" in params else "next"
        return {"members": [user("b" if "cursor" in params else "a")], "response_metadata": {"next_cursor": more}}

    found = asyncio.run(listing(call, Install("T1", "xoxb-1"), "T1/", HOME))
    assert [said.id for said in said_by_slack(found)] == ["slack:T1/Ua", "slack:T1/Ub"]
    assert (found.groups, [method for method, _ in asked]) == (None, ["users.list", "users.list", "usergroups.list"])
