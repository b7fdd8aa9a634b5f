"""How much a text looks like one of the seed sentences: cosine over character n-grams, weighted by rarity.

It finds what the phrase rules have no words for. Letters, so spelling mistakes cost little; no model, no randomness.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.answering.emergency_text import fold

SIZES = (3, 4)
COMMON = 8  # grams of more than one in eight seeds are left out
MAX_SENTENCES = 4
MAX_LENGTH = 140  # characters of a sentence; a longer one is no short cry for help
MIN_WORDS = 5
_SENTENCE = re.compile(r"[.!?;\n]+")


@dataclass(frozen=True, slots=True)
class Likeness:
    """The nearest seed: its kind, its number within the kind, the cosine (0 to 1), and its lead over the nearest calm seed."""

    kind: str
    number: int
    score: float
    lead: float


class Seeds:
    """An inverted index over the seed sentences. Seeds without a kind are calm: they speak against an emergency."""

    def __init__(self, seeds: Iterable[tuple[str, int, str]]) -> None:
        items = list(seeds)
        self._owners = [(kind, number) for kind, number, _ in items]
        counts = [_grams(text) for _, _, text in items]
        spread = Counter(gram for count in counts for gram in count)
        self._rarity = {gram: math.log((1 + len(counts)) / (1 + seen)) + 0.3 for gram, seen in spread.items()}
        self._unseen = math.log(1 + len(counts)) * 0.6 if counts else 1.0
        common = max(8, len(counts) // COMMON)
        self._posts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for i, count in enumerate(counts):
            size = self._length(count)
            for gram, times in count.items():
                if spread[gram] <= common:  # what every second seed has says nothing and costs time
                    self._posts[gram].append((i, times * self._rarity[gram] / size))

    def _length(self, count: Counter[str]) -> float:
        return math.sqrt(sum((n * self._rarity.get(gram, self._unseen)) ** 2 for gram, n in count.items())) or 1.0

    def nearest(self, text: str) -> Likeness | None:
        """The seed most like any sentence of `text` (as `clean` leaves it), or None."""
        best: Likeness | None = None
        sentences = [part.strip() for part in _SENTENCE.split(text, MAX_SENTENCES)][:MAX_SENTENCES]
        for sentence in sentences:
            if len(sentence) <= MAX_LENGTH and sentence.count(" ") >= MIN_WORDS - 1:
                found = self._nearest(sentence)
                if found and (best is None or found.score > best.score):
                    best = found
        return best

    def _nearest(self, sentence: str) -> Likeness | None:
        count = _grams(sentence)
        scores: dict[int, float] = defaultdict(float)
        for gram, times in count.items():
            weight = times * self._rarity.get(gram, 0.0)
            for i, share in self._posts.get(gram, ()):
                scores[i] += weight * share
        if not scores:
            return None
        tops: dict[bool, int] = {}
        for i, score in scores.items():
            calm = not self._owners[i][0]
            if calm not in tops or (score, -i) > (scores[tops[calm]], -tops[calm]):
                tops[calm] = i
        if False not in tops:
            return None
        size, (kind, number) = self._length(count), self._owners[tops[False]]
        against = scores[tops[True]] if True in tops else 0.0
        return Likeness(kind, number, scores[tops[False]] / size, (scores[tops[False]] - against) / size)


def _grams(text: str) -> Counter[str]:
    """Character n-grams of each word, its edges marked, as in `_pin_`."""
    grams: Counter[str] = Counter()
    for word in fold(text).split():
        padded = f"_{word}_"
        for size in SIZES:
            grams.update(padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
    return grams
