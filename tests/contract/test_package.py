"""The wheel: holds what it needs and nothing else, and works where it is installed, from an empty folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import bot
from bot.cli.opening import SLOW
from tests.served import ROOT, Served, environment
from tests.warm import WORDS, data_folder

pytestmark = pytest.mark.slow

PACKAGES = ("bot", "adapters", "knowledge")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def secdesk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own, which also sees the libraries of this one (not this working copy)."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        str(wheel),
    ]
    subprocess.run(
        command, check=True, env={**environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, capture_output=True
    )
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site,) = home.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text("\n".join(sorted(ours)) + "\n", "utf-8")
    return home / "bin" / "secdesk"


def run(*command: str | Path, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = environment(**WORDS, **settings)
    del env["PYTHONPATH"]
    return subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


# what is in it


def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a working copy")
    wanted = {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    assert {".py", ".yaml", ".sql", ".html", ".css", ".js", ".json"} <= {Path(name).suffix for name in wanted}
    assert set() == wanted - names(wheel)


def test_it_holds_nothing_else(wheel: Path) -> None:
    top = {name.split("/")[0] for name in names(wheel)}
    assert {*PACKAGES, f"secdesk-{bot.__version__}.dist-info"} == top
    assert [] == [name for name in names(wheel) if re.search(r"__pycache__|\.pyc$|__main__\.py$|\.part$|/\.", name)]


def test_it_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"secdesk-{bot.__version__}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        assert "[console_scripts]\nsecdesk = bot.cli:main\n" == archive.read(f"{info}/entry_points.txt").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()
    assert "Requires-Python: >=3.11\n" in metadata
    for version in ("3.11", "3.12", "3.13"):
        assert f"Classifier: Programming Language :: Python :: {version}\n" in metadata


# what it does


def test_it_works_from_an_empty_folder(secdesk: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data, folder = data_folder(request.config, tmp_path), tmp_path / "empty"
    folder.mkdir()
    lint = run(secdesk, "lint", cwd=folder)
    assert (0, "0 fault(s)") == (lint.returncode, lint.stdout[:10]), lint
    asked = run(secdesk, "ask", "How do I report a suspicious mail?", "--json", cwd=folder, SECDESK_DATA=str(data))
    assert (0, "") == (asked.returncode, asked.stderr.removeprefix(f"{SLOW}\n"))
    assert "answer" == json.loads(asked.stdout)["outcome"]
    doctor = run(secdesk, "doctor", cwd=folder, SECDESK_DATA=str(data), SECDESK_PAGERDUTY_KEY="k" * 32)
    assert (0, True) == (doctor.returncode, f"ok    installation     secdesk {bot.__version__}" in doctor.stdout), (
        doctor
    )
    assert [] == list(folder.iterdir())
    assert {"secdesk.db", "secdesk.key", "cache"} <= {path.name for path in data.iterdir()}


def test_data_lands_where_the_settings_file_says(secdesk: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data_folder(request.config, tmp_path / "var")
    (tmp_path / "secdesk.toml").write_text('[storage]\ndata = "var/data"\n', "utf-8")
    people = run(secdesk, "people", cwd=tmp_path)
    assert (0, 10) == (people.returncode, people.stdout.count("\n")), people
    assert (tmp_path / "var" / "data" / "secdesk.db").is_file()
    assert ["secdesk.toml", "var"] == sorted(path.name for path in tmp_path.iterdir())


def test_it_serves_from_an_empty_folder(secdesk: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data, folder = data_folder(request.config, tmp_path), tmp_path / "empty"
    folder.mkdir()
    served = Served.start(folder, command=(str(secdesk),), SECDESK_DATA=str(data), PYTHONPATH="", **WORDS).wait()
    try:
        served.become("dana.reyes")
        assert "Report phishing" in served.write("How do I report a suspicious mail?")
        assert "text/css" in served.ask("GET", "/static/app.css").headers["content-type"]
        assert 0 == served.stop()[0]
    finally:
        served.kill()


def test_python_m_bot_does_not_exist(secdesk: Path, tmp_path: Path) -> None:
    ran = run(secdesk.parent / "python", "-m", "bot", cwd=tmp_path)
    assert (1, True) == (ran.returncode, "'bot' is a package and cannot be directly executed" in ran.stderr)


def test_doctor_sees_another_package_named_bot(secdesk: Path, tmp_path: Path) -> None:
    """As when a second project of that name is installed beside us: its module comes first."""
    code = (
        "import sys, bot.app.doctor as doctor\n"
        "import bot; bot.__file__ = sys.argv[1]\n"
        "print([check.level for check in doctor._installation()])"
    )
    other = tmp_path / "bot" / "__init__.py"
    ran = run(secdesk.parent / "python", "-c", code, other, cwd=tmp_path)
    assert "['bad']\n" == ran.stdout, ran


# the lock files


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_lock_has_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    pinned = re.findall(r"^([a-zA-Z0-9][\w.-]*)(?:\[[\w,-]+\])?==", text, re.M)
    assert len(pinned) > 20
    for line in re.split(r"\n(?=[a-zA-Z0-9])", text.strip()):
        assert re.match(
            r"[\w.-]+(\[[\w,-]+\])?==\S+( ;[^\\\n]+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n?)+\Z", line + "\n"
        ), line
    assert "://" not in text


def test_the_lock_covers_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    locked = {plain(name) for name in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", lock, re.M)}
    assert set() == {plain(re.split(r"[^\w.-]", item)[0]) for item in wanted} - locked


def plain(name: str) -> str:
    """A distribution's name as packaging.python.org compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
