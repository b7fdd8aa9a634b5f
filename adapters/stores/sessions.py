"""SQL of console links, console sessions, and who a provider's subject is: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ports import Db, Row, Tx

LINK_KEPT = 86_400.0  # seconds a used or old link is remembered, so that its page can say what became of it
SEEN_EVERY = 60.0  # seconds between two notes that a session is in use
_SHOWN = "id, digest, person, created_at, expires_at, via, roles, seen_at, device"


@dataclass(frozen=True)
class NewSession:
    """A session that begins. Digests are keyed; `roles` is a JSON list of console roles, "" where the directory says them;
    `hint` is what the provider wants to see when it is told of signing out, sealed."""

    digest: str
    id: str
    person: str
    at: float
    until: float
    via: str = "link"
    roles: str = ""
    device: str = ""
    subject: str = ""
    sid: str = ""
    hint: bytes | None = None


class SqlSessionStore:
    """Implements `adapters.web.services.SessionStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # links

    def add_link(self, tx: Tx, digest: str, person: str, at: float, until: float, *, admin: bool = False) -> None:
        tx.execute("DELETE FROM console_link WHERE expires_at < :before", before=at - LINK_KEPT)
        tx.execute(
            """INSERT INTO console_link (digest, person, created_at, expires_at, used_at, admin)
               VALUES (:digest, :person, :at, :until, 0, :admin)""",
            digest=digest, person=person, at=at, until=until, admin=int(admin),
        )  # fmt: skip

    def link(self, digest: str) -> Row | None:
        sql = "SELECT person, expires_at, used_at, admin FROM console_link WHERE digest = :digest"
        return _first(self._db.query(sql, digest=digest))

    def use_link(self, tx: Tx, digest: str, at: float) -> Row | None:
        """Use a link up: (person, admin), None if it is unknown, old or used. Of two at once, one gets it."""
        sql = """UPDATE console_link SET used_at = :at
                 WHERE digest = :digest AND used_at = 0 AND expires_at > :at RETURNING person, admin"""
        return _first(tx.query(sql, digest=digest, at=at))

    # sessions

    def begin(self, tx: Tx, new: NewSession) -> None:
        tx.execute("DELETE FROM console_session WHERE expires_at < :at", at=new.at)
        tx.execute(
            """INSERT INTO console_session
                 (digest, id, person, created_at, expires_at, via, roles, seen_at, device, subject, sid, hint)
               VALUES (:digest, :id, :person, :at, :until, :via, :roles, :at, :device, :subject, :sid, :hint)""",
            digest=new.digest, id=new.id, person=new.person, at=new.at, until=new.until, via=new.via, roles=new.roles,
            device=new.device, subject=new.subject, sid=new.sid, hint=new.hint,
        )  # fmt: skip

    def session(self, digest: str, at: float, idle: float) -> Row | None:
        """The session, if it has not run out and was in use within `idle` seconds."""
        sql = f"""SELECT {_SHOWN} FROM console_session
                  WHERE digest = :digest AND expires_at > :at AND seen_at > :since"""  # noqa: S608
        return _first(self._db.query(sql, digest=digest, at=at, since=at - idle))

    def hint(self, digest: str) -> bytes | None:
        """What the provider wants to see at sign-out, sealed; asked for at sign-out alone."""
        row = _first(self._db.query("SELECT hint FROM console_session WHERE digest = :digest", digest=digest))
        return bytes(row["hint"]) if row and row["hint"] else None

    def seen(self, tx: Tx, digest: str, at: float) -> None:
        sql = "UPDATE console_session SET seen_at = :at WHERE digest = :digest AND seen_at < :before"
        tx.execute(sql, digest=digest, at=at, before=at - SEEN_EVERY)

    def end(self, tx: Tx, digest: str) -> None:
        tx.execute("DELETE FROM console_session WHERE digest = :digest", digest=digest)

    def end_everywhere(self, tx: Tx, person: str) -> int:
        """Sign somebody out everywhere and take their unused links back; how many sessions ended."""
        tx.execute("DELETE FROM console_link WHERE person = :person", person=person)
        return tx.execute("DELETE FROM console_session WHERE person = :person", person=person)

    def end_at_provider(self, tx: Tx, subject: str, sid: str) -> list[str]:
        """The provider has ended a session (`sid`), or all of a subject: whose sessions ended, once each."""
        where = "sid = :sid AND (:subject = '' OR subject = :subject)" if sid else "subject = :subject"
        params = {"subject": subject, **({"sid": sid} if sid else {})}
        rows = tx.query(f"DELETE FROM console_session WHERE {where} RETURNING person", **params)  # noqa: S608
        return [str(row["person"]) for row in rows]

    def listed(self, at: float, idle: float, person: str = "", limit: int = 200) -> list[Row]:
        """Sessions in use, of one person or of everybody, the last used first."""
        whose = "AND person = :person" if person else ""
        sql = f"""SELECT {_SHOWN} FROM console_session WHERE expires_at > :at AND seen_at > :since {whose}
                  ORDER BY seen_at DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, at=at, since=at - idle, limit=limit, **({"person": person} if person else {}))

    # subjects of a provider

    def subject(self, tx: Tx, subject: str) -> str:
        """The pseudonym of whose subject it is, "" if it is new."""
        row = _first(tx.query("SELECT person FROM console_subject WHERE subject = :subject", subject=subject))
        return str(row["person"]) if row else ""

    def bind(self, tx: Tx, subject: str, person: str, at: float) -> None:
        tx.execute(
            """INSERT INTO console_subject (subject, person, created_at) VALUES (:subject, :person, :at)
               ON CONFLICT (subject) DO UPDATE SET person = :person, created_at = :at""",
            subject=subject, person=person, at=at,
        )  # fmt: skip

    def subjects_of(self, tx: Tx, person: str) -> list[str]:
        rows = tx.query("SELECT subject FROM console_subject WHERE person = :person", person=person)
        return [str(row["subject"]) for row in rows]

    def subjects(self) -> list[Row]:
        """Who has come through the provider: person and since when, the newest first."""
        sql = """SELECT person, MIN(created_at) AS created_at FROM console_subject
                 GROUP BY person ORDER BY MIN(created_at) DESC, person"""
        return self._db.query(sql)

    def release(self, tx: Tx, person: str) -> int:
        """Forget which subjects are this person's, or everybody's (""): the next one with an address is theirs. How many."""
        return tx.execute("DELETE FROM console_subject WHERE :person IN ('', person)", person=person)

    def first_logout(self, tx: Tx, jti: str, at: float, until: float) -> bool:
        """Whether a logout token comes for the first time. `jti` is a digest."""
        tx.execute("DELETE FROM console_logout WHERE until_at < :at", at=at)
        sql = "INSERT INTO console_logout (jti, until_at) VALUES (:jti, :until) ON CONFLICT (jti) DO NOTHING"
        return tx.execute(sql, jti=jti, until=until) == 1

    # who came in and who looked at what

    def accesses(self, actions: tuple[str, ...], actor: str, before: int, limit: int) -> list[Row]:
        """Rows of the audit chain with one of these actions, newest first, below a number (0: from the end). `requester` is
        whose ticket the subject is, where it is one."""
        names = {f"a{n}": action for n, action in enumerate(actions)}
        marks = ", ".join(f":{name}" for name in names)
        more = (" AND a.actor = :actor" if actor else "") + (" AND a.seq < :before" if before else "")
        params = {**names, **({"actor": actor} if actor else {}), **({"before": before} if before else {})}
        sql = f"""SELECT a.seq, a.at, a.actor, a.action, a.subject, a.detail, COALESCE(t.requester, '') AS requester
                  FROM audit a LEFT JOIN ticket t ON t.number = a.subject
                  WHERE a.action IN ({marks}){more} ORDER BY a.seq DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, limit=limit, **params)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
