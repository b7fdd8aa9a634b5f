"""SCIM 2.0 as Microsoft Entra and Okta send it, and what it does to people: merged, moved into roles, stopped when they leave."""

from __future__ import annotations

from typing import Any

import pytest

from bot.directory import FILE, SCIM, GroupRule, Rules, Said
from bot.errors import StoreUnavailable
from bot.model import Person
from bot.ports import Db
from tests.fakes.scim import NOW, TOKEN, ScimHouse

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OURS = "urn:ietf:params:scim:schemas:extension:secdesk:2.0:User"
AAD = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
RULES = Rules(groups=(GroupRule("Board", frozenset({"executive"})),), timezone="Europe/London")
ENTRA: dict[str, Any] = {
    "externalId": AAD, "displayName": "Anna Berg", "title": "Chief Financial Officer", "preferredLanguage": "de-DE",
    "emails": [{"primary": True, "type": "work", "value": "Anna.Berg@x.example"}],
    "name": {"formatted": "Anna Berg", "familyName": "Berg", "givenName": "Anna"},
    ENTERPRISE: {"department": "Finance", "organization": "de", "manager": {"value": "none"}}, "roles": [],
    "meta": {"resourceType": "User"},
}  # fmt: skip


@pytest.fixture
def house(db: Db) -> ScimHouse:
    return ScimHouse(db, [Said(FILE, "cleo", "cleo", ("cleo@x.example",), "Cleo")], RULES)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("scimType") or answer.json()["detail"]


def test_a_user_as_entra_creates_one(house: ScimHouse) -> None:
    made = house.user("anna.berg@x.example", **ENTRA)
    assert (made["userName"], made["meta"]["version"]) == ("anna.berg@x.example", 'W/"1"')
    person = house.directory.find("anna.berg@x.example")
    assert person is not None
    assert (person.name, person.language, person.roles, person.timezone) == (
        "Anna Berg", "de", frozenset({"regular"}), "Europe/London",
    )  # fmt: skip
    profile = house.directory.profile(AAD)  # what a chat in Teams knows them by
    assert profile is not None
    assert (profile.title, profile.department, profile.origin["title"]) == ("Chief Financial Officer", "Finance", SCIM)


def test_merged_with_people_yaml_by_address(house: ScimHouse) -> None:
    house.user("c@corp.example", emails=[{"value": "cleo@x.example", "primary": True}], timezone="Europe/Madrid")
    found = house.directory.find("c@corp.example")
    assert found is not None
    assert (found.id, found.name, found.timezone) == ("cleo", "Cleo", "Europe/Madrid")
    assert len(list(house.directory.people())) == 1


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},  # Entra, without the feature flag
        {"op": "replace", "path": "active", "value": False},  # Entra with it
        {"op": "replace", "value": {"active": False}},  # Okta
    ],
)
def test_whoever_is_switched_off_has_left_at_once(house: ScimHouse, operation: dict[str, Any]) -> None:
    made = house.user("anna.berg@x.example", **ENTRA)
    person = house.directory.find("anna.berg@x.example")
    assert person is not None
    key = house.work(lambda work: house.identities.meet(work.tx, person, NOW).key)
    house.work(lambda work: queued(work, key))
    assert house.patch(f"/Users/{made['id']}", operation).status_code == 200
    assert house.directory.find("anna.berg@x.example") is None
    rows = house.db.query("SELECT state, error FROM delivery ORDER BY key")
    assert [(row["state"], row["error"]) for row in rows] == [("failed", "left"), ("queued", "")]
    who = house.identities.who(key)
    assert who is not None
    assert (who.known, who.name) == (False, "Anna Berg")  # records still have a name, rights are gone
    assert house.db.query("SELECT 1 AS yes FROM console_session") == []
    assert house.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True}).status_code == 200
    again = house.directory.find("anna.berg@x.example")
    assert again is not None
    assert house.identities.known_key(again) == key


def queued(work: Any, key: str) -> None:
    for name, delivery in (("nudge:1", "d1"), ("reply:1", "d2")):
        row = {"id": delivery, "key": name, "channel": "web", "place": "{}", "person": key, "card": "{}", "priority": 0,
               "at": NOW}  # fmt: skip
        work.store.add_delivery(work.tx, row)
    sql = "INSERT INTO console_session (digest, person, created_at, expires_at) VALUES ('d', :p, 0, 9e9)"
    work.tx.execute(sql, p=key)


def test_whoever_is_deleted_is_not_brought_back_by_another_source(house: ScimHouse) -> None:
    made = house.user("cleo@x.example")
    assert house.call("DELETE", f"/Users/{made['id']}").status_code == 204
    assert problem(house.call("GET", f"/Users/{made['id']}")) == (404, f"there is no User {made['id']}")
    profile = house.directory.profile("cleo")
    assert profile is not None
    assert (house.directory.find("cleo"), profile.gone) == (None, SCIM)
    house.user("cleo@x.example")  # hired again
    assert house.directory.find("cleo") is not None


def test_a_new_address_is_the_same_person(house: ScimHouse) -> None:
    made = house.user("a.old@x.example")
    before = house.directory.find("a.old@x.example")
    house.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "userName", "value": "a.new@x.example"})
    after = house.directory.find("a.new@x.example")
    assert before is not None
    assert after is not None
    assert (after.id, after.email) == (before.id, "a.new@x.example")


def test_groups_give_roles_and_take_them(house: ScimHouse) -> None:
    made = house.user("anna.berg@x.example", **ENTRA)
    group = house.group("Board")
    where = f"/Groups/{group['id']}"

    def roles() -> frozenset[str]:
        person = house.directory.find("anna.berg@x.example")
        return person.roles if person else frozenset()

    joined = house.patch(where, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": made["id"]}]})
    assert [member["value"] for member in joined.json()["members"]] == [made["id"]]
    assert roles() == {"executive"}
    assert house.call("GET", f"/Users/{made['id']}").json()["groups"][0]["display"] == "Board"
    house.patch(where, {"op": "Remove", "path": "members", "value": [{"value": made["id"]}]})  # Entra
    assert roles() == {"regular"}
    house.patch(where, {"op": "replace", "value": {"id": group["id"], "displayName": "Bored"}})  # Okta repeats the id
    house.patch(where, {"op": "add", "value": {"members": [{"value": made["id"]}]}})
    assert roles() == {"regular"}
    house.patch(where, {"op": "replace", "path": "displayName", "value": "board"})
    assert roles() == {"executive"}
    house.patch(where, {"op": "remove", "path": f'members[value eq "{made["id"]}"]'})  # Okta
    assert roles() == {"regular"}
    assert house.call("DELETE", where).status_code == 204
    assert problem(house.patch(where, {"op": "add", "path": "displayName", "value": "x"}))[0] == 404


def test_other_patches_that_providers_send(house: ScimHouse) -> None:
    made = house.user("anna.berg@x.example", **ENTRA)
    where = f"/Users/{made['id']}"
    patched = house.patch(
        where,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ab@x.example"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 170"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "some-id"},
        {"op": "replace", "value": {"name.familyName": "Berger", f"{ENTERPRISE}:department": "Board"}},
        {"op": "Replace", "path": "somethingUnknown", "value": "x"},
        {"op": "Remove", "path": "title"},
    )
    assert patched.status_code == 200
    body = patched.json()
    assert (body["emails"][0]["value"], body["phoneNumbers"][0]["value"]) == ("ab@x.example", "+49 170")
    assert (body[ENTERPRISE]["manager"]["value"], body[ENTERPRISE]["department"]) == ("some-id", "Board")
    assert (body["name"]["familyName"], "title" in body) == ("Berger", False)


def test_calendar_and_contract(house: ScimHouse) -> None:
    extra = {
        "startDate": "2029-01-01", "endDate": "2030-03-16", "workingDays": "mon-thu", "workingHours": "22:00-06:00",
        "holidayRegion": "de-by", "leave": ["2030-05-01/2030-05-09"], "mailboxes": ["Boss@x.example"],
    }  # fmt: skip
    made = house.user("ext@x.example", userType="Contractor", **{OURS: extra})
    profile = house.directory.profile("ext@x.example")
    assert profile is not None
    assert (profile.kind, profile.region, profile.days, profile.mailboxes) == (
        "contractor", "DE-BY", frozenset({0, 1, 2, 3}), frozenset({"boss@x.example"}),
    )  # fmt: skip
    assert profile.state(NOW) == "left"  # NOW is the day after
    wrong = house.patch(f"/Users/{made['id']}", {"op": "replace", "path": f"{OURS}:endDate", "value": "soon"})
    assert (wrong.status_code, wrong.json()["detail"]) == (400, 'endDate: "soon" is no day; write it as 2026-12-31')


def test_guests_are_somebody_from_outside(house: ScimHouse) -> None:
    house.user("guest_y.example#EXT#@x.example", userType="Guest", emails=[{"value": "guest@y.example"}])
    assert (house.directory.find("guest@y.example"), list(house.directory.people())[-1].id) == (None, "cleo")


def test_search(house: ScimHouse) -> None:
    ids = [house.user(f"u{i}@x.example", title="t" if i % 2 else "s")["id"] for i in range(5)]

    def found(query: str) -> tuple[int, list[str]]:
        body = house.call("GET", f"/Users?{query}").json()
        return body["totalResults"], [user["userName"][:2] for user in body["Resources"]]

    assert found('filter=userName eq "U1@X.EXAMPLE"') == (1, ["u1"])
    assert found('filter=userName eq "nobody"') == (0, [])
    assert found(f'filter=id eq "{ids[2]}"') == (1, ["u2"])
    assert found('filter=title eq "t" and userName sw "u"') == (2, ["u1", "u3"])
    assert found('filter=title eq "s" or userName eq "u1@x.example"') == (4, ["u0", "u1", "u2", "u4"])
    assert found("startIndex=2&count=2") == (5, ["u1", "u2"])
    assert found("startIndex=9&count=2") == (5, [])
    assert found("count=0") == (5, [])
    assert problem(house.call("GET", "/Users?filter=userName eq")) == (400, "invalidFilter")
    assert problem(house.call("GET", "/Users?startIndex=x")) == (400, "invalidValue")
    only = house.call("GET", f"/Users/{ids[0]}?attributes=userName").json()
    assert sorted(only) == ["id", "schemas", "userName"]


def test_etags_keep_two_writers_apart(house: ScimHouse) -> None:
    made = house.user("a@x.example")
    where, old = f"/Users/{made['id']}", made["meta"]["version"]
    body = {"schemas": made["schemas"], "userName": "a@x.example", "title": "New"}
    assert house.call("PUT", where, body, **{"If-Match": old}).status_code == 200
    assert house.call("PUT", where, body, **{"If-Match": old}).status_code == 412
    assert house.call("DELETE", where, **{"If-Match": old}).status_code == 412
    now = house.call("GET", where).headers["etag"]
    assert house.call("GET", where, **{"If-None-Match": now}).status_code == 304


def test_a_name_is_taken_once(house: ScimHouse) -> None:
    house.user("a@x.example")
    twice = house.call(
        "POST", "/Users", {"userName": "A@x.example", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
    )
    assert problem(twice) == (409, "uniqueness")


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_without_the_token_nothing(house: ScimHouse, given: str) -> None:
    answer = house.call("GET", "/Users", Authorization=given)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="secdesk"')


def test_a_token_can_be_replaced_without_a_gap(house: ScimHouse) -> None:
    house.tokens = ("the-new-token-that-is-long-enough", TOKEN)
    assert house.call("GET", "/Users").status_code == 200
    house.tokens = ("the-new-token-that-is-long-enough",)
    assert house.call("GET", "/Users").status_code == 401
    house.tokens = ()
    assert house.call("GET", "/Users", Authorization="Bearer ").status_code == 401


def test_guessing_is_slowed_down_and_does_not_lock_the_provider_out(house: ScimHouse) -> None:
    codes = [house.call("GET", "/Users", Authorization=f"Bearer {i}").status_code for i in range(22)]
    assert codes == [401] * 20 + [429] * 2
    assert house.call("GET", "/Users").status_code == 200
    house.clock.at += 61
    assert house.call("GET", "/Users", Authorization="Bearer 1").status_code == 401


def test_bad_input(house: ScimHouse) -> None:
    made = house.user("a@x.example")
    where = f"/Users/{made['id']}"
    answers = [
        house.client.post("/scim/v2/Users", content=b"{"),
        house.client.post("/scim/v2/Users", content=b"[]"),
        house.call("POST", "/Users", {"schemas": [], "userName": ""}),
        house.call("POST", "/Users", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": 5}),
        house.call("PATCH", where, {"Operations": "x"}),
        house.patch(where, *[{"op": "replace", "path": "title", "value": "x"}] * 501),
        house.patch(where, {"op": "explode", "path": "title", "value": "x"}),
        house.patch(where, {"op": "replace", "path": "id", "value": "x"}),
        house.patch(
            f"/Groups/{house.group('g')['id']}", {"op": "add", "path": "members", "value": [{"value": "nobody"}]}
        ),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert house.call("POST", "/Bulk", {}).status_code == 501
    assert house.call("GET", "/nothing").status_code == 404
    assert house.call("DELETE", "/Users").status_code == 405
    assert [person.id for person in house.directory.people()] == ["cleo", "a@x.example"]


def test_nothing_of_a_refused_change_is_kept(house: ScimHouse) -> None:
    made = house.user("a@x.example")
    house.user("b@x.example")
    mixed = house.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": "title", "value": "Chief"},
        {"op": "replace", "path": "userName", "value": "b@x.example"},
    )
    assert problem(mixed) == (409, "uniqueness")
    profile = house.directory.profile("a@x.example")
    assert profile is not None
    assert (profile.title, house.call("GET", f"/Users/{made['id']}").json()["meta"]["version"]) == ("", 'W/"1"')


def test_every_change_is_audited_without_names(house: ScimHouse) -> None:
    made = house.user("a@x.example")
    house.patch(f"/Users/{made['id']}", {"op": "replace", "path": "title", "value": "Chief"})
    house.call("DELETE", f"/Users/{made['id']}")
    rows = house.db.query("SELECT actor, action, subject FROM audit ORDER BY seq")
    assert [(row["actor"], row["action"], row["subject"]) for row in rows] == [
        ("scim", f"people.scim.{verb}", made["id"]) for verb in ("create", "change", "delete")
    ]


def test_nothing_of_a_person_lies_in_clear(house: ScimHouse) -> None:
    house.user("anna.berg@x.example", **ENTRA)
    rows = house.db.query("SELECT * FROM roster")
    stored = repr([{name: bytes(value) if name == "sealed" else value for name, value in row.items()} for row in rows])
    assert [name for name in ("anna", "Berg", "x.example", AAD) if name in stored] == []


def test_another_process_sees_it(house: ScimHouse) -> None:
    other = ScimHouse(house.db)
    made = house.user("a@x.example")
    other.directory.refresh()
    assert other.directory.find("a@x.example") is not None
    house.call("DELETE", f"/Users/{made['id']}")
    other.directory.refresh()
    assert other.directory.find("a@x.example") is None
    house.work(lambda work: house.store.remove(work.tx, SCIM, "user", made["id"]))
    other.directory.refresh()
    assert other.directory.profiles() == []


def test_with_the_database_away(house: ScimHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_more: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(house.store, "count", away)
    answer = house.call("GET", "/Users")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert house.directory.find("cleo") == Person(
        "cleo", "Cleo", "cleo@x.example", frozenset({"regular"}), timezone="Europe/London"
    )
