"""QR codes: they lead from the protected computer to a phone, past everything that looks at links.

Sample: codes.link "A code to scan leads to hxxps://login[.]example/…"
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import found, where
from bot.reporting.facts import facts
from bot.reporting.mail_model import Email

ID = "codes"


def check(email: Email, context: Context) -> list[Finding]:
    """A code that leads to a page that is not the sender's."""
    known = facts(email, context)
    foreign = [target for target in known.foreign if target.link.kind == "code"]
    if not foreign:
        return []
    return [found(context, "codes.link", link=where(foreign[0].url))]
