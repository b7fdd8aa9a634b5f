"""Writes small Outlook files for tests: compound files ([MS-CFB]), `.msg` and winmail.dat. Only what the tests need."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import compressed_rtf

Tree = Mapping[str, "bytes | Tree"]
SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FATS = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(tree: Tree) -> bytes:
    """A compound file of named streams (bytes) and storages (mappings)."""
    entries: list[dict] = [{"name": "Root Entry", "type": 5, "child": -1, "right": -1, "data": b""}]
    _add(entries, 0, tree)
    mini, mini_fat, big = bytearray(), [], []
    for entry in entries[1:]:
        data = entry["data"]
        if entry["type"] != 2:
            continue
        if len(data) < CUTOFF:
            entry["start"] = len(mini) // MINI if data else END
            count = -(-len(data) // MINI)
            mini_fat += [len(mini_fat) + i + 1 for i in range(count - 1)] + ([END] if count else [])
            mini += data.ljust(count * MINI, b"\0")
        else:
            big.append(entry)
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        count = -(-len(data) // SECTOR)
        start = len(sectors)
        for i in range(count):
            sectors.append(data[i * SECTOR : (i + 1) * SECTOR].ljust(SECTOR, b"\0"))
            fat.append(start + i + 1 if i + 1 < count else END)
        return start if count else END

    entries[0]["start"], entries[0]["size"] = store(bytes(mini)), len(mini)
    for entry in big:
        entry["start"] = store(entry["data"])
    mini_start = store(struct.pack(f"<{len(mini_fat)}I", *mini_fat))
    directory_start = store(b"".join(_entry(entry) for entry in entries))
    count = 1
    while count * SECTOR // 4 < len(fat) + count:
        count += 1
    fat_at = list(range(len(fat), len(fat) + count))
    fat += [FATS] * count
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(count * SECTOR, b"\xff")
    sectors += [table[i * SECTOR : (i + 1) * SECTOR] for i in range(count)]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    mini_count = -(-len(mini_fat) * 4 // SECTOR)
    head += struct.pack("<9I", 0, count, directory_start, 0, CUTOFF, mini_start, mini_count, END, 0)
    head += struct.pack(f"<{len(fat_at)}I", *fat_at)
    return head.ljust(SECTOR, b"\xff") + b"".join(sectors)


def _add(entries: list[dict], parent: int, tree: Tree) -> None:
    before = -1
    for name, value in sorted(tree.items(), key=lambda item: (len(item[0]), item[0].upper())):
        here = len(entries)
        storage = isinstance(value, Mapping)
        entries.append(
            {"name": name, "type": 1 if storage else 2, "child": -1, "right": -1, "data": b"" if storage else value}
        )
        if before < 0:
            entries[parent]["child"] = here
        else:
            entries[before]["right"] = here
        before = here
        if isinstance(value, Mapping):
            _add(entries, here, value)


def _entry(entry: dict) -> bytes:
    name = (entry["name"] + "\0").encode("utf-16-le")
    size = entry.get("size", len(entry["data"]))
    return (
        name.ljust(64, b"\0")
        + struct.pack("<HBBiii", len(name), entry["type"], 1, -1, entry["right"], entry["child"])
        + b"\0" * 36
        + struct.pack("<IQ", entry.get("start", 0 if entry["type"] == 1 else END), size)
    )


def properties(header: int, fixed: Mapping[int, int] = {}) -> bytes:
    """A property stream with 32-bit numbers."""
    return b"\0" * header + b"".join(struct.pack("<HHIQ", 3, number, 6, value) for number, value in fixed.items())


def texts(**values: str) -> dict[str, bytes]:
    """Text properties by their four hex digits: `texts(p0037="Subject")`."""
    return {f"__substg1.0_{name[1:].upper()}001F": value.encode("utf-16-le") for name, value in values.items()}


def msg(
    *,
    headers: str = "",
    body: str = "",
    rtf: bytes = b"",
    html: bytes = b"",
    more: Tree | None = None,
    top: bool = True,
    **props: str,
) -> Tree:
    """The tree of a message; `compound(msg(...))` is the file."""
    tree: dict = {"__properties_version1.0": properties(32 if top else 24), **texts(**props)}
    if headers:
        tree |= texts(p007d=headers)
    if body:
        tree |= texts(p1000=body)
    if rtf:
        tree["__substg1.0_10090102"] = compressed_rtf.compress(rtf)
    if html:
        tree["__substg1.0_10130102"] = html
    return tree | (dict(more) if more else {})


def attached(name: str, data: bytes) -> Tree:
    """A file inside a message."""
    return {"__properties_version1.0": properties(8), "__substg1.0_37010102": data, **texts(p3707=name)}


def attached_message(tree: Tree) -> Tree:
    """A message inside a message."""
    return {"__properties_version1.0": properties(8), "__substg1.0_3701000D": dict(tree)}


def winmail(body: bytes, files: Mapping[str, bytes]) -> bytes:
    """A TNEF stream with a plain body and files."""
    parts = [struct.pack("<IH", 0x223E9F78, 1), _attribute(1, 0x800C, 2, body + b"\0")]
    for name, data in files.items():
        parts += [
            _attribute(2, 0x9002, 6, b"\x01\0\0\0" + b"\0" * 10),
            _attribute(2, 0x8010, 1, name.encode() + b"\0"),
            _attribute(2, 0x800F, 6, data),
        ]
    return b"".join(parts)


def _attribute(level: int, name: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, name, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
