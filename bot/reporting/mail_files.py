"""Attachments: what they are by content, and what could harm. Looks at bytes only; nothing is opened, run or unpacked."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from io import BytesIO

from bot.reporting.folding import BIDI, visible
from bot.reporting.mail_model import Attachment

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "program"), (b"\x7fELF", "program"), (b"\xcf\xfa\xed\xfe", "program"), (b"\xca\xfe\xba\xbe", "java"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "shortcut"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"Rar!\x1a\x07", "rar"), (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"MSCF", "cab"), (b"ITSF", "chm"), (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"BM", "bmp"), (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"), (b"\x00\x00\x01\x00", "icon"), (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78", "onenote"),
    (b"\x78\x9f\x3e\x22", "tnef"), (b"conectix", "disk"), (b"vhdxfile", "disk"), (b"ID3", "audio"), (b"OggS", "audio"),
)  # fmt: skip
PICTURES = {"png", "jpeg", "gif", "bmp", "tiff", "icon", "webp", "svg"}
ARCHIVES = {"zip", "rar", "7z", "gzip", "bzip2", "xz", "cab", "disk"}
RUNNABLE = {
    "exe",
    "scr",
    "com",
    "pif",
    "cpl",
    "dll",
    "msi",
    "msp",
    "msix",
    "appx",
    "bat",
    "cmd",
    "ps1",
    "psm1",
    "vbs",
    "vbe",
    "js",
    "jse",
    "wsf",
    "wsh",
    "hta",
    "jar",
    "reg",
    "scf",
    "url",
    "lnk",
    "inf",
    "application",
    "gadget",
    "msc",
    "chm",
    "iso",
    "img",
    "vhd",
    "vhdx",
    "one",
    "xll",
    "ade",
    "apk",
    "dmg",
    "pkg",
    "sh",
    "py",
    "library-ms",
    "search-ms",
    "settingcontent-ms",
}
_SCRIPTS = {"js", "jse", "vbs", "vbe", "wsf", "wsh", "hta", "ps1", "psm1", "bat", "cmd", "sh", "py", "reg"}
_HARMLESS_ENDINGS = {
    "pdf",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "ppt",
    "pptx",
    "jpg",
    "jpeg",
    "png",
    "gif",
    "txt",
    "mp3",
    "mp4",
    "html",
    "htm",
    "csv",
    "zip",
}
_TYPES_OF_ENDING: dict[str, set[str]] = {
    "pdf": {"pdf"}, "png": PICTURES, "jpg": PICTURES, "jpeg": PICTURES, "gif": PICTURES, "doc": {"ole", "rtf", "html", "office"},
    "xls": {"ole", "html", "office", "text", "rtf"}, "ppt": {"ole", "office"}, "docx": {"office", "ole", "zip"},
    "xlsx": {"office", "ole", "zip"}, "pptx": {"office", "ole", "zip"}, "zip": {"zip", "office"}, "rar": {"rar"}, "7z": {"7z"},
}  # fmt: skip
_SMUGGLING = re.compile(
    rb"atob\s*\(|fromCharCode|createObjectURL|msSaveOrOpenBlob|new\s+Blob|unescape\s*\(|eval\s*\(|document\.write\s*\("
    rb"|decodeURIComponent"
    rb"|application/octet-stream;base64|charCodeAt|\\x[0-9a-f]{2}\\x[0-9a-f]{2}\\x", re.I)  # fmt: skip
_HTML = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|script|meta|div|table|form|p|a|iframe)\b",
    re.I | re.S,
)
_MACRO = (b"vbaProject.bin", b"_\x00V\x00B\x00A\x00_\x00P\x00R\x00O\x00J\x00E\x00C\x00T", b"xl/macrosheets/")
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def describe(name: str, declared: str, data: bytes, *, inline: bool = False) -> Attachment:
    """The attachment of a name, a declared type and its bytes."""
    kind = sniff(data)
    traits: list[str] = []
    members: tuple[str, ...] = ()
    if kind in ("zip", "office"):
        members = _archive(data, traits)
    _by_content(kind, data, traits)
    _by_name(name, kind, traits)
    return Attachment(name[:255], declared[:100].lower(), kind, len(data), hashlib.sha256(data).hexdigest(), inline,
                      tuple(dict.fromkeys(traits)), members)  # fmt: skip


def sniff(data: bytes) -> str:
    """What bytes are, in one word; `data` if nothing fits, `empty` if there are none."""
    if not data:
        return "empty"
    head = data[:4096]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _zip_kind(data) if kind == "zip" else kind
    if head[:4] == b"RIFF":
        return "webp" if head[8:12] == b"WEBP" else "audio"
    if data[0x8001:0x8006] == b"CD001":
        return "disk"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if b"<svg" in head.lower():
        return "svg"
    if _HTML.match(head):
        return "html"
    if re.match(rb"\[InternetShortcut\]", head, re.I):
        return "shortcut"
    if re.match(rb"\s*BEGIN:V(CALENDAR|CARD)", head, re.I):
        return "calendar" if b"CALENDAR" in head[:40].upper() else "card"
    return "text" if _is_text(head) else "data"


def _zip_kind(data: bytes) -> str:
    return "office" if b"[Content_Types].xml" in data[:4000] or b"[Content_Types].xml" in data[-8000:] else "zip"


def _is_text(head: bytes) -> bool:
    return b"\x00" not in head and sum(byte < 9 or 13 < byte < 32 for byte in head) <= len(head) // 50


def _archive(data: bytes, traits: list[str]) -> tuple[str, ...]:
    """Names in a zip, from its directory; nothing is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()[:200]
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, NotImplementedError, RuntimeError, UnicodeError):
        traits.append("broken")
        return ()
    if any(entry.flag_bits & 1 for entry in entries):
        traits.append("encrypted")
    if sum(entry.file_size for entry in entries) > 100 * max(len(data), 10_000):
        traits.append("bomb")
    names = tuple(entry.filename[:200] for entry in entries)
    if any(ending(name) in RUNNABLE for name in names):
        traits.append("program_inside")
    return names[:20]


def _by_content(kind: str, data: bytes, traits: list[str]) -> None:
    if kind in ("program", "shortcut", "java", "chm", "onenote"):
        traits.append("shortcut" if kind == "shortcut" else "program")
    if kind in ("ole", "office") and any(mark in data for mark in _MACRO):
        traits.append("macro")
    if kind == "ole" and _ENCRYPTED_OFFICE in data:
        traits.append("encrypted")
    if kind == "pdf":
        if b"/Encrypt" in data:
            traits.append("encrypted")
        if re.search(rb"/JavaScript|/JS\s*[(<]|/Launch\b|/EmbeddedFile\b", data):
            traits.append("active_pdf")
    if (
        kind == "rar"
        and len(data) > 12
        and ((data[10:11] == b"\x73" and data[11] & 0x80) or (data[6:8] == b"\x01\x00" and data[12:13] == b"\x04"))
    ):
        traits.append("encrypted")
    if kind in ("html", "svg", "text") and _active(kind, data[:2_000_000]):
        traits.append("smuggling")
    if kind == "html" and re.search(rb"type\s*=\s*[\"']?password", data[:2_000_000], re.I):
        traits.append("password_form")


def _locked_rar(data: bytes) -> bool:
    """RAR 4 with encrypted headers (flag 0x0080 of the main header), or RAR 5 with an encryption header (type 4) first."""
    if data[6:7] == b"\x00":
        return len(data) > 11 and data[9:10] == b"\x73" and bool(data[10] & 0x80)
    type_at = 14 if data[12:13] >= b"\x80" else 13  # behind a size of one or two bytes
    return data[type_at : type_at + 1] == b"\x04"


def _active(kind: str, data: bytes) -> bool:
    if not re.search(rb"<script|onload\s*=|javascript:", data, re.I):
        return False
    return kind == "svg" or len(_SMUGGLING.findall(data)) > 0


def _by_name(name: str, kind: str, traits: list[str]) -> None:
    last = ending(name)
    parts = visible(name).lower().rstrip(" .").split(".")
    if last in _SCRIPTS:
        traits.append("script")
    elif last in ("lnk", "url", "scf", "library-ms", "search-ms"):
        traits.append("shortcut")
    elif last in RUNNABLE:
        traits.append("program")
    elif last in ("docm", "xlsm", "pptm", "dotm", "xltm", "xlam", "xlsb"):
        traits.append("macro")
    if (
        len(parts) > 2
        and parts[-2].strip() in _HARMLESS_ENDINGS
        and (last in RUNNABLE or last in ("html", "htm", "svg"))
    ):
        traits.append("double_ending")
    if BIDI.search(name):
        traits.append("disguised")
    expected = _TYPES_OF_ENDING.get(last)
    if expected and kind not in expected and kind not in ("empty", "data", "text"):
        traits.append("disguised")


def ending(name: str) -> str:
    """The file name's ending without the dot, lower case."""
    return visible(name).lower().rstrip(" .\x00").rpartition(".")[2] if "." in name else ""
