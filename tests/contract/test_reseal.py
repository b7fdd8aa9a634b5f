"""A new master key: everything sealed is put under it while others write, and no table is forgotten."""

from __future__ import annotations

import re

import pytest

from adapters.stores.migrations import packaged
from adapters.stores.reseal import BOXES, SHORT_LIVED, reseal
from adapters.vault import KeyVault, read_keys
from bot.errors import ConfigError
from bot.ports import Db

OLD, NEW = KeyVault({1: b"1" * 32}), KeyVault({1: b"1" * 32, 2: b"2" * 32})


def test_every_sealed_column_is_known() -> None:
    found = set()
    for step in packaged("sqlite"):
        for table, body in re.findall(r"(?:CREATE|ALTER) TABLE (\w+)(.*?);", step.sql, re.DOTALL):
            found |= {(table, column) for column in re.findall(r"(\w+) BLOB", body)}
    assert found == set(BOXES) | SHORT_LIVED


def test_what_was_sealed_before_is_under_the_new_key(db: Db) -> None:
    with db.tx() as tx:
        for number, vault in enumerate((OLD, OLD, NEW)):
            tx.execute(
                "INSERT INTO identity (pseudonym, digest, sealed, created_at) VALUES (:p, :p, :sealed, 1)",
                p=f"p_{number}", sealed=vault.seal("identity", b"who"),
            )  # fmt: skip
        for kind in ("user", "group"):
            tx.execute(
                """INSERT INTO roster (source, kind, id, sealed, version, seq, created_at, updated_at)
                   VALUES ('s', :kind, 'same', :sealed, 1, 1, 1, 1)""",
                kind=kind, sealed=OLD.seal("roster", kind.encode()),
            )  # fmt: skip
    assert {table: n for table, n in reseal(db, NEW.resealed).items() if n} == {"identity": 2, "roster": 2}
    boxes = [
        bytes(row["sealed"]) for row in db.query("SELECT sealed FROM identity UNION ALL SELECT sealed FROM roster")
    ]
    assert {box[:3] for box in boxes} == {b"v2:"}
    kinds = {row["kind"]: bytes(row["sealed"]) for row in db.query("SELECT kind, sealed FROM roster")}
    assert {kind: NEW.unseal("roster", box) for kind, box in kinds.items()} == {"user": b"user", "group": b"group"}
    assert sum(reseal(db, NEW.resealed).values()) == 0


def test_what_somebody_else_changed_meanwhile_is_theirs(db: Db) -> None:
    with db.tx() as tx:
        tx.execute(
            "INSERT INTO identity (pseudonym, digest, sealed, created_at) VALUES ('p', 'd', :sealed, 1)",
            sealed=OLD.seal("identity", b"before"),
        )  # fmt: skip
    theirs = NEW.seal("identity", b"after")

    def slow(purpose: str, data: bytes) -> bytes | None:
        with db.tx() as tx:
            tx.execute("UPDATE identity SET sealed = :theirs", theirs=theirs)
        return NEW.resealed(purpose, data)

    assert reseal(db, slow)["identity"] == 0
    assert bytes(db.query("SELECT sealed FROM identity")[0]["sealed"]) == theirs


def test_a_key_is_held_before_it_seals() -> None:
    one, two = "v1:" + "MTEx" * 10 + "MTE=", "v2:" + "MjIy" * 10 + "MjI="
    before, held, used = (KeyVault(*read_keys(text, "here")) for text in (one, f"+{two}\n{one}", f"{two}\n{one}"))
    sealed = {name: vault.seal("mail", b"x") for name, vault in (("before", before), ("held", held), ("used", used))}
    assert {name: box[:3] for name, box in sealed.items()} == {"before": b"v1:", "held": b"v1:", "used": b"v2:"}
    # Replicas restart one after the other: at each moment everybody opens what anybody seals.
    assert held.unseal("mail", sealed["before"]) == before.unseal("mail", sealed["held"]) == b"x"
    assert used.unseal("mail", sealed["held"]) == held.unseal("mail", sealed["used"]) == b"x"
    for wrong in (f"+{two}", f"{two}\n+{one}"):
        with pytest.raises(ConfigError, match=r"held back"):
            read_keys(wrong, "here")


def test_the_database_demands_a_key_only_once_it_seals(db: Db) -> None:
    one, two = b"1" * 32, b"2" * 32
    KeyVault({2: two, 1: one}, 1).check(db)
    KeyVault({1: one}).check(db)
    KeyVault({2: two, 1: one}).check(db)
    with pytest.raises(ConfigError, match="does not hold: add its line"):
        KeyVault({1: one}).check(db)
