"""What somebody means, with a search that says what it is told: follow-ups, several questions, incidents, long texts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import pytest

from bot.answering.entries import Entry, Library
from bot.answering.languages import load_languages
from bot.answering.loaded import Judgement, Knowledge, load_hearing
from bot.answering.ours import Ours
from bot.answering.smalltalk import load_smalltalk
from bot.answering.understanding import Asked, Understanding
from bot.content import Faults, packaged_shelf
from bot.model import Outcome, Person
from bot.register import Item, Register

SHELF, FAULTS = packaged_shelf(), Faults()
LANGUAGES = load_languages(SHELF)
HEARING = load_hearing(SHELF, FAULTS, LANGUAGES, ["en", "de", "fr", "es"])
SMALL = load_smalltalk(SHELF, FAULTS)
DAY = date(2030, 3, 17)
DANA = Person("dana", "Dana", roles=frozenset({"regular"}))
GUEST = Person("guest", "Guest", known=False)
SURVEY = Item("survey", "Pulse survey", date(2030, 12, 31), "hr", sender="a@b.example", domains=("b.example",))


def entry(name: str, title: str, severity: str = "S0", related: Collection[str] = (), roles: str = "all") -> Entry:
    raw: dict[str, Any] = {
        "schema": "answer/1", "id": name, "version": 1, "state": "published", "group": "remote", "roles": [roles],
        "severity": severity, "title": {"en": title}, "questions": {"en": ["q"]}, "answer": {"en": {"short": "A."}},
        "emergency": "device" if severity == "S3" else None, "related": list(related), "owner": "oo", "author": "aa",
        "approved_by": "bb", "reviewed": "2030-01-01", "review_due": "2030-06-01",
    }  # fmt: skip
    return Entry.model_validate(raw)


ENTRIES = [
    entry("report", "How do I report?", related=["after"]), entry("after", "What happens then?"), entry("wifi", "Wi-Fi?"),
    entry("keys", "What is a passkey?"), entry("lost", "I lost my laptop", "S3"), entry("secret", "Runbook", roles="it"),
]  # fmt: skip


class Told:
    """A search that finds by the first rule whose words are all in the text; what is not allowed it never names."""

    def __init__(self, *rules: tuple[str, str, float]) -> None:
        self.rules, self.asked = rules, list[str]()

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        self.asked.append(question)
        found = [
            (name, sure)
            for words, name, sure in self.rules
            if name in allowed and all(word in question.lower() for word in words.split())
        ]
        if not found:
            return Judgement(Outcome.ESCALATE, (), 0.05)
        sure = found[0][1]
        outcome = Outcome.ANSWER if sure >= 0.7 else Outcome.SUGGEST if sure >= 0.3 else Outcome.ESCALATE
        return Judgement(outcome, tuple(dict.fromkeys(name for name, _ in found)), sure)


def understanding(*rules: tuple[str, str, float]) -> Understanding:
    library = Library({item.id: item for item in ENTRIES})
    knowledge = Knowledge(library, Told(*rules), SMALL, LANGUAGES, HEARING)
    return Understanding(
        lambda: knowledge, Ours(lambda: HEARING.ours, lambda: Register((SURVEY,)), lambda: ["our.example"])
    )


def seen(found: Any) -> tuple[str, str]:
    return (found.outcome.value, found.entry)


BASIC = (("report", "report", 0.95), ("passkey", "keys", 0.9), ("wifi", "wifi", 0.9), ("laptop", "lost", 0.9))
LAST = Asked("how do i report a mail", "report", "en")


def test_a_question_of_its_own() -> None:
    found = understanding(*BASIC).consider("how do I report a mail", DANA, DAY)
    assert (seen(found), found.confidence, found.entries) == (("answer", "report"), 0.95, ("report",))


def test_an_incident_is_confirmed() -> None:
    assert seen(understanding(*BASIC).consider("what about a lost laptop", DANA, DAY)) == ("confirm", "lost")


def test_entries_of_others_are_never_named() -> None:
    rules = (("runbook", "secret", 0.99),)
    assert seen(understanding(*rules).consider("the runbook", DANA, DAY)) == ("escalate", "")
    found = understanding(*rules, ("then", "after", 0.9)).consider("and then?", DANA, DAY, Asked("x", "secret", "en"))
    assert "secret" not in (found.entry, found.topic, *found.suggestions)


# follow-ups


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("and on my phone?", BASIC, ("answer", "report", "report")),  # nothing else fits: the same answer, marked
        ("how long does that take?", (*BASIC, ("long", "after", 0.8)), ("answer", "after", "")),  # alone, and related
        ("how long does that take?", (("how do i report long", "after", 0.8), *BASIC), ("answer", "after", "report")),
        ("and the wifi", BASIC, ("answer", "wifi", "")),  # the second look agrees
        ("and on my phone?", (*BASIC, ("on my phone?", "wifi", 0.75)), ("answer", "wifi", "")),
        ("and if I lose my laptop", BASIC, ("confirm", "lost", "")),
        ("how long does that take?", (("how do i report long", "wifi", 0.6), *BASIC), ("suggest", "", "report")),
        ("how do I get a passkey for the whole team", BASIC, ("answer", "keys", "")),
    ],
)  # fmt: skip
def test_a_message_that_goes_on(
    text: str, rules: tuple[tuple[str, str, float], ...], expected: tuple[str, str, str]
) -> None:
    found = understanding(*rules).consider(text, DANA, DAY, LAST)
    assert (found.outcome.value, found.entry, found.topic) == expected


def test_suggestions_of_a_follow_up_offer_what_it_was_about() -> None:
    rules = (("how do i report long", "wifi", 0.6), *BASIC)
    found = understanding(*rules).consider("how long does that take?", DANA, DAY, LAST)
    assert found.suggestions == ("wifi", "report")


def test_a_follow_up_to_an_incident_is_asked_about_again() -> None:
    found = understanding(*BASIC).consider("and on my phone?", DANA, DAY, Asked("laptop", "lost", "en"))
    assert (seen(found), found.topic) == (("confirm", "lost"), "lost")


def test_after_did_you_mean_the_two_messages_are_read_together() -> None:
    rules = (("mail passkey", "keys", 0.9), ("passkey", "wifi", 0.2))
    assert seen(understanding(*rules).consider("and the passkey?", DANA, DAY, Asked("my mail", "", "en"))) == (
        "answer",
        "keys",
    )


def test_nothing_goes_on_from_what_went_to_a_person() -> None:
    found = understanding(*BASIC).consider("and on my phone?", DANA, DAY, Asked("", "", "en"))
    assert (seen(found), found.unclear) == (("escalate", ""), True)


@pytest.mark.parametrize(("text", "unclear"), [("who decides that?", True), ("flurb the snark completely", False)])
def test_what_goes_on_from_nothing_is_unclear(text: str, unclear: bool) -> None:
    assert understanding(*BASIC).consider(text, DANA, DAY).unclear is unclear


# several questions


@pytest.mark.parametrize(
    ("text", "entries", "left"),
    [
        ("How do I report a mail and what is a passkey?", ("report", "keys"), 0),
        ("How do I report a mail? What is a passkey? Is the wifi safe?", ("report", "keys", "wifi"), 0),
        ("what is a passkey and is my laptop lost?", ("lost", "keys"), 0),  # the incident first
        ("How do I report a mail and how do I report a text?", ("report",), 0),  # one answer for both
        ("How do I report a mail and where can I buy bread?", ("report",), 1),
        ("where can I buy bread and how tall is the tower?", (), 0),
        ("I was on the wifi yesterday. how do I report a mail?", ("report",), 0),  # what comes before is the story
    ],
)
def test_two_questions(text: str, entries: tuple[str, ...], left: int) -> None:
    found = understanding(*BASIC).consider(text, DANA, DAY)
    assert (found.entries, len([one for one in found.others if not one.entry])) == (entries, left)


def test_a_second_question_that_points_back_is_read_with_the_first() -> None:
    rules = (("report long", "after", 0.9), *BASIC)
    found = understanding(*rules).consider("How do I report a mail? How long does that take?", DANA, DAY)
    assert found.entries == ("report", "after")
    assert found.others[0].text == "How long does that take?"


def test_a_story_is_taken_apart_only_if_the_whole_is_not_clear() -> None:
    told = (("need report passkey", "wifi", 0.9), *BASIC)
    text = "I need to report a mail. I also want a passkey."
    assert understanding(*told).consider(text, DANA, DAY).entries == ("wifi",)


# the rest


def test_greetings_around_a_question_are_not_searched() -> None:
    found = understanding(*BASIC).consider("Hello, how do I report a mail? Thanks!", DANA, DAY)
    assert (found.text, seen(found)) == ("how do I report a mail?", ("answer", "report"))


def test_a_long_text_is_never_answered_outright() -> None:
    found = understanding(*BASIC).consider("report " * 300, DANA, DAY)
    assert (seen(found), found.suggestions, found.long) == (("suggest", ""), ("report",), True)


def test_a_foreign_question_is_marked_and_searched_all_the_same() -> None:
    found = understanding(("zgłosić", "report", 0.9)).consider("Jak zgłosić podejrzany e-mail?", DANA, DAY)
    assert (found.foreign, seen(found)) == ("pl", ("answer", "report"))


def test_the_register_comes_first_where_it_knows() -> None:
    found = understanding(("survey", "wifi", 0.99)).consider("is the pulse survey real?", DANA, DAY)
    assert (seen(found), found.register and found.register.what) == (("answer", ""), "listed")


def test_what_the_register_does_not_know_stands_above_an_answer() -> None:
    asked = "is the mail from x@stranger.example real?"
    found = understanding(("mail", "report", 0.99)).consider(asked, DANA, DAY)
    assert (seen(found), found.register and found.register.what) == (("answer", "report"), "unlisted")
    assert seen(understanding().consider(asked, DANA, DAY)) == ("answer", "")


def test_outsiders_are_told_nothing_of_the_register() -> None:
    assert understanding().consider("is the pulse survey real?", GUEST, DAY).register is None


def test_an_empty_knowledge_base_answers_nothing() -> None:
    knowledge = Knowledge(Library(), Told(), SMALL, LANGUAGES, HEARING)
    ours = Ours(lambda: HEARING.ours, Register, lambda: [])
    for text in ("and now?", "how do i report and what is a passkey", "", "x" * 5_000):
        found = Understanding(lambda: knowledge, ours).consider(text, DANA, DAY, LAST)
        assert found.entries == ()
