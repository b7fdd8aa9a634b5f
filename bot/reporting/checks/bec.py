"""Frauds that need no link: the false boss, changed bank details, the bill with a number to ring, money from strangers.

One word proves nothing here, so the check looks for ideas close together (knowledge/phishing/ideas.yaml): say, "new" beside "bank
account" in a mail about payments.

Sample: bec.false_boss "A short mail that asks for a quick favour is how a false boss begins: "are you available"."
Sample: bec.bank_change "It wants payments sent to new bank details ("our new account"). Ring the supplier on a number you know."
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
TINY = 60  # words; with so little said, less is needed
SHORT = 220  # words; frauds of this kind are short, and longer mails hold every idea somewhere
_DIGITS = re.compile(r"(?<![\w/=.,-])(?:\+|00|\()?\d[\d \t().\u2010-\u2015\xa0-]{7,22}\d(?![\w/])")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{2,4}|\d{4}[ -]\d{4}[ -]\d{4}")
_COIN = re.compile(r"\b(?:bc1[a-z0-9]{20,60}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|0x[0-9a-fA-F]{40})\b")
_AMOUNT = re.compile(r"[$€£]\s?\d{2,4}(?:[.,]\d{2})?\b|\b\d{2,4}[.,]\d{2}\s?(?:usd|eur|€|\$|£)", re.I)


def check(email: Email, context: Context) -> list[Finding]:
    """The false boss, bank details, passwords, call-back bills, advance fees, extortion."""
    known = facts(email, context)
    findings = [*_call_back(email, known, context), *_strangers(email, known, context)]
    if known.word_count <= SHORT and len(known.foreign) < 2:
        findings += [*_boss(known, context), *_accounts(known, context)]
    return findings


def phones(text: str) -> list[str]:
    """Telephone numbers as digits: 9 to 15 of them, grouped or with a country code. Dates and card numbers are left out."""
    found_numbers = []
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        grouped = match[0].startswith("+") or len(re.findall(r"\d+", match[0])) > 2
        if 9 <= len(digits) <= 15 and grouped and not _DATE.search(match[0]):
            found_numbers.append(digits)
    return found_numbers


def _quote(hits: list[str]) -> str:
    return defang(short(hits[0], 40)) if hits else ""


def _boss(known: Facts, context: Context) -> Iterator[Finding]:
    """Somebody in a hurry who must not be rung, wants it kept quiet, and asks for a favour, a payment, cards or a number."""
    ideas = known.ideas
    task = known.together("request", "pay", 8)
    number = known.together("request", "your_number", 8) or known.together("reply_with", "your_number", 8)
    cards = known.together("buy", "vouchers", 8)
    points = sum(idea in ideas for idea in ("presence", "away", "secrecy")) + 0.5 * ("haste" in ideas) + task
    points += 1.5 * number + 2.5 * cards + (cards and "codes" in ideas)
    words = known.idea_words("vouchers" if cards else "your_number" if number else "secrecy", "away", "presence")
    enough = 2.0 if known.word_count < TINY else 2.5
    if points >= 3.5:
        yield found(context, "bec.false_boss_strong", words=words)
    elif points >= enough and not known.own:
        yield found(context, "bec.false_boss", words=words)
    elif points >= 1.5 and known.freemail:
        yield found(context, "bec.freemail_favour", words=words)
    if cards:
        yield found(context, "bec.gift_cards")


def _accounts(known: Facts, context: Context) -> Iterator[Finding]:
    """Money to a new account, salary to a new account, a password in the answer."""
    new_bank = known.together("change", "bank", 5)
    salary = known.together("mine", "salary", 3) and (new_bank or known.together("change", "pay", 3))
    if salary or (known.together("salary", "bank", 14) and new_bank and "mine" in known.ideas):
        yield found(context, "bec.salary_change", words=known.idea_words("salary"))
    elif new_bank and "pay" in known.ideas:
        yield found(context, "bec.bank_change", words=known.idea_words("bank"))
    if known.together("reply_with", "password", 10) and not known.foreign:
        yield found(context, "bec.asks_password", words=known.idea_words("password"))


def _call_back(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    """A bill with a telephone number and hardly a link. Phone numbers in signatures are ordinary, so wording must agree."""
    hits, ideas = known.hits("callback"), known.ideas
    numbers = phones(f"{email.subject}\n{email.text[:6000]}")
    if not numbers or len(known.link_domains) > 1:
        return
    told = all(idea in ideas for idea in ("charge", "ring", "dispute")) and known.word_count <= SHORT * 2
    if len(hits) > 3 or (told and (hits or _AMOUNT.search(email.text[:6000]))):
        yield found(context, "bec.call_back_strong", words=_quote(hits) or known.idea_words("dispute"))
    elif len(hits) > 1 or told or (known.claimed and _AMOUNT.search(email.text[:6000])):
        words = _quote(hits) or known.idea_words("dispute", "charge")
        yield found(context, "bec.call_back", words=words)


def _strangers(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    fees, threats, ideas = known.hits("advance_fee"), known.hits("extortion"), known.ideas
    few_links = len(known.targets) < 3
    told = "fortune" in ideas and len(ideas.get("stranger", ())) > 2 and known.word_count <= SHORT * 2
    if few_links and (len(fees) > 4 or (told and len(fees) > 1)):
        yield found(context, "bec.advance_fee_strong", words=_quote(fees))
    elif few_links and (len(fees) > 2 or (told and fees)):
        yield found(context, "bec.advance_fee", words=_quote(fees))
    watched = len(ideas.get("watched", ())) > 1 and ("coins" in ideas or bool(_COIN.search(email.text)))
    watched = watched and known.word_count <= SHORT * 3 and not known.foreign
    if watched or len(threats) > 3 or (len(threats) > 1 and _COIN.search(email.text)):
        yield found(context, "bec.extortion", words=_quote(threats) or known.idea_words("watched"))
