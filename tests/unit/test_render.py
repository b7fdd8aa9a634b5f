"""A card as HTML: complete, escaped, and with no link that the organisation has not set."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from adapters.shown import trusted_links
from adapters.web.pages import environment, visible
from adapters.web.render import Post, pressed, render_card, unpressed
from bot.cards import Button, Buttons, Card, Choices, Facts, Input, Steps, Text, text_card
from tests.fakes.web import emergency_card, every_block, sample_words

ENV = environment()
WORDS = sample_words()
TAGS = {"article", "p", "h3", "form", "input", "button", "label", "textarea", "dl"}
TAGS |= {"div", "dt", "dd", "ol", "ul", "li", "blockquote", "svg", "path", "circle"}
HOSTILE = "<img src=x onerror=alert(1)> & \"quoted\" 'single'"


def rendered(card: Card, **options: Any) -> str:
    return str(render_card(ENV, lambda key, **params: WORDS.say("en", key, **params), Post(card, **options)))


def test_every_block_is_there() -> None:
    shown = rendered(every_block(), id="post-1", event="event-1")
    words_of_all = "All blocks|Small|Quoted|Ticket|SEC-1|One|Two|Do|Dot|Press|Which?|This|That|Say more|Add|Short|Go"
    for words in words_of_all.split("|"):
        assert words in shown
    assert shown.count('name="post" value="post-1"') == 4
    assert shown.count('name="event" value="event-1"') == 4


@pytest.mark.parametrize(
    "card",
    [
        text_card(HOSTILE),
        text_card("", HOSTILE),
        Card("", (Text(HOSTILE, "quote"), Text(HOSTILE, "muted"))),
        Card("", (Facts(((HOSTILE, HOSTILE),)),)),
        Card("", (Steps((HOSTILE,), HOSTILE),)),
        Card("", (Buttons((Button(HOSTILE, HOSTILE, HOSTILE),)),)),
        Card("", (Choices(HOSTILE, (Button(HOSTILE, "a.b", HOSTILE),)),)),
        Card("", (Input("text", HOSTILE, "a.b", HOSTILE, HOSTILE),)),
        Card("", (Input(HOSTILE, "label", HOSTILE, "send", multiline=False),)),
    ],
)
def test_nothing_in_a_card_becomes_markup(card: Card) -> None:
    for trusted in ({}, {"+44 20": "tel:+4420"}):
        shown = rendered(card, trusted=trusted, chosen=HOSTILE)
        assert "<img" not in shown
        assert set(re.findall(r"</?([^\s/>]+)", shown)) <= TAGS


def test_a_language_cannot_leave_its_attribute() -> None:
    assert 'lang="&#34; onclick=&#34;x"' in rendered(Card("Hi", lang='" onclick="x'))


def test_an_address_in_a_card_is_no_link() -> None:
    shown = rendered(text_card("Look", "Go to https://login.evil.example/ or mail me@evil.example"))
    assert "<a " not in shown


def test_the_organisations_own_values_are_links() -> None:
    values = {"reset_url": "https://reset.example/start", "helpdesk_phone": "+44 20 7946 0999",
              "mailbox": "desk@northwind.example", "name": "Northwind", "plain": "http://old.example/"}  # fmt: skip
    links = trusted_links(values)
    assert links == {
        "https://reset.example/start": "https://reset.example/start",
        "+44 20 7946 0999": "tel:+442079460999",
        "desk@northwind.example": "mailto:desk@northwind.example",
    }
    text = "Change it at https://reset.example/start, ring +44 20 7946 0999 <now>."
    shown = rendered(text_card("", text), trusted=links)
    assert '<a href="https://reset.example/start" rel="noreferrer noopener" target="_blank">' in shown
    assert '<a href="tel:+442079460999">+44 20 7946 0999</a> &lt;now&gt;.' in shown


@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", 'https://x.example/"onclick="x', "https://a b", "12", "data:,x"]
)
def test_other_values_are_not(value: str) -> None:
    assert trusted_links({"value": value}) == {}


def test_characters_that_hide_or_turn_text_are_shown() -> None:
    assert visible("invoice\u202efdp.exe") == "invoice[U+202E]fdp.exe"
    assert visible("zero\u200bwidth\ufeff") == "zero[U+200B]width[U+FEFF]"
    assert visible("bell\x07 \ud800") == "bell[U+0007] [U+D800]"
    assert "[U+202E]" in rendered(text_card("", "invoice\u202efdp.exe"))
    assert "[U+202E]" in rendered(text_card("\u202etitle"), trusted={"x": "tel:1"})


@pytest.mark.parametrize("text", ["Lucía, Zoë", "line\nbreak\ttab", "👩‍🚒", "می‌خواهم", "日本語"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_button_sends_what_it_stands_for() -> None:
    button = Button('Yes, "all" | of it', "pillar.verb", 'va"l|ue \u202e')
    shown = rendered(Card("", (Buttons((button,)),)))
    sent = re.search(r'name="press" value="([^"]*)"', shown)
    assert sent is not None
    assert unpressed(html.unescape(sent[1])) == (button.action, button.value, button.label)
    assert unpressed(pressed(button)) == (button.action, button.value, button.label)


@pytest.mark.parametrize("sent", ["", "x", "[]", "[1,2,3]", '["a","b"]', '{"a":1}', "null"])
def test_what_is_no_button_is_nothing(sent: str) -> None:
    assert unpressed(sent) == ("", "", "")


def test_an_answered_question_is_closed() -> None:
    open_card, closed = rendered(emergency_card()), rendered(emergency_card(), chosen="No")
    assert open_card.count("<button") == 3
    assert closed.count("<button") == 0
    assert "You chose: No" in closed


def test_a_pressed_button_is_marked_and_stays() -> None:
    card = Card("", (Buttons((Button("Solved", "a.b"), Button("My tickets", "tickets.mine"))),))
    shown = rendered(card, chosen="Solved")
    assert shown.count("<button") == 2
    assert shown.count("pressed") == 1


def test_a_card_shown_to_somebody_else_cannot_be_pressed() -> None:
    shown = rendered(every_block(), live=False)
    assert shown.count("<button") == shown.count("disabled>") - 2  # and two fields
    assert "disabled" not in rendered(every_block())


@pytest.mark.parametrize("tone", ["emergency", "warning", "done", "desk"])
def test_a_tone_is_said_in_words(tone: Any) -> None:
    assert WORDS.say("en", f"web.tone.{tone}") in rendered(Card("Title", tone=tone))


def test_the_card_says_its_language() -> None:
    assert '<article class="card tone-plain" lang="de">' in rendered(Card("Hallo", lang="de"))
