"""`secdesk keys` and `secdesk migrate`, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main


def said(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "--folder", str(folder)])
    done = capsys.readouterr()
    return code, done.out + done.err


def test_a_new_key_is_held_then_seals(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, tmp_path, "keys") == (0, "v1 seals\n")
    assert said(capsys, tmp_path, "keys", "add")[1].startswith("v2 is held.")
    code, told = said(capsys, tmp_path, "keys", "add")
    assert (code, "v2 is held already" in told) == (1, True)
    assert said(capsys, tmp_path, "keys") == (0, "v2 held\nv1 seals\n")
    assert said(capsys, tmp_path, "keys", "use")[1].startswith("v2 seals after the next start")
    assert said(capsys, tmp_path, "keys") == (0, "v2 seals\nv1 opens what it sealed\n")
    code, told = said(capsys, tmp_path, "keys", "use")
    assert (code, "v2 seals already" in told) == (1, True)
    assert (tmp_path / "secdesk-data" / "secdesk.key").stat().st_mode & 0o077 == 0


def test_a_key_in_the_environment_is_changed_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECDESK_KEY", "v1:" + "MTEx" * 10 + "MTE=")
    code, told = said(capsys, tmp_path, "keys", "add")
    line = told.splitlines()[0]
    assert (code, line[:4]) == (0, "+v2:")
    monkeypatch.setenv("SECDESK_KEY", f"{line},v1:" + "MTEx" * 10 + "MTE=")
    assert said(capsys, tmp_path, "keys") == (0, "v2 held\nv1 seals\n")
    code, told = said(capsys, tmp_path, "keys", "use")
    assert (code, "take the + from its first line" in told) == (1, True)


def test_migrate_is_tried_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, told = said(capsys, tmp_path, "migrate", "--dry-run")
    assert (code, told.splitlines()[-1].endswith("steps would be taken. Nothing was changed.")) == (0, True)
    code, told = said(capsys, tmp_path, "migrate")
    assert (code, told.splitlines()[-1].endswith(" steps taken.")) == (0, True)
    assert said(capsys, tmp_path, "migrate") == (0, "Up to date.\n")
