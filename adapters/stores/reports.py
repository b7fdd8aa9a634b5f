"""SQL of reported mails: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_FACTS = "sha256, name, size, ticket, state, kind, decided_by, verdict, facts, created_at, decided_at"


class SqlReportStore:
    """Implements `bot.reporting.reports.ReportStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add_mail(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO mail (sha256, name, size, body, ticket, state, kind, decided_by, verdict, facts, created_at,
                                   decided_at)
                 VALUES (:sha256, :name, :size, :body, '', 'checking', '', '', '', '', :at, 0)
                 ON CONFLICT (sha256) DO NOTHING RETURNING sha256"""
        return bool(tx.query(sql, **row))

    def bind_ticket(self, tx: Tx, sha256: str, ticket: str) -> None:
        tx.execute("UPDATE mail SET ticket = :ticket WHERE sha256 = :sha256", sha256=sha256, ticket=ticket)

    def locked(self, tx: Tx, sha256: str) -> Row | None:
        sql = f"UPDATE mail SET state = state WHERE sha256 = :sha256 RETURNING {_FACTS}"  # noqa: S608
        return _first(tx.query(sql, sha256=sha256))

    def mail(self, sha256: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_FACTS} FROM mail WHERE sha256 = :sha256", sha256=sha256))  # noqa: S608

    def of_ticket(self, ticket: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_FACTS} FROM mail WHERE ticket = :ticket", ticket=ticket))  # noqa: S608

    def body(self, sha256: str) -> bytes:
        row = _first(self._db.query("SELECT body FROM mail WHERE sha256 = :sha256", sha256=sha256))
        return bytes(row["body"]) if row else b""

    def add_submission(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO submission (id, sha256, person, place, at, withdrawn)
                 VALUES (:id, :sha256, :person, :place, :at, 0) ON CONFLICT (sha256, person) DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def submissions(self, tx: Tx, sha256: str) -> list[Row]:
        sql = "SELECT id, person, place, at FROM submission WHERE sha256 = :sha256 AND withdrawn = 0 ORDER BY at"
        return tx.query(sql, sha256=sha256)

    def decide(self, tx: Tx, sha256: str, kind: str, by: str, verdict: str, facts: str, at: float) -> bool:
        """The automatic verdict, once; an analyst's (`by` is a pseudonym) replaces it."""
        sql = """UPDATE mail SET state = 'decided', kind = :kind, decided_by = :by, verdict = :verdict, facts = :facts,
                 decided_at = :at WHERE sha256 = :sha256 AND (state = 'checking' OR :by <> 'secdesk')"""
        return tx.execute(sql, sha256=sha256, kind=kind, by=by, verdict=verdict, facts=facts, at=at) == 1

    def reports(self, limit: int) -> list[Row]:
        sql = f"""SELECT {_FACTS}, (SELECT COUNT(*) FROM submission WHERE submission.sha256 = mail.sha256) AS reporters
                  FROM mail ORDER BY created_at DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, limit=limit)

    def counts(self) -> dict[str, int]:
        """Mails by verdict ("" while checking)."""
        return {row["kind"]: row["n"] for row in self._db.query("SELECT kind, COUNT(*) AS n FROM mail GROUP BY kind")}


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
