"""What could not be answered, in groups and without names; and the console's page of it."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from adapters.stores.questions import SqlQuestionStore
from adapters.web.app import create_web
from bot.answering.encoder import Encoders
from bot.answering.entries import Entry, Library
from bot.answering.loaded import Judgement, Knowledge
from bot.answering.smalltalk import Smalltalk
from bot.answering.unanswered import Hiding, Unanswered, Vectors, by_words, grouped
from bot.model import Outcome
from tests.fakes.web import NOW, Fixture
from tests.unit.test_web_security import csrf, signed_in

NAMES = ("Dana Reyes", "Jonas Keller", "Will Brown")
WORDS = Vectors(lambda: Encoders("words", ()))


def entry(name: str, title: str, roles: str = "all") -> Entry:
    raw: dict[str, Any] = {
        "schema": "answer/1", "id": name, "version": 1, "state": "published", "group": "remote", "roles": [roles],
        "severity": "S0", "title": {"en": title}, "questions": {"en": ["q"]}, "answer": {"en": {"short": "A."}}, "owner": "oo",
        "author": "aa", "approved_by": "bb", "reviewed": "2030-01-01", "review_due": "2030-06-01",
    }  # fmt: skip
    return Entry.model_validate(raw)


@dataclass
class Told:
    """A search that answers what it was told to."""

    answers: dict[str, str] = field(default_factory=dict)
    near: dict[str, str] = field(default_factory=dict)

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        for outcome, sure, known in ((Outcome.ANSWER, 0.9, self.answers), (Outcome.SUGGEST, 0.4, self.near)):
            for word, name in known.items():
                if word in question.lower() and name in allowed:
                    return Judgement(outcome, (name,), sure)
        return Judgement(Outcome.ESCALATE, (), 0.0)


@dataclass
class Rows:
    """A store of open questions."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, text: str, outcome: str = "escalate", **more: Any) -> None:
        row = {"id": f"q{len(self.rows)}", "text": text, "outcome": outcome, "entry": "", "at": float(len(self.rows)),
               "person": f"p{len(self.rows)}", "rating": "", "lang": "en"}  # fmt: skip
        self.rows.append({**row, **more})

    def unanswered(self, since: float, limit: int) -> list[dict[str, Any]]:
        return [row for row in reversed(self.rows) if row["at"] >= since][:limit]

    def settle(self, tx: Any, ids: Sequence[str], by: str, at: float) -> int:
        raise NotImplementedError

    def unsettle(self, tx: Any, by: str, at: float) -> int:
        raise NotImplementedError


def unanswered(rows: Any, search: Told | None = None) -> Unanswered:
    library = Library({e.id: e for e in (entry("wifi", "Is the Wi-Fi safe?"), entry("runbook", "Runbook", "it"))})
    knowledge = Knowledge(library, search or Told(), Smalltalk({}))
    return Unanswered(rows, lambda: knowledge, WORDS, lambda: NAMES)


# what comes out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dana reyes wrote to me", "[name] wrote to me"), ("is Jonas here", "is [name] here"), ("REYES?", "[name]?"),
        ("I will be there", "I will be there"), ("ask Will or brown", "ask [name] or [name]"),
        ("mail from dana.reyes@northwind.example", "mail from [address]"),
        ("is https://evil.test/x?user=dana real", "is [link] real"), ("ring +44 20 7946 0000 now", "ring [number] now"),
        ("invoice 4711-22 over 8000", "invoice [number] over [number]"),
        ("windows 11 and 2 phones", "windows 11 and 2 phones"),
        ("a  b\n c", "a b c"), ("danatech works", "danatech works"), ("", ""),
    ],
)  # fmt: skip
def test_names_addresses_and_numbers_come_out(text: str, shown: str) -> None:
    assert Hiding(NAMES, ["i will be there"])(text) == shown


def test_without_people_only_addresses_and_numbers_do() -> None:
    assert Hiding(())("dana at a@b.example") == "dana at [address]"


# grouping ----------------------------------------------------------------------------------------------------------


def test_alike_questions_are_one_group_with_the_most_typical_first() -> None:
    texts = [
        "how do i print on the new printer", "the new printer does not print", "print on the new printer does not work",
        "where is the canteen", "what time does the canteen open", "how tall is the tower",
    ]  # fmt: skip
    groups = [[texts[i] for i in group] for group in grouped(by_words(texts), 0.15)]
    assert [sorted(group) for group in groups] == [sorted(texts[:3]), sorted(texts[3:5]), [texts[5]]]


def test_grouping_is_the_same_every_time_and_loses_nothing() -> None:
    vectors = np.random.default_rng(1).normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    first = grouped(vectors, 0.3)
    assert first == grouped(vectors, 0.3)
    assert sorted(place for group in first for place in group) == list(range(60))
    for group in first:
        assert np.mean(vectors[group] @ vectors[group].T) >= 0.3


@pytest.mark.parametrize("texts", [[], ["one"], ["same", "same"]])
def test_few_questions(texts: list[str]) -> None:
    assert len(grouped(by_words(texts), 0.15)) == min(1, len(texts))


def test_many_questions_take_little_time() -> None:
    import time

    vectors = np.random.default_rng(2).normal(size=(400, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = time.process_time()
    grouped(vectors, 0.1)
    assert time.process_time() - start < 3


# groups of questions -----------------------------------------------------------------------------------------------


def test_a_group_counts_people_and_says_why_it_is_there() -> None:
    rows = Rows()
    rows.add("the new printer does not print", person="p1", at=5.0)
    rows.add("the new printer does not print", "suggest", person="p1", at=6.0)
    rows.add(
        "why does the new printer not print", "answer", rating="unhelpful", entry="wifi", person="p2", at=9.0, lang="de"
    )
    (group,) = unanswered(rows).groups(0.0)
    assert (group.times, group.people, group.last, group.langs) == (2, 2, 9.0, ("de", "en"))
    assert dict(group.why) == {"unhelpful": 1, "unknown": 1, "suggested": 1}
    assert (group.entry, group.sure) == ("wifi", True)
    assert sorted(group.ids) == ["q0", "q1", "q2"]


def test_the_nearest_answer_is_named_but_not_as_sure() -> None:
    rows = Rows()
    rows.add("the wireless thing on the ship")
    (group,) = unanswered(rows, Told(near={"wireless": "wifi"})).groups(0.0)
    assert (group.entry, group.sure) == ("wifi", False)
    (group,) = unanswered(rows).groups(0.0)
    assert (group.entry, group.sure) == ("", False)


def test_what_has_an_answer_by_now_is_no_longer_there() -> None:
    rows = Rows()
    rows.add("the wireless thing on the ship")
    assert unanswered(rows, Told({"wireless": "wifi"})).groups(0.0) == []
    assert unanswered(rows, Told({"wireless": "runbook"})).groups(0.0) != []  # not everybody may see that one
    rows.add("that wireless thing on the ship", "answer", entry="wifi", rating="unhelpful")
    assert [group.sure for group in unanswered(rows, Told({"wireless": "wifi"})).groups(0.0)] == [True]


@dataclass
class Counting(Told):
    """Remembers what it was asked."""

    asked: list[str] = field(default_factory=list)

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        self.asked.append(question)
        return super().judge(question, allowed)


def test_with_a_new_question_only_the_new_one_is_searched_for() -> None:
    rows, search = Rows(), Counting()
    for text in ("where is the canteen", "how do I book a car"):
        rows.add(text)
    page = unanswered(rows, search)
    before = page.groups(0.0)
    assert (page.groups(0.0) is before, sorted(search.asked)) == (True, ["how do I book a car", "where is the canteen"])
    rows.add("who cleans the fridge")
    assert ["who cleans the fridge"] == [group.texts[0] for group in page.groups(0.0) if group not in before]
    assert ["who cleans the fridge"] == search.asked[2:]


def test_what_was_picked_is_offered_until_the_search_finds_it_itself() -> None:
    rows = Rows()
    rows.add("wireless on the ship", "suggest", entry="wifi")
    (group,) = unanswered(rows).groups(0.0)
    assert (group.entry, group.sure, group.why) == ("wifi", True, (("picked", 1),))
    assert unanswered(rows, Told({"wireless": "wifi"})).groups(0.0) == []


def test_nobody_is_named_and_what_is_left_empty_is_left_out() -> None:
    rows = Rows()
    rows.add("Dana Reyes?")
    rows.add("did Jonas Keller send https://x.test to a@b.example")
    assert [group.texts for group in unanswered(rows).groups(0.0)] == [("did [name] send [link] to [address]",)]


# the page ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    library = Library({e.id: e for e in (entry("wifi", "Is the Wi-Fi safe?"),)})
    search = Told(near={"wireless": "wifi"})
    knowledge = Knowledge(library, search, Smalltalk({}))
    store = SqlQuestionStore(made.db)
    pages = Unanswered(store, lambda: knowledge, WORDS, lambda: [p.name for p in made.directory.people()])
    made.services = replace(made.services, unanswered=pages)
    made.app = create_web(made.services)
    yield made
    made.close()


def ask(fixture: Fixture, name: str, text: str, outcome: str = "escalate", at: float = NOW - 60) -> None:
    row = {"id": name, "person": "p-1", "place": "", "lang": "en", "at": at, "text": text, "outcome": outcome, "entry": "",
           "confidence": 0.1}  # fmt: skip
    with fixture.db.tx() as tx:
        SqlQuestionStore(fixture.db).add_question(tx, row)


def links(page: str) -> dict[str, str]:
    """Where the buttons of a page lead, by their words."""
    found = re.findall(r'<a class="button[^"]*" href="([^"]+)"[^>]*>(?:<svg.*?</svg>)?([^<]+)</a>', page, re.S)
    return {words.strip(): html.unescape(href) for href, words in found}


def test_the_page_lists_groups_and_leads_to_the_editor(fixture: Fixture) -> None:
    ask(fixture, "a", "is the wireless on the ship & in port safe?")
    ask(fixture, "b", "is the wireless on the ship safe, Dana Reyes?")
    page = signed_in(fixture).get("/console/unanswered").text
    assert "is the wireless on the ship" in page
    assert "Dana" not in page.partition("<main")[2]
    assert "Asked: 2, people: 1" in page
    to = links(page)
    assert urlsplit(to["Write an entry"]).path == "/console/knowledge/new"
    (question,) = parse_qs(urlsplit(to["Write an entry"]).query)["question"]
    added = urlsplit(to["Add as paraphrase"])
    assert added.path == "/console/knowledge/wifi/edit"
    assert parse_qs(added.query)["paraphrase"][0] == question
    assert len(parse_qs(added.query)["paraphrase"]) == 2


def test_what_people_wrote_is_only_text(fixture: Fixture) -> None:
    ask(fixture, "a", '"><img src=x onerror=alert(1)> {{ 7*7 }}')
    page = signed_in(fixture).get("/console/unanswered").text
    assert "<img src=x" not in page
    assert "{{ 7*7 }}" in html.unescape(page)


def test_a_group_that_needs_no_answer_is_taken_off_once_and_audited(fixture: Fixture) -> None:
    ask(fixture, "a", "where is the canteen")
    browser = signed_in(fixture)
    data = {"csrf": csrf(browser, "/console/unanswered"), "event": "e1", "ids": "a,nothing"}
    for _ in range(2):
        assert browser.post("/console/unanswered/settle", data=data).status_code == 303
    page = browser.get("/console/unanswered").text
    assert "Everything was answered" in page
    assert [row["detail"] for row in fixture.console.audit_tail(9) if row["action"] == "question.settle"] == [
        '{"questions":"1"}'
    ]


def test_what_was_taken_off_comes_back_by_one_press(fixture: Fixture) -> None:
    ask(fixture, "a", "where is the canteen")
    ask(fixture, "b", "who cleans the fridge")
    browser = signed_in(fixture)
    for event, ids in (("e1", "b"), ("e2", "a")):
        data = {"csrf": csrf(browser, "/console/unanswered"), "event": event, "ids": ids}
        browser.post("/console/unanswered/settle", data=data)
        fixture.clock.at = NOW + 60
    page = browser.get("/console/unanswered").text
    at = re.findall(r'name="at" value="([^"]+)"', page)
    data = {"csrf": csrf(browser, "/console/unanswered"), "event": "e3"}
    assert browser.post("/console/unanswered/again", data={**data, "at": at[0]}).status_code == 303
    page = browser.get("/console/unanswered").text
    assert ("where is the canteen" in page, "who cleans the fridge" in page) == (True, False)
    assert browser.post("/console/unanswered/again", data={**data, "at": "x"}).status_code == 404


@pytest.mark.parametrize("ids", ["", ",", "x" * 100])
def test_nothing_is_settled_by_a_form_that_names_nothing(fixture: Fixture, ids: str) -> None:
    browser = signed_in(fixture)
    ask(fixture, "a", "where is the canteen")
    data = {"csrf": csrf(browser, "/console/unanswered"), "event": "e1", "ids": ids}
    assert browser.post("/console/unanswered/settle", data=data).status_code == 404


def test_without_a_token_nothing_changes(fixture: Fixture) -> None:
    ask(fixture, "a", "where is the canteen")
    browser = signed_in(fixture)
    assert browser.post("/console/unanswered/settle", data={"ids": "a", "csrf": "x"}).status_code == 403
    assert "where is the canteen" in browser.get("/console/unanswered").text


def test_who_does_not_work_at_the_desk_sees_nothing(fixture: Fixture) -> None:
    ask(fixture, "a", "where is the canteen")
    assert "canteen" not in fixture.client().get("/console/unanswered").text


def test_old_questions_are_not_there(fixture: Fixture) -> None:
    ask(fixture, "a", "where is the canteen", at=NOW - 100 * 86_400)
    assert "Everything was answered" in signed_in(fixture).get("/console/unanswered").text


def test_the_page_stands_in_the_navigation_only_where_it_is(tmp_path: Path, fixture: Fixture) -> None:
    assert 'href="/console/unanswered"' in signed_in(fixture).get("/console/queue").text
    bare = Fixture(tmp_path / "bare")
    assert 'href="/console/unanswered"' not in signed_in(bare).get("/console/queue").text
    bare.close()
