"""Messages that go on from the last one, and messages that hold two questions: told by small words in four languages."""

from __future__ import annotations

import time

import pytest

from bot.answering.languages import load_languages
from bot.answering.ours import fold
from bot.answering.threads import Threads, load_threads
from bot.content import Faults, packaged_shelf

FAULTS = Faults()
SHELF = packaged_shelf()
SMALL = frozenset(fold(word) for words in load_languages(SHELF).words.values() for word in words.split())
THREADS = Threads(load_threads(SHELF, FAULTS), SMALL)


def test_the_packaged_words_have_no_fault() -> None:
    assert FAULTS.found == []
    assert THREADS.wording.openers


@pytest.mark.parametrize(
    "text",
    [
        "and on my phone?", "what about my tablet", "how long does that take?", "does it cost anything", "And if it is blocked?",
        "und auf dem Handy?", "wie lange dauert das?", "was ist mit dem Tablet", "et sur mon téléphone ?",
        "combien de temps ça prend ?", "¿y en el móvil?", "¿cuánto tarda eso?", "¿y si no funciona?",
    ],
)  # fmt: skip
def test_what_goes_on_from_the_message_before(text: str) -> None:
    assert (THREADS.goes_on(text), THREADS.bare(text)) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "How do I report a suspicious email?", "my laptop was stolen yesterday", "Wie verschicke ich eine verschlüsselte Mail?",
        "Comment signaler un mail suspect ?", "¿Cómo notifico un correo sospechoso?", "", "?", "and",
        "what happens when I report a mail to the team and they find out that it was harmless after all, do they laugh at me",
    ],
)  # fmt: skip
def test_what_stands_alone(text: str) -> None:
    assert THREADS.goes_on(text) is False


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("and on my phone?", "on my phone?"), ("What about the tablet", "the tablet"), ("et pour mon mobile", "mon mobile"),
        ("how long", "how long"), ("and", "and"), ("", ""),
    ],
)  # fmt: skip
def test_the_joining_word_comes_off(text: str, rest: str) -> None:
    assert THREADS.without_opener(text) == rest


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("How do I send an encrypted mail and how do I release a message?",
         ("How do I send an encrypted mail", "how do I release a message?")),
        ("how do i report phishing? can i use my own phone for mail?",
         ("how do i report phishing?", "can i use my own phone for mail?")),
        ("1) how do i get a passkey\n2) may family use my laptop", ("how do i get a passkey", "may family use my laptop")),
        ("- how do I report\n- what is a passkey", ("how do I report", "what is a passkey")),
        ("Wie melde ich Phishing und darf ich mein Handy benutzen?", ("Wie melde ich Phishing", "darf ich mein Handy benutzen?")),
        ("Comment signaler un mail et comment envoyer un mail chiffré ?",
         ("Comment signaler un mail", "comment envoyer un mail chiffré ?")),
        ("¿Cómo envío un correo cifrado y puedo usar mi móvil para el trabajo?",
         ("¿Cómo envío un correo cifrado", "puedo usar mi móvil para el trabajo?")),
        ("how do I choose a password and keep it safe", None), ("Hi! how do i encrypt a mail?", None),
        ("Is it safe? Really?", None), ("one. two. three. four. five.", None), ("", None), ("???", None), ("\n\n", None),
        ("a b c? d e f? g h i? j k l?", None),
    ],
)  # fmt: skip
def test_two_questions_in_one_message(text: str, parts: tuple[str, ...] | None) -> None:
    assert THREADS.questions(text) == (parts or (text,))


def test_nothing_is_lost_when_a_message_is_taken_apart() -> None:
    text = "I lost my badge. Who do I tell? And what does a new one cost me?"
    parts = THREADS.questions(text)
    assert " ".join(parts) == text


def test_without_words_every_message_stands_alone() -> None:
    bare = Threads()
    assert bare.goes_on("and on my phone?") is False
    assert bare.questions("how do I report it and how do I delete it") == ("how do I report it and how do I delete it",)


def test_long_texts_cost_little() -> None:
    for text in ("and how do i " * 800, "? " * 5_000, "-\n" * 5_000, "a" * 10_000):
        start = time.process_time()
        THREADS.goes_on(text)
        THREADS.questions(text)
        assert time.process_time() - start < 0.1, text[:20]
