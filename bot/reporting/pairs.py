"""How well near-duplicates find each other in a folder of mails whose campaigns are known. For measuring only.

The folder's `manifest.jsonl` gives `path` and `text_cluster`. Mails come in the order of the manifest, as reports would.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

from bot.errors import ConfigError
from bot.ports import Row, Tx
from bot.reporting.campaigns import RARE, Campaigns
from bot.reporting.outline import Outline

_CANDIDATES = 24


class Outliner(Protocol):
    """Makes outlines; the sandbox is one."""

    def outline(self, data: bytes, name: str) -> Outline: ...


class MemoryIndex:
    """`SampleStore` in memory."""

    def __init__(self) -> None:
        self._bands: dict[str, list[str]] = defaultdict(list)
        self._pieces: dict[str, tuple[str, str]] = {}
        self._samples: Counter[str] = Counter()
        self.by_trait: dict[str, set[str]] = defaultdict(set)
        self.compared = 0

    def near(self, _tx: Tx, bands: Sequence[str]) -> list[Row]:
        shared = Counter(mail for band in bands for mail in self._bands[band])
        best = [mail for mail, _ in shared.most_common(_CANDIDATES)]
        self.compared += len(best)
        return [{"mail": mail, "campaign": self._pieces[mail][0], "pieces": self._pieces[mail][1]} for mail in best]

    def samples(self, _tx: Tx, campaign: str) -> int:
        return self._samples[campaign]

    def keep(self, _tx: Tx, mail: str, campaign: str, pieces: str, bands: Sequence[str]) -> None:
        self._pieces[mail] = (campaign, pieces)
        self._samples[campaign] += 1
        for band in bands:
            self._bands[band].append(mail)

    def traits(self, _tx: Tx, campaign: str, traits: Sequence[str]) -> None:
        for trait in traits:
            self.by_trait[trait].add(campaign)


class Gathered:
    """Mails put into cases one after the other."""

    def __init__(self) -> None:
        self.index = MemoryIndex()
        self._campaigns = Campaigns(self.index)
        self.case_of: dict[str, str] = {}

    def take(self, mail: str, outline: Outline) -> str:
        """The case that a mail comes into."""
        tx: Any = None
        campaign, alike = self._campaigns.find(tx, outline)
        campaign = campaign or mail
        self._campaigns.join(tx, mail, campaign, outline, alike)
        self.case_of[mail] = campaign
        return campaign

    def related(self) -> set[tuple[str, str]]:
        """Pairs of cases that share a rare trait."""
        groups = (sorted(cases) for cases in self.index.by_trait.values() if 2 <= len(cases) <= RARE)
        return {pair for cases in groups for pair in combinations(cases, 2)}


def evaluate_pairs(
    folder: Path, outliner: Outliner, *, note: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Pair precision and recall against `text_cluster`; what is related stands apart. Raises `ConfigError`."""
    rows = _rows(folder)
    gathered, faults, spent = Gathered(), 0, 0.0
    for place, row in enumerate(rows):
        outline = outliner.outline((folder / row["path"]).read_bytes(), row["path"])
        faults += bool(outline.fault)
        start = time.process_time()
        gathered.take(row["path"], outline)
        spent += time.process_time() - start
        if note is not None:
            note(place + 1, len(rows))
    truth = {row["path"]: str(row["text_cluster"]) for row in rows}
    return {
        "mails": len(rows), "cases": len(set(gathered.case_of.values())), "pairs": compared(gathered.case_of, truth),
        "related": _related(gathered, truth), "samples_compared_per_mail": round(gathered.index.compared / max(1, len(rows)), 2),
        "index_ms_per_mail": round(1000 * spent / max(1, len(rows)), 3), "failed": faults,
    }  # fmt: skip


def compared(found: Mapping[str, str], truth: Mapping[str, str]) -> dict[str, Any]:
    """Pairs of mails in one case that are of one campaign (`precision`), and the share of all such pairs (`recall`)."""
    ours, theirs = Counter(found.values()), Counter(truth.values())
    both = Counter((case, truth[mail]) for mail, case in found.items())
    right, joined, true = _pairs(both.values()), _pairs(ours.values()), _pairs(theirs.values())
    return {
        "precision": round(right / joined, 4) if joined else None, "recall": round(right / true, 4) if true else None,
        "joined": joined, "true": true, "right": right,
    }  # fmt: skip


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _related(gathered: Gathered, truth: Mapping[str, str]) -> dict[str, Any]:
    """How many pairs of cases are shown as related, and how many of those have a campaign in common after all."""
    of: dict[str, set[str]] = defaultdict(set)
    for mail, case in gathered.case_of.items():
        of[case].add(truth[mail])
    pairs = gathered.related()
    same = sum(bool(of[left] & of[right]) for left, right in pairs)
    return {"case_pairs": len(pairs), "of_one_campaign": same}


def _rows(folder: Path) -> list[dict[str, Any]]:
    manifest = folder / "manifest.jsonl"
    try:
        rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()]
        return [{"path": str(row["path"]), "text_cluster": row["text_cluster"]} for row in rows]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{manifest} cannot be used ({error}): it needs path and text_cluster on each line"
        ) from error
