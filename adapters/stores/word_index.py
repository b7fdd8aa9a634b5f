"""An index of words that both databases have: rows of (word, seq). What has all of some words, the newest first.

The words are looked up apart from what they are of, and each by a subquery of its own: neither database then has a chance to join
whole tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.ports import Db, Tx

ENOUGH = 1000  # a word that this many have is a common one
_CHUNK, _CHUNKS = 1000, 30  # rows looked at together, and how often, before a search gives up


class WordIndex:
    """Over the table `ticket_word` or `mail_word`."""

    def __init__(self, db: Db, table: str) -> None:
        self._db, self._table = db, table

    def often(self, word: str) -> int:
        """How many have a word, `ENOUGH` at most."""
        sql = f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {self._table} WHERE word = :word LIMIT :most) AS few"  # noqa: S608
        return int(self._db.query(sql, word=word, most=ENOUGH)[0]["n"])

    def chunks(self, words: Sequence[str], before: float = float("inf")) -> Iterator[list[int]]:
        """`seq` of what has all the words and is older than `before`, the newest first, led by the rarest word."""
        rarest, *others = sorted(dict.fromkeys(words), key=self.often)
        for _ in range(_CHUNKS):
            seqs, before = self._chunk(rarest, others, before)
            if seqs:
                yield seqs
            if not before:
                return

    def having(self, words: Sequence[str]) -> str:
        """SQL: that the row `t` has each of the words `:w0`, `:w1` …"""
        one = "(SELECT 1 FROM {} o WHERE o.word = :w{} AND o.seq = t.seq) = 1"
        return "".join(" AND " + one.format(self._table, i) for i in range(len(words)))

    def _chunk(self, rarest: str, others: Sequence[str], before: float) -> tuple[list[int], float]:
        """A chunk's `seq`, and how far was looked (0: to the end)."""
        top = int(min(before, 2**62))
        sql = f"""SELECT MIN(seq) AS low, COUNT(*) AS n FROM (SELECT seq FROM {self._table}
                  WHERE word = :word AND seq < :before ORDER BY seq DESC LIMIT :chunk) AS few"""  # noqa: S608
        few = self._db.query(sql, word=rarest, before=top, chunk=_CHUNK)[0]
        if not few["n"]:
            return [], 0
        sql = f"""SELECT t.seq FROM {self._table} t
                  WHERE t.word = :rarest AND t.seq < :before AND t.seq >= :low{self.having(others)}
                  ORDER BY t.seq DESC"""  # noqa: S608
        given = {f"w{i}": word for i, word in enumerate(others)}
        rows = self._db.query(sql, rarest=rarest, before=top, low=few["low"], **given)
        return [int(row["seq"]) for row in rows], few["low"] if few["n"] == _CHUNK else 0


def add_words(tx: Tx, table: str, seq: int, words: Sequence[str]) -> None:
    """What has this `seq` is found by these words too."""
    if not words:
        return
    values = ", ".join(f"(:w{i})" for i in range(len(words)))
    tx.execute(
        f"""INSERT INTO {table} (word, seq) SELECT w.column1, CAST(:seq AS BIGINT) FROM (VALUES {values}) AS w
            WHERE TRUE ON CONFLICT DO NOTHING""",  # noqa: S608 (names are ours; without WHERE, SQLite reads ON as a join's)
        seq=seq, **{f"w{i}": word for i, word in enumerate(words)},
    )  # fmt: skip
