"""Secdesk in the playground, in a network of its own: `python -m tests.e2e.teams.run`.

The playground listens on every address, so everything runs in a network namespace where there is only loopback (Linux, no
root needed). Its licence is for evaluation: it is installed here by npm and shipped nowhere. Pictures of what was seen are left
in `build/teams`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.run import answers, chromium

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
INSIDE = "SECDESK_E2E_INSIDE"
PORT, PLAYGROUND = 3978, 56150
TENANT = "00000000-0000-0000-0000-0000000000001"
SCHEMA = HERE / "node_modules/@microsoft/app-manifest/build/json-schemas/teams/v1.19/MicrosoftTeams.schema.json"


def main() -> int:
    """Exit code of the tests."""
    if os.environ.get(INSIDE):
        loopback_up()
        return tests()
    if not (HERE / "node_modules/markdown-it").is_dir():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    if code := package():
        return code
    command = ["unshare", "-rn", sys.executable, "-m", "tests.e2e.teams.run"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, INSIDE: "1"}, check=False).returncode


def package() -> int:
    """The app package against the official schema."""
    given = {"SECDESK_TEAMS_APP_ID": "8a1f6f0e-0000-4000-8000-00000000a991",
             "SECDESK_PUBLIC_URL": "https://secdesk.northwind.example"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "manifest/teams/package.py", "--out", f"{folder}/teams.zip", "--schema", str(SCHEMA)]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, check=False).returncode


def loopback_up() -> None:
    """`ip link set lo up`, without the program (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(probe, 0x8913, name))[1]
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def tests() -> int:
    """Start everything, run the browser, stop everything."""
    shipped = ROOT / "build/teams/shipped"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.e2e.teams.shipped", str(shipped)], cwd=ROOT, check=True
    )
    with tempfile.TemporaryDirectory(prefix="secdesk-teams-") as folder:
        home, play = Path(folder) / "home", Path(folder) / "play"
        home.mkdir()
        play.mkdir()
        shutil.copy(HERE / "playground.yml", play / ".m365agentsplayground.yml")
        running = []
        try:
            running.append(start(serve(home), home, f"http://127.0.0.1:{PORT}/healthz", environment(home)))
            running.append(start(playground(), play, f"http://127.0.0.1:{PLAYGROUND}/", dict(os.environ)))
            seen = {
                "CHROMIUM": chromium(),
                "PLAYGROUND": f"http://localhost:{PLAYGROUND}/",
                "PICTURES": str(ROOT / "build/teams"),
                "SHIPPED": str(shipped),
            }
            command = ["node", "--test", "--test-concurrency=1", "cards.mjs", "playground.mjs"]
            return subprocess.run(command, cwd=HERE, env={**os.environ, **seen}, check=False).returncode
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait(30)


def environment(home: Path) -> dict[str, str]:
    """Settings of the bot under test."""
    given = {"FOLDER": str(home), "PORT": str(PORT), "CHANNELS": "teams,web", "SEARCH": "words", "TEAMS_APP_ID": "playground",
             "TEAMS_TENANT": TENANT, "TEAMS_DESK": "19:desk@thread.tacv2",
             "TEAMS_PLAYGROUND": f"http://localhost:{PLAYGROUND}"}  # fmt: skip
    return {**os.environ, "PYTHONPATH": str(ROOT), **{f"SECDESK_{name}": value for name, value in given.items()}}


def serve(_home: Path) -> list[str]:
    return [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main(['serve']))"]


def playground() -> list[str]:
    program = str(HERE / "node_modules/@microsoft/m365agentsplayground/cli.js")
    endpoint = f"http://127.0.0.1:{PORT}/api/messages"
    return ["node", program, "start", "-e", endpoint, "-c", "msteams", "-p", str(PLAYGROUND), "--disable-telemetry"]


def start(command: list[str], folder: Path, url: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process that answers at `url`. Raises `SystemExit` with its output when it does not."""
    log = folder / "output.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
    until = time.monotonic() + 300  # the first start of all prepares the search
    while time.monotonic() < until and process.poll() is None:
        if answers(url):
            return process
        time.sleep(0.1)
    process.kill()
    raise SystemExit(f"{command[0]} did not start:\n{log.read_text('utf-8', errors='replace')[-3000:]}")


if __name__ == "__main__":
    raise SystemExit(main())
