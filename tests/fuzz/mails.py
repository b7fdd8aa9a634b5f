"""Harnesses of reported mail: what the sandbox's processes read, and what the sandbox is answered."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import Any

from bot.reporting.codes import find_codes
from bot.reporting.domains import clean_url, host_of, registered, scheme_of, to_ascii, to_unicode, userinfo
from bot.reporting.examine import Examination, examine
from bot.reporting.forward import is_forward, quoted
from bot.reporting.lexicon import packaged_lexicon
from bot.reporting.mail import parse
from bot.reporting.mail_files import describe
from bot.reporting.mail_html import read_html
from bot.reporting.outline import outline
from bot.reporting.pasted import as_mail, as_text_only
from bot.reporting.pdf_drawing import drawings
from bot.reporting.rtf import unwrap
from bot.reporting.safe_view import clean, safe_view
from bot.reporting.screenshots import look
from bot.reporting.unpack import unpack
from bot.reporting.wire import dump
from tests.corpus.malformed import SAMPLES
from tests.fakes import outlook_files
from tests.fuzz.harness import dumped, harness, text_of

SIGNS = (
    b"From: a@b.example\r\n",
    b"Subject: =?utf-8?Q?=C3?=\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"\r\n\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"message/rfc822",
    b"begin 644 x\n",
    b"charset=utf-16",
    b"filename*0*=x''%ff",
    b"Authentication-Results: x; dkim=pass",
    b"Date: Mon, 31 Feb 2026 99:00 +9999\r\n",
    b"text/calendar",
    b"BEGIN:VCALENDAR\r\n",
)
MAIL = b"From: Kim <kim@news.example>\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
INVITATION = (
    MAIL + b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Pay\r\n"
    b"DTSTART:20260101T000000Z\r\n"
    b"ATTACH:https://a.example/x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
TAGS = (
    b"<table>",
    b"<a href='",
    b"<div style='display:none'>",
    b"</a>",
    b"<img src='data:image/png;base64,",
    b"<!--",
    b"<![CDATA[",
    b"<svg>",
    b"<form action=",
    b"&#x202e;",
    b"<base href=",
    b"<meta http-equiv=refresh content='0;url=",
    b"<script>",
    b"<div>" * 200,
)


@cache
def _context() -> Any:
    return packaged_lexicon().context("en")


def _mails() -> list[bytes]:
    return [sample[1] for sample in SAMPLES[::3]] + [INVITATION]


@harness("mail.eml", pieces=SIGNS, made=_mails, seconds=3.0)
def mail_eml(data: bytes) -> None:
    parse(data, "x.eml")
    assert outline(data, "x.eml").fault == ""
    assert examine(data, "x.eml", _context()).failure in ("", "unreadable")


@harness("mail.view", pieces=(*SIGNS, *TAGS), made=_mails, seconds=3.0)
def mail_view(data: bytes) -> None:
    shown = safe_view(data, "x.eml").html.lower()
    assert not [
        word for word in ("<script", "<form", "<img", "href=", "javascript:", " on", "<svg") if f"<{word}" in shown
    ]
    assert "<script" not in shown


@harness("mail.letter", pieces=SIGNS, made=_mails, seconds=3.0)
def mail_letter(data: bytes) -> None:
    unpack(data, "gateway.example")


@harness(
    "mail.msg",
    pieces=(b"__substg1.0_0037001F", b"__attach_version1.0_#00000000", b"\xfe\xff\xff\xff", b"\xff" * 512),
    made=lambda: [_msg()],
    seconds=3.0,
)
def mail_msg(data: bytes) -> None:
    parse(data, "x.msg")


def _msg() -> bytes:
    return outlook_files.compound(
        outlook_files.msg(p0037="Pay", p0c1f="kim@a.example", body="Go to https://a.example/x")
    )


@harness(
    "mail.tnef",
    pieces=(b"\x78\x9f\x3e\x22", b"\x02\x10\x80\x06\x00", b"\xff\xff\xff\x7f"),
    made=lambda: [outlook_files.winmail(b"Please pay", {"a.txt": b"hello"})],
    seconds=3.0,
)
def mail_tnef(data: bytes) -> None:
    part = (
        MAIL
        + b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + data
    )
    parse(part, "x.eml")
    parse(data, "winmail.dat")


@harness(
    "mail.rtf",
    pieces=(
        rb"{\rtf1\ansi\fromhtml1 ",
        rb"{\*\htmltag64 <p>}",
        rb"\'e4",
        rb"\u8364?",
        rb"\bin99999 ",
        b"{" * 500,
        b"}",
        b"LZFu",
    ),
    made=lambda: [rb"{\rtf1\ansi\ansicpg1252\fromhtml1 {\*\htmltag64 <p>}Gr\'fc\'dfe \u8364?{\*\htmltag72 </p>}}"],
)
def mail_rtf(data: bytes) -> None:
    unwrap(data)


@harness(
    "mail.html",
    "text",
    pieces=TAGS,
    made=lambda: [
        b"<p>Go <a href='https://a.example/x'>to https://bank.example</a><img src=cid:1><table><tr><td bgcolor=#000>"
    ],
    seconds=2.0,
)
def mail_html(data: bytes) -> None:
    read_html(text_of(data))
    assert "<script" not in clean(text_of(data)).lower()


URLS = [
    b"https://user:pw@xn--bcher-kva.example:8443/a?b=c#d",
    b"hxxp://1.2.3.4/x",
    b"http://0x7f.1/",
    b"//[::1]/",
    b"//" + b"a." * 25_000,
    b"javascript:alert(1)",
    b"https://a.example\\@b.example/",
    "https://аррӏе.example/".encode(),
]


@harness(
    "mail.url",
    "text",
    pieces=(b"://", b"@", b"[", b"]", b"%00", b"\\", b":99999999", b"xn--", b"0x", b"\xe3\x80\x82", b"."),
    made=lambda: URLS,
)
def mail_url(data: bytes) -> None:
    url = clean_url(text_of(data))
    host = host_of(url)
    for read in (scheme_of, userinfo):
        read(url)
    for read in (registered, to_ascii, to_unicode):
        read(host)


@cache
def _pictures() -> list[bytes]:
    import zxingcpp
    from PIL import Image

    code = Image.fromarray(
        zxingcpp.write_barcode_to_image(
            zxingcpp.create_barcode("https://a.example/x", zxingcpp.BarcodeFormat.QRCode), scale=4
        )
    )
    found = []
    for form in ("PNG", "GIF", "JPEG", "BMP", "TIFF", "WEBP", "PDF"):
        stream = io.BytesIO()
        code.convert("RGB").save(stream, form)
        found.append(stream.getvalue())
    return found


@harness(
    "mail.qr",
    pieces=(b"IHDR", b"IDAT", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"\x7f\xff\xff\xff", b"RIFF"),
    made=_pictures,
    seconds=3.0,
)
def mail_qr(data: bytes) -> None:
    find_codes([data], "", text_of(data[:2000]))
    look(data, "x.png")


PDF_SIGNS = (
    b"%PDF-1.7\n",
    b"obj",
    b"endobj",
    b"stream\n",
    b"endstream",
    b"/FlateDecode",
    b" re f\n",
    b" 0 0 1 cm ",
    b"<<",
    b">>",
    b"/Length 9999999",
)


@harness(
    "mail.pdf",
    pieces=PDF_SIGNS,
    made=lambda: [_pictures()[-1], b"%PDF-1.4\n1 0 obj<</Length 20>>stream\n0 0 10 10 re f\nendstream endobj"],
    seconds=4.0,
)
def mail_pdf(data: bytes) -> None:
    for _ in drawings(data, [4_000_000]):
        pass
    describe("x.pdf", "application/pdf", data)


def _archives() -> list[bytes]:
    from zipfile import ZIP_DEFLATED, ZipFile

    found = []
    for names in (["a.txt", "b/c.exe"], ["word/document.xml", "word/vbaProject.bin", "[Content_Types].xml"]):
        stream = io.BytesIO()
        with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, name * 50)
        found.append(stream.getvalue())
    return [
        *found,
        b"Rar!\x1a\x07\x01\x00" + b"\x00" * 40,
        b"7z\xbc\xaf\x27\x1c" + b"\x00" * 40,
        b"MZ\x90\x00",
        b"<svg onload=x>",
        b"BEGIN:VCALENDAR",
    ]


@harness(
    "mail.attachment",
    pieces=(
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"Rar!\x1a\x07\x00",
        b"%PDF-",
        b"\xd0\xcf\x11\xe0",
        b"\xff" * 8,
    ),
    made=_archives,
    seconds=2.0,
)
def mail_attachment(data: bytes) -> None:
    for name in ("x.zip", "x.docm", "x", "\u202excod.exe", text_of(data[:60])):
        describe(name, "application/octet-stream", data)


@harness(
    "mail.pasted",
    "text",
    pieces=(b"From: ", b"Sent: ", b"Von: ", b"-----Original Message-----\n", b"> ", b"Subject: ", b"\n\n"),
    made=lambda: [
        b"From: Kim <kim@a.example>\nSent: Monday\nTo: me\nSubject: Pay\n\nPay today",
        b"> Von: x\n> Betreff: y\n\nz",
    ],
)
def mail_pasted(data: bytes) -> None:
    text = text_of(data)
    as_mail(text)
    as_text_only(text)
    quoted(text)
    is_forward(text)


@harness("mail.sandbox", "json", made=lambda: dumped(dump(examine(INVITATION, "x.eml", _context()))), seconds=2.0)
def mail_sandbox(data: bytes) -> None:
    """A process of the sandbox that a mail has taken over answers what it likes."""
    from bot.reporting.sandbox import answered

    found = answered(Examination, data)
    assert found in (None, "crash") or isinstance(found, Examination)
    json.dumps(dump(found) if isinstance(found, Examination) else found)
