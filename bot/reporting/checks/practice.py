"""Is it one of our own practice mails? Only our own token, or a vendor's header with our practice domain, says so.

Sample: practice.ours "It is one of our own practice mails."
Sample: practice.unregistered "It carries the mark of a practice mail that is not registered with us."
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context, Practice
from bot.reporting.domains import below
from bot.reporting.explain import found
from bot.reporting.facts import Facts, facts
from bot.reporting.mail_model import Email

ID = "practice"


def check(email: Email, context: Context) -> list[Finding]:
    """A header with our token or domain. A vendor's header alone could be anybody's."""
    known = facts(email, context)
    headers = [(name.lower(), value) for name, value in email.headers]
    if any(_matches(mark, headers, known) for mark in context.practice):
        return [found(context, "practice.ours")]
    if any(name in context.vendor_headers for name, _ in headers):
        return [found(context, "practice.unregistered")]
    return []


def _matches(mark: Practice, headers: list[tuple[str, str]], known: Facts) -> bool:
    values = [value for name, value in headers if name == mark.header.lower()]
    if not values:
        return False
    if mark.token:
        return any(mark.token in value for value in values)
    return bool(mark.domains) and any(below(target.host, mark.domains) for target in known.targets)
