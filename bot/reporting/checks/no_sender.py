"""The sender's address is missing or could not exist.

Sample: no_sender.missing "It names no sender at all."
Sample: no_sender.malformed "The sender's address is malformed: service@shop[.]example.."
"""

from __future__ import annotations

import re

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import to_ascii, valid_domain
from bot.reporting.explain import defang, found, short
from bot.reporting.folding import DECORATED, INVISIBLE
from bot.reporting.mail_model import Email

ID = "no_sender"
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\]{1,255}")


def check(email: Email, context: Context) -> list[Finding]:
    """Missing, more than one, or malformed."""
    address = email.sender.email
    if not address:
        return [found(context, "no_sender.missing")]
    findings = []
    if len({box.email.lower() for box in email.senders if box.email}) > 1:
        findings.append(found(context, "no_sender.several"))
    decorated = DECORATED.search(address) or INVISIBLE.search(address)
    if (
        decorated
        or not _ADDRESS.fullmatch(address)
        or not valid_domain(to_ascii(email.sender.domain))
        or address.endswith(".")
    ):
        findings.append(found(context, "no_sender.malformed", address=defang(short(address))))
    return findings
