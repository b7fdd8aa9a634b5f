"""SQL of the audit chain: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from bot.audit import AuditRow, Head
from bot.errors import StoreUnavailable
from bot.ports import Db, Row, Tx


class SqlAuditStore:
    """Implements `bot.audit.AuditStore`."""

    def lock_head(self, tx: Tx) -> Head:
        # An UPDATE that changes nothing locks the row on PostgreSQL and returns it as the last holder left it, where a
        # plain read would see it as it was before (READ COMMITTED) and fork the chain.
        rows = tx.query("UPDATE audit_head SET seq = seq WHERE id = 'head' RETURNING seq, hash")
        if not rows:
            raise StoreUnavailable("The audit log has lost its head row: restore the database, or ask who removed it")
        return _head(rows[0])

    def add(self, tx: Tx, row: AuditRow) -> None:
        tx.execute(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, prev, hash)"
            " VALUES (:seq, :at, :actor, :action, :subject, :detail, :prev, :hash)",
            **row.__dict__,
        )
        moved = tx.execute(
            "UPDATE audit_head SET seq = :seq, hash = :hash WHERE id = 'head' AND seq = :before",
            seq=row.seq, hash=row.hash, before=row.seq - 1,
        )  # fmt: skip
        if moved != 1:
            raise StoreUnavailable("The audit log was written past its lock")

    def head(self, db: Db) -> Head | None:
        rows = db.query("SELECT seq, hash FROM audit_head WHERE id = 'head'")
        return _head(rows[0]) if rows else None

    def rows(self, db: Db, after: int, limit: int) -> list[AuditRow]:
        found = db.query(
            "SELECT seq, at, actor, action, subject, detail, prev, hash FROM audit"
            " WHERE seq > :after ORDER BY seq LIMIT :limit",
            after=after, limit=limit,
        )  # fmt: skip
        return [AuditRow(**row) for row in found]


def _head(row: Row) -> Head:
    return Head(int(row["seq"]), str(row["hash"]))
