"""Papers: what an outsider wrote stays text in every form, nothing is lost or cut off, and the same paper is the same bytes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from adapters.papers.html import page
from adapters.papers.pdf import pdf
from adapters.papers.table import table
from bot.papers import Bars, Facts, Grid, Heading, Listed, NewPage, Paper, Words
from tests.fakes.paper_reader import pdf_text

NASTY = '<b>&amp;</b> <para/> "x" \u202eevil'
PAPER = Paper(
    "Prüfbericht", "de", 1_800_000_000.0,
    (
        Heading("Überblick"), Words(f"Erste\n{NASTY}"), Words("Achtung", "alert"), Listed(("eins", "zwei")),
        Listed(("drei",), True),
        Facts((("Wer", "Łukasz Żak, Zoë Ångström, Müßig"), ("Preis", "1 000 €"))), Heading("Schritte", 3),
        Grid(("Schritt", "Zeit"), (("revoke", "5 min"), (NASTY, "–")), (3, 1), frozenset({1}), "Schritte"),
        Bars("Einhaltung", (("P1", 0.95, "95 % (n = 20)"), ("P2", None, "–")), "P1: 95 %", 1.0, 0.9), NewPage(), Words("Schluss"),
    ),
    author="Northwind", foot="SEC <1>", letters="Nicht alle Zeichen",
)  # fmt: skip


@pytest.fixture(scope="module")
def printed() -> bytes:
    return pdf(PAPER)


def test_the_pdf_says_all_of_it_and_reads_nothing_as_markup(printed: bytes) -> None:
    text = pdf_text(printed)
    for words in ("Prüfbericht", "Überblick", "Łukasz Żak, Zoë Ångström, Müßig", "1 000 €", "revoke", "95 % (n = 20)", "Schluss",
                  "SEC <1>", "1 / 2", "2 / 2", "drei"):  # fmt: skip
        assert words in text, words
    assert text.count('<b>&amp;</b> <para/> "x" [U+202E]evil') == 2
    assert "Nicht alle Zeichen" not in text


def test_the_pdf_knows_its_title_language_and_time(printed: bytes) -> None:
    assert b"/Lang (de)" in printed
    assert b"D:20270115080000+00'00'" in printed
    assert b"/DisplayDocTitle true" in printed
    assert b"/Outlines" in printed


def test_the_same_paper_is_the_same_bytes(printed: bytes) -> None:
    assert pdf(PAPER) == printed
    assert pdf(replace(PAPER, made=PAPER.made + 1)) != printed


def test_signs_without_a_picture_are_owned_up_to() -> None:
    text = pdf_text(pdf(replace(PAPER, parts=(Words("漢 ﬀ \u1e9e"),))))
    assert "□ ff ẞ" in text
    assert "Nicht alle Zeichen" in text


def test_what_is_longer_than_a_page_goes_on_over_the_next() -> None:
    long = " ".join(f"w{n}" for n in range(2_000))
    row = (("a", long), ("b", "x" * 3_000))
    text = pdf_text(pdf(replace(PAPER, parts=(Grid(("n", "words"), row), Facts((("n", long),)), Words("y" * 5_000)))))
    assert text.count("w1999") == 2
    assert (text.count("x"), text.count("y")) == (3_000, 5_000)


def test_a_paper_of_nothing() -> None:
    assert "Leer" in pdf_text(pdf(Paper("Leer", "de", 0.0, (Bars("n", (), ""), Grid(("a",), ())))))


def test_html_says_the_same_and_fetches_nothing() -> None:
    text = page(PAPER).decode()
    assert text.startswith('<!doctype html>\n<html lang="de">')
    assert text.count("&lt;b&gt;&amp;amp;&lt;/b&gt; &lt;para/&gt; &#34;x&#34; [U+202E]evil") == 2
    assert not re.findall(r"\b(?:src|href|on\w+)=|<script|@import|url\(", text)
    assert 'aria-label="P1: 95 %"' in text
    assert re.findall(r"<h[2-4]>.*?<", text) == ["<h2>Überblick<", "<h4>Schritte<"]


def test_csv_calculates_nothing() -> None:
    rows = [["=1+1", 3], ["  @cmd", -2], ["-3", 'say "x"'], ["a\nb", ""]]
    expected = '"n","m"\r\n"\'=1+1","3"\r\n"\'  @cmd","-2"\r\n"\'-3","say ""x"""\r\n"a\nb",""\r\n'
    assert expected == table(["n", "m"], rows).decode("utf-8-sig")
