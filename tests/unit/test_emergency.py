"""The emergency gate: what it sees, what it shows, and that nothing takes it down."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.answering.emergency import Gate, Sighting
from bot.answering.evaluate_emergency import evaluate, evaluate_plain
from bot.cards import Buttons, Card, Choices, Steps, Text, as_text, pressables
from bot.content import Faults, Shelf, packaged_shelf, parse
from bot.errors import ConfigError

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
CORPUS = Path(__file__).parents[1] / "corpus"
KINDS = {
    "credentials", "clicked", "mfa", "file", "money", "card", "data", "device", "account", "ransom", "consent", "incident",
}  # fmt: skip
LANGS = ("en", "de", "fr", "es")
VALUES = {
    "helpdesk_phone": "+1 555 0100", "reset_url": "reset.example.test", "bank_fraud_line": "+1 555 0199",
    "finance_emergency": "+1 555 0150", "dpo_contact": "dpo@example.test", "lost_device_url": "lost.example.test",
}  # fmt: skip


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(packaged_shelf())


def sentences(name: str) -> dict[str, list[str]]:
    document = parse(name, (CORPUS / name).read_bytes(), Faults())
    assert document
    groups: dict[str, list[str]] = document.value
    return groups


def held_out(sentence: str) -> bool:
    """The third that rules were never written by."""
    return int(hashlib.sha256(sentence.encode()).hexdigest(), 16) % 3 == 0


def rates(gate: Gate, listed: list[str]) -> dict[str, float]:
    counted = Counter(gate.look(sentence).level for sentence in listed)
    return {level: counted[level] / len(listed) for level in ("fire", "confirm", "none")}


# ---------------------------------------------------------------- what it sees


@pytest.mark.parametrize("part", ["seen", "held out"])
def test_own_corpus(gate: Gate, part: str) -> None:
    listed = {
        group: [s for s in ss if held_out(s) == (part == "held out")]
        for group, ss in sentences("emergency.yaml").items()
    }
    fire, maybe, calm = (rates(gate, listed[group]) for group in ("must_fire", "must_confirm_or_fire", "must_not_fire"))
    assert fire["none"] == 0
    assert fire["fire"] >= 0.95
    assert maybe["none"] == 0
    assert calm["fire"] <= 0.02
    assert calm["confirm"] <= 0.10


def test_nothing_is_unlearned(gate: Gate) -> None:
    listed = sentences("emergency_seen.yaml")
    assert [] == [s for s in listed["must_fire"] + listed["must_confirm_or_fire"] if gate.look(s).level == "none"]
    assert rates(gate, listed["must_fire"])["fire"] >= 0.95
    calm = rates(gate, listed["must_not_fire"])
    assert (calm["fire"], calm["confirm"] <= 0.05) == (0, True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I clicked a link in a phishing mail", "clicked"),
        ("I clicked the link and entered my password", "credentials"),
        ("I approved a sign-in request that was not mine", "mfa"),
        ("I opened the attachment and a black window flashed", "file"),
        ("I paid a fake invoice", "money"),
        ("I put my credit card number into a fake shop", "card"),
        ("I sent the customer list to the wrong person", "data"),
        ("my work laptop was stolen from the car", "device"),
        ("there is a rule in my mailbox I did not create", "account"),
        ("all my files are encrypted and they want bitcoin", "ransom"),
        ("I gave an unknown app access to my mailbox", "consent"),
        ("we are being hacked right now", "incident"),
    ],
)
def test_each_kind_is_told_apart(gate: Gate, text: str, kind: str) -> None:
    assert ("fire", kind) == (gate.look(text).level, gate.look(text).kind)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("I clicked the link and entered my password", "en"),
        ("Ich habe auf den Link geklickt", "de"),
        ("J'ai cliqué sur le lien et tapé mon mot de passe", "fr"),
        ("He pinchado en el enlace y he puesto mi contraseña", "es"),
        ("hello", "en"),
    ],
)
def test_the_language_is_heard(gate: Gate, text: str, lang: str) -> None:
    assert lang == gate.look(text).lang


@pytest.mark.parametrize(
    "text",
    [
        "i clikced teh lnik adn enterd my pasword",
        "I CLICKED THE LINK AND ENTERED MY PASSWORD",
        "I cl\u200bicked the l\u200bink and ent\u200bered my pass\u200bword",
        "I clicked the link and entered my password",
        "I сlicked the link аnd entered my pаssword",  # Cyrillic look-alikes
        "Ｉ ｃｌｉｃｋｅｄ ｔｈｅ ｌｉｎｋ ａｎｄ ｅｎｔｅｒｅｄ ｍｙ ｐａｓｓｗｏｒｄ",
        "i\nclicked\tthe   link ... and entered my password!!!!",
        "p a s s w o r d entered on the phishing page",
        "Hi, ich habe auf den phishing link geklickt and entered my password",
        "Hallo, j'ai cliqué on the link and typed mon mot de passe",
        "😱😱 I clicked the link and entered my password 😱",
    ],
)
def test_odd_spelling_does_not_hide_an_emergency(gate: Gate, text: str) -> None:
    assert "fire" == gate.look(text).level


@pytest.mark.parametrize(
    "text",
    [
        "I did not click on the link",
        "I almost clicked it but reported it",
        "he wanted my password but I did not give it to him",
        "Ich habe nicht auf den Link geklickt",
        "je n'ai pas cliqué sur le lien",
        "no hice clic en el enlace",
        "the supplier sent us new bank details",
        "someone sent me a link",
        "",
        "   ",
        "?",
        "\ud800",
    ],
)
def test_what_was_not_done_does_not_fire(gate: Gate, text: str) -> None:
    assert "fire" != gate.look(text).level


@pytest.mark.parametrize(
    "text",
    [
        "what if I clicked the link and entered my password",
        "my neighbour clicked a phishing link",
        "last year I clicked a phishing link",
        "in the training I clicked the phishing link",
    ],
)
def test_a_story_or_a_supposition_is_asked_about(gate: Gate, text: str) -> None:
    assert "confirm" == gate.look(text).level


def test_a_but_ends_the_supposition(gate: Gate) -> None:
    assert "fire" == gate.look("not sure if it is real but I typed my password on the phishing page").level


def test_the_same_text_gives_the_same_sighting(gate: Gate) -> None:
    fresh = Gate(packaged_shelf())
    for text in sentences("emergency.yaml")["must_fire"][:80]:
        assert gate.look(text) == gate.look(text) == fresh.look(text)


def test_the_reason_never_quotes_the_text(gate: Gate) -> None:
    sighting = gate.look("I told zebra4711 my windows password")
    assert "fire" == sighting.level
    assert "zebra4711" not in sighting.why


def test_the_beginning_and_the_end_of_a_long_text_count(gate: Gate) -> None:
    trouble, weather = "I clicked the phishing link and entered my password", "weather " * 250
    looked = {where: gate.look(text).level for where, text in {
        "begin": trouble + weather * 5, "end": weather * 5 + trouble, "middle": weather * 5 + trouble + weather * 5,
    }.items()}  # fmt: skip
    assert {"begin": "fire", "end": "fire", "middle": "none"} == looked


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "a@",
        "clicked link password ",
        "if i clicked the link not ",
        ".!?",
        "\u200b",
        "-",
        "'",
        "https://a.b/c ",
        "1,",
    ],
)
def test_hostile_text_takes_no_time(gate: Gate, piece: str) -> None:
    text = (piece * 2000)[:2000]
    gate.look(text)
    began = time.thread_time()
    gate.look(text)
    assert time.thread_time() - began < 0.15  # about 8 ms; a quadratic pattern takes seconds


def test_an_ordinary_look_is_quick(gate: Gate) -> None:
    listed = [s for group in sentences("emergency.yaml").values() for s in group]
    took = []
    for sentence in listed:
        began = time.thread_time()
        gate.look(sentence)
        took.append(time.thread_time() - began)
    assert sorted(took)[int(len(took) * 0.99)] < 0.012  # about 2 ms on a quiet machine


# ---------------------------------------------------------------- cards


def test_the_twelve_kinds_are_there(gate: Gate) -> None:
    assert KINDS == set(gate.kinds)
    assert () == gate.faults


def every_text(card: Card) -> list[str]:
    texts = [card.title]
    for block in card.blocks:
        if isinstance(block, Text):
            texts.append(block.text)
        elif isinstance(block, Steps):
            texts += [block.heading, *block.items]
    return [*texts, *(button.label for button in pressables(card))]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "values", [VALUES, {}, {"helpdesk_phone": "+1 555 0100", "reset_url": "  "}], ids=["set", "unset", "blank"]
)
def test_a_card_has_no_gap(gate: Gate, kind: str, lang: str, values: dict[str, str]) -> None:
    for number in ("", "SEC-142"):
        card = gate.card(kind, lang, values, number)
        shown = as_text(card)
        assert "{" not in shown
        assert "  " not in " ".join(every_text(card))
        assert (number in shown) if number else ("()" not in shown and " ." not in card.blocks[0].text)  # type: ignore[union-attr]
        assert (values.get("helpdesk_phone", "") in shown, lang, "emergency", kind) == (
            True,
            card.lang,
            card.tone,
            card.source,
        )
        assert [("emergency.call", number), ("emergency.worse", number)] == [
            (b.action, b.value) for b in pressables(card)
        ]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_card_is_short_and_calm(gate: Gate, kind: str, lang: str) -> None:
    card = gate.card(kind, lang, VALUES, "SEC-142")
    lead, steps = card.blocks[0], card.blocks[1]
    assert isinstance(lead, Text)
    assert isinstance(steps, Steps)
    assert len(" ".join([lead.text, *steps.items]).split()) <= (60 if lang == "en" else 75)
    assert all(len(part.split()) <= 25 for text in every_text(card) for part in re.split(r"[.:?]\s", text))
    assert not re.search(
        r"!|\b(?:fail|oops|careless|don't worry|probably fine|please note|unfortunately)", as_text(card), re.I
    )
    assert all(len(button.label) <= 30 for button in pressables(card))


def test_every_language_of_a_card_says_as_much(gate: Gate) -> None:
    for kind in KINDS:
        assert 1 == len({len(gate.card(kind, lang, VALUES).blocks[1].items) for lang in LANGS})  # type: ignore[union-attr]


def test_an_unset_value_changes_the_step_and_keeps_the_rest(gate: Gate) -> None:
    full, bare = (gate.card("credentials", "en", values).blocks[1] for values in (VALUES, {"helpdesk_phone": "1"}))
    assert isinstance(full, Steps)
    assert isinstance(bare, Steps)
    assert "From another device, change your password at reset.example.test. Type the address by hand." == full.items[2]
    assert (
        "From another device, change your password the way you always do. Use no link from a message." == bare.items[2]
    )
    assert full.items[:2] == bare.items[:2]


def test_the_number_stands_in_the_lead(gate: Gate) -> None:
    assert (
        Text("You did right to tell us. Help is on the way (SEC-142).", "strong")
        == gate.card("clicked", "en", VALUES, "SEC-142").blocks[0]
    )
    assert (
        Text("You did right to tell us. Help is on the way.", "strong") == gate.card("clicked", "en", VALUES).blocks[0]
    )


def test_unknown_kind_and_language_still_give_a_card(gate: Gate) -> None:
    assert gate.card("incident", "en", VALUES) == gate.card("no-such-kind", "xx", VALUES)


def test_the_confirm_card_asks_and_gives_the_phone(gate: Gate) -> None:
    card = gate.confirm_card("file", "en", VALUES)
    assert "Did this just happen to you?" == card.title
    assert [("Yes, help me now", "emergency.yes", "file"), ("No, just asking", "emergency.no", "file")] == [
        (button.label, button.action, button.value) for button in pressables(card)
    ]
    assert VALUES["helpdesk_phone"] in as_text(card)


def test_the_summary_for_the_page_is_short(gate: Gate) -> None:
    assert all(0 < len(gate.summary(kind)) <= 90 for kind in KINDS)


# ---------------------------------------------------------------- the questions


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_question_at_a_time_until_none_is_left(gate: Gate, kind: str, lang: str) -> None:
    answered: dict[str, str] = {}
    while question := gate.question(kind, answered, lang):
        assert question.id not in answered
        assert "unsure" in {option.id for option in question.options}
        assert {option.leads_to for option in question.options} <= KINDS | {""}
        assert len(question.options) == len(set(as_text(gate.question_card(question)).splitlines())) - 1
        answered[question.id] = question.options[0].id
    assert 2 <= len(answered) <= 5


def test_what_happened_comes_first_after_a_click(gate: Gate) -> None:
    question = gate.question("clicked", {}, "en")
    assert question
    assert ("happened", "What happened?") == (question.id, question.prompt)
    assert "credentials" == next(option.leads_to for option in question.options if option.id == "typed")
    assert "credentials" == next(option.leads_to for option in question.options if option.id == "unsure")  # worst case


def test_the_mail_is_asked_for_as_a_file(gate: Gate) -> None:
    question = gate.question("data", {"when": "now"}, "en")
    assert question
    assert ("mail", True) == (question.id, question.wants_file)


def test_a_question_card_carries_ticket_question_and_option(gate: Gate) -> None:
    question = gate.question("device", {}, "en")
    assert question
    card = gate.question_card(question, "SEC-7")
    assert ("emergency.answer", "SEC-7:device:work_pc") == next((b.action, b.value) for b in pressables(card))
    assert "Work computer" == gate.find_option("device", "work_pc", "en").label  # type: ignore[union-attr]
    assert None is gate.find_option("device", "forged", "en")
    assert None is gate.find_option("forged", "work_pc", "en")


def test_every_way_of_worse_leads_to_a_card(gate: Gate) -> None:
    question = gate.worse("de")
    assert question
    assert {option.leads_to for option in question.options} <= KINDS


def test_texts_have_a_form_without_values(gate: Gate) -> None:
    assert "I could not reach anyone. Ring +1 555 0100 now." == gate.text("nobody_reached", "en", VALUES)
    assert "I could not reach anyone. Ring your help desk now." == gate.text("nobody_reached", "en", {})
    assert "This joins your open emergency SEC-9." == gate.text("already_open", "en", {}, "SEC-9")
    assert "" == gate.text("no_such_text", "en", {})


def test_somebody_who_pasted_a_secret_is_told_what_to_do(gate: Gate) -> None:
    card = gate.secret_card(("password",), "en", VALUES)
    assert "reset.example.test" in as_text(card)
    assert [("emergency.secret_yes", "password"), ("emergency.secret_no", "password")] == [
        (button.action, button.value) for button in pressables(card)
    ]
    code = gate.secret_card(("code",), "en", {})
    assert "Did someone ask you for this?" in as_text(code)
    for lang in LANGS:
        for kinds in (("key", "iban"), ("card",), ("code", "password"), ()):
            assert "{" not in as_text(gate.secret_card(kinds, lang, {}))


# ---------------------------------------------------------------- content that is wrong


def overlay(tmp_path: Path, **texts: str) -> Shelf:
    folder = tmp_path / "emergencies"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return packaged_shelf(tmp_path)


def edited(name: str, **changes: Any) -> str:
    value = yaml.load((KNOWLEDGE / "emergencies" / f"{name}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return json.dumps({**value, **changes}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: [", "not valid YAML"),
        ("", "the file is empty"),
        (edited("clicked", colour="red"), '"colour" is not a key that is known here'),
        (edited("clicked", id="other"), 'the id "other" is not the file name'),
        (edited("clicked", severity="S1"), '"severity"'),
        (edited("clicked", title={"de": "Nur Deutsch"}), "nglish is missing"),
        (
            edited("clicked", card={"en": {"lead": "Help.", "steps": ["Close it."]}}),
            "the place of the ticket number is missing",
        ),
        (
            edited("clicked", card={"en": {"lead": "Help ({number}).", "steps": ["Go to {reset_url}."]}}),
            "the last form needs an organisation value",
        ),
    ],
)
def test_a_broken_overlay_file_leaves_ours_in_place(gate: Gate, tmp_path: Path, text: str, said: str) -> None:
    broken = Gate(overlay(tmp_path, clicked=text))
    assert any(said in str(fault) and "clicked.yaml" in str(fault) for fault in broken.faults)
    assert gate.card("clicked", "en", VALUES, "SEC-1") == broken.card("clicked", "en", VALUES, "SEC-1")
    assert "fire" == broken.look("I clicked a phishing link").level


def test_an_overlay_changes_the_card_and_adds_phrases_but_takes_none_away(tmp_path: Path) -> None:
    card = {"en": {"lead": "Thank you ({number}).", "steps": ["Ring the bridge."]}}
    text = edited("clicked", card=card, phrases={"en": ["pressed the purple button"]}, seeds={})
    changed = Gate(overlay(tmp_path, clicked=text))
    assert () == changed.faults
    assert Text("Thank you (SEC-1).", "strong") == changed.card("clicked", "en", VALUES, "SEC-1").blocks[0]
    assert ("fire", "clicked") == (
        changed.look("I pressed the purple button").level,
        changed.look("I pressed the purple button").kind,
    )
    assert "fire" == changed.look("I clicked on a link in a phishing mail").level


def test_an_overlay_adds_a_kind_of_its_own(tmp_path: Path) -> None:
    card = {"en": {"lead": "Help is coming ({number}).", "steps": ["Lock the door."]}}
    text = edited(
        "incident",
        id="door",
        card=card,
        title={"en": "The door"},
        phrases={"en": ["! the vault door is open"]},
        seeds={},
    )
    own = Gate(overlay(tmp_path, door=text))
    assert ("fire", "door") == (own.look("the vault door is open").level, own.look("the vault door is open").kind)
    assert "The door" == own.card("door", "de", VALUES).title


@pytest.mark.parametrize("phrase", ["<no_such_group> <link>", "?", "<click"])
def test_a_phrase_that_cannot_be_read_is_named_and_left_out(tmp_path: Path, phrase: str) -> None:
    gate = Gate(overlay(tmp_path, clicked=edited("clicked", phrases={"en": [phrase]})))
    assert [f'the phrase "{phrase}" cannot be read'] == [fault.what for fault in gate.faults]
    assert "fire" == gate.look("I clicked on a link in a phishing mail").level


def test_an_overlay_flow_that_leads_nowhere_is_not_taken(gate: Gate, tmp_path: Path) -> None:
    text = (
        (KNOWLEDGE / "emergencies" / "_flow.yaml")
        .read_text(encoding="utf-8")
        .replace("leads_to: ransom", "leads_to: nowhere")
    )
    broken = Gate(overlay(tmp_path, _flow=text))
    assert ['an answer leads to "nowhere"'] == [fault.what for fault in broken.faults]
    assert gate.worse("en") == broken.worse("en")


def test_without_any_knowledge_there_is_still_a_card(tmp_path: Path) -> None:
    bare = Gate(Shelf(tmp_path))
    assert 1 == len(bare.faults)
    card = bare.card("money", "de", {"helpdesk_phone": "+1 555 0100"}, "SEC-3")
    assert "SEC-3" in as_text(card)
    assert "+1 555 0100" in as_text(card)
    assert "{" not in as_text(bare.card("money", "en", {}))
    assert Sighting("fire", "incident", "en", "built in") == bare.look("help I got phished")
    assert "none" == bare.look("good morning").level
    assert None is bare.question("clicked", {}, "en")
    assert as_text(bare.confirm_card("clicked", "fr", {}))
    assert as_text(bare.secret_card(("password",), "en", {}))


def test_one_broken_packaged_file_is_no_silence(tmp_path: Path) -> None:
    shutil.copytree(KNOWLEDGE / "emergencies", tmp_path / "emergencies")
    (tmp_path / "emergencies" / "_words.yaml").write_text("schema: [", encoding="utf-8")
    gate = Gate(Shelf(tmp_path))
    assert 1 == len(gate.faults)
    assert "fire" == gate.look("I clicked the link and entered my password").level
    assert as_text(gate.card("credentials", "en", VALUES))


def test_values_used_by_the_cards_are_organisation_values() -> None:
    used = set()
    for path in (KNOWLEDGE / "emergencies").glob("*.yaml"):
        used |= set(re.findall(r"\{([a-z_]+)\}", path.read_text(encoding="utf-8")))
    assert set(VALUES) == used - {"number"}


def test_the_packaged_files_read_the_same_with_and_without_libyaml() -> None:
    for path in (KNOWLEDGE / "emergencies").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert yaml.load(text, yaml.CSafeLoader) == yaml.load(text, yaml.SafeLoader)


# ---------------------------------------------------------------- the measurement


def test_evaluate_gives_rates_and_misses(gate: Gate, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "must_fire: [I clicked a phishing link and entered my password, good morning]\n"
        "must_confirm_or_fire: [what if I clicked a phishing link]\n"
        "must_not_fire: [thanks]\n",
        encoding="utf-8",
    )
    assert {
        "must_fire": {"fire": 0.5, "confirm": 0.0, "none": 0.5},
        "must_confirm_or_fire": {"fire": 0.0, "confirm": 1.0, "none": 0.0},
        "must_not_fire": {"fire": 0.0, "confirm": 0.0, "none": 1.0},
        "misses": [{"group": "must_fire", "level": "none", "kind": "", "why": "", "text": "good morning"}],
    } == evaluate(gate, path)


def test_evaluate_plain_counts_questions_in_scope(gate: Gate, tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    asked = [
        {"q": "play some jazz", "id": "music"},
        {"q": "I clicked a phishing link", "id": "x"},
        {"q": "I got phished", "id": None},
    ]
    path.write_text(json.dumps({"test": asked}), encoding="utf-8")
    assert {"plain": {"fire": 0.5, "confirm": 0.0}} == evaluate_plain(gate, path)


@pytest.mark.parametrize("text", ["", "a: [", "must_fire: [x]"])
def test_evaluate_refuses_another_file(gate: Gate, tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"s\.yaml"):
        evaluate(gate, path)
    with pytest.raises(ConfigError):
        evaluate(gate, tmp_path / "missing.yaml")
    with pytest.raises(ConfigError):
        evaluate_plain(gate, path)


def test_choices_and_buttons_are_the_only_things_to_press(gate: Gate) -> None:
    cards = [gate.card("file", "en", VALUES), gate.confirm_card("file", "en", VALUES)]
    assert [Buttons, Choices] == [type(b) for card in cards for b in card.blocks if isinstance(b, Buttons | Choices)]
