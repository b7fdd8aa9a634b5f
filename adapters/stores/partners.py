"""SQL of partners: one text for SQLite and PostgreSQL. The first part reads tickets and mails, and writes nothing there."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.stores.sqltext import insert, next_number
from bot.helpdesk.clocks import KINDS
from bot.ports import Db, Row, Tx

_ACTION = """id, partner, what, origin, owner, owner_name, due, state, evidence, done_by, done_at, verified_by, verified_at,
             created_by, created_at"""
_DISPUTE = "id, partner, ticket, breach, state, step, step_since, opened_by, opened_at, closed_at, seq, head"
_ACTION_CHANGES = {"state", "evidence", "done_by", "done_at", "verified_by", "verified_at", "due"}
_DISPUTE_CHANGES = {"state", "step", "step_since", "closed_at", "seq", "head"}


class SqlPartnerStore:
    """Implements `bot.partners.parts.PartnerStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # what happened at the desk

    def tickets(self, partner: str, begin: float, ticket: str = "") -> list[Row]:
        """Tickets that a partner has had and that were not closed before `begin`; with `ticket` that one alone."""
        one = "AND number = :ticket" if ticket else ""
        sql = f"""SELECT number, severity FROM ticket
                 WHERE number IN (SELECT ticket FROM ticket_event WHERE kind = 'handed' AND detail = :partner)
                 AND (state <> 'resolved' OR resolved_at >= :begin) {one} ORDER BY seq"""  # noqa: S608 (ours)
        return self._db.query(sql, partner=partner, begin=begin, **({"ticket": ticket} if ticket else {}))

    def lines(self, partner: str, begin: float, ticket: str = "") -> list[Row]:
        """The lines that move clocks of those tickets, in order."""
        one = "AND t.number = :ticket" if ticket else ""
        kinds = ", ".join(f"'{kind}'" for kind in KINDS)
        sql = f"""SELECT e.ticket, e.seq, e.at, e.actor, e.kind, e.detail FROM ticket_event e JOIN ticket t ON t.number = e.ticket
                  WHERE e.kind IN ({kinds})
                  AND e.ticket IN (SELECT ticket FROM ticket_event WHERE kind = 'handed' AND detail = :partner)
                  AND (t.state <> 'resolved' OR t.resolved_at >= :begin) {one} ORDER BY t.seq, e.seq"""  # noqa: S608 (ours)
        return self._db.query(sql, partner=partner, begin=begin, **({"ticket": ticket} if ticket else {}))

    def line_text(self, ticket: str, seq: int) -> str:
        rows = self._db.query("SELECT text FROM ticket_event WHERE ticket = :t AND seq = :seq", t=ticket, seq=seq)
        return str(rows[0]["text"]) if rows else ""

    def timeline(self, ticket: str) -> list[Row]:
        sql = "SELECT seq, at, actor, kind, text, visible, detail FROM ticket_event WHERE ticket = :t ORDER BY seq"
        return self._db.query(sql, t=ticket)

    def let_through(self, begin: float, end: float) -> dict[str, int]:
        """Reported mails that were decided to be phishing: `all`, and `person` of them by a person."""
        sql = """SELECT COUNT(*) AS n, SUM(CASE WHEN decided_by LIKE 'p~_%' ESCAPE '~' THEN 1 ELSE 0 END) AS people FROM mail
                 WHERE state = 'decided' AND kind = 'likely_phishing' AND decided_at >= :begin AND decided_at < :end"""
        (row,) = self._db.query(sql, begin=begin, end=end)
        return {"all": int(row["n"]), "person": int(row["people"] or 0)}

    def tagged(self, tag: str, begin: float, end: float) -> list[str]:
        """Tickets with a tag that were opened in a span of time."""
        sql = """SELECT number FROM ticket JOIN ticket_tag ON ticket_tag.ticket = ticket.number
                 WHERE tag = :tag AND created_at >= :begin AND created_at < :end ORDER BY seq"""
        return [str(row["number"]) for row in self._db.query(sql, tag=tag, begin=begin, end=end)]

    # reports and reviews

    def report(self, partner: str, month: str) -> Row | None:
        return _first(
            self._db.query("SELECT * FROM partner_report WHERE partner = :p AND month = :m", p=partner, m=month)
        )

    def reports(self, partner: str) -> list[Row]:
        sql = """SELECT partner, month, sha256, issued_at, issued_by, unreached FROM partner_report
                 WHERE partner = :p ORDER BY month DESC"""
        return self._db.query(sql, p=partner)

    def add_report(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO partner_report (partner, month, body, sha256, issued_at, issued_by, unreached)
                 VALUES (:partner, :month, :body, :sha256, :at, :by, :unreached) ON CONFLICT DO NOTHING RETURNING month"""
        return bool(tx.query(sql, **row))

    def reviews(self, partner: str) -> list[Row]:
        return self._db.query("SELECT * FROM partner_review WHERE partner = :p ORDER BY day DESC", p=partner)

    def record_review(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO partner_review (partner, day, minutes, held_at, recorded_by)
               VALUES (:partner, :day, :minutes, :at, :by) ON CONFLICT (partner, day)
               DO UPDATE SET minutes = excluded.minutes, held_at = excluded.held_at, recorded_by = excluded.recorded_by""",
            **row,
        )

    # actions

    def add_action(self, tx: Tx, row: Mapping[str, object]) -> str:
        number = next_number(tx, "partner_action")
        tx.execute(insert("partner_action", _ACTION), **{**row, "id": f"ACT-{number}"})
        return f"ACT-{number}"

    def action(self, id_: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_ACTION} FROM partner_action WHERE id = :id", id=id_))  # noqa: S608

    def actions(self, partner: str, *, every: bool = False) -> list[Row]:
        """Those that are not verified, by due day; with `every` the others too."""
        where = "" if every else "AND state IN ('open', 'done')"
        sql = f"SELECT {_ACTION} FROM partner_action WHERE partner = :p {where} ORDER BY due, created_at, id"  # noqa: S608
        return self._db.query(sql, p=partner)

    def change_action(self, tx: Tx, id_: str, was: str, changes: Mapping[str, object]) -> bool:
        """Change one that is still in the state `was`; False if it is not."""
        assert set(changes) <= _ACTION_CHANGES  # noqa: S101
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        sql = f"UPDATE partner_action SET {sets} WHERE id = :id AND state = :was"  # noqa: S608 (names are ours)
        return tx.execute(sql, id=id_, was=was, **changes) == 1

    # the pulse

    def add_pulse(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO partner_pulse (partner, quarter, code, marks, words, at)
               VALUES (:partner, :quarter, :code, :marks, '', :at)
               ON CONFLICT (partner, quarter, code) DO UPDATE SET marks = excluded.marks, at = excluded.at""",
            **row,
        )

    def add_pulse_words(self, tx: Tx, partner: str, quarter: str, code: str, words: str) -> None:
        sql = "UPDATE partner_pulse SET words = :words WHERE partner = :p AND quarter = :q AND code = :code"
        tx.execute(sql, words=words, p=partner, q=quarter, code=code)

    def pulse(self, partner: str, quarter: str) -> list[Row]:
        sql = "SELECT marks, words FROM partner_pulse WHERE partner = :p AND quarter = :q ORDER BY marks, words"
        return self._db.query(sql, p=partner, q=quarter)

    # disputes

    def add_dispute(self, tx: Tx, row: Mapping[str, object]) -> str:
        """Its id; "" if one is open about the same breach."""
        number = next_number(tx, "dispute")
        sql = insert("partner_dispute", _DISPUTE) + " ON CONFLICT DO NOTHING RETURNING id"
        added = tx.query(sql, **{**row, "id": f"DIS-{number}"})
        return str(added[0]["id"]) if added else ""

    def disputed(self, ticket: str, breach: str) -> str:
        """The dispute that is open about a breach; "" if none is."""
        sql = "SELECT id FROM partner_dispute WHERE ticket = :t AND breach = :b AND state = 'open'"
        rows = self._db.query(sql, t=ticket, b=breach)
        return str(rows[0]["id"]) if rows else ""

    def dispute(self, id_: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_DISPUTE} FROM partner_dispute WHERE id = :id", id=id_))  # noqa: S608

    def lock_dispute(self, tx: Tx, id_: str) -> Row | None:
        sql = f"UPDATE partner_dispute SET state = state WHERE id = :id RETURNING {_DISPUTE}"  # noqa: S608
        return _first(tx.query(sql, id=id_))

    def disputes(self, partner: str) -> list[Row]:
        sql = f"SELECT {_DISPUTE} FROM partner_dispute WHERE partner = :p ORDER BY opened_at DESC, id"  # noqa: S608
        return self._db.query(sql, p=partner)

    def change_dispute(self, tx: Tx, id_: str, changes: Mapping[str, object]) -> None:
        assert set(changes) <= _DISPUTE_CHANGES  # noqa: S101
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        tx.execute(f"UPDATE partner_dispute SET {sets} WHERE id = :id", id=id_, **changes)  # noqa: S608

    def add_record(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO partner_record (dispute, seq, at, actor, kind, detail, prev, hash)
               VALUES (:dispute, :seq, :at, :actor, :kind, :detail, :prev, :hash)""",
            **row,
        )

    def add_record_text(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO partner_record_text (dispute, seq, name, author, salt, words)
               VALUES (:dispute, :seq, :name, :author, :salt, :words)""",
            **row,
        )

    def records(self, dispute: str) -> list[Row]:
        return self._db.query("SELECT * FROM partner_record WHERE dispute = :d ORDER BY seq", d=dispute)

    def record_texts(self, dispute: str) -> list[Row]:
        sql = "SELECT seq, name, salt, words FROM partner_record_text WHERE dispute = :d ORDER BY seq, name"
        return self._db.query(sql, d=dispute)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
