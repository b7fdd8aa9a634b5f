"""Hostile bytes become a frozen Email: headers, bodies, HTML, files, Outlook formats, and nothing ever raises."""

from __future__ import annotations

import io
import json
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Refused, TooLarge
from bot.reporting.admit import admit
from bot.reporting.desk_view import desk_view
from bot.reporting.domains import clean_url, host_of, platform, registered, valid_domain
from bot.reporting.folding import fold, near, skeleton
from bot.reporting.forward import candidates
from bot.reporting.mail import parse
from bot.reporting.mail_files import describe
from bot.reporting.mail_headers import addresses, auth_results, words
from bot.reporting.mail_html import read_html
from bot.reporting.mail_model import MAX_BYTES, Address, Email, Link
from bot.reporting.wire import dump, load
from tests.fakes.outlook_files import attached, attached_message, compound, msg, winmail

PLAIN = b"From: Kim <kim@news.example>\r\nSubject: Hello\r\n"
RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}}"
    rb"{\*\htmltag64 <html><body>}{\*\htmltag84 <a href='https://evil.example/x'>}"
    rb"\htmlrtf {\field{\htmlrtf0 Gr\'fc\'dfe \u8364?\htmlrtf }}\htmlrtf0{\*\htmltag92 </a>}{\*\htmltag84 </body></html>}}"
)


def mail(body: str, kind: str = "plain", **headers: str) -> bytes:
    message = EmailMessage()
    for name, value in {"From": "Kim <kim@news.example>", "Subject": "Hello", **headers}.items():
        message[name.replace("_", "-")] = value
    message.set_content(body, subtype=kind)
    return message.as_bytes()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Kim <kim@a.example>", [Address("Kim", "kim@a.example")]),
        ("kim@a.example (Kim Sato)", [Address("Kim Sato", "kim@a.example")]),
        ('"Sato, Kim" <kim@a.example>', [Address("Sato, Kim", "kim@a.example")]),
        ("Sato, Kim <kim@a.example>", [Address("Sato Kim", "kim@a.example")]),
        ("a@a.example, B <b@b.example>", [Address("", "a@a.example"), Address("B", "b@b.example")]),
        ("Team: a@a.example, b@b.example;", [Address("", "a@a.example"), Address("", "b@b.example")]),
        ('"ceo@corp.example" <x@evil.example>', [Address("ceo@corp.example", "x@evil.example")]),
        ("boss@corp.example <x@evil.example>", [Address("boss@corp.example", "x@evil.example")]),
        ('"A" <a@a.example> "B" <b@b.example>', [Address("A", "a@a.example"), Address("B", "b@b.example")]),
        ("<@relay.example:kim@a.example>", [Address("", "kim@a.example")]),
        ('<"kim@a.example">', [Address("", "kim@a.example")]),
        ("=?utf-8?q?K=C3=AFm?= <kim@a.example>", [Address("Kïm", "kim@a.example")]),
        ("Kim", [Address("Kim", "")]),
        ("Kim <>", [Address("Kim", "")]),
        ("((((( <a@a.example>", [Address("(((((", "a@a.example")]),
        ("", []),
    ],
)
def test_addresses(value: str, expected: list[Address]) -> None:
    assert expected == list(addresses([value]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1?Q?Gr=FC=DFe_Kim?=", "Grüße Kim"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?B?w7w=?= x", "ü x"),
        ("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"),  # one character split over two words
        ("=?x-unknown?q?=E4?=", "ä"),
        ("=?zlib_codec?q?hi?=", "hi"),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
        ("plain\x00\x1b", "plain"),
    ],
)
def test_encoded_words(value: str, expected: str) -> None:
    assert expected == words(value)


def test_the_fields_of_an_ordinary_mail() -> None:
    data = mail(
        "See you.",
        Reply_To="Box <box@other.example>",
        Date="Mon, 2 Mar 2026 10:00:00 +0100",
        Message_ID="<1@news.example>",
    )
    seen = parse(data)
    assert (Address("Kim", "kim@news.example"), "Hello", "See you.") == (seen.sender, seen.subject, seen.text)
    assert ((Address("Box", "box@other.example"),), "2026-03-02T09:00:00+00:00") == (seen.reply_to, seen.date)
    assert ("<1@news.example>", "eml", len(data), ()) == (seen.message_id, seen.form, seen.size, seen.defects)


@pytest.mark.parametrize(
    ("data", "subject", "text", "defect"),
    [
        (b"", "", "", "no headers"),
        (b"hello there\n\nmore", "", "hello there\nmore", "no headers"),
        (b"From: a@b.example\rSubject: Hello\r\rHi\r", "Hello", "Hi", "lines end in bare CR"),
        (b"\r\n\r\n" + PLAIN + b"\r\nHi", "Hello", "Hi", ""),
        (b"\xef\xbb\xbf" + PLAIN + b"\r\nHi", "Hello", "Hi", ""),
        (b"From x@y Mon Jan  1 00:00:00 2024\n" + PLAIN + b"\r\nHi", "Hello", "Hi", ""),
        ((PLAIN + b"\r\nHi").decode().encode("utf-16"), "Hello", "Hi", "saved as UTF-16"),
        (
            b"From: a@b.example\nno header\nSubject: Hello\n\nHi",
            "Hello",
            "Hi",
            "a line among the headers is not a header",
        ),
        (PLAIN + b"From: <x@y.example>\r\n\r\nHi", "Hello", "Hi", "more than one From header"),
        (
            PLAIN + b'Content-Type: text/plain; charset="nope"\r\n\r\nGr\xfc\xdfe',
            "Hello",
            "Grüße",
            "text does not fit its character set",
        ),
        (PLAIN + b"Content-Type: text/plain; charset=rot13\r\n\r\nHi", "Hello", "Hi", ""),
        (
            PLAIN + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGk=\r\n!!junk**\r\n",
            "Hello",
            "Hi",
            "junk behind a coded part",
        ),
        (
            PLAIN + b"Content-Type: multipart/mixed\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHi\r\n--x--\r\n",
            "Hello",
            "Hi",
            "the boundary between parts is missing or wrong",
        ),
        (PLAIN + b"X-Big: " + b"a" * 2_000_000 + b"\r\n\r\nHi", "Hello", "Hi", "headers cut: too many or too long"),
    ],
)
def test_malformed_mails_are_read_as_mail_programs_do(data: bytes, subject: str, text: str, defect: str) -> None:
    seen = parse(data)
    assert (subject, text) == (seen.subject, seen.text)
    assert (defect in seen.defects) if defect else () == seen.defects


def test_five_hundred_nested_parts_are_cut() -> None:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(500))
    seen = parse(PLAIN + parts + b"Content-Type: text/plain\r\n\r\nhi\r\n")
    assert ("Hello", True) == (seen.subject, "parts nested deeper than 40" in seen.defects)


def test_three_thousand_nested_parts_defeat_the_parser_but_not_us() -> None:
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(3000))
    seen = parse(PLAIN + parts)
    assert ("Hello", True) == (seen.subject, any("nested" in defect for defect in seen.defects))


def test_mails_in_mails_stop_at_three() -> None:
    data = (
        b"".join(
            b"From: a@b.example\r\nSubject: level %d\r\nContent-Type: message/rfc822\r\n\r\n" % i for i in range(8)
        )
        + PLAIN
    )
    seen, depth = parse(data), 0
    while seen.inner:
        seen, depth = seen.inner[0], depth + 1
    assert (3, "level 3") == (depth, seen.subject)


def test_html_shows_what_the_reader_sees() -> None:
    page = read_html(
        "<style>.gone{display:none}@media(max-width:9px){.phone{display:none}}</style><title>t</title>"
        "<p>One</p><p class=phone>Two</p><div style='display : none'>a</div><span class=gone>b</span>"
        "<font color=white><table bgcolor='#fff'><td>c</td></table></font><span style='font-size:0'>d</span>"
        "<div style='background:#000;color:#fff'>Three</div><script>x</script><!-- e -->"
    )
    assert ("One\nTwo\nThree", "a b c d", True) == (page.text, page.hidden, page.script)


def test_html_links_forms_and_pictures() -> None:
    page = read_html(
        "<base href='https://base.example/'><a href=' htt\tps:\\\\EVIL.example/a?b '>www.<b>bank</b>.example</a>"
        "<a href='rel'><img src='https://cdn.example/i.png' alt='Pay'></a>"
        "<form action='https://collect.example'><input type=password></form><img width=1 height=1 src='https://t.example/p'>"
        "<meta http-equiv=refresh content='0; url=https://go.example'>"
    )
    assert (
        Link("www.bank.example", "https://EVIL.example/a?b", "evil.example"),
        Link("Pay", "https://base.example/rel", "base.example", "a", True),
        Link("", "https://collect.example", "collect.example", "form"),
        Link("", "https://go.example", "go.example", "refresh"),
    ) == page.links
    assert (("cdn.example",), 1, True) == (page.pictures, page.linked_pictures, page.password_field)


def test_deep_html_is_flattened_and_keeps_its_links() -> None:
    page = read_html("<div>" * 50_000 + "<a href='https://x.example'>go</a>")
    assert (True, "go", ["x.example"]) == (page.cut, page.text, [link.host for link in page.links])


def test_typed_addresses_become_links() -> None:
    seen = parse(mail("Look at https://a.example/x), or www.b.example."))
    assert [("a.example", "text"), ("www.b.example", "text")] == [(link.host, link.kind) for link in seen.links]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pw@Evil.example:8443/x", "evil.example"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://3232235777/", "192.168.1.1"),
        ("http://0300.0250.1.1", "192.168.1.1"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https:/one-slash.example", "one-slash.example"),
        ("//no-scheme.example/a", "no-scheme.example"),
        ("http:\\\\back.example\\x", "back.example"),
        ("http://[::1]/", "::1"),
        ("http://a%2eexample/", "a.example"),
        ("mailto:kim@a.example", ""),
        ("javascript:alert(1)", ""),
        ("http://", ""),
        ("https://ex ample.com", ""),
    ],
)
def test_hosts_as_a_browser_reads_them(url: str, host: str) -> None:
    assert host == host_of(clean_url(url))


def test_registrable_domains() -> None:
    assert ("example.co.uk", "me.github.io", "github.io", "10.0.0.1") == (
        registered("a.b.example.co.uk"), registered("me.github.io"), registered("me.github.io", platforms=False),
        registered("10.0.0.1"),
    )  # fmt: skip
    assert ("github.io", "") == (platform("me.github.io"), platform("example.co.uk"))
    assert [True, False, False] == [valid_domain(name) for name in ("a.example", "localhost", "a..example")]


def test_folding_and_looks() -> None:
    assert "grusse aus koln" == fold("Grüße  aus\u200b KÖLN")
    assert "paypal" == fold("рауⲣal".replace("ⲣ", "p"))  # Cyrillic letters
    assert skeleton("paypal") == skeleton("paypa1")
    assert skeleton("microsoft") == skeleton("rnicrosoft")
    assert [True, True, False] == [near("paypal", "paypla"), near("google", "gogle"), near("google", "goggles")]


def zipped(name: str, *, locked: bool = False) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, b"x")
    data = bytearray(held.getvalue())
    if locked:
        data[6] |= 1
        data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "kind", "traits"),
    [
        ("a.pdf", b"%PDF-1.4", "pdf", ()),
        ("a.pdf", b"MZ\x00", "program", ("program", "disguised")),
        ("a.pdf.exe", b"MZ", "program", ("program", "double_ending")),
        ("a.html", b"<html><script>atob('x')</script>", "html", ("smuggling",)),
        ("a.html", b"<html><input type='password'>", "html", ("password_form",)),
        ("a.svg", b"<svg onload='x()'>", "svg", ("smuggling",)),
        ("a.lnk", b"L\x00\x00\x00\x01\x14\x02\x00", "shortcut", ("shortcut",)),
        ("a.url", b"[InternetShortcut]\nURL=x", "shortcut", ("shortcut",)),
        ("a.js", b"x=1", "text", ("script",)),
        ("a.docm", zipped("[Content_Types].xml"), "office", ("macro",)),
        ("a.zip", zipped("bill.js"), "zip", ("program_inside",)),
        ("a.zip", zipped("bill.txt", locked=True), "zip", ("encrypted",)),
        ("a.zip", b"PK\x03\x04broken", "zip", ("broken",)),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "ole", ("encrypted",)),
        ("photo\u202egpj.exe", b"MZ", "program", ("program", "disguised")),
        ("a.png", b"\x89PNG\r\n\x1a\n", "png", ()),
        ("", b"", "empty", ()),
    ],
)
def test_attachments_are_told_by_content(name: str, data: bytes, kind: str, traits: tuple[str, ...]) -> None:
    seen = describe(name, "application/octet-stream", data)
    assert (kind, traits) == (seen.type, seen.traits)


def test_only_our_own_gateway_counts() -> None:
    ours = "mx.acme.example; spf=pass (x) smtp.mailfrom=a@b.example; dmarc=fail header.from=b.example"
    headers = [
        ("Received", "x"),
        ("Authentication-Results", ours),
        ("Received", "y"),
        ("Authentication-Results", "mx.acme.example; dmarc=pass"),
    ]
    assert [("spf", "pass", "b.example"), ("dmarc", "fail", "b.example")] == [
        (item.method, item.result, item.domain) for item in auth_results(headers, "mx.acme.example")
    ]
    assert () == auth_results(headers, "mx.other.example")
    assert () == auth_results(headers, "")
    exchange = [("Authentication-Results", "spf=none x; dmarc=pass y")]  # Exchange Online names no server
    assert [("spf", "none"), ("dmarc", "pass")] == [
        (item.method, item.result) for item in auth_results(exchange, "exchange-online")
    ]
    assert () == auth_results(headers, "exchange-online")


def outlook() -> bytes:
    inner = msg(top=False, p0037="Inner", p0c1a="Bank", p5d01="b@bank.example", body="inner text")
    files = {
        "__attach_version1.0_#00000000": attached("a.txt", b"hello"),
        "__attach_version1.0_#00000001": attached_message(inner),
    }
    return compound(
        msg(headers="From: Kim <kim@news.example>\r\nSubject: Hi\r\n\r\n", body="plain", rtf=RTF, more=files)
    )


def test_an_outlook_file_with_wrapped_html_a_file_and_a_mail_inside() -> None:
    seen = parse(outlook())
    assert ("msg", Address("Kim", "kim@news.example"), "Hi") == (seen.form, seen.sender, seen.subject)
    assert ("Grüße €", "plain", [("Grüße €", "evil.example")]) == (
        seen.text,
        seen.plain,
        [(x.shown, x.host) for x in seen.links],
    )
    assert [("a.txt", "text", 5)] == [(file.name, file.type, file.size) for file in seen.attachments]
    assert [(Address("Bank", "b@bank.example"), "Inner", "inner text")] == [
        (m.sender, m.subject, m.text) for m in seen.inner
    ]
    assert () == seen.defects


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_outlook_file_says_so(share: float) -> None:
    data = outlook()
    seen = parse(data[: int(len(data) * share)])
    assert any("cut or broken" in defect for defect in seen.defects)


def test_winmail_dat_is_opened() -> None:
    data = winmail(b"body text", {"tool.exe": b"MZ123"})
    seen = parse(data)
    assert ("tnef", "body text", [("tool.exe", "program")]) == (
        seen.form,
        seen.text,
        [(f.name, f.type) for f in seen.attachments],
    )
    message = EmailMessage()
    message["From"] = "Kim <kim@news.example>"
    message.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    assert [("tool.exe", "program")] == [(f.name, f.type) for f in parse(message.as_bytes()).attachments]


def test_a_quoted_forward_gives_the_mail_it_was() -> None:
    text = "Real?\n\nVon: Kim <kim@evil.example>\nGesendet: Montag\nAn: Anna\nBetreff: Zahlung\n\nBitte heute noch."
    found = candidates(parse(mail(text, Subject="WG: Zahlung")))
    assert ["kim@news.example", "kim@evil.example"] == [item.sender.email for item in found]
    assert ("Zahlung", "Bitte heute noch.") == (found[1].subject, found[1].text)
    assert 1 == len(candidates(parse(mail(text, Subject="Zahlung"))))


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PLAIN + b"\r\nHi", "x.eml", "eml"),
        (b"no headers at all", "x.eml", "eml"),
        (compound(msg(p0037="x")), "x.msg", "msg"),
        (compound(msg(p0037="x"))[:700], "x.msg", "msg"),
        (winmail(b"x", {}), "winmail.dat", "tnef"),
        ((PLAIN + b"\r\n").decode().encode("utf-16"), "x.eml", "eml"),
    ],
)
def test_mails_are_admitted(data: bytes, name: str, kind: str) -> None:
    assert kind == admit(data, name)


@pytest.mark.parametrize(
    ("data", "name", "words_in"),
    [
        (b"", "x.eml", "empty"),
        (b"\x89PNG\r\n\x1a\n", "x.png", "picture"),
        (b"%PDF-1.4", "x.eml", "document"),
        (b"MZ" + b"\x00" * 20, "x.eml", "program"),
        (zipped("a.txt"), "x.zip", "archive"),
        (compound({"WordDocument": b"x"}), "x.doc", "document"),
        (b"\x00\x01\x02" * 50, "x.bin", "cannot read"),
    ],
)
def test_other_files_are_refused_in_clear_words(data: bytes, name: str, words_in: str) -> None:
    with pytest.raises(Refused, match=words_in):
        admit(data, name)


def test_a_mail_of_thirty_megabytes_is_too_large() -> None:
    with pytest.raises(TooLarge, match="30 MB"):
        admit(PLAIN + b"\r\n" + b"x" * MAX_BYTES, "x.eml")


def test_the_wire_form_is_complete() -> None:
    seen = parse(outlook())
    assert seen == load(Email, dump(seen))


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=3000),
    st.sampled_from(["", "Content-Type: text/html\n", "Content-Type: multipart/mixed; boundary=x\n"]),
)
def test_any_bytes_give_an_email(body: bytes, kind: str) -> None:
    seen = parse(PLAIN + kind.encode() + b"\r\n" + body)
    assert seen == load(Email, dump(seen))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_outlook_file_gives_an_email(data: st.DataObject) -> None:
    whole = bytearray(outlook())
    for _ in range(data.draw(st.integers(1, 30))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert "msg" == parse(bytes(whole)).form


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_header_value_gives_addresses_and_words(value: str) -> None:
    assert isinstance(words(value), str)
    assert all(isinstance(box, Address) for box in addresses([value]))


def test_the_desk_sees_no_live_address_and_every_trick() -> None:
    body = "<p>Go to https://evil.example/a or mail kim@evil.example\u202e</p><a href='https://evil.example/b'>www.bank.example</a>"
    seen = desk_view(parse(mail(body, "html", Reply_To="Box <box@evil.example>", Subject="a\u200b\u200bb")))
    assert ("Kim <kim@news[.]example>", ["Box <box@evil[.]example>"]) == (seen["from"], seen["reply_to"])
    assert "a‹U+200B›b" == seen["subject"]
    assert "Go to hxxps://evil[.]example/a or mail kim@evil[.]example‹U+202E›\nwww[.]bank[.]example" == seen["text"]
    assert {"shown": "www[.]bank[.]example", "goes_to": "hxxps://evil[.]example/…", "kind": "a"} == seen["links"][0]
    assert "http" not in json.dumps(seen).replace("hxxp", "")
