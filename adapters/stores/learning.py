"""SQL of nudges: one text for SQLite and PostgreSQL."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from bot.learning.memory import DAY, Memory
from bot.learning.record import Enrolment, Record, Sent
from bot.ports import Db, Row, Tx

_CHUNK = 400
_MEMORY = "lesson, version, due, state, reviews, rights, first_at, reviewed_at"
_SWITCH = "learning."
# How long rows are kept (the behaviour guide's section on privacy).
_NUDGES, _ENROLMENTS, _TOPICS = 365 * DAY, 90 * DAY, 30 * DAY
_TABLES = ("nudge", "memory", "preference", "nudge_hold", "enrolment", "topic_asked")


class SqlLearningStore:
    """Implements `bot.learning.store.LearningStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # reading

    def records(self, people: Sequence[str], since: float) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for start in range(0, len(people), _CHUNK):
            found.update(self._records(people[start : start + _CHUNK], since))
        return found

    def _records(self, people: Sequence[str], since: float) -> Iterator[tuple[str, Record]]:
        keys = {f"p{i}": person for i, person in enumerate(people)}
        these = ", ".join(f":{name}" for name in keys)

        def rows(columns: str, rest: str, **params: object) -> dict[str, list[Row]]:
            grouped: dict[str, list[Row]] = defaultdict(list)
            table, _, more = rest.partition(" ")
            sql = f"SELECT person, {columns} FROM {table} WHERE person IN ({these}) {more}"  # noqa: S608 (our names)
            for row in self._db.query(sql, **keys, **params):
                grouped[row["person"]].append(row)
            return grouped

        sent = rows("lesson, kind, at, state, reacted_at, later", "nudge AND at >= :since ORDER BY at, id", since=since)
        memories = rows(_MEMORY, "memory")
        wishes = rows("rate, stopped", "preference")
        holds = rows("until", "nudge_hold")
        enrolled = rows("id, lesson, topic, reason, not_before", "enrolment AND sent_at = 0 ORDER BY at, id")
        for person in {*sent, *memories, *wishes, *holds, *enrolled}:
            wish = wishes[person][0] if person in wishes else {"rate": 1.0, "stopped": 0}
            yield (
                person,
                Record(
                    tuple(_sent(row) for row in sent[person]),
                    {row["lesson"]: _memory(row) for row in memories[person]},
                    float(wish["rate"]),
                    bool(wish["stopped"]),
                    float(holds[person][0]["until"]) if person in holds else 0.0,
                    tuple(_enrolment(row) for row in enrolled[person]),
                ),
            )

    def nudge(self, nudge: str, tx: Tx | None = None) -> Row | None:
        return _first((tx or self._db).query("SELECT * FROM nudge WHERE id = :id", id=nudge))

    def newest(self, person: str) -> Row | None:
        sql = "SELECT * FROM nudge WHERE person = :person AND lesson <> '' ORDER BY at DESC, id LIMIT 1"
        return _first(self._db.query(sql, person=person))

    def question(self, lesson: str, version: int) -> str:
        sql = "SELECT question FROM lesson_question WHERE lesson = :lesson AND version = :version"
        row = _first(self._db.query(sql, lesson=lesson, version=version))
        return str(row["question"]) if row else ""

    def history(self, person: str) -> list[Row]:
        return self._db.query("SELECT * FROM nudge WHERE person = :person ORDER BY at DESC, id", person=person)

    def memories(self, person: str) -> list[Memory]:
        sql = f"SELECT {_MEMORY} FROM memory WHERE person = :person ORDER BY lesson"  # noqa: S608
        return [_memory(row) for row in self._db.query(sql, person=person)]

    def switches(self) -> dict[str, str]:
        rows = self._db.query("SELECT name, value FROM setting WHERE name LIKE :names", names=_SWITCH + "%")
        return {row["name"].removeprefix(_SWITCH): row["value"] for row in rows}

    # sending

    def add_nudge(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO nudge (id, person, due, lesson, version, language, kind, reason, rules, facts, at,
                                    delivery, state, choice, correct, later, lessened, reacted_at, answered_at)
                 SELECT CAST(:id AS TEXT), CAST(:person AS TEXT), CAST(:due AS TEXT), CAST(:lesson AS TEXT),
                        CAST(:version AS BIGINT), CAST(:language AS TEXT), CAST(:kind AS TEXT), CAST(:reason AS TEXT),
                        CAST(:rules AS TEXT), CAST(:facts AS TEXT), CAST(:at AS DOUBLE PRECISION), '',
                        'sent', '', -1, '', 0, 0, 0
                 WHERE NOT EXISTS (SELECT 1 FROM nudge_hold WHERE person = :person AND until > :at)
                   AND NOT EXISTS (SELECT 1 FROM preference WHERE person = :person AND stopped = 1 AND :must = 0)
                 ON CONFLICT (person, due) DO NOTHING RETURNING id"""
        return bool(tx.query(sql, **row))

    def set_delivery(self, tx: Tx, nudge: str, delivery: str) -> None:
        tx.execute("UPDATE nudge SET delivery = :delivery WHERE id = :id", id=nudge, delivery=delivery)

    def keep_question(self, tx: Tx, lesson: str, version: int, question: str) -> None:
        tx.execute(
            """INSERT INTO lesson_question (lesson, version, question) VALUES (:lesson, :version, :question)
               ON CONFLICT (lesson, version) DO NOTHING""",
            lesson=lesson, version=version, question=question,
        )  # fmt: skip

    def spend(self, tx: Tx, enrolment: str, at: float) -> None:
        tx.execute(
            """UPDATE enrolment SET sent_at = :at WHERE sent_at = 0
               AND person = (SELECT person FROM enrolment WHERE id = :id)
               AND topic = (SELECT topic FROM enrolment WHERE id = :id)""",
            id=enrolment, at=at,
        )  # fmt: skip

    # what people press

    def answer(self, tx: Tx, nudge: str, choice: str, correct: bool, at: float) -> bool:
        sql = """UPDATE nudge SET state = 'answered', choice = :choice, correct = :correct, answered_at = :at,
                 reacted_at = :at WHERE id = :id AND state IN ('sent', 'later')"""
        return bool(tx.execute(sql, id=nudge, choice=choice, correct=int(correct), at=at))

    def close_others(self, tx: Tx, nudge: str) -> None:
        tx.execute(
            """UPDATE nudge SET state = 'closed' WHERE state IN ('sent', 'later') AND id <> :id
               AND person = (SELECT n.person FROM nudge n WHERE n.id = :id)
               AND lesson = (SELECT n.lesson FROM nudge n WHERE n.id = :id)""",
            id=nudge,
        )

    def memory(self, tx: Tx, person: str, lesson: str) -> Memory | None:
        sql = f"SELECT {_MEMORY} FROM memory WHERE person = :person AND lesson = :lesson"  # noqa: S608
        rows = tx.query(sql, person=person, lesson=lesson)
        return _memory(rows[0]) if rows else None

    def put_memory(self, tx: Tx, person: str, memory: Memory, seen: int) -> bool:
        if seen == 0:
            sql = """INSERT INTO memory (person, lesson, version, due, state, reviews, rights, first_at, reviewed_at)
                     VALUES (:person, :lesson, :version, :due, :state, :reviews, :rights, :first_at, :reviewed_at)
                     ON CONFLICT (person, lesson) DO NOTHING RETURNING lesson"""
            return bool(tx.query(sql, person=person, **vars(memory)))
        sql = """UPDATE memory SET version = :version, due = :due, state = :state, reviews = :reviews, rights = :rights,
                 first_at = :first_at, reviewed_at = :reviewed_at
                 WHERE person = :person AND lesson = :lesson AND reviews = :seen"""
        return bool(tx.execute(sql, person=person, seen=seen, **vars(memory)))

    def postpone(self, tx: Tx, nudge: str, until: str, at: float) -> bool:
        sql = """UPDATE nudge SET state = 'later', later = :until, reacted_at = :at
                 WHERE id = :id AND state IN ('sent', 'later')"""
        return bool(tx.execute(sql, id=nudge, until=until, at=at))

    def postponed(self, person: str, lesson: str) -> int:
        sql = "SELECT COUNT(*) AS n FROM nudge WHERE person = :person AND lesson = :lesson AND later <> ''"
        return int(self._db.query(sql, person=person, lesson=lesson)[0]["n"])

    def reacted(self, tx: Tx, nudge: str, at: float) -> None:
        tx.execute("UPDATE nudge SET reacted_at = :at WHERE id = :id AND reacted_at = 0", id=nudge, at=at)

    def lessen(self, tx: Tx, nudge: str, at: float) -> bool:
        sql = "UPDATE nudge SET lessened = 1, reacted_at = :at WHERE id = :id AND lessened = 0 RETURNING person"
        rows = tx.query(sql, id=nudge, at=at)
        if rows:
            tx.execute(
                """INSERT INTO preference (person, rate, stopped, changed_at) VALUES (:person, 0.5, 0, :at)
                   ON CONFLICT (person) DO UPDATE SET rate = preference.rate / 2, changed_at = excluded.changed_at""",
                person=rows[0]["person"], at=at,
            )  # fmt: skip
        return bool(rows)

    def stop(self, tx: Tx, person: str, stopped: bool, at: float) -> bool:
        tx.execute(
            """INSERT INTO preference (person, rate, stopped, changed_at) VALUES (:person, 1, 0, :at)
               ON CONFLICT (person) DO NOTHING""",
            person=person, at=at,
        )  # fmt: skip
        sql = """UPDATE preference SET stopped = :stopped, changed_at = :at,
                 rate = CASE WHEN :stopped = 0 THEN 1 ELSE rate END
                 WHERE person = :person AND (stopped <> :stopped OR (:stopped = 0 AND rate < 1))"""
        return bool(tx.execute(sql, person=person, stopped=int(stopped), at=at))

    # what happens elsewhere

    def hold(self, tx: Tx, person: str, until: float) -> None:
        tx.execute(
            """INSERT INTO nudge_hold (person, until) VALUES (:person, :until) ON CONFLICT (person) DO UPDATE
               SET until = CASE WHEN excluded.until > nudge_hold.until THEN excluded.until ELSE nudge_hold.until END""",
            person=person, until=until,
        )  # fmt: skip

    def ask(self, tx: Tx, person: str, topic: str, at: float, since: float) -> int:
        tx.execute(
            "INSERT INTO topic_asked (id, person, topic, at) VALUES (:id, :person, :topic, :at)",
            id=uuid.uuid4().hex, person=person, topic=topic, at=at,
        )  # fmt: skip
        sql = "SELECT COUNT(*) AS n FROM topic_asked WHERE person = :person AND topic = :topic AND at > :since"
        return int(tx.query(sql, person=person, topic=topic, since=since)[0]["n"])

    def enrolled(self, tx: Tx, person: str, reason: str, since: float) -> bool:
        sql = "SELECT 1 AS yes FROM enrolment WHERE person = :person AND reason = :reason AND at > :since LIMIT 1"
        return bool(tx.query(sql, person=person, reason=reason, since=since))

    def enrol(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO enrolment (id, person, lesson, topic, reason, not_before, at, sent_at)
               VALUES (:id, :person, :lesson, :topic, :reason, :not_before, :at, 0) ON CONFLICT (id) DO NOTHING""",
            **row,
        )

    def switch(self, tx: Tx, name: str, value: str, at: float) -> None:
        if not value:
            tx.execute("DELETE FROM setting WHERE name = :name", name=_SWITCH + name)
        else:
            tx.execute(
                """INSERT INTO setting (name, value, updated_at) VALUES (:name, :value, :at)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
                name=_SWITCH + name, value=value, at=at,
            )  # fmt: skip

    # the end of data

    def erase(self, tx: Tx, person: str, recent: float) -> None:
        for table in ("memory", "enrolment", "topic_asked"):
            tx.execute(f"DELETE FROM {table} WHERE person = :person", person=person)  # noqa: S608
        tx.execute("DELETE FROM nudge WHERE person = :person AND at < :recent", person=person, recent=recent)
        tx.execute(
            """UPDATE nudge SET lesson = '', reason = '', rules = '', facts = '{}', choice = '', correct = -1,
               later = '', state = 'closed' WHERE person = :person""",
            person=person,
        )

    def forget(self, tx: Tx, person: str) -> None:
        for table in _TABLES:
            tx.execute(f"DELETE FROM {table} WHERE person = :person", person=person)  # noqa: S608

    def prune(self, tx: Tx, at: float) -> int:
        gone = tx.execute("DELETE FROM nudge WHERE at < :before", before=at - _NUDGES)
        gone += tx.execute("DELETE FROM memory WHERE reviewed_at < :before", before=at - _NUDGES)
        gone += tx.execute("DELETE FROM enrolment WHERE at < :before", before=at - _ENROLMENTS)
        gone += tx.execute("DELETE FROM topic_asked WHERE at < :before", before=at - _TOPICS)
        return gone + tx.execute("DELETE FROM nudge_hold WHERE until < :at", at=at)


def _sent(row: Row) -> Sent:
    until = date.fromisoformat(row["later"]) if row["later"] else None
    return Sent(row["lesson"], row["kind"], float(row["at"]), row["state"], float(row["reacted_at"]) > 0, until)


def _memory(row: Row) -> Memory:
    return Memory(
        row["lesson"], int(row["version"]), float(row["due"]), row["state"], int(row["reviews"]), int(row["rights"]),
        float(row["first_at"]), float(row["reviewed_at"]),
    )  # fmt: skip


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(row["id"], row["lesson"], row["topic"], row["reason"], float(row["not_before"]))


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
