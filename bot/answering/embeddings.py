"""Embeddings of known texts, kept by the hash of the text, so that an edit costs only the texts it changed."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.answering.files import replace_file

Floats = NDArray[np.float32]


class Encoder(Protocol):
    """Text to a vector of length one. `name` changes whenever its vectors would."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def encode(self, text: str) -> Floats: ...


class Embedded:
    """Vectors of texts through one encoder, with a file behind it. A damaged file is a miss, never an error."""

    def __init__(self, encoder: Encoder, folder: Path | None) -> None:
        self._encoder = encoder
        self._path = folder / f"vectors-{encoder.name}.npz" if folder else None
        self.encoded = 0  # texts that had to be encoded, for tests and `doctor`

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of all texts, shape (texts, dim). The file then holds exactly these."""
        known = self._load()
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        found = np.empty((len(texts), self._encoder.dim), np.float32)
        for i, (key, text) in enumerate(zip(keys, texts, strict=True)):
            if key not in known:
                known[key] = self._encoder.encode(text)
                self.encoded += 1
            found[i] = known[key]
        if self.encoded:
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
