"""SQL of what is known of the answers that ship: one row of `setting`."""

from __future__ import annotations

from bot.ports import Db, Tx

NAME = "shipped.answers"


class SqlShippedStore:
    """Implements `bot.answering.shipped.ShippedStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def read(self) -> str:
        rows = self._db.query("SELECT value FROM setting WHERE name = :name", name=NAME)
        return str(rows[0]["value"]) if rows else ""

    def replace(self, old: str, new: str, at: float) -> bool:
        with self._db.tx() as tx:
            return self.replace_in(tx, old, new, at)

    def replace_in(self, tx: Tx, old: str, new: str, at: float) -> bool:
        if not old:
            sql = """INSERT INTO setting (name, value, updated_at) VALUES (:name, :new, :at)
                     ON CONFLICT (name) DO NOTHING RETURNING name"""
            return bool(tx.query(sql, name=NAME, new=new, at=at))
        sql = "UPDATE setting SET value = :new, updated_at = :at WHERE name = :name AND value = :old"
        return tx.execute(sql, name=NAME, old=old, new=new, at=at) == 1
