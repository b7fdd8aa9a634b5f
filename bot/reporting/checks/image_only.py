"""The message is a picture: filters cannot read it, and a click anywhere leads away.

Sample: image_only.linked "Its message is a picture, and a click on it goes to hxxps://promo[.]example/…"
"""

from __future__ import annotations

import re

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import found, where
from bot.reporting.facts import facts
from bot.reporting.mail_model import Email

ID = "image_only"
_READABLE = 250  # characters of text below which pictures carry the message


def check(email: Email, context: Context) -> list[Finding]:
    """Hardly any text beside a linked picture, or a picture alone."""
    known = facts(email, context)
    picture_files = [file for file in email.attachments if file.type in ("png", "jpeg", "gif", "webp", "bmp", "svg")]
    if not email.pictures and not picture_files:
        return []
    text = len(re.sub(r"\s+", " ", re.sub(r"https?://\S+", "", email.text)))
    if text > _READABLE:
        return []
    clicks = [target for target in known.targets if target.link.picture]
    if clicks:
        sign = "image_only.linked_elsewhere" if known.foreign else "image_only.linked"
        return [found(context, sign, link=where(clicks[0].url))]
    if email.html and email.pictures and text < 100:
        return [found(context, "image_only.picture")]
    return []
