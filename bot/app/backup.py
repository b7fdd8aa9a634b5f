"""Backup and restore: everything that a new machine needs, in one encrypted file.

The file is a compressed tar inside age (age-encryption.org), sealed to public keys: the machine that makes backups cannot open
them, and the program `age` can. Tables are read in one snapshot and written as JSON lines, so what was kept in SQLite can go
into PostgreSQL and the other way round; an older backup is put into tables as they were then, and these are brought up to date.

Left out: sessions and links of the console, and the job engine's own file. Jobs that it had are handed over again, which
they allow. What was waiting to be sent when the backup was made is sent after a restore: the platforms may see it twice.
"""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyrage

from adapters.stores.dump import Dump, dumping, fill, left_over
from adapters.stores.open import connect
from adapters.vault import FILE as KEY
from adapters.vault import open_vault, parse_keys
from bot import __version__
from bot.app.exporting import ANCHORS
from bot.errors import ConfigError
from bot.ports import Db, Row
from bot.settings import FILE as TOML
from bot.settings import Settings

FORMAT = 1
ENDING = ".backup"
CHUNK = 4 << 20  # bytes of a table in one member, so that none has to be held whole
MEMBER = 256 << 20  # bytes of a member that we read; a row with the largest mail is far below
FIRST, STEPS, LAST = "backup.json", "migrations.json", "end.json"
_FOLDERS = ("knowledge", "spool")


@dataclass
class Backup:
    """What went into a file, or came out: rows by table, number of files, epoch seconds at which it was made."""

    path: Path
    made: float = 0.0
    tables: dict[str, int] = field(default_factory=dict)
    files: int = 0


def new_key(path: Path) -> str:
    """Make a key that opens backups, in a file of its own; the public key to seal them to. Raises `ConfigError`."""
    identity = pyrage.x25519.Identity.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} is there already: name a new file, an old key still opens old backups") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "w") as file:
        file.write(f"# Opens backups of Secdesk. Public key: {identity.to_public()}\n{identity}\n")
    return str(identity.to_public())


def back_up(settings: Settings, db: Db, target: Path, to: tuple[str, ...]) -> Backup:
    """Write a backup into the file `target`, or into a new file of the folder `target`. It is there whole or not at all.

    Raises `ConfigError` for a public key that cannot be read and a file that cannot be written.
    """
    recipients = [_recipient(key) for key in to]
    if not recipients:
        raise ConfigError("nobody could open that backup: make a key (secdesk backup --new-key FILE) and give --to")
    now = time.time()
    if target.is_dir():
        target = target / f"secdesk-{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H%M%SZ}{ENDING}"
    done = Backup(target, now)
    partial = target.with_name(target.name + ".part")
    try:
        with _private(partial) as file, _sealing(file, recipients) as out:
            _write_all(settings, db, out, done)
            file.flush()
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror or type(error).__name__})") from None
    finally:
        partial.unlink(missing_ok=True)
    return done


def _write_all(settings: Settings, db: Db, out: IO[bytes], done: Backup) -> None:
    with tarfile.open(fileobj=out, mode="w|gz") as archive:
        _add(
            archive,
            FIRST,
            json.dumps({"format": FORMAT, "secdesk": __version__, "made": done.made}).encode(),
            done.made,
        )
        # Anchors and the spool are read before the snapshot. A later anchor would accuse it of a missing tail; what leaves the
        # spool meanwhile would be in neither.
        for name, data in _files(settings):
            _add(archive, name, data, done.made)
            done.files += 1
        with dumping(db) as dump:
            _add(archive, STEPS, json.dumps(dump.migrations()).encode(), done.made)
            for table in dump.tables():
                done.tables[table] = _add_table(archive, dump, table, done.made)
        _add(archive, LAST, json.dumps({"tables": done.tables, "files": done.files}).encode(), done.made)


def _files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    data = settings.data
    with suppress(FileNotFoundError):
        yield TOML, (settings.folder / TOML).read_bytes()
    yield KEY, settings.key.encode() if settings.key.strip() else (data / KEY).read_bytes()
    with suppress(FileNotFoundError):
        yield ANCHORS, (data / ANCHORS).read_bytes()
    for name, folder in (("spool", data / "spool"), ("knowledge", settings.knowledge)):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            with suppress(FileNotFoundError):  # replayed or renamed meanwhile
                if path.is_file() and not path.is_symlink():
                    yield f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def _add_table(archive: tarfile.TarFile, dump: Dump, table: str, at: float) -> int:
    count = part = 0
    lines = io.BytesIO()
    for row in dump.rows(table):
        lines.write(json.dumps(row, ensure_ascii=False, default=_bytes).encode() + b"\n")
        count += 1
        if lines.tell() > CHUNK:
            _add(archive, f"tables/{table}/{part:06}.jsonl", lines.getvalue(), at)
            lines, part = io.BytesIO(), part + 1
    _add(archive, f"tables/{table}/{part:06}.jsonl", lines.getvalue(), at)
    return count


def _add(archive: tarfile.TarFile, name: str, data: bytes, at: float) -> None:
    if len(data) > MEMBER:  # as reading it back would say, when it is too late
        raise ConfigError(f"{name} is too large for a backup ({len(data) >> 20} MB): the most is {MEMBER >> 20} MB")
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), int(at), 0o600
    archive.addfile(info, io.BytesIO(data))


# back again


def restore(settings: Settings, source: Path, key: Path, again: Callable[[], Settings]) -> Backup:
    """Put a backup into an empty place: data folder and database of the settings, which are read `again` once its
    secdesk.toml lies there. All of the database or nothing of it. Raises `ConfigError`."""
    done, members = Backup(source), _members(source, key)
    _first(members, done)
    place = _Place(settings, again)
    steps = _files_and_steps(members, done, place.take)
    db = connect(place.settings.database, place.settings.data)
    try:
        if left := left_over(db):
            raise ConfigError(f"the database is not empty ({left}): restore into a new one")
        fill(db, steps, _rows(members, done))
    finally:
        db.close()
    return done


def check(source: Path, key: Path) -> Backup:
    """Read a backup from its first byte to its last, and write nothing. Raises `ConfigError`."""
    done, members = Backup(source), _members(source, key)
    _first(members, done)
    _files_and_steps(members, done, lambda _name, _data: None)
    for _ in _rows(members, done):
        pass
    return done


def _first(members: Iterator[tuple[str, bytes]], done: Backup) -> None:
    name, data = next(members, ("", b""))
    first = _json(data) if name == FIRST else None
    made = first.get("made") if isinstance(first, dict) and first.get("format") == FORMAT else None
    if not isinstance(made, int | float):
        raise ConfigError(f"{done.path} is not a backup that this Secdesk can read")
    done.made = float(made)


def _files_and_steps(
    members: Iterator[tuple[str, bytes]], done: Backup, take: Callable[[str, bytes], None]
) -> list[str]:
    """The steps that the tables are at. Files come before, since settings among them say where the tables go."""
    for name, data in members:
        if name == STEPS:
            steps = _json(data)
            if not isinstance(steps, list):
                raise _odd(name)
            return [str(step) for step in steps]
        take(name, data)
        done.files += 1
    raise ConfigError(f"{done.path} ends too early: use another backup")


def _rows(members: Iterator[tuple[str, bytes]], done: Backup) -> Iterator[tuple[str, Row]]:
    """The rows of all tables. At its end everything was there, to the last seal, or `ConfigError`."""
    said: dict[str, Any] = {}
    for name, data in members:
        if name == LAST:
            said = _json(data)
            continue
        table = name.split("/")[1] if name.startswith("tables/") else ""
        if not table:
            raise _odd(name)
        done.tables.setdefault(table, 0)
        for line in data.splitlines():
            done.tables[table] += 1
            row = _json(line, _unbytes)
            if not isinstance(row, dict):
                raise _odd(name)
            yield table, row
    if said != {"tables": done.tables, "files": done.files}:
        raise ConfigError(f"{done.path} does not hold what it says it holds: use another backup")


class _Place:
    """Where the files of a backup go. Nothing that is there is written over."""

    def __init__(self, settings: Settings, again: Callable[[], Settings]) -> None:
        self.settings, self._again = settings, again

    def take(self, name: str, data: bytes) -> None:
        """Raises `ConfigError` where something else is in the way, or for a name that leads elsewhere."""
        if name == TOML:
            _put(self.settings.folder / TOML, data)
            self.settings = self._again()
        elif name == KEY:
            self._key(data)
        elif name == ANCHORS:
            _put(self.settings.data / ANCHORS, data)
        else:
            folder, _, inside = name.partition("/")
            path = PurePosixPath(inside)
            if folder not in _FOLDERS or path.is_absolute() or not inside or ".." in path.parts:
                raise _odd(name)
            base = self.settings.knowledge if folder == "knowledge" else self.settings.data / "spool"
            _put(base / path, data)

    def _key(self, data: bytes) -> None:
        if not self.settings.key.strip():
            _put(self.settings.data / KEY, data)
            open_vault("", self.settings.data)
        elif parse_keys(self.settings.key, "SECDESK_KEY") != parse_keys(data.decode("ascii"), "the backup's key"):
            raise ConfigError("SECDESK_KEY is not the key this backup was made with: unset it, or set that one")


def _put(path: Path, data: bytes) -> None:
    """A file where there is none, or the same again."""
    if path.is_file():
        if path.read_bytes() != data:
            raise ConfigError(f"{path} is there already and differs: restore into an empty folder")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _private(path) as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None


# sealing


def _recipient(key: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(key.strip())
    except pyrage.RecipientError:
        raise ConfigError(f"{key[:80]!r} is not a public key for backups: it starts with age1") from None


def _identities(path: Path) -> list[pyrage.x25519.Identity]:
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines()]
        return [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError):
        raise ConfigError(
            f"{path}: no key for backups can be read there (a line that starts AGE-SECRET-KEY-)"
        ) from None


@contextmanager
def _sealing(file: IO[bytes], recipients: list[pyrage.x25519.Recipient]) -> Iterator[IO[bytes]]:
    """What is written goes sealed into the file, through a pipe: neither side has to hold it all."""
    inlet, outlet = os.pipe()
    failed: list[BaseException] = []

    def seal() -> None:
        with os.fdopen(inlet, "rb") as source:
            try:
                pyrage.encrypt_io(source, file, recipients)
            except BaseException as error:  # handed to whoever waits for us
                failed.append(error)

    thread = threading.Thread(target=seal, name="backup-seal", daemon=True)
    thread.start()
    try:
        with os.fdopen(outlet, "wb") as out:
            yield out
    except BrokenPipeError:
        pass  # the reason is the other side's
    finally:
        thread.join()
    if failed:
        raise failed[0] if isinstance(failed[0], OSError) else OSError(str(failed[0]))


def _members(source: Path, key: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file in a backup, in its order. Raises `ConfigError` where it cannot be read to its end."""
    identities = _identities(key)
    if not source.is_file():
        raise ConfigError(f"{source} is not there")
    inlet, outlet = os.pipe()
    failed: list[BaseException] = []

    def unseal() -> None:
        with os.fdopen(outlet, "wb") as out, source.open("rb") as file:
            try:
                pyrage.decrypt_io(file, out, identities)
            except BaseException as error:  # handed to whoever reads
                failed.append(error)

    thread = threading.Thread(target=unseal, name="backup-unseal", daemon=True)
    thread.start()
    broken = f"{source}: it cannot be opened with that key, or it was cut off or changed"
    try:
        with os.fdopen(inlet, "rb") as pipe, tarfile.open(fileobj=pipe, mode="r|gz") as archive:
            for info in archive:
                found = archive.extractfile(info) if info.isreg() and info.size <= MEMBER else None
                if found is None:
                    raise ConfigError(f"the backup holds something that no backup of ours has: {info.name[:80]!r}")
                yield info.name, found.read()
            while pipe.read(1 << 16):  # to the end, so that the last seal is checked too
                pass
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise ConfigError(broken) from None
    finally:
        thread.join(10)
    if failed:
        raise ConfigError(broken)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _json(data: bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Whoever knows the public key can seal an archive, so that what is in one is not ours before it has been looked at."""
    try:
        return json.loads(data, object_hook=hook)
    except (ValueError, TypeError, RecursionError):
        raise ConfigError("the backup holds something that no backup of ours has: use another one") from None


def _odd(name: str) -> ConfigError:
    return ConfigError(f"the backup holds a file that no backup of ours has: {name[:80]!r}")


def _bytes(value: object) -> dict[str, str]:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    raise TypeError(type(value).__name__)


def _unbytes(found: dict[str, Any]) -> Any:
    return base64.b64decode(found["base64"]) if set(found) == {"base64"} else found
