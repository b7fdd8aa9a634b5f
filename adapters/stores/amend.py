"""SQL of editing and taking back what somebody said: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from bot.ports import Tx

_LINES = 0.0001  # the lines of one event follow each other by a microsecond
_OWN = "kind IN ('opened', 'again', 'said')"


class SqlAmendStore:
    """Implements `bot.amend.AmendStore`."""

    def moment(self, tx: Tx, key: str) -> float:
        """When an event was handled, 0 if it never was. Its row stays locked until the commit."""
        rows = tx.query("UPDATE event SET at = at WHERE key = :key RETURNING at", key=key)
        return float(rows[0]["at"]) if rows else 0.0

    def said(self, tx: Tx, person: str, at: float) -> str:
        """What this person said in the event that was handled at `at`."""
        sql = """SELECT text FROM utterance WHERE person = :person AND direction = 'in' AND at >= :at AND at < :end
                 ORDER BY at LIMIT 1"""
        rows = tx.query(sql, person=person, at=at, end=at + _LINES)
        return str(rows[0]["text"]) if rows else ""

    def rewrite(self, tx: Tx, person: str, at: float, text: str) -> int:
        """The conversation and the question say `text` now. An open "did you mean" about the old words ends."""
        names = {"person": person, "at": at, "end": at + _LINES, "text": text}
        found = tx.execute(
            """UPDATE utterance SET text = :text WHERE person = :person AND direction = 'in' AND at >= :at AND at < :end""",
            **names,
        )
        tx.execute("UPDATE question SET text = :text WHERE person = :person AND at >= :at AND at < :end", **names)
        tx.execute(
            "DELETE FROM dialogue WHERE person = :person AND kind = 'answering.miss' AND updated_at >= :at AND updated_at < :end",
            person=person, at=at, end=at + _LINES,
        )  # fmt: skip
        return found

    def rewrite_tickets(self, tx: Tx, person: str, at: float, old: str, text: str) -> list[str]:
        """The person's lines of tickets say `text` now, wherever they said `old`; the tickets that were changed."""
        names = {"person": person, "at": at, "end": at + _LINES}
        sql = f"""UPDATE ticket_event SET text = :text WHERE actor = :person AND at >= :at AND at < :end AND {_OWN}
                  RETURNING ticket"""  # noqa: S608 (a constant)
        tickets = {str(row["ticket"]) for row in tx.query(sql, text=text, **names)}
        sql = """UPDATE ticket_event SET text = replace(text, :old, :text) WHERE actor = :person AND kind = 'conversation'
                 AND at >= :at"""
        tx.execute(sql, old=f"> {old}", text=f"> {text}", person=person, at=at)
        for ticket in tickets:
            tx.execute(
                "UPDATE ticket SET subject = :text WHERE number = :ticket AND requester = :person AND subject = :old",
                text=text.splitlines()[0][:120], ticket=ticket, person=person, old=old[:120],
            )  # fmt: skip
        return sorted(tickets)
