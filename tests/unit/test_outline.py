"""What a mail is recognised by: words, not numbers and addresses; where it leads; whom it went to and when."""

from __future__ import annotations

import random

import pytest

from bot.reporting.outline import BANDS, KEPT, SAME, Outline, bands, likeness, outline, sketch
from bot.reporting.wire import dump, load
from tests.fakes.letters import PHISH, QUOTES, inline, letter

TEXT = (
    "Dear customer, your parcel could not be delivered because the address is incomplete. Pay the fee of {n} and tell us where "
    "to bring it: https://parcel-{n}.example/pay?id={n}. Your order {n} goes back tomorrow. The team of the parcel service"
)


def seen(text: str, subject: str = "Your parcel", sender: str = "Parcel") -> tuple[int, ...]:
    return sketch(subject, sender, text)


def test_numbers_links_and_tricks_with_letters_make_no_difference() -> None:
    first = seen(TEXT.format(n=1))
    assert 1.0 == likeness(first, seen(TEXT.format(n=987_654)))
    assert 1.0 == likeness(
        first, seen(TEXT.format(n=2).replace("parcel", "p\u200bаrcel").upper())
    )  # zero width, Cyrillic
    assert 0.0 == likeness(first, seen("Are you at your desk?", "Quick task", "Ana Ruiz"))


def test_likeness_is_the_share_of_common_pieces() -> None:
    first, second = seen("one two three four five six seven"), seen("one two three four five six eight")
    assert pytest.approx(7 / 9) == likeness(first, second)  # 4 of 6 pieces of the text, 3 of subject and name
    assert 0.0 == likeness(first, ())


def test_what_says_too_little_is_not_recognised() -> None:
    assert ((), ()) == (sketch("", "", "hello"), bands(()))
    assert () != sketch("hello", "Ana Ruiz", "")


def test_long_mails_are_estimated() -> None:
    words = [f"word{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(3000)]
    first, second = sketch("s", "n", " ".join(words)), sketch("s", "n", " ".join(words[600:]))
    assert (KEPT, True) == (len(first), abs(likeness(first, second) - 0.8) < 0.08)


def test_near_duplicates_meet_in_a_band_and_others_do_not() -> None:
    random.seed(7)
    words = [f"w{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(26)]
    met = strangers = 0
    for _ in range(100):
        text = random.choices(words, k=60)
        copy = list(text)
        copy[random.randrange(60)] = "changed"
        copy[random.randrange(60)] = "changedtoo"
        one, two = seen(" ".join(text)), seen(" ".join(copy))
        met += likeness(one, two) >= SAME and bool(set(bands(one)) & set(bands(two)))
        strangers += bool(set(bands(one)) & set(bands(seen(" ".join(random.choices(words, k=60)), "Other", "Name"))))
    assert (100, True) == (met, strangers < 5)
    assert BANDS == len(set(bands(seen(TEXT))))


def test_stored_sketches_stay_readable() -> None:
    """These values are in databases: they may never change."""
    pieces = seen("Pay the fee within the hour")
    assert (709691349, 745826079, 1027905194) == pieces[:3]
    assert ("610e62b53ab1e3a0", "c7279fa51062216b") == bands(pieces)[:2]


def test_where_it_leads_whom_it_went_to_and_when() -> None:
    found = load(Outline, dump(outline(PHISH, "x.eml")))
    assert (("parcel-fee.example",), "info@parcel-fee.example") == (found.domains, found.sender)
    assert ("dana.reyes@northwind.example",) == found.people
    assert 1_899_968_400.0 == found.delivered  # our own server's line, not what the sender says
    other = outline(PHISH.replace(b"/pay", b"/pay?id=7"), "x.eml")
    elsewhere = outline(PHISH.replace(b"/pay", b"/login"), "x.eml")
    assert (found.leads, False) == (other.leads, found.leads == elsewhere.leads)


def test_every_recipient_counts() -> None:
    hops = b"Delivered-To: ana@northwind.example\r\nReceived: from a by b for <bo@northwind.example>; x\r\n"
    found = outline(hops + b"Cc: Clara <cl@x.example>\r\n" + PHISH, "x.eml").people
    assert ("dana.reyes", "cl", "ana", "bo") == tuple(address.partition("@")[0] for address in found)


@pytest.mark.parametrize("program", list(QUOTES))
def test_a_forward_is_recognised_as_the_mail_it_is_about(program: str) -> None:
    plain, forward = outline(PHISH, "x.eml"), outline(inline(program, "is this real? I was not sure"), "letter.eml")
    assert likeness(plain.pieces, forward.pieces) >= SAME
    assert plain.sender == forward.sender
    assert not {"report@northwind.example"} & set(forward.people)


def test_a_mail_attached_to_a_mail_is_the_one_meant() -> None:
    assert outline(PHISH, "x.eml").pieces == outline(letter("Fwd: look", "please", mails=[PHISH]), "x.eml").pieces


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff" * 50,
        b"From: x\r\n\r\n" + b"a " * 500_000,
        b"Subject: x\r\n\r\n" + b"x" * 2_000_000,
        b"From: a@b.example\r\n\r\n" + b"a@" * 100_000,
        b"\r\n\r\n" + b"To: a" * 50_000,
    ],
)
def test_any_bytes_have_an_outline(data: bytes) -> None:
    assert "" == outline(data, "x.eml").fault
