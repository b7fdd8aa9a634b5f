"""Malformed mails give the fields they should; mails from a generator never raise, and cost little."""

from __future__ import annotations

import time
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.reporting.examine import examine
from bot.reporting.lexicon import packaged_lexicon
from bot.reporting.mail import parse
from bot.reporting.mail_model import MAX_FILES, MAX_INNER, MAX_LINKS, MAX_TEXT, Email
from bot.reporting.outline import outline
from bot.reporting.safe_view import safe_view
from tests.corpus.malformed import SAMPLES

CONTEXT = packaged_lexicon().context("en")


def seen(email: Email, name: str) -> Any:
    """A field in the form of the samples."""
    match name:
        case "sender":
            return (email.sender.name, email.sender.email)
        case "senders":
            return len(email.senders)
        case "files":
            return [(file.name, file.type) for file in email.attachments]
        case "links":
            return [link.target for link in email.links]
        case "inner":
            return [(mail.sender.name, mail.sender.email) for mail in email.inner]
        case "text":
            return email.text.strip()
    return getattr(email, name)


def test_there_are_enough_samples() -> None:
    assert len(SAMPLES) >= 60
    assert len({name for name, _, _ in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize(
    ("data", "expected"), [sample[1:] for sample in SAMPLES], ids=[sample[0] for sample in SAMPLES]
)
def test_a_malformed_mail_gives_its_fields(data: bytes, expected: dict[str, Any]) -> None:
    started = time.process_time()
    email = parse(data)
    assert {name: seen(email, name) for name in expected} == expected
    assert time.process_time() - started < 2.0


# mails from a generator --------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "pay",
        "Grüße",
        "\u202eevil",
        "https://a.example/x",
        "<b>",
        "\x00",
        "=?utf-8?Q?x?=",
        "\r\n",
        "a@b.example",
        "\ud800",
    ]
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
NAMES = st.sampled_from(
    ["From", "Subject", "Reply-To", "To", "Date", "Content-Type", "Authentication-Results", "X-\x7f", "", "Fr om"]
)
RAW = st.text(alphabet=st.characters(codec="latin-1"), max_size=60)
HEADERS = st.lists(st.tuples(NAMES, st.one_of(TEXTS, RAW)), max_size=8)
TYPES = st.sampled_from(
    ["text/plain", "text/html; charset=x", "multipart/mixed; boundary=b", "multipart/mixed", "message/rfc822", "image/png",
     "application/pdf", "application/ms-tnef", "text/plain; charset=utf-16", "a/b/c", ";;"]
)  # fmt: skip
CODINGS = st.sampled_from(["base64", "quoted-printable", "x-uuencode", "7bit", "", "nonsense"])
PIECES = (b"<table>", b"<a href='", b"//", b"--b\r\n", b"--b--", b"data:image/png;base64,", b"%PDF", b"PK\x03\x04",
          b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x78\x9f\x3e\x22", b"begin 644 x\n", b"=", b"\r\n\r\n", b"\xff")  # fmt: skip
BODIES = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join))


@st.composite
def mails(draw: st.DrawFn, depth: int = 2) -> bytes:
    """A mail of pieces that go wrong in every combination."""
    head = b"".join(f"{name}: {value}\r\n".encode("utf-8", "replace") for name, value in draw(HEADERS))
    kind, coding = draw(TYPES), draw(CODINGS)
    head += f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {coding}\r\n".encode()
    body = draw(BODIES)
    if depth and draw(st.booleans()):
        parts = draw(st.lists(mails(depth - 1), max_size=3))
        body += b"".join(b"\r\n--b\r\n" + part for part in parts) + draw(st.sampled_from([b"\r\n--b--", b""]))
    return head + draw(st.sampled_from([b"\r\n", b"\n", b"", b"\r"])) + body


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mails(), st.sampled_from(["", "x.eml", "x.msg", "\ud800.eml"]))
def test_no_mail_of_the_generator_raises_or_breaks_a_cap(data: bytes, name: str) -> None:
    email = parse(data, name)
    assert len(email.text) <= MAX_TEXT
    assert len(email.links) <= MAX_LINKS + 10
    assert len(email.attachments) <= MAX_FILES
    assert len(email.inner) <= MAX_INNER
    assert outline(data, name).fault == ""
    view = safe_view(data, name)
    assert "<script" not in view.html.lower()
    assert examine(data, name, CONTEXT).failure in ("", "unreadable")


@settings(max_examples=60, deadline=None)
@given(subject=st.text(max_size=60), name=st.text(max_size=30), body=st.text(max_size=200))
def test_what_a_good_program_wrote_is_read_back(subject: str, name: str, body: str) -> None:
    plain = {
        text: " ".join("".join(c for c in text if c.isalnum() or c == " ").split()) for text in (subject, name, body)
    }
    message = EmailMessage()
    message["Subject"], message["From"] = plain[subject], "a@b.example"
    message.set_content(plain[body] or "x")
    email = parse(message.as_bytes())
    assert (email.sender.email, email.subject, email.text.strip()) == (
        "a@b.example",
        plain[subject],
        plain[body] or "x",
    )
