"""What a reported mail is found by: words of its subject and sender, and whole addresses and hosts of sender and links."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.stores.sqltext import next_number
from adapters.stores.word_index import WordIndex, add_words
from bot.helpdesk.tickets import words_of
from bot.ports import Db, Row, Tx
from bot.reporting.domains import to_ascii

TABLE = "mail_word"
MOST, LONGEST = 200, 120  # terms of a mail, characters of one
_ASKED = 8  # terms of a search
_FANGS = (("[.]", "."), ("[@]", "@"), ("[:]", ":"), ("hxxp", "http"))
_HOST = r"(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{1,62}"
_ADDRESS_OR_HOST = re.compile(rf"(?:(?P<box>[\w.+-]{{1,64}})@)?(?P<host>{_HOST})")
_PIECE = re.compile(rf"(?:[a-z]+://)?(?P<box>[\w.+-]{{1,64}}@|@)?(?P<host>{_HOST})(?::\d+)?(?:[/?#].*)?")


def terms_of(facts: Mapping[str, Any]) -> list[str]:
    """What a mail with these facts is found by."""
    senders = [facts.get("from", ""), *facts.get("reply_to", ()), facts.get("forwarded_by", "")]
    targets = [link.get("goes_to", "") for link in facts.get("links", ())]
    said = [facts.get("subject", ""), *senders]
    found = [*(word for text in said for word in words_of(text)), *(term for text in said for term in _named(text))]
    found += [term for text in targets for term in _named(text.partition("/…")[0])]
    found += [word for text in targets for host in _hosts(text) for word in words_of(host)]
    return [term for term in dict.fromkeys(found) if len(term) <= LONGEST][:MOST]


def asked(text: str) -> list[str]:
    """The terms of what somebody searches: an address or a host is one term, anything else its words."""
    found: list[str] = []
    for piece in _plain(text).split():
        bare = piece.strip("<>()[]{}\"'“”„«»,;!")
        if whole := _PIECE.fullmatch(bare):
            box = whole["box"] or ""
            found.append(whole["host"] if box in {"", "@"} else box + whole["host"])
        else:
            found += words_of(piece)
    return list(dict.fromkeys(found))[:_ASKED]


def index(tx: Tx, sha256: str) -> None:
    """Take a mail into the index, anew if it is there."""
    row = tx.query("SELECT seq, facts FROM mail WHERE sha256 = :sha256", sha256=sha256)[0]
    seq = int(row["seq"])
    if seq:
        unindex(tx, seq)
    else:
        seq = next_number(tx, "mail")
        tx.execute("UPDATE mail SET seq = :seq WHERE sha256 = :sha256", seq=seq, sha256=sha256)
    add_words(tx, TABLE, seq, terms_of(json.loads(row["facts"] or "{}")))


def unindex(tx: Tx, seq: int) -> None:
    """A mail is not found any more by anything."""
    tx.execute("DELETE FROM mail_word WHERE seq = :seq", seq=seq)


class SqlMailSearch:
    """Implements `adapters.web.services.MailSearch`."""

    def __init__(self, db: Db) -> None:
        self._db, self._words = db, WordIndex(db, TABLE)

    def find(self, text: str, before: int, limit: int) -> list[Row]:
        """A row for each case, with the `seq`, `sha256` and `facts` of its newest mail that fits. `before`: only older ones."""
        terms = asked(text)
        if not terms:
            return []
        chosen: dict[str, int] = {}
        for seqs in self._words.chunks(terms, before or float("inf")):
            for seq, campaign in self._campaigns(seqs):
                if campaign not in chosen and len(chosen) < limit:
                    chosen[campaign] = seq
            if len(chosen) >= limit:
                break
        return self._cases(list(chosen.values()))

    def _campaigns(self, seqs: Sequence[int]) -> list[tuple[int, str]]:
        """From the index alone: a mail's row is as long as its content."""
        rows = self._db.query(f"SELECT seq, campaign FROM mail WHERE seq IN ({_listed(seqs)}) ORDER BY seq DESC")  # noqa: S608
        return [(int(row["seq"]), str(row["campaign"])) for row in rows]

    def _cases(self, seqs: Sequence[int]) -> list[Row]:
        if not seqs:
            return []
        sql = f"""SELECT mail.seq, mail.sha256, mail.facts, campaign.ticket, campaign.kind, campaign.reports, campaign.reported_at
                  FROM mail JOIN campaign ON campaign.id = mail.campaign
                  WHERE mail.seq IN ({_listed(seqs)}) AND mail.state <> 'withdrawn' AND campaign.reports > 0
                  ORDER BY mail.seq DESC"""  # noqa: S608
        return self._db.query(sql)


def _listed(seqs: Sequence[int]) -> str:
    return ", ".join(str(int(seq)) for seq in seqs)


def _plain(text: str) -> str:
    """One way of writing: addresses as they are and not defanged, lower case."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    for fanged, bare in _FANGS:
        plain = plain.replace(fanged, bare)
    return plain


def _hosts(text: str) -> Iterator[str]:
    for found in _ADDRESS_OR_HOST.finditer(_plain(text)):
        yield found["host"]


def _named(text: str) -> Iterator[str]:
    """Addresses and hosts in a text; each host in its wire form too, and with every domain above it but the last."""
    for found in _ADDRESS_OR_HOST.finditer(_plain(text)):
        if found["box"]:
            yield f"{found['box']}@{found['host']}"
        for host in dict.fromkeys((found["host"], to_ascii(found["host"]))):
            labels = host.split(".")
            yield from (".".join(labels[i:]) for i in range(len(labels) - 1))
