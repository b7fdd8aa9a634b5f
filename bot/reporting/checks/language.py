"""What the wording wants: hurry, fear, sign-in, prize, money, and how well that fits where it comes from.

Sample: language.credential "It wants you to sign in or confirm details: "verify your account"."
Sample: language.urgency_subject "The subject pushes you to hurry: "final notice"."
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import defang, found, short
from bot.reporting.facts import Facts, facts
from bot.reporting.mail_model import Email

ID = "language"
STRONG = ("prize", "casino", "parcel", "document", "payment", "crypto", "advance_fee", "extortion", "goods", "job")
_EMOJI = re.compile("[\u231a-\u23ff\u2600-\u27bf\u2b05-\u2b55\U0001f100-\U0001faff]")
_MONEY = re.compile(r"[$€£]\s?\d[\d.,]*|\d[\d.,]*\s?(?:€|\$|£|euro?s?|eur|usd|dollars?)", re.I)
_NOISE = re.compile(
    r"\s{4,}\S|[.*~_=-]{4,}|^\s*[-.~*_]{1,3}[A-Za-z]|[.\s]{2,}[A-Z0-9]{4,}\W*$|\b[A-Z]\s[a-z]{3,}\s[a-z]\s|[a-z]I[a-z]"
)
_CODE = re.compile(r"#?\b(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6,}\b|\b\d{6,}\b")


def check(email: Email, context: Context) -> list[Finding]:
    """One finding a kind of wording: in the subject, or several times in the text."""
    known = facts(email, context)
    return [*_kinds(known, context), *_shape(email, known, context), *_together(known, context)]


def _quote(hits: list[str]) -> str:
    return defang(short(hits[0], 40)) if hits else ""


def _kinds(known: Facts, context: Context) -> Iterator[Finding]:
    for kind in ("urgency", "account", "credential", *STRONG):
        subject, body = known.subject_hits.get(kind, []), known.body_hits.get(kind, [])
        if subject:
            yield found(context, f"language.{kind}_subject", words=_quote(subject))
        if len(body) >= 3:
            yield found(context, f"language.{kind}_often", words=_quote(body))
        elif body:
            yield found(context, f"language.{kind}", words=_quote(body))
    if hits := known.body_hits.get("greeting"):
        yield found(context, "language.greeting", words=_quote(hits))


def _shape(email: Email, known: Facts, context: Context) -> Iterator[Finding]:
    subject = email.subject
    if _EMOJI.search(subject):
        yield found(context, "language.emoji")
    letters = [char for char in subject if char.isalpha()]
    if len(letters) > 12 and sum(char.isupper() for char in letters) > 0.7 * len(letters):
        yield found(context, "language.shouting")
    if subject.count("!") > 1 or "!!" in subject:
        yield found(context, "language.exclaims")
    if _NOISE.search(subject):
        yield found(context, "language.subject_noise")
    if _MONEY.search(subject):
        yield found(context, "language.money_subject")
    if _CODE.search(subject):
        yield found(context, "language.code_subject")


def _together(known: Facts, context: Context) -> Iterator[Finding]:
    """Fear, hurry and sign-in in one mail whose links lead away from the sender."""
    fear, sign_in, hurry = known.hits("account"), known.hits("credential"), known.hits("urgency")
    if known.foreign or known.claimed or not known.sender_domain:
        if fear and sign_in:
            yield found(context, "language.fear_and_sign_in", words=_quote(fear), more=_quote(sign_in))
        if known.claimed and (fear or sign_in or hurry):
            yield found(
                context,
                "language.false_brand_pushes",
                name=known.claimed[0].name,
                words=_quote(fear or sign_in or hurry),
            )
        if known.claimed and (known.hits("prize") or known.hits("parcel")):
            yield found(context, "language.false_brand_lures", name=known.claimed[0].name)
        if (hurry and sign_in) and not fear:
            yield found(context, "language.hurry_and_sign_in", words=_quote(hurry), more=_quote(sign_in))
    if known.foreign and len(known.hits("parcel")) > 1:
        sign = (
            "language.parcel_fee"
            if known.together("request", "pay", 12) or known.hits("payment")
            else "language.parcel_elsewhere"
        )
        yield found(context, sign, words=_quote(known.hits("parcel")))
    paying = known.hits("payment")
    if known.foreign and not fear and (len(paying) > 1 or (paying and sign_in)):
        yield found(context, "language.payment_elsewhere", words=_quote(known.hits("payment")))
    if len(known.hits("prize")) > 1 and known.subject_hits.get("prize"):
        yield found(context, "language.prize_all_over", words=_quote(known.hits("prize")))
