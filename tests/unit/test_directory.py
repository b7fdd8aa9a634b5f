"""People of several sources: merging, precedence, who has left, what groups bring, and what is badly written."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from adapters.directories.file import FileDirectory
from bot.content import packaged_shelf
from bot.directory import CSV, DESK, FILE, SCIM, SLACK, GroupRule, Profile, Roll, Rules, Said, Why
from bot.directory_forms import read_day, read_days, read_hours, read_leave
from bot.directory_roster import Delta, from_json, to_json
from bot.directory_rules import load_rules
from bot.errors import ContentError, StoreUnavailable

NOON = datetime(2030, 3, 18, 12, tzinfo=UTC).timestamp()
ANNA = Said(FILE, "anna", "anna", ("anna@x.example",), "Anna", frozenset({"executive"}), timezone="Europe/Berlin")


def roll(*said: Said, rules: Rules | None = None) -> Roll:
    made = Roll(rules)
    made.put(said)
    return made


def only(found: Roll) -> Profile:
    (profile,) = found.profiles()
    return profile


def test_one_person_over_both_platforms_and_the_directory() -> None:
    found = only(
        roll(
            ANNA,
            Said(SCIM, "u1", addresses=("anna@x.example",), name="Anna A.", title="CFO", also=("aad-1",)),
            Said(SLACK, "slack:U1", addresses=("anna@x.example",), timezone="Europe/Paris", language="fr"),
        )
    )
    assert [said.key for said in found.said] == [(FILE, "anna"), (SCIM, "u1"), (SLACK, "slack:U1")]
    assert (found.person.id, found.person.name, found.title) == ("anna", "Anna", "CFO")
    assert found.person.language == "fr"
    assert dict(found.origin) == {
        "name": FILE, "timezone": FILE, "title": SCIM, "language": SLACK, "email": FILE,
    }  # fmt: skip


def test_found_by_id_address_and_object_id() -> None:
    found = roll(ANNA, Said(SCIM, "u1", addresses=("anna@x.example", "a.a@x.example"), also=("AAD-1",)))
    names = ["anna", "anna@x.example", "a.a@x.example", "aad-1", "nobody"]
    assert [bool(found.called(name)) for name in names] == [True, True, True, True, False]


def test_precedence_is_by_field() -> None:
    rules = Rules({"default": (FILE, CSV, SCIM, SLACK), "timezone": (SLACK, FILE)})
    found = only(roll(ANNA, Said(SLACK, "s", addresses=("anna@x.example",), timezone="Asia/Tokyo"), rules=rules))
    assert (found.person.timezone, found.origin["timezone"]) == ("Asia/Tokyo", SLACK)


def test_an_unknown_time_zone_falls_to_the_next_source_and_is_noted() -> None:
    said = Said(CSV, "c", addresses=("anna@x.example",), timezone="Mars/Olympus")
    found = only(roll(said, Said(SLACK, "s", addresses=("anna@x.example",), timezone="Europe/Rome")))
    assert (found.person.timezone, found.notes) == ("Europe/Rome", (("timezone", "Mars/Olympus"),))
    assert only(roll(said, rules=Rules(timezone="Europe/London"))).person.timezone == "Europe/London"


def test_two_entries_of_one_source_are_two_people_even_with_one_address() -> None:
    found = roll(Said(SCIM, "u1", "a", ("x@x.example",), "One"), Said(SCIM, "u2", "b", ("x@x.example",), "Two"))
    assert sorted(profile.person.name for profile in found.profiles()) == ["One", "Two"]
    assert [profile.notes for profile in found.profiles() if profile.person.name == "Two"] == [
        (("shared", "x@x.example"),)
    ]


def test_whoever_says_somebody_left_is_believed_but_chat_alone_is_not() -> None:
    left = Said(SCIM, "u1", addresses=("anna@x.example",), active=False)
    assert only(roll(ANNA, left)).state(NOON) == "left"
    closed = Said(SLACK, "s", addresses=("anna@x.example",), active=False)
    assert only(roll(ANNA, closed)).state(NOON) == "here"
    assert only(roll(closed)).state(NOON) == "left"


@pytest.mark.parametrize(
    ("zone", "at", "state"),
    [
        ("Europe/Berlin", datetime(2030, 3, 31, 21, 59, tzinfo=UTC), "here"),
        ("Europe/Berlin", datetime(2030, 3, 31, 22, 1, tzinfo=UTC), "left"),
        ("Pacific/Auckland", datetime(2030, 3, 31, 11, 1, tzinfo=UTC), "left"),
        ("America/New_York", datetime(2030, 4, 1, 3, 59, tzinfo=UTC), "here"),
    ],
)
def test_a_contract_ends_with_the_last_day_where_they_are(zone: str, at: datetime, state: str) -> None:
    said = Said(CSV, "c", addresses=("c@x.example",), kind="contractor", end=date(2030, 3, 31), timezone=zone)
    assert only(roll(said)).state(at.timestamp()) == state


def test_who_has_not_begun_and_who_is_a_guest() -> None:
    assert only(roll(Said(CSV, "c", addresses=("c@x.example",), start=date(2030, 3, 19)))).state(NOON) == "coming"
    assert only(roll(Said(SCIM, "g", addresses=("g@y.example",), kind="guest"))).state(NOON) == "guest"


def test_groups_give_roles_and_say_why() -> None:
    rules = Rules(groups=(GroupRule("Board", frozenset({"executive"})),), barred={SLACK: frozenset({"it_helpdesk"})})
    found = only(roll(Said(SCIM, "u", addresses=("b@x.example",), groups=frozenset({"BOARD"})), rules=rules))
    assert (found.person.roles, found.why["executive"]) == (frozenset({"executive"}), (Why(SCIM, "BOARD"),))


def test_a_slack_group_never_opens_the_console() -> None:
    rules = Rules(groups=(GroupRule("it", frozenset({"it_helpdesk"})),), barred={SLACK: frozenset({"it_helpdesk"})})
    in_slack = only(roll(Said(SLACK, "u", addresses=("b@x.example",), groups=frozenset({"it"})), rules=rules))
    in_scim = only(roll(Said(SCIM, "u", addresses=("b@x.example",), groups=frozenset({"it"})), rules=rules))
    assert (in_slack.person.roles, in_scim.person.roles) == (frozenset({"regular"}), frozenset({"it_helpdesk"}))


def test_a_decision_of_the_desk_marks_somebody_and_makes_nobody() -> None:
    mark = Said(DESK, "desk:anna", "anna", roles=frozenset({"high_risk"}))
    assert only(roll(ANNA, mark)).person.roles == {"executive", "high_risk"}
    assert roll(mark).profiles() == []


def test_a_change_touches_only_whom_it_is_about() -> None:
    found = roll(ANNA, Said(FILE, "bob", "bob", ("bob@x.example",), "Bob"))
    before = {profile.person.id: profile for profile in found.profiles()}
    found.put([Said(SCIM, "u1", addresses=("bob@x.example",), title="CEO")])
    after = {profile.person.id: profile for profile in found.profiles()}
    assert (after["anna"] is before["anna"], after["bob"].title) == (True, "CEO")
    found.put([Said(SCIM, "u1", addresses=("somebody@x.example",), name="Else")])
    assert sorted((p.person.name, p.title) for p in found.profiles()) == [("Anna", ""), ("Bob", ""), ("Else", "")]


def test_an_entry_survives_the_store() -> None:
    said = Said(
        CSV, "csv:c", "c", ("c@x.example",), "C", frozenset({"regular"}), "de", "de", "Europe/Berlin", "+49", "CFO", "F",
        "DE-BY", frozenset({0, 1}), (time(22), time(6)), ((date(2030, 1, 1), date(2030, 1, 5)),), date(2029, 1, 1),
        date(2031, 1, 1), True, "contractor", frozenset({"g"}), frozenset({"m@x.example"}), ("aad",),
    )  # fmt: skip
    assert from_json(CSV, "csv:c", to_json(said)) == said


class Feed:
    """A roster in memory."""

    def __init__(self) -> None:
        self.waiting: Delta | None = None
        self.away = False

    def delta(self) -> Delta | None:
        if self.away:
            raise StoreUnavailable("away")
        found, self.waiting = self.waiting, None
        return found

    def stamp(self) -> object:
        return None


def test_leavers_are_not_found_and_the_database_may_be_away() -> None:
    directory, feed = FileDirectory(None), Feed()
    directory.replace([ANNA])
    directory.attach(feed, lambda: NOON)
    feed.waiting = Delta([Said(SCIM, "u1", addresses=("anna@x.example",), active=False)])
    assert directory.find("anna") is not None  # looking never asks the database
    directory.refresh()
    assert (directory.find("anna"), list(directory.people())) == (None, [])
    profile = directory.profile("anna@x.example")
    assert profile is not None
    assert (profile.state(NOON), profile.gone) == ("left", SCIM)
    feed.away = True
    directory.refresh()
    assert directory.find("anna") is None
    directory.detach(feed)
    assert directory.find("anna") is not None


def test_time_alone_ends_a_contract() -> None:
    directory, at = FileDirectory(None), [NOON]
    directory.replace([Said(FILE, "c", "c", ("c@x.example",), "C", end=date(2030, 3, 18))])
    directory.attach(Feed(), lambda: at[0])
    assert [person.id for person in directory.people()] == ["c"]
    at[0] += 86_400
    assert ([person.id for person in directory.people()], directory.find("c")) == ([], None)


def test_what_people_write() -> None:
    assert read_days("Mon-Fri") == frozenset(range(5))
    assert read_days("sun-thu") == frozenset({6, 0, 1, 2, 3})
    assert read_hours("22:00–06:00") == (time(22), time(6))
    assert read_day("31.12.2030") == date(2030, 12, 31)
    assert read_leave("2030-01-02/2030-01-05; 2030-02-01") == (
        (date(2030, 1, 2), date(2030, 1, 5)), (date(2030, 2, 1), date(2030, 2, 1)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("read", "text"),
    [(read_days, "mon-funday"), (read_days, ""), (read_hours, "9-5"), (read_hours, "09:00-09:00"), (read_day, "31/12/30"),
     (read_leave, "2030-01-05/2030-01-02"), (read_leave, "2030-01-05/2300-01-02")],
)  # fmt: skip
def test_what_cannot_be_read_says_so(read: object, text: str) -> None:
    with pytest.raises(ValueError, match=r"^\""):
        read(text)  # type: ignore[operator]


def test_the_rules_that_ship_and_their_faults(tmp_path: Path) -> None:
    shipped = load_rules(packaged_shelf(), ["executive", "high_risk"], frozenset({"it_helpdesk"}), {}, "en", "UTC")
    assert (shipped.merging.order("timezone"), shipped.targets.reports) == ((FILE, CSV, SLACK, SCIM), 5)
    (tmp_path / "directory.yaml").write_text(
        "schema: directory/1\nprecedence:\n  shoes: [file]\ngroups:\n"
        '  - {group: "it", source: slack, roles: ["it_helpdesk"]}\n  - {group: "x", roles: ["nobody"]}\n'
    )
    with pytest.raises(ContentError) as caught:
        load_rules(packaged_shelf(tmp_path), ["it_helpdesk"], frozenset({"it_helpdesk"}), {}, "en", "UTC")
    assert [fault.what for fault in caught.value.faults] == [
        '"shoes" is no field of a person',
        'a Slack user group would give "it_helpdesk", and its members can edit it', '"nobody" is not in roles.yaml',
    ]  # fmt: skip
