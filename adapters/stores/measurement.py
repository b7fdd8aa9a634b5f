"""SQL of measurement: one text for SQLite and PostgreSQL. Reads what the pillars keep anyway; keeps only finished figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.learning.finished import Figure
from bot.learning.guardrails import SORTS
from bot.ports import Db, Row, Tx


class SqlMeasureStore:
    """Implements `bot.learning.measurement.MeasureStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def reports(self, start: float, end: float) -> list[Row]:
        sql = """SELECT submission.person AS person, COUNT(*) AS n FROM submission
                 JOIN mail ON mail.sha256 = submission.sha256
                 WHERE submission.at >= :start AND submission.at < :end AND submission.withdrawn = 0
                   AND mail.kind IN ('likely_phishing', 'practice') GROUP BY submission.person"""
        return self._db.query(sql, start=start, end=end)

    def first_reports(self, start: float, end: float) -> list[float]:
        sql = """SELECT reported_at - delivered_at AS gap FROM campaign
                 WHERE kind = 'likely_phishing' AND reported_at >= :start AND reported_at < :end
                   AND delivered_at > 0 AND reported_at >= delivered_at"""
        return [float(row["gap"]) / 60 for row in self._db.query(sql, start=start, end=end)]

    def told(self, start: float, end: float) -> list[Row]:
        sql = """SELECT requester AS person, MAX(CASE WHEN EXISTS (
                   SELECT 1 FROM audit WHERE audit.subject = ticket.number AND audit.action = 'emergency.answer'
                     AND audit.detail LIKE '%"now"%' AND audit.detail LIKE '%"when"%'
                 ) THEN 1 ELSE 0 END) AS soon FROM ticket
                 WHERE kind = 'emergency' AND cause = 'mail' AND created_at >= :start AND created_at < :end
                 GROUP BY requester"""
        return self._db.query(sql, start=start, end=end)

    def clicks_found(self, start: float, end: float) -> int | None:
        sql = "SELECT SUM(n) AS n FROM click_found WHERE at >= :start AND at < :end"
        found = self._db.query(sql, start=start, end=end)[0]["n"]
        return None if found is None else int(found)

    def answers_of(self, months: Sequence[str]) -> list[Row]:
        keys = {f"m{i}": month for i, month in enumerate(months)}
        sql = f"""SELECT who, track, correct, age_days FROM lesson_answer
                  WHERE month IN ({", ".join(f":{key}" for key in keys)}) ORDER BY id"""  # noqa: S608 (our names)
        return self._db.query(sql, **keys)

    def tips(self, start: float, end: float) -> list[Row]:
        sql = """SELECT nudge.person AS person, MAX(CASE WHEN nudge.later <> '' THEN 1 ELSE 0 END) AS snoozes,
                   MAX(CASE WHEN preference.stopped = 1 AND preference.changed_at >= :start
                             AND preference.changed_at < :end THEN 1 ELSE 0 END) AS stops,
                   MAX(nudge.useless) AS useless
                 FROM nudge LEFT JOIN preference ON preference.person = nudge.person
                 WHERE nudge.at >= :start AND nudge.at < :end GROUP BY nudge.person"""
        return self._db.query(sql, start=start, end=end)

    def useless(self, start: float, end: float) -> list[Row]:
        sql = """SELECT DISTINCT person, lesson FROM nudge
                 WHERE at >= :start AND at < :end AND useless = 1 AND lesson <> ''"""
        return self._db.query(sql, start=start, end=end)

    def verdicts(self, start: float, end: float) -> list[Row]:
        kinds = {f"k{i}": str(kind) for i, kind in enumerate(SORTS)}
        sql = f"""SELECT submission.person AS person, mail.kind AS kind, COUNT(*) AS n FROM submission
                  JOIN mail ON mail.sha256 = submission.sha256
                  WHERE submission.at >= :start AND submission.at < :end AND submission.withdrawn = 0
                    AND mail.kind IN ({", ".join(f":{name}" for name in kinds)})
                  GROUP BY submission.person, mail.kind"""  # noqa: S608 (our names)
        return self._db.query(sql, start=start, end=end, **kinds)

    def note_clicks(self, tx: Tx, ticket: str, n: int, by: str, at: float) -> None:
        tx.execute(
            """INSERT INTO click_found (ticket, n, by_person, at) VALUES (:ticket, :n, :by, :at)
               ON CONFLICT (ticket) DO UPDATE SET n = excluded.n, by_person = excluded.by_person""",
            ticket=ticket, n=n, by=by, at=at,
        )  # fmt: skip

    def put(self, tx: Tx, figures: Iterable[Figure], at: float) -> None:
        for figure in figures:
            tx.execute(
                """INSERT INTO measure (period, metric, cell, n, hits, value, at)
                   VALUES (:period, :metric, :cell, :n, :hits, :value, :at) ON CONFLICT DO NOTHING""",
                **vars(figure), at=at,
            )  # fmt: skip

    def figures(self) -> list[Figure]:
        rows = self._db.query("SELECT period, metric, cell, n, hits, value FROM measure ORDER BY period, metric, cell")
        return [
            Figure(row["period"], row["metric"], row["cell"], int(row["n"]), int(row["hits"]), float(row["value"]))
            for row in rows
        ]
