"""Where links really lead, and how they try to hide it. Nothing is opened.

Sample: links.mismatch "A link says one thing and does another: shown www[.]bank[.]example → goes to hxxps://login[.]evil[.]example/…"
Sample: links.shortener "A shortened link hides where it goes: hxxps://bit[.]ly/…"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import below, host_of, is_ip, registered, scheme_of, userinfo
from bot.reporting.explain import domain, found, mismatch, where
from bot.reporting.facts import Facts, Target, facts, shown_host
from bot.reporting.mail_model import Email

ID = "links"
_JUNK = re.compile(r"(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{12,}|[bcdfghjklmnpqrstvwxz]{7,}|\d{7,}", re.I)
_INNER = re.compile(r"https?(?::|%3a)(?:/|%2f){2}", re.I)


def check(email: Email, context: Context) -> list[Finding]:
    """One finding a kind, for the first link that shows it."""
    known = facts(email, context)
    findings: dict[str, Finding] = {}
    for finding in (*_schemes(email, context), *_each(known, context), *_together(email, known, context)):
        findings.setdefault(finding.check, finding)
    return list(findings.values())


def _schemes(email: Email, context: Context) -> Iterator[Finding]:
    for link in email.links:
        scheme = scheme_of(link.target)
        if scheme in ("javascript", "vbscript") or (scheme == "data" and "html" in link.target[:60].lower()):
            yield found(context, "links.script", link=where(link.target))
        if link.kind == "refresh":
            yield found(context, "links.refresh", link=where(link.target))
    if email.password_field:
        yield found(context, "links.password_form")
    if email.trackers:
        yield found(context, "links.tracking", domain=domain(email.trackers[0]))


def _each(known: Facts, context: Context) -> Iterator[Finding]:
    hosts = context.hosts
    for target in known.targets[:300]:
        shown = where(target.url)
        yield from _hiding(target, known, context)
        if below(target.host, hosts.shorteners) and not known.same_owner(target.domain):
            yield found(context, "links.shortener", link=shown)
        elif below(target.host, hosts.free_hosting) and not known.same_owner(target.domain):
            yield found(context, "links.free_hosting", link=shown)
        if _redirects(target, context):
            yield found(context, "links.redirector", link=shown)
        if is_ip(target.host):
            yield found(context, "links.ip", link=shown)
        if "xn--" in target.host:
            yield found(context, "links.punycode", link=shown)
        if userinfo(target.url):
            yield found(context, "links.userinfo", link=shown)
        if re.search(
            r":(?!80/|443/|80$|443$)\d{2,5}(?:[/?#]|$)", target.url.partition("://")[2].partition("/")[0] + "/"
        ):
            yield found(context, "links.port", link=shown)
        if known.same_owner(target.domain):
            continue
        if (
            target.host.rpartition(".")[2] in hosts.cheap_endings
            or ".".join(target.host.split(".")[-2:]) in hosts.cheap_endings
        ):
            yield found(context, "links.cheap_ending", link=shown)
        if target.host.count(".") > 4 or _JUNK.search(target.domain.partition(".")[0]):
            yield found(context, "links.random_host", link=shown)
        if any(known.index.owns(brand, target.host) for brand in known.claimed):
            continue
        yield from _brand_in_path(target, known, context)


def _hiding(target: Target, known: Facts, context: Context) -> Iterator[Finding]:
    """The visible text is another address than the target's."""
    host = shown_host(target.link.shown)
    if (
        not host
        or registered(host) == target.domain
        or registered(host, platforms=False) == registered(target.host, platforms=False)
    ):
        return
    owners = known.index.owners(host)
    if owners & known.index.owners(target.host) or below(target.host, context.own_domains):
        return
    well_known = bool(owners) or below(host, context.own_domains)
    if below(target.host, context.hosts.mailers) or (known.same_owner(target.domain) and not well_known):
        return
    sign = "links.mismatch_brand" if well_known else "links.mismatch"
    yield found(context, sign, link=mismatch(target.link))


def _redirects(target: Target, context: Context) -> bool:
    """A page of an honest host that sends on to a foreign address."""
    path = urlsplit_safe(target.url)
    for rule in context.hosts.redirectors:
        if below(target.host, (rule.host,)) and path[0].startswith(rule.path):
            if not rule.parameters:
                return True
            for key, value in path[1]:
                if key in rule.parameters and registered(host_of(unquote(value))) != target.domain:
                    return True
    return False


def urlsplit_safe(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Path and parameters; empty for what cannot be split."""
    try:
        parts = urlsplit(url)
        return parts.path or "/", parse_qsl(parts.query[:4000], max_num_fields=50)
    except ValueError:
        return "/", []


def _brand_in_path(target: Target, known: Facts, context: Context) -> Iterator[Finding]:
    tail = target.url.partition(target.host)[2].lower()[:300]
    for brand in context.brands:
        key = brand.name.lower()
        if brand.word or len(key) < 5 or not key.isalpha() or key not in tail or known.index.owners(target.host):
            continue
        if not known.index.owns(brand, known.sender_host):
            yield found(context, "links.brand_in_path", link=where(target.url), name=brand.name)
            return


def _together(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    """What the links say as a whole."""
    clicks = [target for target in known.targets if target.link.kind in ("a", "form", "refresh")]
    false = known.name_brands
    if false and clicks and not any(known.index.owns(brand, target.host) for brand in false for target in clicks):
        yield found(context, "links.not_the_brand", name=false[0].name, link=where(clicks[0].url))
    if clicks and len(known.foreign) == len(known.targets):
        carried = all(below(target.host, context.hosts.mailers) for target in clicks)
        sign = "elsewhere_freemail" if known.freemail else "elsewhere_mailer" if carried else "all_elsewhere"
        yield found(context, f"links.{sign}", link=where(clicks[0].url))
        if known.word_count < 30 and not carried:
            yield found(context, "links.little_else", link=where(clicks[0].url))
    if len(clicks) > 1 and len({target.url.partition("?")[0] for target in clicks}) == 1:
        yield found(context, "links.one_target", link=where(clicks[0].url))
    if clicks and len({target.domain for target in clicks}) == 1 and len(clicks) > 2 and known.foreign:
        yield found(context, "links.one_place", link=where(clicks[0].url))
    wrapped = [target for target in known.foreign if _INNER.search(target.url.partition("://")[2])]
    if wrapped:
        yield found(context, "links.address_inside", link=where(wrapped[0].url))
