"""Cards: what is stored comes back the same, and the text form says everything."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cards import (
    Button,
    Buttons,
    Card,
    Choices,
    Facts,
    Input,
    Steps,
    Text,
    as_text,
    dump,
    load,
    named,
    pressables,
    text_card,
)

words = st.text(max_size=40)
buttons = st.builds(Button, words, words, words, st.sampled_from(["plain", "primary", "danger"]))
some_buttons = st.lists(buttons, max_size=4).map(tuple)
blocks: Any = st.one_of(
    st.builds(Text, words, st.sampled_from(["plain", "muted", "quote", "strong"])),
    st.builds(Facts, st.lists(st.tuples(words, words), max_size=3).map(tuple)),
    st.builds(Steps, st.lists(words, max_size=4).map(tuple), words, st.booleans()),
    st.builds(Buttons, some_buttons),
    st.builds(Choices, words, some_buttons),
    st.builds(Input, words, words, words, words, words, st.booleans()),
)
tones = st.sampled_from(["plain", "answer", "question", "emergency", "warning", "done", "desk"])
cards = st.builds(Card, words, st.lists(blocks, max_size=6).map(tuple), tones, words, words, st.booleans())


@settings(deadline=None)
@given(cards)
def test_a_card_comes_back_from_its_stored_form(card: Card) -> None:
    assert load(dump(card)) == card
    assert json.loads(dump(card))["title"] == card.title


@settings(deadline=None)
@given(cards)
def test_the_stored_form_is_stable(card: Card) -> None:
    """The same card is the same text: deliveries and cards in channels are compared by it."""
    assert dump(load(dump(card))) == dump(card)


@settings(deadline=None)
@given(cards)
def test_the_text_leaves_nothing_out(card: Card) -> None:
    text = as_text(card)
    assert card.title in text
    for number, button in enumerate(pressables(card), 1):
        assert f"[{number}] {button.label}" in text
    for block in card.blocks:
        match block:
            case Text(text=said):
                assert said in text
            case Facts(pairs=pairs):
                assert all(f"{label}: {value}" in text for label, value in pairs)
            case Steps(items=items, heading=heading):
                assert heading in text
                assert all(item in text for item in items)
            case Choices(prompt=prompt):
                assert prompt in text
            case Input(label=label):
                assert label in text


def test_names_stay_as_people_write_them() -> None:
    """Forgetting a person looks for their name in stored cards."""
    assert "Lucía Romero" in dump(Card("Lucía Romero"))


def test_the_text_form_reads_like_this() -> None:
    card = Card(
        "Title",
        (
            Text("Plain"), Text("Said", "quote"), Facts((("Ticket", "SEC-1"),)), Steps(("One", "Two"), "Do"),
            Steps(("Dot",), ordered=False), Choices("Which?", (Button("This", "a.b"), Button("That", "a.c"))),
            Buttons((Button("Go", "a.d"), Button("Stop", "a.e"))), Input("text", "Say more", "a.f", "Send"),
        ),
    )  # fmt: skip
    assert as_text(card) == (
        "Title\nPlain\n> Said\nTicket: SEC-1\nDo\n1. One\n2. Two\n- Dot\nWhich?\n[1] This\n[2] That\n"
        "[3] Go  [4] Stop\nSay more: ____"
    )
    assert [button.label for button in pressables(card)] == ["This", "That", "Go", "Stop"]


def test_a_card_of_paragraphs_leaves_empty_ones_out() -> None:
    assert text_card("T", "one", "", "two", tone="done") == Card("T", (Text("one"), Text("two")), "done")


QUIZ = Card(
    "Un appel",
    (
        Choices("Que faites-vous ?", (
            Button("Révoquer, puis réinitialiser", "learning.answer", "n:a"), Button("Pas sûr", "learning.answer", "n:c"))),
        Buttons((Button("Plus tard", "learning.later", "n"), Button("Yes, help me", "learning.why", "n"))),
    ),
)  # fmt: skip


def test_what_is_typed_names_a_button_by_number_letter_or_words() -> None:
    typed = {"1": "n:a", "(2)": "n:c", "3": "n", "b": "n:c", "B)": "n:c", "pas sur": "n:c", "PAS SÛR.": "n:c",
             "revoquer puis reinitialiser": "n:a", "yes": "n", "révoquer": "n:a"}  # fmt: skip
    assert {text: found.value if (found := named(QUIZ, text)) else None for text in typed} == typed
    assert [text for text in ("", "0", "9", "c", "z", "sûr", "?", "x" * 300) if named(QUIZ, text)] == []
    assert named(Card("", (Buttons((Button("A", "x.y", "1"), Button("a", "x.y", "2"))),)), "a") is None
