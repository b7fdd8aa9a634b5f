"""Secdesk beside a real Request Tracker 5 from Debian's packages: `python -m tests.e2e.tracker.run`.

As root the packages are installed if they are not there. Where they cannot be, it says so and is no failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.tracker.server import PACKAGES, install, installed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent


def main() -> int:
    """Exit code of the tests."""
    if not installed():
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            print(
                f"NOT TESTED WITH A REAL REQUEST TRACKER: as root, apt-get install {' '.join(PACKAGES)}",
                file=sys.stderr,
            )
            return 0
        install()
    scenes = [
        sys.executable,
        "-m",
        "pytest",
        str(HERE / "scenes.py"),
        "-n",
        "0",
        "-v",
        "--timeout",
        "120",
        *sys.argv[1:],
    ]
    return subprocess.run(scenes, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
