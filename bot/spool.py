"""Emergencies that came while the database could not be written: one fsynced file each, replayed later."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from bot.errors import StoreUnavailable

log = logging.getLogger(__name__)


class Spool:
    """A folder of sealed JSON files. `seal`/`unseal` come from the vault: what is said in trouble is private."""

    def __init__(self, folder: Path, seal: Callable[[bytes], bytes], unseal: Callable[[bytes], bytes]) -> None:
        self._folder, self._seal, self._unseal = folder, seal, unseal

    def keep(self, key: str, record: Mapping[str, object]) -> bool:
        """Write a record to disk for good; the same key once. False when even that is impossible (full disk)."""
        path = self._folder / (sha256(key.encode()).hexdigest()[:32] + ".spool")
        partial = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with partial.open("wb") as file:
                file.write(self._seal(json.dumps(dict(record)).encode()))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            log.error("emergency could not be spooled: %s", error.strerror)
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
        return True

    def waiting(self) -> list[Path]:
        return sorted(self._folder.glob("*.spool")) if self._folder.is_dir() else []

    def replay(self, handle: Callable[[dict[str, Any]], None]) -> int:
        """Give each record to `handle` and remove it when that worked; the number replayed.

        A file that cannot be read is set aside. A record that `handle` cannot take stays and holds up no other; while the
        database is away (`StoreUnavailable`) all stay, and that is raised.
        """
        done = 0
        for path in self.waiting():
            try:
                record = json.loads(self._unseal(path.read_bytes()))
            except Exception:
                log.exception("spool file cannot be read; set aside")
                path.rename(path.with_suffix(".bad"))
                continue
            try:
                handle(record)
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("a spooled emergency could not be replayed; it stays", extra={"file": path.name})
                continue
            path.unlink()
            done += 1
        return done
