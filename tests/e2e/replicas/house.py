"""PostgreSQL, three replicas with folders of their own, a load balancer in front and a wire behind."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.contract.postgres import Server, binaries
from tests.e2e.mailbox.forwards import directory, people
from tests.e2e.replicas.traffic import Browser
from tests.e2e.replicas.wires import Balancer, Wire
from tests.served import SECDESK, Served, environment, free_port
from tests.warm import WORDS

NAMES = ("one", "two", "three")
PATIENCE = 120.0  # seconds for anything that has to come about; a machine may be busy
LINK = re.compile(r"(/console/sign-in\?token=\S+)")


@dataclass
class House:
    """`everybody` people beside those of the sample. Only the first replica is given their file; the others get it from it."""

    folder: Path
    cache: Path
    everybody: int
    server: Server = field(init=False)
    wire: Wire = field(init=False)
    balancer: Balancer = field(init=False)
    running: dict[str, Served] = field(default_factory=dict)
    logs: list[Path] = field(default_factory=list)
    code: dict[str, str] = field(default_factory=dict)
    away: list[tuple[float, float]] = field(default_factory=list)  # UTC epoch seconds without the database

    def __post_init__(self) -> None:
        programs = binaries()
        assert programs is not None
        self.server = Server(programs)
        self.wire = Wire(self.server.socket)
        self.ports = {name: free_port() for name in NAMES}
        self.balancer = Balancer(list(self.ports.values()))
        self.key = "v1:" + base64.b64encode(secrets.token_bytes(32)).decode()
        for name in (*NAMES, "admin"):
            (self.folder / name / "data").mkdir(parents=True, mode=0o700)
            shutil.copytree(self.cache, self.folder / name / "data" / "cache", ignore=shutil.ignore_patterns("lock"))
        directory(self.knowledge(NAMES[0]), people(self.everybody))

    def close(self) -> None:
        for served in self.running.values():
            served.kill()
        self.balancer.close()
        self.wire.close()
        self.server.stop()

    # replicas

    def knowledge(self, name: str) -> Path:
        return self.folder / name / "knowledge"

    def settings(self, name: str) -> dict[str, str]:
        return {
            **WORDS, "SECDESK_DATA": str(self.folder / name / "data"), "SECDESK_KNOWLEDGE": str(self.knowledge(name)),
            "SECDESK_DATABASE": f"postgresql://postgres@127.0.0.1:{self.wire.port}/postgres", "SECDESK_KEY": self.key,
            "SECDESK_REPLICA": name, "SECDESK_PUBLIC_URL": f"http://127.0.0.1:{self.balancer.port}",
            "SECDESK_APPROVAL": "0", **self.code,
        }  # fmt: skip

    def start(self, *names: str) -> None:
        """Start replicas, side by side, and wait until they take messages and run jobs."""
        for name in names:
            self.running[name] = Served.start(self.folder / name, port=self.ports[name], **self.settings(name))
            self.logs.append(self.running[name].err)
        for name in names:
            self.running[name].wait(PATIENCE)
        for name in names:
            self.until(lambda: self.ready(name), f"{name} is not ready")  # noqa: B023

    def ready(self, name: str) -> bool:
        try:
            return self.running[name].ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def kill(self, name: str) -> float:
        """`kill -9`; when."""
        process = self.running.pop(name).process
        os.kill(process.pid, signal.SIGKILL)
        assert -signal.SIGKILL == process.wait(10)
        return time.monotonic()

    def stop(self, *names: str) -> None:
        """As an operator does, side by side."""
        processes = [self.running.pop(name).process for name in names]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert {0} == {process.wait(60) for process in processes}

    def direct(self, name: str) -> Browser:
        """A browser that talks to one replica."""
        return Browser(self.ports[name])

    # from outside

    def secdesk(self, *arguments: str) -> str:
        """The command line, on a machine of its own."""
        command = [*SECDESK, *arguments]
        done = subprocess.run(
            command, env=environment(**self.settings("admin")), cwd=self.folder / "admin", capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def token(self) -> str:
        scopes = ("--scope", "see", "--scope", "work")
        return self.secdesk("token", "create", "traffic", "--for", "sam.ortiz", *scopes).split()[0]

    def console(self) -> Browser:
        """Sam, signed in, through the load balancer."""
        found = LINK.search(self.secdesk("console-link", "--as", "sam.ortiz", "--admin"))
        assert found
        browser = Browser(self.balancer.port)
        token = re.search(r'name="token" value="([^"]+)"', browser.ask("GET", found[1]).text)
        assert token
        assert 303 == browser.form("/console/sign-in", token=token[1]).status
        return browser

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return connection.execute(sql, values or None).fetchall()  # type: ignore[arg-type]

    def count(self, what: str) -> int:
        return int(self.rows(f"SELECT COUNT(*) FROM {what}")[0][0])

    def until(self, what: Callable[[], object], why: str, seconds: float = PATIENCE) -> float:
        """Wait for something; how long it took. Raises `AssertionError`."""
        begun = time.monotonic()
        while not what():
            if time.monotonic() > begun + seconds:
                raise AssertionError(f"{why}\n{self.said()}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def said(self) -> str:
        """The ends of the logs."""
        return "\n".join(f"--- {path.parent.name}\n{path.read_text('utf-8')[-3000:]}" for path in self.logs)

    def complaints(self) -> list[str]:
        """What was logged as an error, apart from a database that could not be reached."""
        found = []
        for path in self.logs:
            for line in path.read_text("utf-8").splitlines():
                if not line.startswith("{") or (said := json.loads(line))["level"] not in ("error", "critical"):
                    continue
                at = datetime.fromisoformat(said["at"]).timestamp()
                unreachable = "The database server" in said["message"] or said.get("error") == "StoreUnavailable"
                if not unreachable and not any(start <= at <= end for start, end in self.away):
                    found.append(f"{path.parent.name}: {said['logger']}: {said['message']} {said.get('error', '')}")
        return found
