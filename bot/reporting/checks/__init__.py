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

Check = Callable[[Email, Context], list[Finding]]


@cache
def all_checks() -> dict[str, Check]:
    """Every check of this package by its id, sorted."""
    found: dict[str, Check] = {}
    for module in sorted(iter_modules(__path__), key=lambda item: item.name):
        loaded = import_module(f"{__name__}.{module.name}")
        found[loaded.ID] = loaded.check
    return found


def run(email: Email, context: Context) -> list[Finding]:
    """What all checks found. One that fails becomes an inconclusive finding, which never counts as innocence."""
    result: list[Finding] = []
    for name, check in all_checks().items():
        try:
            result.extend(check(email, context))
        except (RecursionError, Exception):
            result.append(could_not(context, name))
    return result
