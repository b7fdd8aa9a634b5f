"""SQL of what people propose to change in procedures, and of how runs went. One text, both databases."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_COLUMNS = "id, run, procedure_id, version, step, text, author, at, state, decided_by, decided_at, why"


class SqlProposalStore:
    """Implements `bot.procedures.improving.ProposalStore` and `bot.procedures.statistics.TrailStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> None:
        sql = """INSERT INTO procedure_proposal (id, run, procedure_id, version, step, text, author, at)
                 VALUES (:id, :run, :procedure_id, :version, :step, :text, :author, :at)"""
        tx.execute(sql, **row)

    def decide(self, tx: Tx, proposal: str, state: str, by: str, at: float, why: str) -> bool:
        """False if somebody has decided before."""
        sql = """UPDATE procedure_proposal SET state = :state, decided_by = :by, decided_at = :at, why = :why
                 WHERE id = :id AND state = 'open'"""
        return tx.execute(sql, id=proposal, state=state, by=by, at=at, why=why) == 1

    def one(self, proposal: str) -> Row | None:
        rows = self._db.query(f"SELECT {_COLUMNS} FROM procedure_proposal WHERE id = :id", id=proposal)  # noqa: S608
        return rows[0] if rows else None

    def listed(self, *, procedure: str = "", run: str = "", limit: int = 100) -> list[Row]:
        """Proposals, the open ones first, then the latest."""
        sql = f"""SELECT {_COLUMNS} FROM procedure_proposal
                  WHERE (CAST(:procedure AS TEXT) = '' OR procedure_id = :procedure)
                  AND (CAST(:run AS TEXT) = '' OR run = :run)
                  ORDER BY CASE state WHEN 'open' THEN 0 ELSE 1 END, at DESC, id LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, procedure=procedure, run=run, limit=limit)

    def open_counts(self) -> dict[str, int]:
        """How many proposals wait, by procedure."""
        sql = "SELECT procedure_id, COUNT(*) AS n FROM procedure_proposal WHERE state = 'open' GROUP BY procedure_id"
        return {str(row["procedure_id"]): int(row["n"]) for row in self._db.query(sql)}

    def trail(self, procedure: str, since: float, limit: int) -> list[Row]:
        """Rows of the chains of the latest runs of a procedure since a moment, run by run in order."""
        sql = """SELECT r.run, r.seq, r.at, r.step, r.action, r.detail, r.actor, p.started_at
                 FROM procedure_record r JOIN
                 (SELECT id, started_at, number FROM procedure_run WHERE procedure_id = :procedure AND started_at >= :since
                  ORDER BY number DESC LIMIT :limit) p ON p.id = r.run ORDER BY p.number, r.seq"""
        return self._db.query(sql, procedure=procedure, since=since, limit=limit)

    def audited(self, run: str) -> list[Row]:
        """What the audit log holds of a run: `action` and `detail` in order."""
        sql = "SELECT seq, action, detail FROM audit WHERE subject = :run AND action LIKE 'procedure.%' ORDER BY seq"
        return self._db.query(sql, run=run)
