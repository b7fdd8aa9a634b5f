"""QR codes wherever a mail can hold one, what they lead to, and what they cost."""

from __future__ import annotations

import base64
import io
import re
import time
import zlib
from email.message import EmailMessage
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageOps

from bot.reporting.checks import codes as check
from bot.reporting.checks import first_contact
from bot.reporting.codes import MAX_PICTURES, find_codes
from bot.reporting.context import Context, History
from bot.reporting.mail import parse
from bot.reporting.mail_model import Email

LINK = "https://login.evil.example/mfa?u=1"


def picture(text: str = LINK, scale: int = 4) -> Any:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    image = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=1)).convert("L")
    image = image.crop(ImageOps.invert(image).getbbox())
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    return ImageOps.expand(image, 4 * scale, 255)


def file(image: Any, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def rows(image: Any) -> list[list[int]]:
    return [[int(image.getpixel((x, y)) < 128) for x in range(image.width)] for y in range(image.height)]


def pdf(image: Any) -> bytes:
    """A page that is a picture of deflated grey pixels."""
    body = zlib.compress(image.tobytes())
    head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
    head += b" /Filter /FlateDecode"
    return (
        b"%PDF-1.4\n1 0 obj\n"
        + head % image.size
        + b" /Length %d >>\nstream\n" % len(body)
        + body
        + b"\nendstream\nendobj\n"
    )


def page(content: str, *, packed: bool = True) -> bytes:
    """A PDF whose page draws this."""
    body = content.encode()
    head = b"<< /Filter /FlateDecode" if packed else b"<<"
    body = zlib.compress(body) if packed else body
    return b"%%PDF-1.7\n4 0 obj\n%s /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (head, len(body), body)


def modules() -> list[tuple[int, int]]:
    """The dark modules of a code, from below as a page counts."""
    grid = rows(picture(scale=1))
    return [(x, len(grid) - y) for y, row in enumerate(grid) for x, dark in enumerate(row) if dark]


def corner(x: int, y: int) -> bool:
    """Whether a module belongs to one of the three marks that a code is found by: these are never dots."""
    edge = len(rows(picture(scale=1))) - 11
    return (x < 11 or x >= edge) and (y > edge or (y <= 11 and x < 11))


def runs() -> str:
    """Each row of dark modules as a stroke as thick as a module."""
    grid, said = rows(picture(scale=1)), ["q 3 0 0 3 100 500 cm 0 0 0 RG 1 w"]
    for y, row in enumerate(grid):
        line = "".join(map(str, row))
        said += [f"{m.start()} {len(grid) - y} m {m.end()} {len(grid) - y} l" for m in re.finditer("1+", line)]
    return "\n".join([*said, "S Q"])


TEXT = "BT /F1 12 Tf 72 720 Td (Scan \\(now\\) 1 2 m) Tj [<0041> -20 (b)] TJ ET 1 1 1 rg 0 0 595 842 re f "
DRAWN = {
    "squares": page(TEXT + "0 g " + " ".join(f"{4 * x} {4 * y} 4 4 re" for x, y in modules()) + " f"),
    "squares, not packed": page("0 g " + "".join(f"{x} {y} 1 1 re f\n" for x, y in modules()), packed=False),
    "strokes": page(TEXT + runs()),
    "polygons": page("q 0.24 0 0 -0.24 50 700 cm 0.1 0.1 0.4 rg " + "".join(
        f"{9 * x} {-9 * y} m {9 * x + 9} {-9 * y} l {9 * x + 9} {-9 * y + 9} l {9 * x} {-9 * y + 9} l h f\n"
        for x, y in modules()) + "Q"),
    "dots": page("0 0 0 1 k " + "".join(
        f"{4 * x} {4 * y} 4 4 re f\n" if corner(x, y) else
        f"{4 * x} {4 * y + 2} m {4 * x} {4 * y + 5} {4 * x + 4} {4 * y + 5} {4 * x + 4} {4 * y + 2} c "
        f"{4 * x + 4} {4 * y - 1} {4 * x} {4 * y - 1} {4 * x} {4 * y + 2} c f\n" for x, y in modules())),
}  # fmt: skip


@pytest.mark.parametrize("form", ["squares", "squares, not packed", "strokes", "polygons", "dots"])
def test_a_code_that_is_drawn_in_a_pdf_is_found(form: str) -> None:
    assert (LINK,) == find_codes([DRAWN[form]], "", "")


@pytest.mark.parametrize(
    "content",
    ["q " * 5_000 + "0 g " + "0 0 1 1 re f " * 100, "Q " * 500 + "1 0 0 1e9 0 0 cm " + "9e99 1 m 1 1 l 2 2 l f " * 90,
     "0 0 0 0 0 0 cm " + "1 1 1 1 re f " * 90, "999999999999 0 0 999999999999 0 0 cm " * 40 + "1 2 3 4 re f " * 90,
     "1 l 2 3 4 c re S " * 90, "(" * 50_000 + "1 2 m 3 4 l S " * 90, "[" * 50_000 + "0 0 9 9 re f " * 90],
)  # fmt: skip
def test_a_drawing_that_means_harm_costs_little(content: str) -> None:
    started = time.process_time()
    assert () == find_codes([page(content)], "", "")
    assert time.process_time() - started < 2.0


def test_a_large_drawing_is_read_up_to_a_limit() -> None:
    started = time.process_time()
    assert () == find_codes(
        [page("0 g " + "".join(f"{n % 997} {n % 991} 3 2 re f\n" for n in range(200_000)))] * 6, "", ""
    )
    assert time.process_time() - started < 4.0


def halves() -> tuple[Any, Any]:
    image = picture()
    middle = image.width // 2
    return image.crop((0, 0, middle, image.height)), image.crop((middle, 0, image.width, image.height))


FORMS = {
    "png": [file(picture())],
    "jpeg": [file(picture(), "JPEG")],
    "gif": [file(picture(), "GIF")],
    "bmp": [file(picture(), "BMP")],
    "webp": [file(picture(), "WEBP")],
    "inverted": [file(ImageOps.invert(picture()))],
    "a pixel a module": [file(picture(scale=1))],
    "no quiet zone": [file(picture().crop((16, 16, picture().width - 16, picture().height - 16)))],
    "pale": [file(picture().point(lambda value: 150 if value < 128 else 235))],
    "turned": [file(picture().rotate(12, expand=True, fillcolor=255))],
    "huge": [file(picture(scale=60))],
    "cut in two": [file(part) for part in halves()],
    "pdf of a jpeg": [file(picture(), "PDF")],
    "pdf of pixels": [pdf(picture())],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_code_is_found_in_a_file(form: str) -> None:
    assert (LINK,) == find_codes(FORMS[form], "", "")


def test_a_code_is_found_in_the_html_and_in_the_text() -> None:
    small = picture(scale=1)
    data = f'<img src="data:image/png;base64,{base64.b64encode(file(picture())).decode()}">'
    colours = ["<td bgcolor=#ffffff width=4 height=4></td>", '<td style="background-color: #000000">&nbsp;</td>']
    table = (
        "<table>"
        + "".join("<tr>" + "".join(colours[cell] for cell in row) + "</tr>" for row in rows(small))
        + "</table>"
    )
    grid = rows(small) + ([[0] * small.width] if small.height % 2 else [])
    signs = {(0, 0): " ", (1, 1): "█", (1, 0): "▀", (0, 1): "▄"}
    text = "\n".join(
        "".join(signs[pair] for pair in zip(*grid[y : y + 2], strict=True)) for y in range(0, len(grid), 2)
    )
    assert (LINK,) == find_codes([], data, "")
    assert (LINK,) == find_codes([], table, "")
    assert (LINK,) == find_codes([], "", f"Scan this:\n{text}\nThank you")


def test_nothing_is_made_of_what_holds_no_code() -> None:
    junk = [
        b"",
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 80,
        b"%PDF-1.4 stream",
        b"GIF89a" + b"\x00" * 40,
        b"BM" + b"\xff" * 60,
    ]
    assert () == find_codes(junk, "<td>" * 500 + "<tr><td bgcolor=#zzz>" * 30, "█▀▄ " * 100)


def test_many_and_huge_pictures_cost_no_more_than_a_few() -> None:
    blank = file(Image.new("L", (5_000, 5_000), 255))
    started = time.process_time()
    assert () == find_codes([blank] * 40, "", "")
    assert time.process_time() - started < 2.0
    assert MAX_PICTURES == 12


def mail(text: str = LINK, sender: str = "it@help.example") -> Email:
    message = EmailMessage()
    message["From"], message["Subject"] = f"IT <{sender}>", "Renew your sign-in"
    message.set_content("Scan the code with your phone.")
    message.add_attachment(file(picture(text)), maintype="image", subtype="png", filename="code.png")
    return parse(message.as_bytes())


def test_a_code_becomes_a_link_that_every_check_of_links_sees() -> None:
    email = mail()
    assert email.codes == (LINK,)
    assert [(link.kind, link.target, link.host) for link in email.links] == [("code", LINK, "login.evil.example")]
    assert [finding.check for finding in check.check(email, Context())] == ["codes.link"]
    assert [link.host for link in mail("parcel.evil.example/a").links] == ["parcel.evil.example"]


@pytest.mark.parametrize("text", ["WIFI:T:WPA;S:guest;P:x;;", "BEGIN:VCARD\nFN:Bob\nEND:VCARD", "0123456789"])
def test_a_code_that_leads_nowhere_is_no_sign(text: str) -> None:
    email = mail(text)
    assert (email.links, email.codes) == ((), (text,))
    assert check.check(email, Context()) == []


def test_a_code_to_the_sender_s_own_page_is_no_sign() -> None:
    assert check.check(mail("https://www.help.example/ticket", "it@help.example"), Context()) == []


@pytest.mark.parametrize(("past", "expected"), [
    (History(), []),
    (History(cases=10), []),
    (History(cases=60), ["first_contact.new"]),
    (History(60, 2, 1), ["first_contact.judged_bad"]),
    (History(60, 1, 0, ("evil.example",)), ["first_contact.bad_link"]),
    (History(60, 2, 0, (), ("help.example",)), ["first_contact.other_links"]),
    (History(60, 2, 0, (), ("evil.example",)), []),
    (History(60, 1, 0, (), ("help.example",)), []),
])  # fmt: skip
def test_what_earlier_reports_tell(past: History, expected: list[str]) -> None:
    assert [finding.check for finding in first_contact.check(mail(), Context(history=past))] == expected
