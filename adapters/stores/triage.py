"""SQL of the queue: filters, search, tags, links, saved views, bulk changes. One text for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from adapters.stores.tickets import COLUMNS, STATES
from bot.helpdesk.triage import Filter
from bot.ports import Db, Row, Tx

_ENOUGH = 1000  # a word that this many tickets have is a common one
_CHUNK, _CHUNKS = 1000, 30  # tickets looked at together, and how often, before a search gives up
_BANDS = (  # somebody is in it now; pulled up; the rest; put back. Each comes from an index in its order.
    "severity = 'S3' AND state <> 'resolved'", "priority > 0 AND NOT (severity = 'S3')",
    "priority = 0 AND NOT (severity = 'S3')", "priority < 0 AND NOT (severity = 'S3')",
)  # fmt: skip


class SqlTriageStore:
    """Implements `bot.helpdesk.triage.TriageStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

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
        """The newest first, led by the rarest word; common words among few open tickets are led by those.

        The words are looked up apart from the tickets, and each by a subquery of its own: neither database then has a chance
        to join whole tables.
        """
        often = {word: self._often(word) for word in words}
        rarest = min(words, key=lambda word: often[word])
        if not often[rarest]:
            return []
        if often[rarest] >= _ENOUGH and wanted_open and self._few_open():
            return self._among_open(words, where, given, limit, before)
        found: list[Row] = []
        for _ in range(_CHUNKS):
            seqs, before = self._with_words(rarest, [word for word in words if word != rarest], before)
            if seqs:
                listed = ", ".join(str(int(seq)) for seq in seqs)
                sql = f"SELECT {COLUMNS} FROM ticket WHERE seq IN ({listed}) AND {where} ORDER BY seq DESC LIMIT :limit"  # noqa: S608
                found += self._db.query(sql, limit=limit - len(found), **given)
            if not before or len(found) >= limit:
                break
        return found

    def _with_words(self, rarest: str, others: Sequence[str], before: float) -> tuple[list[int], float]:
        """Numbers below `before` of tickets that have all the words, newest first, and how far was looked (0: to the end)."""
        top = int(min(before, 2**62))
        sql = """SELECT MIN(seq) AS low, COUNT(*) AS n FROM (SELECT seq FROM ticket_word
                 WHERE word = :word AND seq < :before ORDER BY seq DESC LIMIT :chunk) AS few"""
        few = self._db.query(sql, word=rarest, before=top, chunk=_CHUNK)[0]
        if not few["n"]:
            return [], 0
        sql = f"""SELECT t.seq FROM ticket_word t WHERE t.word = :rarest AND t.seq < :before AND t.seq >= :low{_having(others)}
                  ORDER BY t.seq DESC"""  # noqa: S608
        given = {f"w{i}": word for i, word in enumerate(others)}
        rows = self._db.query(sql, rarest=rarest, before=top, low=few["low"], **given)
        return [int(row["seq"]) for row in rows], few["low"] if few["n"] == _CHUNK else 0

    def _among_open(
        self, words: Sequence[str], where: str, given: Mapping[str, object], limit: int, before: float
    ) -> list[Row]:
        top = int(min(before, 2**62))
        where = where.replace("ticket.", "t.")
        sql = f"""SELECT {COLUMNS} FROM ticket t WHERE t.next_due_at < 9e12 AND t.seq < :before AND {where}{_having(words)}
                  ORDER BY +t.seq DESC LIMIT :limit"""  # noqa: S608 (the sign keeps it from walking all numbers)
        return self._db.query(sql, limit=limit, before=top, **{f"w{i}": word for i, word in enumerate(words)}, **given)

    def _often(self, word: str) -> int:
        sql = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM ticket_word WHERE word = :word LIMIT :most) AS few"
        return int(self._db.query(sql, word=word, most=_ENOUGH)[0]["n"])

    def _few_open(self) -> bool:
        sql = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM ticket WHERE next_due_at < 9e12 LIMIT :most) AS few"
        return int(self._db.query(sql, most=3 * _ENOUGH)[0]["n"]) < 3 * _ENOUGH

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


def _having(words: Sequence[str]) -> str:
    """That the ticket `t` has each of the words `:w0`, `:w1` …"""
    one = "(SELECT 1 FROM ticket_word o WHERE o.word = :w{} AND o.seq = t.seq) = 1"
    return "".join(" AND " + one.format(i) for i in range(len(words)))


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
