"""One honest answer from many findings."""

from __future__ import annotations

import pytest

from bot.model import Finding, Kind
from bot.reporting.checks import check_names
from bot.reporting.verdict import EVERYTHING, LIKELY, SPAM, SUSPICIOUS, decide


def sign(check: str, weight: float = 0.0, spam: float = 0.0, confidence: float = 1.0) -> Finding:
    return Finding(check, f"Sentence of {check}.", weight, confidence, spam)


def failed(check: str) -> Finding:
    return Finding(check, "We could not check.", 0.0, 0.0, 0.0, True)


@pytest.mark.parametrize(
    ("findings", "kind"),
    [
        ([], Kind.NOTHING_FOUND),
        ([sign("links.ip", SUSPICIOUS - 0.1)], Kind.NOTHING_FOUND),
        ([sign("links.ip", SUSPICIOUS)], Kind.SUSPICIOUS),
        ([sign("links.ip", LIKELY)], Kind.LIKELY_PHISHING),
        ([sign("links.ip", LIKELY / 2), sign("bec.false_boss", LIKELY / 2)], Kind.LIKELY_PHISHING),
        ([sign("links.ip", LIKELY, confidence=0.5)], Kind.SUSPICIOUS),
        ([sign("language.goods", 0.5, SPAM)], Kind.SPAM),
        ([sign("language.goods", SUSPICIOUS, SPAM)], Kind.SPAM),
        ([sign("language.goods", 0.5, SPAM - 0.1)], Kind.NOTHING_FOUND),
        ([sign("language.goods", 0.5, SPAM), sign("links.ip", SUSPICIOUS)], Kind.SUSPICIOUS),
        ([sign("language.goods", LIKELY, SPAM)], Kind.LIKELY_PHISHING),
        ([sign("practice.ours"), sign("links.ip", LIKELY)], Kind.PRACTICE),
        ([sign("ours.registered")], Kind.OURS),
        ([sign("ours.registered"), sign("links.ip", LIKELY)], Kind.LIKELY_PHISHING),
        ([failed("links")], Kind.NOTHING_FOUND),
        ([failed("links"), sign("bec.false_boss", LIKELY)], Kind.LIKELY_PHISHING),
        ([failed(name) for name in check_names()], Kind.COULD_NOT_CHECK),
        ([failed(EVERYTHING)], Kind.COULD_NOT_CHECK),
        ([failed(EVERYTHING), sign("practice.ours")], Kind.COULD_NOT_CHECK),
    ],
)
def test_kinds(findings: list[Finding], kind: Kind) -> None:
    assert kind == decide(findings).kind


def test_nothing_ever_says_safe() -> None:
    assert not any("safe" in kind for kind in Kind)


def test_the_three_strongest_signs_are_shown_in_order() -> None:
    verdict = decide(
        [sign("links.one", 0.5), sign("links.two", 3.0), sign("links.three", 1.0), sign("links.four", 2.0)]
    )
    assert ["links.two", "links.four", "links.three"] == [item.check for item in verdict.signs]
    assert 6.5 == verdict.score


def test_a_sign_without_weight_is_not_shown() -> None:
    assert () == decide([sign("practice.unregistered")]).signs


def test_a_practice_mail_shows_only_that() -> None:
    verdict = decide([sign("links.ip", 3.0), sign("practice.ours")])
    assert ["practice.ours"] == [item.check for item in verdict.signs]


def test_what_could_not_run_is_named_once_and_lowers_confidence() -> None:
    whole, partial = decide([]), decide([failed("links"), failed("links"), failed("bec")])
    assert ("links", "bec") == partial.unchecked
    assert whole.confidence > partial.confidence > 0


@pytest.mark.parametrize(
    ("score", "low", "high"),
    [(0.0, 0.95, 0.99), (1.9, 0.5, 0.6), (2.0, 0.4, 0.5), (4.0, 0.95, 0.98), (50.0, 0.98, 0.995)],
)
def test_confidence_is_never_certainty(score: float, low: float, high: float) -> None:
    assert low <= decide([sign("links.ip", score)]).confidence <= high


def test_no_confidence_without_a_check() -> None:
    assert 0.0 == decide([failed(EVERYTHING)]).confidence
