"""Secdesk in a workspace of a Slack server that somebody else wrote: `python -m tests.e2e.slack.run`.

The server (local-slack: MIT, one binary, installed here by npm) listens on every address and takes any token, so everything
runs in a network namespace where there is only loopback (Linux, no root needed). What it cannot do (faults, limits, message
shortcuts) is tested on our own fake. Each scene runs twice: over signed HTTP, and in Socket Mode. Another one (emulate:
Apache-2.0) has a consent page and checks the rights of a token; there the app is installed.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.e2e.teams.run import loopback_up

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
INSIDE = "SECDESK_E2E_SLACK_INSIDE"


def main() -> int:
    """Exit code of the tests."""
    if os.environ.get(INSIDE):
        loopback_up()
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(HERE / "scenes.py"),
            str(HERE / "install.py"),
            "-n",
            "0",
            "-v",
            "--timeout",
            "180",
            *sys.argv[1:],
        ]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        print("The Slack server for these tests is there for Linux on x86-64 only; not tested here.", file=sys.stderr)
        return 0
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    command = ["unshare", "-rn", sys.executable, "-m", "tests.e2e.slack.run", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, INSIDE: "1"}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
