"""Days as people type them, in four languages; what could be two days, is over, or is too far away is told apart."""

from __future__ import annotations

from datetime import date

import pytest

from bot.content import Faults, packaged_shelf
from bot.learning.dates import looks_like_a_day, read_day, say_day
from bot.organisation import load_words

WORDS = load_words(packaged_shelf(), Faults())
TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("lang", "text", "day"),
    [
        ("en", "2027-03-12", date(2027, 3, 12)),
        ("en", "12 March", date(2027, 3, 12)),
        ("en", "March 12th, 2027", date(2027, 3, 12)),
        ("en", "on the 1st of December", date(2026, 12, 1)),
        ("en", "3/25", date(2027, 3, 25)),
        ("en", "25/3/27", date(2027, 3, 25)),
        ("en", "next Monday", date(2026, 11, 30)),
        ("en", "Tuesday", date(2026, 12, 1)),
        ("en", "tomorrow!", date(2026, 11, 25)),
        ("en", "in 3 weeks", date(2026, 12, 15)),
        ("en", "in two months", date(2027, 1, 23)),
        ("de", "12.3.", date(2027, 3, 12)),
        ("de", "12.03.2027", date(2027, 3, 12)),
        ("de", "12. März", date(2027, 3, 12)),
        ("de", "am 1. Maerz 2027", date(2027, 3, 1)),
        ("de", "nächsten Montag", date(2026, 11, 30)),
        ("de", "übermorgen", date(2026, 11, 26)),
        ("de", "in zwei Wochen", date(2026, 12, 8)),
        ("fr", "le 1er décembre", date(2026, 12, 1)),
        ("fr", "12/03/2027", date(2027, 3, 12)),
        ("fr", "3/4", date(2027, 4, 3)),
        ("fr", "12 aout 2027", date(2027, 8, 12)),
        ("fr", "mar", date(2026, 12, 1)),
        ("fr", "dans dix jours", None),
        ("fr", "dans 10 jours", date(2026, 12, 4)),
        ("es", "el 12 de marzo de 2027", date(2027, 3, 12)),
        ("es", "12-03-2027", date(2027, 3, 12)),
        ("es", "el miércoles", date(2026, 11, 25)),
        ("es", "la semana que viene", date(2026, 12, 1)),
        ("en", "am 12. März", date(2027, 3, 12)),  # whoever writes German in an English talk
        ("es", "12 March", date(2027, 3, 12)),
        ("en", "30 February", None),
        ("en", "2026-13-01", None),
        ("en", "12", None),
        ("en", "soonish", None),
        ("en", "12 March 2027 or so", None),
        ("en", "²/³", None),
        ("en", "٣/٤", None),
    ],
)
def test_a_day_is_read(lang: str, text: str, day: date | None) -> None:
    typed = read_day(text, TODAY, lang, WORDS)
    assert (typed.day, typed.fault) == (day, "" if day else "unread")


@pytest.mark.parametrize(
    ("lang", "text", "fault"),
    [
        ("en", "3/4", "ambiguous"),
        ("en", "3-4-2027", "ambiguous"),
        ("de", "23.11.2026", "past"),
        ("en", "24 November 2026", "past"),
        ("fr", "1 janvier 2020", "past"),
        ("es", "25/11/2027", ""),
        ("es", "26/11/2027", "far"),
        ("en", "in 9999 weeks", "far"),
        ("en", "12 March 9999", "far"),
    ],
)
def test_a_day_that_cannot_be_had_says_why(lang: str, text: str, fault: str) -> None:
    assert read_day(text, TODAY, lang, WORDS).fault == fault


@pytest.mark.parametrize(
    ("text", "tried"),
    [
        ("the 31st", True),
        ("am 31.", True),
        ("31.31.2031", True),
        ("someday in March", True),
        ("what is phishing?", False),
        ("VPN error 809", False),
        ("SEC-101", False),
        ("", False),
    ],
)
def test_an_attempt_at_a_day_is_told_from_a_question(text: str, tried: bool) -> None:
    assert looks_like_a_day(text, WORDS) is tried


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "Friday 12 March 2027"),
        ("de", "Freitag, 12. März 2027"),
        ("fr", "vendredi 12 mars 2027"),
        ("es", "viernes 12 de marzo de 2027"),
    ],
)
def test_a_day_in_words_can_be_read_again(lang: str, said: str) -> None:
    day = date(2027, 3, 12)
    assert say_day(day, lang, WORDS) == said
