"""Links and sessions of the console, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from adapters.stores.sessions import NewSession, SqlSessionStore
from bot.ports import Db

IDLE = 600.0
SAM = NewSession("a", "1", "p_sam", 100.0, 1000.0)


@pytest.fixture
def store(db: Db) -> SqlSessionStore:
    return SqlSessionStore(db)


def begin(db: Db, store: SqlSessionStore, *sessions: NewSession) -> None:
    with db.tx() as tx:
        for session in sessions:
            store.begin(tx, session)


def there(store: SqlSessionStore, names: str, at: float = 500.0) -> list[bool]:
    return [store.session(name, at, IDLE) is not None for name in names]


def test_a_link_is_used_once_and_in_time(db: Db, store: SqlSessionStore) -> None:
    with db.tx() as tx:
        store.add_link(tx, "fresh", "p_sam", 100.0, 1000.0, admin=True)
        store.add_link(tx, "old", "p_sam", 100.0, 200.0)
    with db.tx() as tx:
        used = [store.use_link(tx, name, 300.0) for name in ("fresh", "fresh", "old", "unknown")]
    assert used == [{"person": "p_sam", "admin": 1}, None, None, None]
    row = store.link("fresh")
    assert row is not None
    assert (row["person"], row["used_at"]) == ("p_sam", 300.0)


def test_of_two_who_press_at_once_one_gets_in(db: Db, store: SqlSessionStore) -> None:
    with db.tx() as tx:
        store.add_link(tx, "link", "p_sam", 100.0, 1000.0)

    def use(_n: int) -> bool:
        with db.tx() as tx:
            return store.use_link(tx, "link", 300.0) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_links_are_remembered_for_a_day(db: Db, store: SqlSessionStore) -> None:
    with db.tx() as tx:
        store.add_link(tx, "first", "p_sam", 100.0, 1000.0)
    with db.tx() as tx:
        store.add_link(tx, "second", "p_sam", 50_000.0, 51_000.0)
    assert store.link("first") is not None
    with db.tx() as tx:
        store.add_link(tx, "third", "p_sam", 90_000.0, 91_000.0)
    assert store.link("first") is None


def test_a_session_ends_by_time_by_hand_and_everywhere(db: Db, store: SqlSessionStore) -> None:
    begin(db, store, SAM, replace(SAM, digest="b"), replace(SAM, digest="c", person="p_ines"))
    assert there(store, "abc") == [True, True, True]
    with db.tx() as tx:
        store.end(tx, "a")
        store.add_link(tx, "unused", "p_sam", 100.0, 1000.0)
    assert there(store, "abc") == [False, True, True]
    with db.tx() as tx:
        assert store.end_everywhere(tx, "p_sam") == 1
    assert (there(store, "abc"), store.link("unused")) == ([False, False, True], None)
    assert there(store, "c", 1000.0) == [False]


def test_a_session_nobody_uses_ends_and_one_in_use_does_not(db: Db, store: SqlSessionStore) -> None:
    begin(db, store, replace(SAM, until=9_000.0), replace(SAM, digest="b", until=9_000.0))
    with db.tx() as tx:
        store.seen(tx, "b", 130.0)  # within a minute: not written
    assert there(store, "ab", 699.0) == [True, True]
    with db.tx() as tx:
        store.seen(tx, "b", 690.0)
    assert there(store, "ab", 700.0) == [False, True]
    assert [row["digest"] for row in store.listed(700.0, IDLE)] == ["b"]
    assert store.listed(700.0, IDLE, "p_ines") == []


@pytest.mark.parametrize(
    ("subject", "sid", "left"),
    [("s1", "", [False, False, True]), ("s1", "x", [False, True, True]), ("", "x", [False, True, True]),
     ("s2", "x", [True, True, True]), ("s9", "", [True, True, True])],
)  # fmt: skip
def test_a_provider_ends_a_session_or_all_of_a_subject(
    db: Db, store: SqlSessionStore, subject: str, sid: str, left: list[bool]
) -> None:
    begin(
        db, store, replace(SAM, subject="s1", sid="x"), replace(SAM, digest="b", subject="s1", sid="y"),
        replace(SAM, digest="c", person="p_ines", subject="s2", sid="z"),
    )  # fmt: skip
    with db.tx() as tx:
        ended = store.end_at_provider(tx, subject, sid)
    assert there(store, "abc") == left
    assert ended == ["p_sam"] * left.count(False)


def test_the_hint_is_read_by_itself(db: Db, store: SqlSessionStore) -> None:
    begin(db, store, replace(SAM, hint=b"sealed"), replace(SAM, digest="b", id="2"))
    row = store.session("a", 500.0, IDLE)
    assert row is not None
    assert "hint" not in row
    assert [store.hint(digest) for digest in ("a", "b", "c")] == [b"sealed", None, None]


def test_a_subject_is_somebodys_and_can_become_somebody_elses(db: Db, store: SqlSessionStore) -> None:
    with db.tx() as tx:
        store.bind(tx, "s1", "p_sam", 1.0)
        store.bind(tx, "s2", "p_sam", 1.0)
        store.bind(tx, "s2", "p_ines", 2.0)
        found = [store.subject(tx, name) for name in ("s1", "s2", "s3")]
        assert (found, store.subjects_of(tx, "p_sam")) == (["p_sam", "p_ines", ""], ["s1"])
    assert [row["person"] for row in store.subjects()] == ["p_ines", "p_sam"]
    with db.tx() as tx:
        assert (store.release(tx, "p_sam"), store.release(tx, "p_sam"), store.subject(tx, "s1")) == (1, 0, "")
        assert (store.release(tx, ""), store.subject(tx, "s2")) == (1, "")


def test_a_logout_token_counts_once(db: Db, store: SqlSessionStore) -> None:
    with db.tx() as tx:
        first = [store.first_logout(tx, "j", 1.0, 10.0), store.first_logout(tx, "j", 2.0, 10.0)]
        assert (first, store.first_logout(tx, "j", 11.0, 20.0)) == ([True, False], True)
