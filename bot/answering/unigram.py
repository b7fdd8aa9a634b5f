"""SentencePiece unigram segmentation (Kudo 2018) over a trie that lives in four flat arrays.

A dictionary of the 251,000 prefixes of this vocabulary costs 43 MB and a second to build. Here a node's child is found in an
open-addressing table keyed by (node, character), so the arrays can be mapped from a file: nothing to build, 10 MB at most.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_SPACE = "▁"
_UNKNOWN, _BEGIN, _END = 0, 1, 2
_SLOTS = 1 << 19
_MIX = 0x9E3779B97F4A7C15  # Fibonacci hashing: the golden ratio in 64 bits
_WORD = (1 << 64) - 1
_SHIFT = 64 - 19


def build(model: bytes) -> Arrays:
    """The arrays of a SentencePiece model file: `keys`, `children` (the table), `pieces` (by node), `scores` (by piece)."""
    pieces = list(_pieces(model))
    nodes: dict[tuple[int, str], int] = {}
    ends = {0: -1}
    for number, (piece, _) in enumerate(pieces):
        node = 0
        for char in piece:
            node = nodes.setdefault((node, char), len(nodes) + 1)
        ends[node] = number
    keys = np.fromiter(((parent << 21) | ord(char) for parent, char in nodes), np.int64, len(nodes))
    table, children = _table(keys, np.fromiter(nodes.values(), np.int32, len(nodes)))
    by_node = np.full(len(nodes) + 1, -1, np.int32)
    for node, number in ends.items():
        by_node[node] = number
    return {
        "keys": table,
        "children": children,
        "pieces": by_node,
        "scores": np.array([score for _, score in pieces], np.float32),
    }


def _table(keys: NDArray[np.int64], values: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Open addressing with linear probing, filled a round at a time: the first to want a free slot gets it."""
    table = np.full(_SLOTS, -1, np.int64)
    children = np.zeros(_SLOTS, np.int32)
    slots = ((keys.astype(np.uint64) * np.uint64(_MIX)) >> np.uint64(_SHIFT)).astype(np.int64)
    left = np.arange(len(keys))
    while len(left):
        wanted = slots[left]
        free = table[wanted] == -1
        _, first = np.unique(wanted[free], return_index=True)
        placed = left[free][first]
        table[slots[placed]], children[slots[placed]] = keys[placed], values[placed]
        left = np.setdiff1d(left, placed, assume_unique=True)
        slots[left] = (slots[left] + 1) % _SLOTS
    return table, children


class Unigram:
    """Text to piece ids, with the opening and closing marks."""

    def __init__(self, arrays: Arrays) -> None:
        self._keys = arrays["keys"].data
        self._children = arrays["children"].data
        self._ends = arrays["pieces"].data
        self._scores = arrays["scores"].data
        self._unknown = float(arrays["scores"].min()) - 10.0
        self._word = lru_cache(maxsize=8192)(self._best)  # no piece goes on behind a space, so each word stands alone

    def ids(self, text: str) -> list[int]:
        """Piece ids of a text."""
        words = _normal(text).split()
        found = [piece for word in words for piece in self._word(_SPACE + word)] if words else [_UNKNOWN]
        return [_BEGIN, *found, _END]

    def _best(self, text: str) -> list[int]:
        """The segmentation with the highest sum of scores (Viterbi); a character in no piece is one unknown."""
        size = len(text)
        best = [0.0] + [-1e38] * size
        start_of, piece_of = [0] * (size + 1), [_UNKNOWN] * (size + 1)
        for start in range(size):
            base = best[start]
            single = False
            for end, piece in self._from(text, start):
                single = single or end == start + 1
                score = base + self._scores[piece]
                if score > best[end]:
                    best[end], start_of[end], piece_of[end] = score, start, piece
            if not single and base + self._unknown > best[start + 1]:
                best[start + 1], start_of[start + 1], piece_of[start + 1] = base + self._unknown, start, _UNKNOWN
        found = []
        at = size
        while at:
            found.append(piece_of[at])
            at = start_of[at]
        return found[::-1]

    def _from(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """`(end, piece)` of every piece that begins at `start`, the shortest first."""
        keys, children, ends = self._keys, self._children, self._ends
        node = 0
        for at in range(start, len(text)):
            key = (node << 21) | ord(text[at])
            slot = ((key * _MIX) & _WORD) >> _SHIFT
            while (seen := keys[slot]) != key:
                if seen == -1:
                    return
                slot = (slot + 1) % _SLOTS
            node = children[slot]
            if ends[node] >= 0:
                yield at + 1, ends[node]


def _normal(text: str) -> str:
    """NFKC, with control characters out: what SentencePiece's nmt_nfkc rule does to the text of people."""
    if text.isascii() and text.isprintable():
        return text
    kept = (" " if c.isspace() or c in "\u200b\u2028\u2029" else c for c in unicodedata.normalize("NFKC", text))
    return "".join(c for c in kept if c == " " or unicodedata.category(c) not in ("Cc", "Cf"))


def _pieces(model: bytes) -> Iterator[tuple[str, float]]:
    """`(piece, score)` of each piece of the model file, which is a protobuf message: field 1, repeated."""
    at = 0
    while at < len(model):
        key, at = _varint(model, at)
        if key & 7 != 2:
            raise ValueError("not a SentencePiece model")
        size, at = _varint(model, at)
        if key >> 3 == 1:
            yield _piece(model[at : at + size])
        at += size


def _piece(data: bytes) -> tuple[str, float]:
    text, score, at = "", 0.0, 0
    while at < len(data):
        key = data[at]
        if key == 0x0A:  # field 1: the text
            size, at = _varint(data, at + 1)
            text = data[at : at + size].decode()
            at += size
        elif key == 0x15:  # field 2: the score, a float
            (score,) = struct.unpack_from("<f", data, at + 1)
            at += 5
        else:  # field 3: the type, a small number
            _, at = _varint(data, at + 1)
    return text, score


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
