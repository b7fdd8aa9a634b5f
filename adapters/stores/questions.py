"""SQL of asked questions: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx


class SqlQuestionStore:
    """Implements `QuestionStore`, `OpenQuestions` and `ProposalStore` of the answering pillar."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add_question(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO question (id, person, place, lang, at, text, outcome, entry, confidence, rating)
               VALUES (:id, :person, :place, :lang, :at, :text, :outcome, :entry, :confidence, '')""",
            **row,
        )

    def last_questions(self, person: str, place: str, since: float) -> list[Row]:
        """The newest questions of a person in a place (`text`, `entry`, `lang`, `outcome`) that are no older, newest first."""
        sql = """SELECT text, entry, lang, outcome FROM question WHERE person = :person AND place = :place AND at >= :since
                 ORDER BY at DESC LIMIT 3"""
        return self._db.query(sql, person=person, place=place, since=since)

    def picked(self, tx: Tx, person: str, place: str, entry: str, since: float) -> None:
        """Somebody chose this entry under "did you mean": that is what the question before was about."""
        sql = """UPDATE question SET entry = :entry WHERE id = (
                   SELECT id FROM question WHERE person = :person AND place = :place AND at >= :since
                   ORDER BY at DESC LIMIT 1) AND outcome = 'suggest' AND entry = ''"""
        tx.execute(sql, entry=entry, person=person, place=place, since=since)

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

    def unanswered(self, since: float, limit: int) -> list[Row]:
        """Questions that nobody has dealt with: without an answer, chosen under "did you mean", or rated badly."""
        sql = """SELECT id, text, outcome, entry, at, person, rating, lang FROM question
                 WHERE settled_at = 0 AND at >= :since
                 AND (outcome IN ('suggest', 'escalate') OR rating = 'unhelpful') ORDER BY at DESC LIMIT :limit"""
        return self._db.query(sql, since=since, limit=limit)

    def settle(self, tx: Tx, ids: Sequence[str], by: str, at: float) -> int:
        """An author has dealt with these; the number that were open."""
        sql = "UPDATE question SET settled_at = :at, settled_by = :by WHERE id = :id AND settled_at = 0"
        return sum(tx.execute(sql, id=one, by=by, at=at) for one in ids)

    def unsettle(self, tx: Tx, by: str, at: float) -> int:
        """Open again what somebody settled at that moment; the number."""
        sql = "UPDATE question SET settled_at = 0, settled_by = '' WHERE settled_by = :by AND settled_at = :at AND :at > 0"
        return tx.execute(sql, by=by, at=at)

    def outcomes(self) -> dict[str, int]:
        return {row["outcome"]: row["n"] for row in self._db.query(
            "SELECT outcome, COUNT(*) AS n FROM question GROUP BY outcome")}  # fmt: skip
