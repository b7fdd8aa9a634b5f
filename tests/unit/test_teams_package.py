"""The app package: what it says fits what the adapter does, the icons are what Teams wants, it is the same every time."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import os
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.teams_dialogs import PROPOSE_COMMAND, REPORT_COMMAND
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
    bot, commands = filled["bots"][0], filled["composeExtensions"][0]["commands"]
    assert (True, ["personal", "team", "groupChat"]) == (bot["supportsFiles"], bot["scopes"])
    assert [(REPORT_COMMAND, ["message"], True), (PROPOSE_COMMAND, ["message"], True)] == [
        (command["id"], command["context"], command["fetchTask"]) for command in commands
    ]
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


VERSION = "1.19"


def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: bytes, digest: str = "") -> Any:
    """The script, with an npm in its way that packs this schema."""
    inside = f"package/build/json-schemas/teams/v{VERSION}/MicrosoftTeams.schema.json"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(inside)
        entry.size = len(schema)
        archive.addfile(entry, io.BytesIO(schema))
    (tmp_path / "packed").write_bytes(packed.getvalue())
    tool = tmp_path / "bin" / "npm"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncp {tmp_path}/packed package.tgz\n', "utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    package = script("package")
    package.SHA512 = digest or base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    return package


def test_the_official_schema_is_fetched_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = npm(tmp_path, monkeypatch, b'{"type": "object"}')
    kept = [package.official_schema(VERSION, tmp_path / "kept").read_bytes() for _ in range(2)]
    assert [b'{"type": "object"}'] * 2 == kept
    assert ["pack --silent @microsoft/app-manifest@1.1.2"] == (tmp_path / "asked").read_text().splitlines()


def test_another_package_than_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = npm(tmp_path, monkeypatch, b"{}", digest="another")
    with pytest.raises(ConfigError, match="is not what was published"):
        package.official_schema(VERSION, tmp_path / "kept")
    assert [] == list((tmp_path / "kept").glob("*.json"))


def test_without_npm_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"install Node\.js, give another copy with SCHEMA=FILE, or .* SCHEMA=no"):
        script("package").official_schema(VERSION, tmp_path / "kept")


def test_the_digest_is_the_one_the_browser_tests_lock() -> None:
    lock = json.loads((FOLDER.parent.parent / "tests" / "e2e" / "teams" / "package-lock.json").read_text("utf-8"))
    locked = lock["packages"]["node_modules/@microsoft/app-manifest"]
    package = script("package")
    assert (package.OFFICIAL, f"sha512-{package.SHA512}") == (
        f"@microsoft/app-manifest@{locked['version']}",
        locked["integrity"],
    )


@pytest.mark.parametrize(
    ("schema", "code", "out", "err"),
    [
        (b'{"required": ["manifestVersion"]}', 0, "valid by the official schema 1.19", ""),
        (b'{"required": ["nothing"]}', 1, "", "manifest: 'nothing' is a required property"),
        (b"{", 1, "", "is no schema that can be read"),
    ],
)
def test_the_command_checks_before_it_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    schema: bytes,
    code: int,
    out: str,
    err: str,
) -> None:
    package = npm(tmp_path, monkeypatch, schema)
    package.official_schema.__defaults__ = (tmp_path / "kept",)
    monkeypatch.setenv("SECDESK_TEAMS_APP_ID", APP)
    monkeypatch.setenv("SECDESK_PUBLIC_URL", "https://secdesk.northwind.example")
    monkeypatch.setattr("sys.argv", ["package.py", "--out", str(tmp_path / "made.zip"), "--folder", str(tmp_path)])
    assert code == package.main()
    said = capsys.readouterr()
    assert (True, True, code == 0) == (out in said.out, err in said.err, (tmp_path / "made.zip").exists())
