"""The real `secdesk serve` as a process, and a browser without scripts that talks to it."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

SECDESK = (sys.executable, "-c", "from bot.cli import main; raise SystemExit(main())")
ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**settings: str) -> dict[str, str]:
    """Ours without anybody's SECDESK_* settings, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SECDESK_")}
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Served:
    """A running server. `said` is what it printed; `log` its log."""

    process: subprocess.Popen[bytes]
    port: int
    out: Path
    err: Path
    cookies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, folder: Path, *, command: tuple[str, ...] = SECDESK, port: int = 0, **settings: str) -> Served:
        """Start it in `folder` (does not wait)."""
        port = port or free_port()
        out, err = folder / f"out-{port}-{secrets.token_hex(3)}", folder / f"err-{port}-{secrets.token_hex(3)}"
        with out.open("wb") as said, err.open("wb") as log:
            process = subprocess.Popen(
                [*command, "serve"],
                cwd=folder,
                stdout=said,
                stderr=log,
                env=environment(SECDESK_PORT=str(port), **settings),
            )
        return cls(process, port, out, err)

    @property
    def said(self) -> str:
        return self.out.read_text("utf-8")

    @property
    def log(self) -> str:
        return self.err.read_text("utf-8")

    def wait(self, seconds: float = 60.0) -> Served:
        """Until it answers. Raises `RuntimeError` with its log when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask("GET", "/healthz").status == 200:
                    return self
            except OSError:
                time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"the server did not start:\n{self.said}\n{self.log}")

    def wait_for(self, what: str, path: str, seconds: float = 30.0) -> Answer:
        """Until a page holds a text."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            page = self.ask("GET", path)
            if what in page.text:
                return page
            time.sleep(0.05)
        raise AssertionError(f"{what!r} did not come up at {path}:\n{page.text}")

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """One request as a browser makes it from our own page, cookies kept, redirects not followed."""
        url = f"http://127.0.0.1:{self.port}"
        sent = {"Origin": url, "Sec-Fetch-Site": "same-origin", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie" and (pair := re.match(r"([^=]+)=([^;]*)", value)):
                self.cookies[pair[1]] = pair[2]
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)

    def become(self, person: str) -> Answer:
        """Choose who one is in the local web chat."""
        return self.ask("POST", "/who", {"person": person})

    def write(self, text: str) -> str:
        """Send a message in the chat, as the form does, and return the page one lands on."""
        sent = self.ask("POST", "/chat/send", {"text": text, "event": secrets.token_hex(12)})
        if sent.status != 303:
            raise AssertionError(f"{sent.status}: {sent.text}")
        return self.ask("GET", sent.headers["location"].partition("#")[0]).text

    def stop(self, seconds: float = 30.0) -> tuple[int, float]:
        """SIGTERM; (exit code, seconds it took)."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds), time.monotonic() - started

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
