"""The page of privacy and what the API has of it: periods with the last night, legal holds, the data map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.stores.open import open_db
from adapters.web.api.endpoint import BASE
from bot.data_map import load_data_map
from bot.organisation import Organisation
from bot.ports import Db
from bot.retention import DAY
from bot.tokens import SCOPES
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, NONSENSE, SAM, House
from tests.fakes.web_roles import URL, form_of, signed_in_as, whole_app

contents, home, house = fakes.contents, fakes.home, fakes.house
PAGE = "/console/privacy"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    made = open_db("", tmp_path)
    yield made
    made.close()


@pytest.fixture
def admin(house: House) -> Iterator[TestClient]:
    with signed_in_as(house, "admin", app=whole_app(house)) as browser:
        yield browser


def asked(house: House) -> str:
    house.press(DANA, "tickets.person", f"Please ring me about {NONSENSE}")
    house.settle()
    return house.ticket().number


def decide(browser: TestClient, verb: str, **fields: str) -> str:
    """What the page says after a form was sent."""
    answer = browser.post(f"{PAGE}/{verb}", data=form_of(browser) | fields)
    assert (303, PAGE) == (answer.status_code, answer.headers["location"])
    found = re.search(r'<p class="flash[^>]*>(.*?)</p>', browser.get(PAGE).text, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[1])).strip()


def periods(page: str) -> str:
    return page.partition("How long it is kept</h2>")[2].partition("Data map</h2>")[0]


def test_it_says_what_is_kept_how_long_and_why_and_what_the_last_night_deleted(house: House, admin: TestClient) -> None:
    assert "has not run yet" in admin.get(PAGE).text
    house.app.handlers()["privacy.retention"]({})
    assert "and deleted nothing, since the server" in admin.get(PAGE).text  # the first night only looks
    house.clock.forward(DAY)
    house.app.handlers()["privacy.retention"]({})
    admin = signed_in_as(house, "admin", app=whole_app(house))
    assert "Nothing was old enough" in admin.get(PAGE).text
    house.say(DANA, NONSENSE)
    house.clock.forward(366 * DAY)
    gone = house.app.retention.run(house.app.work, house.clock.now())
    admin = signed_in_as(house, "admin", app=whole_app(house))
    page = admin.get(PAGE).text
    assert f"Rows deleted: {sum(gone.values())}." in page
    row = re.search(r"<tr.*?Questions as they were asked.*?</tr>", periods(page), re.DOTALL)
    assert row is not None
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row[0], re.DOTALL)]
    assert ["Questions as they were asked, without secrets", "365 days",
            "So that answers can be mended that nobody found.", str(gone["questions"])] == cells[-4:]  # fmt: skip
    assert f"{house.app.settings.mail_days} days" in periods(page)


def test_a_hold_is_placed_and_lifted_with_reasons_and_both_are_audited(house: House, admin: TestClient) -> None:
    number = asked(house)
    assert f"{number} is on legal hold." == decide(admin, "hold", subject=number.lower(), why="claim of the insurer")
    page = admin.get(PAGE).text
    assert ("claim of the insurer" in page, f'href="/console/tickets/{number}"' in page) == (True, True)
    assert f"{number} is on hold already." == decide(admin, "hold", subject=number, why="again")
    assert f"The hold on {number} is lifted." == decide(admin, "lift", subject=number, why="claim settled")
    lifted = admin.get(PAGE).text.partition("Holds that were lifted")[2]
    assert ("claim of the insurer" in lifted, "claim settled" in lifted) == (True, True)
    rows = house.rows("SELECT actor, action, subject FROM audit WHERE action LIKE 'privacy.%' ORDER BY seq")
    sam = house.key(SAM)
    assert [(sam, "privacy.hold", number), (sam, "privacy.release", number)] == [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(
    ("verb", "subject", "why", "says"),
    [
        ("hold", "SEC-999", "why", "There is no ticket or run SEC-999"),
        ("hold", "<b>", "why", "There is no ticket or run &lt;B&gt;"),
        ("lift", "SEC-101", "why", "or it is not on hold."),
        ("hold", "SEC-101", "  ", "Please give a reason."),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    house: House, admin: TestClient, verb: str, subject: str, why: str, says: str
) -> None:
    asked(house)
    assert says in decide(admin, verb, subject=subject, why=why)
    assert 0 == house.count("legal_hold")


def test_who_may_not_decide_sees_it_and_is_offered_nothing(house: House) -> None:
    number = asked(house)
    house.app.work(lambda work: house.app.retention.hold(work, number, "claim", house.key(SAM)))
    viewer = signed_in_as(house, "viewer", app=whole_app(house))
    page = viewer.get(PAGE).text
    assert ("claim" in page, "/privacy/lift" in page, "/privacy/hold" in page) == (True, False, False)
    assert 403 == viewer.post(f"{PAGE}/lift", data=form_of(viewer) | {"subject": number, "why": "x"}).status_code


def test_the_map_has_every_table_with_its_purpose_its_time_and_where_it_goes(admin: TestClient) -> None:
    page, declared = admin.get(PAGE).text, load_data_map()
    shown = page.partition("Data map</h2>")[2]
    assert [] == [name for name in declared.tables if f"<code>{name}</code>" not in shown]
    assert [] == [says["en"] for says in declared.purposes.values() if says["en"][1:] not in shown]
    row = re.search(r"<tr[^>]*>(?:(?!</tr>).)*<code>delivery</code>.*?</tr>", shown, re.DOTALL)
    assert row is not None
    assert "chat platform, mail server" in " ".join(re.sub(r"<[^>]+>", "", row[0]).split())
    assert "365 days" in row[0]


def test_with_a_broken_file_the_page_says_what_to_mend(house: House, admin: TestClient) -> None:
    folder = house.folder / "knowledge" / "privacy"
    folder.mkdir(parents=True)
    (folder / "retention.yaml").write_text("schema: retention/1\nkinds: {}\n", "utf-8")
    answer = admin.get(PAGE)
    assert (200, True) == (answer.status_code, "Nothing is deleted until this is mended" in answer.text)
    assert "privacy/retention.yaml" in answer.text


def test_programs_see_and_decide_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Organisation, "console_roles", lambda *_: frozenset({"admin"}))
    number = asked(house)
    sam = house.analyst(SAM)
    _, secret = house.app.work(lambda work: house.app.tokens.create(work, "privacy", sam, SCOPES, 30, sam.key))
    program = TestClient(whole_app(house), base_url=URL, headers={"authorization": f"Bearer {secret}"})

    def post(path: str, key: str, **body: str) -> int:
        return program.post(f"{BASE}/privacy/{path}", json=body, headers={"idempotency-key": key}).status_code

    assert 201 == post("holds", "a", subject=number, why="claim")
    assert 409 == post("holds", "b", subject=number, why="claim")
    assert 404 == post("holds", "c", subject="SEC-999", why="claim")
    (held,) = program.get(f"{BASE}/privacy/holds").json()["items"]
    assert (number, "claim", "Sam Ortiz", None) == (
        held["subject"], held["why"], held["placed_by"]["name"], held["lifted_at"]
    )  # fmt: skip
    assert 200 == post(f"holds/{number}/lift", "d", why="settled")
    assert 404 == post(f"holds/{number}/lift", "e", why="settled")
    assert [] == program.get(f"{BASE}/privacy/holds").json()["items"]
    (lifted,) = program.get(f"{BASE}/privacy/holds?lifted=true").json()["items"]
    assert ("settled", True) == (lifted["lifted_why"], lifted["lifted_at"] is not None)
    kept = {row["id"]: row for row in program.get(f"{BASE}/privacy/retention").json()["items"]}
    assert (365, None, True) == (kept["questions"]["days"], kept["known"]["days"], kept["known"]["ends_by_itself"])
