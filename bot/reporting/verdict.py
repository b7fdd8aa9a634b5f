"""From findings to one honest answer. "Nothing found" is never "safe": only a register, or an analyst, says that.

The score is the sum of the signs' weights, each times the confidence of its finding. Thresholds and weights were set by hand
and then measured (see `evaluate_mail`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from bot.model import Finding, Kind, Verdict
from bot.reporting.checks import check_names

EVERYTHING = "everything"  # the check of a finding that says nothing could be checked at all
LIKELY = 4.0
SUSPICIOUS = 2.0
SPAM = 1.2
SHOWN = 3  # the strongest signs that a reader sees

# Score → how often mails of that score were fraud, in straight lines between points: measured, with half of the mails being
# fraud and each source of wanted mail counting alike, then drawn in a little. A score is never proof.
_CALIBRATION = ((0.0, 0.03), (1.0, 0.12), (1.75, 0.4), (2.25, 0.5), (2.75, 0.85), (4.0, 0.97), (8.0, 0.99))
_CERTAIN = 0.98  # a register or our own token


def decide(findings: Sequence[Finding]) -> Verdict:
    """The verdict of all findings. A check without a finding ran and saw nothing; one that could not run is named."""
    unchecked = tuple(dict.fromkeys(item.check.partition(".")[0] for item in findings if item.inconclusive))
    seen = sorted((item for item in findings if not item.inconclusive), key=_strength, reverse=True)
    score, spam = _score(seen), sum(item.spam * item.confidence for item in seen)
    kind = _kind(seen, score, spam, unchecked)
    shown = tuple(item for item in seen if _shows(item, kind))[:SHOWN]
    return Verdict(kind, round(_confidence(kind, score, spam, unchecked), 2), shown, unchecked, round(score, 2))


def _strength(item: Finding) -> float:
    return max(item.weight, item.spam * 0.5) * item.confidence


def _score(seen: Sequence[Finding]) -> float:
    return sum(item.weight * item.confidence for item in seen)


def _kind(seen: Sequence[Finding], score: float, spam: float, unchecked: Sequence[str]) -> Kind:
    checks = {item.check for item in seen}
    if EVERYTHING in unchecked or (not seen and set(unchecked) >= set(check_names())):
        return Kind.COULD_NOT_CHECK
    if "practice.ours" in checks:
        return Kind.PRACTICE
    if "ours.registered" in checks and score < SUSPICIOUS:
        return Kind.OURS
    if score >= LIKELY:
        return Kind.LIKELY_PHISHING
    if spam >= SPAM and _score([item for item in seen if not item.spam]) < SUSPICIOUS:
        return Kind.SPAM  # advertising, and what speaks for fraud alone is too little
    if score >= SUSPICIOUS:
        return Kind.SUSPICIOUS
    return Kind.NOTHING_FOUND


def _shows(item: Finding, kind: Kind) -> bool:
    if kind in (Kind.PRACTICE, Kind.OURS):
        return item.check in ("practice.ours", "ours.registered")
    return bool(item.sign) and (item.weight > 0 or item.spam > 0)


def _confidence(kind: Kind, score: float, spam: float, unchecked: Sequence[str]) -> float:
    """How sure we are of the kind, 0 to 1. Each check that could not run takes a tenth of it away."""
    if kind is Kind.COULD_NOT_CHECK:
        return 0.0
    if kind in (Kind.PRACTICE, Kind.OURS):
        return _CERTAIN
    fraud = _fraud(score)
    sure = fraud if kind in (Kind.LIKELY_PHISHING, Kind.SUSPICIOUS) else 1 - fraud
    if kind is Kind.SPAM:
        sure = min(0.9, 0.5 + 0.1 * spam)
    return sure * 0.9 ** len(unchecked)


def _fraud(score: float) -> float:
    for (left, low), (right, high) in pairwise(_CALIBRATION):
        if score < right:
            return low + (high - low) * max(0.0, score - left) / (right - left)
    return _CALIBRATION[-1][1]


def could_not_check(sign: str) -> Verdict:
    """The verdict when nothing could run at all (crash, time, memory). A person looks, and the reporter is told so."""
    return decide([Finding(EVERYTHING, sign, 0.0, 0.0, 0.0, True)])


def by_check(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings grouped by check, for the analyst."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for item in findings:
        groups[item.check.partition(".")[0]].append(item)
    return dict(groups)
