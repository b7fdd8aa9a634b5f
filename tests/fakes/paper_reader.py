"""What stands in a PDF of ours: its text as a reader extracts it, through each font's ToUnicode table."""

from __future__ import annotations

import base64
import re
import zlib
from itertools import pairwise


def pdf_text(data: bytes) -> str:
    """All text of the pages in order, pieces joined without a break."""
    streams = [
        _unpacked(found[1], found[2]) for found in re.finditer(rb"<<(.*?)>>\s*stream\r?\n(.*?)endstream", data, re.S)
    ]
    objects = {int(n): body for n, body in re.findall(rb"(\d+) 0 obj(.*?)endobj", data, re.S)}
    tables = {}
    for body in objects.values():
        name, way = re.search(rb"/Name /(F\d\+\d+)", body), re.search(rb"/ToUnicode (\d+) 0 R", body)
        if name and way:
            stream = re.search(rb"<<(.*?)>>\s*stream\r?\n(.*?)endstream", objects[int(way[1])], re.S)
            assert stream
            tables[name[1].decode()] = _unicode(_unpacked(stream[1], stream[2]).decode("latin-1"))
    return "".join(_shown(stream.decode("latin-1"), tables) for stream in streams if b" Tj" in stream)


def _unpacked(head: bytes, body: bytes) -> bytes:
    if b"ASCII85Decode" in head:
        body = base64.a85decode(body.strip().removesuffix(b"~>"))
    return zlib.decompress(body) if b"FlateDecode" in head else body


def _unicode(table: str) -> dict[int, str]:
    ranges = re.findall(r"<([0-9A-F]{2})> <([0-9A-F]{2})> \[(.*?)\]", table, re.S)
    found = {}
    for first, _, codes in ranges:
        for offset, code in enumerate(re.findall(r"<([0-9A-F]+)>", codes)):
            found[int(first, 16) + offset] = bytes.fromhex(code.zfill(4)).decode("utf-16-be")
    for first, code in re.findall(r"^<([0-9A-F]{2})> <([0-9A-F]{4,})>$", table, re.M):
        found[int(first, 16)] = bytes.fromhex(code).decode("utf-16-be")
    return found


def _shown(stream: str, tables: dict[str, dict[int, str]]) -> str:
    """Strings before `Tj`, each in the font that was set last."""
    fonts = [(found.start(), found[1]) for found in re.finditer(r"/(F\d\+\d+) [\d.]+ Tf", stream)]
    spans = [*pairwise([*fonts, (len(stream), "")])]
    out = []
    for (start, font), (stop, _) in spans:
        for found in re.finditer(r"\(((?:\\.|[^\\()])*)\) Tj", stream[start:stop], re.S):
            out += [tables[font].get(ord(sign), "?") for sign in _literal(found[1])]
    return "".join(out)


def _literal(text: str) -> str:
    named = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return re.sub(
        r"\\([0-7]{1,3}|.)",
        lambda m: chr(int(m[1], 8)) if m[1][0].isdigit() else named.get(m[1], m[1]),
        text,
        flags=re.S,
    )
