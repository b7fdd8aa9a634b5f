"""SQL of the analyst's desk: cases by severity and age, and what was asked to be done about them. One text, both databases."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_CASE = """campaign.id, campaign.ticket, campaign.kind, campaign.decided_by, campaign.decided_at, campaign.reports,
           campaign.delivered_at, campaign.reported_at, campaign.last_at, campaign.declared_at, campaign.note,
           ticket.severity, ticket.state, ticket.assignee, ticket.subject"""
_FIRST = """(SELECT mail.sha256 FROM mail WHERE mail.campaign = campaign.id AND mail.state <> 'withdrawn'
             ORDER BY mail.created_at, mail.sha256 LIMIT 1) AS sha256"""
_MAILS = "(SELECT COUNT(*) FROM mail WHERE mail.campaign = campaign.id AND mail.state <> 'withdrawn') AS mails"
_WHICH = {
    "open": "AND campaign.decided_by IN ('', 'secdesk') AND ticket.state <> 'resolved'",
    "judged": "AND campaign.decided_by NOT IN ('', 'secdesk')",
    "all": "",
}
_ACTION = """id, kind, ticket, target, state, asked_by, asked_at, decided_by, decided_at, done_at, result"""


class SqlMailDeskStore:
    """Implements `bot.reporting.mail_desk.MailDeskStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def cases(self, which: str, limit: int) -> list[Row]:
        """`open` (no person has judged it): the most severe first, of these the oldest. `judged`, `all`: the newest first.

        The few that are shown are found first, by an index, and only then looked at.
        """
        if which != "open":
            return self.cases_before(which, None, limit)
        sql = f"""SELECT {_CASE}, {_FIRST}, {_MAILS} FROM campaign JOIN ticket ON ticket.number = campaign.ticket
                  WHERE campaign.id IN (
                    SELECT campaign.id FROM ticket JOIN campaign ON campaign.ticket = ticket.number
                    WHERE ticket.next_due_at < 9e12 AND campaign.reports > 0 {_WHICH[which]}
                    ORDER BY ticket.severity DESC, campaign.reported_at, campaign.id LIMIT :limit)
                  ORDER BY ticket.severity DESC, campaign.reported_at, campaign.id"""  # noqa: S608
        return self._db.query(sql, limit=limit)

    def cases_before(self, which: str, before: tuple[float, str] | None, limit: int) -> list[Row]:
        """The newest first; with `before` (time and id) only those that come after that one."""
        older = (
            "AND (campaign.reported_at < :at OR (campaign.reported_at = :at AND campaign.id < :id))" if before else ""
        )
        sql = f"""SELECT {_CASE}, {_FIRST}, {_MAILS} FROM campaign JOIN ticket ON ticket.number = campaign.ticket
                  WHERE campaign.id IN (
                    SELECT campaign.id FROM campaign JOIN ticket ON ticket.number = campaign.ticket
                    WHERE campaign.reports > 0 {_WHICH[which]} {older}
                    ORDER BY campaign.reported_at DESC, campaign.id DESC LIMIT :limit)
                  ORDER BY campaign.reported_at DESC, campaign.id DESC"""  # noqa: S608
        return self._db.query(sql, limit=limit, **({"at": before[0], "id": before[1]} if before else {}))

    def mails(self, campaign: str, limit: int) -> list[Row]:
        """Mails of a case, oldest first, with how many reported each."""
        sql = """SELECT sha256, name, size, state, kind, own_kind, created_at, delivered_at,
                 (SELECT COUNT(*) FROM submission WHERE submission.sha256 = mail.sha256 AND withdrawn = 0) AS reporters
                 FROM mail WHERE campaign = :campaign AND state <> 'withdrawn' ORDER BY created_at, sha256 LIMIT :limit"""
        return self._db.query(sql, campaign=campaign, limit=limit)

    def reporters(self, campaign: str, limit: int) -> list[Row]:
        """Who reported a mail of the case, and when, first ones first."""
        sql = """SELECT submission.person, submission.behalf, submission.at, submission.told FROM submission
                 JOIN mail ON mail.sha256 = submission.sha256
                 WHERE mail.campaign = :campaign AND submission.withdrawn = 0 ORDER BY submission.at LIMIT :limit"""
        return self._db.query(sql, campaign=campaign, limit=limit)

    def reach(self, campaign: str) -> tuple[int, int]:
        """To how many of our people a case is known to have gone, and how many of them were warned."""
        sql = """SELECT COUNT(*) AS got, COALESCE(SUM(CASE WHEN alerted_at > 0 THEN 1 ELSE 0 END), 0) AS warned
                 FROM campaign_person WHERE campaign = :campaign AND role = ''"""
        row = self._db.query(sql, campaign=campaign)[0]
        return int(row["got"]), int(row["warned"])

    def head_starts(self, since: float) -> list[float]:
        """Seconds from the first delivery to the first report of each fraud reported since then, shortest first."""
        sql = """SELECT reported_at - delivered_at AS seconds FROM campaign
                 WHERE reports > 0 AND kind = 'likely_phishing' AND delivered_at > 0 AND reported_at >= :since
                 AND reported_at >= delivered_at ORDER BY seconds"""
        return [float(row["seconds"]) for row in self._db.query(sql, since=since)]

    def add_action(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False if the same is being asked for or has been approved already."""
        sql = """INSERT INTO mail_action (id, kind, ticket, target, target_digest, state, asked_by, asked_at)
                 SELECT CAST(:id AS TEXT), CAST(:kind AS TEXT), CAST(:ticket AS TEXT), :target, CAST(:digest AS TEXT), 'asked',
                        CAST(:person AS TEXT), CAST(:at AS DOUBLE PRECISION)
                 WHERE NOT EXISTS (SELECT 1 FROM mail_action WHERE kind = :kind AND target_digest = :digest
                                   AND ticket = :ticket AND state IN ('asked', 'approved', 'done')) RETURNING id"""
        return bool(tx.query(sql, **row))

    def decide_action(self, tx: Tx, action: str, person: str, state: str, at: float) -> Row | None:
        """The action, if it was still waiting. To approve takes somebody else than who asked; to refuse it does not."""
        other = "AND asked_by <> :person" if state == "approved" else ""
        sql = f"""UPDATE mail_action SET state = :state, decided_by = :person, decided_at = :at
                  WHERE id = :id AND state = 'asked' {other} RETURNING {_ACTION}"""  # noqa: S608
        return _first(tx.query(sql, id=action, person=person, state=state, at=at))

    def settle_action(self, tx: Tx, action: str, state: str, result: str, at: float) -> bool:
        sql = """UPDATE mail_action SET state = :state, result = :result, done_at = :at
                 WHERE id = :id AND state = 'approved'"""
        return tx.execute(sql, id=action, state=state, result=result, at=at) == 1

    def action(self, action: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_ACTION} FROM mail_action WHERE id = :id", id=action))  # noqa: S608

    def actions(self, ticket: str) -> list[Row]:
        sql = f"SELECT {_ACTION} FROM mail_action WHERE ticket = :ticket ORDER BY asked_at, id"  # noqa: S608
        return self._db.query(sql, ticket=ticket)


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
