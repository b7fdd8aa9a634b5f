"""The spool: what was said in trouble is on the disk, sealed, until it has become a ticket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bot.errors import StoreUnavailable
from bot.spool import Spool


def turned(data: bytes) -> bytes:
    return bytes(255 - byte for byte in data)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", turned, turned)


def test_a_record_comes_back_once(spool: Spool, tmp_path: Path) -> None:
    assert spool.keep("k", {"text": "Lucía", "at": 1.5})
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".spool"]
    assert b"text" not in spool.waiting()[0].read_bytes()
    seen: list[dict[str, Any]] = []
    assert (spool.replay(seen.append), spool.replay(seen.append)) == (1, 0)
    assert seen == [{"text": "Lucía", "at": 1.5}]
    assert spool.waiting() == []


def test_the_same_key_is_one_record(spool: Spool) -> None:
    for text in ("a", "b"):
        spool.keep("k", {"text": text})
    spool.keep("other", {"text": "c"})
    assert len(spool.waiting()) == 2


def test_only_its_owner_may_look_into_the_folder(spool: Spool, tmp_path: Path) -> None:
    spool.keep("k", {})
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_and_leaves_no_half_file(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.keep("first", {"text": "a"})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert spool.keep("second", {"text": "b"}) is False
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".spool"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file is in the way")
    assert Spool(tmp_path / "spool", turned, turned).keep("k", {}) is False
    assert Spool(tmp_path / "spool", turned, turned).waiting() == []


def test_while_the_database_is_away_everything_stays(spool: Spool) -> None:
    for key in ("a", "b"):
        spool.keep(key, {"key": key})

    def away(_record: dict[str, Any]) -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        spool.replay(away)
    assert len(spool.waiting()) == 2


def test_one_that_cannot_be_taken_holds_up_no_other(spool: Spool) -> None:
    for key in ("a", "b", "c"):
        spool.keep(key, {"key": key})
    seen: list[str] = []

    def take(record: dict[str, Any]) -> None:
        if record["key"] == "b":
            raise RuntimeError("no")
        seen.append(record["key"])

    assert spool.replay(take) == 2
    assert sorted(seen) == ["a", "c"]
    assert len(spool.waiting()) == 1


def test_a_file_that_cannot_be_read_is_set_aside_and_kept(spool: Spool, tmp_path: Path) -> None:
    spool.keep("a", {"key": "a"})
    (tmp_path / "spool" / "0.spool").write_bytes(b"not ours")
    seen: list[dict[str, Any]] = []
    assert spool.replay(seen.append) == 1
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["0.bad"]


def test_killed_between_taking_and_removing_it_is_given_again(spool: Spool) -> None:
    """The desk knows the event by its key then."""
    spool.keep("a", {"key": "a"})

    class KilledError(BaseException):
        pass

    def take(_record: dict[str, Any]) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        spool.replay(take)
    seen: list[dict[str, Any]] = []
    assert spool.replay(seen.append) == 1
    assert seen == [{"key": "a"}]
