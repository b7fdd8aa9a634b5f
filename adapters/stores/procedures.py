"""SQL of runs of procedures. One text, both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.stores.sqltext import insert, next_number
from bot.ports import Db, Row, Tx

_RUN = """id, number, procedure_id, version, sha256, how, once, ticket, started_by, started_at, due_at, state, step, step_seq,
          step_at, holder, seq, head, ended_at, missed_at, missed_ticket"""
_RECORD = (
    "run, seq, at, actor, actor_role, step, action, detail, evidence, evidence_sha256, note_sha256, prev_hash, hash"
)
_TEXT = "id, run, seq, part, kind, person, sealed, at"
_FILE = "id, run, seq, person, name, type, size, body, at"


class SqlProcedureStore:
    """Implements `bot.procedures.store.RunStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # versions

    def keep_version(self, tx: Tx, sha256: str, procedure: str, version: int, text: str, at: float) -> None:
        sql = """INSERT INTO procedure_version (sha256, procedure_id, version, text, at)
                 VALUES (:sha256, :procedure, :version, :text, :at) ON CONFLICT (sha256) DO NOTHING"""
        tx.execute(sql, sha256=sha256, procedure=procedure, version=version, text=text, at=at)

    def version(self, sha256: str) -> str:
        """The text of a version; "" if it was never run."""
        rows = self._db.query("SELECT text FROM procedure_version WHERE sha256 = :sha256", sha256=sha256)
        return str(rows[0]["text"]) if rows else ""

    # runs

    def next_number(self, tx: Tx) -> int:
        return next_number(tx, "procedure_run")

    def add_run(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False if what may start one run only has started it."""
        sql = insert("procedure_run", _RUN) + " ON CONFLICT DO NOTHING RETURNING id"
        return bool(tx.query(sql, **{"ended_at": 0.0, "missed_at": 0.0, "missed_ticket": "", **row}))

    def started_once(self, once: str) -> str:
        """The run that something has started; "" if it has not."""
        rows = self._db.query("SELECT id FROM procedure_run WHERE once = :once", once=once)
        return str(rows[0]["id"]) if rows else ""

    def lock(self, tx: Tx, run: str) -> Row | None:
        """The run, with its row taken, so that two changes of one run queue up."""
        sql = f"UPDATE procedure_run SET number = number WHERE id = :id RETURNING {_RUN}"  # noqa: S608
        return _first(tx.query(sql, id=run))

    def change(self, tx: Tx, run: str, seq: int, changes: Mapping[str, object]) -> bool:
        """Change a run that still ends at row `seq`; False if somebody was first."""
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        sql = f"UPDATE procedure_run SET {sets} WHERE id = :id AND seq = :was"  # noqa: S608 (names are ours)
        return tx.execute(sql, id=run, was=seq, **changes) == 1

    def add_record(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(insert("procedure_record", _RECORD), **row)

    def run(self, run: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_RUN} FROM procedure_run WHERE id = :id", id=run))  # noqa: S608

    def runs(
        self, *, state: str = "", procedure: str = "", ticket: str = "", since: float = 0.0, limit: int,
        before: int = 0,
    ) -> list[Row]:  # fmt: skip
        """Runs, the latest first; "" for any state, procedure or ticket. With `before` only those of a lower number."""
        sql = f"""SELECT {_RUN} FROM procedure_run WHERE started_at >= :since
                  AND (CAST(:state AS TEXT) = '' OR state = :state)
                  AND (CAST(:procedure AS TEXT) = '' OR procedure_id = :procedure)
                  AND (CAST(:ticket AS TEXT) = '' OR ticket = :ticket)
                  AND (CAST(:before AS BIGINT) = 0 OR number < :before)
                  ORDER BY number DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(
            sql, state=state, procedure=procedure, ticket=ticket, since=since, limit=limit, before=before
        )

    def held(self) -> list[Row]:
        """Runs that somebody has."""
        return self._db.query(f"SELECT {_RUN} FROM procedure_run WHERE state = 'running' AND holder <> ''")  # noqa: S608

    def unfinished(self, at: float) -> list[Row]:
        """Runs of the calendar that should have been finished before `at`, and of which nobody has been told."""
        sql = f"""SELECT {_RUN} FROM procedure_run WHERE how = 'calendar' AND state IN ('running', 'missed')
                  AND due_at < :at AND missed_at = 0 ORDER BY number"""  # noqa: S608
        return self._db.query(sql, at=at)

    # records

    def records(self, run: str) -> list[Row]:
        return self._db.query(f"SELECT {_RECORD} FROM procedure_record WHERE run = :run ORDER BY seq", run=run)  # noqa: S608

    def doers(self, run: str, step: str) -> set[str]:
        """Who has done a step of a run."""
        sql = "SELECT actor FROM procedure_record WHERE run = :run AND step = :step AND action IN ('done', 'answer')"
        return {str(row["actor"]) for row in self._db.query(sql, run=run, step=step)}

    # what people wrote

    def add_text(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(insert("procedure_text", _TEXT), **row)

    def add_file(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(insert("procedure_file", _FILE), **row)

    def texts(self, run: str = "") -> list[Row]:
        """What was written with the rows of a run ("": of all runs), sealed."""
        sql = f"""SELECT {_TEXT} FROM procedure_text WHERE CAST(:run AS TEXT) = '' OR run = :run
                  ORDER BY run, seq, part"""  # noqa: S608
        return self._db.query(sql, run=run)

    def files(self, run: str) -> list[Row]:
        """Files of a run, without their bytes."""
        sql = "SELECT id, run, seq, person, name, type, size, at FROM procedure_file WHERE run = :run ORDER BY seq"
        return self._db.query(sql, run=run)

    def file(self, name: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_FILE} FROM procedure_file WHERE id = :id", id=name))  # noqa: S608

    def drop_text(self, tx: Tx, name: str) -> bool:
        return tx.execute("DELETE FROM procedure_text WHERE id = :id", id=name) == 1

    # followers

    def follow(self, tx: Tx, run: str, person: str, at: float) -> bool:
        sql = """INSERT INTO procedure_follower (run, person, at) VALUES (:run, :person, :at)
                 ON CONFLICT (run, person) DO NOTHING RETURNING run"""
        return bool(tx.query(sql, run=run, person=person, at=at))

    def unfollow(self, tx: Tx, run: str, person: str) -> None:
        tx.execute("DELETE FROM procedure_follower WHERE run = :run AND person = :person", run=run, person=person)

    def followers(self, run: str) -> list[str]:
        rows = self._db.query("SELECT person FROM procedure_follower WHERE run = :run ORDER BY at, person", run=run)
        return [str(row["person"]) for row in rows]

    # what starts runs

    def offer(self, tx: Tx, ticket: str, procedure: str, at: float) -> None:
        sql = """INSERT INTO procedure_offer (ticket, procedure_id, at) VALUES (:ticket, :procedure, :at)
                 ON CONFLICT (ticket, procedure_id) DO NOTHING"""
        tx.execute(sql, ticket=ticket, procedure=procedure, at=at)

    def offers(self, ticket: str) -> set[str]:
        """Procedures that were proposed for a ticket."""
        rows = self._db.query("SELECT procedure_id FROM procedure_offer WHERE ticket = :ticket", ticket=ticket)
        return {str(row["procedure_id"]) for row in rows}

    def begun(self, since: float) -> set[str]:
        """What the calendar has started for moments since then."""
        sql = "SELECT once FROM procedure_run WHERE how = 'calendar' AND started_at >= :since"
        return {str(row["once"]) for row in self._db.query(sql, since=since)}

    def in_force(self, tx: Tx, procedures: Sequence[str], at: float) -> dict[str, float]:
        """Since when the calendars of these have been in force (from now, for those that are new); others are taken out."""
        for name in procedures:
            sql = "INSERT INTO procedure_calendar (procedure_id, since) VALUES (:name, :at) ON CONFLICT DO NOTHING"
            tx.execute(sql, name=name, at=at)
        rows = tx.query("SELECT procedure_id, since FROM procedure_calendar")
        for gone in {str(row["procedure_id"]) for row in rows} - set(procedures):
            tx.execute("DELETE FROM procedure_calendar WHERE procedure_id = :name", name=gone)
        return {str(row["procedure_id"]): float(row["since"]) for row in rows if row["procedure_id"] in procedures}


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
