"""Fitting the answer search: everything that can be worked out from the entries before anybody asks.

The result is kept in one file under the hash of all that went in: the texts, the encoders, the generic lines, this format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.calibration import Asked, Calibration
from bot.answering.embeddings import Vectors
from bot.answering.encoder import Encoders, give_back
from bot.answering.head import fit_head
from bot.answering.lexical import Lexical, vocabulary
from bot.answering.pools import Entries
from bot.answering.share import fit_share
from bot.answering.sketch import fit_sketch
from bot.answering.state import MANY, Floats, Ints, State, load_state, save_state
from bot.answering.typos import Typos

FORMAT = "11"  # change it whenever the same entries would be fitted to something else


@dataclass(frozen=True)
class Pool:
    """What one view is fitted on: `(id, texts)` of the entries that have any, its encoders, and the generic lines."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]
    encoders: Encoders
    generic: tuple[str, ...]

    @classmethod
    def of(cls, entries: Entries, encoders: Encoders, generic: Sequence[str]) -> Pool:
        """A pool without entries that have no texts, and with each text once an entry."""
        used = tuple((name, tuple(dict.fromkeys(variants))) for name, variants in entries if variants)
        return cls(used, encoders, tuple(generic))

    def texts(self) -> list[str]:
        return [text for _, variants in self.entries for text in variants]


def fit_states(pools: Sequence[Pool], cache: Path | None, previous: Sequence[State | None]) -> list[State]:
    """The state of each pool: from the cache, or fitted and kept there.

    With `previous`, its calibration is taken over and its head is where the new one starts; the result is not kept.
    """
    wanted: dict[str, list[str]] = {}
    for pool in pools:
        for part in pool.encoders.parts:
            wanted.setdefault(part.name, []).extend([*pool.texts(), *pool.generic])
    vectors = Vectors(wanted, cache)
    states = [_fit_state(pool, vectors, cache, before) for pool, before in zip(pools, previous, strict=True)]
    give_back()
    return states


def _fit_state(pool: Pool, vectors: Vectors, cache: Path | None, previous: State | None) -> State:
    used, encoders, generic = pool.entries, pool.encoders, pool.generic
    key = hashlib.sha256(json.dumps([FORMAT, encoders.name, used, generic]).encode()).hexdigest()[:32]
    path = cache / f"index-{key}.npz" if cache else None
    if path and (stored := load_state(path)) is not None:
        return stored
    state = _fit(pool, vectors, previous)
    if path and previous is None:
        save_state(path, state)
    return state


def _fit(pool: Pool, embedded: Vectors, previous: State | None) -> State:
    encoders, generic, texts = pool.encoders, pool.generic, pool.texts()
    ids = tuple(name for name, _ in pool.entries)
    owners = np.repeat(np.arange(len(ids)), [len(variants) for _, variants in pool.entries]).astype(np.int64)
    each = [embedded.of(part, [*texts, *generic]) for part in encoders.parts]
    share = previous.share if previous and previous.ids else fit_share([part[: len(texts)] for part in each], owners)
    both = encoders.join(each, share) if each else np.zeros((len(texts) + len(generic), 0), np.float32)
    vectors, far = both[: len(texts)], both[len(texts) :]
    words = Lexical.fit(texts)
    main = encoders.parts[0].dim if encoders.parts else 0
    arrays = _centroids(vectors, owners, len(ids), main) | {"word_norms": words.norms(owners, len(ids))}
    if main and len(ids) > MANY:
        arrays |= fit_sketch(arrays["sums"], arrays["norms"])
    typos = Typos.fit(vocabulary(texts))
    arrays["share"] = np.array(share)
    arrays |= {f"words.{name}": value for name, value in words.arrays.items()}
    arrays |= {f"typos.{name}": value for name, value in typos.arrays.items()}
    arrays["typo_words"] = np.frombuffer("\n".join(typos.words).encode(), np.uint8)
    state = State(ids, arrays)
    if not ids:
        return state
    if main and 1 < len(ids) <= MANY:
        arrays["head"] = fit_head(vectors, owners, len(ids), start=_start(state, previous))
    ready = (previous.arrays["first"], previous.arrays["third"]) if previous and previous.ids else None
    calibration = Calibration(state, Asked(texts, vectors, generic, far, None if ready and main else words))
    arrays["habit"] = calibration.habit()
    arrays["first"], arrays["third"] = ready or calibration.fit()
    if len(ids) > MANY:
        arrays["rows"] = arrays["rows"].astype(np.float16)
    return state


def _centroids(vectors: Floats, owners: Ints, size: int, main: int) -> dict[str, NDArray[Any]]:
    starts = np.searchsorted(owners, np.arange(size))
    sums = np.add.reduceat(vectors, starts, axis=0) if size else np.zeros((0, vectors.shape[1]), np.float32)
    return {
        "rows": np.ascontiguousarray(vectors[:, :main]),
        "owners": owners,
        "starts": starts,
        "sums": sums,
        "norms": np.maximum(np.linalg.norm(sums, axis=1), 1e-9).astype(np.float32),
        "main_norms": np.maximum(np.linalg.norm(sums[:, :main], axis=1), 1e-9).astype(np.float32),
        "head": np.zeros((0, size), np.float32),
    }


def _start(state: State, previous: State | None) -> Floats | None:
    """The previous head's columns for the entries that are still there."""
    height = state.arrays["sums"].shape[1] + 1
    if previous is None or previous.arrays["head"].shape[0] != height:
        return None
    places = {name: i for i, name in enumerate(previous.ids)}
    start = np.zeros((height, len(state.ids)), np.float32)
    for i, name in enumerate(state.ids):
        if name in places:
            start[:, i] = previous.arrays["head"][:, places[name]]
    return start
