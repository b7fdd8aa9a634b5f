"""The kept gate: the same as a built one, never stale, never in the way."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from bot.answering.emergency import Gate
from bot.answering.emergency_kept import open_gate
from bot.content import Shelf, packaged_shelf

TROUBLE = "I clicked the link and entered my password"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Shelf]:
    """Every gate that is really built."""
    seen: list[Shelf] = []
    real = Gate.__init__

    def counted(gate: Gate, shelf: Shelf) -> None:
        seen.append(shelf)
        real(gate, shelf)

    monkeypatch.setattr(Gate, "__init__", counted)
    return seen


def test_it_is_built_once_and_says_the_same(tmp_path: Path, built: list[Shelf]) -> None:
    first, second = open_gate(packaged_shelf(), tmp_path), open_gate(packaged_shelf(), tmp_path)
    assert len(built) == 1
    for text in (TROUBLE, "hello", "what happens if I clicked a link"):
        assert second.look(text) == first.look(text)
    assert second.card("money", "de", {}) == first.card("money", "de", {})


def test_an_edit_is_seen_and_the_old_file_goes(tmp_path: Path, built: list[Shelf]) -> None:
    overlay = tmp_path / "knowledge"
    (overlay / "emergencies").mkdir(parents=True)
    open_gate(packaged_shelf(overlay), tmp_path)
    source = Path(str(files("knowledge"))) / "emergencies" / "ransom.yaml"
    shutil.copy(source, overlay / "emergencies")
    changed = (overlay / "emergencies" / "ransom.yaml").read_text("utf-8").replace("Leave", "Let", 1)
    (overlay / "emergencies" / "ransom.yaml").write_text(changed, "utf-8")
    open_gate(packaged_shelf(overlay), tmp_path)
    assert len(built) == 2
    assert len(list(tmp_path.glob("emergency-*.bin"))) == 1


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_file_is_made_again(tmp_path: Path, built: list[Shelf], damage: bytes | None) -> None:
    open_gate(packaged_shelf(), tmp_path)
    (path,) = tmp_path.glob("emergency-*.bin")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x" if damage is None else damage)
    assert open_gate(packaged_shelf(), tmp_path).look(TROUBLE).level == "fire"
    assert len(built) == 2
    assert path.read_bytes()[:32] == whole[:32]


def test_a_broken_overlay_is_not_kept(tmp_path: Path, built: list[Shelf]) -> None:
    overlay = tmp_path / "knowledge"
    (overlay / "emergencies").mkdir(parents=True)
    (overlay / "emergencies" / "ransom.yaml").write_text("schema: [", "utf-8")
    assert open_gate(packaged_shelf(overlay), tmp_path).faults
    assert open_gate(packaged_shelf(overlay), tmp_path).look(TROUBLE).level == "fire"
    assert len(built) == 2
    assert not list(tmp_path.glob("emergency-*.bin"))


def test_without_a_folder_it_is_built(built: list[Shelf]) -> None:
    assert open_gate(packaged_shelf(), None).look(TROUBLE).level == "fire"
    assert len(built) == 1
