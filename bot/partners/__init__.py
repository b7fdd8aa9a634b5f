"""Partners: held to their contract. The pillar put together."""

from __future__ import annotations

from dataclasses import dataclass

from bot.partners.actions import Actions
from bot.partners.disputes import Disputes
from bot.partners.papers import Papers
from bot.partners.parts import Parts, Run
from bot.partners.pulse import Pulses
from bot.partners.reminders import Reminders
from bot.partners.reports import Reports
from bot.partners.responder import PartnerDesk
from bot.partners.reviews import Reviews


@dataclass(frozen=True)
class Partners:
    """Everything about partners. `desk` is the responder, `reminders` the job."""

    parts: Parts
    reports: Reports
    reviews: Reviews
    actions: Actions
    pulses: Pulses
    disputes: Disputes
    papers: Papers
    desk: PartnerDesk
    reminders: Reminders


def make_partners(parts: Parts, run: Run) -> Partners:
    """The pillar from its parts. `run` runs a change in one transaction."""
    actions, pulses, reviews, disputes = Actions(parts), Pulses(parts), Reviews(parts), Disputes(parts)
    reports = Reports(parts, actions, pulses)
    return Partners(
        parts, reports, reviews, actions, pulses, disputes, Papers(parts, actions),
        PartnerDesk(parts, pulses, actions, reports), Reminders(parts, reports, reviews, actions, pulses, disputes, run),
    )  # fmt: skip
