"""Letters to the reporting mailbox: whose they are, what was meant, what no person sent; and screenshots of mails."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from bot.reporting import screenshots
from bot.reporting.forward import candidates
from bot.reporting.mail import parse
from bot.reporting.sandbox import Sandbox
from bot.reporting.unpack import MOST_MAILS, Letter, unpack
from bot.reporting.wire import dump, load
from tests.fakes.letters import BOX, LURE, PHISH, QUOTES, inline, letter
from tests.fakes.outlook_files import compound, msg, winmail

GATEWAY = "mx.northwind.example"
PASSED = f"{GATEWAY}; dmarc=pass header.from=northwind.example"


def taken(data: bytes, authserv_id: str = "") -> Letter:
    """Through the form in which it leaves the sandbox."""
    return load(Letter, dump(unpack(data, authserv_id)))


@pytest.mark.parametrize("program", list(QUOTES))
def test_inline_forwards_of_many_programs(program: str) -> None:
    found = taken(inline(program, "is this real?"))
    assert ("is this real?", True, ()) == (found.note, found.whole, found.mails)
    assert "dana.reyes@northwind.example" == found.sender.email
    meant = candidates(parse(inline(program, "is this real?")))[-1]
    assert ("info@parcel-fee.example", "Your parcel") == (meant.sender.email, meant.subject)
    assert LURE.strip() in meant.text


def test_several_mails_attached() -> None:
    other = PHISH.replace(b"parcel", b"packet")
    found = taken(letter("two of them", "strange, both", mails=[PHISH, other, PHISH]))
    assert ("strange, both", False) == (found.note, found.whole)
    assert ["mail-1.eml", "mail-2.eml"] == [item.name for item in found.mails]
    assert [PHISH.strip(), other.strip()] == [
        item.data.strip() for item in found.mails
    ]  # byte for byte, as an upload is


def test_a_mail_in_a_mail_in_a_letter_is_one_report() -> None:
    nested = letter("Fwd: look", "from my colleague", mails=[PHISH], number=7)
    found = taken(letter(mails=[nested]))
    assert 1 == len(found.mails)
    assert "info@parcel-fee.example" == candidates(parse(found.mails[0].data))[-1].sender.email


def test_outlook_files_and_winmail_dat() -> None:
    from email.message import EmailMessage

    cover = EmailMessage()
    cover["From"], cover["To"], cover["Subject"] = "Dana <dana.reyes@northwind.example>", BOX, "odd"
    cover.set_content("see attached")
    outlook = compound(msg(body=LURE, p0037="Your parcel"))
    cover.add_attachment(outlook, maintype="application", subtype="vnd.ms-outlook", filename="Your parcel.msg")
    cover.add_attachment(
        winmail(b"", {"inner.eml": PHISH}), maintype="application", subtype="ms-tnef", filename="winmail.dat"
    )
    found = taken(cover.as_bytes())
    assert [("Your parcel.msg", outlook), ("inner.eml", PHISH)] == [(item.name, item.data) for item in found.mails]
    assert "see attached" == found.note


@pytest.mark.parametrize(
    ("subject", "says"),
    [("3|8f6a|203.0.113.5|info@parcel-fee.example|(Your parcel)", "phishing"), ("1|8f6a|x|y|(hi)", "junk"),
     ("2|8f6a|x|y|(hi)", "wanted"), ("Phishing: Your parcel", "phishing"), ("Not junk: Your parcel", "wanted"),
     ("Fwd: 3 things", "")],
)  # fmt: skip
def test_the_buttons_of_outlook(subject: str, says: str) -> None:
    found = taken(letter(subject, mails=[PHISH]))
    assert (says, 1, False) == (found.says, len(found.mails), found.whole)


def test_more_mails_than_one_letter_may_hold() -> None:
    many = [PHISH.replace(b"1.99", f"{place}.50".encode()) for place in range(MOST_MAILS + 3)]
    found = taken(letter(mails=many))
    assert (MOST_MAILS, 3) == (len(found.mails), found.dropped)


def test_pasted_headers_are_a_report() -> None:
    found = taken(
        letter("strange mail", "From: Parcel <info@parcel-fee.example>\nTo: me\nSubject: Your parcel\n\n" + LURE)
    )
    assert ("", True) == (found.note, found.whole)


def test_a_letter_that_forwards_nothing() -> None:
    found = taken(letter("Question", "how do I report a mail?\n\n-- \nDana\nNorthwind"))
    assert ("how do I report a mail?", False, ()) == (found.note, found.whole, found.mails)


def test_a_forward_in_an_unknown_form_is_the_letter_as_a_whole() -> None:
    found = taken(letter("Fwd: Your parcel", LURE))
    assert ("", True) == (found.note, found.whole)  # nothing of it is taken for the reporter's own words


def test_an_answer_names_what_it_answers() -> None:
    data = letter("Re: Your report SEC-101", "yes\n\nOn Sun, 17 Mar 2030 Secdesk wrote:\n> Is it?", In_Reply_To="<b@x>",
                  References="<a@x> <b@x>")  # fmt: skip
    found = taken(data)
    assert (("<b@x>", "<a@x>"), "yes", False) == (found.references, found.note, found.whole)


# what no person sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "automatic"),
    [({}, ""), ({"Auto_Submitted": "no"}, ""), ({"Auto_Submitted": "auto-replied; owner-email=x"}, "reply"),
     ({"Auto_Submitted": "auto-generated"}, "generated"), ({"Precedence": "bulk"}, "list"),
     ({"Precedence": "auto_reply"}, "reply"), ({"X_Autoreply": "yes"}, "reply"), ({"List_Id": "<a.example>"}, "list"),
     ({"Return_Path": "<>"}, "reply"), ({"Return_Path": "<dana@x>"}, ""), ({"X_Secdesk": "verdict"}, "ours")],
)  # fmt: skip
def test_automatic_letters(headers: dict[str, str], automatic: str) -> None:
    assert automatic == taken(letter(mails=[PHISH], **headers)).automatic


def test_bounces_are_told_by_their_form_and_by_their_sender() -> None:
    report = letter(mails=[PHISH]).replace(b"multipart/mixed;", b"multipart/report; report-type=delivery-status;")
    assert "bounce" == taken(report).automatic
    assert "bounce" == taken(letter(sender="Mail Delivery System <MAILER-DAEMON@mx.example>")).automatic


def test_our_own_answers_are_never_reported() -> None:
    ours = b"X-Secdesk: verdict\r\n" + PHISH
    assert () == taken(letter(mails=[ours])).mails


def test_a_sender_that_wants_no_automatic_answer() -> None:
    assert taken(letter(X_Auto_Response_Suppress="DR, OOF, AutoReply")).silent
    assert not taken(letter(X_Auto_Response_Suppress="DR")).silent


# whose letter it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "proved"),
    [(PASSED, True), (f"{GATEWAY}; dmarc=fail header.from=northwind.example", False), ("", False),
     ("mx.elsewhere.example; dmarc=pass header.from=northwind.example", False),
     (f"{GATEWAY}; dmarc=pass header.from=evil.example", False), (f"{GATEWAY}; spf=pass smtp.mailfrom=northwind.example", False),
     (f"{GATEWAY}; auth=pass smtp.auth=dana.reyes@northwind.example", True),
     (f"{GATEWAY}; auth=pass smtp.auth=eve@northwind.example", False)],
)  # fmt: skip
def test_only_our_gateway_vouches(results: str, proved: bool) -> None:
    headers = {"Authentication_Results": results} if results else {}
    assert proved == taken(letter(mails=[PHISH], **headers), GATEWAY).proved
    assert not taken(letter(mails=[PHISH], **headers)).proved  # no gateway is named


def test_exchange_vouches_for_its_own() -> None:
    inside = letter(mails=[PHISH], X_MS_Exchange_Organization_AuthAs="Internal")
    assert taken(inside, "exchange-online").proved
    assert not taken(inside, GATEWAY).proved


def test_two_senders_prove_nothing() -> None:
    data = letter(Authentication_Results=PASSED).replace(b"\r\nTo:", b"\r\nFrom: eve@northwind.example\r\nTo:")
    assert not taken(data, GATEWAY).proved


def test_the_digest_is_of_what_was_sent() -> None:
    once = taken(letter(mails=[PHISH]))
    again = taken(b"Received: by mx2.northwind.example; Sun, 17 Mar 2030 10:00:09 +0000\r\n" + letter(mails=[PHISH]))
    assert once.digest == again.digest
    others = [letter(mails=[PHISH], number=2), letter(mails=[PHISH + b"!"]), letter(text="hm", mails=[PHISH])]
    assert len({once.digest, *(taken(data).digest for data in others)}) == 4


def test_bytes_that_are_no_letter() -> None:
    assert "no sender" == taken(b"").fault
    assert "no mail" == taken(compound(msg(body="y"))).fault


def test_the_sandbox_takes_letters_apart_and_names_what_fails() -> None:
    sandbox, hurried = Sandbox(timeout=30.0), Sandbox(timeout=0.001)
    try:
        assert unpack(letter(mails=[PHISH]), "") == sandbox.unpack(letter(mails=[PHISH]), "")
        assert ("code text",) == sandbox.look(qr("code text"), "x.png").codes
        late = hurried.unpack(letter(mails=[PHISH]), "")
        assert ("time", "") == (late.fault, late.sender.email)
        assert "time" == hurried.look(qr("x"), "x.png").fault
    finally:
        sandbox.close()
        hurried.close()


# screenshots --------------------------------------------------------------------------------------------------------


def qr(text: str, size: tuple[int, int] = (1170, 2532), form: str = "PNG") -> bytes:
    """A screen with a code on it."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    small = Image.fromarray(code.to_image(scale=6))
    screen = Image.new("L", size, 255)
    screen.paste(small, (100, 400))
    out = io.BytesIO()
    screen.convert("RGB").save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_codes_in_screenshots_are_read(form: str) -> None:
    seen = screenshots.look(qr("https://parcel-fee.example/pay", form=form), "IMG_0042.PNG")
    assert (("https://parcel-fee.example/pay",), 1170, 2532, "iphone") == (
        seen.codes,
        seen.width,
        seen.height,
        seen.phone,
    )


@pytest.mark.parametrize(
    ("name", "size", "phone"),
    [("IMG_0042.PNG", (1170, 2532), "iphone"), ("x.png", (1290, 2796), "iphone"),
     ("Screenshot_20300317.png", (1080, 2400), "android"),
     ("Screenshot_20300317-090000_Gmail.jpg", (1440, 3120), "android"), ("image.png", (1080, 2400), "phone"),
     ("image.png", (1920, 1080), ""), ("Screenshot 2030-03-17 at 09.00.png", (2560, 1440), "")],
)  # fmt: skip
def test_the_phone_is_guessed(name: str, size: tuple[int, int], phone: str) -> None:
    assert phone == screenshots.phone_of(name, *size)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", qr("x")[:400], b"GIF89a" + b"\xff" * 50])
def test_a_broken_picture_is_named(data: bytes) -> None:
    assert "" != screenshots.look(data, "x.png").fault


def test_a_bomb_is_not_opened() -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    seen = screenshots.look(out.getvalue(), "x.png")
    assert ("", ()) != (seen.fault, seen.codes)
    assert () == seen.codes


def test_a_code_becomes_a_mail_that_can_be_examined() -> None:
    file = screenshots.as_mail("IMG_1.PNG", ("https://parcel-fee.example/pay",))
    mail = parse(file.data)
    assert ["parcel-fee.example"] == [link.host for link in mail.links]
    assert "Code in a picture: IMG_1.PNG" == mail.subject
