"""Schemathesis against the API of a running `secdesk serve`: `python -m tests.e2e.api.run`.

It makes requests of the API's own description, good and bad ones, and looks at every answer: no server error, nothing that is
not described, every body as described, every bad request refused, nothing without a token. First with any parameters, then at a
ticket, a reported mail and an answer that are really there. About a minute and a half.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.e2e.run import answers, free_port

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SECONDS = 40  # of each round
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "allow_header_conformance", "ignored_auth",
)  # fmt: skip
SCOPES = ("see", "people", "work", "send", "manage")
MAIL = "From: IT <it@northw1nd-help.example>\nTo: ama.mensah@northwind.example\nSubject: Your mailbox is full\n\nAct now.\n"
THERE = """[parameters]
"path.number" = "SEC-101"
"path.id" = "{entry}"
"""
ROLES = 'what: "Administrators and the help desk; they work tickets in the console"'


def main() -> int:
    """1 if a round found anything."""
    with tempfile.TemporaryDirectory(prefix="secdesk-api-") as name:
        folder, port = Path(name), free_port()
        everything(folder)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECDESK_FOLDER": name, "SECDESK_PORT": str(port),
                       "SECDESK_SEARCH": "words", "SECDESK_API_PER_MINUTE": "1000000"}  # fmt: skip
        (folder / "full.eml").write_text(MAIL)
        secdesk(environment, "report", "full.eml", "--as", "ama.mensah")
        scopes = [part for scope in SCOPES for part in ("--scope", scope)]
        token = secdesk(environment, "token", "create", "schemathesis", "--for", "sam.ortiz", *scopes).split()[0]
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen([*command(), "serve"], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            base = f"http://127.0.0.1:{port}"
            wait(server, base, folder / "server.log")
            (folder / "there.toml").write_text(THERE.format(entry="real-or-phishing"))
            rounds = [("anything", []), ("what is there", ["--config-file", str(folder / "there.toml")])]
            found = [hunt(folder, f"{base}/api/v1/openapi.json", token, what, config) for what, config in rounds]
            traceback = "Traceback" in (folder / "server.log").read_text("utf-8", errors="replace")
            if traceback:
                print((folder / "server.log").read_text("utf-8", errors="replace")[-4000:], file=sys.stderr)
            return int(any(found) or traceback)
        finally:
            server.terminate()
            server.wait(30)


def everything(folder: Path) -> None:
    """The help desk has every role in the console, so that no endpoint is closed to the token."""
    roles = (ROOT / "knowledge" / "roles.yaml").read_text("utf-8")
    assert ROLES in roles
    (folder / "knowledge").mkdir()
    more = f"{ROLES}\n    console: [analyst, author, approver, admin]"
    (folder / "knowledge" / "roles.yaml").write_text(roles.replace(ROLES, more), "utf-8")


def hunt(folder: Path, description: str, token: str, what: str, config: list[str]) -> int:
    """One round; schemathesis' exit code."""
    print(f"schemathesis, {what}:", flush=True)
    program = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [str(program), *config, "run", description, "-H", f"Authorization: Bearer {token}",
         "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS), "-c", ",".join(CHECKS),
         "--generation-deterministic", "--continue-on-failure",
         "--warnings", "off"],
        cwd=folder, check=False,
    ).returncode  # fmt: skip


def secdesk(environment: dict[str, str], *arguments: str) -> str:
    """A command's output."""
    done = subprocess.run(
        [*command(), *arguments],
        cwd=environment["SECDESK_FOLDER"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def command() -> list[str]:
    return [sys.executable, "-c", "import sys; from bot.cli import main; sys.exit(main())"]


def wait(server: subprocess.Popen[bytes], base: str, log: Path) -> None:
    """Until it answers. Raises `SystemExit` with its log when it does not come up."""
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        if answers(f"{base}/healthz"):
            urllib.request.urlopen(f"{base}/api/v1/openapi.json", timeout=10).close()
            return
        time.sleep(0.2)
    server.kill()
    raise SystemExit(f"the server did not start:\n{log.read_text('utf-8', errors='replace')[-4000:]}")


if __name__ == "__main__":
    raise SystemExit(main())
