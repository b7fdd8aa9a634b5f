"""SQL of the queue: filters, search, tags, links, saved views, bulk changes. One text for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from adapters.stores.tickets import COLUMNS, STATES
from adapters.stores.word_index import ENOUGH, WordIndex
from bot.helpdesk.triage import Filter
from bot.ports import Db, Row, Tx

_BANDS = (  # somebody is in it now; pulled up; the rest; put back. Each comes from an index in its order.
    "severity = 'S3' AND state <> 'resolved'", "priority > 0 AND NOT (severity = 'S3')",
    "priority = 0 AND NOT (severity = 'S3')", "priority < 0 AND NOT (severity = 'S3')",
)  # fmt: skip


class SqlTriageStore:
    """Implements `bot.helpdesk.triage.TriageStore`."""

    def __init__(self, db: Db) -> None:
        self._db, self._words = db, WordIndex(db, "ticket_word")

    def find(self, wanted: Filter, limit: int) -> list[Row]:
        where, given = _where(wanted)
        if wanted.words:
            unresolved = wanted.state not in {"resolved", "all"}
            return self._search(wanted.words, where, given, limit, wanted_open=unresolved)
        if wanted.state in {"resolved", "all"}:
            order = "updated_at DESC" if wanted.state == "resolved" else "seq DESC"
            sql = f"SELECT {COLUMNS} FROM ticket WHERE {where} ORDER BY {order} LIMIT :limit"  # noqa: S608
            return self._db.query(sql, limit=limit, **given)
        found: list[Row] = []
        for band in _BANDS:
            sql = f"""SELECT {COLUMNS} FROM ticket WHERE {band} AND {where} AND next_due_at < 9e12
                      ORDER BY next_due_at, seq LIMIT :limit"""  # noqa: S608
            found += self._db.query(sql, limit=limit - len(found), **given)
            if len(found) >= limit:
                break
        return found

    def page(self, wanted: Filter, before: int, limit: int) -> list[Row]:
        where, given = _where(wanted)
        if wanted.words:
            unresolved = wanted.state not in {"resolved", "all"}
            return self._search(
                wanted.words, where, given, limit, wanted_open=unresolved, before=before or float("inf")
            )
        older = "AND seq < :before" if before else ""
        sql = f"SELECT {COLUMNS} FROM ticket WHERE {where} {older} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
        return self._db.query(sql, limit=limit, **given, **({"before": before} if before else {}))

    def _search(
        self, words: Sequence[str], where: str, given: Mapping[str, object], limit: int, *, wanted_open: bool,
        before: float = float("inf"),
    ) -> list[Row]:  # fmt: skip
        """The newest first, led by the rarest word; common words among few open tickets are led by those."""
        fewest = min(self._words.often(word) for word in words)
        if not fewest:
            return []
        if fewest >= ENOUGH and wanted_open and self._few_open():
            return self._among_open(words, where, given, limit, before)
        found: list[Row] = []
        for seqs in self._words.chunks(words, before):
            listed = ", ".join(str(seq) for seq in seqs)
            sql = f"SELECT {COLUMNS} FROM ticket WHERE seq IN ({listed}) AND {where} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
            found += self._db.query(sql, limit=limit - len(found), **given)
            if len(found) >= limit:
                break
        return found

    def _among_open(
        self, words: Sequence[str], where: str, given: Mapping[str, object], limit: int, before: float
    ) -> list[Row]:
        top = int(min(before, 2**62))
        where = where.replace("ticket.", "t.")
        sql = f"""SELECT {COLUMNS} FROM ticket t
                  WHERE t.next_due_at < 9e12 AND t.seq < :before AND {where}{self._words.having(words)}
                  ORDER BY +t.seq DESC LIMIT :limit"""  # noqa: S608 (the sign keeps it from walking all numbers)
        return self._db.query(sql, limit=limit, before=top, **{f"w{i}": word for i, word in enumerate(words)}, **given)

    def _few_open(self) -> bool:
        sql = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM ticket WHERE next_due_at < 9e12 LIMIT :most) AS few"
        return int(self._db.query(sql, most=3 * ENOUGH)[0]["n"]) < 3 * ENOUGH

    # tags and links

    def tag(self, tx: Tx, number: str, tag: str) -> bool:
        sql = "INSERT INTO ticket_tag (ticket, tag) VALUES (:number, :tag) ON CONFLICT DO NOTHING"
        return tx.execute(sql, number=number, tag=tag) == 1

    def untag(self, tx: Tx, number: str, tag: str) -> bool:
        return tx.execute("DELETE FROM ticket_tag WHERE ticket = :number AND tag = :tag", number=number, tag=tag) == 1

    def tags(self, numbers: Sequence[str]) -> dict[str, list[str]]:
        given = {f"n{i}": number for i, number in enumerate(numbers)}
        if not given:
            return {}
        names = ", ".join(f":{name}" for name in given)
        found: dict[str, list[str]] = {}
        sql = f"SELECT ticket, tag FROM ticket_tag WHERE ticket IN ({names}) ORDER BY tag"  # noqa: S608
        for row in self._db.query(sql, **given):
            found.setdefault(row["ticket"], []).append(row["tag"])
        return found

    def link(self, tx: Tx, a: str, b: str, kind: str, at: float) -> bool:
        sql = "INSERT INTO ticket_link (a, b, kind, at) VALUES (:a, :b, :kind, :at) ON CONFLICT DO NOTHING"
        return tx.execute(sql, a=a, b=b, kind=kind, at=at) == 1

    def links(self, number: str) -> list[Row]:
        """`other` and `kind`, and whether this ticket stands first (`mine`)."""
        sql = """SELECT b AS other, kind, 1 AS mine, at FROM ticket_link WHERE a = :number
                 UNION ALL SELECT a AS other, kind, 0 AS mine, at FROM ticket_link WHERE b = :number ORDER BY at, other"""
        return self._db.query(sql, number=number)

    # views

    def save_view(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO ticket_view (id, person, name, filter, at) VALUES (:id, :person, :name, :filter, :at)
               ON CONFLICT (id) DO UPDATE SET name = :name, filter = :filter, at = :at""",
            **row,
        )

    def drop_view(self, tx: Tx, id_: str, person: str) -> bool:
        return tx.execute("DELETE FROM ticket_view WHERE id = :id AND person IN (:p, '')", id=id_, p=person) == 1

    def views(self, person: str) -> list[Row]:
        return self._db.query("SELECT * FROM ticket_view WHERE person IN (:p, '') ORDER BY name, id", p=person)

    # bulk

    def keep_bulk(
        self, tx: Tx, id_: str, person: str, what: str, before: Sequence[Mapping[str, object]], at: float
    ) -> None:
        tx.execute(
            """INSERT INTO ticket_bulk (id, person, what, before, at, undone_at)
               VALUES (:id, :person, :what, :before, :at, 0)""",
            id=id_, person=person, what=what, before=json.dumps(list(before)), at=at,
        )  # fmt: skip

    def take_bulk(self, tx: Tx, id_: str, person: str, after: float, at: float) -> Row | None:
        """What was changed, once: for who did it, and as long as it is fresh."""
        sql = """UPDATE ticket_bulk SET undone_at = :at WHERE id = :id AND person = :person AND undone_at = 0
                 AND at >= :after RETURNING what, before"""
        rows = tx.query(sql, id=id_, person=person, after=after, at=at)
        return rows[0] if rows else None


def _where(wanted: Filter) -> tuple[str, dict[str, object]]:
    parts, given = [STATES[wanted.state]], dict[str, object]()
    for name in ("severity", "queue", "entity", "kind", "owner", "requester", "waiting"):
        if value := getattr(wanted, name):
            parts.append(f"ticket.{name} = :{name}")
            given[name] = value
    if wanted.assignee:
        parts.append("assignee = :assignee" if wanted.assignee != "-" else "assignee = ''")
        given |= {"assignee": wanted.assignee} if wanted.assignee != "-" else {}
    if wanted.tag:
        parts.append("number IN (SELECT ticket FROM ticket_tag WHERE tag = :tag)")
        given["tag"] = wanted.tag
    return " AND ".join(parts), given
