"""Fitting the answer search: everything that can be worked out from the entries before anybody asks.

The result is kept in one file under the hash of all that went in: the texts, the encoders, the generic lines, this format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.calibration import Asked, Calibration
from bot.answering.embeddings import Embedded
from bot.answering.encoder import Encoders
from bot.answering.head import fit_head
from bot.answering.lexical import Lexical, vocabulary
from bot.answering.state import MANY, Floats, Ints, State, load_state, save_state
from bot.answering.typos import Typos
from bot.answering.wordpiece import shipped_vocabulary

FORMAT = "5"  # change it whenever the same entries would be fitted to something else

Entries = Sequence[tuple[str, Sequence[str]]]


def fit_state(
    entries: Entries,
    encoders: Encoders,
    generic: tuple[str, ...],
    cache: Path | None,
    previous: State | None = None,
) -> State:
    """The state for these entries: from the cache, or fitted and kept there.

    With `previous`, its calibration is taken over and its head is where the new one starts; the result is not kept.
    """
    used = [(name, list(dict.fromkeys(variants))) for name, variants in entries if variants]
    key = hashlib.sha256(json.dumps([FORMAT, encoders.name, used, generic]).encode()).hexdigest()[:32]
    path = cache / f"index-{key}.npz" if cache else None
    if path and (stored := load_state(path)) is not None:
        return stored
    state = _fit(used, encoders, generic, cache, previous)
    if path and previous is None:
        save_state(path, state)
    return state


def _fit(
    entries: list[tuple[str, list[str]]],
    encoders: Encoders,
    generic: tuple[str, ...],
    cache: Path | None,
    previous: State | None,
) -> State:
    ids = tuple(name for name, _ in entries)
    texts = [text for _, variants in entries for text in variants]
    owners = np.repeat(np.arange(len(ids)), [len(variants) for _, variants in entries]).astype(np.int64)
    both = _vectors([*texts, *generic], encoders, cache)
    vectors, far = both[: len(texts)], both[len(texts) :]
    words = Lexical.fit(texts)
    main = encoders.parts[0].dim if encoders.parts else 0
    arrays = _centroids(vectors, owners, len(ids), main) | {"word_norms": words.norms(owners, len(ids))}
    typos = Typos.fit(vocabulary(texts), _common())
    arrays |= {f"words.{name}": value for name, value in words.arrays.items()}
    arrays |= {f"typos.{name}": value for name, value in typos.arrays.items()}
    arrays["typo_words"] = np.frombuffer("\n".join(typos.words).encode(), np.uint8)
    state = State(ids, arrays)
    if not ids:
        return state
    if main and 1 < len(ids) <= MANY:
        arrays["head"] = fit_head(vectors, owners, len(ids), start=_start(state, previous))
    calibration = Calibration(state, Asked(texts, vectors, generic, far, words))
    arrays["habit"] = calibration.habit()
    ready = (previous.arrays["first"], previous.arrays["third"]) if previous and previous.ids else None
    arrays["first"], arrays["third"] = ready or calibration.fit()
    if len(ids) > MANY:
        arrays["rows"] = arrays["rows"].astype(np.float16)
    return state


def _vectors(texts: list[str], encoders: Encoders, cache: Path | None) -> Floats:
    if not encoders.parts:
        return np.zeros((len(texts), 0), np.float32)
    return encoders.join([Embedded(part, cache).vectors(texts) for part in encoders.parts])


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


def _common() -> Iterator[str]:
    return (word for word in shipped_vocabulary().splitlines() if len(word) > 1 and word.isalpha())


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
