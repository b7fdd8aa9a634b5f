"""Likely targets: proposed with the reason, decided by a person, seen by the person concerned; the console's page of people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapters.directories.file import FileDirectory
from adapters.stores.open import open_db
from adapters.web.app import create_web
from adapters.web.metrics import Metrics
from bot.app.contents import Contents
from bot.app.wiring import web_services
from bot.cards import as_text
from bot.directory import CSV, SCIM, Said
from bot.directory_rules import TargetLines
from bot.learning.targets import Reason, reasons_for
from bot.model import Place
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, House

contents, home = fakes.contents, fakes.home
RULES = TargetLines.model_validate(
    {
        "titles": ["chief", "board member*", "vorständ*"],
        "access": ["*payment approv*"],
        "mailboxes_of": ["executive"],
        "reports": 3,
    }
)
NOON = datetime(2030, 3, 18, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def house(tmp_path: Path, home: Path, contents: Contents) -> Iterator[House]:
    directory = FileDirectory(None)
    directory.replace(list(contents.directory.people()))
    made = House(home, open_db("", tmp_path), replace(contents, directory=directory))
    made.clock.at = NOON
    yield made
    made.close()
    made.db.close()


def says(house: House, *said: Said) -> None:
    def change(work: Any, seq: int) -> None:
        for one in said:
            house.app.sources.put(work, seq, one, "csv")

    house.app.sources.change(change)


def table(who: str, **more: Any) -> Said:
    return Said(CSV, f"csv:{who}", addresses=(f"{who}@northwind.example",), **more)


def proposed(house: House) -> list[tuple[str, str, list[Reason]]]:
    return [(item.person.id, item.state, list(item.reasons)) for item in house.app.targets.proposals()]


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Chief Financial Officer", True), ("Mischief maker", False), ("Board members' office", True),
        ("Dashboard member", False), ("Vorständin", True), ("", False),
    ],
)  # fmt: skip
def test_titles_are_whole_words(house: House, title: str, named: bool) -> None:
    says(house, table(DANA, title=title))
    profile = house.app.directory.profile(DANA)
    assert profile is not None
    assert reasons_for(profile, RULES, {}, 0) == ((Reason("title", title),) if named else ())


def test_access_mailboxes_and_reports(house: House) -> None:
    says(house, table(DANA, groups=frozenset({"EU Payment Approvers", "Canteen"}),
                      mailboxes=frozenset({"ruth.adeyemi@northwind.example", "jonas.keller@northwind.example"})))  # fmt: skip
    owners = {name: one for one in house.app.directory.profiles() for name in one.names}
    profile = house.app.directory.profile(DANA)
    assert profile is not None
    assert reasons_for(profile, RULES, owners, 3) == (
        Reason("access", "EU Payment Approvers"), Reason("mailbox", "ruth.adeyemi"), Reason("reports", "3"),
    )  # fmt: skip
    assert [reason.code for reason in reasons_for(profile, RULES, owners, 2)] == ["access", "mailbox"]


def test_attacks_that_were_reported_count(house: House) -> None:
    house.say(DANA, "hello")
    key = house.key(DANA)

    def reports(work: Any) -> None:
        for i in range(6):
            work.tx.execute(
                """INSERT INTO mail (sha256, name, size, body, ticket, state, kind, decided_by, verdict, facts, created_at,
                                     decided_at) VALUES (:s, 'n', 1, :b, '', 'decided', :k, '', '{}', '{}', 0, 0)""",
                s=f"s{i}", b=b"", k="likely_phishing" if i < 5 else "nothing_found",
            )  # fmt: skip
            work.tx.execute(
                "INSERT INTO submission (id, sha256, person, place, at, withdrawn) VALUES (:i, :s, :p, '{}', :at, 0)",
                i=f"i{i}", s=f"s{i}", p=key, at=NOON - 86_400,
            )  # fmt: skip

    house.app.work(reports)
    house.app.targets.review(house.clock.now())
    assert proposed(house) == [(DANA, "open", [Reason("reports", "5")])]


def test_a_person_decides_and_the_person_concerned_sees_why(house: House) -> None:
    says(house, table(DANA, title="Chief of Staff"))
    assert house.app.targets.review(house.clock.now()) == 1
    assert house.app.targets.review(house.clock.now()) == 0
    assert proposed(house) == [(DANA, "open", [Reason("title", "Chief of Staff")])]
    person = house.app.directory.find(DANA)
    assert person is not None
    assert "high_risk" not in person.roles
    told = as_text(house.say(DANA, "What do you know about me?").card)
    assert "You are proposed as a likely target" in told
    assert "Job title: Chief of Staff" in told
    decide(house, DANA, "accepted", "open")
    person = house.app.directory.find(DANA)
    assert person is not None
    assert person.roles == {"regular", "high_risk"}
    assert house.app.nudges.learner(person).high_risk
    told = as_text(house.say(DANA, "why am I on the list").card)
    assert "That is because of what you have access to, not because of anything you did." in told
    assert "Job title: Chief of Staff" in told
    assert "Dana Reyes (people.yaml)" in told
    assert "likely target" not in as_text(house.say("jonas.keller", "my record").card)
    decide(house, DANA, "declined", "accepted")
    assert house.app.directory.find(DANA) == replace(person, roles=frozenset({"regular"}))
    house.app.targets.review(house.clock.now())
    assert [state for _, state, _ in proposed(house)] == ["declined"]  # what was decided stays decided
    assert [action for action in house.audited() if "target" in action] == [
        "people.target.propose", "people.target.accepted", "people.target.declined",
    ]  # fmt: skip


def decide(house: House, who: str, state: Any, seen: str) -> None:
    by = house.analyst(SAM)
    key = house.key(who)
    house.app.sources.change(lambda work, seq: house.app.targets.decide(work, seq, key, state, seen, by, "") and None)


def test_a_proposal_whose_reason_is_gone_goes(house: House) -> None:
    says(house, table(DANA, title="Chief of Staff"))
    house.app.targets.review(house.clock.now())
    says(house, table(DANA, title="Clerk"))
    house.app.targets.review(house.clock.now())
    assert proposed(house) == []


def test_without_an_agreement_nobody_is_proposed(house: House) -> None:
    says(house, table(DANA, title="Chief of Staff"))
    silent = replace(house.app.targets, allowed=lambda _key: False)
    assert (silent.review(house.clock.now()), proposed(house)) == (0, [])


def test_in_german_and_for_strangers(house: House) -> None:
    german = as_text(house.say("henrik.vogel", "Was wissen Sie über mich?").card)
    assert "Was das Verzeichnis über Sie sagt" in german
    stranger = as_text(house.say("somebody-else", "my record").card)
    assert "You are not in our directory" in stranger


def test_in_a_channel_that_others_read_nothing_is_shown(house: House) -> None:
    open_, aside = Place("web", "a-channel", private=False), house.place(DANA)
    told = house.say(DANA, "my record", place=open_)
    assert "Dana Reyes" not in as_text(told.card)
    assert "Ask me this in a direct message" in as_text(told.card)
    moved = house.desk.handle(house.message(DANA, "my record", place=open_, aside=aside))
    assert (moved.place, "Dana Reyes (people.yaml)" in as_text(moved.card)) == (aside, True)


# the page


@pytest.fixture
def open_page(house: House) -> Callable[[str], TestClient]:
    async def run(work: Callable[[], Any]) -> Any:
        return work()

    edge, jobs = SimpleNamespace(handle=None, run=run), SimpleNamespace(state=lambda: ("running", ""))
    app = create_web(web_services(house.app, edge, Metrics(), jobs))  # type: ignore[arg-type]

    def signed_in(who: str) -> TestClient:
        url = "http://127.0.0.1:8765"
        headers = {"origin": url, "sec-fetch-site": "same-origin"}
        client = TestClient(app, base_url=url, headers=headers, follow_redirects=False, client=("127.0.0.1", 50000))
        _, link = house.app.console_link(who)
        token = link.partition("token=")[2]
        entered = client.post("/console/sign-in", data={"token": token, "next": "/console/people"})
        assert entered.status_code == 303
        return client

    return signed_in


def form(html: str, **more: str) -> dict[str, str]:
    hidden = dict(re.findall(r'name="(csrf|event|person|seen)" value="([^"]*)"', html[html.rindex("<form") :]))
    found = {**dict(re.findall(r'name="(csrf|event|person|seen)" value="([^"]*)"', html)), **hidden}
    return {**found, **more}


def test_the_page_lists_searches_and_shows_where_each_field_is_from(
    house: House, open_page: Callable[[str], TestClient]
) -> None:
    says(house, table(DANA, title="Buyer", timezone="Europe/Oslo"),
         Said(SCIM, "u", addresses=("x@northwind.example",), name="<b>X</b>"),
         Said(CSV, "csv:gone", addresses=("gone@northwind.example",), name="Gone", active=False))  # fmt: skip
    client = open_page(SAM)
    assert "Dana Reyes" in client.get("/console/people").text
    assert "&lt;b&gt;X&lt;/b&gt;" in client.get("/console/people").text
    assert "Gone" not in client.get("/console/people").text.partition("<table")[2]
    assert "Gone" in client.get("/console/people?state=left").text.partition("<table")[2]
    found = client.get("/console/people?q=BUYER").text
    assert [name in found for name in ("Dana Reyes", "Jonas Keller")] == [True, False]
    page = client.get(f"/console/people/one?who={DANA}").text
    rows = re.findall(r'<tr role="row"><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td></tr>', page)
    assert ("Job title", "Buyer", "imported table") in rows
    assert ("Time zone", "Europe/London", "people.yaml") in rows
    assert client.get("/console/people/one?who=nobody").status_code == 404


def test_deciding_on_the_page(house: House, open_page: Callable[[str], TestClient]) -> None:
    says(house, table(DANA, title="Chief of Staff"), table(SAM, title="Chief of the desk"))
    client = open_page(SAM)
    looked = client.get("/console/people?state=proposed").text
    assert client.post("/console/people/review", data=form(looked)).status_code == 303
    assert "Dana Reyes" in client.get("/console/people?state=proposed").text
    page = client.get(f"/console/people/one?who={DANA}").text
    assert "Job title: Chief of Staff" in page
    sent = form(page, do="accept", note="talked to her")
    assert client.post("/console/people/one/decide", data={**sent, "csrf": "x"}).status_code == 403
    for _ in range(2):  # pressed twice
        assert client.post("/console/people/one/decide", data=sent).status_code == 303
    assert house.audited().count("people.target.accepted") == 1
    assert "Take off the list" in client.get(f"/console/people/one?who={DANA}").text
    other = open_page(INES)
    late = form(other.get(f"/console/people/one?who={DANA}").text, do="decline", seen="open")
    other.post("/console/people/one/decide", data=late)  # what Ines saw is not so any more
    person = house.app.directory.find(DANA)
    assert person is not None
    assert "high_risk" in person.roles
    own = client.get(f"/console/people/one?who={SAM}").text
    assert ("Nobody decides about themselves." in own, 'value="accept"' in own) == (True, False)


def test_only_the_desk_sees_it(house: House, open_page: Callable[[str], TestClient]) -> None:
    client = open_page(SAM)
    says(house, Said(SCIM, "s", addresses=("sam.ortiz@northwind.example",), active=False))
    assert client.get("/console/people").status_code in (303, 403)


def test_dates_are_for_people(house: House) -> None:
    says(house, table(DANA, leave=((date(2030, 5, 1), date(2030, 5, 9)),), days=frozenset({0, 2})))
    told = as_text(house.say(DANA, "my record").card)
    assert ("2030-05-01/2030-05-09" in told, "mon, wed (imported table)" in told) == (True, True)
