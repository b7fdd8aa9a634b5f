"""Domains that look like ours, a partner's or a well-known firm's without being it.

Sample: lookalike.own "The domain examp1e[.]example looks like our example[.]example, but is not."
Sample: lookalike.brand "The domain paypal-login[.]example carries the name PayPal, but is not PayPal's."
"""

from __future__ import annotations

import re

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import below, label, registered, to_unicode
from bot.reporting.explain import domain, found
from bot.reporting.facts import facts
from bot.reporting.folding import fold, mixed_scripts, near, skeleton
from bot.reporting.index import index
from bot.reporting.mail_model import Email

ID = "lookalike"


def check(email: Email, context: Context) -> list[Finding]:
    """Sender and link domains against our own, partners' and brands' domains."""
    known = facts(email, context)
    findings: list[Finding] = []
    hosts = dict.fromkeys([known.sender_host] if known.sender_domain else [])
    linked = dict.fromkeys(target.host for target in known.targets[:60])
    for place, group in (("sender", hosts), ("link", linked)):
        for host in group:
            if hit := _judge(host, place, context):
                findings.append(hit)
                break
    return findings


def _judge(host: str, place: str, context: Context) -> Finding | None:
    name = registered(host)
    if below(host, context.own_domains) or index(context).owners(host):
        return None
    for real in context.own_domains:
        if _alike(name, real):
            return found(context, f"lookalike.own_{place}", shown=domain(name), real=domain(real))
    for partner in context.partners:
        if any(_alike(name, real) for real in partner.domains):
            return found(context, f"lookalike.partner_{place}", shown=domain(name), name=partner.name)
    seen = to_unicode(name).partition(".")[0]
    if mixed_scripts(seen):
        return found(context, f"lookalike.scripts_{place}", shown=domain(name))
    if brand := index(context).look(host):
        return found(context, f"lookalike.brand_{place}", shown=domain(host), name=brand.name)
    return None


def _alike(name: str, real: str) -> bool:
    """One slip apart, the same to the eye, the real name with something added, or another ending."""
    left, right = fold(to_unicode(name)), registered(real)
    mine, theirs = left.partition(".")[0], label(right)
    if len(theirs) < 4:
        return left != right and skeleton(mine) == skeleton(theirs) and mine != theirs
    if mine == theirs or skeleton(mine) == skeleton(theirs):
        return left != right
    if len(theirs) > 5 and near(mine, theirs, 1 if len(theirs) < 10 else 2):
        return True
    return theirs in re.split(r"[-_]", mine)
