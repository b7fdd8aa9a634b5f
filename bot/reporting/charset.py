"""Bytes that claim a character set, as text. Never raises; says whether the claim held."""

from __future__ import annotations

import codecs
import re

# Codecs of Python that are not character sets of mail, or that are slow or stateful on hostile input.
_REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_ALIASES = {
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "shift_jis",
    "x-gbk": "gbk",
    "gb2312": "gb18030",
    "ansi": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
}
_CLEAN = re.compile(r"[^a-z0-9_.:+-]")


def decode(data: bytes, charset: str = "") -> tuple[str, bool]:
    """Text, and True if `charset` (or UTF-8 when none is given) fitted without loss.

    As browsers do, ASCII and Latin-1 are read as their supersets; an unknown or wrong name falls back to UTF-8, then cp1252.
    """
    name = codec(charset)
    if name:
        try:
            return data.decode(name), True
        except (UnicodeError, ValueError):
            pass
    try:
        return data.decode("utf-8"), not charset or name == "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252" if name in ("", "utf-8") else name, "replace"), False


def codec(charset: str) -> str:
    """The codec for a character set of mail, empty if there is none or it is refused."""
    name = _CLEAN.sub("", charset.lower().partition("*")[0].strip())[:60]
    name = _ALIASES.get(name, name)
    if not name:
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    text = getattr(info, "_is_text_encoding", True)  # False for rot13, zlib, base64 and the like
    return info.name if text and info.name.replace("-", "_") not in _REFUSED else ""
