"""Everything of one person as a file for that person: what `my data` hands over, and how the web chat gives it out."""

from __future__ import annotations

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
        tables: dict[str, list[dict[str, Any]]] = {}
        for table, rows in self.export.of(person, self.conversation(person), work.at):
            tables.setdefault(table, []).extend(self._plain(table, row) for row in rows)
        made = datetime.fromtimestamp(work.at, UTC).isoformat(timespec="seconds")
        said = json.dumps({"made": made, "tables": tables}, ensure_ascii=False, indent=1, default=str)
        (sealed,) = self.attachments.seal([File(name, said.encode(), "application/json")], self.too_much)
        return self.attachments.keep(work, "", "", person, sealed)

    def out(self, file: str, person: str) -> tuple[str, bytes]:
        """(name, bytes) of a file that was handed to this pseudonym. Raises `NotFound` for anybody else's."""
        row = self.tickets.attachment(file)
        if row is None or row["person"] != person or row["ticket"]:
            raise NotFound(file)
        return str(row["name"]), self.attachments.open(file)

    def _plain(self, table: str, row: Row) -> dict[str, Any]:
        """The row as JSON can hold it: what is sealed opened, the bytes of mails and files left out."""
        found = {
            name: f"{len(bytes(value))} bytes" if isinstance(value, _BYTES) else value for name, value in row.items()
        }
        if table in SEALED:
            _, column, purpose, kind = SEALED[table]
            if kind != "file" and row[column]:  # a letter that was left alone has nothing in it
                data = self.vault.unseal(purpose, bytes(row[column]))
                found[column] = json.loads(data) if kind == "json" else data.decode()
        return found
