"""What share of their promises partners kept, month by month, for the page of metrics.

A partner is a company, and what it owes is in its contract; a month with under ten promises is not shown here all the same, as
any other figure of the page. The partner's own page has each breach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.web.partner_services import PartnerServices
from bot.learning.suppression import SMALLEST
from bot.partners.figures import Rate, figures, span
from bot.periods import Range


def attainment(partners: PartnerServices, contract: str, chosen: Range, now: float) -> Mapping[str, Rate | None]:
    """By month, of those that are over: how many promises, and how many were kept. None: too few to show."""
    parts = partners.partners.parts
    spans = {month: span(month, parts.zone) for month in chosen.names()}
    over = {month: ends for month, ends in spans.items() if ends[1] <= now}
    if not over:
        return {}
    cases = parts.cases(contract, min(begin for begin, _ in over.values()), max(end for _, end in over.values()))
    found = {month: figures(cases, begin, end).total for month, (begin, end) in over.items()}
    return {month: rate if rate.n >= SMALLEST else None for month, rate in found.items()}


def whole(rates: Sequence[Rate | None]) -> Rate | None:
    """Those months together that may be shown; None if none may."""
    shown = [rate for rate in rates if rate is not None]
    return Rate(sum(rate.n for rate in shown), sum(rate.kept for rate in shown)) if shown else None
