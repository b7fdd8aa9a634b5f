"""Cards as Slack blocks: golden files, every block past the SDK's models and the limits, what untrusted text can do.

`python -m tests.unit.test_slack_blocks` writes the golden files anew (look at the difference before you commit it).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.slack_blocks import (
    LIMITS,
    Pressed,
    after_press,
    blocks,
    closes,
    home,
    label_of,
    messages,
    modal,
    plain_messages,
    pressed,
)
from adapters.channels.slack_text import bold, escape, linked, read, unescape
from adapters.shown import trusted_links, visible
from bot.cards import Attached, Buttons, Card, Choices, Facts, Input, Steps, Text, as_text
from tests.fakes.cards import HOSTILE, SAMPLES, b, organisation, packaged_cards
from tests.fakes.slack_checks import faults, message_faults, view_faults

GOLDEN = Path(__file__).parent.parent / "golden" / "slack"
TRUSTED = {"+49 30 5550100": "tel:+49305550100", "https://reset.northwind.example": "https://reset.northwind.example"}
LINKS = tuple(TRUSTED.values())
FORM = Card(
    "Talk to a person",
    (Text("They see this chat."), Input("text", "What is it about?", "tickets.person", "Send", "mail")),
)


ASKED = Card(
    "Propose an answer",
    (
        Text("This is how people will see it. Change it below, or propose it as it is.", "muted"),
        Input(
            "title",
            "What people ask, in one line",
            "answering.propose",
            "Look at it",
            multiline=False,
            initial="Is it real?",
        ),
        Input("steps", "Steps, one a line", "answering.propose", "Look at it", optional=True),
        Input(
            "group",
            "Subject",
            "answering.propose",
            "Look at it",
            initial="p",
            choose=(("m", "Mail"), ("p", "Passwords")),
        ),
    ),
)
FILE = Card("", (Text("Dana Reyes wrote:", "muted"), Attached("a1", "screen <1>.png", 1_024)), "desk")


def made() -> dict[str, Any]:
    """Every golden file's content."""
    content: dict[str, Any] = {name: messages(card, TRUSTED) for name, card in SAMPLES.items()}
    content["file"] = messages(FILE, TRUSTED)
    content["form"] = modal(ASKED, callback="form", metadata="{}", submit="Send", close="Cancel", trusted=TRUSTED)
    content["modal"] = modal(FORM, callback="form", metadata="{}", submit="Send", close="Cancel", trusted=TRUSTED)
    content["home"] = home(SAMPLES["tickets"], TRUSTED, "There is more.")
    return content


def texts_of(value: Any) -> str:
    """All words of blocks, unescaped and joined."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return " ".join([*own, *(texts_of(item) for key, item in value.items() if key != "text" or not own)])
    if isinstance(value, list):
        return " ".join(texts_of(item) for item in value)
    return ""


def without_values(value: Any) -> Any:
    """Everything that is shown: what a button sends back is not."""
    if isinstance(value, dict):
        return {key: without_values(item) for key, item in value.items() if key != "value"}
    return [without_values(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", [*SAMPLES, "file", "form", "modal", "home"])
def test_golden(name: str) -> None:
    assert json.loads((GOLDEN / f"{name}.json").read_text("utf-8")) == made()[name]


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(made())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_what_slack_takes(name: str) -> None:
    assert [] == [fault for message in messages(SAMPLES[name], TRUSTED) for fault in message_faults(message, LINKS)]


def test_every_packaged_card_is_what_slack_takes_in_one_message() -> None:
    links = trusted_links(organisation().values())
    for name, card in packaged_cards():
        sent = messages(card, links)
        assert (name, 1, []) == (name, len(sent), message_faults(sent[0], tuple(links.values())))


def test_the_golden_views_are_what_slack_takes() -> None:
    assert [[], [], []] == [view_faults(made()[name], LINKS) for name in ("form", "modal", "home")]


def test_nothing_is_left_out_of_a_long_card() -> None:
    sent = messages(SAMPLES["long"])
    assert len(sent) > 5
    shown = re.sub(r"[\s>*]+|\d+\. ", " ", unescape(texts_of([message["blocks"] for message in sent])))
    for n in range(60):
        assert f"Step {n} of many" in shown
        assert f"Option {n} with a rather long label indeed" in shown
    assert [str(n) for n in range(60)] == re.findall(r'"value": "(\d+)"', json.dumps([m["blocks"] for m in sent]))
    for n in range(400):
        assert f"quoted line {n} " in shown + " "
    assert 260 == shown.count("One sentence of a long story.")


def test_the_text_form_says_what_the_blocks_say() -> None:
    card = SAMPLES["verdict"]
    (message,) = messages(card)
    assert escape(as_text(card)) == message["text"]


def test_hostile_text_pings_nobody_links_nowhere_and_shows_its_tricks() -> None:
    dumped = json.dumps(without_values(messages(SAMPLES["hostile"])), ensure_ascii=False)
    for forbidden in ("<!channel", "<@U123", "<https:", "\u202e", "\u200b"):
        assert forbidden not in dumped
    assert "&lt;!channel&gt;" in dumped
    assert "[U+202E]" in dumped


def test_only_the_organisations_own_addresses_become_links() -> None:
    text = "Open https://reset.northwind.example or https://evil.example, or ring +49 30 5550100."
    (block,) = blocks(Card("", (Text(text),)), TRUSTED)
    assert "<https://reset.northwind.example|https://reset.northwind.example>" in block["text"]["text"]
    assert "<tel:+49305550100|+49 30 5550100>" in block["text"]["text"]
    assert "<https://evil" not in block["text"]["text"]
    quoted = blocks(Card("", (Text(text, "quote"),)), TRUSTED)
    assert "<" not in quoted[0]["text"]["text"]


def test_labels_that_clients_cut_off_become_lines() -> None:
    choices = Choices("", (b("Short", "a.b", "1"), b("A label far too long for a button on a phone", "a.b", "2")))
    made = blocks(Card("", (choices,)), {})
    assert ["1. Short", "2. A label far too long for a button on a phone"] == [item["text"]["text"] for item in made]
    assert ["1", "2"] == [item["accessory"]["text"]["text"] for item in made]


def test_feedback_is_slacks_own_pair_in_messages_only() -> None:
    card = SAMPLES["answer"]
    assert "context_actions" in [item["type"] for item in blocks(card, {})]
    assert "context_actions" not in [item["type"] for item in blocks(card, {}, "home")]
    element = next(item for item in blocks(card, {}) if item["type"] == "context_actions")["elements"][0]
    assert Pressed("answering.unhelpful", "q1") == pressed(element["action_id"], element["negative_button"]["value"])


def test_feedback_of_two_questions_stays_two_buttons() -> None:
    pair = Buttons((b("Solved", "answering.solved", "q1"), b("Did not help", "answering.unhelpful", "q2")))
    assert ["actions"] == [item["type"] for item in blocks(Card("", (pair,)), {})]


def test_an_input_in_a_message_is_a_button_that_opens_its_form() -> None:
    (block,) = blocks(Card("", (Input("text", "Reply to Dana", "desk.reply", "Reply", "SEC-1"),)), {})
    (button,) = block["elements"]
    found = pressed(button["action_id"], button["value"])
    assert Pressed("desk.reply", "SEC-1", Input("text", "Reply to Dana", "desk.reply", "Reply", "SEC-1")) == found


@pytest.mark.parametrize("value", ["", "no json", "[]", "{}", '{"a": 1}', "null"])
def test_a_forged_form_button_is_an_action_nobody_knows(value: str) -> None:
    assert Pressed("form", "") == pressed("form~1", value)


def test_a_pressed_question_closes_and_keeps_everything_else() -> None:
    (message,) = messages(SAMPLES["emergency"])
    question = next(item for item in message["blocks"] if item.get("block_id") == "q3.0")
    button = question["elements"][1]
    left = after_press(message["blocks"], "q3.0", button["action_id"], button["value"], "You chose: Typed my password")
    assert "q3.0" not in [item.get("block_id") for item in left]
    assert "b2.0" in [item.get("block_id") for item in left]
    assert "You chose: Typed my password" in texts_of(left)
    assert [] == faults(left)


def test_a_pressed_line_closes_the_whole_question() -> None:
    (message,) = messages(SAMPLES["did-you-mean"])
    left = after_press(message["blocks"], "q0.1", "answering.ask~2", "b", "You chose: b")
    assert [] == [item for item in left if str(item.get("block_id", "")).startswith("q")]
    assert 1 == texts_of(left).count("You chose")


def test_a_pressed_button_goes_with_those_about_the_same_thing() -> None:
    (message,) = messages(SAMPLES["quiz"])
    row = next(item for item in message["blocks"] if item.get("block_id") == "b2.0")
    first = row["elements"][0]
    left = after_press(message["blocks"], "b2.0", first["action_id"], first["value"], "You chose: Later")
    assert "b2.0" not in [item.get("block_id") for item in left]
    (message,) = messages(SAMPLES["person"])
    left = after_press(message["blocks"], "b2.0", "tickets.mine~2", "", "You chose: My tickets")
    (row,) = [item for item in left if item.get("block_id") == "b2.0"]
    assert ["tickets.leave~1"] == [item["action_id"] for item in row["elements"]]
    assert [] == faults(left)


def test_what_only_explains_leaves_the_other_buttons() -> None:
    row = Buttons((b("Report a mail", "reporting.start", "x"), b("Talk to a person", "tickets.person", "x"),
                   b("Why this answer?", "answering.why", "x")))  # fmt: skip
    (message,) = messages(Card("An answer", (row,)))
    left = after_press(message["blocks"], "b0.0", "answering.why~3", "x", "You chose: Why this answer?")
    assert ["reporting.start~1", "tickets.person~2"] == [item["action_id"] for item in left[-1]["elements"]]
    assert [] == faults(left)


def test_thumbs_and_forms_leave_the_message_as_it_is() -> None:
    seen = (closes("f5", "feedback~5"), closes("i2.0", "form~1"), closes("q1.0", "answering.ask~1"))
    assert (False, False, True) == seen


def test_a_home_that_is_too_long_says_so() -> None:
    view = home(Card("", tuple(Text(f"Line {n}") for n in range(130))), {}, "There is more.")
    assert (100, "There is more.") == (len(view["blocks"]), view["blocks"][-1]["elements"][0]["text"])
    assert [] == view_faults(view)


def test_a_modals_long_title_stands_in_its_body() -> None:
    form = Card("A title that is far too long for the bar", (Text("x"),))
    view = modal(form, callback="c", metadata="", submit="Send", close="Cancel", trusted={})
    assert ("Secdesk", form.title) == (view["title"]["text"], view["blocks"][0]["text"]["text"])


def test_the_plain_form_is_complete() -> None:
    sent = plain_messages(SAMPLES["long"])
    assert [] == [fault for message in sent for fault in message_faults(message)]
    whole = as_text(SAMPLES["long"])
    assert re.sub(r"\s+", "", whole) == re.sub(r"\s+", "", unescape("".join(message["text"] for message in sent)))


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("<@U0BOT> is this real?", "is this real?"),
        ("ask <@U2|dana> or <@U3>", "ask @dana or @U3"),
        (
            "see <https://a.example/x|a.example/x> and <https://b.example>",
            "see https://a.example/x and https://b.example",
        ),
        ("<https://evil.example|our bank>", "our bank (https://evil.example)"),
        ("<mailto:a@b.example|a@b.example> <tel:+491|+491>", "a@b.example +491"),
        ("<!channel> <!here|here> <!subteam^S1|@desk> <!date^1^{date}|today>", "@channel here @desk today"),
        ("<#C1|help> <#C2>", "#help #C2"),
        ("a &amp;lt; b &lt; c &amp; d", "a &lt; b < c & d"),
        ("  two\t lines \n\n here ", "two lines\n\nhere"),
        ("1 < 2 > 0", "1 < 2 > 0"),
    ],
)
def test_what_somebody_wrote_is_read_once(raw: str, plain: str) -> None:
    assert plain == read(raw, "U0BOT")


def test_bold_only_where_the_text_lets_it() -> None:
    assert ["*Take care*", "a*b", "two\nlines"] == [bold("Take care"), bold("a*b"), bold("two\nlines")]
    assert "Q&amp;A" == label_of({"text": {"text": "Q&amp;amp;A"}})


def test_what_goes_out_unlooked_at_is_what_escaping_would_not_change() -> None:
    odd = [point for point in range(0x3100) if escape(chr(point)) == chr(point) and (
        chr(point) in "&<>" or visible(chr(point)) != chr(point))]  # fmt: skip
    assert [] == odd


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_escaped_text_comes_back(text: str) -> None:
    escaped = escape(text)
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", escaped)
    assert escape(unescape(escaped)) == escaped
    assert linked(text, {}) == escaped


words = st.text(max_size=3_500) | st.sampled_from([HOSTILE, HOSTILE * 40, "&" * 900, "", "x" * 7_000])
some_buttons = st.lists(
    st.builds(lambda label, value: b(label, "a.b", value), words, st.text(max_size=50)), min_size=1, max_size=30
)
some_blocks = st.one_of(
    st.builds(Text, words, st.sampled_from(["plain", "muted", "quote", "strong"])),
    st.builds(lambda pairs: Facts(tuple(pairs)), st.lists(st.tuples(words, words), max_size=14)),
    st.builds(lambda items, heading: Steps(tuple(items), heading), st.lists(words, max_size=6), words),
    st.builds(lambda found: Buttons(tuple(found)), some_buttons),
    st.builds(lambda prompt, found: Choices(prompt, tuple(found)), words, some_buttons),
)


@settings(max_examples=60, deadline=None)
@given(words, st.lists(some_blocks, max_size=6))
def test_any_card_is_what_slack_takes(title: str, found: list[Any]) -> None:
    sent = messages(Card(title, tuple(found)), TRUSTED)
    assert [] == [fault for message in sent for fault in faults(message["blocks"], links=LINKS)]
    assert all(message["text"].strip() for message in sent)


def test_the_table_of_limits_is_the_documented_one() -> None:
    assert (50, 100, 3_000, 10, 2_000, 150) == tuple(
        LIMITS[key] for key in ("message blocks", "view blocks", "section", "fields", "field", "header")
    )
    assert (10, 25, 75, 2_000, 255, 24, 3_000, 100) == tuple(
        LIMITS[key]
        for key in ("context", "actions", "button", "value", "id", "view title", "private_metadata", "options")
    )


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, content in made().items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
