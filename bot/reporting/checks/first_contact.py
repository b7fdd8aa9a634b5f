"""What earlier reports tell about a sender and about where links lead. Only what a person judged counts against anybody.

Sample: first_contact.judged_bad "A person here found an earlier mail of this sender to be fraud."
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import domain, found
from bot.reporting.facts import facts
from bot.reporting.mail_model import Email

ID = "first_contact"
KNOWN_CASES = 50  # cases from which on it means something that a sender was never seen


def check(email: Email, context: Context) -> list[Finding]:
    """Nothing with an empty history."""
    past, known = context.history, facts(email, context)
    result = []
    if past.sender_bad:
        result.append(found(context, "first_contact.judged_bad"))
    bad = [target.domain for target in known.foreign if target.domain in past.bad_domains]
    if bad:
        result.append(found(context, "first_contact.bad_link", domain=domain(bad[0])))
    if not past.sender_cases and past.cases >= KNOWN_CASES and email.sender.email:
        result.append(found(context, "first_contact.new"))
    usual = set(past.usual_domains)
    if past.sender_cases > 1 and usual and known.foreign and usual.isdisjoint(known.link_domains):
        result.append(found(context, "first_contact.other_links", domain=domain(known.foreign[0].domain)))
    return result
