"""The phishing checks: one module each, found by name. A check never knows another one.

A check has `ID` (the module's name), a docstring that shows what it says, and `check(email, context) -> list[Finding]`. Its
findings are named `id.sign`; sentences stand in knowledge/phishing/signs.yaml, weights in knowledge/phishing/weights.yaml.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import could_not
from bot.reporting.mail_model import Email

_SEALED = (
    "application/pkcs7-mime",
    "application/x-pkcs7-mime",
    "application/pgp-encrypted",
    "application/octet-stream+pgp",
)
Check = Callable[[Email, Context], list[Finding]]


# Faults of a mail after which not everything in it was read.
_UNREAD = ("nested", "more than", "cut", "unreadable", "broken")


@cache
def check_names() -> tuple[str, ...]:
    """The ids of all checks, without loading them."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


@cache
def all_checks() -> dict[str, Check]:
    """Every check of this package by its id, sorted."""
    return {name: import_module(f"{__name__}.{name}").check for name in check_names()}


def run(email: Email, context: Context) -> list[Finding]:
    """What all checks found. One that fails becomes an inconclusive finding, which never counts as innocence."""
    result: list[Finding] = []
    for name, check in all_checks().items():
        try:
            result.extend(check(email, context))
        except (RecursionError, Exception):
            result.append(could_not(context, name))
    if any(word in defect for defect in email.defects for word in _UNREAD):
        result.append(could_not(context, "whole"))
    if not email.text and any(
        file.declared in _SEALED or file.name.lower().endswith(".p7m") for file in email.attachments
    ):
        result.append(could_not(context, "sealed"))
    return result
