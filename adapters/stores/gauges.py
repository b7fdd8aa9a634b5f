"""SQL of what is watched from outside: ages and counts, no people. One text for SQLite and PostgreSQL."""

# ruff: noqa: S608 (every name in this SQL is ours)

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db

DAY = 86_400.0
# Jobs that somebody waits for, and that say when they are done: a call that goes on until it is answered is not late.
AWAITED = ("delivery.send", "oncall.page", "reporting.analyse", "reporting.spread", "reporting.alert")
Gauges = Mapping[str, float | Mapping[str, float]]


class SqlGaugeStore:
    """Read when somebody scrapes. Ages are seconds, 0 where nothing waits; moments are UTC epoch seconds, 0 for never."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def read(self, now: float) -> Gauges:
        """Every figure by its name in the metrics, without the prefix."""
        return {
            "outbox_oldest_seconds": self._age(
                "SELECT MIN(due_at) AS t FROM outbox WHERE state = 'queued' AND due_at < :now", now
            ),
            "engine_lag_seconds": self._age(
                "SELECT MIN(due_at) AS t FROM outbox WHERE state = 'handed' AND due_at < :now"
                f" AND kind IN ({', '.join(repr(kind) for kind in AWAITED)})", now
            ),
            "delivery_oldest_seconds": self._age(
                "SELECT MIN(due_at) AS t FROM delivery WHERE state IN ('queued', 'sending') AND due_at < :now", now
            ),
            "unanswered_oldest_seconds": self._age(
                "SELECT MIN(created_at) AS t FROM ticket WHERE state <> 'resolved' AND acknowledged_at = 0", now
            ),
            "page_oldest_seconds": self._age("SELECT MIN(created_at) AS t FROM page WHERE acknowledged_at = 0", now),
            "tickets_overdue": self._by(
                """SELECT severity AS name, COUNT(*) AS n FROM ticket WHERE state <> 'resolved' AND next_due_at < :now
                   GROUP BY severity""", now=now,
            ),
            "nudges_sent_day": self._by(
                "SELECT kind AS name, COUNT(*) AS n FROM nudge WHERE at > :since GROUP BY kind", since=now - DAY
            ),
            "mailbox_lag_seconds": self._age("SELECT MIN(looked_at) AS t FROM mailbox", now),
            "mailbox_waiting": self._number("SELECT COALESCE(SUM(waiting), 0) AS t FROM mailbox"),
            "backup_timestamp_seconds": self._number("SELECT MAX(at) AS t FROM audit WHERE action = 'backup.made'"),
            "retention_timestamp_seconds": self._number(
                "SELECT MAX(updated_at) AS t FROM setting WHERE name = 'privacy.retention'"
            ),
        }  # fmt: skip

    def _number(self, sql: str, **params: object) -> float:
        return float(self._db.query(sql, **params)[0]["t"] or 0.0)

    def _age(self, sql: str, now: float) -> float:
        since = self._number(sql, **({"now": now} if ":now" in sql else {}))
        return max(0.0, now - since) if since else 0.0

    def _by(self, sql: str, **params: object) -> Mapping[str, float]:
        return {str(row["name"]): float(row["n"]) for row in self._db.query(sql, **params)}
