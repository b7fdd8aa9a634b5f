"""The audit chain, on both databases: whatever is changed afterwards shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.stores.audit import SqlAuditStore
from adapters.vault import KeyVault
from bot import audit
from bot.audit import AuditLog, AuditReport, Head
from bot.errors import StoreUnavailable
from bot.ports import Db

VAULT = KeyVault({1: b"k" * 32})
AT = 1795000000.25


@pytest.fixture
def log() -> AuditLog:
    return AuditLog(VAULT, SqlAuditStore())


@pytest.fixture
def chain(db: Db, log: AuditLog) -> AuditLog:
    """A chain of ten rows."""
    add(db, log, 10)
    return log


def add(db: Db, log: AuditLog, rows: int, actor: str = "p1") -> None:
    for number in range(rows):
        with db.tx() as tx:
            log.append(tx, AT + number, actor, "ticket.claim", f"SD-{number}", {"severity": "S2", "kind": "question"})


def sql(db: Db, *statements: str) -> None:
    with db.tx() as tx:
        for statement in statements:
            tx.execute(statement)


def test_a_chain_that_nobody_touched_is_good(db: Db, chain: AuditLog) -> None:
    assert chain.verify(db) == AuditReport(True, 10)
    (row,) = db.query("SELECT * FROM audit WHERE seq = 1")
    assert (row["at"], row["actor"], row["action"], row["subject"]) == (AT, "p1", "ticket.claim", "SD-0")
    assert (row["detail"], row["prev"]) == ('{"kind":"question","severity":"S2"}', "")


def test_an_empty_chain_is_good(db: Db, log: AuditLog) -> None:
    assert log.verify(db) == AuditReport(True, 0)


def test_append_numbers_rows_from_one(db: Db, log: AuditLog) -> None:
    with db.tx() as tx:
        for _ in range(3):
            log.append(tx, AT, "p1", "person.forget", "")
    assert [row["seq"] for row in db.query("SELECT seq FROM audit ORDER BY seq")] == [1, 2, 3]
    assert log.verify(db) == AuditReport(True, 3)


def test_a_rolled_back_row_leaves_no_gap(db: Db, chain: AuditLog) -> None:
    def fail() -> None:
        with db.tx() as tx:
            chain.append(tx, AT, "p1", "ticket.claim", "SD-99")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    add(db, chain, 1)
    assert chain.verify(db) == AuditReport(True, 11)


COLUMNS = {
    "at": "at + 1",
    "actor": "'p2'",
    "action": "'ticket.reopen'",
    "subject": "'SD-7'",
    "detail": "'{}'",
    "prev": "hash",
    "hash": "prev",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_an_edited_row_is_found(db: Db, chain: AuditLog, column: str) -> None:
    sql(db, f"UPDATE audit SET {column} = {COLUMNS[column]} WHERE seq = 4")
    assert chain.verify(db) == AuditReport(False, 3, 4, "the row was edited")


def test_the_last_row_edited_is_found(db: Db, chain: AuditLog) -> None:
    sql(db, "UPDATE audit SET actor = 'p2' WHERE seq = 10")
    assert chain.verify(db) == AuditReport(False, 9, 10, "the row was edited")


def test_a_row_written_anew_with_a_right_hash_elsewhere_is_found(db: Db, chain: AuditLog) -> None:
    """A row copied from another chain of the same key: its own hash is right, its place is not."""
    sql(db, "UPDATE audit_head SET seq = 0, hash = 'x'", "DELETE FROM audit WHERE seq = 1")
    with db.tx() as tx:
        chain.append(tx, AT, "p9", "ticket.claim", "SD-0")
    sql(db, "UPDATE audit_head SET seq = 10, hash = (SELECT hash FROM audit WHERE seq = 10)")
    report = chain.verify(db)
    assert (report.ok, report.first_bad) == (False, 1)


@pytest.mark.parametrize("gone", [1, 5])
def test_a_removed_row_is_found(db: Db, chain: AuditLog, gone: int) -> None:
    sql(db, f"DELETE FROM audit WHERE seq = {gone}")
    assert chain.verify(db) == AuditReport(
        False, gone - 1, gone, f"the row is missing, the next one there is {gone + 1}"
    )


def test_a_removed_row_with_the_others_renumbered_is_found(db: Db, chain: AuditLog) -> None:
    sql(
        db,
        "DELETE FROM audit WHERE seq = 5",
        *(f"UPDATE audit SET seq = {n - 1} WHERE seq = {n}" for n in range(6, 11)),
    )
    assert chain.verify(db) == AuditReport(False, 4, 5, "the row was edited")


def test_swapped_rows_are_found(db: Db, chain: AuditLog) -> None:
    sql(db, *(f"UPDATE audit SET seq = {new} WHERE seq = {old}" for old, new in ((3, 99), (4, 3), (99, 4))))
    assert chain.verify(db) == AuditReport(False, 2, 3, "the row was edited")


@pytest.mark.parametrize("seq", [0, -5])
def test_a_row_slipped_in_before_the_first_is_found(db: Db, chain: AuditLog, seq: int) -> None:
    sql(db, f"INSERT INTO audit VALUES ({seq}, 0, 'p2', 'ticket.claim', '', '', '', '')")
    assert chain.verify(db) == AuditReport(False, 0, 1, f"the row is missing, the next one there is {seq}")


def test_a_row_added_at_the_end_is_found(db: Db, chain: AuditLog) -> None:
    sql(db, "INSERT INTO audit VALUES (11, 0, 'p2', 'ticket.claim', '', '{}', '', 'abc')")
    assert chain.verify(db) == AuditReport(False, 10, 11, "the row was edited")


def test_a_removed_tail_is_found_by_the_head(db: Db, chain: AuditLog) -> None:
    sql(db, "DELETE FROM audit WHERE seq > 8")
    assert chain.verify(db) == AuditReport(False, 8, 9, "rows up to 10 were removed")


def test_every_row_removed_is_found_by_the_head(db: Db, chain: AuditLog) -> None:
    sql(db, "DELETE FROM audit")
    assert chain.verify(db) == AuditReport(False, 0, 1, "rows up to 10 were removed")


@pytest.mark.parametrize(
    ("change", "report"),
    [
        ("DELETE FROM audit_head", AuditReport(False, 10, None, "the head row was removed")),
        ("UPDATE audit_head SET seq = 8", AuditReport(False, 8, 9, "the head was set back")),
        ("UPDATE audit_head SET hash = ''", AuditReport(False, 10, 10, "the head does not fit the last row")),
    ],
)
def test_a_changed_head_is_found(db: Db, chain: AuditLog, change: str, report: AuditReport) -> None:
    sql(db, change)
    assert chain.verify(db) == report


def cut_tail_and_head(db: Db) -> None:
    sql(
        db,
        "DELETE FROM audit WHERE seq > 8",
        "UPDATE audit_head SET seq = 8, hash = (SELECT hash FROM audit WHERE seq = 8)",
    )


def test_a_tail_removed_with_its_head_is_found_by_an_anchor(db: Db, chain: AuditLog, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors"
    assert chain.anchor(db, anchors, AT).seq == 10
    assert chain.verify(db, anchors) == AuditReport(True, 10)
    assert anchors.stat().st_mode & 0o777 == 0o600
    cut_tail_and_head(db)
    assert chain.verify(db) == AuditReport(True, 8)  # why anchors are kept outside
    assert chain.verify(db, anchors) == AuditReport(False, 8, 9, "an anchor knows rows up to 10: they were removed")


def test_a_tail_replaced_by_other_rows_is_found_by_an_anchor(db: Db, chain: AuditLog, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors"
    chain.anchor(db, anchors, AT)
    cut_tail_and_head(db)
    add(db, chain, 5, actor="p2")
    reason = "the row differs from the anchor: the chain was written anew"
    assert chain.verify(db, anchors) == AuditReport(False, 9, 10, reason)


def test_anchors_grow_and_an_edited_line_is_found(db: Db, log: AuditLog, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors"
    assert log.anchor(db, anchors, AT) == Head(0, "")
    add(db, log, 2)
    log.anchor(db, anchors, AT + 1)
    lines = anchors.read_text().splitlines()
    assert len(lines) == 2
    assert log.verify(db, anchors) == AuditReport(True, 2)
    anchors.write_text(f"{lines[0]}\n{lines[1].replace('[2,', '[1,')}\n")
    assert log.verify(db, anchors) == AuditReport(False, 0, None, "line 2 of the anchor file was not written by us")


def test_another_key_opens_nothing(db: Db, chain: AuditLog) -> None:
    stranger = AuditLog(KeyVault({1: b"x" * 32}), SqlAuditStore())
    assert stranger.verify(db) == AuditReport(False, 0, 1, "the row was edited")


def test_a_lost_head_stops_appending(db: Db, chain: AuditLog) -> None:
    sql(db, "DELETE FROM audit_head")
    with pytest.raises(StoreUnavailable, match="lost its head"):
        add(db, chain, 1)


@pytest.mark.parametrize(
    "values",
    [
        {"actor": "alice@example.org"},
        {"actor": "Alice Smith"},
        {"subject": "a" * 81},
        {"action": "ticket.claim\n"},
        {"detail": {"note": "she said so"}},
        {"detail": {"Note": "x"}},
        {"detail": {"name": "Zoë"}},
    ],
)
def test_text_is_refused(db: Db, log: AuditLog, values: dict[str, object]) -> None:
    given: dict[str, object] = {"actor": "p1", "action": "a", "subject": "s", "detail": {}, **values}
    append: Callable[..., None] = log.append
    with db.tx() as tx, pytest.raises(ValueError, match=r"short tokens|lower-case word"):
        append(tx, AT, **given)
    assert log.verify(db) == AuditReport(True, 0)


def test_eight_threads_fork_nothing(db: Db, log: AuditLog) -> None:
    barrier = threading.Barrier(8)

    def write(worker: int) -> None:
        barrier.wait()
        add(db, log, 50, actor=f"p{worker}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert log.verify(db) == AuditReport(True, 400)
    counts = db.query("SELECT actor, COUNT(*) AS n FROM audit GROUP BY actor ORDER BY actor")
    assert counts == [{"actor": f"p{worker}", "n": 50} for worker in range(8)]


def test_rows_may_be_added_while_the_chain_is_verified(
    db: Db, chain: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_PAGE", 4)
    store = SqlAuditStore()
    read = store.head

    def grow_once(db: Db) -> Head | None:
        monkeypatch.setattr(store, "head", read)
        add(db, chain, 3)
        return read(db)

    monkeypatch.setattr(store, "head", grow_once)
    assert AuditLog(VAULT, store).verify(db) == AuditReport(True, 13)
