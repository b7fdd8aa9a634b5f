"""SQL of campaigns: one text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import Db, Row, Tx
from bot.reporting.context import History

_CASE = """id, ticket, kind, decided_by, decided_at, note, cleared, reports, delivered_at, reported_at, last_at, declared_at,
           closed_at"""
_CHANGEABLE = {
    "kind",
    "decided_by",
    "decided_at",
    "note",
    "cleared",
    "delivered_at",
    "declared_at",
    "closed_at",
    "ticket",
}
_HITS = 600  # rows of bands that are looked at for one mail
_CANDIDATES = 24  # samples that it is then compared with


class SqlCampaignStore:
    """Implements `bot.reporting.campaigns.CampaignStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def lock(self, tx: Tx) -> None:
        """Until the end of the transaction nobody else files a mail."""
        tx.execute("UPDATE counter SET n = n WHERE name = 'campaign'")

    # samples

    def near(self, tx: Tx, bands: Sequence[str]) -> list[Row]:
        """Samples that share bands, those with the most first: mail, campaign, pieces."""
        if not bands:
            return []
        names = {f"b{place}": band for place, band in enumerate(bands)}
        sql = f"SELECT mail FROM campaign_band WHERE band IN ({', '.join(f':{name}' for name in names)}) LIMIT {_HITS}"  # noqa: S608
        shared: dict[str, int] = {}
        for row in tx.query(sql, **names):
            shared[row["mail"]] = shared.get(row["mail"], 0) + 1
        best = sorted(shared, key=lambda mail: (-shared[mail], mail))[:_CANDIDATES]
        if not best:
            return []
        mails = {f"m{place}": mail for place, mail in enumerate(best)}
        sql = f"""SELECT mail, campaign, pieces FROM campaign_sample
                  WHERE mail IN ({", ".join(f":{name}" for name in mails)})"""  # noqa: S608
        return sorted(tx.query(sql, **mails), key=lambda row: best.index(row["mail"]))

    def samples(self, tx: Tx, campaign: str) -> int:
        sql = "SELECT COUNT(*) AS n FROM campaign_sample WHERE campaign = :campaign"
        return int(tx.query(sql, campaign=campaign)[0]["n"])

    def keep(self, tx: Tx, mail: str, campaign: str, pieces: str, bands: Sequence[str]) -> None:
        tx.execute(
            """INSERT INTO campaign_sample (mail, campaign, pieces) VALUES (:mail, :campaign, :pieces)
               ON CONFLICT (mail) DO NOTHING""",
            mail=mail, campaign=campaign, pieces=pieces,
        )  # fmt: skip
        for band in dict.fromkeys(bands):
            tx.execute(
                "INSERT INTO campaign_band (band, mail) VALUES (:band, :mail) ON CONFLICT (band, mail) DO NOTHING",
                band=band, mail=mail,
            )  # fmt: skip

    def drop(self, tx: Tx, mail: str) -> None:
        tx.execute("DELETE FROM campaign_band WHERE mail = :mail", mail=mail)
        tx.execute("DELETE FROM campaign_sample WHERE mail = :mail", mail=mail)

    # cases

    def add(self, tx: Tx, campaign: str, ticket: str, delivered: float, at: float) -> None:
        tx.execute(
            """INSERT INTO campaign (id, ticket, delivered_at, reported_at, last_at)
               VALUES (:id, :ticket, :delivered, :at, :at) ON CONFLICT (id) DO NOTHING""",
            id=campaign, ticket=ticket, delivered=delivered, at=at,
        )  # fmt: skip

    def case(self, tx: Tx, campaign: str) -> Row | None:
        """The case, locked."""
        return _first(tx.query(f"UPDATE campaign SET kind = kind WHERE id = :id RETURNING {_CASE}", id=campaign))  # noqa: S608

    def seen(self, campaign: str) -> Row | None:
        return _first(self._db.query(f"SELECT {_CASE} FROM campaign WHERE id = :id", id=campaign))  # noqa: S608

    def of_ticket(self, tx: Tx, ticket: str) -> Row | None:
        sql = f"UPDATE campaign SET kind = kind WHERE ticket = :ticket RETURNING {_CASE}"  # noqa: S608
        return _first(tx.query(sql, ticket=ticket))

    def reported(self, tx: Tx, campaign: str, delivered: float, at: float) -> int:
        """One more report; how many there are with it. The earliest delivery known is kept."""
        sql = """UPDATE campaign SET reports = reports + 1, last_at = :at, delivered_at = CASE
                 WHEN :delivered > 0 AND (delivered_at = 0 OR :delivered < delivered_at)
                 THEN CAST(:delivered AS DOUBLE PRECISION) ELSE delivered_at END
                 WHERE id = :id RETURNING reports"""
        return int(tx.query(sql, id=campaign, delivered=delivered, at=at)[0]["reports"])

    def withdrawn(self, tx: Tx, campaign: str) -> int:
        """One report less; how many are left."""
        sql = "UPDATE campaign SET reports = reports - 1 WHERE id = :id AND reports > 0 RETURNING reports"
        row = _first(tx.query(sql, id=campaign))
        if row and not row["reports"]:  # nothing is left of whom it went to and where it led
            for table in ("campaign_person", "campaign_trait"):
                tx.execute(f"DELETE FROM {table} WHERE campaign = :id", id=campaign)  # noqa: S608 (names are ours)
        return int(row["reports"]) if row else 0

    def move(self, tx: Tx, mail: str, campaign: str, ticket: str) -> None:
        before = tx.query("SELECT campaign FROM mail WHERE sha256 = :mail", mail=mail)
        sql = "UPDATE mail SET campaign = :campaign, ticket = :ticket WHERE sha256 = :mail"
        tx.execute(sql, mail=mail, campaign=campaign, ticket=ticket)
        tx.execute("UPDATE campaign_sample SET campaign = :campaign WHERE mail = :mail", mail=mail, campaign=campaign)
        for one in (campaign, *(row["campaign"] for row in before)):
            self._recount(tx, one)

    def move_all(self, tx: Tx, campaign: str, into: str, ticket: str) -> None:
        sql = "UPDATE mail SET campaign = :into, ticket = :ticket WHERE campaign = :campaign"
        tx.execute(sql, campaign=campaign, into=into, ticket=ticket)
        tx.execute(
            "UPDATE campaign_sample SET campaign = :into WHERE campaign = :campaign", campaign=campaign, into=into
        )
        for table, columns in (("campaign_trait", "trait"), ("campaign_person", "person, alerted_at, role")):
            tx.execute(
                f"""INSERT INTO {table} (campaign, {columns}) SELECT CAST(:into AS TEXT), {columns} FROM {table}
                    WHERE campaign = :campaign ON CONFLICT DO NOTHING""",  # noqa: S608 (names are ours)
                campaign=campaign, into=into,
            )  # fmt: skip
            tx.execute(f"DELETE FROM {table} WHERE campaign = :campaign", campaign=campaign)  # noqa: S608
        for one in (campaign, into):
            self._recount(tx, one)

    @staticmethod
    def _recount(tx: Tx, campaign: str) -> None:
        """How often the mails of a case were reported, and when first: delivered, reported."""
        mine = (
            "FROM submission JOIN mail ON mail.sha256 = submission.sha256 WHERE mail.campaign = :id AND withdrawn = 0"
        )
        tx.execute(
            f"""UPDATE campaign SET reports = (SELECT COUNT(*) {mine}),
                reported_at = COALESCE((SELECT MIN(submission.at) {mine}), reported_at),
                last_at = COALESCE((SELECT MAX(submission.at) {mine}), last_at),
                delivered_at = COALESCE((SELECT MIN(mail.delivered_at) {mine} AND mail.delivered_at > 0), 0)
                WHERE id = :id""",  # noqa: S608 (names are ours)
            id=campaign,
        )  # fmt: skip

    def change(self, tx: Tx, campaign: str, changes: Mapping[str, object]) -> None:
        assert set(changes) <= _CHANGEABLE  # noqa: S101
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        tx.execute(f"UPDATE campaign SET {sets} WHERE id = :id", id=campaign, **changes)  # noqa: S608

    def campaigns(self, limit: int) -> list[Row]:
        """The busiest of late first, with how many mails, reporters and known recipients each has."""
        sql = f"""SELECT {_CASE},
                  (SELECT COUNT(*) FROM mail WHERE mail.campaign = campaign.id) AS mails,
                  (SELECT COUNT(DISTINCT person) FROM submission JOIN mail ON mail.sha256 = submission.sha256
                   WHERE mail.campaign = campaign.id AND withdrawn = 0) AS reporters,
                  (SELECT COUNT(*) FROM campaign_person AS p WHERE p.campaign = campaign.id AND p.role = '') AS recipients,
                  (SELECT COUNT(*) FROM campaign_person AS p WHERE p.campaign = campaign.id AND p.alerted_at > 0) AS alerted
                  FROM campaign WHERE reports > 0 ORDER BY last_at DESC LIMIT :limit"""  # noqa: S608
        return self._db.query(sql, limit=limit)

    # its mails and people

    def members(self, tx: Tx, campaign: str, kinds: Sequence[str], limit: int) -> list[Row]:
        """Its decided mails with one of these verdicts that no person gave."""
        names = {f"k{place}": kind for place, kind in enumerate(kinds)}
        sql = f"""SELECT sha256, kind, own_kind, decided_by, leads, verdict, clues FROM mail
                  WHERE campaign = :campaign AND state = 'decided' AND decided_by = 'secdesk'
                  AND kind IN ({", ".join(f":{name}" for name in names)}) ORDER BY created_at LIMIT :limit"""  # noqa: S608
        return tx.query(sql, campaign=campaign, limit=limit, **names)

    def mails(self, tx: Tx, campaign: str, after: str, limit: int) -> list[Row]:
        """Its mails that are still there, in the order of their ids, behind one of them."""
        sql = """SELECT sha256, name, state, kind, own_kind, decided_by, leads, verdict, clues, created_at FROM mail
                 WHERE campaign = :campaign AND state <> 'withdrawn' AND sha256 > :after ORDER BY sha256 LIMIT :limit"""
        return tx.query(sql, campaign=campaign, after=after, limit=limit)

    def reporters(self, tx: Tx, campaign: str, limit: int) -> list[str]:
        """Different people who reported one of its mails, at most so many."""
        sql = """SELECT DISTINCT person FROM submission JOIN mail ON mail.sha256 = submission.sha256
                 WHERE mail.campaign = :campaign AND withdrawn = 0 LIMIT :limit"""
        return [str(row["person"]) for row in tx.query(sql, campaign=campaign, limit=limit)]

    def received(self, tx: Tx, campaign: str, people: Sequence[str]) -> int:
        """People of ours who were sent it; how many were not known to be."""
        # whoever was only known to be aimed at counts among those who got it from now on
        sql = """INSERT INTO campaign_person (campaign, person) VALUES (:campaign, :person)
                 ON CONFLICT (campaign, person) DO UPDATE SET role = '' WHERE campaign_person.role <> ''
                 RETURNING person"""
        return sum(bool(tx.query(sql, campaign=campaign, person=person)) for person in people)

    def aimed_at(self, tx: Tx, campaign: str, people: Sequence[str], role: str) -> int:
        """People at whose work it is aimed; how many were not known to have got it, or to be aimed at."""
        sql = """INSERT INTO campaign_person (campaign, person, role) VALUES (:campaign, :person, :role)
                 ON CONFLICT (campaign, person) DO NOTHING RETURNING person"""
        return sum(bool(tx.query(sql, campaign=campaign, person=person, role=role)) for person in people)

    def to_alert(self, tx: Tx, campaign: str, since: float, most: int, limit: int) -> list[Row]:
        """Whom to warn (person, and the role if that is why): who did not report it, was not warned of it, and had fewer than
        `most` warnings since then."""
        sql = """SELECT person, role FROM campaign_person AS here WHERE campaign = :campaign AND alerted_at = 0
                 AND NOT EXISTS (SELECT 1 FROM submission JOIN mail ON mail.sha256 = submission.sha256
                                 WHERE mail.campaign = :campaign AND withdrawn = 0
                                 AND (submission.person = here.person OR submission.behalf = here.person))
                 AND (SELECT COUNT(*) FROM campaign_person AS other
                      WHERE other.person = here.person AND other.alerted_at >= :since) < :most
                 ORDER BY person LIMIT :limit"""
        return tx.query(sql, campaign=campaign, since=since, most=most, limit=limit)

    def alerted(self, tx: Tx, campaign: str, person: str, at: float) -> None:
        sql = "UPDATE campaign_person SET alerted_at = :at WHERE campaign = :campaign AND person = :person"
        tx.execute(sql, campaign=campaign, person=person, at=at)

    # relations

    def traits(self, tx: Tx, campaign: str, traits: Sequence[str]) -> None:
        for trait in traits:
            tx.execute(
                """INSERT INTO campaign_trait (trait, campaign) VALUES (:trait, :campaign)
                   ON CONFLICT (trait, campaign) DO NOTHING""",
                trait=trait, campaign=campaign,
            )  # fmt: skip

    def related(self, campaign: str, most: int, limit: int) -> list[Row]:
        """Other cases that share a trait which at most `most` cases have: trait, ticket, kind."""
        sql = """SELECT mine.trait, campaign.ticket, campaign.kind FROM campaign_trait AS mine
                 JOIN campaign_trait AS other ON other.trait = mine.trait AND other.campaign <> mine.campaign
                 JOIN campaign ON campaign.id = other.campaign
                 WHERE mine.campaign = :campaign
                 AND (SELECT COUNT(*) FROM campaign_trait AS every WHERE every.trait = mine.trait) <= :most
                 ORDER BY campaign.last_at DESC, mine.trait LIMIT :limit"""
        return self._db.query(sql, campaign=campaign, most=most, limit=limit)

    def history(self, campaign: str, rare: int) -> History:
        """What other cases tell about one."""
        sql = """SELECT mine.trait, other.campaign, campaign.kind, campaign.decided_by,
                 (SELECT COUNT(*) FROM campaign_trait AS every WHERE every.trait = mine.trait) AS shared
                 FROM campaign_trait AS mine
                 JOIN campaign_trait AS other ON other.trait = mine.trait AND other.campaign <> mine.campaign
                 JOIN campaign ON campaign.id = other.campaign AND campaign.reports > 0
                 WHERE mine.campaign = :campaign ORDER BY campaign.last_at DESC, mine.trait LIMIT 500"""
        rows = self._db.query(sql, campaign=campaign)
        senders = {row["campaign"] for row in rows if row["trait"].startswith("from:")}
        judged = [row for row in rows if row["decided_by"] not in ("", "secdesk") and row["kind"] == "likely_phishing"]
        bad = {
            row["trait"].partition(":")[2]
            for row in judged
            if row["trait"].startswith("domain:") and row["shared"] <= rare
        }
        usual = self._domains(sorted(senders)[:50])
        return History(
            int(self._db.query("SELECT COUNT(*) AS n FROM campaign")[0]["n"]), len(senders),
            len({row["campaign"] for row in judged} & senders), tuple(sorted(bad)), usual,
        )  # fmt: skip

    def _domains(self, campaigns: Sequence[str]) -> tuple[str, ...]:
        """Where the mails of some cases lead."""
        found: dict[str, None] = {}
        for campaign in campaigns:
            rows = self._db.query(
                "SELECT trait FROM campaign_trait WHERE campaign = :campaign AND trait LIKE 'domain:%' ORDER BY trait",
                campaign=campaign,
            )
            found.update(dict.fromkeys(row["trait"].partition(":")[2] for row in rows))
        return tuple(found)

    def tidy(self, tx: Tx, before: float) -> int:
        """Take old campaigns out of the index: what comes now is a new one."""
        old = "SELECT mail FROM campaign_sample JOIN campaign ON campaign.id = campaign_sample.campaign WHERE last_at < :before"
        tx.execute(f"DELETE FROM campaign_band WHERE mail IN ({old})", before=before)  # noqa: S608
        gone = "SELECT id FROM campaign WHERE last_at < :before"
        tx.execute(f"DELETE FROM campaign_trait WHERE campaign IN ({gone})", before=before)  # noqa: S608
        return tx.execute(f"DELETE FROM campaign_sample WHERE campaign IN ({gone})", before=before)  # noqa: S608


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
