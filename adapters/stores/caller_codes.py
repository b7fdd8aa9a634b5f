"""SQL of the codes by which people and the help desk know each other on the phone. One text, both databases."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_CODE = "id, kind, person, analyst, ticket, code, state, tries, created_at, until_at, shown_at"


class SqlCodeStore:
    """Implements `bot.helpdesk.codes.CodeStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> None:
        """A fresh one; an open one of the same kind for the same person no longer counts."""
        tx.execute(
            "UPDATE caller_code SET state = 'replaced' WHERE person = :person AND kind = :kind AND state = 'open'",
            person=row["person"], kind=row["kind"],
        )  # fmt: skip
        tx.execute(
            """INSERT INTO caller_code (id, kind, person, analyst, ticket, code, state, created_at, until_at)
               VALUES (:id, :kind, :person, :analyst, :ticket, :code, 'open', :at, :until)""",
            **row,
        )

    def made(self, tx: Tx, person: str, analyst: str, since: float) -> int:
        """How many were made about this person or by this analyst since then, whichever is given."""
        sql = """SELECT COUNT(*) AS n FROM caller_code WHERE created_at >= :since
                 AND (:person = '' OR person = :person) AND (:analyst = '' OR analyst = :analyst)"""
        return int(tx.query(sql, person=person, analyst=analyst, since=since)[0]["n"])

    def code(self, tx: Tx, id_: str) -> Row | None:
        return _first(tx.query(f"SELECT {_CODE} FROM caller_code WHERE id = :id", id=id_))  # noqa: S608

    def open_of(self, tx: Tx, person: str, kind: str, at: float) -> Row | None:
        """The one that counts now."""
        sql = f"""SELECT {_CODE} FROM caller_code WHERE person = :person AND kind = :kind AND state = 'open'
                  AND until_at > :at ORDER BY created_at DESC LIMIT 1"""  # noqa: S608
        return _first(tx.query(sql, person=person, kind=kind, at=at))

    def waiting(self, at: float) -> list[Row]:
        """People who ask now whether we are calling them, newest first."""
        sql = f"""SELECT {_CODE} FROM caller_code WHERE kind = 'desk' AND state = 'open' AND until_at > :at
                  ORDER BY created_at DESC LIMIT 50"""  # noqa: S608
        return self._db.query(sql, at=at)

    def asked_by(self, analyst: str, at: float) -> list[Row]:
        """What this analyst waits for."""
        sql = f"""SELECT {_CODE} FROM caller_code WHERE kind = 'person' AND analyst = :analyst AND state = 'open'
                  AND until_at > :at ORDER BY created_at DESC LIMIT 10"""  # noqa: S608
        return self._db.query(sql, analyst=analyst, at=at)

    def tried(self, tx: Tx, id_: str, most: int, at: float) -> Row | None:
        """One more try; None when none is left, or it is over."""
        sql = f"""UPDATE caller_code SET tries = tries + 1
                  WHERE id = :id AND state = 'open' AND until_at > :at AND tries < :most RETURNING {_CODE}"""  # noqa: S608
        return _first(tx.query(sql, id=id_, most=most, at=at))

    def close(self, tx: Tx, id_: str, state: str, at: float) -> Row | None:
        """For the one who is first, while it counts."""
        sql = f"""UPDATE caller_code SET state = :state WHERE id = :id AND state = 'open' AND until_at > :at
                  RETURNING {_CODE}"""  # noqa: S608
        return _first(tx.query(sql, id=id_, state=state, at=at))

    def shown(self, tx: Tx, id_: str, analyst: str, at: float) -> Row | None:
        """An analyst looks at it; it is theirs from then on."""
        sql = f"""UPDATE caller_code SET analyst = :analyst, shown_at = :at WHERE id = :id AND kind = 'desk'
                  AND state = 'open' AND until_at > :at AND (analyst = '' OR analyst = :analyst) RETURNING {_CODE}"""  # noqa: S608
        return _first(tx.query(sql, id=id_, analyst=analyst, at=at))


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
