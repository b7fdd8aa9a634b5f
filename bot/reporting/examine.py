"""One mail from bytes to verdict: parse, checks, decision. Pure, but run it in the sandbox (see `sandbox`)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model import Finding, Verdict
from bot.reporting.checks import run
from bot.reporting.context import Context
from bot.reporting.explain import say
from bot.reporting.forward import candidates
from bot.reporting.mail import parse
from bot.reporting.mail_model import Email
from bot.reporting.verdict import EVERYTHING, decide


@dataclass(frozen=True)
class Examination:
    """What came of one mail.

    `email` is the mail that was judged: of a forward, the one inside if that is the worse one. `cover` is then what was sent
    in. `findings` are all of them, heaviest first; `verdict.signs` the few to show. `failure`: empty, or why nothing could
    run (`time`, `crash`, `unreadable`).
    """

    email: Email
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    cover: Email | None = None
    failure: str = ""


def examine(data: bytes, name: str, context: Context) -> Examination:
    """Parse and judge. The worst of a mail and the mails inside it counts."""
    email = parse(data, name, authserv_id=context.authserv_id)
    if _nothing_there(email):
        return failed("unreadable", email, context)
    best: Examination | None = None
    for mail in candidates(email):
        findings = sorted(run(mail, context), key=lambda item: -item.weight * item.confidence)
        verdict = decide(findings)
        if best is None or verdict.score > best.verdict.score:
            best = Examination(mail, verdict, tuple(findings), None if mail is email else email)
    assert best is not None  # noqa: S101  (there is always the mail itself)
    return best


def failed(why: str, email: Email, context: Context) -> Examination:
    """Everything inconclusive: the mail took too long (`time`), broke the reader (`crash`), or holds nothing (`unreadable`)."""
    finding = Finding(EVERYTHING, say(context, f"everything.{why}"), 0.0, 0.0, 0.0, True)
    return Examination(email, decide([finding]), (finding,), None, why)


def _nothing_there(email: Email) -> bool:
    return not (email.sender.email or email.text or email.html or email.attachments or email.inner or email.subject)
