"""`secdesk privacy`, in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.data_map import load_data_map
from tests.unit.test_cli_upkeep import said


def test_it_says_how_long_and_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, told = said(capsys, tmp_path, "privacy")
    assert (0, True) == (code, "questions        365        0  Questions as they were asked" in told)
    code, told = said(capsys, tmp_path, "privacy", "--json")
    kinds = {row["kind"]: row for row in json.loads(told)}
    assert (0, 365, False, True) == (code, kinds["questions"]["days"], kinds["questions"]["own"], kinds["known"]["own"])
    assert (0, "0 row(s) went; the audit log says of what\n") == said(capsys, tmp_path, "privacy", "--apply")


def test_the_map_names_every_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, told = said(capsys, tmp_path, "privacy", "map")
    assert (0, []) == (code, [table for table in load_data_map().tables if f"\n{table}: " not in f"\n{told}"])
    assert "mail it came, sealed" not in told
    code, told = said(capsys, tmp_path, "privacy", "map", "--json")
    assert (0, "data-map/1") == (code, json.loads(told)["schema"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hold", "SEC-101"), "say what, and who decides"),
        (("hold", "SEC-101", "--as", "sam.ortiz", "--why", "claim"), "neither a ticket nor a run"),
        (("hold", "SEC-101", "--as", "nobody"), "nobody is not in people.yaml"),
        (("export", "sam.ortiz"), "say whose, and where to"),
        (("export", "sam.ortiz", "--out", "x.json"), "has never written to us"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    code, told = said(capsys, tmp_path, "privacy", *arguments)
    assert (1, True) == (code, says in told)


def test_somebodys_file_is_theirs_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(b"From: a@x.example\r\nTo: b@northwind.example\r\nSubject: s\r\n\r\nPay http://x.example/pay\r\n")
    assert 0 == said(capsys, tmp_path, "report", str(mail), "--as", "dana.reyes")[0]
    out = tmp_path / "dana.json"
    code, told = said(capsys, tmp_path, "privacy", "export", "dana.reyes", "--out", str(out))
    assert (0, 0o600) == (code, out.stat().st_mode & 0o777)
    assert str(out.stat().st_size) in told
    assert "Dana Reyes" in json.dumps(json.loads(out.read_text())["tables"]["identity"])
    assert 1 == said(capsys, tmp_path, "privacy", "export", "dana.reyes", "--out", str(out))[0]  # never over a file
