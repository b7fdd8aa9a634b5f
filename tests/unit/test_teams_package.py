"""The app package: what it says fits what the adapter does, the icons are what Teams wants, it is the same every time."""

from __future__ import annotations

import importlib.util
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.teams_turns import REPORT_COMMAND
from bot.errors import ConfigError
from bot.settings import Settings
from tests.fakes.teams import APP

FOLDER = Path(__file__).parent.parent.parent / "manifest" / "teams"


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"teams_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(**more: Any) -> Settings:
    given = {"folder": Path(), "teams_app_id": APP, "public_url": "https://secdesk.northwind.example", **more}
    return Settings(**given)


def test_the_zip_holds_manifest_and_icons_and_is_the_same_every_time(tmp_path: Path) -> None:
    package = script("package")
    first, second = package.build(settings(), tmp_path / "a.zip"), package.build(settings(), tmp_path / "b.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as opened:
        assert ["manifest.json", "color.png", "outline.png"] == opened.namelist()
        filled = json.loads(opened.read("manifest.json"))
    assert "{{" not in json.dumps(filled)
    assert [APP] * 4 == [filled["id"], filled["bots"][0]["botId"], filled["composeExtensions"][0]["botId"],
                         filled["webApplicationInfo"]["id"]]  # fmt: skip


def test_what_the_adapter_uses_is_asked_for() -> None:
    filled = script("package").manifest(settings())
    bot, command = filled["bots"][0], filled["composeExtensions"][0]["commands"][0]
    assert (True, ["personal", "team", "groupChat"]) == (bot["supportsFiles"], bot["scopes"])
    assert (REPORT_COMMAND, ["message"], True) == (command["id"], command["context"], command["fetchTask"])
    asked = filled["authorization"]["permissions"]["resourceSpecific"]
    assert [{"name": "ChannelMessage.Read.Group", "type": "Application"}] == asked


def test_commands_of_the_menu_are_understood() -> None:
    from bot.answering.smalltalk import load_smalltalk
    from bot.content import Faults, packaged_shelf

    small = load_smalltalk(packaged_shelf(), Faults())
    titles = [item["title"] for lists in script("package").manifest(settings())["bots"][0]["commandLists"]
              for item in lists["commands"]]  # fmt: skip
    assert [] == [title for title in titles if not small.kind(title)]


@pytest.mark.parametrize(
    ("change", "said"), [({"teams_app_id": ""}, "teams.app_id"), ({"public_url": ""}, "server.public_url")]
)
def test_what_is_missing_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        script("package").manifest(settings(**change))


def test_icons_have_the_sizes_that_teams_wants() -> None:
    sizes = {}
    for name in ("color.png", "outline.png"):
        data = (FOLDER / name).read_bytes()
        assert b"\x89PNG\r\n\x1a\n" == data[:8]
        sizes[name] = struct.unpack(">IIBB", data[16:26])
    assert {"color.png": (192, 192, 8, 6), "outline.png": (32, 32, 8, 6)} == sizes


def test_the_small_icon_is_drawn_by_its_script() -> None:
    assert (FOLDER / "outline.png").read_bytes() == script("draw_icons").png(32, script("draw_icons").outline)


def test_the_schema_check_can_fail(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"$schema": "http://json-schema.org/draft-07/schema#", "required": ["nothing"]}', "utf-8")
    assert 1 == len(script("package").faults({}, schema))
