"""`secdesk ask`: what a person would get for a question. Opens no ticket, calls nobody, keeps nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from bot.app import build
from bot.cards import as_text
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question")
    parser.add_argument("--as", dest="person", default="", help="id or address of a person (default: a guest)")
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    app = build(settings())
    try:
        outcome = app.ask(options.question, app.person(options.person))
    finally:
        app.close()
    if options.json:
        print(json.dumps({
            "outcome": outcome.outcome.value, "entry": outcome.entry, "suggestions": list(outcome.suggestions),
            "confidence": round(outcome.confidence, 4), "text": as_text(outcome.card),
        }, ensure_ascii=False))  # fmt: skip
    else:
        print(as_text(outcome.card))
    return 0
