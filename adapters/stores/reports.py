"""SQL of reported mails: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.stores import mail_words
from bot.answering.redaction import redact
from bot.helpdesk.tickets import words_of
from bot.ports import Db, Row, Tx

GONE = "…"  # in place of the name of a mail that is not kept any more
_FACTS = """sha256, name, size, ticket, state, kind, decided_by, verdict, facts, created_at, decided_at, campaign, own_kind,
            leads, clues, delivered_at, again, seq"""
_SUBMISSION = "id, sha256, person, place, at, withdrawn, behalf, told, lang"


class SqlReportStore:
    """Implements `bot.reporting.stores.ReportStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    # mails

    def add_mail(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """INSERT INTO mail (sha256, name, size, body, ticket, state, kind, decided_by, verdict, facts, created_at,
                                   decided_at)
                 VALUES (:sha256, :name, :size, :body, '', 'checking', '', '', '', '', :at, 0)
                 ON CONFLICT (sha256) DO NOTHING RETURNING sha256"""
        return bool(tx.query(sql, **row))

    def revive(self, tx: Tx, row: Mapping[str, object]) -> bool:
        sql = """UPDATE mail SET name = :name, size = :size, body = :body, state = 'checking', created_at = :at, decided_at = 0,
                 again = again + 1 WHERE sha256 = :sha256 AND state = 'withdrawn' RETURNING sha256"""
        return bool(tx.query(sql, **row))

    def bind(self, tx: Tx, sha256: str, ticket: str, campaign: str, leads: str, delivered: float) -> None:
        tx.execute(
            """UPDATE mail SET ticket = :ticket, campaign = :campaign, leads = :leads, delivered_at = :delivered
               WHERE sha256 = :sha256""",
            sha256=sha256, ticket=ticket, campaign=campaign, leads=leads, delivered=delivered,
        )  # fmt: skip

    def bind_ticket(self, tx: Tx, sha256: str, ticket: str) -> None:
        """A mail that is a case of its own."""
        self.bind(tx, sha256, ticket, sha256, "", 0.0)

    def locked(self, tx: Tx, sha256: str) -> Row | None:
        sql = f"UPDATE mail SET state = state WHERE sha256 = :sha256 RETURNING {_FACTS}"  # noqa: S608
        return _first(tx.query(sql, sha256=sha256))

    def mail(self, sha256: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_FACTS} FROM mail WHERE sha256 = :sha256", sha256=sha256))  # noqa: S608

    def of_ticket(self, ticket: str) -> Row | None:
        sql = f"""SELECT {_FACTS} FROM mail WHERE ticket = :ticket AND state <> 'withdrawn'
                  ORDER BY created_at, sha256 LIMIT 1"""  # noqa: S608
        return _first(self._db.query(sql, ticket=ticket))

    def body(self, sha256: str) -> bytes:
        row = _first(self._db.query("SELECT body FROM mail WHERE sha256 = :sha256", sha256=sha256))
        return bytes(row["body"]) if row else b""

    def decide(
        self, tx: Tx, sha256: str, kind: str, by: str, verdict: str, facts: str, at: float, *, own_kind: str = "",
        clues: str = "[]",
    ) -> bool:  # fmt: skip
        """The automatic verdict, once; an analyst's (`by` is a pseudonym) replaces it."""
        sql = """UPDATE mail SET state = 'decided', kind = :kind, decided_by = :by, verdict = :verdict, facts = :facts,
                 own_kind = :own_kind, clues = :clues, decided_at = :at
                 WHERE sha256 = :sha256 AND (state = 'checking' OR (state = 'decided' AND :by <> 'secdesk'))"""
        done = tx.execute(sql, sha256=sha256, kind=kind, by=by, verdict=verdict, facts=facts, at=at,
                          own_kind=own_kind or kind, clues=clues) == 1  # fmt: skip
        if done:
            mail_words.index(tx, sha256)
        return done

    def index_rest(self, tx: Tx, limit: int) -> int:
        """Take mails from before there was an index into it, oldest first; how many."""
        sql = """SELECT sha256 FROM mail WHERE seq = 0 AND state = 'decided' ORDER BY created_at, sha256 LIMIT :limit"""
        rows = tx.query(sql, limit=limit)
        for row in rows:
            mail_words.index(tx, str(row["sha256"]))
        return len(rows)

    def settle(self, tx: Tx, sha256: str, kind: str, by: str, verdict: str, at: float) -> None:
        tx.execute(
            """UPDATE mail SET kind = :kind, decided_by = :by, verdict = :verdict, decided_at = :at
               WHERE sha256 = :sha256 AND state = 'decided'""",
            sha256=sha256, kind=kind, by=by, verdict=verdict, at=at,
        )  # fmt: skip

    def erase(self, tx: Tx, sha256: str) -> None:
        self._unname(tx, sha256)
        tx.execute(
            """UPDATE mail SET state = 'withdrawn', body = :nothing, name = '', kind = '', own_kind = '', decided_by = '',
               verdict = '', facts = '', leads = '', clues = '[]' WHERE sha256 = :sha256""",
            sha256=sha256, nothing=b"",
        )  # fmt: skip

    # what a ticket says of them

    def _unname(self, tx: Tx, sha256: str) -> None:
        """`GONE` stands for a mail's name in its ticket, also where the name had something taken out of it. The search
        does not find the mail any more."""
        row = self.locked(tx, sha256)
        if row is None:
            return
        mail_words.unindex(tx, int(row["seq"]))
        if not row["name"]:
            return
        ticket, name = str(row["ticket"]), str(row["name"])
        for text in dict.fromkeys((name, redact(name).text)):
            given = {"ticket": ticket, "name": text, "gone": GONE}
            tx.execute("UPDATE ticket SET subject = REPLACE(subject, :name, :gone) WHERE number = :ticket", **given)
            sql = """UPDATE ticket_event SET text = REPLACE(text, :name, :gone)
                     WHERE ticket = :ticket AND kind IN ('opened', 'reported_again')"""
            tx.execute(sql, **given)
        self._unfind(tx, ticket, name)

    def unsay(self, tx: Tx, ticket: str, person: str) -> None:
        sql = "SELECT text FROM ticket_event WHERE ticket = :ticket AND actor = :person AND kind = 'opened'"
        for row in tx.query(sql, ticket=ticket, person=person):
            self._unfind(tx, ticket, str(row["text"]))
        tx.execute(
            """UPDATE ticket_event SET text = '' WHERE ticket = :ticket AND actor = :person
               AND kind IN ('opened', 'reported_again', 'behalf')""",
            ticket=ticket, person=person,
        )  # fmt: skip

    def untell(self, tx: Tx, ticket: str) -> None:
        sql = "SELECT id, text FROM ticket_event WHERE ticket = :ticket AND kind = 'verdict'"
        for row in tx.query(sql, ticket=ticket):
            kind = str(row["text"]).partition(":")[0]
            tx.execute("UPDATE ticket_event SET text = :kind WHERE id = :id", id=row["id"], kind=kind)

    def _unfind(self, tx: Tx, ticket: str, text: str) -> None:
        """A ticket is not found any more by words that only this text had."""
        for row in tx.query("SELECT seq, subject FROM ticket WHERE number = :number", number=ticket):
            for word in set(words_of(text)) - set(words_of(str(row["subject"]))):
                tx.execute("DELETE FROM ticket_word WHERE word = :word AND seq = :seq", word=word, seq=row["seq"])

    # how long contents are kept

    def with_content(self, tx: Tx, before: float, limit: int) -> list[Row]:
        """Mails whose content is kept and that were reported before then, oldest first."""
        sql = """SELECT sha256, size, facts, ticket FROM mail WHERE LENGTH(body) > 0 AND created_at <= :before
                   AND ticket NOT IN (SELECT subject FROM legal_hold WHERE released_at = 0)
                 ORDER BY created_at, sha256 LIMIT :limit"""
        return tx.query(sql, before=before, limit=limit)

    def kept_bytes(self, tx: Tx) -> int:
        return int(tx.query("SELECT COALESCE(SUM(size), 0) AS n FROM mail WHERE LENGTH(body) > 0")[0]["n"])

    def strip(self, tx: Tx, sha256: str, facts: str) -> bool:
        self._unname(tx, sha256)
        sql = "UPDATE mail SET body = :nothing, name = '', facts = :facts WHERE sha256 = :sha256 AND LENGTH(body) > 0"
        return tx.execute(sql, sha256=sha256, nothing=b"", facts=facts) == 1

    def sent_since(self, tx: Tx, person: str, since: float) -> int:
        """Bytes of mail that somebody reported since then, taken back or not."""
        sql = """SELECT COALESCE(SUM(mail.size), 0) AS n FROM submission JOIN mail ON mail.sha256 = submission.sha256
                 WHERE submission.person = :person AND submission.at >= :since"""
        return int(tx.query(sql, person=person, since=since)[0]["n"])

    # who reported them

    def add_submission(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """A report that was taken back and is made again counts as new."""
        sql = """INSERT INTO submission (id, sha256, person, place, at, lang, withdrawn)
                 VALUES (:id, :sha256, :person, :place, :at, :lang, 0)
                 ON CONFLICT (sha256, person) DO UPDATE SET id = excluded.id, place = excluded.place, at = excluded.at,
                 lang = excluded.lang, withdrawn = 0, behalf = '', told = 0 WHERE submission.withdrawn = 1 RETURNING id"""
        return bool(tx.query(sql, **{"lang": "", **row}))

    def submission(self, tx: Tx, submission: str) -> Row | None:
        sql = """SELECT submission.id, submission.sha256, submission.person, submission.place, submission.at,
                 submission.withdrawn, submission.behalf, submission.told, submission.lang, mail.name, mail.ticket,
                 mail.campaign, mail.state, mail.kind, mail.decided_by
                 FROM submission JOIN mail ON mail.sha256 = submission.sha256 WHERE submission.id = :id"""
        return _first(tx.query(sql, id=submission))

    def submissions(self, tx: Tx, sha256: str) -> list[Row]:
        sql = f"SELECT {_SUBMISSION} FROM submission WHERE sha256 = :sha256 AND withdrawn = 0 ORDER BY at"  # noqa: S608
        return tx.query(sql, sha256=sha256)

    def of_person(self, tx: Tx, ticket: str, person: str) -> list[Row]:
        sql = """SELECT submission.id, submission.sha256, mail.kind, mail.state FROM submission
                 JOIN mail ON mail.sha256 = submission.sha256
                 WHERE mail.ticket = :ticket AND submission.person = :person AND submission.withdrawn = 0
                 ORDER BY submission.at"""
        return tx.query(sql, ticket=ticket, person=person)

    def withdraw(self, tx: Tx, submission: str) -> bool:
        return tx.execute("UPDATE submission SET withdrawn = 1 WHERE id = :id AND withdrawn = 0", id=submission) == 1

    def for_somebody(self, tx: Tx, submission: str, behalf: str) -> None:
        tx.execute("UPDATE submission SET behalf = :behalf WHERE id = :id", id=submission, behalf=behalf)

    def told(self, tx: Tx, submission: str) -> int:
        rows = tx.query("UPDATE submission SET told = told + 1 WHERE id = :id RETURNING told", id=submission)
        return int(rows[0]["told"]) if rows else 0

    # lists

    def reports(self, limit: int) -> list[Row]:
        sql = f"""SELECT {_FACTS}, (SELECT COUNT(*) FROM submission WHERE submission.sha256 = mail.sha256) AS reporters
                  FROM mail ORDER BY created_at DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, limit=limit)

    def counts(self) -> dict[str, int]:
        """Mails by verdict ("" while checking)."""
        return {row["kind"]: row["n"] for row in self._db.query("SELECT kind, COUNT(*) AS n FROM mail GROUP BY kind")}


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
