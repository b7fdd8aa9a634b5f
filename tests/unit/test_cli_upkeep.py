"""`secdesk keys` and `secdesk migrate`, in a folder of their own."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from adapters.stores.open import open_db
from adapters.stores.shipped import SqlShippedStore
from bot.cli import main
from tests.warm import data_folder, loaded_once


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


def test_what_an_update_brought_is_listed_and_decided(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = data_folder(request.config, tmp_path)
    monkeypatch.setenv("SECDESK_DATA", str(data))
    monkeypatch.setenv("SECDESK_SEARCH", "words")
    monkeypatch.setenv("SECDESK_KNOWLEDGE", str(tmp_path / "knowledge"))
    monkeypatch.setattr("bot.app.load_contents", loaded_once)
    assert said(capsys, tmp_path, "updates") == (0, "Nothing to decide.\n")
    with closing(open_db("", data)) as db:
        store = SqlShippedStore(db)
        known = json.loads(store.read())
        first, second = sorted(known)[:2]
        store.replace(store.read(), json.dumps({name: known[name] for name in sorted(known)[2:]}), 1.0)
    assert said(capsys, tmp_path, "updates") == (0, f"new        {first}\nnew        {second}\n")
    code, told = said(capsys, tmp_path, "updates", "leave", first)
    assert (code, "--as PERSON" in told) == (1, True)
    code, told = said(capsys, tmp_path, "updates", "leave", first, "--as", "dana.reyes")
    assert (code, "may not approve" in told) == (1, True)
    assert said(capsys, tmp_path, "updates", "leave", first, "--as", "ines.brandt") == (0, f"{first}: done\n")
    code, told = said(capsys, tmp_path, "updates", "leave", first, "--as", "ines.brandt")
    assert (code, f"{first} does not wait for that" in told) == (1, True)
    assert said(capsys, tmp_path, "updates") == (0, f"new        {second}\n")
