"""Keys: sealing, digests, rotation, the key file, and replicas that disagree."""

from __future__ import annotations

import base64
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.stores.open import open_db
from adapters.vault import KeyVault, open_vault, parse_keys
from bot.errors import ConfigError
from bot.ports import Db

ONE, TWO = b"1" * 32, b"2" * 32


def line(version: int, key: bytes) -> str:
    return f"v{version}:{base64.b64encode(key).decode()}"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    database = open_db("", tmp_path)
    yield database
    database.close()


@pytest.mark.parametrize("data", [b"", b"secret", b"v1:" * 1000, bytes(range(256))])
def test_what_was_sealed_opens(data: bytes) -> None:
    vault = KeyVault({1: ONE})
    sealed = vault.seal("mail", data)
    assert sealed.startswith(b"v1:")
    assert vault.unseal("mail", sealed) == data


def test_sealing_twice_differs() -> None:
    vault = KeyVault({1: ONE})
    assert vault.seal("mail", b"same") != vault.seal("mail", b"same")


def test_another_purpose_does_not_open() -> None:
    vault = KeyVault({1: ONE})
    with pytest.raises(ConfigError, match="does not open"):
        vault.unseal("token", vault.seal("mail", b"secret"))


@pytest.mark.parametrize("at", [3, 14, 15, -1])
def test_a_changed_byte_does_not_open(at: int) -> None:
    vault = KeyVault({1: ONE})
    sealed = bytearray(vault.seal("mail", b"secret"))
    sealed[at] ^= 1
    with pytest.raises(ConfigError, match="does not open"):
        vault.unseal("mail", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"v1:", b"v1:short", b"v9:" + b"x" * 40, b"plain"])
def test_nonsense_does_not_open(sealed: bytes) -> None:
    with pytest.raises(ConfigError):
        KeyVault({1: ONE}).unseal("mail", sealed)


def test_after_a_new_key_old_seals_open_and_digests_stay() -> None:
    old, new = KeyVault({1: ONE}), KeyVault({2: TWO, 1: ONE})
    assert new.unseal("mail", old.seal("mail", b"secret")) == b"secret"
    assert new.seal("mail", b"secret").startswith(b"v2:")
    assert new.digest("person", b"alice") == old.digest("person", b"alice")
    with pytest.raises(ConfigError, match="key version 2"):
        old.unseal("mail", new.seal("mail", b"secret"))


def test_digests_depend_on_key_purpose_and_data() -> None:
    vault = KeyVault({1: ONE})
    digests = [
        vault.digest("person", b"alice"),
        vault.digest("person", b"bob"),
        vault.digest("audit", b"alice"),
        KeyVault({1: TWO}).digest("person", b"alice"),
    ]
    assert len(set(digests)) == 4
    assert all(len(digest) == 64 for digest in digests)


def test_keys_are_never_shown() -> None:
    assert repr(KeyVault({2: TWO, 1: ONE})) == "KeyVault(versions=[1, 2])"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (line(1, ONE), {1: ONE}),
        (base64.b64encode(ONE).decode(), {1: ONE}),
        (base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode().rstrip("="), {1: b"\xfb\xff" * 16}),
        (f"{line(2, TWO)}\n{line(1, ONE)}\n", {2: TWO, 1: ONE}),
        (f"{line(12, TWO)},{line(3, ONE)}", {12: TWO, 3: ONE}),
    ],
)
def test_keys_are_read(text: str, keys: dict[int, bytes]) -> None:
    assert parse_keys(text, "SECDESK_KEY") == keys


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("correct horse battery staple", "cannot be read"),
        (base64.b64encode(b"short").decode(), "cannot be read"),
        (base64.b64encode(b"x" * 33).decode(), "cannot be read"),
        (f"v1:{'A' * 42}!", "cannot be read"),
        ("", "cannot be read"),
        (f"{line(1, ONE)} {line(1, TWO)}", "version 1 is there twice"),
        (f"{line(1, ONE)} {line(2, TWO)}", "newest key first"),
    ],
)
def test_a_key_that_cannot_be_read_is_said_and_not_shown(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_keys(text, "SECDESK_KEY")
    assert not [word for word in text.split() if word in str(caught.value)]


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    first = open_vault("", tmp_path / "data")
    path = tmp_path / "data" / "secdesk.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secdesk.key"]
    assert open_vault("", tmp_path / "data").unseal("mail", first.seal("mail", b"x")) == b"x"


def test_a_given_key_makes_no_file(tmp_path: Path) -> None:
    assert open_vault(line(1, ONE), tmp_path).digest("p", b"") == KeyVault({1: ONE}).digest("p", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_everybody_reads_is_refused(tmp_path: Path) -> None:
    open_vault("", tmp_path)
    (tmp_path / "secdesk.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_vault("", tmp_path)


def test_a_key_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be read or made"):
        open_vault("", tmp_path / "file")


def _digest(folder: Path) -> str:
    return open_vault("", folder).digest("p", b"")


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(_digest, [tmp_path] * 6, chunksize=1))) == 1


def test_replicas_with_one_key_start(db: Db) -> None:
    KeyVault({1: ONE}).check(db)
    KeyVault({1: ONE}).check(db)
    KeyVault({2: TWO, 1: ONE}).check(db)
    assert [row["name"] for row in db.query("SELECT name FROM setting ORDER BY name")] == ["key.v1", "key.v2"]


def test_a_replica_with_another_key_does_not_start_and_leaves_nothing(db: Db) -> None:
    KeyVault({1: ONE}).check(db)
    with pytest.raises(ConfigError, match="key v1 is not the one"):
        KeyVault({2: ONE, 1: TWO}).check(db)
    assert db.query("SELECT name FROM setting") == [{"name": "key.v1"}]


def test_a_replica_without_the_newest_key_does_not_start(db: Db) -> None:
    KeyVault({2: TWO, 1: ONE}).check(db)
    with pytest.raises(ConfigError, match="key v2, which SECDESK_KEY does not hold"):
        KeyVault({1: ONE}).check(db)


def test_the_check_values_do_not_give_the_keys_away(db: Db) -> None:
    vault = KeyVault({1: ONE})
    vault.check(db)
    (row,) = db.query("SELECT value FROM setting")
    assert row["value"] not in (vault.digest("setting", b"secdesk"), ONE.hex())
