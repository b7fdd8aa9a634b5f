"""SQL of the figures: one text for SQLite and PostgreSQL. Reads what the pillars keep anyway; keeps only finished figures."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from bot.figures.counting import Asked, Opened
from bot.figures.service import Cell, Took
from bot.ports import Db, Tx

_PLACES = 128  # periods that are asked for at once, at most


class SqlFigureStore:
    """Implements `bot.figures.service.FigureStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def first(self) -> float | None:
        found = [
            self._db.query(f"SELECT MIN({column}) AS at FROM {table}")[0]["at"]  # noqa: S608 (our names)
            for table, column in (("ticket", "created_at"), ("question", "at"), ("submission", "at"), ("nudge", "at"))
        ]
        return min((float(at) for at in found if at is not None), default=None)

    def asked(self, start: float, end: float) -> list[Asked]:
        sql = """SELECT person, place, at, outcome, entry, rating FROM question
                 WHERE at >= :start AND at < :end AND person <> ''"""
        return [Asked(**row) for row in self._db.query(sql, start=start, end=end)]

    def opened(self, start: float, end: float) -> list[Opened]:
        sql = """SELECT requester AS person, created_at AS at, severity FROM ticket
                 WHERE created_at >= :start AND created_at < :end AND kind NOT IN ('report', 'incident')"""
        return [Opened(**row) for row in self._db.query(sql, start=start, end=end)]

    def first_replies(self, start: float, end: float) -> list[Took]:
        sql = """SELECT severity, state, created_at, (
                   SELECT MIN(e.at) FROM ticket_event e WHERE e.ticket = ticket.number AND e.visible = 1
                     AND e.kind IN ('reply', 'paused', 'resolved') AND e.actor NOT IN ('', 'secdesk', ticket.requester)
                 ) AS answered FROM ticket
                 WHERE created_at >= :start AND created_at < :end AND kind <> 'incident' AND merged_into = ''"""
        rows = self._db.query(sql, start=start, end=end)
        return [
            (row["severity"], None if row["answered"] is None else row["answered"] - row["created_at"])
            for row in rows
            if row["answered"] is not None or row["state"] != "resolved"
        ]

    def verdicts(self, start: float, end: float) -> list[tuple[float, float | None]]:
        sql = """SELECT submission.at AS at, mail.state AS state, delivery.sent_at AS told FROM submission
                 JOIN mail ON mail.sha256 = submission.sha256
                 LEFT JOIN delivery ON delivery.key = 'verdict:' || submission.sha256 || ':' || submission.id
                 WHERE submission.at >= :start AND submission.at < :end AND submission.withdrawn = 0
                   AND (delivery.key IS NOT NULL OR mail.state = 'checking')"""
        return [(row["at"], row["told"]) for row in self._db.query(sql, start=start, end=end)]

    def contained(self, start: float, end: float) -> list[float]:
        sql = """SELECT ticket.created_at AS at, MIN(containment.done_at) AS done FROM ticket
                 JOIN containment ON containment.ticket = ticket.number AND containment.kind = 'revoke'
                   AND containment.state = 'done' AND containment.dry = 0
                 WHERE ticket.created_at >= :start AND ticket.created_at < :end AND ticket.severity = 'S3'
                 GROUP BY ticket.number, ticket.created_at"""
        return [row["done"] - row["at"] for row in self._db.query(sql, start=start, end=end)]

    def heard(self, start: float, end: float) -> list[float | None]:
        sql = "SELECT created_at AS at, acknowledged_at AS heard FROM page WHERE created_at >= :start AND created_at < :end"
        return [row["heard"] - row["at"] if row["heard"] else None for row in self._db.query(sql, start=start, end=end)]

    def tips(self, start: float, end: float) -> list[tuple[str, str]]:
        sql = """SELECT person, CASE WHEN state = 'answered' THEN 'answered' WHEN later <> '' THEN 'later'
                   ELSE 'silent' END AS cell FROM nudge WHERE at >= :start AND at < :end AND kind <> 'requested'"""
        return [(row["person"], row["cell"]) for row in self._db.query(sql, start=start, end=end)]

    def closed(self) -> set[tuple[str, str]]:
        rows = self._db.query("SELECT period, metric FROM service_figure WHERE cell = 'total'")
        return {(row["period"], row["metric"]) for row in rows}

    def put(self, tx: Tx, cells: Iterable[Cell], at: float) -> None:
        for cell in cells:
            tx.execute(
                """INSERT INTO service_figure (period, metric, cell, n, spread, at)
                   VALUES (:period, :metric, :cell, :n, :spread, :at) ON CONFLICT DO NOTHING""",
                period=cell.period, metric=cell.metric, cell=cell.cell, n=cell.n, at=at,
                spread=json.dumps({str(seconds): count for seconds, count in cell.counts.items()}),
            )  # fmt: skip

    def cells(self, periods: Collection[str]) -> list[Cell]:
        names = {f"p{i}": name for i, name in enumerate(list(periods)[:_PLACES])}
        if not names:
            return []
        sql = f"""SELECT period, metric, cell, n, spread FROM service_figure
                  WHERE period IN ({", ".join(f":{name}" for name in names)})"""  # noqa: S608 (our names)
        return [
            Cell(row["period"], row["metric"], row["cell"], int(row["n"]),
                 {int(seconds): count for seconds, count in json.loads(row["spread"]).items()})
            for row in self._db.query(sql, **names)
        ]  # fmt: skip
