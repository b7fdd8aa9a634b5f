"""The HTTP API: who gets in, what each scope opens, errors, idempotency, pages, versions, and what its description says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from adapters.web.api import shapes
from adapters.web.api.endpoint import BASE, Endpoint
from adapters.web.api.routes import Api, ApiRoute
from adapters.web.pages import Pages
from bot.errors import StoreUnavailable
from bot.permissions import PERMISSIONS, ROLES, allowed
from bot.procedures.evidence import Evidence
from bot.reporting.mail_desk import KINDS
from bot.tokens import SCOPES
from tests.fakes.web import Fixture, fill

ALL = tuple(SCOPES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    """One desk for tests that only look."""
    made = Fixture(tmp_path_factory.mktemp("api"))
    fill(made)
    yield made
    made.close()


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    fill(made)
    yield made
    made.close()


def token(fixture: Fixture, *scopes: str, who: str = "sam.ortiz", days: int = 30) -> str:
    person = fixture.person(who)
    assert fixture.services.api is not None
    tokens = fixture.services.api.tokens
    return fixture.work(lambda work: tokens.create(work, "a test", person, scopes or ALL, days, "cli"))[1]


def client(fixture: Fixture, *scopes: str, who: str = "sam.ortiz", roles: tuple[str, ...] = ()) -> TestClient:
    """A program with a token. With `roles` whoever it acts as has just these roles in the console."""
    if roles:
        held = {name: role.model_copy(update={"console": list(roles)}) for name, role in fixture.org.roles.items()}
        fixture.org = replace(fixture.org, roles=held)
    return fixture.client(authorization=f"Bearer {token(fixture, *scopes, who=who)}")


def endpoints(fixture: Fixture) -> list[Endpoint]:
    assert fixture.services.api is not None
    return Api(fixture.services, fixture.services.api, Pages(fixture.services)).endpoints


def get(program: TestClient, path: str, **params: Any) -> Any:
    return program.get(BASE + path, params=params)


# who gets in


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic c2VjZGVzaw==", "Bearer secdesk_" + "A" * 43, "bearer secdesk_ÄÖ"]
)
def test_nobody_gets_in_without_a_good_token(shared: Fixture, header: str) -> None:
    response = get(shared.client(authorization=header.encode("latin-1")), "/tickets")
    assert (401, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_token_holds_until_it_is_over_or_ended(fixture: Fixture) -> None:
    assert fixture.services.api is not None
    tokens, program = fixture.services.api.tokens, client(fixture)
    assert get(program, "/me").status_code == 200
    kept = tokens.all()[0]
    assert kept.used_at > 0
    fixture.clock.at = kept.expires_at
    assert get(program, "/me").status_code == 401
    fixture.clock.at = kept.expires_at - 60
    assert get(program, "/me").status_code == 200
    fixture.work(lambda work: tokens.revoke(work, kept.id, "cli"))
    assert get(program, "/me").status_code == 401


def test_the_token_itself_is_nowhere_in_the_database(fixture: Fixture) -> None:
    secret = token(fixture)
    for table in ("api_token", "audit"):
        assert secret not in str(fixture.db.query(f"SELECT * FROM {table}"))


def test_a_session_of_the_console_opens_nothing_here(fixture: Fixture) -> None:
    from tests.unit.test_web_security import signed_in

    assert signed_in(fixture).get(f"{BASE}/tickets").status_code == 401


def test_whoever_has_left_the_desk_takes_their_tokens_along(fixture: Fixture) -> None:
    program = client(fixture)
    fixture.org = replace(fixture.org, roles={})
    assert get(program, "/tickets").status_code == 403


def test_an_administrator_who_is_not_at_the_desk_works_here_as_in_the_console(fixture: Fixture) -> None:
    """The core asks for somebody at the desk; who may be one here the console roles have said before."""
    only = frozenset({"regular", "console_admin"})
    fixture.directory.replace([
        replace(person, roles=only) if person.id == "dana.reyes" else person for person in fixture.directory.people()
    ])  # fmt: skip
    program = client(fixture, who="dana.reyes")
    assert get(program, "/me").json()["roles"] == ["admin"]
    assert program.post(f"{BASE}/tickets/SEC-101/sort", json={"tag": ["vpn"]}).status_code == 200
    assert program.post(f"{BASE}/runs", json={"procedure": "daily"}).status_code == 201


# scopes


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "SEC-999", path)


def test_every_endpoint_needs_its_scope_and_its_permission(fixture: Fixture) -> None:
    """The whole table: each endpoint with each scope alone, and with each role alone."""
    found = endpoints(fixture)
    assert {route.needs for route in fixture.app.routes if isinstance(route, ApiRoute)} == {one.needs for one in found}
    for role in ROLES:
        program = client(fixture, *ALL, roles=(role,))
        for one in found:
            response = program.request(one.method, BASE + filled(one.path), json={} if one.body else None)
            refused = response.status_code == 403
            assert (not allowed({role}, one.needs)) == refused, (role, one.method, one.path, response.text)
    for scope in ALL:
        program = client(fixture, scope, roles=("admin",))
        for one in found:
            response = program.request(one.method, BASE + filled(one.path), json={} if one.body else None)
            assert (scope != one.needs) == (response.status_code == 403), (scope, one.path)


def test_scopes_are_permissions_and_words_of_verdicts_are_those_of_the_desk() -> None:
    assert set(SCOPES) == set(PERMISSIONS) - {"own", "write"}
    assert {kind.value for kind in KINDS} == set(get_args(shapes.Verdict))


# what comes in


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/tickets", {"requester": "dana.reyes", "subject": "x"}, "body.text"),
        ("/tickets", {"requester": "dana.reyes", "subject": "x", "text": "x", "sevrity": "S1"}, "body.sevrity"),
        ("/tickets", {"requester": "dana.reyes", "subject": "x", "text": "a\x00b"}, "body.text"),
        ("/tickets", {"requester": "dana.reyes", "subject": "x", "text": "x" * 4001}, "body.text"),
        ("/tickets/SEC-101/sort", {"priority": 7}, "body.priority"),
        ("/tickets/SEC-101/status", {"status": "closed"}, "body.status"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(shared: Fixture, path: str, body: Any, where: str) -> None:
    response = client(shared).post(BASE + path, json=body)
    assert 422 == response.status_code
    assert where in [error["where"] for error in response.json()["errors"]]


def test_what_is_no_json_or_too_much_is_refused(shared: Fixture) -> None:
    program, path = client(shared), f"{BASE}/tickets"
    headers = {"content-type": "application/json"}
    assert program.post(path, content=b"{", headers=headers).status_code == 400
    assert program.post(path, content=b"[" * 100_000, headers=headers).status_code == 400
    assert program.post(path, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert program.post(path, content=b" " * 1_100_000, headers=headers).status_code == 413
    half = b'{"requester": "dana.reyes", "subject": "x", "text": "\\ud800"}'
    assert program.post(path, content=half, headers=headers).status_code == 422


@pytest.mark.parametrize(
    "query", ["state=closed", "limit=0", "limit=101", "nothing=1", "limit=1&limit=2", "cursor=zzz"]
)
def test_a_query_that_nobody_knows_is_refused(shared: Fixture, query: str) -> None:
    assert client(shared).get(f"{BASE}/tickets?{query}").status_code == 422


def test_other_methods_and_other_paths_are_problems_too(shared: Fixture) -> None:
    program = client(shared)
    response = program.put(f"{BASE}/tickets")
    assert (405, "GET, POST") == (response.status_code, response.headers["allow"])
    for path in ("/nothing", "/tickets/SEC-1%00", "/tickets/SEC-9999", ""):
        response = program.get(BASE + path)
        assert (404, "application/problem+json") == (response.status_code, response.headers["content-type"])


def test_too_many_calls_are_told_when_to_come_back(fixture: Fixture) -> None:
    fixture.services = replace(fixture.services, settings=replace(fixture.settings, api_per_minute=3))
    from adapters.web.app import create_web

    fixture.app = create_web(fixture.services)
    program = client(fixture)
    left = [get(program, "/me").headers["ratelimit-remaining"] for _ in range(3)]
    response = get(program, "/me")
    assert (["2", "1", "0"], 429) == (left, response.status_code)
    assert 1 <= int(response.headers["retry-after"]) <= 61


# changes


def test_a_ticket_from_open_to_closed(fixture: Fixture) -> None:
    program = client(fixture)
    opened = program.post(
        f"{BASE}/tickets", json={"requester": "dana.reyes", "subject": "A mail", "text": "My password is Hunter2!Blue"}
    )
    assert (201, opened.json()["href"]) == (opened.status_code, opened.headers["location"])
    place = opened.headers["location"]
    for verb, body in (
        ("assign", {"to": "me"}), ("reply", {"text": "We look at it."}), ("note", {"text": "It looks odd."}),
        ("sort", {"severity": "S2", "team": "mail", "priority": 1, "tag": ["invoice"]}),
        ("status", {"status": "waiting", "on": "person"}), ("status", {"status": "running"}),
        ("status", {"status": "resolved", "text": "Done."}),
    ):  # fmt: skip
        response = program.post(f"{place}/{verb}", json=body)
        assert 200 == response.status_code, (verb, response.text)
        fixture.wait()
    ticket = program.get(place).json()
    assert {
        "state": "resolved",
        "severity": "S2",
        "team": "mail",
        "priority": 1,
        "tags": ["invoice"],
    }.items() <= ticket.items()
    assert {"id": "sam.ortiz", "name": "Sam Ortiz"} == ticket["assignee"]
    kinds = [event["kind"] for event in ticket["timeline"]]
    assert {"opened", "claimed", "reply", "note", "paused", "resumed", "resolved"} <= set(kinds)
    seen = {event["kind"]: event["visible"] for event in ticket["timeline"]}
    assert (True, False) == (seen["reply"], seen["note"])
    again = program.post(f"{place}/status", json={"status": "resolved"})
    assert 409 == again.status_code


def test_a_key_has_its_effect_once(fixture: Fixture) -> None:
    program, body = client(fixture), {"text": "Look at the sender."}
    path = f"{BASE}/tickets/SEC-102/note"

    def note(key: str, sent: Any) -> Any:
        return program.post(path, json=sent, headers={"Idempotency-Key": key})

    first, second, other = note("k1", body), note("k1", body), note("k2", body)
    assert [200, 200, 200] == [one.status_code for one in (first, second, other)]
    assert (first.json(), "true") == (second.json(), second.headers["idempotency-replayed"])
    assert 422 == note("k1", {"text": "Something else."}).status_code
    notes = [event for event in program.get(f"{BASE}/tickets/SEC-102").json()["timeline"] if event["kind"] == "note"]
    assert 2 == len(notes)


def test_a_change_that_was_refused_may_be_tried_again_with_its_key(fixture: Fixture) -> None:
    program, headers = client(fixture), {"Idempotency-Key": "k"}
    path = f"{BASE}/tickets/SEC-106/assign"  # resolved
    assert 409 == program.post(path, json={"to": "me"}, headers=headers).status_code
    assert 200 == program.post(f"{BASE}/tickets/SEC-106/status", json={"status": "reopened"}).status_code
    assert 200 == program.post(path, json={"to": "me"}, headers=headers).status_code


def test_a_key_belongs_to_its_token(fixture: Fixture) -> None:
    one, two = client(fixture), client(fixture)
    for program in (one, two):
        response = program.post(
            f"{BASE}/tickets/SEC-102/note", json={"text": "Seen."}, headers={"Idempotency-Key": "k"}
        )
        assert "idempotency-replayed" not in response.headers


def test_a_change_on_an_old_state_is_refused(fixture: Fixture) -> None:
    program, path = client(fixture), f"{BASE}/tickets/SEC-104"
    seen = program.get(path).headers["etag"]
    assert 200 == program.post(f"{path}/note", json={"text": "one"}, headers={"If-Match": seen}).status_code
    assert 412 == program.post(f"{path}/note", json={"text": "two"}, headers={"If-Match": seen}).status_code
    several = f'"x", {program.get(path).headers["etag"]}'
    assert 200 == program.post(f"{path}/note", json={"text": "three"}, headers={"If-Match": several}).status_code
    assert 422 == program.post(f"{path}/note", json={"text": "four"}, headers={"If-Match": "x"}).status_code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tickets/SEC-104/reply", {"text": "Send it."}),
        ("/reports/SEC-103/verdict", {"kind": "spam", "note": "Known."}),
    ],
)
def test_what_waits_is_taken_back_by_whoever_sent_it(fixture: Fixture, path: str, body: dict[str, str]) -> None:
    program, other = client(fixture), client(fixture, who="ines.brandt")
    sent = program.post(BASE + path, json=body, headers={"Idempotency-Key": "k"})
    assert 200 == sent.status_code, sent.text
    answer = sent.json()
    assert pytest.approx(fixture.clock.now() + 10, abs=5) == datetime.fromisoformat(answer["goes_out_at"]).timestamp()
    assert answer == program.post(BASE + path, json=body, headers={"Idempotency-Key": "k"}).json()
    assert 409 == other.delete(answer["undo"]).status_code
    before = fixture.db.query("SELECT COUNT(*) AS n FROM delivery")
    undone = program.delete(answer["undo"])
    assert (200, path.split("/")[2]) == (undone.status_code, undone.json()["id"])
    assert 409 == program.delete(answer["undo"]).status_code
    fixture.wait()
    assert before == fixture.db.query("SELECT COUNT(*) AS n FROM delivery")
    kinds = [
        event["kind"] for event in program.get(undone.json()["href"].replace("reports", "tickets")).json()["timeline"]
    ]
    assert ("undone", False, False) == (kinds[-1], "reply" in kinds, "outcome" in kinds)


def test_what_has_gone_out_and_what_never_waits_is_not_taken_back(fixture: Fixture) -> None:
    program = client(fixture)
    answer = program.post(f"{BASE}/tickets/SEC-104/reply", json={"text": "Send it."}).json()
    fixture.wait()
    assert 409 == program.delete(answer["undo"]).status_code
    at_once = program.post(f"{BASE}/tickets/SEC-101/reply", json={"text": "Pull the plug."})  # an emergency
    assert (None, None) == (at_once.json()["goes_out_at"], at_once.json()["undo"])
    kinds = [event["kind"] for event in program.get(f"{BASE}/tickets/SEC-101").json()["timeline"]]
    assert "reply" == kinds[-1]


def test_a_verdict_answers_who_reported(fixture: Fixture) -> None:
    program = client(fixture)
    case = get(program, "/reports/SEC-103").json()
    assert (False, "IT Service <it@nοrthwind-help[.]example>") == (case["judged_by_a_person"], case["sender"])
    response = program.post(f"{BASE}/reports/SEC-103/verdict", json={"kind": "likely_phishing", "note": "It is false."})
    assert 200 == response.status_code, response.text
    assert [] == get(program, "/reports", state="judged").json()["items"]
    fixture.wait()
    assert ["SEC-103"] == [one["ticket"] for one in get(program, "/reports", state="judged").json()["items"]]


def test_a_run_from_start_to_end(fixture: Fixture) -> None:
    """With the step of two people done in the console, since no program can."""
    program = client(fixture)
    assert {"takeover", "daily"} >= {one["id"] for one in get(program, "/procedures").json()["items"]}
    begun = program.post(f"{BASE}/runs", json={"procedure": "takeover", "ticket": "SEC-101"})
    assert 201 == begun.status_code, begun.text
    place = begun.headers["location"]
    visit = at_step(program, place, "revoke")
    by_hand(fixture, begun.json()["id"], visit)
    for step, verb, more in (("was-admin", "answer", {"option": "no"}), ("tell", "done", {"text": "Rung at noon."})):
        visit = at_step(program, place, step) | more
        response = program.post(f"{place}/{verb}", json=visit)
        assert 200 == response.status_code, response.text
        assert program.post(f"{place}/{verb}", json=visit).status_code == 409  # the step is over
    assert "done" == program.get(place).json()["state"]
    other = program.post(f"{BASE}/runs", json={"procedure": "daily"}).headers["location"]
    assert 200 == program.post(f"{other}/abort", json={"why": "The test is over."}).status_code
    assert "aborted" == program.get(other).json()["state"]
    assert [begun.json()["id"]] == [one["id"] for one in get(program, "/runs", ticket="SEC-101").json()["items"]]


def test_four_eyes_are_two_people_and_no_token(fixture: Fixture) -> None:
    """Whoever makes a token for a colleague could be both: neither of the two steps is for programs, whoever they act as."""
    program = client(fixture)
    begun = program.post(f"{BASE}/runs", json={"procedure": "takeover"})
    place, run = begun.headers["location"], begun.json()["id"]
    first = at_step(program, place, "revoke")
    for verb, more in (("done", {"text": "x"}), ("skip", {"why": "x"}), ("cannot", {"why": "x"})):
        response = program.post(f"{place}/{verb}", json=first | more)
        assert (403, True) == (response.status_code, "people in the console or in chat" in response.json()["detail"])
    by_hand(fixture, run, first)
    answer = at_step(program, place, "was-admin") | {"option": "yes"}
    assert 200 == program.post(f"{place}/answer", json=answer).status_code
    second = at_step(program, place, "second")
    colleague = client(fixture, who="ines.brandt")
    for verb, more in (("done", {}), ("skip", {"why": "x"}), ("cannot", {"why": "x"})):
        assert 403 == colleague.post(f"{place}/{verb}", json=second | more).status_code
    at_step(program, place, "second")


def at_step(program: TestClient, place: str, step: str) -> dict[str, Any]:
    run = program.get(place).json()
    assert step == run["step"]
    return {"step": step, "visit": run["visit"]}


def by_hand(fixture: Fixture, run: str, visit: dict[str, Any]) -> None:
    """The step is done by Sam himself, with a few words as evidence."""
    parts, sam = fixture.services.procedures, fixture.person("sam.ortiz")
    assert parts is not None
    runs, given = parts.runs, Evidence("text", "All of them.")
    fixture.work(lambda work: runs.done(work, run, visit["step"], visit["visit"], sam, given))


def test_what_a_program_changes_does_not_look_like_its_person(fixture: Fixture) -> None:
    program = client(fixture)
    assert fixture.services.api is not None
    name, before = fixture.services.api.tokens.all()[0].id, fixture.console.audit_tail(1)[0]["seq"]
    assert program.post(f"{BASE}/tickets/SEC-101/note", json={"text": "Seen."}).status_code == 200
    assert program.post(f"{BASE}/runs", json={"procedure": "daily"}).status_code == 201
    rows = [row for row in fixture.console.audit_tail(50) if row["seq"] > before]
    assert {"api.change"} < {row["action"] for row in rows}
    assert {name} == {json.loads(row["detail"])["token"] for row in rows}
    assert {"post_tickets_number_note", "post_runs"} == {
        json.loads(row["detail"])["what"] for row in rows if row["action"] == "api.change"
    }


def test_reading_about_people_is_in_the_audit_log(fixture: Fixture) -> None:
    program = client(fixture)
    get(program, "/tickets/SEC-101"), get(program, "/reports/SEC-103"), get(program, "/people/dana.reyes")
    actions = [row["action"] for row in get(program, "/audit").json()["items"]]
    assert ["people.opened", "report.opened", "ticket.read"] == actions[:3]


def test_reading_the_same_again_is_one_line_an_hour(fixture: Fixture) -> None:
    program = client(fixture)

    def lines() -> int:
        return [row["action"] for row in fixture.console.audit_tail(50)].count("ticket.read")

    for _ in range(3):
        get(program, "/tickets/SEC-101")
    assert lines() == 1
    fixture.clock.at = fixture.clock.now() + 3600
    get(program, "/tickets/SEC-101")
    assert lines() == 2


def test_reading_goes_on_while_nothing_can_be_written(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> None:
        raise StoreUnavailable("disk full")

    program = client(fixture)
    assert fixture.services.api is not None
    fixture.down = True
    with monkeypatch.context() as patched:
        patched.setattr(fixture.services.api.tokens.store, "used", full)
        for path in ("/tickets/SEC-101", "/reports/SEC-103", "/people/dana.reyes"):
            assert get(program, path).status_code == 200
        assert program.post(f"{BASE}/tickets/SEC-101/note", json={"text": "x"}).status_code == 503
    fixture.down = False
    get(program, "/tickets/SEC-101")
    assert fixture.console.audit_tail(1)[0]["action"] == "ticket.read"  # the line that was missing


# pages of lists


def turned(
    program: TestClient, path: str, name: str, between: Callable[[], object] = lambda: None, **params: Any
) -> list[Any]:
    found, cursor = [], ""
    while True:
        page = get(program, path, limit=2, cursor=cursor, **params).json()
        found += [item[name] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            return found
        between()


def test_pages_hold_everything_once_whatever_comes_in_meanwhile(fixture: Fixture) -> None:
    program = client(fixture)

    def more() -> None:
        body = {"requester": "dana.reyes", "subject": "new", "text": "new"}
        assert 201 == program.post(f"{BASE}/tickets", json=body).status_code

    numbers = turned(program, "/tickets", "number", more, state="all")
    assert [f"SEC-{n}" for n in range(106, 100, -1)] == numbers
    seqs = turned(program, "/audit", "seq", more)
    assert sorted(seqs, reverse=True) == seqs
    assert len(set(seqs)) == len(seqs)


def test_lists_by_name_turn_their_pages_too(shared: Fixture) -> None:
    program = client(shared)
    people = turned(program, "/people", "id")
    assert sorted(person.id for person in shared.directory.people()) == people
    assert ["dana.reyes"] == [one["id"] for one in get(program, "/people", q="DANA").json()["items"]]


def test_tickets_are_found_by_words_and_by_who_has_them(shared: Fixture) -> None:
    program = client(shared)
    assert ["SEC-102"] == [one["number"] for one in get(program, "/tickets", q="payroll file").json()["items"]]
    assert ["SEC-102"] == [one["number"] for one in get(program, "/tickets", assignee="ines.brandt").json()["items"]]
    assert [] == get(program, "/tickets", requester="nobody.at.all").json()["items"]


# the description


def test_the_description_is_of_this_server_and_open(shared: Fixture) -> None:
    described = shared.client().get(f"{BASE}/openapi.json").json()
    there = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert {(one.method, one.path) for one in endpoints(shared)} == there
    assert "3.1.0" == described["openapi"]
    page = shared.client().get(f"{BASE}/docs")
    assert 200 == page.status_code
    assert "<script" not in page.text
    for method, path in there:
        assert f"<code>{method} {path}</code>" in page.text


# the console's page


def test_an_administrator_makes_a_token_that_is_shown_once(fixture: Fixture) -> None:
    from tests.fakes.web_roles import form_of, signed_in_as

    admin = signed_in_as(fixture, "admin")
    form = {**form_of(admin), "name": "Exports", "who": "sam.ortiz", "days": "90", "scope-see": "1", "scope-work": "1"}
    page = admin.post("/console/tokens/create", data=form).text
    secret = re.findall(r'id="fresh">(secdesk_[\w-]{43})<', page)[0]
    assert get(fixture.client(authorization=f"Bearer {secret}"), "/me").json()["scopes"] == ["see", "work"]
    assert "secdesk_" not in admin.post("/console/tokens/create", data=form).text  # the same form again makes none
    page = admin.get("/console/tokens").text
    assert "secdesk_" not in page
    assert page.count("/console/tokens/revoke") == 1
    name = re.findall(r'name="token" value="(\w+)"', page)[0]
    admin.post("/console/tokens/revoke", data={**form_of(admin), "token": name})
    assert get(fixture.client(authorization=f"Bearer {secret}"), "/me").status_code == 401
    assert signed_in_as(fixture, "analyst").get("/console/tokens").status_code == 403


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("who", "nobody"), ("days", "9999"), ("scope-see", "")])
def test_a_token_needs_a_name_a_person_an_end_and_a_scope(fixture: Fixture, field: str, value: str) -> None:
    from tests.fakes.web_roles import form_of, signed_in_as

    admin = signed_in_as(fixture, "admin")
    form = {**form_of(admin), "name": "Exports", "who": "sam.ortiz", "days": "90", "scope-see": "1", field: value}
    assert 303 == admin.post("/console/tokens/create", data=form).status_code
    assert fixture.services.api is not None
    assert [] == fixture.services.api.tokens.all()
