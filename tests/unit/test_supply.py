"""What Secdesk is made of: locked with hashes, from no named address, under licences that allow its use, and written down."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.docs import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt", "tests/fuzz/requirements.txt")
NPM = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "tests").glob("**/package-lock.json")
    if "node_modules" not in path.parts
)
ADDRESS = re.compile(r"://|@ |^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|-e|-r)\b", re.M)


@pytest.fixture(scope="module")
def supply() -> ModuleType:
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("supply", ROOT / "manifest" / "supply.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["supply"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_its_hashes_and_no_address(supply: ModuleType, name: str) -> None:
    packages = supply.locked(ROOT / name)
    assert len(packages) >= 1
    assert [] == [one.name for one in packages if not one.hashes]
    assert [] == ADDRESS.findall((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize(
    "line", ["requests>=2", "x @ https://files.example/x.whl", "--index-url https://files.example", "./local"]
)
def test_a_lock_line_that_pins_nothing_is_refused(supply: ModuleType, tmp_path: Path, line: str) -> None:
    (tmp_path / "lock.txt").write_text(f"a==1 \\\n    --hash=sha256:{'0' * 64}\n{line}\n")
    with pytest.raises(ValueError, match="neither a pinned package nor its hash"):
        supply.locked(tmp_path / "lock.txt")


def test_tests_run_with_what_production_runs_with(supply: ModuleType) -> None:
    run, dev = (
        {(one.name, one.version, one.marker): one.hashes for one in supply.locked(ROOT / name)} for name in LOCKS[:2]
    )
    assert {} == {key: hashes for key, hashes in run.items() if dev.get(key) != hashes and not key[2]}


def test_what_is_installed_here_is_what_is_locked(supply: ModuleType) -> None:
    versions: dict[str, set[str]] = {}
    for one in supply.locked(ROOT / "requirements-dev.txt"):
        versions.setdefault(one.name, set()).add(one.version)
    installed = {name: _version(name) for name in versions}
    wrong = {
        name: found for name, found in installed.items() if found and found not in versions[name] and name != "pip"
    }
    assert {} == wrong


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@pytest.mark.parametrize("name", NPM)
def test_what_npm_installs_has_its_hash_and_no_address(name: str) -> None:
    packages = json.loads((ROOT / name).read_text("utf-8"))["packages"]
    fetched = {path: package for path, package in packages.items() if path and not package.get("link")}
    assert fetched
    assert [] == [path for path, package in fetched.items() if not package.get("integrity", "").startswith("sha512-")]
    assert [] == [path for path, package in fetched.items() if "://" in package.get("resolved", "")]


def test_every_licence_is_known_and_allowed(supply: ModuleType) -> None:
    wrong = {
        name: licence
        for name, _, licence in supply.licences()
        if not licence or not set(supply.parts(licence)) <= supply.ALLOWED
    }
    assert {} == wrong
    assert [] == [one for one in supply.ALLOWED if re.match(r"A?GPL|.*(-NC|Commons-Clause|SSPL|BUSL|Elastic)", one)]


def test_the_licence_list_is_current(supply: ModuleType) -> None:
    assert supply.LICENCES.read_text("utf-8") == supply.listed(), "python manifest/supply.py licences --write"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [("MIT", True), ("Apache-2.0 OR BSD-3-Clause", True), ("MIT AND GPL-3.0-only", False), ("AGPL-3.0-or-later", False),
     ("(MIT)", True), ("Proprietary", False)],
)  # fmt: skip
def test_an_expression_is_taken_apart(supply: ModuleType, expression: str, allowed: bool) -> None:
    assert allowed == (set(supply.parts(expression)) <= supply.ALLOWED)


def test_the_bill_of_materials_is_valid_and_whole(supply: ModuleType) -> None:
    text = supply.bill()
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert fault is None, str(fault)[:300]
    bill = json.loads(text)
    assert {(one.name, one.version) for one in supply.locked()} == {
        (one["name"], one["version"]) for one in bill["components"]
    }
    assert [] == [one["name"] for one in bill["components"] if not one.get("licenses") or not one.get("hashes")]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert len(needs["secdesk"]) >= len(project["dependencies"])
    assert any(ref.startswith("pkg:pypi/starlette@") for ref in needs["secdesk"])
    assert "http" not in " ".join(
        re.findall(r"https?://\S+", text.replace("http://cyclonedx.org/schema/bom-1.6.schema.json", ""))
    )


def test_bandit_leaves_out_only_what_ruff_looks_at() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert "S" in tools["ruff"]["lint"]["select"]
    skipped = {f"S{rule.removeprefix('B')}" for rule in tools["bandit"]["skips"]}
    assert set() == skipped & set(tools["ruff"]["lint"]["ignore"])
    silenced = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("bot", "adapters", "manifest") for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"#\s*nosec(?!\s+B\d)", line)
    ]  # fmt: skip
    assert [] == silenced
