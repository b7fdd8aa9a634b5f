"""Files of a ticket: what people and the desk send each other besides words. Sealed at rest, opened by nobody here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Attached
from bot.errors import NotFound, Refused
from bot.model import File
from bot.ports import Row, Tx, Vault
from bot.turn import Work

MOST_BYTES = 10 * 1024 * 1024
MOST_FILES = 5
_PURPOSE = "attachment"


class AttachmentStore(Protocol):
    """SQL of attachments."""

    def add_attachment(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def attachments(self, ticket: str) -> list[Row]: ...

    def attachment(self, name: str) -> Row | None: ...


@dataclass(frozen=True)
class Sealed:
    """A file, ready to be kept."""

    file: File
    body: bytes


class Attachments:
    """Keeps files and gives them back."""

    def __init__(self, store: AttachmentStore, vault: Vault) -> None:
        self._store, self._vault = store, vault

    def seal(self, files: Sequence[File], too_much: Callable[[], str]) -> list[Sealed]:
        """The costly part, before any transaction. Raises `Refused` with what `too_much` says."""
        if len(files) > MOST_FILES or any(len(file.data) > MOST_BYTES for file in files):
            raise Refused(too_much())
        return [Sealed(file, self._vault.seal(_PURPOSE, file.data)) for file in files]

    def keep(self, work: Work, ticket: str, event: str, person: str, sealed: Sealed) -> Attached:
        """Store a file with a line of a ticket."""
        file = sealed.file
        row = {"id": uuid.uuid4().hex, "ticket": ticket, "event": event, "person": person, "name": short_name(file.name),
               "type": file.type[:100], "size": len(file.data), "body": sealed.body, "at": work.at}  # fmt: skip
        self._store.add_attachment(work.tx, row)
        return Attached(str(row["id"]), str(row["name"]), len(file.data))

    def of(self, ticket: str) -> dict[int, Attached]:
        """Files of a ticket by the line that they came with."""
        rows = self._store.attachments(ticket)
        return {int(row["seq"]): Attached(row["id"], row["name"], int(row["size"])) for row in rows}

    def open(self, name: str) -> bytes:
        """The bytes. Raises `NotFound`."""
        row = self._store.attachment(name)
        if row is None:
            raise NotFound(name)
        return self._vault.unseal(_PURPOSE, bytes(row["body"]))


def short_name(name: str) -> str:
    """A file's name alone, printable and short, its ending kept."""
    clean = "".join(char for char in name.replace("\\", "/").rsplit("/", 1)[-1] if char.isprintable())
    stem, dot, ending = clean.rpartition(".")
    return (f"{stem[:70]}.{ending[:9]}" if dot and stem else clean[:80]) or "file"
