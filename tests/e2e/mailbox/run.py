"""The reporting mailbox on a real IMAP server: `python -m tests.e2e.mailbox.run`.

What the port promises, over TLS and with tokens, and 400 forwards while the process is killed six times. Dovecot comes from the
system (Debian: `dovecot-imapd`, which `.ci/run` installs); where there is none this is said and not tested.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.mailbox.dovecot import Missing, program

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent


def main() -> int:
    """Exit code of the tests."""
    try:
        program()
    except Missing as why:
        print(f"The reporting mailbox was not tested on a real server: {why}.", file=sys.stderr)
        return 0
    files = [str(HERE / name) for name in ("promises.py", "kills.py")]
    command = [sys.executable, "-m", "pytest", *files, "-n", "0", "-v", "-s", "--timeout", "900", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
