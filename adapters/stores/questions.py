"""SQL of asked questions: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx


class SqlQuestionStore:
    """Implements `bot.answering.answers.QuestionStore` and `bot.answering.proposals.ProposalStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add_question(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO question (id, person, at, text, outcome, entry, confidence, rating)
               VALUES (:id, :person, :at, :text, :outcome, :entry, :confidence, '')""",
            **row,
        )

    def rate(self, tx: Tx, question: str, person: str, rating: str) -> bool:
        sql = "UPDATE question SET rating = :rating WHERE id = :id AND person = :person AND rating = ''"
        return tx.execute(sql, id=question, person=person, rating=rating) == 1

    def add_proposal(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False if this entry has been proposed before."""
        sql = """INSERT INTO proposal (id, entry, yaml, author, at) VALUES (:id, :entry, :yaml, :author, :at)
                 ON CONFLICT (entry) DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def proposal(self, name: str) -> Row | None:
        rows = self._db.query("SELECT * FROM proposal WHERE id = :id", id=name)
        return rows[0] if rows else None

    def unanswered(self, limit: int) -> list[Row]:
        sql = """SELECT text, outcome, entry, at, rating FROM question
                 WHERE outcome <> 'answer' OR rating = 'unhelpful' ORDER BY at DESC LIMIT :limit"""
        return self._db.query(sql, limit=limit)

    def outcomes(self) -> dict[str, int]:
        return {row["outcome"]: row["n"] for row in self._db.query(
            "SELECT outcome, COUNT(*) AS n FROM question GROUP BY outcome")}  # fmt: skip
