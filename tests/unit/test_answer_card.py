"""An entry as a card: the answer first, the "ring the desk" form where a value is missing, what is overdue marked."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.answering.answer_card import Reading, Shown, answer_card, answers_card, why_card
from bot.answering.entries import Entry
from bot.cards import Steps, Text, as_text, pressables
from bot.content import Faults, packaged_shelf
from bot.organisation import Organisation, OrgFile, load_words

WORDS = load_words(packaged_shelf(), Faults())
DAY = date(2030, 1, 10)
VALUES = {"helpdesk_phone": "+1", "vpn_name": "Acme VPN"}


def entry(**changes: Any) -> Entry:
    raw: dict[str, Any] = {
        "schema": "answer/1", "id": "public-wifi", "version": 1, "state": "published", "group": "remote", "roles": ["all"],
        "severity": "S0", "title": {"en": "Working from a café", "de": "Im Café arbeiten"},
        "questions": {"en": ["can i"], "de": ["darf ich"]},
        "answer": {
            "en": {"short": "Yes, with {vpn_name}.", "steps": ["Start {vpn_name}.", "Then work."],
                   "do_not": ["Do not leave it open."], "ring": "Ring {helpdesk_phone} first."},
            "de": {"short": "Ja, mit {vpn_name}.", "ring": "Erst {helpdesk_phone} anrufen."},
        },
        "buttons": ["person"], "placeholders": ["vpn_name", "helpdesk_phone"],
        "sources": [{"code": "NCSC-1", "title": "Public networks", "publisher": "NCSC"}],
        "owner": "awareness", "author": "ann", "approved_by": "ben", "reviewed": "2029-09-01", "review_due": "2030-03-01",
    }  # fmt: skip
    return Entry.model_validate({**raw, **changes})


def text(item: Entry, lang: str = "en", today: date = DAY, values: dict[str, str] = VALUES, **more: str) -> str:
    return as_text(answer_card(item, lang, values, WORDS, today, **more))


def test_the_answer_comes_first_then_steps_then_what_not_to_do() -> None:
    card = answer_card(entry(), "en", VALUES, WORDS, DAY)
    assert card.title == "Working from a café"
    assert card.blocks[:3] == (
        Text("Yes, with Acme VPN."),
        Steps(("Start Acme VPN.", "Then work.")),
        Text("Do not leave it open.", "strong"),
    )
    assert (card.tone, card.source, card.lang) == ("answer", "public-wifi", "en")
    assert [button.action for button in pressables(card)] == ["tickets.person", "answering.why"]


def test_values_are_said_in_the_language_of_the_text_they_stand_in() -> None:
    file = {"schema": "org/1", "name": "x", "values": {**VALUES, "vpn_name": {"en": "the tunnel", "de": "dem Tunnel"}}}
    values = Organisation(OrgFile.model_validate(file), {}, {}, {}, WORDS).values("", "de")
    only_english = entry(answer={"en": entry().answer["en"].model_dump()})
    assert text(entry(), "de", values=values).splitlines()[1] == "Ja, mit dem Tunnel."
    assert text(only_english, "de", values=values).splitlines()[1] == "Yes, with the tunnel."


def test_a_rated_answer_asks_whether_it_helped() -> None:
    card = answer_card(entry(), "en", VALUES, WORDS, DAY, question="q1")
    assert [(b.action, b.value) for b in pressables(card)] == [
        ("tickets.person", "Working from a café"),
        ("answering.solved", "q1"),
        ("answering.unhelpful", "q1"),
        ("answering.why", "public-wifi"),
    ]


def test_every_button_leads_to_its_pillar() -> None:
    item = entry(buttons=["report", "person", "emergency"], severity="S3", emergency="device")
    found = {b.action: b.value for b in pressables(answer_card(item, "en", VALUES, WORDS, DAY))}
    assert found == {
        "reporting.start": "public-wifi",
        "tickets.person": "Working from a café",
        "emergency.start": "device",
        "answering.why": "public-wifi",
    }


@pytest.mark.parametrize("missing", ["vpn_name"])
def test_a_missing_value_brings_the_ring_form_and_nothing_else_of_the_answer(missing: str) -> None:
    values = {name: value for name, value in VALUES.items() if name != missing}
    card = answer_card(entry(), "en", values, WORDS, DAY)
    assert card.blocks[0] == Text("Ring +1 first.")
    assert "Acme" not in as_text(card)
    assert "Start" not in as_text(card)
    assert "{" not in as_text(card)


def test_without_a_ring_form_of_its_own_the_common_one_stands_in() -> None:
    item = entry(answer={"en": {"short": "With {vpn_name}."}}, title={"en": "T"}, questions={"en": ["q"]})
    said = text(item, values={"helpdesk_phone": "+1"})
    assert "Our own rule for this is not filled in yet. Ring the help desk on +1: they know." in said


def test_a_value_missing_in_one_step_is_missing() -> None:
    item = entry(answer={"en": {"short": "Yes.", "steps": ["Start {vpn_name}."], "ring": "Ring {helpdesk_phone}."}})
    assert "Yes." not in text(item, values={"helpdesk_phone": "+1"})


def test_values_that_look_like_placeholders_are_left_alone() -> None:
    assert "Yes, with {helpdesk_phone}." in text(
        entry(), values={"vpn_name": "{helpdesk_phone}", "helpdesk_phone": "+1"}
    )


@pytest.mark.parametrize(("lang", "spoken"), [("en", "en"), ("de", "de"), ("fr", "en"), ("", "en")])
def test_a_language_that_is_not_there_falls_back(lang: str, spoken: str) -> None:
    card = answer_card(entry(), lang, VALUES, WORDS, DAY)
    assert card.lang == spoken
    assert card.title == {"en": "Working from a café", "de": "Im Café arbeiten"}[spoken]


def test_an_entry_in_one_foreign_language_is_shown_in_it() -> None:
    item = entry(answer={"de": {"short": "Ja."}}, title={"de": "T"}, questions={"de": ["q"]})
    assert answer_card(item, "en", VALUES, WORDS, DAY).lang == "de"


@pytest.mark.parametrize(
    ("expires", "today", "due"),
    [
        (None, date(2030, 3, 1), None), (None, date(2030, 3, 2), "2030-03-01"), (None, date(2033, 3, 2), "2030-03-01"),
        ("2030-02-01", date(2030, 2, 1), None), ("2030-02-01", date(2030, 2, 2), "2030-02-01"),
        ("2031-01-01", date(2030, 3, 2), "2030-03-01"),
    ],
)  # fmt: skip
def test_what_is_overdue_is_marked_and_never_gone(expires: str | None, today: date, due: str | None) -> None:
    said = text(entry(expires=expires), today=today)
    assert "Yes, with Acme VPN." in said
    mark = f"This answer is past its review date ({due}). Its owner has been asked to check it."
    assert (mark in said, "past its review date" in said) == (due is not None, due is not None)


def test_a_ticket_that_was_opened_is_named() -> None:
    assert "This is urgent, so a person will look too: SEC-7." in text(entry(), ticket="SEC-7")


def test_why_names_owner_review_and_authorities() -> None:
    said = as_text(why_card(entry(), "en", WORDS, "Security awareness", DAY))
    assert said == (
        "From our entry “Working from a café”, kept by Security awareness, last reviewed on 2029-09-01; "
        "the next review is due on 2030-03-01.\n"
        "NCSC: Public networks"
    )
    assert as_text(why_card(entry(sources=[]), "de", WORDS, "x", DAY)).startswith(
        "Aus unserem Eintrag „Im Café arbeiten“"
    )


def test_why_says_that_the_entry_is_overdue() -> None:
    late = as_text(why_card(entry(), "en", WORDS, "x", date(2030, 3, 2)))
    assert "This answer is past its review date (2030-03-01)." in late


@pytest.mark.parametrize(("lang", "said"), [("en", False), ("de", False), ("fr", True), ("xx", False)])
def test_an_answer_that_is_not_there_in_the_language_says_so(lang: str, said: bool) -> None:
    assert ("Cette réponse n'existe pas encore dans votre langue." in text(entry(), lang)) is said


def test_several_answers_stand_on_one_card_with_one_row_of_buttons() -> None:
    other = entry(
        id="passkeys", title={"en": "What is a passkey?"}, answer={"en": {"short": "A key."}}, buttons=["report"]
    )
    reading = Reading("en", VALUES, WORDS, DAY)
    card = answers_card(
        [Shown(entry(), "q1"), Shown(other, "q2", "SEC-7")], reading, before=[Text("b")], after=[Text("a")]
    )
    assert as_text(card) == (
        "b\nWorking from a café\nYes, with Acme VPN.\n1. Start Acme VPN.\n2. Then work.\nDo not leave it open.\n"
        "What is a passkey?\nA key.\nThis is urgent, so a person will look too: SEC-7.\na\n"
        "[1] Talk to a person  [2] Report a mail  [3] Solved  [4] Did not help  [5] Why this answer?"
    )
    assert [(b.action, b.value) for b in pressables(card)][2:] == [
        ("answering.solved", "q1:q2"), ("answering.unhelpful", "q1:q2"), ("answering.why", "public-wifi:passkeys"),
    ]  # fmt: skip


def test_buttons_that_are_asked_for_besides_come_once() -> None:
    card = answer_card(entry(), "en", VALUES, WORDS, DAY, also=("emergency", "person"))
    assert [b.action for b in pressables(card)] == ["tickets.person", "emergency.start", "answering.why"]
