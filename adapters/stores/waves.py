"""SQL of campaigns and of what the planner decided: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.ports import Db, Row, Tx
from bot.turn import SENDING, TIP

FAR = 1.0e10  # added to the time of what is held back
MOST = 200  # people of one campaign and channel at once
_WAITING = (
    "SELECT id FROM delivery WHERE state = 'queued' AND id IN (SELECT delivery FROM wave_person WHERE wave = :wave)"
)


class SqlWaveStore:
    """Implements `bot.learning.waves.WaveStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO wave (id, kind, lesson, title, audience, day, state, test, at_once, actor, at, ended_at)
               VALUES (:id, :kind, :lesson, :title, :audience, '', 'planning', :test, :at_once, :actor, :at, 0)""",
            **row,
        )

    def add_people(self, tx: Tx, wave: str, rows: Sequence[Mapping[str, object]]) -> None:
        for row in rows:
            tx.execute(
                """INSERT INTO wave_person (wave, person, step, state, planned_at, reason, rules, nudge, delivery, channel)
                   VALUES (:wave, :person, '', :state, :planned_at, :reason, :rules, '', '', :channel)
                   ON CONFLICT (wave, person, step) DO NOTHING""",
                wave=wave, **row,
            )  # fmt: skip

    def set_state(self, tx: Tx, wave: str, states: Sequence[str], state: str, at: float) -> bool:
        these = {f"s{i}": name for i, name in enumerate(states)}
        sql = f"""UPDATE wave SET state = :state, ended_at = CASE WHEN :state IN ('done', 'cancelled') THEN :at ELSE 0 END
                  WHERE id = :wave AND state IN ({", ".join(f":{name}" for name in these)})"""  # noqa: S608 (our names)
        return bool(tx.execute(sql, wave=wave, state=state, at=at, **these))

    def wave(self, wave: str) -> Row | None:
        rows = self._db.query("SELECT * FROM wave WHERE id = :wave", wave=wave)
        return rows[0] if rows else None

    def waves(self, limit: int) -> list[Row]:
        return self._db.query("SELECT * FROM wave ORDER BY at DESC, id LIMIT :limit", limit=limit)

    def due(self, at: float, limit: int) -> list[Row]:
        room, found = dict[str, int](), list[Row]()
        for wave in self._db.query("SELECT * FROM wave WHERE state = 'running' AND kind = 'lesson' ORDER BY at, id"):
            for channel in self._channels(wave["id"]):
                if channel not in room:
                    room[channel] = limit - self._waiting(channel, limit)
                rows = self._some(wave, channel, at, room[channel]) if room[channel] > 0 else []
                room[channel] -= len(rows)
                found += rows
        return found

    def _channels(self, wave: str) -> Iterator[str]:
        """Channels of those who are queued, each found with one look into the index."""
        sql, after = "SELECT MIN(channel) AS channel FROM wave_person WHERE wave = :wave AND state = 'queued'", ""
        found = self._db.query(sql, wave=wave)[0]["channel"]
        while found is not None:
            after = str(found)
            yield after
            found = self._db.query(f"{sql} AND channel > :after", wave=wave, after=after)[0]["channel"]

    def _some(self, wave: Row, channel: str, at: float, limit: int) -> list[Row]:
        sql = """SELECT wave, person FROM wave_person WHERE wave = :wave AND state = 'queued' AND channel = :channel
                 AND planned_at <= :at ORDER BY planned_at LIMIT :limit"""
        about = {name: wave[name] for name in ("lesson", "title", "at_once")}
        rows = self._db.query(sql, wave=wave["id"], channel=channel, at=at, limit=min(limit, MOST))
        return [{**row, **about} for row in rows]

    def _waiting(self, channel: str, most: int) -> int:
        """How many messages wait for a channel, counted up to `most`."""
        sql = f"""SELECT COUNT(*) AS n FROM (
                     SELECT 1 FROM outbox o JOIN delivery d ON d.id = substr(o.key, {len(SENDING) + 1})
                     WHERE o.kind = :tip AND o.state = 'queued' AND o.due_at < :far AND d.channel = :channel LIMIT :most
                 ) AS waiting"""  # noqa: S608 (a number of ours)
        return int(self._db.query(sql, tip=TIP, far=FAR, channel=channel, most=most)[0]["n"])

    def settle(self, tx: Tx, wave: str, person: str, row: Mapping[str, object]) -> None:
        # with the whole key, or SQLite reads everybody who is queued for each one who is settled
        tx.execute(
            """UPDATE wave_person SET state = :state, reason = :reason, planned_at = :planned_at, rules = :rules,
               nudge = :nudge, delivery = :delivery, channel = :channel
               WHERE wave = :wave AND person = :person AND step = '' AND state = 'queued'""",
            wave=wave, person=person, **row,
        )  # fmt: skip

    def cancel(self, tx: Tx, wave: str) -> int:
        """Messages that wait for the platform end as failed, with `cancelled` as the reason; their people as cancelled."""
        gone = tx.execute(
            "UPDATE wave_person SET state = 'cancelled' WHERE wave = :wave AND state = 'queued'", wave=wave
        )
        # a message that a worker has claimed this moment is `sending`, and goes
        stopped = tx.execute(
            f"UPDATE delivery SET state = 'failed', error = 'cancelled' WHERE id IN ({_WAITING})",  # noqa: S608 (ours)
            wave=wave,
        )
        ended = "SELECT id FROM delivery WHERE state = 'failed' AND error = 'cancelled'"
        mine = f"SELECT delivery FROM wave_person WHERE wave = :wave AND state = 'out' AND delivery IN ({ended})"  # noqa: S608
        tx.execute(
            f"""UPDATE outbox SET state = 'done', error = 'cancelled' WHERE kind = :tip AND state = 'queued'
                AND key IN (SELECT 'delivery:' || m.delivery FROM ({mine}) AS m)""",  # noqa: S608 (ours)
            wave=wave, tip=TIP,
        )  # fmt: skip
        tx.execute(
            f"UPDATE wave_person SET state = 'cancelled' WHERE wave = :wave AND state = 'out' AND delivery IN ({ended})",  # noqa: S608
            wave=wave,
        )
        return gone + stopped

    def hold_back(self, tx: Tx, wave: str, held: bool) -> None:
        move = "due_at + :far" if held else "due_at - :far"
        when = "due_at < :far" if held else "due_at >= :far"
        tx.execute(
            f"""UPDATE outbox SET due_at = {move} WHERE kind = :tip AND state = 'queued' AND {when}
                AND key IN (SELECT 'delivery:' || delivery FROM wave_person WHERE wave = :wave AND delivery <> '')""",  # noqa: S608
            wave=wave, far=FAR, tip=TIP,
        )  # fmt: skip

    def put_off(self, tx: Tx, person: str, until: float) -> None:
        tx.execute(
            """UPDATE outbox SET due_at = :until WHERE kind = :tip AND state = 'queued' AND due_at < :until
               AND key IN (SELECT 'delivery:' || id FROM delivery WHERE person = :person AND state = 'queued')""",
            person=person, until=until, tip=TIP,
        )  # fmt: skip

    def running(self) -> bool:
        return bool(self._db.query("SELECT 1 AS yes FROM wave WHERE state = 'running' AND kind = 'lesson' LIMIT 1"))

    def finish(self, tx: Tx, at: float) -> None:
        tx.execute(
            """UPDATE wave SET state = 'done', ended_at = :at WHERE state = 'running' AND kind = 'lesson'
               AND NOT EXISTS (SELECT 1 FROM wave_person p WHERE p.wave = wave.id AND p.state = 'queued')
               AND NOT EXISTS (SELECT 1 FROM wave_person p JOIN delivery d ON d.id = p.delivery
                               WHERE p.wave = wave.id AND p.state = 'out' AND d.state IN ('queued', 'sending'))""",
            at=at,
        )

    def counts(self, wave: str) -> list[Row]:
        sql = f"""SELECT state, reason, COUNT(*) AS n, MIN(planned_at) AS first, MAX(planned_at) AS last FROM ({_STATES}) AS s
                  GROUP BY state, reason"""  # noqa: S608 (ours)
        return self._db.query(sql, wave=wave)

    def people(self, wave: str) -> list[Row]:
        sql = f"SELECT person, state, reason, planned_at FROM ({_STATES}) AS s ORDER BY planned_at, person"  # noqa: S608
        return self._db.query(sql, wave=wave)


class SqlDecisionStore:
    """Implements `bot.learning.nudges.DecisionStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def latest(self, people: Sequence[str]) -> dict[str, Row]:
        keys = {f"p{i}": person for i, person in enumerate(people)}
        sql = f"""SELECT d.* FROM nudge_decision d WHERE d.person IN ({", ".join(f":{name}" for name in keys)})
                  AND d.at = (SELECT MAX(at) FROM nudge_decision m WHERE m.person = d.person)"""  # noqa: S608 (our names)
        return {row["person"]: row for row in self._db.query(sql, **keys)} if keys else {}

    def add(self, tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
        for row in rows:
            tx.execute(
                """INSERT INTO nudge_decision (person, at, lesson, kind, planned_at, reason, rules, outcome)
                   VALUES (:person, :at, :lesson, :kind, :planned_at, :reason, :rules, :outcome)
                   ON CONFLICT (person, at) DO NOTHING""",
                **row,
            )

    def of(self, person: str, limit: int) -> list[Row]:
        sql = "SELECT * FROM nudge_decision WHERE person = :person ORDER BY at DESC LIMIT :limit"
        return self._db.query(sql, person=person, limit=limit)

    def shown(self, tx: Tx, person: str, lesson: str, reason: str, since: float) -> bool:
        sql = """SELECT 1 AS yes FROM nudge_decision WHERE person = :person AND lesson = :lesson AND reason = :reason
                 AND at > :since LIMIT 1"""
        return bool(tx.query(sql, person=person, lesson=lesson, reason=reason, since=since))

    def roles(self) -> dict[str, str]:
        return {row["person"]: row["roles"] for row in self._db.query("SELECT person, roles FROM learner_role")}

    def set_roles(self, tx: Tx, person: str, roles: str, at: float) -> None:
        tx.execute(
            """INSERT INTO learner_role (person, roles, at) VALUES (:person, :roles, :at)
               ON CONFLICT (person) DO UPDATE SET roles = excluded.roles, at = excluded.at""",
            person=person, roles=roles, at=at,
        )  # fmt: skip


# One row a person, with what became of the message.
_STATES = """
SELECT p.person, NULLIF(p.planned_at, 0) AS planned_at,
       CASE WHEN p.state <> 'out' THEN p.state
            WHEN n.state = 'answered' THEN 'answered'
            WHEN d.state IN ('queued', 'sending') THEN 'queued'
            WHEN d.state IS NULL THEN 'sent'
            ELSE d.state END AS state,
       CASE WHEN p.state = 'out' AND d.state IN ('failed', 'unreachable') THEN d.error ELSE p.reason END AS reason
FROM wave_person p LEFT JOIN nudge n ON n.id = p.nudge LEFT JOIN delivery d ON d.id = p.delivery
WHERE p.wave = :wave"""
