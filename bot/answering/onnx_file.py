"""Just enough of the ONNX file format (protobuf wire format, onnx.proto3) to read weights and to write a graph.

The `onnx` package is 18 MB and is only needed to build models; two dozen lines of wire format spare it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
}
_CODES = {dtype: code for code, dtype in _TYPES.items()}
MICROSOFT = "com.microsoft"


def read_weights(data: bytes) -> dict[str, Array]:
    """The initializers of a model by name, in file order. Raises ValueError if this is not an ONNX file we can read."""
    try:
        graph = next(value for number, value in _fields(memoryview(data)) if number == 7)
        return dict(_tensor(value) for number, value in _fields(graph) if number == 5)
    except (IndexError, KeyError, StopIteration, struct.error, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a readable ONNX model ({type(error).__name__})") from error


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise IndexError("cut short")
            yield number, data[at : at + size]
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _tensor(data: memoryview) -> tuple[str, Array]:
    shape: list[int] = []
    name, code, raw = "", 0, memoryview(b"")
    for number, value in _fields(data):
        if number == 1:
            shape += [value] if isinstance(value, int) else _packed(value)
        elif number == 2:
            code = value
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9:
            raw = value
    dtype = _TYPES.get(code)
    if dtype is None or not len(raw):
        return name, np.empty(0, np.float32)  # a kind that no weight of ours uses
    return name, np.frombuffer(raw, dtype).reshape(shape)


def _packed(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


class Graph:
    """Collects nodes and weights, and writes them as one model. Every node has one output, or those named."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: dict[str, bytes] = {}
        self._count = 0

    def weight(self, name: str, value: Array) -> str:
        value = np.ascontiguousarray(value)
        dims = b"".join(_int(1, size) for size in value.shape)
        self._weights[name] = (
            dims + _int(2, _CODES[value.dtype]) + _bytes(8, name.encode()) + _bytes(9, value.tobytes())
        )
        return name

    def node(
        self, kind: str, inputs: Sequence[str], domain: str = "", outputs: int = 1, **attributes: Any
    ) -> list[str]:
        """Add a node; the names of its outputs."""
        self._count += 1
        names = [f"n{self._count}_{i}" for i in range(outputs)]
        parts = [_bytes(1, name.encode()) for name in inputs] + [_bytes(2, name.encode()) for name in names]
        parts += [_bytes(4, kind.encode())] + [_bytes(5, _attribute(k, v)) for k, v in attributes.items()]
        self._nodes.append(b"".join([*parts, _bytes(7, domain.encode())] if domain else parts))
        return names

    def one(self, kind: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; its name."""
        return self.node(kind, inputs, domain, **attributes)[0]

    def save(
        self, inputs: Mapping[str, tuple[int, Sequence[str | int]]], output: str, shape: Sequence[str | int]
    ) -> bytes:
        """The model. `inputs` maps a name to (element type, shape); the output is float."""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _bytes(2, b"secdesk")
        graph += b"".join(_bytes(5, tensor) for tensor in self._weights.values())
        graph += b"".join(_bytes(11, _value(name, kind, dims)) for name, (kind, dims) in inputs.items())
        graph += _bytes(12, _value(output, 1, shape))
        domains = _bytes(8, _int(2, 17)) + _bytes(8, _bytes(1, MICROSOFT.encode()) + _int(2, 1))
        return _int(1, 8) + _bytes(2, b"secdesk") + _bytes(7, graph) + domains


def _number(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are written in ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value


def _attribute(name: str, value: Any) -> bytes:
    head = _bytes(1, name.encode())
    if isinstance(value, float):
        return head + _number(2 << 3 | 5) + struct.pack("<f", value) + _int(20, 1)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, 2)
    return head + b"".join(_int(8, item) for item in value) + _int(20, 7)


def _value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, size) if isinstance(size, int) else _bytes(2, size.encode())) for size in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, dims)))
