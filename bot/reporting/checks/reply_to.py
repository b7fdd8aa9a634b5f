"""An answer would go to somebody else than the sender.

Sample: reply_to.freemail "An answer would go to a free mail address, not to the sender: boss[.]office@mail[.]example."
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import registered, to_ascii
from bot.reporting.explain import defang, found, short
from bot.reporting.facts import facts
from bot.reporting.mail_model import Email

ID = "reply_to"


def check(email: Email, context: Context) -> list[Finding]:
    """Reply-To in another domain, and whether that is a free mail provider."""
    known = facts(email, context)
    for box in email.reply_to:
        target = registered(to_ascii(box.domain))
        if not target or known.same_owner(target):
            continue
        free = target in context.hosts.freemail
        if known.own:
            return [found(context, "reply_to.from_us", address=defang(short(box.email)))]
        if free:
            sign = "reply_to.freemail_both" if known.freemail else "reply_to.freemail"
            return [found(context, sign, address=defang(short(box.email)))]
        return [found(context, "reply_to.other", address=defang(short(box.email)))]
    mine = email.sender.email.lower()
    others = [box for box in email.reply_to if box.email.lower() != mine]
    if known.freemail and any(registered(to_ascii(box.domain)) == known.sender_domain for box in others):
        return [found(context, "reply_to.freemail_both", address=defang(short(email.reply_to[0].email)))]
    return []
