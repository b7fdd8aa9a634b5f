"""`secdesk eval`: measure Secdesk on a file that you give. Prints rates from 0 to 1."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from bot.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["emergency", "answers", "questions", "mail"], help="what to measure")
    parser.add_argument("path", type=Path, nargs="?", help="the file or folder to measure on")
    parser.add_argument("--plain", type=Path, help="emergency: an intent set whose questions are no emergencies")
    parser.add_argument("--shots", type=int, default=5, help="answers: paraphrases an entry (default: 5)")
    parser.add_argument("--typos", action="store_true", help="answers: ask the questions with typos")
    parser.add_argument("--out-of-scope", type=Path, help="questions: a file of questions nobody can answer here")
    parser.add_argument(
        "--pairs", action="store_true", help="mail: which mails are taken for one campaign, instead of verdicts"
    )
    parser.add_argument("--json", action="store_true", help="the rates as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    for path in (options.plain or options.path, options.out_of_scope):
        if path is not None and not path.exists():
            raise ConfigError(f"{path} is not there")
    path = options.plain or options.path
    if path is None:
        raise ConfigError(f"give a file to measure on: secdesk eval {options.what} FILE")
    try:
        result = _measure(options, settings())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OSError) as error:
        if options.debug:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConfigError(f"{path} is not in the form that `eval {options.what}` reads ({what})") from error
    print(json.dumps(result, ensure_ascii=False)) if options.json else _show(result)
    return 0


def _measure(options: argparse.Namespace, settings: Settings) -> Mapping[str, Any]:
    from bot.app import measures  # noqa: PLC0415 (imports the pillar that is measured)

    match options.what:
        case "emergency" if options.plain:
            return measures.plain(settings, options.plain)
        case "emergency":
            return measures.emergency(settings, options.path)
        case "answers":
            return measures.answers(settings, options.path, options.shots, typos=options.typos)
        case "questions":
            return measures.questions(settings, options.path, options.out_of_scope)
        case _ if options.pairs:
            return measures.pairs(options.path)
        case _:
            return measures.mail(settings, options.path)


def _show(result: Mapping[str, Any], indent: str = "") -> None:
    for name, value in result.items():
        if isinstance(value, Mapping):
            print(f"{indent}{name}:")
            _show(value, indent + "  ")
        elif isinstance(value, list):
            print(f"{indent}{name}: {len(value)}")
            for item in value:
                print(f"{indent}  {item}")
        else:
            print(f"{indent}{name}: {value:.4f}" if isinstance(value, float) else f"{indent}{name}: {value}")
