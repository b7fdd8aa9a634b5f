"""Embeddings of known texts, kept by the hash of the text, so that an edit costs only the texts it changed."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.kept import replace_file

Floats = NDArray[np.float32]
_WORTH_THREADS = 64  # texts; fewer are done before the threads have started
_MOST_THREADS = 4


class Encoder(Protocol):
    """Text to a vector of length one. `name` changes whenever its vectors would."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def encode(self, text: str) -> Floats: ...


class Embedded:
    """Vectors of texts through one encoder, with a file behind it. A damaged file is a miss, never an error.

    `kind`: what texts these are; each kind has a file of its own.
    """

    def __init__(self, encoder: Encoder, folder: Path | None, kind: str = "vectors") -> None:
        self._encoder = encoder
        self._path = folder / f"{kind}-{encoder.name}.npz" if folder else None
        self.encoded = 0  # texts that had to be encoded, for tests and `doctor`

    @property
    def kept(self) -> bool:
        """Whether there is a file."""
        return self._path is not None and self._path.is_file()

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of all texts, shape (texts, dim). The file then holds exactly these."""
        known = self._load()
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        known.update(zip(missing, _encode(self._encoder, list(missing.values())), strict=True))
        found = np.empty((len(texts), self._encoder.dim), np.float32)
        for i, key in enumerate(keys):
            found[i] = known[key]
        self.encoded += len(missing)
        if missing:
            self._save(keys, found)
        return found

    def _load(self) -> dict[bytes, Floats]:
        if self._path is None:
            return {}
        with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            with np.load(self._path, allow_pickle=False) as stored:
                keys, vectors = stored["keys"], stored["vectors"]
            if vectors.shape == (len(keys), self._encoder.dim) and vectors.dtype == np.float32:
                return {bytes(key): vector for key, vector in zip(keys, vectors, strict=True)}
        return {}

    def _save(self, keys: Sequence[bytes], vectors: Floats) -> None:
        if self._path is None:
            return
        packed = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 16)
        with suppress(OSError):
            replace_file(self._path, lambda out: np.savez(out, keys=packed, vectors=vectors))


class Vectors:
    """Vectors for all views of a search at once: an encoder that serves two of them is asked about each text once.

    `wanted` names, by encoder, every text that will be asked for. Nothing is encoded before somebody asks.
    """

    def __init__(self, wanted: Mapping[str, Sequence[str]], folder: Path | None, kind: str = "vectors") -> None:
        self._wanted, self._folder, self._kind = wanted, folder, kind
        self._found: dict[str, tuple[dict[str, int], Floats]] = {}

    def of(self, encoder: Encoder, texts: Sequence[str]) -> Floats:
        """Vectors of texts, shape (texts, dim)."""
        if encoder.name not in self._found:
            every = list(dict.fromkeys(self._wanted[encoder.name]))
            places = {text: i for i, text in enumerate(every)}
            self._found[encoder.name] = places, Embedded(encoder, self._folder, self._kind).vectors(every)
        places, vectors = self._found[encoder.name]
        result: Floats = vectors[[places[text] for text in texts]]
        return result


def _encode(encoder: Encoder, texts: Sequence[str]) -> list[Floats]:
    """Each text through the encoder; many of them on several threads (the runtimes let go of the interpreter)."""
    workers = min(os.cpu_count() or 1, _MOST_THREADS)
    if len(texts) < _WORTH_THREADS or workers == 1:
        return [encoder.encode(text) for text in texts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(encoder.encode, texts, chunksize=16))
