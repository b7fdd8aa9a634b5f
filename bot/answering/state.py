"""The fitted search as a dictionary of arrays: what it says of a question, and its file."""

from __future__ import annotations

import builtins
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answering.confidence import Evidence, Habit
from bot.answering.head import with_bias
from bot.answering.sketch import likely, rough_cosines
from bot.kept import replace_file

MANY = 1000  # entries above which the head is the centroids, and only the nearest entries' variants are compared
NEAREST = 50
HEAD_OF_CENTROIDS = 30.0  # a softmax over cosines needs them this much apart
_KEPT_FILES = 4

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """Variants are rows, sorted by entry; `starts[i]` is the first row of entry i.

    `rows`: the main encoder's part of every variant's vector. `sums`: each entry's sum of joined vectors. `head`: weights of
    the softmax regression, no rows where there is none. `habit`, `first`, `third`: see `confidence`. Of many
    entries also what `sketch` says.
    """

    ids: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]

    def group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays of one part, by their own names."""
        return {name[len(prefix) + 1 :]: value for name, value in self.arrays.items() if name.startswith(f"{prefix}.")}

    def list(self, name: str) -> builtins.list[str]:
        """A list of words, stored as one text."""
        text = self.arrays[name].tobytes().decode()
        return text.split("\n") if text else []

    @cached_property
    def habit(self) -> Habit:
        """How near the entries' own questions are to them."""
        return Habit(*self.arrays["habit"])

    @property
    def main(self) -> int:
        """How many numbers of a joined vector are the main encoder's."""
        return int(self.arrays["rows"].shape[1])

    def evidence(
        self, vectors: Floats, words: Floats, skip: Ints | None = None, shown: NDArray[np.bool_] | None = None
    ) -> Evidence:
        """Evidence for questions: joined vectors, and word similarities with each variant.

        `skip`: for each question, a variant that is left out of the nearest ones (not of the centroids). `words` is changed.
        `shown`: entries that may be found; where there are many, the likely ones are taken from these.
        """
        if skip is not None:
            words[np.arange(len(words)), skip] = 0.0
        word_centroid = np.add.reduceat(words, self.arrays["starts"], axis=1) / self.arrays["word_norms"]
        word_nearest = np.maximum.reduceat(words, self.arrays["starts"], axis=1)
        if not self.main:
            head = HEAD_OF_CENTROIDS * (0.6 * word_centroid + 0.4 * word_nearest)
            return _evidence(head, word_centroid, word_centroid, word_nearest, word_centroid, word_nearest)
        if len(self.ids) > MANY:
            near = self._near_of_many(vectors, skip, shown)
            return Evidence(np.float32(HEAD_OF_CENTROIDS) * near[0], *near, word_centroid, word_nearest)
        sums, rows = self.arrays["sums"], self.arrays["rows"]
        dots = vectors[:, : self.main] @ sums[:, : self.main].T
        both = dots + vectors[:, self.main :] @ sums[:, self.main :].T if sums.shape[1] > self.main else dots
        centroid = both / self.arrays["norms"]
        main_centroid = dots / (self.arrays["main_norms"] * self.main_length)
        each = vectors[:, : self.main] @ rows.T
        if skip is not None:
            each[np.arange(len(vectors)), skip] = -1.0
        nearest = np.maximum.reduceat(each, self.arrays["starts"], axis=1) / self.main_length**2
        fitted = len(self.arrays["head"]) > 0
        head = with_bias(vectors) @ self.arrays["head"] if fitted else HEAD_OF_CENTROIDS * centroid
        return _evidence(head, centroid, main_centroid, nearest, word_centroid, word_nearest)

    @cached_property
    def main_length(self) -> float:
        """Length of the main encoder's part in a joined vector."""
        alone = self.main == self.arrays["sums"].shape[1]
        return 1.0 if alone else 1 / float(np.hypot(1, self.share))

    @property
    def share(self) -> float:
        """The second encoder's share in a joined vector."""
        return float(self.arrays["share"])

    def _near_of_many(
        self, vectors: Floats, skip: Ints | None, shown: NDArray[np.bool_] | None
    ) -> tuple[Floats, Floats, Floats]:
        """`centroid`, `main_centroid`, `main_nearest`: exact for the likely entries (the last for the likeliest), else rough."""
        centroid = rough_cosines(self.arrays, vectors)
        main, nearest = centroid.copy(), np.full_like(centroid, -1.0)
        for i, vector in enumerate(vectors):
            top = likely(centroid[i], shown)
            sums = self.arrays["sums"][top]
            dots = sums[:, : self.main] @ vector[: self.main]
            both = dots + sums[:, self.main :] @ vector[self.main :]
            centroid[i, top] = both / self.arrays["norms"][top]
            main[i, top] = dots / (self.arrays["main_norms"][top] * self.main_length)
            likeliest = top[np.argsort(-centroid[i, top], kind="stable")[:NEAREST]]
            nearest[i, likeliest] = self._nearest(vector, likeliest, None if skip is None else int(skip[i]))
        return centroid, main, nearest

    def _nearest(self, vector: Floats, entries: Ints, skip: int | None) -> Floats:
        """Cosine of one question with the nearest variant of each of some entries, by the main encoder."""
        starts, sizes = self.arrays["starts"][entries], self._sizes[entries]
        borders = np.cumsum(sizes) - sizes
        picked = np.arange(sizes.sum()) + np.repeat(starts - borders, sizes)
        dots = self.arrays["rows"][picked].astype(np.float32) @ vector[: self.main]
        if skip is not None:
            dots[picked == skip] = -1.0
        result: Floats = (np.maximum.reduceat(dots, borders) / self.main_length**2).astype(np.float32)
        return result

    @cached_property
    def _sizes(self) -> Ints:
        """Variants of each entry."""
        sizes: Ints = np.diff(self.arrays["starts"], append=len(self.arrays["rows"]))
        return sizes


def load_state(path: Path) -> State | None:
    """A stored state, or None if it is missing or damaged."""
    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
        np.load(path, allow_pickle=False) as stored,
    ):
        arrays = {name: stored[name] for name in stored.files}
        ids = arrays.pop("ids").tobytes().decode()
        return State(tuple(ids.split("\n")) if ids else (), arrays)
    return None


def save_state(path: Path, state: State) -> None:
    """Keep a state, and of the older ones beside it the last few. A folder that cannot be written only costs time."""
    everything: Mapping[str, Any] = {"ids": np.frombuffer("\n".join(state.ids).encode(), np.uint8), **state.arrays}
    with suppress(OSError):
        replace_file(path, lambda out: np.savez(out, **everything))
        kept = sorted(path.parent.glob("index-*.npz"), key=lambda item: item.stat().st_mtime, reverse=True)
        for old in kept[_KEPT_FILES:]:
            old.unlink(missing_ok=True)


def _evidence(*parts: NDArray[Any]) -> Evidence:
    """In doubles; of many entries that would cost more than it says."""
    return Evidence(*(np.asarray(part, np.float64) for part in parts))
