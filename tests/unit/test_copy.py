"""The words of every language: the same keys and values as in English, and short enough for where they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection

import pytest

from bot.answering.answers import Judgement, Knowledge
from bot.answering.entries import Library
from bot.answering.languages import load_languages
from bot.answering.smalltalk import load_smalltalk
from bot.content import Faults, packaged_shelf
from bot.learning.publishing import load_banned as banned_in_lessons
from bot.organisation import PLACEHOLDER, Words, load_words

OTHERS = ("de", "es", "fr")
FAULTS = Faults()
SHELF = packaged_shelf()
WORDS = load_words(SHELF, FAULTS)
ENGLISH = WORDS.by_language["en"]
TALK = load_smalltalk(SHELF, FAULTS)

# what a platform cuts or refuses: Slack's buttons hold 75 characters, its modals' titles and buttons 24
BUTTON = re.compile(
    r"^button\.|\.button\.|^web\.(report|send|remove|switch|back)$|_button$|_send$|^console\.(claim|release)$"
)
MODAL = {"button.person", "propose.form", "slack.report_title", "slack.send", "slack.send_seen", "slack.cancel",
         "slack.close", "slack.title", "person.form.send", "propose.send", "teams.report_send"}  # fmt: skip
CHOICE = re.compile(r"^(person\.form|propose)\..*\.(normal|urgent|chat|phone|S\d)$")


def test_the_files_have_no_fault() -> None:
    assert FAULTS.found == []
    assert sorted(WORDS.by_language) == ["de", "en", "es", "fr"]


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_exactly_the_english_keys(language: str) -> None:
    texts = WORDS.by_language[language]
    assert (sorted(ENGLISH.keys() - texts.keys()), sorted(texts.keys() - ENGLISH.keys())) == ([], [])


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_uses_the_values_of_the_english_one(language: str) -> None:
    texts = WORDS.by_language[language]
    wrong = [
        key for key in texts if Counter(PLACEHOLDER.findall(texts[key])) != Counter(PLACEHOLDER.findall(ENGLISH[key]))
    ]
    assert wrong == []
    assert [
        key for key, text in texts.items() if "{" in PLACEHOLDER.sub("", text) or "}" in PLACEHOLDER.sub("", text)
    ] == []


class Unasked:
    """A search that nobody asks."""

    def judge(self, question: str, allowed: Collection[str]) -> Judgement:
        raise NotImplementedError


def long(texts: dict[str, str], which: Callable[[str], object], limit: int) -> list[str]:
    return [f"{key}: {text} ({len(text)})" for key, text in texts.items() if which(key) and len(text) > limit]


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_texts_fit_where_they_stand(language: str) -> None:
    texts = dict(WORDS.by_language[language])
    assert long(texts, BUTTON.search, 75) == []
    assert long(texts, MODAL.__contains__, 24) == []
    assert long(texts, CHOICE.search, 75) == []
    assert long(texts, lambda key: key.endswith(".title"), 150) == []  # a header of Slack
    assert long(texts, lambda _key: True, 600) == []
    assert [
        key
        for key, text in texts.items()
        if not text.strip() or (text != text.strip() and key != "emergency.high_risk")
    ] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_much_longer_than_the_english_one(language: str) -> None:
    texts = WORDS.by_language[language]
    allowed = {key: 16 + 1.6 * len(ENGLISH[key]) for key in texts}
    assert [f"{key}: {text}" for key, text in texts.items() if len(text) > allowed[key]] == []


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_nobody_is_blamed_hurried_or_promised_anything(language: str) -> None:
    banned = [*banned_in_lessons(SHELF, Faults()).get(language, ()), "!"]
    texts = {
        key: text for key, text in WORDS.by_language[language].items() if not key.startswith(("console.", "init."))
    }
    found = [key for key, text in texts.items() if any(phrase in text.casefold() for phrase in banned)]
    assert [key for key in found if not re.search(r"\bfail", texts[key])] == []


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_a_text_that_names_a_button_names_it_right(language: str) -> None:
    def say(key: str) -> str:
        return WORDS.by_language[language][key]

    assert say("learning.button.less") in say("learning.ask_less")
    assert say("console.queue.mine") in say("console.queue.none_mine_do")
    for key, kinds in {"slack.home_more": ["tickets"], "welcome.more": ["help", "privacy"]}.items():
        quoted = re.findall("[“„«]\\s?(.+?)\\s?[”“»]", say(key))
        assert [TALK.kind(text) for text in quoted] == kinds
    assert TALK.kind(say("slack.command_help")) == "help"


def test_what_can_be_typed_means_one_thing_in_all_languages() -> None:
    verbs = ("stop", "resume", "less", "why", "useless", "mydata")
    said = [
        (phrase, verb) for verb in verbs for text in WORDS.every(f"learning.typed.{verb}") for phrase in text.split("|")
    ]
    assert len({phrase for phrase, _ in said}) == len(said)
    assert {phrase: TALK.kind(phrase) for phrase, _ in said if TALK.kind(phrase)} == {}
    assert all(mark.endswith(":") and mark == mark.casefold() for mark in WORDS.every("room.note_mark"))


def test_every_says_a_text_once_in_each_language_that_has_it() -> None:
    words = Words({"en": {"a": "x", "b": "z"}, "de": {"a": "x"}, "nl": {"a": "y"}})
    assert (words.every("a"), words.every("b")) == (("x", "y"), ("z",))


@pytest.mark.parametrize(
    ("text", "language"),
    [("bonjour", "fr"), ("Gracias!", "es"), ("ok", ""), ("hi", ""), ("Danke schön", "de"), ("what is a passkey", "")],
)
def test_small_talk_tells_its_language_unless_everybody_says_it(text: str, language: str) -> None:
    assert TALK.language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie melde ich eine verdächtige Mail?", "de"),
        ("how do I report this", "en"),
        ("j'ai cliqué sur un lien dans un mail", "fr"),
        ("d’où vient ce mail", "fr"),
        ("¿Cómo envío un correo cifrado?", "es"),
        ("bonjour", "fr"),
        ("phishing", ""),
        ("https://example.test/a?b=c#d", ""),
        ("la.poste@example.test", ""),
        ("d", ""),
        ("42", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_message(text: str, language: str) -> None:
    knowledge = Knowledge(Library(), Unasked(), TALK, load_languages(SHELF))
    assert knowledge.language(text) == language
