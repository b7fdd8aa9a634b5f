"""Harnesses of what people type and press: the readers of text, and the whole desk behind its one door."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bot.answering.redaction import redact
from bot.cards import as_text, pressables
from bot.content import Faults, packaged_shelf
from bot.learning.dates import looks_like_a_day, read_day, say_day
from bot.model import File
from bot.organisation import load_words
from tests.docs import ROOT
from tests.fuzz.harness import dumped, harness, json_of, text_of

SAID = (
    b"password: ",
    b"4111 1111 1111 1111",
    b"-----BEGIN RSA PRIVATE KEY-----",
    b"AKIA",
    b"https://",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\xb1",
    b"I clicked ",
    b"SEC-1",
    b"yes",
    b"2",
    b"123456",
    b"\n" * 60,
    b"a" * 3000,
    b"ich habe geklickt",
    "он".encode(),
    b"<@U1>",
    b"@everyone",
    b"`",
    b"*_~",
)
TEXTS = [
    b"I clicked the link in a phishing mail and typed my password",
    b"how do I get a password manager?",
    b"my password is hunter2-Blue-Horse! please help",
    b"tomorrow",
    b"am 3. Mai",
    b"le 12 janvier 2027",
    b"status",
    b"my tickets",
    b"stop",
    b"2",
    b"help",
    "¿qué hago?".encode(),
]


@harness("words.redact", "text", pieces=SAID, made=lambda: TEXTS)
def words_redact(data: bytes) -> None:
    redact(redact(text_of(data)).text)


@cache
def _words() -> Any:
    return load_words(packaged_shelf(), Faults())


@harness(
    "words.day",
    "text",
    pieces=(
        b"31.",
        b"02",
        b"/",
        b"-",
        b"9999",
        b"tomorrow",
        b"in 99999999999999999999 weeks",
        b"next",
        "\u0663".encode(),
        "²".encode(),
        b"lundi",
    ),
    made=lambda: [
        b"tomorrow",
        b"3/4",
        b"2026-12-31",
        b"31.2.",
        b"in 3 weeks",
        "nächsten Montag".encode(),
        b"le 12 janvier",
        b"el lunes",
    ],
)
def words_day(data: bytes) -> None:
    text = text_of(data)
    looks_like_a_day(text, _words())
    for lang in ("en", "de", "fr", "es"):
        found = read_day(text, date(2026, 11, 24), lang, _words())
        if found.day:
            say_day(found.day, lang, _words())


@cache
def house() -> Any:
    """A desk with its people, and the search that tests have fitted."""
    from adapters.stores.open import open_db
    from tests.fakes.desk import House, data_folder, shared

    fitted = ROOT / ".pytest_cache" / "d" / "secdesk"
    fitted.mkdir(parents=True, exist_ok=True)
    folder = data_folder(Path(mkdtemp(prefix="secdesk-fuzz-")) / "data", fitted)
    return House(folder, open_db("", folder), shared(fitted), settings={"api_per_minute": 10**9, "signin_idle": 10**9})


@harness("words.search", "text", pieces=SAID, made=lambda: TEXTS, seconds=2.0)
def words_search(data: bytes) -> None:
    gate, found = house().app.contents.gate.current, house().app.contents.knowledge.current
    gate.look(text_of(data))
    found.search.judge(text_of(data), frozenset(found.library.entries))


@harness("desk.said", "text", pieces=SAID, made=lambda: TEXTS, seconds=4.0)
def desk_said(data: bytes) -> None:
    """Whatever somebody writes, they get an answer."""
    house().clock.forward(10)  # or the limit on messages a minute answers
    reply = house().say("dana.reyes", text_of(data)[:20_000])
    assert reply.card is None or as_text(reply.card)


@harness(
    "desk.file",
    pieces=SAID,
    made=lambda: [b"From: a@b.example\r\nSubject: x\r\n\r\nPay", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"%PDF-1.4"],
    seconds=4.0,
)
def desk_file(data: bytes) -> None:
    house().clock.forward(10)
    house().say("dana.reyes", "is this phishing?", files=(File(text_of(data[:40]) or "x.eml", data),))


@cache
def _pressed() -> list[bytes]:
    found = []
    for text in TEXTS:
        reply = house().say("jonas.keller", text.decode())
        found += [
            {"id": one.action, "value": one.value, "form": {"text": "x"}}
            for one in (pressables(reply.card) if reply.card else ())
        ]
    desk = [
        {"id": f"{pillar}.{verb}", "value": value, "form": {"note": "x", "to": "sam.ortiz"}}
        for pillar, verb, value in (
            ("tickets", "claim", "SEC-1"),
            ("tickets", "reply", "SEC-1:1"),
            ("procedure", "done", "RUN-7:revoke:4"),
            ("partner", "confirm", "x:2026-01"),
            ("learning", "answer", "x:1"),
            ("people", "left", "dana"),
            ("emergency", "answer", "x"),
            ("answering", "rate", "x"),
        )
    ]
    return dumped(*found, *desk)


@harness(
    "desk.pressed",
    "json",
    pieces=(b"SEC-1", b":", b"tickets.", b"answering.", b"learning.", b"emergency.", b"procedure.", b"RUN-7:x:1"),
    made=_pressed,
    seconds=4.0,
)
def desk_pressed(data: bytes) -> None:
    """A client that sends any button of any card, or none that there ever was, with anything in its form."""
    given = json_of(data)
    if isinstance(given, dict):
        form = given.get("form")
        sent = {str(name): str(value) for name, value in form.items()} if isinstance(form, dict) else {}
        house().clock.forward(10)
        house().press("dana.reyes", str(given.get("id", ""))[:255], str(given.get("value", ""))[:2000], sent)
