"""Is it a mailing of our own that stands on the register? It must be authenticated, and lead nowhere else.

Sample: ours.registered "It is our own mailing: Staff survey 2026."
Sample: ours.not_proved "It looks like our own mailing, but our gateway did not confirm the sender."
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context, Registered
from bot.reporting.domains import below
from bot.reporting.explain import found
from bot.reporting.facts import Facts, facts
from bot.reporting.mail_model import Email

ID = "ours"


def check(email: Email, context: Context) -> list[Finding]:
    """Sender on the register, DMARC passed at our gateway, links and files as registered."""
    known = facts(email, context)
    entry = next((item for item in context.register if _is_from(item, email, context)), None)
    if entry is None:
        return []
    passed = any((result.method, result.result) == ("dmarc", "pass") for result in email.auth)
    if passed and _leads_home(entry, email, known):
        return [found(context, "ours.registered", name=entry.name)]
    return [found(context, "ours.not_proved", name=entry.name)]


def _is_from(entry: Registered, email: Email, context: Context) -> bool:
    current = not entry.until or not context.today or context.today <= entry.until
    return current and len(email.senders) == 1 and email.sender.email.lower() == entry.sender.lower()


def _leads_home(entry: Registered, email: Email, known: Facts) -> bool:
    odd = {"program", "script", "shortcut", "macro", "smuggling", "program_inside", "disguised", "double_ending"}
    files_fine = not any(odd & set(file.traits) for file in email.attachments)
    return (
        files_fine and not email.password_field and all(below(target.host, entry.domains) for target in known.targets)
    )
