"""SQL of forgetting one person, over every table that can hold something of theirs. What is on legal hold stays as it is.

A test goes by the data map: a column that can hold a name and is not looked at here fails it.
"""
# ruff: noqa: S608 (every name in this SQL is ours)

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.stores.reseal import BOXES
from adapters.stores.retention import HELD, ON_HOLD
from bot.errors import SecdeskError
from bot.forget import REMOVED
from bot.helpdesk.tickets import words_of
from bot.learning.pseudonym import Codes
from bot.partners.pulse import code_of
from bot.ports import Tx, Vault

# Rows that are the person's own: gone. `{table}.{column}` holds the pseudonym.
_OWN = (
    ("utterance", "person"),
    ("delivery", "person"),
    ("dialogue", "person"),
    ("question", "person"),
    ("nudge", "person"),
    ("preference", "person"),
    ("nudge_hold", "person"),
    ("nudge_look", "person"),
    ("enrolment", "person"),
    ("topic_asked", "person"),
    ("attendance", "person"),
    ("wave_person", "person"),
    ("nudge_decision", "person"),
    ("learner_role", "person"),
    ("console_link", "person"),
    ("console_session", "person"),
    ("console_subject", "person"),
    ("teams_user", "person"),
    ("slack_user", "person"),
    ("attachment", "person"),
    ("proposal", "author"),
    ("procedure_proposal", "author"),
    ("review_ask", "person"),
    ("letter", "person"),
    ("campaign_person", "person"),
    ("ticket_watcher", "person"),
    ("ticket_view", "person"),
    ("ticket_bulk", "person"),
    ("unsent", "person"),
    ("duty", "who"),
    ("containment", "person"),
    ("caller_code", "person"),
    ("target", "person"),
    ("partner_record_text", "author"),
    ("procedure_text", "person"),
    ("api_token", "person"),
    ("procedure_file", "person"),
    ("procedure_follower", "person"),
)
# Free text that may name the person: table, key, columns. The name comes out.
_TEXTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("utterance", ("id",), ("text", "card")),
    ("delivery", ("id",), ("card", "error", "ref")),
    ("dialogue", ("person", "place"), ("state",)),
    ("question", ("id",), ("text",)),
    ("unsent", ("id",), ("fields",)),
    ("ticket", ("number",), ("subject",)),
    ("ticket_event", ("id",), ("text",)),
    ("page", ("key",), ("summary", "people", "error")),
    ("page_try", ("page", "seq"), ("who", "error")),
    ("mail", ("sha256",), ("name", "facts", "verdict", "clues", "leads")),
    ("campaign", ("id",), ("note",)),
    ("attachment", ("id",), ("name",)),
    ("containment", ("id",), ("result",)),
    ("mail_action", ("id",), ("result",)),
    ("legal_hold", ("id",), ("why", "released_why")),
    ("wave", ("id",), ("title",)),
    ("ticket_view", ("id",), ("name",)),
    ("ticket_tag", ("ticket", "tag"), ("tag",)),
    ("proposal", ("id",), ("yaml",)),
    ("api_token", ("id",), ("name",)),
    ("web_post", ("id",), ("card", "chosen")),
    ("outbox", ("id",), ("error",)),
    ("tracked", ("tracker", "ticket"), ("error",)),
    ("nudge", ("id",), ("facts",)),
    ("procedure_proposal", ("id",), ("text", "why")),
    ("answer_change", ("id",), ("before", "yaml", "note")),
    ("target", ("person",), ("reasons", "note")),
    ("partner_action", ("id",), ("what", "owner_name", "evidence")),
    ("partner_review", ("partner", "day"), ("minutes",)),
    ("partner_report", ("partner", "month"), ("unreached",)),
    ("partner_pulse", ("partner", "quarter", "code"), ("words",)),
    ("procedure_file", ("id",), ("name",)),
)


class SqlForgetStore:
    """Implements `bot.forget.ForgetStore`. `codes` are what answers and memories lie under instead of the pseudonym."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    def held(self, tx: Tx, pseudonym: str) -> list[str]:
        """What is on legal hold and is about this person: tickets and runs."""
        rows = tx.query(
            f"""SELECT number AS name FROM ticket WHERE number IN ({HELD}) AND (requester = :p
                  OR number IN (SELECT ticket FROM ticket_event WHERE actor = :p)
                  OR number IN (SELECT m.ticket FROM mail m JOIN submission s ON s.sha256 = m.sha256 WHERE s.person = :p))
                UNION SELECT id AS name FROM procedure_run WHERE id IN ({HELD}) AND id IN (
                  SELECT run FROM procedure_record WHERE actor = :p) ORDER BY name""",
            p=pseudonym,
        )
        return [str(row["name"]) for row in rows]

    def forget(self, tx: Tx, pseudonym: str, names: Sequence[str], conversation: str, at: float) -> Mapping[str, int]:
        counts = {**_words(tx, pseudonym, names), **_mail(tx, pseudonym), **_tickets(tx, pseudonym)}
        counts["memory"] = tx.execute("DELETE FROM memory WHERE person = :p", p=self._codes.memory(pseudonym))
        counts["lesson_answer"] = sum(
            tx.execute("DELETE FROM lesson_answer WHERE who = :who", who=who) for who in self._codes.kept(pseudonym, at)
        )
        sent = f"SELECT id FROM delivery WHERE person = :p{_free('delivery')}"
        tx.execute(f"UPDATE event SET delivery = '' WHERE delivery IN ({sent})", p=pseudonym)
        waiting = f"SELECT 'delivery:' || id FROM delivery WHERE person = :p{_free('delivery')}"
        counts["outbox"] = tx.execute(f"DELETE FROM outbox WHERE key IN ({waiting})", p=pseudonym)
        counts["web_post"] = tx.execute("DELETE FROM web_post WHERE conversation = :c", c=conversation)
        tx.execute("DELETE FROM web_conversation WHERE id = :c", c=conversation)
        chats = "SELECT conversation FROM teams_user WHERE person = :p"
        tx.execute(f"DELETE FROM teams_card WHERE conversation IN ({chats})", p=pseudonym)
        tx.execute(f"DELETE FROM teams_conversation WHERE id IN ({chats})", p=pseudonym)
        tx.execute(
            f"DELETE FROM attachment WHERE ticket IN ({_MINE}){_free('attachment')}", p=pseudonym
        )  # from the desk
        for table, column in _OWN:
            counts[table] = tx.execute(f"DELETE FROM {table} WHERE {column} = :p{_free(table)}", p=pseudonym)
        counts["answer_change"] = tx.execute("UPDATE answer_change SET note = '' WHERE approver = :p", p=pseudonym)
        counts["partner_pulse"] = _pulse(tx, self._codes, pseudonym)
        counts["partner_record_text"] += _disputes(tx, pseudonym, names)
        counts["named"] = sum(_unname(tx, names, *where) for where in _TEXTS) if names else 0
        return counts


_MINE = "SELECT number FROM ticket WHERE requester = :p"


def _free(table: str) -> str:
    """ "and not on hold" for a table, "" where nothing can be."""
    return f" AND NOT ({ON_HOLD[table]})" if table in ON_HOLD else ""


def _pulse(tx: Tx, codes: Codes, pseudonym: str) -> int:
    """What they answered about partners lies under a code for each quarter."""
    quarters = [str(row["quarter"]) for row in tx.query("SELECT DISTINCT quarter FROM partner_pulse")]
    sql = "DELETE FROM partner_pulse WHERE quarter = :quarter AND code = :code"
    return sum(tx.execute(sql, quarter=one, code=code_of(codes.digest, pseudonym, one)) for one in quarters)


def _disputes(tx: Tx, pseudonym: str, names: Sequence[str]) -> int:
    """Words beside the record of a dispute: those on their own tickets, and whatever names them. The record stays whole."""
    gone = tx.execute(
        f"""DELETE FROM partner_record_text WHERE dispute IN (SELECT id FROM partner_dispute
             WHERE ticket IN ({_MINE})){_free("partner_record_text")}""",
        p=pseudonym,
    )
    for name in names:
        for row in tx.query(
            f"SELECT dispute, seq, name, words FROM partner_record_text WHERE 1 = 1{_free('partner_record_text')}"
        ):
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", row["words"], re.IGNORECASE):
                gone += tx.execute(
                    "DELETE FROM partner_record_text WHERE dispute = :d AND seq = :seq AND name = :name",
                    d=row["dispute"], seq=row["seq"], name=row["name"],
                )  # fmt: skip
    return gone


def _mail(tx: Tx, pseudonym: str) -> dict[str, int]:
    """Mails that nobody else reported are gone; of the others only that this person reported them."""
    tx.execute(
        """DELETE FROM outbox WHERE kind = 'reporting.late' AND EXISTS (
             SELECT 1 FROM submission WHERE person = :p AND outbox.key LIKE 'late:' || submission.id || ':%')""",
        p=pseudonym,
    )
    tx.execute("UPDATE submission SET behalf = '' WHERE behalf = :p", p=pseudonym)
    theirs = f"""WHERE sha256 IN (SELECT sha256 FROM submission WHERE person = :p)
           AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.sha256 = mail.sha256 AND o.person <> :p){_free("mail")}"""
    tx.execute(f"DELETE FROM mail_word WHERE seq IN (SELECT seq FROM mail {theirs})", p=pseudonym)
    mail = tx.execute(f"DELETE FROM mail {theirs}", p=pseudonym)
    for table in ("campaign_sample", "campaign_band"):  # what their words were known by goes with them
        tx.execute(f"DELETE FROM {table} WHERE mail NOT IN (SELECT sha256 FROM mail)")
    gone = tx.execute(f"DELETE FROM submission WHERE person = :p{_free('submission')}", p=pseudonym)
    return {"mail": mail, "submission": gone}


def _words(tx: Tx, pseudonym: str, names: Sequence[str]) -> dict[str, int]:
    """What tickets are found by: nothing that only the person wrote, and nobody's ticket or mail by their name."""
    gone = tx.execute(
        f"DELETE FROM ticket_word WHERE seq IN (SELECT seq FROM ticket WHERE requester = :p){_free('ticket_word')}",
        p=pseudonym,
    )
    lines = tx.query(
        """SELECT t.seq, t.subject, e.actor, e.text FROM ticket_event e JOIN ticket t ON t.number = e.ticket
            WHERE t.number IN (SELECT ticket FROM ticket_event WHERE actor = :p) AND t.requester <> :p""",
        p=pseudonym,
    )
    theirs: dict[int, set[str]] = {}
    others: dict[int, set[str]] = {}
    for row in lines:
        others.setdefault(int(row["seq"]), set(words_of(row["subject"])))
        side = theirs if row["actor"] == pseudonym else others
        side.setdefault(int(row["seq"]), set()).update(words_of(row["text"]))
    sql = f"DELETE FROM ticket_word WHERE seq = :seq AND word = :word{_free('ticket_word')}"
    for seq, words in theirs.items():
        gone += sum(tx.execute(sql, seq=seq, word=word) for word in words - others[seq])
    for word in {word for name in names for word in (name.casefold(), *words_of(name))}:
        gone += tx.execute(f"DELETE FROM ticket_word WHERE word = :word{_free('ticket_word')}", word=word)
        tx.execute(f"DELETE FROM mail_word WHERE word = :word{_free('mail_word')}", word=word)
    return {"ticket_word": gone}


def _tickets(tx: Tx, pseudonym: str) -> dict[str, int]:
    """Tickets keep number, times and states; the words on them are gone, and what the person wrote on those of others."""
    own = f"ticket IN ({_MINE})"
    for row in tx.query(
        f"SELECT id, text FROM ticket_event WHERE kind = 'verdict' AND {own}{_free('ticket_event')}", p=pseudonym
    ):
        verdict = row["text"].partition(":")[0] + ":"  # what was decided stays, what was seen in the mail goes
        tx.execute("UPDATE ticket_event SET text = :text WHERE id = :id", text=verdict, id=row["id"])
    events = tx.execute(
        f"""UPDATE ticket_event SET text = '' WHERE (actor = :p OR {own})
            AND kind NOT IN ('severity', 'verdict'){_free("ticket_event")}""",
        p=pseudonym,
    )
    pages = tx.execute(f"UPDATE page SET summary = '' WHERE {own}{_free('page')}", p=pseudonym)
    tickets = tx.execute(
        f"UPDATE ticket SET subject = '', place = '', satisfaction = '' WHERE requester = :p{_free('ticket')}",
        p=pseudonym,
    )
    return {"ticket_event": events, "page": pages, "ticket": tickets}


def _unname(tx: Tx, names: Sequence[str], table: str, key: Sequence[str], columns: Sequence[str]) -> int:
    """Take names out of free text, whatever their case: SQLite folds ASCII only, so the matching is done here."""
    found = _finder(names)
    likes = {f"like{i}": f"%{part}%" for i, part in enumerate(dict.fromkeys(_plain_part(name) for name in names))}
    where = " OR ".join(f"LOWER({column}) LIKE :{like}" for column in columns for like in likes)
    wanted = dict.fromkeys([*key, *columns])
    rows = tx.query(f"SELECT {', '.join(wanted)} FROM {table} WHERE ({where}){_free(table)}", **likes)
    changed = 0
    for row in rows:
        texts = {column: found.sub(REMOVED, row[column]) for column in columns}
        if any(texts[column] != row[column] for column in columns):
            sets = ", ".join(f"{column} = :{column}" for column in columns)
            same = " AND ".join(f"{column} = :was_{column}" for column in key)
            keys = {f"was_{column}": row[column] for column in key}
            changed += tx.execute(f"UPDATE {table} SET {sets} WHERE {same}", **keys, **texts)
    return changed


def _plain_part(name: str) -> str:
    """The longest part of a name that every database lowers alike and LIKE takes literally; "" looks at every row."""
    return max(re.findall(r"[a-z0-9 .@-]+", name.lower()), key=len, default="")


# Sealed JSON that may name somebody: (table, column) and which rows, by the purpose of their key in `BOXES`.
_BOXES = (("letter", "sealed"), ("mail_action", "target"))


def unname_sealed(tx: Tx, vault: Vault, names: Sequence[str]) -> int:
    """Take names out of what is sealed and of others; how many values. What cannot be opened holds nothing for anybody."""
    found = _finder(names)
    changed = 0
    for table, column in _BOXES if names else ():
        key, purpose = BOXES[(table, column)]
        for row in tx.query(f"SELECT {key}, {column} FROM {table} WHERE LENGTH({column}) > 0{_free(table)}"):
            try:
                value = json.loads(vault.unseal(purpose, bytes(row[column])))
            except (SecdeskError, ValueError):
                continue
            clean = _without(value, found)
            if clean != value:
                sealed = vault.seal(purpose, json.dumps(clean).encode())
                changed += tx.execute(f"UPDATE {table} SET {column} = :new WHERE {key} = :id", new=sealed, id=row[key])
    return changed


def _without(value: Any, found: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return found.sub(REMOVED, value)
    if isinstance(value, dict):
        return {name: _without(item, found) for name, item in value.items()}
    return [_without(item, found) for item in value] if isinstance(value, list) else value


def _finder(names: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)
