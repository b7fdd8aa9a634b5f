"""The emergency gate language by language: the same sentences, the same figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.answering.emergency import Gate
from bot.content import packaged_shelf

CORPUS = yaml.safe_load(Path(__file__).parent.parent.joinpath("corpus", "emergency_languages.yaml").read_text("utf-8"))
LANGUAGES = ("en", "de", "fr", "es")


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(packaged_shelf())


def levels(gate: Gate, group: str, language: str) -> list[str]:
    return [gate.look(sentence).level for sentence in CORPUS[group][language]]


def test_each_language_says_the_same_things() -> None:
    assert {group: {language: len(said) for language, said in found.items()} for group, found in CORPUS.items()} == {
        "must_fire": dict.fromkeys(LANGUAGES, 14),
        "must_confirm": dict.fromkeys(LANGUAGES, 6),
        "must_not": dict.fromkeys(LANGUAGES, 11),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_has_happened_is_never_missed(gate: Gate, language: str) -> None:
    seen = levels(gate, "must_fire", language)
    assert seen.count("none") == 0
    assert seen.count("fire") >= 13


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_might_have_happened_is_asked_about(gate: Gate, language: str) -> None:
    assert levels(gate, "must_confirm", language) == ["confirm"] * 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_ordinary_questions_alarm_nobody(gate: Gate, language: str) -> None:
    assert levels(gate, "must_not", language) == ["none"] * 11


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_comes_in_the_language_of_the_sentence(gate: Gate, language: str) -> None:
    assert {gate.look(sentence).lang for sentence in CORPUS["must_fire"][language]} == {language}


@pytest.mark.parametrize(
    "text",
    ["je viens de cliquer sur le lien du mail",
     "elle vient d'ouvrir la pièce jointe infectée", "acabo de hacer clic en el enlace",
     "acabamos de pagar una factura falsa"],
)  # fmt: skip
def test_what_was_done_a_moment_ago_was_done(gate: Gate, text: str) -> None:
    assert gate.look(text).level != "none"


@pytest.mark.parametrize(
    "sentence",
    [
        "Habe die Push-Anfrage angenommen, obwohl ich mich nicht angemeldet habe",
        "Ich habe eine Anmeldung angenommen, die ich nicht gestartet habe",
        "angenommen und bestätigt hab ich die Anfrage, war aber nicht ich",
        "Anfrage angenommen. Mir wurde das Konto gestohlen",
    ],
)
def test_angenommen_is_a_supposition_only_where_a_clause_begins_with_it(gate: Gate, sentence: str) -> None:
    assert gate.look(sentence).level == "fire"
