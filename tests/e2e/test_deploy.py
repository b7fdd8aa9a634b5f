"""What is handed to a container engine and to systemd: linted by the tools of the trade, and true of this repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "manifest" / "deploy"
BIN = Path(sys.executable).parent


def ran(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=DEPLOY)


def test_the_image() -> None:
    done = ran(BIN / "hadolint", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [part for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", text) for part in line.split()[:-1]]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied
    assert set(copied) == kept
    assert [part for part in copied if not (ROOT / part).exists()] == []
    assert re.findall(r"(?m)^USER (.+)$", text) == ["10001:10001"]


def test_the_composition() -> None:
    done = ran(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    replicas = {name: service for name, service in services.items() if service["image"] == "secdesk"}
    assert sorted(service["environment"]["SECDESK_REPLICA"] for service in replicas.values()) == sorted(replicas)
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in replicas.values())
    trusted = {service["environment"]["SECDESK_PROXIES"] for service in replicas.values()}
    assert trusted == {services["balancer"]["networks"]["outside"]["ipv4_address"]}
    proxied = re.findall(r"(?m)^\treverse_proxy (.+) \{", (DEPLOY / "Caddyfile").read_text())
    assert proxied == [" ".join(f"{name}:8765" for name in replicas)]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="NOT CHECKED: systemd-analyze is not here")
@pytest.mark.parametrize(("unit", "most"), [("secdesk.service", 20), ("secdesk-backup.service", 40)])
def test_the_units(unit: str, most: int) -> None:
    """`most` is ten times systemd's measure of exposure (0 to 10)."""
    done = ran("systemd-analyze", "security", "--offline=true", f"--threshold={most}", DEPLOY / unit)
    assert done.returncode == 0, done.stdout[-300:]
    verified = ran("systemd-analyze", "verify", DEPLOY / unit)
    complaints = [line for line in verified.stderr.splitlines() if unit in line and "is not executable" not in line]
    assert complaints == []


@pytest.mark.parametrize("name", ["compose.yaml", "Dockerfile", "secdesk.service", "secdesk-backup.service"])
def test_every_setting_named_there_is_one(name: str) -> None:
    known = {setting.env for setting in SETTINGS} | {"SECDESK_FOLDER"}
    known |= {f"{setting.env}_FILE" for setting in SETTINGS if setting.secret}
    found = set(re.findall(r"SECDESK_[A-Z_]+(?=[=:])", (DEPLOY / name).read_text()))
    assert found
    assert found <= known
