"""Cards as Adaptive Cards 1.5: golden files, the official schema, the size, what untrusted text can do, what a press leaves.

`python -m tests.unit.test_teams_cards` writes the golden files anew (look at the difference before you commit it).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.teams_cards import (
    DATA,
    activity_of,
    adaptive_cards,
    after_press,
    pressed_button,
    summary,
)
from bot.answering.answer_card import answer_card
from bot.answering.emergency import Gate
from bot.answering.knowledge import read_answers
from bot.app.contents import answer_vocabulary
from bot.cards import Button, Buttons, Card, Choices, Facts, Input, Steps, Text, as_text
from bot.content import Faults, packaged_shelf
from bot.organisation import load_organisation
from tests.fakes.cards import SAMPLES as EVERY
from tests.fakes.teams import FakeTeams
from tests.fakes.teams_cards import faults, walk

GOLDEN = Path(__file__).parent.parent / "golden" / "teams"
Json = dict[str, Any]


def _b(label: str, action: str, value: str = "", style: Any = "plain") -> Button:
    return Button(label, action, value, style)


SAMPLES: dict[str, Card] = {
    "answer": Card(
        "Is this mail real?",
        (
            Text("Look at the address behind the name, not at the name."),
            Steps(("Hold the pointer over the link.", "Compare it with the real address.", "Report it if it differs.")),
            Steps(("Reply to it.", "Ring a number in it."), "Do not", ordered=False),
            Text("From our entry “Is this mail real?”, last reviewed on 20 Nov 2026.", "muted"),
            Buttons((_b("Solved", "answering.solved", "q1", "primary"), _b("Did not help", "answering.unhelpful", "q1"),
                     _b("Why this answer?", "answering.why", "is-this-mail-real"), _b("Talk to a person", "tickets.person"))),
        ),
        "answer",
    ),
    "did-you-mean": Card(
        "",
        (
            Choices(
                "I am not sure. Did you mean one of these?",
                (_b("Is this mail real?", "answering.ask", "a"),
                 _b("Somebody rang me and says they are from our bank, what now?", "answering.ask", "b"),
                 _b("None of these", "answering.none", "mail from bank")),
            ),
            Text("If none fits, I will get a person.", "muted"),
        ),
        "question",
    ),
    "emergency": Card(
        "You did right to tell us (SEC-142)",
        (
            Text("Nobody could be reached by phone yet.", "strong"),
            Steps(("Stop using that page. Close it.", "Press Deny on any sign-in prompt.", "Leave the computer on.")),
            Buttons((_b("Call me now", "emergency.call", "SEC-142", "danger"), _b("It is worse", "emergency.worse", "SEC-142"))),
            Choices("What happened?", tuple(_b(label, "emergency.answer", f"SEC-142:what:{i}") for i, label in enumerate(
                (
                    "Clicked only", "Typed my password", "Approved a prompt", "Opened a file", "Sent money",
                    "Sent data", "Not sure",
                )))),
        ),
        "emergency",
    ),
    "quiz": Card(
        "A call from the bank",
        (
            Text("Somebody rings and knows your name and your account."),
            Choices("What do you do?", (
                _b("Hang up and ring the number on my card", "learning.answer", "n1:a"),
                _b("Answer the security questions", "learning.answer", "n1:b"))),
            Buttons((_b("Report a mail", "reporting.start"),)),
            Buttons((_b("Later", "learning.later", "n1"), _b("Less often", "learning.less", "n1"),
                     _b("Stop tips", "learning.stop", "n1"), _b("Why me?", "learning.why", "n1"),
                     _b("Not useful", "learning.useless", "n1"))),
        ),
        "question", lang="en", private=True,
    ),
    "verdict": Card(
        "Your report SEC-143",
        (
            Text("This is very likely phishing.", "strong"),
            Text("Do not click, reply or pay. Leave it; the team takes it from here."),
            Steps(("The sender is paypa1[.]example, which only looks like paypal.",), "What I saw", ordered=False),
            Buttons((_b("It has already happened", "emergency.start", "clicked", "danger"),
                     _b("I see it differently", "reporting.dispute", "SEC-143"))),
        ),
        "warning",
    ),
    "desk": Card(
        "SEC-142: clicked a link",
        (
            Facts((("From", "Dana Reyes"), ("State", "waiting for a person"), ("Due", "14:30"))),
            Text("I clicked on *this* [link](https://evil.example) <at>everyone</at>", "quote"),
            Input("text", "Reply to Dana", "tickets.reply", "Send", "SEC-142"),
            Buttons((_b("Claim", "tickets.claim", "SEC-142", "primary"), _b("Resolve", "tickets.resolve", "SEC-142"))),
        ),
        "desk",
    ),
    "form": Card(
        "Talk to a person",
        (Input("subject", "What is it about?", "tickets.person", "Send", "", multiline=False),
         Input("reach", "How do we reach you?", "tickets.person", "Send", "", choose=(("chat", "Here"), ("phone", "By phone"))),
         Input("subject", "Anything else?", "tickets.more", "Add", initial="No")),
    ),
    "hostile": Card(
        "[Reset](https://evil.example) *now* `x` _y_ ~z~ <at>all</at> \\",
        (Text("[Reset](https://evil.example)\n- one\n1. two\n# three"), Facts((("[a](b)", "<b>x</b>"),))),
        "warning",
    ),
    "words-only": Card("", (Text("Good to know. Ask me any time."),), "done"),
    "german": Card("Deine Meldung", (Text("Größe: 3 MB — „danke“"),), lang="de"),
    **{name: EVERY[name] for name in (
        "partner-pulse", "partner-action", "partner-report", "tip-when", "tip-when-german", "tip-footer", "migration",
        "report-case", "page", "run", "review", "links-elsewhere",
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_golden(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert expected == adaptive_cards(SAMPLES[name])


def test_there_is_no_golden_file_too_many() -> None:
    assert sorted(SAMPLES) == sorted(path.stem for path in GOLDEN.glob("*.json"))


@pytest.mark.parametrize("name", SAMPLES)
def test_schema_and_limits(name: str) -> None:
    assert [] == [fault for adaptive in adaptive_cards(SAMPLES[name]) for fault in faults(adaptive)]


def test_the_schema_check_can_fail() -> None:
    assert [] != faults({"type": "AdaptiveCard", "body": [{"type": "TextBlock", "txt": "x"}]})


def test_untrusted_text_is_never_markdown() -> None:
    """Only the heading is a TextBlock, and every character that could start Markdown or a mention is escaped there."""
    body = adaptive_cards(SAMPLES["hostile"])[0]["body"]
    blocks = [item for item in walk(body) if item.get("type") == "TextBlock"]
    expected = "\\[Reset\\](https://evil.example) \\*now\\* \\`x\\` \\_y\\_ \\~z\\~ \\<at>all\\</at> \\\\"
    assert [expected] == [block["text"] for block in blocks]
    runs = [item["text"] for item in walk(body) if item.get("type") == "TextRun"]
    assert ["[Reset](https://evil.example)\n- one\n1. two\n# three", "[a](b): ", "<b>x</b>"] == runs


def test_speak_has_no_tags() -> None:
    assert set("<>&").isdisjoint(adaptive_cards(Card("a & b", (Text("<audio src='x'/>"),)))[0]["speak"])


def test_every_button_of_the_card_is_there_once() -> None:
    for card in SAMPLES.values():
        sent = [item["data"][DATA] for item in walk(adaptive_cards(card)) if item.get("type") == "Action.Execute"]
        wanted = []
        for block in card.blocks:
            match block:
                case Buttons(buttons=buttons) | Choices(options=buttons):
                    wanted += [{"action": button.action, "value": button.value} for button in buttons]
                case Input(action=action, value=value) if {"action": action, "value": value} not in wanted:
                    wanted.append({"action": action, "value": value})
        assert wanted == [{"action": data["action"], "value": data["value"]} for data in sent]


def test_only_an_inputs_own_button_sends_what_was_typed() -> None:
    desk = adaptive_cards(SAMPLES["desk"])[0]
    inputs = {
        item["data"][DATA]["action"]: item["associatedInputs"] for item in walk(desk) if "associatedInputs" in item
    }
    assert {"tickets.reply": "auto", "tickets.claim": "none", "tickets.resolve": "none"} == inputs


def rows(*labels: str) -> list[list[str]]:
    """The titles of each row of buttons; those of the overflow menu in brackets."""
    card = Card("", (Buttons(tuple(_b(label, "tickets.mine") for label in labels)),))
    sets = [item["actions"] for item in walk(adaptive_cards(card)) if item.get("type") == "ActionSet"]
    return [[f"({it['title']})" if it.get("mode") == "secondary" else it["title"] for it in row] for row in sets]


def test_buttons_that_a_phone_would_cut_off_get_a_row_of_their_own() -> None:
    assert [["Claim", "Resolve"]] == rows("Claim", "Resolve")
    assert [["It has already happened"], ["I see it differently"]] == rows(
        "It has already happened", "I see it differently"
    )
    assert [["Report a mail", "Solved"], ["Did not help", "(Why?)"]] == rows(
        "Report a mail", "Solved", "Did not help", "Why?"
    )
    assert [["A", "B", "C", "(D)", "(E)", "(F)"], ["(G)"]] == rows(*"ABCDEFG")
    assert [] == rows()


def test_choices_look_alike() -> None:
    """One that is too long for a button makes paragraphs of them all."""
    for long, kind in (("x" * 32, "ActionSet"), ("x" * 33, "Container")):
        card = Card("", (Choices("Which?", (_b("Short", "a.b", "1"), _b(long, "a.b", "2"))),))
        assert [kind, kind] == [item["type"] for item in adaptive_cards(card)[0]["body"][1:]]


def test_the_fake_platform_notices_a_card_that_is_not_valid() -> None:
    fake = FakeTeams(examine=faults)
    for body in (
        {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "txt": "x"}]},
        *adaptive_cards(SAMPLES["desk"]),
    ):
        fake._examine(activity_of(body, SAMPLES["desk"]))
    assert 0 < len(fake.wrong) < 8
    assert "no fallbackText" in fake.wrong


def test_two_inputs_of_one_name_do_not_meet() -> None:
    ids = [item["id"] for item in walk(adaptive_cards(SAMPLES["form"])) if item.get("type") == "Input.Text"]
    assert ["subject.0", "subject.2"] == ids


def test_inputs_of_one_action_are_one_form_with_one_button() -> None:
    sent = [
        item["data"][DATA] for item in walk(adaptive_cards(SAMPLES["form"])) if item.get("type") == "Action.Execute"
    ]
    assert [("tickets.person", ["subject.0", "reach.1"]), ("tickets.more", ["subject.2"])] == [
        (data["action"], data["inputs"]) for data in sent
    ]


def test_a_sent_form_leaves_one_mark() -> None:
    left = after_press(SAMPLES["form"], "tickets.person", "", "✓ Send")
    assert (Text("✓ Send", "muted"), SAMPLES["form"].blocks[2]) == left.blocks


def test_a_long_card_becomes_several_and_loses_nothing() -> None:
    words = " ".join(f"word{i}" for i in range(6_000))
    steps = tuple(f"step {i} " + "x" * 200 for i in range(100))
    card = Card(
        "Long", (Text(words), Steps(steps), Facts((("a", "ü" * 9_000),)), Buttons((_b("Solved", "answering.solved"),)))
    )
    parts = adaptive_cards(card)
    assert [] == [fault for part in parts for fault in faults(part)]
    shown = "".join(item["text"] for part in parts for item in walk(part["body"]) if item.get("type") == "TextRun")
    assert "".join(words.split()) in "".join(shown.split())
    assert all("".join(f"{i}.{step}".split()) in "".join(shown.split()) for i, step in enumerate(steps, 1))
    assert 9_000 == shown.count("ü")
    assert "ActionSet" == parts[-1]["body"][-1]["type"]
    assert 1 == sum(part["body"][0].get("style") == "heading" for part in parts)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.text(max_size=12_000), st.integers(0, 12), st.text(max_size=2_000))
def test_any_text_makes_a_valid_card(title: str, text: str, buttons: int, value: str) -> None:
    label = text[:40] or "x"
    options = tuple(_b(label, "answering.ask", value) for _ in range(buttons))
    card = Card(title, (Text(text), Buttons(options), Choices(title, options), Input("text", label, "a.b", label)))
    assert [] == [fault for adaptive in adaptive_cards(card) for fault in faults(adaptive)]


def test_the_notification_is_one_short_line() -> None:
    card = Card("Title", (Text("a\nb"), Text("c" * 500)))
    assert "Title a b " in summary(card)
    assert 200 == len(summary(card))
    assert "Good to know. Ask me any time." == activity_of({}, SAMPLES["words-only"])["summary"]


def test_a_pressed_question_closes_and_says_what_was_chosen() -> None:
    pressed = after_press(SAMPLES["emergency"], "emergency.answer", "SEC-142:what:1", "You chose: Typed my password")
    before = SAMPLES["emergency"].blocks
    assert (
        *before[:3],
        Text("What happened?", "strong"),
        Text("You chose: Typed my password", "muted"),
    ) == pressed.blocks


def test_of_buttons_only_those_about_the_same_thing_go() -> None:
    pressed = after_press(SAMPLES["answer"], "answering.solved", "q1", "✓")
    left = Buttons(
        (_b("Why this answer?", "answering.why", "is-this-mail-real"), _b("Talk to a person", "tickets.person"))
    )
    assert (*SAMPLES["answer"].blocks[:4], Text("✓", "muted"), left) == pressed.blocks


def test_a_button_without_a_value_takes_only_itself_away() -> None:
    card = Card("", (Buttons((_b("A", "tickets.mine"), _b("B", "tickets.person"))),))
    assert (Text("✓", "muted"), Buttons((_b("B", "tickets.person"),))) == after_press(
        card, "tickets.mine", "", "✓"
    ).blocks


def test_a_sent_form_goes() -> None:
    left = after_press(SAMPLES["desk"], "tickets.reply", "SEC-142", "sent")
    assert [] == [block for block in left.blocks if isinstance(block, Input)]


def test_a_press_that_is_not_on_the_card_changes_nothing() -> None:
    assert SAMPLES["quiz"] == after_press(SAMPLES["quiz"], "learning.answer", "other", "x")
    assert pressed_button(SAMPLES["quiz"], "learning.answer", "other") is None
    assert "Later" == getattr(pressed_button(SAMPLES["quiz"], "learning.later", "n1"), "label", "")


def real_cards() -> Iterator[Card]:
    """Every answer in one of its languages, every emergency, confirmation and notice in all of them."""
    shelf, lenient, today = packaged_shelf(), Faults(), date(2029, 11, 24)
    org, gate = load_organisation(shelf, lenient), Gate(shelf)
    assert org is not None
    values, languages = org.values("uk"), ("en", "de", "fr", "es")
    library = read_answers(shelf, answer_vocabulary(org, gate.kinds), lenient, today=today)
    for number, entry in enumerate(library.entries.values()):
        lang = languages[number % 4]
        yield answer_card(entry, lang, values, org.words, today, question="q" * 32, ticket="SEC-142")
    for lang in languages:
        for kind in gate.kinds:
            yield gate.card(kind, lang, values, "SEC-142")
        yield gate.confirm_card("credentials", lang, values)
        yield gate.secret_card(("password",), lang, values)


def test_every_card_that_ships_is_valid() -> None:
    cards = list(real_cards())
    found = {card.title or as_text(card)[:40]: faults(part) for card in cards for part in adaptive_cards(card)}
    assert 90 < len(cards)
    assert {} == {title: said for title, said in found.items() if said}


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for sample, neutral in SAMPLES.items():
        text = json.dumps(adaptive_cards(neutral), ensure_ascii=False, indent=1)
        (GOLDEN / f"{sample}.json").write_text(text + "\n", "utf-8")
