"""Small talk: short messages that are no question."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.answering.smalltalk import Smalltalk, load_smalltalk, normal
from bot.content import Faults, packaged_shelf

FAULTS = Faults()
TALK = load_smalltalk(packaged_shelf(), FAULTS)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "hello"), ("Hello!", "hello"), ("  HI  ", "hello"), ("hi.", "hello"), ("good\nmorning", "hello"),
        ("h\u200bello", "hello"), ("Ｈｅｌｌｏ", "hello"), ("Buenos días", "hello"), ("bonjour !", "hello"),
        ("thanks", "thanks"), ("Danke schön", "thanks"), ("what can you do?", "help"),
        ("talk to a person", "person"), ("HUMAN PLEASE!!", "person"), ("parler à quelqu'un", "person"),
        ("report phishing", "report"), ("my tickets", "tickets"), ("you are useless", "abuse"),
        ("", "empty"), ("   ", "empty"), ("\u200b\u2060", "empty"), ("😀", "empty"), ("?!?", "empty"), ("...", "empty"),
        ("https://example.test/a", "url"), ("hxxp://example[.]test", "url"), (" www.example.test ", "url"),
        ("hello how do I choose a password", ""), ("say hello to my boss", ""), ("thanks but it still fails", ""),
        ("https://example.test is this real", ""), ("is www.example.test real", ""), ("person", ""), ("中文", ""),
    ],
)  # fmt: skip
def test_what_kind_a_text_is(text: str, kind: str) -> None:
    assert TALK.kind(text) == kind


def test_the_packaged_lines_have_no_fault_and_none_is_of_two_kinds() -> None:
    assert FAULTS.found == []
    import yaml

    raw = yaml.safe_load((packaged_shelf().packaged / "smalltalk.yaml").read_text("utf-8"))
    kinds: dict[str, set[str]] = {}
    for kind, languages in raw.items():
        for lines in languages.values() if isinstance(languages, dict) else ():
            for line in lines:
                kinds.setdefault(normal(line), set()).add(kind)
    assert {line: found for line, found in kinds.items() if len(found) > 1} == {}


def test_every_kind_has_a_reply_in_the_copy() -> None:
    from bot.organisation import load_words

    words = load_words(packaged_shelf(), Faults())
    for kind in ("hello", "thanks", "help", "abuse", "url", "empty"):
        assert words.say("en", f"small.{kind}", helpdesk_phone="+1")


def test_a_broken_file_makes_every_message_a_question_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "smalltalk.yaml").write_text("schema: smalltalk/1\nhello: {en: hi}\ngreetings: {}\n")
    faults = Faults()
    talk = load_smalltalk(packaged_shelf(tmp_path), faults)
    assert talk.kind("hi") == ""
    assert [str(fault).rsplit("/", 1)[-1] for fault in faults.found] == [
        'smalltalk.yaml:2:9: "hello.en": input should be a valid list, correct it',
        'smalltalk.yaml:3:1: "greetings" is not a key that is known here, remove it, or check its spelling',
    ]


def test_normal_form() -> None:
    assert normal("  Don't\tSTOP — now! ") == "don't stop now"
    assert Smalltalk({"don't": "x"}).kind("DON'T") == "x"
