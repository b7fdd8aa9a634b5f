"""SQL of nudges: one text for SQLite and PostgreSQL."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from bot.cards import Card, dump
from bot.learning.memory import DAY, Memory
from bot.learning.mydata import FILE
from bot.learning.pseudonym import Codes, month_of
from bot.learning.record import Answer, Enrolment, Record, Sent
from bot.learning.wording import UNKEPT
from bot.ports import Db, Row, Tx

_CHUNK = 400
_MEMORY = "lesson, version, due, state, reviews, rights, first_at, reviewed_at"
_SWITCH = "learning."
_CODED = "coded"  # this database holds no answer under a pseudonym any more
# How long rows are kept (the behaviour guide's section on privacy).
_TABLES = ("nudge", "preference", "nudge_hold", "nudge_look", "enrolment", "topic_asked", "attendance")
_OVERLAP = 5.0  # seconds that a transaction may have been open before what it did could be read


class SqlLearningStore:
    """Implements `bot.learning.store.LearningStore`. Memories and answers lie under `codes`, the rest under the pseudonym."""

    def __init__(self, db: Db, codes: Codes) -> None:
        self._db, self._codes = db, codes

    # reading

    def records(self, people: Sequence[str], since: float) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for start in range(0, len(people), _CHUNK):
            found.update(self._records(people[start : start + _CHUNK], since))
        return found

    def _records(self, people: Sequence[str], since: float) -> Iterator[tuple[str, Record]]:
        keys = {f"p{i}": person for i, person in enumerate(people)}
        codes = {name: self._codes.memory(person) for name, person in keys.items()}
        these = ", ".join(f":{name}" for name in keys)

        def rows(columns: str, rest: str, **params: object) -> dict[str, list[Row]]:
            grouped: dict[str, list[Row]] = defaultdict(list)
            table, _, more = rest.partition(" ")
            sql = f"SELECT person, {columns} FROM {table} WHERE person IN ({these}) {more}"  # noqa: S608 (our names)
            for row in self._db.query(sql, **(codes if table == "memory" else keys), **params):
                grouped[row["person"]].append(row)
            return grouped

        sent = rows("lesson, kind, at, state, reacted_at, later", "nudge AND at >= :since ORDER BY at, id", since=since)
        coded = rows(_MEMORY, "memory")
        memories = {keys[name]: coded[code] for name, code in codes.items() if code in coded}
        wishes = rows("rate, stopped", "preference")
        holds = rows("until", "nudge_hold")
        enrolled = rows("id, lesson, topic, reason, not_before, not_after", "enrolment AND sent_at = 0 ORDER BY at, id")
        for person in {*sent, *memories, *wishes, *holds, *enrolled}:
            wish = wishes[person][0] if person in wishes else {"rate": 1.0, "stopped": 0}
            yield (
                person,
                Record(
                    tuple(_sent(row) for row in sent[person]),
                    {row["lesson"]: _memory(row) for row in memories.get(person, ())},
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

    def attendance(self, person: str = "", course: str = "") -> list[Row]:
        sql = """SELECT person, course, lesson, version, at FROM attendance
                 WHERE (person = :person OR CAST(:person AS TEXT) = '')
                   AND (course = :course OR CAST(:course AS TEXT) = '') ORDER BY at, lesson"""
        return self._db.query(sql, person=person, course=course)

    def attend(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO attendance (person, course, lesson, version, day, at)
                 VALUES (:person, :course, :lesson, :version, :day, :at) ON CONFLICT DO NOTHING"""
        return tx.execute(sql, **row) > 0

    def history(self, person: str) -> list[Row]:
        return self._db.query("SELECT * FROM nudge WHERE person = :person ORDER BY at DESC, id", person=person)

    def memories(self, person: str) -> list[Memory]:
        sql = f"SELECT {_MEMORY} FROM memory WHERE person = :person ORDER BY lesson"  # noqa: S608
        return [_memory(row) for row in self._db.query(sql, person=self._codes.memory(person))]

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
                 ON CONFLICT DO NOTHING RETURNING id"""
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

    def answer(self, tx: Tx, nudge: str, at: float) -> bool:
        sql = """UPDATE nudge SET state = 'answered', reacted_at = :at
                 WHERE id = :id AND state IN ('sent', 'later')"""
        return bool(tx.execute(sql, id=nudge, at=at - at % DAY))  # the day alone: a time would lead to the memory

    def keep_answer(self, tx: Tx, item: str, person: str, answer: Answer, at: float) -> None:
        month = month_of(at)
        tx.execute(
            """INSERT INTO lesson_answer (id, who, lesson, version, choice, correct, month, age_days, track)
               VALUES (:id, :who, :lesson, :version, :choice, :correct, :month, :age_days, :track)
               ON CONFLICT (id) DO NOTHING""",
            id=self._codes.item(item), who=self._codes.answers(person, month), lesson=answer.lesson,
            version=answer.version, choice=answer.choice, correct=int(answer.correct), month=month,
            age_days=answer.age_days, track=answer.track,
        )  # fmt: skip

    def kept_answer(self, item: str, tx: Tx | None = None) -> str:
        row = _first(
            (tx or self._db).query("SELECT choice FROM lesson_answer WHERE id = :id", id=self._codes.item(item))
        )
        return str(row["choice"]) if row else ""

    def answers(self, person: str, at: float) -> list[Row]:
        keys = {f"w{i}": who for i, who in enumerate(self._codes.kept(person, at))}
        sql = f"""SELECT lesson, version, choice, correct, month, age_days, track FROM lesson_answer
                  WHERE who IN ({", ".join(f":{key}" for key in keys)}) ORDER BY month DESC, lesson, id"""  # noqa: S608
        return self._db.query(sql, **keys)

    def unhear(self, tx: Tx, person: str, at: float) -> None:
        tx.execute(
            "DELETE FROM utterance WHERE person = :person AND direction = 'in' AND at >= :at",
            person=person, at=at,
        )  # fmt: skip

    def close_others(self, tx: Tx, nudge: str) -> None:
        tx.execute(
            """UPDATE nudge SET state = 'closed' WHERE state IN ('sent', 'later') AND id <> :id
               AND person = (SELECT n.person FROM nudge n WHERE n.id = :id)
               AND lesson = (SELECT n.lesson FROM nudge n WHERE n.id = :id)""",
            id=nudge,
        )

    def memory(self, tx: Tx, person: str, lesson: str) -> Memory | None:
        sql = f"SELECT {_MEMORY} FROM memory WHERE person = :person AND lesson = :lesson"  # noqa: S608
        rows = tx.query(sql, person=self._codes.memory(person), lesson=lesson)
        return _memory(rows[0]) if rows else None

    def put_memory(self, tx: Tx, person: str, memory: Memory, seen: int) -> bool:
        person = self._codes.memory(person)
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

    def useless(self, tx: Tx, nudge: str, at: float) -> bool:
        sql = "UPDATE nudge SET useless = 1, reacted_at = :at WHERE id = :id AND useless = 0"
        return bool(tx.execute(sql, id=nudge, at=at))

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
            """INSERT INTO enrolment (id, person, lesson, topic, reason, not_before, not_after, at, sent_at)
               VALUES (:id, :person, :lesson, :topic, :reason, :not_before, :not_after, :at, 0)
               ON CONFLICT (id) DO NOTHING""",
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

    # the regular look

    def waiting(self, at: float, made_of: str) -> set[str]:
        sql = "SELECT person FROM nudge_look WHERE at > :at AND made_of = :made_of"
        return {row["person"] for row in self._db.query(sql, at=at, made_of=made_of)}

    def put_off(self, tx: Tx, looks: Sequence[tuple[str, float]], made_of: str, began: float) -> None:
        for person, at in looks:
            tx.execute(
                """INSERT INTO nudge_look (person, at, made_of, touched) VALUES (:person, :at, :made_of, 0)
                   ON CONFLICT (person) DO UPDATE SET at = excluded.at, made_of = excluded.made_of
                   WHERE nudge_look.touched < :began""",
                person=person, at=at, made_of=made_of, began=began - _OVERLAP,
            )  # fmt: skip

    def touch(self, tx: Tx, person: str, at: float) -> None:
        tx.execute(
            """INSERT INTO nudge_look (person, at, made_of, touched) VALUES (:person, 0, '', :at)
               ON CONFLICT (person) DO UPDATE SET at = 0, touched = excluded.touched""",
            person=person, at=at,
        )  # fmt: skip

    # the end of data

    def erase(self, tx: Tx, person: str, recent: float, at: float) -> None:
        for table in ("enrolment", "topic_asked"):
            tx.execute(f"DELETE FROM {table} WHERE person = :person", person=person)  # noqa: S608
        self._erase_coded(tx, person, at)
        tx.execute("DELETE FROM nudge WHERE person = :person AND at < :recent", person=person, recent=recent)
        tx.execute(
            """UPDATE nudge SET lesson = '', reason = '', rules = '', facts = '{}', choice = '', correct = -1,
               later = '', useless = 0, state = 'closed' WHERE person = :person""",
            person=person,
        )

    def _erase_coded(self, tx: Tx, person: str, at: float) -> None:
        tx.execute("DELETE FROM memory WHERE person = :person", person=self._codes.memory(person))
        for who in self._codes.kept(person, at):
            tx.execute("DELETE FROM lesson_answer WHERE who = :who", who=who)

    def forget(self, tx: Tx, person: str, at: float) -> None:
        for table in _TABLES:
            tx.execute(f"DELETE FROM {table} WHERE person = :person", person=person)  # noqa: S608
        self._erase_coded(tx, person, at)

    def recode(self, at: float) -> int:
        """Put what earlier versions kept under the pseudonym itself under codes; how many rows. Once for a database: it reads
        every answer and memory, and opens no transaction where it has been done."""
        if _CODED in self.switches():
            return 0
        with self._db.tx() as tx:
            old = tx.query("SELECT DISTINCT person FROM memory WHERE person LIKE 'p$_%' ESCAPE '$'")
            for row in old:
                sql = "UPDATE memory SET person = :code WHERE person = :person"
                tx.execute(sql, code=self._codes.memory(row["person"]), person=row["person"])
            self.switch(tx, _CODED, "1", at)
            return len(old) + self._recode_answers(tx)

    def _recode_answers(self, tx: Tx) -> int:
        rows = tx.query(
            "SELECT id, person, lesson, version, choice, correct, answered_at FROM nudge WHERE choice <> ''"
        )
        for row in rows:
            answer = Answer(row["lesson"], int(row["version"]), row["choice"], int(row["correct"]) == 1)
            self.keep_answer(tx, row["id"], row["person"], answer, float(row["answered_at"]))
        tx.execute("UPDATE nudge SET choice = '', correct = -1, answered_at = 0 WHERE choice <> ''")
        return len(rows)

    def tidy(self, tx: Tx, before: float) -> int:
        empty, marked = dump(Card("")), f'%"source":"{UNKEPT}"%'
        tx.execute(
            "UPDATE delivery SET card = :empty WHERE state = 'sent' AND created_at < :before AND card LIKE :marked",
            empty=empty, before=before, marked=marked,
        )  # fmt: skip
        tx.execute(
            "DELETE FROM attachment WHERE ticket = '' AND name = :name AND at < :before", name=FILE, before=before
        )
        sql = """UPDATE utterance SET text = '', card = :empty WHERE direction = 'out' AND at < :before AND card LIKE :marked"""
        return tx.execute(sql, empty=empty, before=before, marked=marked)

    def prune(self, tx: Tx, at: float) -> int:
        return tx.execute("DELETE FROM nudge_hold WHERE until < :at", at=at)


def _sent(row: Row) -> Sent:
    until = date.fromisoformat(row["later"]) if row["later"] else None
    return Sent(row["lesson"], row["kind"], float(row["at"]), row["state"], float(row["reacted_at"]) > 0, until)


def _memory(row: Row) -> Memory:
    return Memory(
        row["lesson"], int(row["version"]), float(row["due"]), row["state"], int(row["reviews"]), int(row["rights"]),
        float(row["first_at"]), float(row["reviewed_at"]),
    )  # fmt: skip


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(
        row["id"], row["lesson"], row["topic"], row["reason"], float(row["not_before"]), float(row["not_after"])
    )


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
