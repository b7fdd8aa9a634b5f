"""The measurements of `secdesk eval`, each on a file that is given."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.answering import evaluate_answers
from bot.answering import evaluate_emergency as emergencies
from bot.answering.emergency import Gate
from bot.answering.encoder import encoders_for
from bot.answering.search import load_generic
from bot.app import build
from bot.content import packaged_shelf
from bot.reporting.evaluate_mail import evaluate
from bot.reporting.lexicon import load_lexicon
from bot.reporting.pairs import evaluate_pairs
from bot.reporting.sandbox import Sandbox
from bot.settings import Settings

Result = Mapping[str, Any]


def emergency(settings: Settings, path: Path) -> Result:
    """Rates of fire, confirm and none by group, and the misses."""
    return emergencies.evaluate(Gate(packaged_shelf(settings.overlay)), path)


def plain(settings: Settings, path: Path) -> Result:
    """How often ordinary questions fire or are asked back."""
    return emergencies.evaluate_plain(Gate(packaged_shelf(settings.overlay)), path)


def answers(settings: Settings, path: Path, shots: int, *, typos: bool) -> Result:
    """The search on an intent set: each intent an entry with `shots` paraphrases, with the encoders that are set."""
    generic = load_generic(packaged_shelf(settings.overlay))
    cache = settings.data / "cache"
    encoders = encoders_for(settings.search, cache)
    return evaluate_answers.evaluate_intents(path, shots, typos, encoders=encoders, generic=generic, cache=cache)


def questions(settings: Settings, path: Path, out_of_scope: Path | None) -> Result:
    """The live knowledge base on a file of questions and ids."""
    app = build(settings)
    try:
        return evaluate_answers.evaluate_questions(app.contents.search, path, out_of_scope)
    finally:
        app.close()


def mail(settings: Settings, path: Path) -> Result:
    """The verdicts on a folder of mails with a manifest; each mail with an empty history and no organisation."""
    sandbox = Sandbox()
    context = load_lexicon(packaged_shelf(settings.overlay)).context(authserv_id=settings.authserv_id)
    try:
        return evaluate(path, context, sandbox, note=_note)
    finally:
        sandbox.close()


def pairs(path: Path) -> Result:
    """Which mails of a folder with a manifest are taken for one campaign."""
    sandbox = Sandbox()
    try:
        return evaluate_pairs(path, sandbox, note=_note)
    finally:
        sandbox.close()


def _note(done: int, total: int) -> None:
    if done % 50 == 0 and sys.stderr.isatty():
        print(f"\r{done} of {total} mails", end="", file=sys.stderr, flush=True)
