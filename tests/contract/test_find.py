"""The console's search on both databases: what each kind is found by, for whom, what is in the log, and what is found no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.mail_words import SqlMailSearch, asked, index, terms_of
from adapters.stores.retention import SqlRetentionStore
from bot.app.contents import Contents
from bot.ports import Db
from bot.reporting.domains import to_ascii
from bot.turn import TicketRequest, Work
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, MAIL, FailingDb, House
from tests.fakes.web_roles import signed_in_as, whole_app

contents, home = fakes.contents, fakes.home
EVIL = "<script>alert(1)</script>"
HOSTILE = (
    b'From: "<img src=x onerror=alert(1)>" <boss@xn--bad-hosts.example>\r\nTo: you@northwind.example\r\n'
    b"Subject: =?utf-8?q?Wire_=E2=80=AE?= <script>alert(1)</script> "
    + b"W"
    * 300
    + b"\r\nMessage-ID: <2@x.example>\r\n"
    b"Date: Sun, 17 Mar 2030 10:00:00 +0000\r\n\r\nSee http://deep.sub.payout-desk.example/x\r\n"
)


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, FailingDb(db), contents)
    yield made
    made.close()


@pytest.fixture
def sam(house: House) -> Any:
    return signed_in_as(house, "analyst", app=whole_app(house))


def found(browser: Any, text: str, **more: str) -> dict[str, list[str]]:
    """Where the hits of each kind lead."""
    answer = browser.get("/console/find", params={"q": text, **more})
    assert answer.status_code == 200
    groups = re.findall(r'<section class="hits" aria-labelledby="kind-(\w+)">(.*?)</section>', answer.text, re.DOTALL)
    return {kind: re.findall(r'<li><a href="/console([^"]+)"', html) for kind, html in groups}


def searched(house: House) -> list[str]:
    rows = house.db.query("SELECT subject FROM audit WHERE action = 'people.searched' ORDER BY seq")
    return [row["subject"] for row in rows]


def file(house: House, data: bytes = MAIL, who: str = DANA) -> str:
    """Report a mail, have it examined; its page."""
    before = {row["sha256"] for row in house.db.query("SELECT sha256 FROM mail")}
    house.send(who, data)
    house.settle()
    (sha,) = {row["sha256"] for row in house.db.query("SELECT sha256 FROM mail")} - before
    return f"/mail/{sha}"


# what mail is found by -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Your Parcel", ["your", "parcel"]),
        ("info@parcel-fee.example", ["info@parcel-fee.example"]),
        ("@parcel-fee.example", ["parcel-fee.example"]),
        ("hxxps://login[.]parcel-fee[.]example/pay?x=1", ["login.parcel-fee.example"]),
        ("<info@Parcel-Fee.example>, fee!", ["info@parcel-fee.example", "fee"]),
        ("1.5 %_'\"; DROP TABLE mail--", ["drop", "table", "mail"]),
        ("", []),
    ],
)
def test_an_address_or_a_host_is_one_term_however_it_is_written(text: str, terms: list[str]) -> None:
    assert terms == asked(text)


def test_a_host_is_found_by_every_domain_above_it_and_by_its_wire_form() -> None:
    facts = {
        "from": "IT <it@mail[.]nοrthwind[.]example>",
        "links": [{"goes_to": "hxxps://a[.]b[.]example/…"}],
        "subject": "Bill.pdf",
    }
    terms = set(terms_of(facts))
    assert {
        "it@mail.nοrthwind.example",
        "nοrthwind.example",
        to_ascii("nοrthwind.example"),
        "a.b.example",
        "b.example",
    } <= terms
    assert {"bill.pdf", "bill", "pdf", "it"} <= terms
    assert "example" not in {term for term in terms if "." in term}


def test_mail_is_found_by_subject_sender_domain_and_host_of_a_link(house: House, sam: Any) -> None:
    page = file(house)
    hostile = file(house, HOSTILE, JONAS)
    for text in (
        "parcel",
        "PARCEL your",
        "info@parcel-fee.example",
        "parcel-fee.example",
        "hxxp://parcel-fee[.]example/pay",
    ):
        assert (text, [page]) == (text, found(sam, text).get("mail"))
    for text in ("payout-desk.example", "deep.sub.payout-desk.example", "wire"):
        assert (text, [hostile]) == (text, found(sam, text).get("mail"))
    assert {} == found(sam, "parcel nowhere-at-all")
    assert f"/console{page}" == sam.get("/console/find", params={"q": page.removeprefix("/mail/")}).headers["location"]


def test_a_case_is_one_line_and_more_of_them_are_on_further_pages(house: House) -> None:
    for n in range(5):
        add(house, f"m{n}", f"case{n % 3}", f"Quarterly invoice {n}")
    search = SqlMailSearch(house.db)
    assert ["m4", "m3", "m2"] == [row["sha256"] for row in search.find("invoice", 0, 10)]
    first = search.find("quarterly invoice", 0, 2)
    assert ["m4", "m3"] == [row["sha256"] for row in first]
    assert ["m2", "m1", "m0"] == [row["sha256"] for row in search.find("invoice", int(first[-1]["seq"]), 10)]
    assert [] == search.find("?!", 0, 10)


def add(house: House, sha: str, case: str, subject: str) -> None:
    with house.db.tx() as tx:
        tx.execute(
            """INSERT INTO mail (sha256, name, size, body, ticket, state, kind, decided_by, verdict, facts, created_at,
               decided_at, campaign) VALUES (:sha, '', 1, :body, 'SEC-1', 'decided', '', '', '', :facts, 1, 1, :case)""",
            sha=sha, body=b"x", facts='{"subject": "' + subject + '"}', case=case,
        )  # fmt: skip
        tx.execute(
            """INSERT INTO campaign (id, ticket, reports, reported_at, last_at) VALUES (:id, 'SEC-1', 1, 1, 1)
               ON CONFLICT DO NOTHING""",
            id=case,
        )
        index(tx, sha)


def test_mail_from_before_the_index_is_taken_into_it(house: House) -> None:
    add(house, "old", "old", "Ancient")
    with house.db.tx() as tx:
        tx.execute("UPDATE mail SET seq = 0")
        tx.execute("DELETE FROM mail_word")
    search = SqlMailSearch(house.db)
    assert [] == search.find("ancient", 0, 5)
    assert (1, 0) == (house.app.index_mail(), house.app.index_mail())
    assert ["old"] == [row["sha256"] for row in search.find("ancient", 0, 5)]


def test_what_was_taken_back_deleted_or_forgotten_is_found_no_more(house: House, sam: Any) -> None:
    page = file(house)
    row = house.db.query("SELECT sha256, facts FROM mail")[0]
    with house.db.tx() as tx:
        house.app.report_store.strip(tx, row["sha256"], "{}")
    assert "mail" not in found(sam, "parcel-fee.example")
    assert page
    other = file(house, HOSTILE)
    assert [other] == found(sam, "payout-desk.example")["mail"]
    house.app.forget(DANA)
    assert "mail" not in found(sam, "payout-desk.example")
    assert [] == house.db.query("SELECT word FROM mail_word")


# the rest ------------------------------------------------------------------------------------------------------------


def test_tickets_by_number_words_and_person_and_looking_for_somebody_is_logged_once(house: House, sam: Any) -> None:
    house.press(DANA, "tickets.person", "The projector blinks in violet")
    number = house.tickets()[0].number
    for text in (number, number.lower(), number.partition("-")[2], f" #{number.partition('-')[2]} "):
        answer = sam.get("/console/find", params={"q": text})
        assert (text, f"/console/tickets/{number}") == (text, answer.headers.get("location"))
    assert [] == searched(house)
    for _ in range(2):
        by_name = found(sam, "dana reyes")
    assert ([f"/tickets/{number}"], ["/people/one?who=dana.reyes"]) == (by_name["asked"], by_name["people"])
    assert [house.key(DANA)] == searched(house)
    ours: Any = house.db
    ours.read_only = True
    other = signed_out_and_in(house)
    assert (None, ["/people/one?who=dana.reyes"]) == (
        found(other, "dana reyes").get("asked") or None,
        found(other, "dana reyes")["people"],
    )
    assert "could not be written down" in other.get("/console/find?q=dana+reyes").text


def signed_out_and_in(house: House) -> Any:
    ours: Any = house.db
    ours.read_only = False
    browser = signed_in_as(house, "admin", app=whole_app(house))
    browser.get("/console/queue")
    ours.read_only = True
    return browser


def test_each_kind_is_there_for_whoever_may_open_its_pages(house: House) -> None:
    app = whole_app(house)
    house.press(DANA, "tickets.person", "The projector blinks in violet")
    people = {
        role: found(signed_in_as(house, role, app=app), "dana reyes")
        for role in ("viewer", "author", "approver", "analyst", "admin")
    }
    assert {
        "viewer": [],
        "author": [],
        "approver": [],
        "analyst": ["asked", "people"],
        "admin": ["asked", "people"],
    } == {role: sorted(kinds) for role, kinds in people.items()}
    assert [house.key(DANA)] * 2 == searched(house)
    viewer = signed_in_as(house, "viewer", app=app)
    assert 404 == viewer.get("/console/find?q=dana&kind=people").status_code
    assert 404 == viewer.get("/console/find?q=dana&kind=nonsense").status_code


def test_knowledge_procedures_runs_lessons_and_partners(house: House, sam: Any) -> None:
    phishing = found(sam, "phishing")
    assert phishing["answers"]
    assert all(one.startswith("/knowledge/") for one in phishing["answers"])
    assert "answers" in found(sam, "PHISH")
    assert "answers" not in found(sam, "hishing")  # words are found from where they begin
    lesson = house.app.nudges.lessons().published()[0]
    assert [f"/nudges/campaigns?lesson={lesson.id}"] == found(sam, f"{lesson.id} {lesson.title['en']}")["lessons"]
    procedure = next(iter(house.app.contents.procedures.current.procedures.values())).procedure
    assert f"/procedures/{procedure.id}" in found(sam, procedure.id)["procedures"]
    contract = next(iter(house.app.partners.parts.contracts().values()))
    assert [f"/partners/{contract.id}"] == found(sam, contract.file.name)["partners"]


def test_a_page_of_one_kind_goes_on_where_the_last_one_ended(house: House, sam: Any) -> None:
    dana = house.person(DANA)

    def opened(work: Work) -> list[str]:
        key = house.app.identities.meet(work.tx, dana, work.at).key
        asked = [TicketRequest(key, house.place(DANA), "person", f"Violet {n}", "words", "S1") for n in range(60)]
        return [house.app.tickets.open(work, one).number for one in asked]

    numbers = house.app.work(opened)[::-1]
    first = sam.get("/console/find?q=violet&kind=tickets")
    assert [f"/tickets/{number}" for number in numbers[:50]] == found(sam, "violet", kind="tickets")["tickets"]
    assert [f"/tickets/{number}" for number in numbers[:6]] == found(sam, "violet")["tickets"]
    following = re.search(r'href="(/console/find[^"]+after=[^"]+)"', first.text)
    assert following is not None
    rest = sam.get(following[1].replace("&amp;", "&")).text
    ends = [f"/console/tickets/{number}" for number in numbers[50:]]
    assert (10, ends) == (len(ends), re.findall(r'<li><a href="(/console/tickets/[^"]+)"', rest))
    assert "after=" not in rest
    for bad in ("-1", "x", "9" * 40, "1.5", "²"):
        assert 200 == sam.get("/console/find", params={"q": "violet", "kind": "tickets", "after": bad}).status_code


@pytest.mark.parametrize(
    "text", [EVIL, "' OR 1=1 --", "\u202eevil", "\x00", "a" * 5000, "%", "…", "<b>", '"><img src=x>', "SEC-/../x"]
)
def test_nothing_that_is_searched_breaks_out(house: House, sam: Any, text: str) -> None:
    file(house, HOSTILE)
    answer = sam.get("/console/find", params={"q": text})
    assert (200, []) == (answer.status_code, re.findall(r"<script>|<img|onerror=alert\(1\)>\"|\u202e", answer.text))


def test_what_an_outsider_wrote_is_escaped(house: House, sam: Any) -> None:
    file(house, HOSTILE)
    page = sam.get("/console/find?q=wire").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert [] == re.findall(r"<script>|<img|\u202e", page)


def test_a_mail_that_is_too_old_takes_its_words_along(house: House) -> None:
    add(house, "old", "old", "Ancient")
    store = SqlRetentionStore(house.db)
    marks = store.old("reports", 100.0, 50)
    with house.db.tx() as tx:
        assert 1 == store.clear(tx, "reports", 100.0, [mark for mark in marks if "sha256" in mark["key"]])
    assert [] == house.db.query("SELECT word FROM mail_word")
    assert [] == house.db.query("SELECT sha256 FROM mail")
