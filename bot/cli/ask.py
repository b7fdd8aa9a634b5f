"""`secdesk ask`: what a person would get for a question. Opens no ticket, calls nobody, keeps nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from bot.cli.opening import opened
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="+", help="the question, in your own words")
    parser.add_argument("--as", dest="person", default="", help="id or address of a person (default: a guest)")
    parser.add_argument("--json", action="store_true", help="outcome, entry, suggestions, confidence and text as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.cards import as_text  # noqa: PLC0415

    with opened(settings(), search=True) as app:
        outcome = app.ask(" ".join(options.question), app.person(options.person))
    if options.json:
        print(json.dumps({
            "outcome": outcome.outcome.value, "entry": outcome.entry, "suggestions": list(outcome.suggestions),
            "confidence": round(outcome.confidence, 4), "text": as_text(outcome.card),
        }, ensure_ascii=False))  # fmt: skip
    else:
        print(as_text(outcome.card))
    return 0
