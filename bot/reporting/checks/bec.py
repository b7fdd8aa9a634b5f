"""Frauds that need no link: the false boss, changed bank details, the bill with a number to ring, money from strangers.

Sample: bec.false_boss "A short mail that asks for a favour and no calls is how a false boss begins: "are you available"."
Sample: bec.bank_change "It wants payments sent to new bank details. Ring the person on a number you know."
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import defang, found, short
from bot.reporting.facts import Facts, facts
from bot.reporting.mail_model import Email

ID = "bec"
PHONE = re.compile(r"(?<![\w/=.-])(?:\+?\d{1,3}[\s.\-–]{0,2})?\(?\d{3,4}\)?[\s.\-–]{1,3}\d{3}[\s.\-–]{0,3}\d{3,4}(?![\w/])|\+\d{9,14}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}\s?[A-Z0-9]{0,4}\b")
_GIFT = re.compile(r"\b(?:gift ?cards?|itunes|google play|steam|razer|neosurf|transcash|pcs|paysafecard|geschenkkarten?|gutschein\w*|cartes? cadeaux?|tarjetas? (?:de )?regalo|cart\w+ (?:de )?presente|cadeaukaart\w*)\b", re.I)
_COIN = re.compile(r"\b(?:bc1[a-z0-9]{20,60}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|0x[0-9a-fA-F]{40})\b")
_AMOUNT = re.compile(r"[$€£]\s?\d{2,4}(?:[.,]\d{2})?\b|\b\d{2,4}[.,]\d{2}\s?(?:usd|eur|€|\$|£)", re.I)


def check(email: Email, context: Context) -> list[Finding]:
    """The false boss, bank details, call-back bills, advance fees, extortion."""
    known = facts(email, context)
    return [
        *_boss(email, known, context),
        *_bank(email, known, context),
        *_call_back(email, known, context),
        *_strangers(email, known, context),
    ]


def _quote(hits: list[str]) -> str:
    return defang(short(hits[0], 40)) if hits else ""


def _quiet(known: Facts) -> bool:
    """Short and without links that matter."""
    return known.word_count < 160 and len(known.targets) < 2


def _boss(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    hits = known.hits("pretext")
    if hits and _quiet(known):
        sign = "false_boss_strong" if len(hits) > 2 else "false_boss" if len(hits) > 1 or known.word_count < 40 else "hint"
        yield found(context, f"bec.{sign}", words=_quote(hits))
    if hits and known.freemail and _quiet(known):
        yield found(context, "bec.freemail_favour")
    if _GIFT.search(email.text[:4000]) and hits and _quiet(known):
        yield found(context, "bec.gift_cards")


def _bank(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    hits = known.hits("bank_change")
    if len(hits) > 1 or (hits and (_IBAN.search(email.text) or known.subject_hits.get("bank_change"))):
        yield found(context, "bec.bank_change", words=_quote(hits))


def _call_back(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    """A bill with a telephone number and hardly a link. Phone numbers in signatures are ordinary, so wording must agree."""
    hits = known.hits("callback")
    phones = PHONE.findall(f"{email.subject}\n{email.text[:6000]}")
    few_links = len(known.link_domains) < 2
    if len(hits) > 1 and phones and few_links:
        strong = len(hits) > 3 or known.freemail or bool(known.claimed) or len(set(phones)) < len(phones)
        yield found(context, "bec.call_back_strong" if strong else "bec.call_back", words=_quote(hits))
    elif known.claimed and phones and few_links and _AMOUNT.search(email.text[:6000]):
        yield found(context, "bec.call_back", words=known.claimed[0].name)


def _strangers(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    fees, threats = known.hits("advance_fee"), known.hits("extortion")
    few_links = len(known.targets) < 3
    if len(fees) > 4 and few_links:
        yield found(context, "bec.advance_fee_strong", words=_quote(fees))
    elif len(fees) > 2 and few_links:
        yield found(context, "bec.advance_fee", words=_quote(fees))
    if len(threats) > 3 or (len(threats) > 1 and _COIN.search(email.text)):
        yield found(context, "bec.extortion", words=_quote(threats))
