"""SQL of tickets and pages: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.stores.sqltext import insert, next_number
from bot.helpdesk.clocks import KINDS
from bot.helpdesk.oncall import Tried
from bot.ports import Db, Row, Tx

COLUMNS = (
    "number, seq, kind, subject, severity, state, queue, requester, assignee, place, join_key, created_at, updated_at, "
    "acknowledged_at, resolved_at, next_due_at, next_warn_at, owner, waiting, entity, opener, priority, merged_into, "
    "satisfaction, cause"
)
_NEW: dict[str, object] = {"next_warn_at": 9e12, "owner": "", "waiting": "", "entity": "", "opener": "", "priority": 0,
                           "merged_into": "", "satisfaction": "", "cause": ""}  # fmt: skip
_CHANGEABLE = {"severity", "state", "queue", "assignee", "acknowledged_at", "resolved_at", "next_due_at", "subject",
               "next_warn_at", "owner", "waiting", "priority", "merged_into", "satisfaction", "cause"}  # fmt: skip
_SEES = "(requester = :requester OR number IN (SELECT ticket FROM ticket_watcher WHERE person = :requester))"
STATES = {
    "unresolved": "state <> 'resolved'",
    "open": "state = 'open'",
    "claimed": "state = 'claimed'",
    "resolved": "state = 'resolved'",
    "all": "1 = 1",
}


class SqlTicketStore:
    """Implements `bot.helpdesk.tickets.TicketStore` and `bot.helpdesk.oncall.PageStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def next_number(self, tx: Tx) -> int:
        return next_number(tx, "ticket")

    def joinable(self, tx: Tx, join_key: str, after: float) -> Row | None:
        sql = """SELECT number FROM ticket WHERE join_key = :join_key AND state <> 'resolved' AND updated_at >= :after
                 ORDER BY created_at DESC LIMIT 1"""
        return _first(tx.query(sql, join_key=join_key, after=after))

    def add_ticket(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(insert("ticket", COLUMNS), **{**_NEW, **row})

    def lock(self, tx: Tx, number: str, at: float) -> Row | None:
        sql = f"UPDATE ticket SET updated_at = :at WHERE number = :number RETURNING {COLUMNS}"  # noqa: S608
        return _first(tx.query(sql, number=number, at=at))

    def hold(self, tx: Tx, number: str) -> Row | None:
        sql = f"UPDATE ticket SET updated_at = updated_at WHERE number = :number RETURNING {COLUMNS}"  # noqa: S608
        return _first(tx.query(sql, number=number))

    def change(self, tx: Tx, number: str, changes: Mapping[str, object]) -> None:
        assert set(changes) <= _CHANGEABLE  # noqa: S101
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        tx.execute(f"UPDATE ticket SET {sets} WHERE number = :number", number=number, **changes)  # noqa: S608

    def add_event(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO ticket_event (id, ticket, seq, at, actor, kind, text, visible, detail)
               SELECT :id, :ticket, COALESCE(MAX(seq), 0) + 1, CAST(:at AS DOUBLE PRECISION), :actor, :kind, :text,
                      CAST(:visible AS BIGINT), :detail
               FROM ticket_event WHERE ticket = :ticket""",
            **{"detail": "", **row},
        )

    def ticket(self, number: str) -> Row | None:
        sql = f"SELECT {COLUMNS} FROM ticket WHERE number = :number"  # noqa: S608
        return _first(self._db.query(sql, number=number))

    def events(self, number: str, *, visible_only: bool) -> list[Row]:
        sql = """SELECT seq, at, actor, kind, text, visible, detail FROM ticket_event
                 WHERE ticket = :number AND visible >= :least ORDER BY seq"""
        return self._db.query(sql, number=number, least=int(visible_only))

    def tickets(self, *, state: str, assignee: str, limit: int) -> list[Row]:
        where = STATES[state] + (" AND assignee = :assignee" if assignee else "")
        trouble = "CASE WHEN severity = 'S3' AND state <> 'resolved' THEN 0 ELSE 1 END"  # somebody is in it now
        order = "updated_at DESC" if state == "resolved" else f"{trouble}, next_due_at, seq"
        sql = f"SELECT {COLUMNS} FROM ticket WHERE {where} ORDER BY {order} LIMIT :limit"  # noqa: S608
        return self._db.query(sql, limit=limit, **({"assignee": assignee} if assignee else {}))

    def of_person(self, requester: str, limit: int) -> list[Row]:
        sql = f"SELECT {COLUMNS} FROM ticket WHERE {_SEES} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
        return self._db.query(sql, requester=requester, limit=limit)

    # clocks

    def row(self, tx: Tx, number: str) -> Row | None:
        sql = f"SELECT {COLUMNS} FROM ticket WHERE number = :number"  # noqa: S608
        return _first(tx.query(sql, number=number))

    def marks(self, tx: Tx, number: str) -> list[Row]:
        kinds = ", ".join(f"'{kind}'" for kind in KINDS)
        sql = f"SELECT at, kind, detail FROM ticket_event WHERE ticket = :number AND kind IN ({kinds}) ORDER BY seq"  # noqa: S608
        return tx.query(sql, number=number)

    def warned(self, tx: Tx, number: str) -> set[str]:
        rows = tx.query("SELECT round FROM ticket_warning WHERE ticket = :number", number=number)
        return {str(row["round"]) for row in rows}

    def warn(self, tx: Tx, number: str, round_: str, at: float) -> bool:
        sql = """INSERT INTO ticket_warning (ticket, round, at) VALUES (:number, :round, :at)
                 ON CONFLICT DO NOTHING RETURNING round"""
        return bool(tx.query(sql, number=number, round=round_, at=at))

    def to_warn(self, at: float, limit: int) -> list[str]:
        sql = "SELECT number FROM ticket WHERE next_warn_at <= :at ORDER BY next_warn_at LIMIT :limit"
        return [str(row["number"]) for row in self._db.query(sql, at=at, limit=limit)]

    def numbers(self, after: int, limit: int) -> list[Row]:
        """Numbers in order, from `after` on (a ticket's `seq`)."""
        sql = "SELECT number, seq FROM ticket WHERE seq > :after ORDER BY seq LIMIT :limit"
        return self._db.query(sql, after=after, limit=limit)

    # incidents

    def incident(self, tx: Tx, cause: str, after: float) -> str:
        """The open incident of a cause that has moved since `after`, "" if there is none."""
        sql = """SELECT number FROM ticket WHERE cause = :cause AND kind = 'incident' AND state <> 'resolved'
                 AND updated_at >= :after ORDER BY created_at DESC LIMIT 1"""
        rows = tx.query(sql, cause=cause, after=after)
        return str(rows[0]["number"]) if rows else ""

    def same_cause(self, tx: Tx, cause: str, after: float) -> list[Row]:
        """Emergencies of a cause since `after` that are open: `number` and `requester`."""
        sql = """SELECT number, requester FROM ticket WHERE cause = :cause AND kind <> 'incident' AND state <> 'resolved'
                 AND created_at >= :after ORDER BY seq"""
        return tx.query(sql, cause=cause, after=after)

    def add_to_incident(self, tx: Tx, incident: str, number: str, at: float) -> None:
        sql = "INSERT INTO ticket_link (a, b, kind, at) VALUES (:a, :b, 'incident', :at) ON CONFLICT DO NOTHING"
        tx.execute(sql, a=incident, b=number, at=at)

    def members(self, incident: str) -> list[str]:
        sql = "SELECT b FROM ticket_link WHERE a = :a AND kind = 'incident' ORDER BY at, b"
        return [str(row["b"]) for row in self._db.query(sql, a=incident)]

    def incident_of(self, number: str) -> str:
        """The open incident that a ticket is part of, "" if none."""
        sql = """SELECT a FROM ticket_link JOIN ticket ON ticket.number = a WHERE b = :number
                 AND ticket_link.kind = 'incident' AND ticket.state <> 'resolved' LIMIT 1"""
        rows = self._db.query(sql, number=number)
        return str(rows[0]["a"]) if rows else ""

    # who sees it, and what it is found by

    def watch(self, tx: Tx, number: str, person: str, place: str, at: float) -> None:
        tx.execute(
            """INSERT INTO ticket_watcher (ticket, person, place, at) VALUES (:number, :person, :place, :at)
               ON CONFLICT DO NOTHING""",
            number=number, person=person, place=place, at=at,
        )  # fmt: skip

    def watchers(self, number: str) -> list[Row]:
        sql = "SELECT person, place FROM ticket_watcher WHERE ticket = :number ORDER BY at, person"
        return self._db.query(sql, number=number)

    def index_words(self, tx: Tx, number: str, words: Sequence[str]) -> None:
        if not words:
            return
        values = ", ".join(f"(:w{i})" for i in range(len(words)))
        given = {f"w{i}": word for i, word in enumerate(words)}
        tx.execute(
            f"""INSERT INTO ticket_word (word, seq)
                SELECT w.column1, ticket.seq FROM (VALUES {values}) AS w, ticket WHERE ticket.number = :number
                ON CONFLICT DO NOTHING""",  # noqa: S608 (names are ours)
            number=number, **given,
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Unresolved tickets by severity."""
        rows = self._db.query("SELECT severity, COUNT(*) AS n FROM ticket WHERE state <> 'resolved' GROUP BY severity")
        return {row["severity"]: row["n"] for row in rows}

    # attachments

    def add_attachment(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO attachment (id, ticket, event, person, name, type, size, body, at)
               VALUES (:id, :ticket, :event, :person, :name, :type, :size, :body, :at)""",
            **row,
        )

    def attachments(self, ticket: str) -> list[Row]:
        """Without their bytes, by the number of the line that they came with."""
        sql = """SELECT attachment.id, attachment.name, attachment.size, ticket_event.seq FROM attachment
                 JOIN ticket_event ON ticket_event.id = attachment.event WHERE attachment.ticket = :ticket ORDER BY seq"""
        return self._db.query(sql, ticket=ticket)

    def attachment(self, name: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM attachment WHERE id = :id", id=name))

    # pages

    def add_page(self, tx: Tx, key: str, ticket: str, summary: str, at: float) -> None:
        tx.execute(
            """INSERT INTO page (key, ticket, summary, people, state, error, created_at, sent_at, acknowledged_at)
               VALUES (:key, :ticket, :summary, '', 'queued', '', :at, 0, 0) ON CONFLICT (key) DO NOTHING""",
            key=key, ticket=ticket, summary=summary, at=at,
        )  # fmt: skip

    def page(self, key: str) -> Row | None:
        return _first(self._db.query("SELECT * FROM page WHERE key = :key", key=key))

    def settle_page(self, key: str, people: str, state: str, error: str, at: float) -> None:
        with self._db.tx() as tx:
            tx.execute(
                "UPDATE page SET people = :people, state = :state, error = :error, sent_at = :at WHERE key = :key",
                key=key, people=people, state=state, error=error, at=at,
            )  # fmt: skip

    def acknowledge_page(self, tx: Tx, key: str, at: float, by: str = "", outcome: str = "acknowledged") -> bool:
        """True for the one who was first."""
        sql = """UPDATE page SET acknowledged_at = :at, acknowledged_by = :by, outcome = :outcome
                 WHERE key = :key AND acknowledged_at = 0"""
        return tx.execute(sql, key=key, at=at, by=by, outcome=outcome) == 1

    def judge_pages(self, tx: Tx, ticket: str, outcome: str) -> None:
        """What the calls about a ticket turned out to be, whoever had answered them."""
        sql = "UPDATE page SET outcome = :outcome WHERE ticket = :ticket"
        tx.execute(sql, outcome=outcome, ticket=ticket)

    def pages_of(self, tx: Tx, ticket: str) -> list[Row]:
        return tx.query("SELECT * FROM page WHERE ticket = :ticket ORDER BY created_at", ticket=ticket)

    def last_page(self, prefix: str) -> Row | None:
        """The newest call whose key starts so."""
        sql = "SELECT * FROM page WHERE key LIKE :like ORDER BY created_at DESC LIMIT 1"
        return _first(self._db.query(sql, like=f"{prefix}%"))

    def tried(self, key: str, tries: Sequence[Tried], at: float) -> None:
        with self._db.tx() as tx:
            for one in tries:
                tx.execute(
                    """INSERT INTO page_try (page, seq, who, pager, error, rings, at)
                       SELECT :page, COALESCE(MAX(seq), 0) + 1, :who, :pager, :error, CAST(:rings AS BIGINT),
                              CAST(:at AS DOUBLE PRECISION) FROM page_try WHERE page = :page""",
                    page=key, who=one.who, pager=one.pager, error=one.error, rings=int(one.rings), at=at,
                )  # fmt: skip

    def tries(self, key: str) -> list[Row]:
        return self._db.query("SELECT * FROM page_try WHERE page = :page ORDER BY seq", page=key)

    # duty

    def stints(self, at: float) -> list[Row]:
        return self._db.query("SELECT who, start_at, end_at FROM duty WHERE end_at > :at ORDER BY at", at=at)

    def add_stint(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO duty (id, who, by_person, start_at, end_at, at)
               VALUES (:id, :who, :by, :start, :end, :at)""",
            **row,
        )

    def remember(self, tx: Tx, name: str, value: str, at: float) -> str:
        """Set a small switch; what it was."""
        rows = tx.query("SELECT value FROM setting WHERE name = :name", name=name)
        tx.execute(
            """INSERT INTO setting (name, value, updated_at) VALUES (:name, :value, :at)
               ON CONFLICT (name) DO UPDATE SET value = :value, updated_at = :at""",
            name=name, value=value, at=at,
        )  # fmt: skip
        return str(rows[0]["value"]) if rows else ""

    def pages(self, limit: int) -> list[Row]:
        return self._db.query("SELECT * FROM page ORDER BY acknowledged_at, created_at DESC LIMIT :limit", limit=limit)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
