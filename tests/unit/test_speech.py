"""Which language somebody writes in that we do not speak."""

from __future__ import annotations

import pytest

from bot.answering.knowledge import Vocabulary, read_answers
from bot.answering.languages import load_languages
from bot.answering.speech import Speech, load_others, script
from bot.content import Faults, packaged_shelf

SHELF = packaged_shelf()
FAULTS = Faults()
OTHERS = load_others(SHELF, FAULTS)
WORDS = load_languages(SHELF).words
SPEECH = Speech(["en", "de", "fr", "es"], WORDS, OTHERS)


def test_the_packaged_lists_have_no_fault() -> None:
    assert FAULTS.found == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Jak zgłosić podejrzany e-mail?", "pl"), ("zgubiłem laptopa w pociągu", "pl"), ("怪しいメールを報告するには", "ja"),
        ("これはフィッシングですか", "ja"), ("كيف أبلغ عن بريد مشبوه؟", "ar"), ("איך מדווחים על דואר חשוד", "he"),
        ("Как сообщить о подозрительном письме", "ru"), ("这封邮件是真的吗", "zh"), ("이 이메일은 진짜인가요", "ko"),
        ("Hoe meld ik een verdachte mail?", "nl"), ("Şüpheli bir e-postayı nasıl bildiririm?", "tr"),
        ("Hur rapporterar jag ett misstänkt mejl?", "sv"), ("ผมจะรายงานอีเมลได้อย่างไร", "th"),
        ("Ho perso il mio portatile, cosa devo fare?", "it"), ("Não consigo entrar na minha conta", "pt"),
    ],
)  # fmt: skip
def test_languages_that_nothing_is_written_in(text: str, language: str) -> None:
    assert SPEECH.foreign(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "how do I report this", "Wie melde ich das?", "comment signaler ça", "¿cómo notifico esto?", "VPN", "ok", "hallo", "",
        "42", "https://example.test", "😀", "my name is Łukasz and I lost my phone", "is the mail from São Paulo real",
        "the sender is почта, is it real", "password reset", "mfa?",
    ],
)  # fmt: skip
def test_what_is_ours_or_tells_nothing(text: str) -> None:
    assert SPEECH.foreign(text) == ""


def test_no_question_of_ours_is_taken_for_a_foreign_one() -> None:
    library = read_answers(SHELF, Vocabulary((), (), (), None), Faults())
    texts = [text for entry in library.entries.values() for text in entry.variants()]
    taken = [text for text in texts if SPEECH.foreign(text)]
    assert len(taken) <= len(texts) / 1000, taken


def test_a_language_with_words_of_its_own_is_no_longer_foreign() -> None:
    words = {**WORDS, "nl": OTHERS.words["nl"]}
    assert Speech(["en", "nl"], words, OTHERS).foreign("Hoe meld ik een verdachte mail?") == ""
    assert Speech(["en", "ja"], WORDS, OTHERS).foreign("怪しいメールを報告するには") == ""
    assert (SPEECH.by_script("怪しいメール"), Speech(["ja"], WORDS, OTHERS).by_script("怪しいメール")) == ("", "ja")


@pytest.mark.parametrize(
    ("text", "name"),
    [("abc", "LATIN"), ("", "LATIN"), ("日本語", "CJK"), ("日本の語", "HIRAGANA"), ("пароль abc", "CYRILLIC"),
     ("ａｂｃ", "LATIN"),
     ("password пар", "LATIN"), ("123", "LATIN")],
)  # fmt: skip
def test_the_script_of_a_text(text: str, name: str) -> None:
    assert script(text) == name
