"""SQL of what waits to be sent and can still be taken back: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_ALL = "id, kind, ticket, person, fields, at, due_at, back"


class SqlUndoStore:
    """Implements `bot.undo.UndoStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> None:
        self._insert(tx, row, back=0)

    def row(self, tx: Tx, id_: str) -> Row | None:
        rows = tx.query(f"SELECT {_ALL} FROM unsent WHERE id = :id AND back = 0", id=id_)  # noqa: S608 (names of our own)
        return rows[0] if rows else None

    def take(self, tx: Tx, ticket: str, until: float) -> list[Row]:
        sql = f"DELETE FROM unsent WHERE ticket = :ticket AND back = 0 AND at <= :until RETURNING {_ALL}"  # noqa: S608
        return sorted(tx.query(sql, ticket=ticket, until=until), key=lambda row: (row["at"], row["id"]))

    def give_back(self, tx: Tx, id_: str, person: str) -> Row | None:
        sql = f"UPDATE unsent SET back = 1 WHERE id = :id AND person = :person AND back = 0 RETURNING {_ALL}"  # noqa: S608
        rows = tx.query(sql, id=id_, person=person)
        return rows[0] if rows else None

    def keep(self, tx: Tx, row: Mapping[str, object]) -> None:
        self._insert(tx, row, back=1)

    def drop_back(self, tx: Tx, person: str, ticket: str, kind: str) -> None:
        sql = "DELETE FROM unsent WHERE person = :person AND ticket = :ticket AND kind = :kind AND back = 1"
        tx.execute(sql, person=person, ticket=ticket, kind=kind)

    def of_ticket(self, ticket: str) -> list[Row]:
        sql = f"SELECT {_ALL} FROM unsent WHERE ticket = :ticket ORDER BY at, id"  # noqa: S608
        return self._db.query(sql, ticket=ticket)

    @staticmethod
    def _insert(tx: Tx, row: Mapping[str, object], back: int) -> None:
        sql = f"INSERT INTO unsent ({_ALL}) VALUES (:id, :kind, :ticket, :person, :fields, :at, :due_at, :back)"  # noqa: S608
        tx.execute(sql, **{**row, "back": back})
