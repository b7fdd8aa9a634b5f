"""The built gate, kept between starts: building it from YAML takes half a second, reading it back a tenth of that.

The file lies in the data folder, which only we can write (whoever can write there has our key and database as well). Its name
is a hash of the content files and of the code that reads them, and a damaged one is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import sys
from pathlib import Path

from bot.answering.emergency import Gate
from bot.answering.emergency_book import FOLDER
from bot.answering.files import replace_file
from bot.content import Shelf

log = logging.getLogger(__name__)
_PREFIX = "emergency-"
_SUM = 32  # bytes of SHA-256 in front of the pickle


def open_gate(shelf: Shelf, cache: Path | None) -> Gate:
    """The gate of a shelf, from the cache folder if it is there and whole. Never raises."""
    if cache is None:
        return Gate(shelf)
    path = cache / f"{_PREFIX}{_fingerprint(shelf)}.bin"
    gate = _kept(path)
    if gate is None:
        gate = Gate(shelf)
        if not gate.faults:  # a broken file is looked at again at the next start
            _keep(path, gate)
    return gate


def _fingerprint(shelf: Shelf) -> str:
    found = hashlib.sha256(sys.version.encode())
    for label, data, _ in shelf.folder(FOLDER):
        found.update(f"{label}\0{len(data)}\0".encode() + data)
    for source in sorted(Path(__file__).parent.glob("emergency*.py")):
        found.update(source.read_bytes())
    return found.hexdigest()[:24]


def _kept(path: Path) -> Gate | None:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_SUM:]).digest() != data[:_SUM]:
            return None
        gate = pickle.loads(data[_SUM:])  # noqa: S301 (our own file, in a folder that holds our key)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever is wrong with a cache: it is only slower without
        log.warning("the kept emergency gate is made again", extra={"error": type(error).__name__})
        return None
    return gate if isinstance(gate, Gate) else None


def _keep(path: Path, gate: Gate) -> None:
    data = pickle.dumps(gate, protocol=5)
    with contextlib.suppress(OSError):
        replace_file(path, lambda out: out.write(hashlib.sha256(data).digest() + data))
        for old in path.parent.glob(f"{_PREFIX}*.bin"):
            if old != path:
                old.unlink(missing_ok=True)
