"""What proves that a step was done: a text, a link or a file. Checked, hashed and sealed before it is kept."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.hash_chain import salted
from bot.model import File
from bot.ports import Row, Vault
from bot.procedures.chain import file_hash
from bot.procedures.shapes import EvidenceKind

PURPOSE, FILE_PURPOSE = "procedure.text", "procedure.file"
MOST_BYTES = 10 * 1024 * 1024
MOST_TEXT = 4_000
_LINK = re.compile(r"https?://[^\s<>\"']{4,1900}")

Kind = Literal["text", "link", "file"]


@dataclass(frozen=True)
class Evidence:
    """What somebody gives for a step: `text` holds the words or the address, `file` the file."""

    kind: Kind
    text: str = ""
    file: File | None = None


@dataclass(frozen=True)
class Written:
    """What was kept with a row: `text` with its `salt`, or a file by `id`, name and size in bytes. `person`: a pseudonym."""

    seq: int
    part: Literal["evidence", "note"]
    kind: Kind
    person: str
    id: str
    text: str = ""
    salt: str = ""
    name: str = ""
    type: str = ""
    size: int = 0


@dataclass(frozen=True)
class Sealed:
    """Ready to be kept: the hash that goes into the chain, and the sealed bytes."""

    kind: Kind
    sha256: str
    body: bytes
    file: File | None = None


def given(text: str, files: tuple[File, ...], wanted: EvidenceKind) -> Evidence | None:
    """What somebody typed or sent, as evidence of the kind that fits; None for nothing."""
    if files:
        return Evidence("file", file=files[0])
    text = text.strip()
    if not text:
        return None
    return Evidence("link" if _LINK.fullmatch(text) and wanted != "text" else "text", text)


def trouble(evidence: Evidence | None, wanted: EvidenceKind, *, needed: bool) -> str:
    """The key of what to say about evidence that will not do; "" if it will."""
    if evidence is None:
        return f"procedure.wants.{wanted}" if needed else ""
    if evidence.kind == "file":
        if evidence.file is None or not evidence.file.data:
            return "procedure.empty_file"
        if len(evidence.file.data) > MOST_BYTES:
            return "procedure.too_large"
    elif not evidence.text.strip():
        return f"procedure.wants.{wanted}" if needed else ""
    elif len(evidence.text) > MOST_TEXT:
        return "procedure.too_long"
    elif evidence.kind == "link" and not _LINK.fullmatch(evidence.text.strip()):
        return "procedure.no_link"
    if wanted in ("text", "link", "file") and evidence.kind != wanted:
        return f"procedure.wants.{wanted}"
    return ""


def seal(vault: Vault, evidence: Evidence, clean: Callable[[str], str]) -> Sealed:
    """Evidence with its hash, sealed. `clean` takes pasted secrets out of a text first."""
    if evidence.kind == "file":
        assert evidence.file is not None  # noqa: S101 (`trouble` has seen it)
        data = evidence.file.data
        return Sealed("file", file_hash(data), vault.seal(FILE_PURPOSE, data), evidence.file)
    text, salt = clean(evidence.text.strip()), secrets.token_hex(16)
    body = json.dumps({"salt": salt, "text": text}, ensure_ascii=False).encode()
    return Sealed(evidence.kind, salted(salt, text), vault.seal(PURPOSE, body))


def written(vault: Vault, row: Row) -> Written:
    """A row of `procedure_text`, opened."""
    found = json.loads(vault.unseal(PURPOSE, bytes(row["sealed"])))
    return Written(
        int(row["seq"]), row["part"], row["kind"], row["person"], row["id"], found["text"], found["salt"],
        size=len(found["text"]),
    )  # fmt: skip


def plain_name(name: str) -> str:
    """A file's name alone, printable and short, its ending kept."""
    clean = "".join(char for char in name.replace("\\", "/").rsplit("/", 1)[-1] if char.isprintable())
    stem, dot, ending = clean.rpartition(".")
    return (f"{stem[:70]}.{ending[:9]}" if dot and stem else clean[:80]) or "file"
