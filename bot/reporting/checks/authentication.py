"""What our own mail gateway found about the sender (SPF, DKIM, DMARC). Nobody else's findings count.

Sample: authentication.dmarc_fail "Our mail gateway could not confirm that it comes from bank[.]example."
A pass is no innocence: anybody can pass for a domain of their own. A DKIM failure alone is no guilt: mailing lists break it.
"""

from __future__ import annotations

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import could_not, domain, found
from bot.reporting.facts import facts
from bot.reporting.mail_model import Email

ID = "authentication"
_FAILED = {"fail", "softfail", "permerror"}


def check(email: Email, context: Context) -> list[Finding]:
    """Fails of DMARC, or of SPF without any DKIM pass. Without our gateway's results the check could not run."""
    if not context.authserv_id or not email.auth:
        return [could_not(context, ID)]
    results = {(item.method, item.result) for item in email.auth}
    where = domain(facts(email, context).sender_domain or "nowhere")
    if ("dmarc", "fail") in results or ("compauth", "fail") in results:
        sign = "own_fail" if facts(email, context).own else "dmarc_fail"
        return [found(context, f"authentication.{sign}", domain=where)]
    spf_failed = any(("spf", result) in results for result in _FAILED)
    if spf_failed and ("dkim", "pass") not in results and ("dmarc", "pass") not in results:
        return [found(context, "authentication.spf_fail", domain=where)]
    return []
