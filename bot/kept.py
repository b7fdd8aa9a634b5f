"""What was built from content, kept between starts: reading YAML and checking it costs a start half a second.

A file in the cache folder, which only we can write (whoever can write there has our key and database as well). Its name is a hash
of the content, of what the content was checked against, and of our code, so it is never stale; a damaged one is made again. What
had faults is never kept: it is looked at, and complained of, at the next start too.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle  # nosec B403 (see `_read`)
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeVar

from bot.content import Shelf

log = logging.getLogger(__name__)
T = TypeVar("T")
_SUM = 32  # bytes of SHA-256 in front of the pickle


def kept(
    cache: Path | None,
    name: str,
    made_of: Iterable[bytes],
    kind: type[T],
    make: Callable[[], T],
    whole: Callable[[T], bool] = lambda _made: True,
) -> T:
    """What `make` made of the same bytes by the same code before, else what it makes now. Raises what `make` raises.

    `whole` tells whether it may be kept. `kind` is what it must be.
    """
    if cache is None:
        return make()
    path = cache / f"{name}-{_fingerprint(made_of)}.bin"
    if (found := _read(path, kind)) is not None:
        return found
    made = make()
    if whole(made):
        _write(path, name, made)
    return made


def content(shelf: Shelf, *listed: str) -> Iterator[bytes]:
    """The files of folders, and single files, of a shelf, as `kept` wants them: ours too where the organisation has its own."""
    for layer in (shelf, Shelf(shelf.packaged)) if shelf.overlay else (shelf,):
        for name in listed:
            files = [layer.file(name)] if name.endswith(".yaml") else layer.folder(name)
            for label, data, _ in filter(None, files):
                yield f"{label}\0{len(data)}\0".encode() + data


def names(*listed: Iterable[str] | str | bool | None) -> bytes:
    """Names that content is checked against, in whatever order they come."""
    return repr([item if item is None or isinstance(item, str | bool) else sorted(item) for item in listed]).encode()


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write aside, then move into place: a reader never sees half of it. Raises OSError; leaves nothing behind then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as out:
            write(out)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _fingerprint(made_of: Iterable[bytes]) -> str:
    found = hashlib.sha256(_code())
    for part in made_of:
        found.update(hashlib.sha256(part).digest())
    return found.hexdigest()[:24]


@lru_cache(maxsize=1)
def _code() -> bytes:
    """A hash of the interpreter and of all that reads, checks and shapes content."""
    found = hashlib.sha256(sys.version.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(source.read_bytes())
    return found.digest()


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_SUM:]).digest() != data[:_SUM]:
            return None
        made = pickle.loads(data[_SUM:])  # noqa: S301 # nosec B301 (ours, in a folder that holds our key)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever is wrong with a cache: it is only slower without
        log.warning("what was kept is made again", extra={"kept": path.name, "error": type(error).__name__})
        return None
    return made if isinstance(made, kind) else None


def _write(path: Path, name: str, made: object) -> None:
    with contextlib.suppress(OSError):
        data = pickle.dumps(made, protocol=5)
        replace_file(path, lambda out: out.write(hashlib.sha256(data).digest() + data))
        for old in path.parent.glob(f"{name}-*.bin"):
            if old != path:
                old.unlink(missing_ok=True)
