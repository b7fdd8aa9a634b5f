"""Text that people cannot see, or that programs cannot read: both are there to slip past filters.

Sample: hidden_text.long "It hides a long text that only filters see."
Sample: hidden_text.split_words "Invisible characters are mixed into its words."
"""

from __future__ import annotations

import re

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import found
from bot.reporting.folding import DECORATED, INVISIBLE, mixed_scripts, visible
from bot.reporting.mail_model import Email

ID = "hidden_text"
_SPLIT = re.compile("[^\\W\\d_][\u00ad\u034f\u200b-\u200d\u2060\u2061-\u2064\ufeff\u180e]+[^\\W\\d_]")
_SPACED = re.compile(r"(?:\b[A-Za-z]\s){5,}")
_WORD = re.compile(r"[^\W\d_]{3,}")


def check(email: Email, context: Context) -> list[Finding]:
    """Hidden passages, split words, foreign letters, decorated letters, and a long tail behind a gap."""
    findings = []
    hidden = len(" ".join(visible(email.hidden).split()))
    shown = len(email.text)
    if hidden > 600 and hidden > shown / 2:
        findings.append(found(context, "hidden_text.long"))
    elif hidden > 300:
        findings.append(found(context, "hidden_text.some"))
    body = f"{email.subject}\n{email.text[:20_000]}"
    if len(_SPLIT.findall(body)) > 2 or _SPLIT.search(email.subject):
        findings.append(found(context, "hidden_text.split_words"))
    elif len(INVISIBLE.findall(email.text[:20_000].replace("\ufe0f", ""))) > 40:
        findings.append(found(context, "hidden_text.invisible"))
    if sum(mixed_scripts(word) for word in _WORD.findall(body)[:3000]) > 0:
        findings.append(found(context, "hidden_text.mixed_scripts"))
    if DECORATED.search(email.subject) or len(DECORATED.findall(body)) > 10:
        findings.append(found(context, "hidden_text.decorated"))
    if _SPACED.search(email.subject):
        findings.append(found(context, "hidden_text.spaced_letters"))
    return findings
