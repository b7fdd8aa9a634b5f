"""Start Secdesk in an empty folder, run the browser tests against it, and stop it again.

`python -m tests.e2e.run` uses `secdesk serve`; `--fixture` a server with sample tickets instead of the whole program;
`--screenshots FOLDER` takes the README's pictures, `--trees` writes the accessibility trees of all pages anew. Needs node,
npm and Chromium (Debian: `apt-get install chromium nodejs npm`; another place: `CHROMIUM=/path`).
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LINK = re.compile(r"(http://\S+/console/sign-in\?token=\S+)")
START_SECONDS = 300  # the first start of all prepares the search


def main() -> int:
    """Exit code of the tests."""
    parser = argparse.ArgumentParser(description="Browser tests of the web chat and the console.")
    parser.add_argument("--fixture", action="store_true", help="a server with sample tickets")
    parser.add_argument("--screenshots", type=Path, help="take the pictures of the README into this folder")
    parser.add_argument("--trees", action="store_true", help="write the accessibility trees of all pages anew")
    parser.add_argument("files", nargs="*", help="test files (default: all)")
    options = parser.parse_args()
    environment = {**os.environ, "CHROMIUM": chromium()}
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    with tempfile.TemporaryDirectory(prefix="secdesk-e2e-") as folder:
        port = free_port()
        server, link = start(Path(folder), port, fixture=options.fixture)
        still, standing = None, Path(folder) / "still"
        try:
            still, address = stand_still(standing)
            environment.update(E2E_STILL_URL=address, E2E_STILL=str(standing / "still.json"))
            environment.update(E2E_URL=f"http://127.0.0.1:{port}", E2E_LINK=link, PYTHONPATH=str(ROOT))
            environment.update(
                SECDESK_FOLDER=folder, SECDESK_PORT=str(port), E2E_FIXTURE="1" if options.fixture else ""
            )
            another = secdesk(port, folder, "link", fixture=options.fixture)
            environment.update(E2E_LINK_COMMAND=shlex.join(another))
            command = ["node", "--test", "--test-concurrency=1", *options.files]
            if options.screenshots:
                command = ["node", "screenshots.mjs", str(options.screenshots.resolve())]
            if options.trees:
                environment["E2E_TREES"] = "write"
                command = ["node", "--test", "--test-name-pattern=accessibility tree", "every.test.mjs"]
            code = subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
            if options.screenshots:
                shrink(options.screenshots)
            return code
        finally:
            for process in (server, still):
                if process:
                    process.terminate()
                    process.wait(30)


def start(folder: Path, port: int, *, fixture: bool) -> tuple[subprocess.Popen[bytes], str]:
    """(the server, a sign-in link). Raises `SystemExit` with its log when it does not come up."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECDESK_FOLDER": str(folder), "SECDESK_PORT": str(port)}
    log = folder / "server.log"
    with log.open("wb") as out:
        command = secdesk(port, str(folder), "serve", fixture=fixture)
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        found = LINK.search(log.read_text("utf-8", errors="replace"))
        if found and answers(f"http://127.0.0.1:{port}/healthz"):
            return server, found[1]
        time.sleep(0.1)
    server.kill()
    raise SystemExit(f"the server did not start:\n{log.read_text('utf-8', errors='replace')[-4000:]}")


def shrink(folder: Path) -> None:
    """Pictures of few colours: a third of the bytes, and nobody sees the difference."""
    from PIL import Image

    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def stand_still(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """(a server with something on every page, whose clock stands still; its address). Raises `SystemExit` with its log."""
    folder.mkdir()
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, "-W", "ignore", "-m", "tests.e2e.still", str(port), str(folder)]
    with log.open("wb") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    until, address = time.monotonic() + START_SECONDS, f"http://127.0.0.1:{port}"
    while time.monotonic() < until and server.poll() is None:
        if answers(f"{address}/healthz"):
            return server, address
        time.sleep(0.1)
    server.kill()
    raise SystemExit(f"the server that stands still did not start:\n{log.read_text('utf-8', errors='replace')[-4000:]}")


def secdesk(port: int, folder: str, what: str, *, fixture: bool) -> list[str]:
    """The command that serves, or that prints another link (`what` is `serve` or `link`)."""
    if fixture:
        return [sys.executable, "-W", "ignore", "-m", "tests.fakes.web", str(port), folder, what]
    verb = {"serve": "serve", "link": "console-link"}[what]
    return [
        sys.executable,
        "-c",
        f"import sys; from bot.cli import main; raise SystemExit(main(['{verb}', *sys.argv[1:]]))",
    ]


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def chromium() -> str:
    """Path of a Chromium. Raises `SystemExit` saying how to get one."""
    given = os.environ.get("CHROMIUM")
    names = [given] if given else ["chromium", "chromium-browser", "google-chrome"]
    for name in names:
        if found := shutil.which(name):
            return found
    raise SystemExit("no Chromium here: apt-get install chromium, or set CHROMIUM to its path")


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
