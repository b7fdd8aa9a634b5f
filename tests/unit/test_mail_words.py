"""What people read about a mail: in four languages, with the same values, and each reader in their own."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from bot.model import Finding
from bot.organisation import pick
from bot.reporting.admit import admit
from bot.reporting.context import Context
from bot.reporting.explain import found
from bot.reporting.lexicon import packaged_lexicon

LEXICON = packaged_lexicon()
LANGUAGES = {"en", "de", "fr", "es"}
VALUES = {
    "words": 'verify "now"', "more": "click: here.", "name": "Pay & Co", "brand": "PayPal", "domain": "a[.]example",
    "address": "x@b[.]example", "shown": "c[.]example", "real": "d[.]example", "link": "shown e → goes to hxxps://f/…",
    "file": "a.pdf.exe", "check": "the links",
}  # fmt: skip


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("texts", [LEXICON.signs, LEXICON.refusals], ids=["signs", "refusals"])
def test_every_sentence_is_there_in_every_language_with_the_same_values(texts: dict[str, dict[str, str]]) -> None:
    assert {key: set(by) for key, by in texts.items() if not LANGUAGES <= set(by)} == {}
    assert [
        (key, lang) for key, by in texts.items() for lang, text in by.items() if names(text) != names(by["en"])
    ] == []


def test_sentences_are_short_and_nobody_is_blamed() -> None:
    long = [
        (key, lang)
        for key, by in LEXICON.signs.items()
        for lang, text in by.items()
        if max(len(part.split()) for part in re.split(r"[.:] ", text)) > (25 if lang == "en" else 33) or "!" in text
    ]
    assert long == []


@pytest.mark.parametrize("said_in", sorted(LANGUAGES))
def test_a_finding_is_told_again_in_every_readers_language(said_in: str) -> None:
    for sign, texts in LEXICON.signs.items():
        finding = found(LEXICON.context(said_in), sign, **{name: VALUES[name] for name in names(texts["en"])})
        for reader in LANGUAGES:
            assert LEXICON.retell(finding, reader) == texts[reader].format(**VALUES), (sign, reader)


def test_what_cannot_be_told_again_stays_as_it_is() -> None:
    odd = Finding("links.mismatch", "Somebody else's sentence.")
    assert LEXICON.retell(odd, "de") == "Somebody else's sentence."
    assert LEXICON.retell(Finding("no.such_sign", "Words."), "de") == "Words."
    assert LEXICON.retell(Finding("links.ip", LEXICON.signs["links.ip"]["en"].format(link="x")), "nl").endswith(": x.")


def test_checks_that_did_not_run_are_named_in_words() -> None:
    assert (LEXICON.looked_at("links", "de"), LEXICON.looked_at("links", "nl")) == ("die Links", "the links")
    assert LEXICON.looked_at("own_check", "de") == "own_check"


def test_a_refusal_is_in_the_readers_language() -> None:
    with pytest.raises(Exception, match="Diese Datei ist leer"):
        admit(b"", "a.eml", language="de")
    assert pick(LEXICON.refusals["empty"], "nl").startswith("That file is empty")


def test_the_context_speaks_one_language() -> None:
    context: Context = LEXICON.context("fr")
    assert context.signs["links.ip"] == LEXICON.signs["links.ip"]["fr"]
