"""Malformed mails of our own making, and what has to be read of each. Each breaks one thing, as real programs and frauds do.

A row: name, bytes, expected fields of the `Email` (`sender` is (name, address), `files` (name, type), `links` targets).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

F = b"From: Kim Sato <kim@news.example>\r\n"
S = b"Subject: Hello\r\n"
KIM = ("Kim Sato", "kim@news.example")
H = F + S
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 40)


def typed(kind: bytes, body: bytes, coding: bytes = b"") -> bytes:
    more = b"Content-Transfer-Encoding: " + coding + b"\r\n" if coding else b""
    return H + b"MIME-Version: 1.0\r\nContent-Type: " + kind + b"\r\n" + more + b"\r\n" + body


def mixed(
    *parts: bytes, boundary: bytes = b"b", close: bool = True, head: bytes = b"multipart/mixed; boundary=b"
) -> bytes:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return typed(head, body + (b"--" + boundary + b"--\r\n" if close else b""))


def q(text: str, charset: str = "utf-8") -> bytes:
    return b"=?" + charset.encode() + b"?B?" + base64.b64encode(text.encode(charset)) + b"?="


TEXT = b"Content-Type: text/plain\r\n\r\nPlease read."
HTML = b'Content-Type: text/html\r\n\r\n<p>Go <a href="https://a.example/x">here</a></p>'
FILE = b"Content-Type: image/png\r\nContent-Disposition: attachment; filename=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
FILE += PNG
INNER = b"From: Boss <boss@corp.example>\r\nSubject: Pay\r\n\r\nPay today."
E = dict[str, Any]

SAMPLES: tuple[tuple[str, bytes, E], ...] = (
    # headers
    ("bare LF", H.replace(b"\r\n", b"\n") + b"\nHi\n", E(sender=KIM, subject="Hello", text="Hi")),
    ("bare CR", (H + b"\r\nHi\r\n").replace(b"\r\n", b"\r"), E(sender=KIM, subject="Hello", text="Hi")),
    ("mixed line ends", F.replace(b"\r\n", b"\n") + S + b"\nHi\r\n", E(sender=KIM, subject="Hello", text="Hi")),
    ("blank lines first", b"\r\n\r\n" + H + b"\r\nHi", E(sender=KIM, subject="Hello", text="Hi")),
    ("UTF-8 mark first", b"\xef\xbb\xbf" + H + b"\r\nHi", E(sender=KIM, subject="Hello", text="Hi")),
    ("UTF-16 file", (H + b"\r\nHi").decode().encode("utf-16"), E(sender=KIM, subject="Hello", text="Hi")),
    ("mbox line first", b"From kim Mon Mar  2 09:12:00 2026\r\n" + H + b"\r\nHi", E(sender=KIM, subject="Hello", text="Hi")),
    ("mbox line quoted", b">From kim Mon Mar 2 2026\r\n" + H + b"\r\nHi", E(sender=KIM, subject="Hello", text="Hi")),
    ("junk line among headers", F + b"this is no header\r\n" + S + b"\r\nHi", E(sender=KIM, subject="Hello", text="Hi")),
    ("no space after colon", b"From:Kim Sato <kim@news.example>\r\nSubject:Hello\r\n\r\nHi", E(sender=KIM, subject="Hello")),
    ("odd case of names", b"FROM: Kim Sato <kim@news.example>\r\nsUBJECT: Hello\r\n\r\nHi", E(sender=KIM, subject="Hello")),
    ("folded with a tab", F + b"Subject: Hel\r\n\tlo there\r\n\r\nHi", E(sender=KIM, subject="Hel lo there")),
    ("folded blank line", F + b"Subject: Hello\r\n \r\n there\r\n\r\nHi", E(sender=KIM)),
    ("no body", H, E(sender=KIM, subject="Hello", text="")),
    ("no subject", F + b"\r\nHi", E(sender=KIM, subject="", text="Hi")),
    ("no sender", S + b"\r\nHi", E(sender=("", ""), subject="Hello", text="Hi")),
    ("two senders", F + b"From: Eve <eve@evil.example>\r\n" + S + b"\r\nHi", E(sender=KIM, senders=2)),
    ("sender without address", b"From: Kim Sato\r\n" + S + b"\r\nHi", E(sender=("Kim Sato", ""), subject="Hello")),
    ("sender unquoted comma", b"From: Sato, Kim <kim@news.example>\r\n" + S + b"\r\nHi", E(sender=("Sato Kim", KIM[1]))),
    ("sender open quote", b'From: "Kim Sato <kim@news.example>\r\n' + S + b"\r\nHi", E(sender=KIM)),
    ("sender open bracket", b"From: Kim Sato <kim@news.example\r\n" + S + b"\r\nHi", E(sender=KIM)),
    ("sender in brackets twice", b"From: Kim Sato <<kim@news.example>>\r\n" + S + b"\r\nHi", E(sender=KIM)),
    ("sender with comment", b"From: kim@news.example (Kim Sato)\r\n" + S + b"\r\nHi", E(sender=KIM)),
    ("NUL in a header", F + b"Subject: Hel\x00lo\r\n\r\nHi", E(sender=KIM, subject="Hello")),
    ("escape in a header", F + b"Subject: \x1b[31mHello\r\n\r\nHi", E(sender=KIM)),
    ("raw UTF-8 in a header", F + "Subject: Grüße\r\n\r\nHi".encode(), E(subject="Grüße")),
    ("raw cp1252 in a header", F + b"Subject: Gr\xfc\xdfe\r\n\r\nHi", E(subject="Grüße")),
    ("coded word without end", F + b"Subject: =?utf-8?B?SGVsbG8\r\n\r\nHi", E(sender=KIM, text="Hi")),
    ("coded word unknown charset", F + b"Subject: =?x-none?Q?Hello?=\r\n\r\nHi", E(subject="Hello")),
    ("coded word bad padding", F + b"Subject: =?utf-8?B?SGVsbG8?=\r\n\r\nHi", E(subject="Hello")),
    ("coded word with spaces", F + b"Subject: =?utf-8?Q?Hello there?=\r\n\r\nHi", E(subject="Hello there")),
    ("coded word in quotes", b'From: "' + q("Kim Sato") + b'" <kim@news.example>\r\n' + S + b"\r\nHi", E(sender=KIM)),
    ("character split over coded words", F + b"Subject: =?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=\r\n\r\nHi", E(subject="Grüße")),
    ("coded word glued to text", F + b"Subject: Re:" + q("Hello") + b"\r\n\r\nHi", E(sender=KIM, text="Hi")),
    ("language in a coded word", F + b"Subject: =?utf-8*en?Q?Hello?=\r\n\r\nHi", E(subject="Hello")),
    ("long header", F + b"Subject: " + b"x" * 30_000 + b"\r\n\r\nHi", E(sender=KIM, text="Hi")),
    ("thousands of headers", F + b"X-A: 1\r\n" * 4_000 + S + b"\r\nHi", E(sender=KIM, text="Hi")),
    ("date of nonsense", H + b"Date: yesterday, 99:99\r\n\r\nHi", E(sender=KIM, date="", text="Hi")),
    ("date far off", H + b"Date: Mon, 02 Mar 99999 09:12:00 +0000\r\n\r\nHi", E(date="", text="Hi")),
    ("date with odd zone", H + b"Date: Mon, 02 Mar 2026 09:12:00 +9999\r\n\r\nHi", E(sender=KIM, text="Hi")),
    # bodies
    ("unknown charset", typed(b"text/plain; charset=x-none", "Grüße".encode()), E(text="Grüße")),
    ("wrong charset", typed(b"text/plain; charset=us-ascii", "Grüße".encode()), E(text="Grüße")),
    ("charset in quotes twice", typed(b'text/plain; charset=""utf-8""', "Grüße".encode()), E(text="Grüße")),
    ("no charset, cp1252", typed(b"text/plain", b"Gr\xfc\xdfe"), E(text="Grüße")),
    ("content type of nonsense", typed(b"text", b"Hi"), E(text="Hi")),
    ("content type empty", typed(b"", b"Hi"), E(text="Hi")),
    ("unknown coding", typed(b"text/plain", b"Hi", b"x-none"), E(text="Hi")),
    ("coding in capitals with a space", typed(b"text/plain", base64.b64encode(b"Hi there"), b" BASE64 "), E(text="Hi there")),
    ("base64 without padding", typed(b"text/plain", b"SGkgdGhlcmU", b"base64"), E(text="Hi there")),
    ("base64 with junk inside", typed(b"text/plain", b"SGkg*!\r\ndGhl\x00cmU=", b"base64"), E(text="Hi there")),
    ("base64 with text behind", typed(b"text/plain", b"SGkgdGhlcmU=\r\n\r\n-- \r\nlist footer", b"base64"), E(text="Hi there")),
    ("base64 in one line", typed(b"text/plain", base64.b64encode(b"Hi " * 4000), b"base64"), E(text=("Hi " * 4000).strip())),
    ("quoted-printable broken", typed(b"text/plain", b"Gr=C3=BC=C3=9Fe =ZZ =", b"quoted-printable"), E(text="Grüße =ZZ")),
    ("quoted-printable soft ends", typed(b"text/plain", b"Hi =\r\nthere=\r\n", b"quoted-printable"), E(text="Hi there")),
    ("uuencoded part", typed(b"text/plain", b"begin 644 a\n" + binascii.b2a_uu(b"Hi there") + b"`\nend\n", b"x-uuencode"),
     E(text="Hi there")),
    ("HTML without a type", H + b"\r\n<html><body>Hi</body></html>", E(sender=KIM)),
    ("HTML charset in meta", typed(b"text/html", b'<meta charset="iso-8859-1"><p>Gr\xfc\xdfe</p>'), E(text="Grüße")),
    ("HTML never closed", typed(b"text/html", b"<div><p>Hi <b>there<table><tr><td>now"), E(sender=KIM, subject="Hello")),
    ("HTML link without quotes", typed(b"text/html", b"<a href=https://a.example/x>go</a>"), E(links=["https://a.example/x"])),
    ("HTML link with entities", typed(b"text/html", b'<a href="ht&#116;ps://a.example/&#120;">go</a>'),
     E(links=["https://a.example/x"])),
    ("HTML link with line ends", typed(b"text/html", b'<a href="https://a.exa\r\nmple/x">go</a>'), E(links=["https://a.example/x"])),
    ("HTML deep", typed(b"text/html", b"<div>" * 30_000 + b"Hi"), E(text="Hi")),
    # parts
    ("boundary missing", mixed(TEXT, HTML, head=b"multipart/mixed"), E(sender=KIM, links=["https://a.example/x"])),
    ("boundary wrong", mixed(TEXT, HTML, head=b"multipart/mixed; boundary=zzz"), E(sender=KIM, links=["https://a.example/x"])),
    ("boundary with spaces", mixed(TEXT, head=b'multipart/mixed; boundary="b "'), E(text="Please read.")),
    ("never closed", mixed(TEXT, HTML, close=False), E(links=["https://a.example/x"])),
    ("cut in a part", mixed(TEXT, FILE % b"a.png")[:-60], E(text="Please read.", files=[("a.png", "png")])),
    ("preamble and epilogue", typed(b"multipart/mixed; boundary=b", b"not me\r\n--b\r\n" + TEXT + b"\r\n--b--\r\nnor me"),
     E(text="Please read.")),
    ("nested same boundary", mixed(b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" + TEXT),
     E(text="Please read.")),
    ("multipart that is coded", typed(b"multipart/mixed; boundary=b", b"--b\r\n" + TEXT + b"\r\n--b--", b"base64"),
     E(text="Please read.")),
    ("no parts", typed(b"multipart/mixed; boundary=b", b"just words"), E(sender=KIM, subject="Hello")),
    ("file without a name", mixed(TEXT, FILE.replace(b"; filename=%s", b"")), E(files=[("", "png")])),
    ("name in two pieces", mixed(FILE.replace(b"filename=%s", b'filename*0="a b"; filename*1=".png"')),
     E(files=[("a b.png", "png")])),
    ("name RFC 2231", mixed(FILE.replace(b"filename=%s", b"filename*=utf-8''Gr%C3%BC%C3%9Fe.png")),
     E(files=[("Grüße.png", "png")])),
    ("name as a coded word", mixed(FILE % (b'"' + q("Grüße.png") + b'"')), E(files=[("Grüße.png", "png")])),
    ("type that lies", mixed((FILE % b"a.pdf").replace(b"image/png", b"application/pdf")), E(files=[("a.pdf", "png")])),
    ("forward as a file", mixed(b"Content-Type: message/rfc822\r\n\r\n" + INNER), E(inner=[("Boss", "boss@corp.example")])),
    ("forward coded although forbidden",
     mixed(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(INNER)),
     E(inner=[("Boss", "boss@corp.example")])),
    ("forward as octets", mixed(b"Content-Type: application/octet-stream; name=a.eml\r\n\r\n" + INNER),
     E(inner=[("Boss", "boss@corp.example")])),
    ("hundreds of parts", mixed(*[TEXT] * 400), E(sender=KIM, subject="Hello")),
)  # fmt: skip
