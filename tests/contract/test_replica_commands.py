"""Commands beside replicas: what one writes into the folder of its own machine is on every replica."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli import main
from tests.warm import data_folder, loaded_once


@pytest.fixture
def command(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_schema: Callable[[], str]
) -> Callable[..., int]:
    """Runs a command on a machine of that name, all on one PostgreSQL."""
    monkeypatch.setattr("bot.app.load_contents", loaded_once)
    settings = {
        "SECDESK_DATABASE": fresh_schema(),
        "SECDESK_KEY": "v1:" + "MTEx" * 10 + "MTE=",
        "SECDESK_SEARCH": "words",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(machine: str, *arguments: str) -> int:
        place = tmp_path / machine
        if not place.exists():
            data_folder(request.config, place)
        monkeypatch.setenv("SECDESK_DATA", str(place / "data"))
        monkeypatch.setenv("SECDESK_KNOWLEDGE", str(place / "knowledge"))
        return main(list(arguments))

    return run


def test_what_a_command_is_given_and_writes_is_on_the_other_machine(
    command: Callable[..., int], tmp_path: Path
) -> None:
    own = tmp_path / "one" / "knowledge" / "people.yaml"
    assert 0 == command("one", "updates")
    own.parent.mkdir()
    own.write_text((Path(__file__).parents[2] / "knowledge" / "people.yaml").read_text("utf-8"), "utf-8")
    assert 0 == command("one", "people", "forget", "dana.reyes")
    assert 0 == command("two", "updates")
    other = tmp_path / "two" / "knowledge" / "people.yaml"
    assert "dana.reyes" not in other.read_text("utf-8")
    assert own.read_bytes() == other.read_bytes()
