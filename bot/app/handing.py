"""Everything of one person as a file for that person: what `my data` hands over, and how the web chat gives it out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.stores.export import SEALED, SqlPersonExport
from adapters.stores.tickets import SqlTicketStore
from bot.cards import Attached
from bot.errors import NotFound
from bot.helpdesk.attachments import Attachments
from bot.model import File
from bot.ports import Row, Vault
from bot.turn import Work

_BYTES = (bytes, memoryview)
FILES = 5_000_000  # bytes of mails and files that go along; for more there is the desk


@dataclass(frozen=True)
class Handing:
    """`conversation` names somebody's in the local web chat by their pseudonym; `too_much` says that it is too large."""

    export: SqlPersonExport
    vault: Vault
    attachments: Attachments
    tickets: SqlTicketStore
    conversation: Callable[[str], str]
    too_much: Callable[[], str]

    def over(self, work: Work, person: str, name: str) -> Attached:
        """Everything of a pseudonym, sealed, as a file that belongs to no ticket. Raises `Refused` over ten megabytes."""
        (sealed,) = self.attachments.seal([File(name, self.file(person, work.at), "application/json")], self.too_much)
        return self.attachments.keep(work, "", "", person, sealed)

    def file(self, person: str, at: float) -> bytes:
        """Everything of a pseudonym, as JSON."""
        tables: dict[str, list[dict[str, Any]]] = {}
        room = [FILES]
        for table, rows in self.export.of(person, self.conversation(person), at):
            tables.setdefault(table, []).extend(self._plain(table, row, room) for row in rows)
        made = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        return json.dumps({"made": made, "tables": tables}, ensure_ascii=False, indent=1, default=str).encode()

    def out(self, file: str, person: str) -> tuple[str, bytes]:
        """(name, bytes) of a file that was handed to this pseudonym. Raises `NotFound` for anybody else's."""
        row = self.tickets.attachment(file)
        if row is None or row["person"] != person or row["ticket"]:
            raise NotFound(file)
        return str(row["name"]), self.attachments.open(file)

    def _plain(self, table: str, row: Row, room: list[int]) -> dict[str, Any]:
        """The row as JSON can hold it: what is sealed opened, mails and files as text or base64 while there is room."""
        found = {
            name: f"{len(bytes(value))} bytes" if isinstance(value, _BYTES) else value for name, value in row.items()
        }
        if table in SEALED:
            _, column, purpose, kind = SEALED[table]
            if row[column]:  # a letter that was left alone has nothing in it, nor has a mail after its time
                found[column] = self._opened(purpose, kind, bytes(row[column]), room) or found[column]
        return found

    def _opened(self, purpose: str, kind: str, box: bytes, room: list[int]) -> Any:
        """What is in a box; None for a file that there is no room for."""
        if kind == "file" and len(box) > room[0]:
            return None
        data = self.vault.unseal(purpose, box)
        if kind == "json":
            return json.loads(data)
        if kind == "file":
            room[0] -= len(data)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(data).decode()}
