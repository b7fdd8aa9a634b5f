"""How well the checks do on a folder of mails with known labels. For measuring only: nothing here changes a weight.

The folder holds `manifest.jsonl`, one JSON object a line: `path`, `label` (`phish`, `ham`, `spam`), `source`, and if known
`text_cluster` (the campaign) and `fine_label`. Recipients, Received, X-*, List-* and mail age play no part in any check.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from bot.model import Kind
from bot.reporting.context import Context
from bot.reporting.sandbox import Examiner
from bot.reporting.verdict import LIKELY, SUSPICIOUS

_WORSE = (Kind.LIKELY_PHISHING, Kind.SUSPICIOUS, Kind.SPAM)


@dataclass(frozen=True)
class Outcome:
    """One judged mail beside what is known of it."""

    label: str
    source: str
    campaign: str
    fine: str
    kind: Kind
    score: float
    ms: float
    failure: str

    def alarm(self, level: str) -> bool:
        """Whether it counts as an alarm of a level, for a wanted mail. Could not check is one."""
        return self.kind is Kind.COULD_NOT_CHECK or self.found(level)

    def found(self, level: str) -> bool:
        """Whether it counts as found, for a fraudulent one. Could not check is a miss."""
        return self.kind is Kind.LIKELY_PHISHING or (level == "suspicious" and self.kind in _WORSE)


def evaluate(
    folder: Path, context: Context, examiner: Examiner, *, note: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Judge every mail of `manifest.jsonl` and sum up. `note(done, all)` is called as it goes. Raises `ConfigError`."""
    rows = list(_rows(folder))
    outcomes = []
    for place, row in enumerate(rows):
        outcomes.append(_judge(folder, row, context, examiner))
        if note is not None:
            note(place + 1, len(rows))
    return summary(outcomes)


def _rows(folder: Path) -> Iterable[dict[str, Any]]:
    manifest = folder / "manifest.jsonl"
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
        yield from (json.loads(line) for line in lines if line.strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{manifest} cannot be read ({error}): it needs one JSON object a line") from error


def _judge(folder: Path, row: dict[str, Any], context: Context, examiner: Examiner) -> Outcome:
    try:
        data = (folder / str(row["path"])).read_bytes()
    except (OSError, KeyError) as error:
        raise ConfigError(f"a mail of the manifest cannot be read: {error}") from error
    start = time.perf_counter()
    seen = examiner.examine(data, str(row["path"]), context)
    spent = (time.perf_counter() - start) * 1000
    campaign = str(row.get("text_cluster", row["path"]))
    return Outcome(
        str(row.get("label", "")), str(row.get("source", "")), campaign, str(row.get("fine_label") or ""),
        seen.verdict.kind, seen.verdict.score, spent, seen.failure,
    )  # fmt: skip


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of a run; rates between 0 and 1, times in milliseconds. A figure without mails behind it is None."""
    fraud = [item for item in outcomes if item.label == "phish"]
    wanted = [item for item in outcomes if item.label == "ham"]
    spam = [item for item in outcomes if item.label == "spam"]
    scams = [item for item in fraud if item.fine == "phish_scam"]
    times = sorted(item.ms for item in outcomes)
    return {
        "mails": {"phish": len(fraud), "ham": len(wanted), "spam": len(spam)},
        "likely": _level("likely", fraud, wanted),
        "suspicious": _level("suspicious", fraud, wanted),
        "spam": {kind.value: _rate(item.kind is kind for item in spam) for kind in (*_WORSE, Kind.NOTHING_FOUND)},
        "nothing_found": {
            "phish": _rate(item.kind is Kind.NOTHING_FOUND for item in fraud),
            "phish_scam": _rate(item.kind is Kind.NOTHING_FOUND for item in scams),
        },
        "could_not_check": _rate(item.kind is Kind.COULD_NOT_CHECK for item in outcomes),
        "auroc": auroc([_rank(item) for item in fraud], [_rank(item) for item in wanted]),
        "left_out": _left_out(fraud, wanted),
        "ms": {"p50": _at(times, 0.5), "p99": _at(times, 0.99), "max": _at(times, 1.0)},
        "uncaught": sum(item.failure == "crash" for item in outcomes),
        "timeouts": sum(item.failure == "time" for item in outcomes),
    }


def _level(level: str, fraud: Sequence[Outcome], wanted: Sequence[Outcome]) -> dict[str, Any]:
    sources = _by_source(wanted, lambda item: item.alarm(level))
    return {
        "mails": _rate(item.found(level) for item in fraud),
        "campaigns": _campaigns(fraud, lambda item: item.found(level)),
        "macro_false_alarms": _mean(sources.values()),
        "sources": sources,
    }


def _campaigns(fraud: Sequence[Outcome], found: Callable[[Outcome], bool]) -> float | None:
    """The share of campaigns found; a campaign counts when at least half of its mails are."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for item in fraud:
        groups[item.campaign].append(found(item))
    return _rate(2 * sum(hits) >= len(hits) for hits in groups.values())


def _by_source(wanted: Sequence[Outcome], alarm: Callable[[Outcome], bool]) -> dict[str, float]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for item in wanted:
        groups[item.source].append(alarm(item))
    return {source: round(sum(hits) / len(hits), 4) for source, hits in sorted(groups.items())}


def _left_out(fraud: Sequence[Outcome], wanted: Sequence[Outcome]) -> dict[str, Any]:
    """For each wanted source: the threshold that the others alone would give at 1% macro false alarms, and what it does here.

    Beside it the fixed threshold. If the two columns differ much, the fixed one was fitted to that source.
    """
    sources = sorted({item.source for item in wanted})
    result = {}
    for source in sources:
        rest = [[item.score for item in wanted if item.source == other] for other in sources if other != source]
        here = [item.score for item in wanted if item.source == source]
        threshold = _threshold(rest, 0.01) if rest else LIKELY
        result[source] = {
            "threshold": round(threshold, 2),
            "mails": _rate(item.score >= threshold for item in fraud),
            "false_alarms": _rate(score >= threshold for score in here),
            "false_alarms_at_likely": _rate(score >= LIKELY for score in here),
            "false_alarms_at_suspicious": _rate(score >= SUSPICIOUS for score in here),
        }
    return result


def _threshold(groups: Sequence[Sequence[float]], limit: float) -> float:
    """The lowest score at which the mean of the groups' alarm rates is within the limit."""
    for score in sorted({value for group in groups for value in group}):
        if sum(sum(value >= score for value in group) / len(group) for group in groups) / len(groups) <= limit:
            return score
    return max((value for group in groups for value in group), default=0.0) + 0.01


def _rank(item: Outcome) -> float:
    """The score that orders mails; one that could not be checked is ordered as if it were innocent fraud or guilty mail."""
    if item.kind is Kind.COULD_NOT_CHECK:
        return float("-inf") if item.label == "phish" else float("inf")
    return item.score


def auroc(high: Sequence[float], low: Sequence[float]) -> float | None:
    """The chance that a fraudulent mail scores above a wanted one (ties count half)."""
    if not high or not low:
        return None
    both = sorted([(score, 1) for score in high] + [(score, 0) for score in low])
    won, below, place = 0.0, 0, 0
    while place < len(both):
        end = place
        while end < len(both) and both[end][0] == both[place][0]:
            end += 1
        ones = sum(flag for _, flag in both[place:end])
        zeros = end - place - ones
        won += ones * (below + zeros / 2)
        below, place = below + zeros, end
    return round(won / (len(high) * len(low)), 4)


def _rate(flags: Iterable[bool]) -> float | None:
    found = list(flags)
    return round(sum(found) / len(found), 4) if found else None


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(sum(found) / len(found), 4) if found else None


def _at(times: Sequence[float], share: float) -> float | None:
    return round(times[min(len(times) - 1, int(share * len(times)))], 1) if times else None
