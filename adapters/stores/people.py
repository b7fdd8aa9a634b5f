"""SQL of the roster (what sources say of people and groups) and of likely targets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bot.directory_roster import Stored
from bot.ports import Db, Row, Tx

_CHUNK = 400


class SqlRosterStore:
    """Implements `bot.directory_roster.RosterStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # reading

    def head(self) -> tuple[int, int]:
        """The newest change, and how many rows there are (one that is gone for good leaves no change)."""
        sql = "SELECT seq, (SELECT COUNT(*) FROM roster) AS n FROM roster_head WHERE id = 'head'"
        row = self._db.query(sql)[0]
        return int(row["seq"]), int(row["n"])

    def changed(self, since: int) -> Iterator[Row]:
        """Rows that changed after `since`, a piece at a time, so that a large roster is never in memory twice."""
        while rows := self._db.query(
            "SELECT * FROM roster WHERE seq > :since ORDER BY seq, source, kind, id LIMIT 2000", since=since
        ):
            last = int(rows[-1]["seq"])
            if len(rows) == 2000 and int(rows[0]["seq"]) == last:  # one change of many rows: take it whole
                yield from self._db.query("SELECT * FROM roster WHERE seq = :seq", seq=last)
                since = last
                continue
            whole = rows if len(rows) < 2000 else [row for row in rows if int(row["seq"]) < last]
            yield from whole
            since = int(whole[-1]["seq"])

    def get(self, source: str, kind: str, row_id: str, tx: Tx | None = None) -> Row | None:
        sql = "SELECT * FROM roster WHERE source = :source AND kind = :kind AND id = :id"
        return _first((tx or self._db).query(sql, source=source, kind=kind, id=row_id))

    def some(self, source: str, kind: str, ids: Collection[str]) -> list[Row]:
        """Rows by id."""
        found: list[Row] = []
        wanted = sorted(ids)
        for start in range(0, len(wanted), _CHUNK):
            keys = {f"i{i}": name for i, name in enumerate(wanted[start : start + _CHUNK])}
            these = ", ".join(f":{name}" for name in keys)
            sql = f"SELECT * FROM roster WHERE source = :source AND kind = :kind AND id IN ({these})"  # noqa: S608 (our names)
            found += self._db.query(sql, source=source, kind=kind, **keys)
        return found

    def by(self, column: str, digest: str, source: str, kind: str, tx: Tx | None = None) -> list[Row]:
        """Rows that are not gone by a digest: `name`, `mail` or `outside`."""
        assert column in ("name", "mail", "outside")  # noqa: S101 (ours)
        sql = f"""SELECT * FROM roster WHERE {column} = :digest AND source = :source AND kind = :kind AND gone = 0
                  ORDER BY created_at, id"""  # noqa: S608 (checked above)
        return (tx or self._db).query(sql, digest=digest, source=source, kind=kind)

    def named(self, digests: Sequence[str], tx: Tx) -> list[Row]:
        """Rows of people of any source by a digest of an address, the oldest first."""
        keys = {f"d{i}": digest for i, digest in enumerate(digests)}
        these = ", ".join(f":{name}" for name in keys) or "''"
        sql = f"SELECT * FROM roster WHERE kind = 'user' AND mail IN ({these}) ORDER BY created_at, id"  # noqa: S608
        return tx.query(sql, **keys)

    def page(self, source: str, kind: str, skip: int, count: int) -> list[Row]:
        """Rows that are not gone, in the order in which they were made."""
        sql = """SELECT * FROM roster WHERE source = :source AND kind = :kind AND gone = 0
                 ORDER BY created_at, id LIMIT :count OFFSET :skip"""
        return self._db.query(sql, source=source, kind=kind, count=count, skip=skip)

    def everybody(self, source: str, kind: str) -> list[Row]:
        """All rows of a source, those that are gone too."""
        return self._db.query("SELECT * FROM roster WHERE source = :source AND kind = :kind", source=source, kind=kind)

    def count(self, source: str, kind: str) -> int:
        sql = "SELECT COUNT(*) AS n FROM roster WHERE source = :source AND kind = :kind AND gone = 0"
        return int(self._db.query(sql, source=source, kind=kind)[0]["n"])

    def latest(self) -> dict[str, tuple[int, float]]:
        """People of each source who are not gone, and when it last said something."""
        sql = """SELECT source, SUM(CASE WHEN gone = 0 THEN 1 ELSE 0 END) AS n, MAX(updated_at) AS at FROM roster
                 WHERE kind = 'user' GROUP BY source"""
        return {row["source"]: (int(row["n"]), float(row["at"])) for row in self._db.query(sql)}

    def members(self, source: str, team: str, tx: Tx | None = None) -> list[str]:
        sql = "SELECT member FROM roster_member WHERE source = :source AND team = :team ORDER BY member"
        return [row["member"] for row in (tx or self._db).query(sql, source=source, team=team)]

    def teams(self, source: str, member: str) -> list[str]:
        sql = "SELECT team FROM roster_member WHERE source = :source AND member = :member ORDER BY team"
        return [row["team"] for row in self._db.query(sql, source=source, member=member)]

    # writing

    def stop(self, tx: Tx, person: str) -> int:
        """Cancel tips that wait for somebody, and end their sessions; the number of tips."""
        tx.execute("DELETE FROM console_session WHERE person = :person", person=person)
        tx.execute("DELETE FROM console_link WHERE person = :person", person=person)
        tx.execute("DELETE FROM enrolment WHERE person = :person", person=person)
        sql = (
            "UPDATE wave_person SET state = 'unreachable', reason = 'left' WHERE person = :person AND state = 'queued'"
        )
        tx.execute(sql, person=person)
        return tx.execute(
            """UPDATE delivery SET state = 'failed', error = 'left' WHERE person = :person AND state = 'queued'
               AND key LIKE 'nudge:%'""",
            person=person,
        )

    def lock(self, tx: Tx) -> int:
        """The number of the next change. Until the commit nobody else gets one."""
        return int(tx.query("UPDATE roster_head SET seq = seq + 1 WHERE id = 'head' RETURNING seq")[0]["seq"])

    def put(self, tx: Tx, row: Stored, seq: int, at: float) -> None:
        tx.execute(
            """INSERT INTO roster (source, kind, id, name, mail, outside, gone, sealed, version, seq, created_at, updated_at)
               VALUES (:source, :kind, :id, :name, :mail, :outside, :gone, :sealed, 1, :seq, :at, :at)
               ON CONFLICT (source, kind, id) DO UPDATE SET name = excluded.name, mail = excluded.mail,
               outside = excluded.outside, gone = excluded.gone, sealed = excluded.sealed, version = roster.version + 1,
               seq = excluded.seq, updated_at = excluded.updated_at""",
            source=row.source, kind=row.kind, id=row.id, name=row.name, mail=row.mail, outside=row.outside,
            gone=int(row.gone), sealed=row.sealed, seq=seq, at=at,
        )  # fmt: skip

    def touch(self, tx: Tx, source: str, kind: str, row_id: str, seq: int, at: float) -> None:
        """Something that belongs to the row has changed."""
        tx.execute(
            """UPDATE roster SET version = version + 1, seq = :seq, updated_at = :at
               WHERE source = :source AND kind = :kind AND id = :id""",
            source=source, kind=kind, id=row_id, seq=seq, at=at,
        )  # fmt: skip

    def remove(self, tx: Tx, source: str, kind: str, row_id: str) -> None:
        sql = "DELETE FROM roster WHERE source = :source AND kind = :kind AND id = :id"
        tx.execute(sql, source=source, kind=kind, id=row_id)
        column = "team" if kind == "group" else "member"
        tx.execute(f"DELETE FROM roster_member WHERE source = :source AND {column} = :id", source=source, id=row_id)  # noqa: S608

    def join(self, tx: Tx, source: str, team: str, members: Collection[str]) -> int:
        sql = """INSERT INTO roster_member (source, team, member) VALUES (:source, :team, :member)
                 ON CONFLICT DO NOTHING"""
        return sum(tx.execute(sql, source=source, team=team, member=member) for member in members)

    def part(self, tx: Tx, source: str, team: str, members: Collection[str] | None) -> int:
        """Take members out; None takes all."""
        sql = "DELETE FROM roster_member WHERE source = :source AND team = :team"
        if members is None:
            return tx.execute(sql, source=source, team=team)
        return sum(tx.execute(sql + " AND member = :m", source=source, team=team, m=member) for member in members)


class SqlTargetStore:
    """Implements `bot.learning.targets.TargetStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def all(self) -> list[Row]:
        return self._db.query("SELECT * FROM target ORDER BY at DESC, person")

    def get(self, person: str, tx: Tx | None = None) -> Row | None:
        return _first((tx or self._db).query("SELECT * FROM target WHERE person = :person", person=person))

    def propose(self, tx: Tx, person: str, reasons: str, at: float) -> bool:
        """A new proposal, or new reasons for an open one. What was decided stays decided."""
        sql = """INSERT INTO target (person, state, reasons, at) VALUES (:person, 'open', :reasons, :at)
                 ON CONFLICT (person) DO UPDATE SET reasons = excluded.reasons
                 WHERE target.state = 'open' AND target.reasons <> excluded.reasons RETURNING person"""
        return bool(tx.query(sql, person=person, reasons=reasons, at=at))

    def drop_open(self, tx: Tx, person: str) -> None:
        tx.execute("DELETE FROM target WHERE person = :person AND state = 'open'", person=person)

    def decide(self, tx: Tx, person: str, state: str, seen: str, by: str, note: str, at: float) -> bool:
        """Decide on what was `seen` (a state); False if somebody was faster."""
        sql = """UPDATE target SET state = :state, decided_by = :by, decided_at = :at, note = :note
                 WHERE person = :person AND state = :seen"""
        return bool(tx.execute(sql, person=person, state=state, seen=seen, by=by, note=note, at=at))

    def reported(self, since: float) -> dict[str, int]:
        """How many mails that turned out to be attacks each person has reported since then."""
        sql = """SELECT s.person, COUNT(DISTINCT s.sha256) AS n FROM submission s JOIN mail m ON m.sha256 = s.sha256
                 WHERE s.at > :since AND m.kind = 'likely_phishing' GROUP BY s.person"""
        return {row["person"]: int(row["n"]) for row in self._db.query(sql, since=since)}


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
