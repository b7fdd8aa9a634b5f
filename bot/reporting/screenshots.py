"""Screenshots instead of mails: the codes in them are read, and the phone they came from is guessed. Run it in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Literal

from bot.model import File
from bot.reporting.chat_message import STAND_IN

Phone = Literal["", "iphone", "android", "phone"]
MOST_PIXELS = 60_000_000
MOST_CODES = 10
# Screens of iPhones (Apple's "Human Interface Guidelines", Layout) that no common Android phone shares.
_IPHONES = {(640, 1136), (750, 1334), (828, 1792), (1125, 2436), (1170, 2532), (1179, 2556), (1206, 2622), (1242, 2208),
            (1242, 2688), (1284, 2778), (1290, 2796), (1320, 2868)}  # fmt: skip
_ANDROID = re.compile(r"^screenshot_\d", re.I)
_IPHONE = re.compile(r"^img_\d{4,}\.png$", re.I)


@dataclass(frozen=True)
class Picture:
    """What was found in a picture. `codes`: the texts of QR and bar codes. `fault`: empty, or why it could not be read."""

    codes: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    phone: Phone = ""
    fault: str = ""


def look(data: bytes, name: str) -> Picture:
    """Read a picture. Nothing in it is opened. Raises nothing for what is in the bytes."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  (only pictures need it)

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with _opened(Image.open, data) as image:
            if image.width * image.height > MOST_PIXELS:
                return Picture(width=image.width, height=image.height, fault="too large")
            size = (image.width, image.height)
            codes = read_codes(image.convert("L"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        return Picture(fault=type(error).__name__)
    return Picture(codes, *size, phone_of(name, *size))


def _opened(opener: Callable[[Any], Any], data: bytes) -> Any:
    from io import BytesIO  # noqa: PLC0415

    return opener(BytesIO(data))


def read_codes(image: Any) -> tuple[str, ...]:
    """The texts of the codes in a grey picture, once each."""
    import zxingcpp  # noqa: PLC0415  (only pictures need it)

    found = (barcode.text.strip()[:4000] for barcode in zxingcpp.read_barcodes(image))
    return tuple(dict.fromkeys(text for text in found if text))[:MOST_CODES]


def phone_of(name: str, width: int, height: int) -> Phone:
    """What sort of phone made a screenshot; "" if it looks like none."""
    if _ANDROID.match(name):
        return "android"
    if (width, height) in _IPHONES or (_IPHONE.match(name) and height > 1.6 * width):
        return "iphone"
    return "phone" if height > 1.6 * width else ""


def as_mail(name: str, codes: tuple[str, ...], note: str = "") -> File:
    """The codes of a screenshot as a mail that can be examined: the checks look at where they lead."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f'"screenshot" <{STAND_IN}>'
    mail["To"] = f"<{STAND_IN}>"
    mail["Subject"] = " ".join(f"Code in a picture: {name}".split())[:200]
    mail.set_content("\n".join([note, *codes]).strip() + "\n")
    return File("screenshot.eml", mail.as_bytes(), "message/rfc822")
