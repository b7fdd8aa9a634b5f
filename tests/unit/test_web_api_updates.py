"""Updates over the HTTP API: what there is to decide, deciding it once, what stands against it, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapters.web.api.endpoint import BASE
from bot.permissions import ROLES, allowed
from tests.fakes.authoring import ENTRY, AuthorDesk
from tests.fakes.web import Fixture
from tests.unit.test_web_api import client, endpoints
from tests.unit.test_web_authoring import dress

LATE = "answers/usb.yaml"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path / "web")
    yield made
    made.close()


@pytest.fixture
def desk(fixture: Fixture, tmp_path: Path) -> AuthorDesk:
    """After an upgrade that brought two answers and another text under an edit, with two edits that came too late."""
    found = AuthorDesk(tmp_path / "desk", db=fixture.db, clock=fixture.clock)
    dress(fixture, found)  # the first start: everything is in use
    shipped = found.place / "ours" / "answers"
    for name, golden in (("badge", "lost at the gate"), ("lift", "stuck between floors")):
        (shipped / f"{name}.yaml").write_text(ENTRY.format(name=name, golden=golden, owner="service-desk"), "utf-8")
    found.own("wifi").write_text(found.text("wifi").replace("Tell reception", "Tell Sam"), "utf-8")
    (shipped / "wifi.yaml").write_text(found.text("wifi").replace("Tell Sam", "Tell security"), "utf-8")
    store = found.authoring.writer.shared.store
    assert store is not None
    for word in ("Ask", "Ring"):
        late = found.text("usb").replace("Tell reception", f"{word} reception")
        store.set_aside(LATE, late.encode(), 0, "by hand, two", fixture.clock.now())
    return dress(fixture, found)


@pytest.fixture
def program(fixture: Fixture, desk: AuthorDesk) -> TestClient:
    return client(fixture, who="ines.brandt")


def post(program: TestClient, path: str, **headers: str) -> Any:
    return program.post(
        f"{BASE}/updates/{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def listed(program: TestClient) -> tuple[list[str], list[str], list[str]]:
    found = program.get(f"{BASE}/updates").json()
    assert {LATE} >= {one["path"] for one in found["set_aside"]}
    return [one["id"] for one in found["new"]], found["changed"], [one["version"] for one in found["set_aside"]]


def test_each_kind_is_listed_shown_and_decided(fixture: Fixture, desk: AuthorDesk, program: TestClient) -> None:
    new, changed, late = listed(program)
    assert (["badge", "lift"], ["wifi"], 2) == (new, changed, len(late))
    told = [(one["title"], one["text"].splitlines()[0]) for one in program.get(f"{BASE}/updates").json()["new"]]
    assert [(f"About {name}", f"Tell reception about the {name}.") for name in ("badge", "lift")] == told
    both = program.get(f"{BASE}/updates/changed/wifi").json()
    assert (True, True) == ("Tell Sam" in both["ours"], "Tell security" in both["theirs"])
    both = program.get(f"{BASE}/updates/set-aside/{late[0]}").json()
    assert (True, True) == ("Tell reception" in both["ours"], "Ask reception" in both["theirs"])
    for path in (
        "new/badge/use",
        "new/lift/leave",
        "changed/wifi/take",
        f"set-aside/{late[0]}/drop",
        f"set-aside/{late[1]}/use",
    ):
        answer = post(program, path)
        assert (200, f"{BASE}/updates") == (answer.status_code, answer.json().get("href")), answer.text
        assert 404 == post(program, path).status_code  # it has been decided
    assert ([], [], []) == listed(program)
    assert ("published", "retired") == (desk.library.entries["badge"].state, desk.library.entries["lift"].state)
    assert ("Tell security" in desk.text("wifi"), "Ring reception" in desk.text("usb")) == (True, True)
    done = ["answer.shipped.live", "answer.shipped.out", "answer.shipped.looked", "answer.undo", "content.aside.dropped",
            "content.aside.used"]  # fmt: skip
    assert done == [action for action in desk.audited() if action.startswith(("answer.", "content."))]


def test_ones_own_text_stays_if_so_decided(desk: AuthorDesk, program: TestClient) -> None:
    assert 200 == post(program, "changed/wifi/keep").status_code
    assert ("Tell Sam" in desk.text("wifi"), []) == (True, listed(program)[1])


def test_a_key_gets_the_same_answer_again_though_it_has_been_decided(program: TestClient) -> None:
    first, second = (post(program, "new/badge/use", Idempotency_Key="k") for _ in range(2))
    assert [200, 200] == [first.status_code, second.status_code]
    assert (first.json(), "true") == (second.json(), second.headers["idempotency-replayed"])
    assert 422 == post(program, "new/lift/use", Idempotency_Key="k").status_code
    assert "lift" in listed(program)[0]


def test_what_would_break_another_answer_is_refused_with_its_place(desk: AuthorDesk, program: TestClient) -> None:
    golden = next(iter(desk.library.entries["usb"].golden["en"]))
    desk.trials.takes[golden] = "badge"
    answer = post(program, "new/badge/use")
    assert (409, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    (fault,) = answer.json()["errors"]
    assert fault["where"].startswith("answers/badge.yaml:")
    assert golden in fault["what"]
    assert "badge" in listed(program)[0]


@pytest.mark.parametrize(
    "path", ["new/nothing/use", "new/wifi/leave", "changed/usb/take", "set-aside/x/use", "set-aside/99/drop"]
)
def test_what_does_not_wait_is_not_there(program: TestClient, path: str) -> None:
    assert 404 == post(program, path).status_code
    assert 404 == program.get(f"{BASE}/updates/{path.rpartition('/')[0]}").status_code


def test_only_an_approver_with_that_scope_decides_and_nothing_else_takes_it(fixture: Fixture, desk: AuthorDesk) -> None:
    deciding = [one for one in endpoints(fixture) if one.needs == "approve"]
    assert {"Updates"} == {one.tag for one in deciding}
    without = client(fixture, "see", "work", who="ines.brandt")
    assert (403, 2) == (post(without, "new/badge/use").status_code, len(listed(without)[0]))
    whole, rights = client(fixture, who="ines.brandt"), desk.org.roles.items()
    for role in ROLES:
        desk.org = replace(desk.org, roles={name: one.model_copy(update={"console": [role]}) for name, one in rights})
        refused = 403 == post(whole, "new/nothing/use").status_code
        assert allowed({role}, "approve") is not refused
