"""Does the sender's name claim to be somebody the address is not?

Sample: sender_identity.brand_in_name "The name says PayPal, but the mail comes from account-check[.]example."
Sample: sender_identity.person_outside "The name is that of Maria Vogt, but the address is not one of ours: mail[.]example."
"""

from __future__ import annotations

import re

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.domains import below, known_ending, label, platform, registered
from bot.reporting.explain import defang, domain, found, short
from bot.reporting.facts import Facts, claims, facts
from bot.reporting.folding import BIDI, DECORATED, INVISIBLE, skeleton
from bot.reporting.mail_model import Email
from bot.reporting.phrases import words

ID = "sender_identity"
_ADDRESS = re.compile(r"[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63})+)")
_HOST = re.compile(
    r"\b((?:[\w-]{2,63}\.){1,3}(?:com|net|org|io|de|fr|es|nl|pt|co|eu|uk|br|us|ch|at|be|it|info|app|fi))\b", re.I
)
_EMOJI = re.compile("[\u2600-\u27bf\u2b50-\u2b55\U0001f300-\U0001faff]")
_TAIL = re.compile(
    r"(?<!\binc)(?<!\bjr)(?<!\bsr)(?<!\bco)(?<!\bltd)(?<!\bcorp)(?<!\bllc)(?<!\bmbh)(?<!\b[a-z])[.,!;:_*]+\s*$|^[\W_]{2,}\w",
    re.I,
)
_BROKEN = re.compile(r"\s{3,}|[.*~_=-]{3,}|\b[A-Z]\s[a-z]{3,}|[a-z][I][a-z]|[.\s]{2,}[A-Z0-9]{4,7}\s*$")
_JUNK = re.compile(r"(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{9,}|\d{6,}|[bcdfghjklmnpqrstvwxz]{6,}", re.I)


def check(email: Email, context: Context) -> list[Finding]:
    """Brand, address, host, person or role in the name against the domain; noise in name and address."""
    known = facts(email, context)
    return [*_claims(email, context, known), *_people(email, context, known), *_noise(email, context, known)]


def _claims(email: Email, context: Context, known: Facts) -> list[Finding]:
    name, host = email.sender.name, known.sender_host
    where = domain(known.sender_domain or host or "nowhere")
    findings = []
    false = known.name_brands
    if false:
        findings.append(found(context, "sender_identity.brand_in_name", brand=false[0].name, domain=where))
    elif hit := _other_address(name, host):
        sign = "sender_identity.address_in_name" if "@" in hit else "sender_identity.host_in_name"
        findings.append(found(context, sign, shown=defang(short(hit)), domain=where))
    local = skeleton(re.sub(r"[\W_]", "", email.sender.email.rpartition("@")[0]))
    if not false and any(not known.index.owns(brand, host) for brand in known.index.glued(local)):
        findings.append(found(context, "sender_identity.brand_in_address", address=defang(short(email.sender.email))))
    tokens = words(name)
    if tokens and not known.own and context.roles.intersection(tokens) and not _fits(tokens, known):
        kind = "role_freemail" if known.freemail else "role"
        findings.append(found(context, f"sender_identity.{kind}", name=defang(short(name)), domain=where))
    return findings


def _other_address(name: str, host: str) -> str:
    """An address or host in the name that is not the sender's."""
    for match in list(_ADDRESS.finditer(name)) + list(_HOST.finditer(name)):
        shown = match[1].lower().strip(".")
        if known_ending(shown) and registered(shown) != registered(host) and label(shown) != label(host):
            return match[0]
    return ""


def _fits(tokens: list[str], known: Facts) -> bool:
    """Whether a word of the name is in the domain ("Acme Support" at acme.example)."""
    flat = known.sender_domain.replace("-", "")
    return any(len(token) > 2 and token in flat and token not in known.context.roles for token in tokens)


def _people(email: Email, context: Context, known: Facts) -> list[Finding]:
    if known.own or below(known.sender_host, tuple(d for b in context.partners for d in b.domains)):
        return []
    where = domain(known.sender_domain or known.sender_host or "nowhere")
    if person := claims(email.sender.name, context.people):
        return [found(context, "sender_identity.person_outside", name=person, domain=where)]
    flat = " ".join(words(email.sender.name))
    if any(len(own) > 3 and " ".join(words(own)) in flat for own in context.own_names):
        return [found(context, "sender_identity.own_name_outside", name=defang(short(email.sender.name)), domain=where)]
    return []


def _noise(email: Email, context: Context, known: Facts) -> list[Finding]:
    name, address = email.sender.name, email.sender.email
    findings = []
    if (
        INVISIBLE.search(name.replace("\ufe0f", "").replace("\u200d", ""))
        or BIDI.search(name)
        or DECORATED.search(name)
    ):
        findings.append(found(context, "sender_identity.disguised_name", name=defang(short(name))))
    if _EMOJI.search(name):
        findings.append(found(context, "sender_identity.emoji_name", name=defang(short(name))))
    plain = _EMOJI.sub("", name).strip()
    if plain and "@" not in plain and (_TAIL.search(plain) or _BROKEN.search(plain)):
        findings.append(found(context, "sender_identity.noise_name", name=defang(short(name))))
    local = address.rpartition("@")[0].partition("+")[0]
    if (_JUNK.search(local) or _scrambled(local)) and not known.freemail:
        findings.append(found(context, "sender_identity.random_address", address=defang(short(address))))
    if known.sender_domain:
        findings.extend(_domain(context, known))
    return findings


def _scrambled(local: str) -> bool:
    """Letters of both cases thrown together (`kJYqaDB`), unlike the words of `TrackingUpdates`."""
    if not (local.isalpha() and local.isascii() and 5 < len(local) < 16) or local[1:].islower():
        return False
    runs = re.findall(r"[a-z]+", local)
    return sum(char.isupper() for char in local) > 1 and bool(runs) and max(map(len, runs)) < 4


def _domain(context: Context, known: Facts) -> list[Finding]:
    host, where = known.sender_host, domain(known.sender_domain)
    findings = []
    if _cheap(host, context):
        findings.append(found(context, "sender_identity.cheap_domain", domain=where))
    if below(host, context.hosts.free_hosting) or (platform(host) and not known.freemail):
        findings.append(found(context, "sender_identity.rented_domain", domain=domain(host)))
    labels = host.split(".")
    if (
        len(labels) > 5
        or _JUNK.search(known.sender_domain.partition(".")[0])
        or sum(len(part) == 1 for part in labels) > 2
    ):
        findings.append(found(context, "sender_identity.random_domain", domain=domain(host)))
    return findings


def _cheap(host: str, context: Context) -> bool:
    endings = context.hosts.cheap_endings
    return host.rpartition(".")[2] in endings or ".".join(host.split(".")[-2:]) in endings
