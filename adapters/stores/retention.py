"""SQL of retention: which rows of a kind are old, how they go, and legal holds. One text for SQLite and PostgreSQL.

Rows are found by a search outside of any transaction and go by their keys, a batch a transaction. Both ask the same condition, so
a hold that comes in between is kept to.
"""
# ruff: noqa: S608 (every name in this SQL is ours)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.ports import Db, Row, Tx

HELD = "SELECT subject FROM legal_hold WHERE released_at = 0"


@dataclass(frozen=True)
class Rule:
    """Rows of one table by their key; `where` says which are old (:before, or :month). What is on hold is not.

    `instead`: statements that run in place of deleting the row, with its key as parameters.
    """

    table: str
    key: tuple[str, ...]
    where: str
    instead: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        held = ON_HOLD.get(self.table)
        return f"({self.where}) AND NOT ({held})" if held else f"({self.where})"

    @property
    def same(self) -> str:
        return " AND ".join(f"{name} = :{name}" for name in self.key)


_OF_TICKET = f"ticket IN ({HELD})"
_OF_RUN = f"run IN ({HELD})"
# Which rows of a table belong to what is on hold. Forgetting somebody goes by this too.
ON_HOLD: Mapping[str, str] = {
    "utterance": _OF_TICKET,
    "delivery": f"id IN (SELECT delivery FROM utterance WHERE {_OF_TICKET})",
    "ticket": f"number IN ({HELD})",
    "ticket_event": _OF_TICKET,
    "ticket_word": f"seq IN (SELECT seq FROM ticket WHERE number IN ({HELD}))",
    "mail_word": f"seq IN (SELECT seq FROM mail WHERE ticket IN ({HELD}))",
    "ticket_watcher": _OF_TICKET,
    "attachment": _OF_TICKET,
    "page": _OF_TICKET,
    "page_try": f"page IN (SELECT key FROM page WHERE {_OF_TICKET})",
    "caller_code": _OF_TICKET,
    "containment": _OF_TICKET,
    "mail_action": _OF_TICKET,
    "mail": _OF_TICKET,
    "submission": f"sha256 IN (SELECT sha256 FROM mail WHERE {_OF_TICKET})",
    "campaign": _OF_TICKET,
    "campaign_person": f"campaign IN (SELECT id FROM campaign WHERE {_OF_TICKET})",
    "procedure_proposal": _OF_RUN,
    "procedure_text": _OF_RUN,
    "procedure_file": _OF_RUN,
    "procedure_follower": _OF_RUN,
    "partner_record_text": f"dispute IN (SELECT id FROM partner_dispute WHERE {_OF_TICKET})",
    "legal_hold": "released_at = 0",
}
_ENDED = "run IN (SELECT id FROM procedure_run WHERE ended_at > 0 AND ended_at < :before)"
_CLOSED = "dispute IN (SELECT id FROM partner_dispute WHERE closed_at > 0 AND closed_at < :before)"
_OVER = "wave IN (SELECT id FROM wave WHERE ended_at > 0 AND ended_at < :before)"

# What a resolved ticket loses: as much as when its requester is forgotten. Number, times and states stay.
_BARE = (
    "UPDATE ticket_event SET text = '' WHERE ticket = :number AND kind NOT IN ('severity', 'verdict')",
    "DELETE FROM attachment WHERE ticket = :number",
    "DELETE FROM ticket_watcher WHERE ticket = :number",
    "DELETE FROM ticket_word WHERE seq IN (SELECT seq FROM ticket WHERE number = :number)",
    "DELETE FROM desk_line WHERE ticket = :number",
    "UPDATE desk_card SET shown = '' WHERE ticket = :number",
    "UPDATE ticket SET subject = '', place = '', satisfaction = '' WHERE number = :number",
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "conversations": (
        Rule("utterance", ("id",), "at < :before"),
        Rule("web_post", ("id",), "at < :before"),
        Rule(
            "delivery", ("id",), "created_at < :before AND state IN ('sent', 'failed', 'unreachable')",
        ),
    ),
    "dialogues": (
        Rule("dialogue", ("person", "place"), "updated_at < :before"),
        Rule("unsent", ("id",), "at < :before AND back = 1"),
    ),
    "questions": (Rule("question", ("id",), "at < :before"),),
    "events": (Rule("event", ("key",), "at < :before"),),
    "jobs": (Rule("outbox", ("id",), "created_at < :before AND due_at < :before AND state <> 'queued'"),),
    "tickets": (
        Rule(
            "ticket", ("number",),
            "state = 'resolved' AND resolved_at > 0 AND resolved_at < :before AND (subject <> '' OR place <> '')", _BARE,
        ),
    ),
    "calls": (
        Rule("page_try", ("page", "seq"), "at < :before"),
        Rule("page", ("key",), "created_at < :before"),
        Rule("duty", ("id",), "end_at < :before"),
    ),
    "codes": (Rule("caller_code", ("id",), "created_at < :before"),),
    "steps": (Rule("containment", ("id",), "asked_at < :before"),),
    "mail_actions": (Rule("mail_action", ("id",), "asked_at < :before"),),
    "reports": (
        Rule("submission", ("id",), "at < :before"),
        Rule(
            "mail", ("sha256",),
            "created_at < :before AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.sha256 = mail.sha256)",
            (
                "DELETE FROM mail_word WHERE seq IN (SELECT seq FROM mail WHERE sha256 = :sha256)",
                "DELETE FROM mail WHERE sha256 = :sha256",
            ),
        ),
        Rule(
            "campaign_person", ("campaign", "person"),
            "campaign IN (SELECT id FROM campaign WHERE last_at < :before)",
        ),
        Rule(
            "campaign", ("id",),
            "last_at < :before AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.campaign = campaign.id)",
        ),
    ),
    "tips": (
        Rule("nudge", ("id",), "at < :before"),
        Rule("memory", ("person", "lesson"), "reviewed_at < :before"),
        Rule("lesson_answer", ("id",), "month < :month"),
    ),
    # what waits for its day (a journey in half a year) is not old yet
    "enrolments": (Rule("enrolment", ("id",), "at < :before AND not_before < :before"),),
    "topics": (Rule("topic_asked", ("id",), "at < :before"),),
    "attendance": (Rule("attendance", ("person", "course", "lesson", "day"), "at < :before"),),
    "decisions": (
        Rule("nudge_decision", ("person", "at"), "at < :before"),
        Rule("wave_person", ("wave", "person", "step"), _OVER),
        Rule("wave", ("id",), "ended_at > 0 AND ended_at < :before"),
    ),
    "letters": (Rule("letter", ("id",), "at < :before"),),
    "proposals": (
        Rule("proposal", ("id",), "at < :before"),
        Rule("procedure_proposal", ("id",), "decided_at > 0 AND decided_at < :before"),
        Rule("review_ask", ("entry", "due", "stage", "person"), "at < :before"),
    ),
    "changes": (Rule("answer_change", ("id",), "decided_at > 0 AND decided_at < :before"),),
    "bulk": (Rule("ticket_bulk", ("id",), "at < :before"),),
    "run_words": (
        Rule("procedure_text", ("id",), _ENDED),
        Rule("procedure_file", ("id",), _ENDED),
        Rule("procedure_follower", ("run", "person"), _ENDED),
    ),
    "pulse": (Rule("partner_pulse", ("partner", "quarter", "code"), "at < :before"),),
    "dispute_words": (
        Rule(
            "partner_record_text", ("dispute", "seq", "name"), _CLOSED,
        ),
    ),
}  # fmt: skip


class SqlRetentionStore:
    """Implements `bot.retention.RetentionStore`."""

    kinds = frozenset(RULES)

    def __init__(self, db: Db) -> None:
        self._db = db

    def count(self, kind: str, before: float) -> int:
        return sum(
            int(
                self._db.query(f"SELECT COUNT(*) AS n FROM {rule.table} WHERE {rule.condition}", **_times(before))[0][
                    "n"
                ]
            )
            for rule in RULES[kind]
        )

    def old(self, kind: str, before: float, limit: int) -> list[Row]:
        found: list[Row] = []
        for number, rule in enumerate(RULES[kind]):
            sql = f"SELECT {', '.join(rule.key)} FROM {rule.table} WHERE {rule.condition} LIMIT :limit"
            rows = self._db.query(sql, limit=limit - len(found), **_times(before))
            found += [{"rule": number, "key": row} for row in rows]
            if len(found) >= limit:
                break
        return found

    def clear(self, tx: Tx, kind: str, before: float, marks: Sequence[Row]) -> int:
        gone = 0
        for mark in marks:
            rule, key = RULES[kind][mark["rule"]], mark["key"]
            if not rule.instead:
                sql = f"DELETE FROM {rule.table} WHERE {rule.same} AND {rule.condition}"
                gone += tx.execute(sql, **key, **_times(before))
            elif tx.query(
                f"SELECT 1 FROM {rule.table} WHERE {rule.same} AND {rule.condition}", **key, **_times(before)
            ):
                for statement in rule.instead:
                    tx.execute(statement, **key)
                gone += 1
        return gone

    def note(self, tx: Tx, name: str, value: str, at: float) -> None:
        tx.execute(
            """INSERT INTO setting (name, value, updated_at) VALUES (:name, :value, :at)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
            name=name, value=value, at=at,
        )  # fmt: skip

    def noted(self, name: str) -> str:
        rows = self._db.query("SELECT value FROM setting WHERE name = :name", name=name)
        return str(rows[0]["value"]) if rows else ""

    def noted_at(self, name: str) -> float:
        rows = self._db.query("SELECT updated_at FROM setting WHERE name = :name", name=name)
        return float(rows[0]["updated_at"]) if rows else 0.0

    def told_at(self) -> float:
        return float(self._db.query("SELECT COALESCE(MAX(told_at), 0) AS at FROM event")[0]["at"])


class SqlHoldStore:
    """Implements `bot.retention.HoldStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def exists(self, subject: str) -> bool:
        sql = """SELECT number AS name FROM ticket WHERE number = :subject
                 UNION ALL SELECT id AS name FROM procedure_run WHERE id = :subject"""
        return bool(self._db.query(sql, subject=subject))

    def place(self, tx: Tx, row: Row) -> bool:
        sql = """INSERT INTO legal_hold (id, subject, why, placed_by, at) VALUES (:id, :subject, :why, :placed_by, :at)
                 ON CONFLICT DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def release(self, tx: Tx, subject: str, by: str, why: str, at: float) -> bool:
        sql = """UPDATE legal_hold SET released_by = :by, released_why = :why, released_at = :at
                 WHERE subject = :subject AND released_at = 0"""
        return tx.execute(sql, subject=subject, by=by, why=why, at=at) == 1

    def holds(self, *, open_only: bool) -> list[Row]:
        where = "WHERE released_at = 0" if open_only else ""
        return self._db.query(f"SELECT * FROM legal_hold {where} ORDER BY at DESC, id")


def _times(before: float) -> dict[str, object]:
    return {"before": before, "month": datetime.fromtimestamp(before, UTC).strftime("%Y-%m")}
