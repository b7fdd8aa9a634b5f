"""The command line: `secdesk COMMAND`. One module a group of commands; each is imported only when it is used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import __version__
from bot.errors import ContentError, SecdeskError
from bot.settings import load_settings

# command → (module, one line of help)
COMMANDS = {
    "serve": ("serve", "start Secdesk"),
    "init": ("init", "ask a few questions and write a working folder"),
    "doctor": ("doctor", "what is on, what is missing, how to mend it"),
    "lint": ("lint", "check every content file; all faults at once"),
    "ask": ("ask", "ask a question, as somebody, without opening a ticket"),
    "report": ("report", "report a mail file"),
    "nudge": ("nudge", "plan or send lessons"),
    "tickets": ("tickets", "list and show tickets"),
    "people": ("people", "list people, forget one"),
    "audit": ("audit", "verify the audit chain"),
    "console-link": ("console", "a new one-time sign-in link for the console"),
    "eval": ("evaluate", "measure emergencies, answers or mail on a file"),
}


def build_parser() -> argparse.ArgumentParser:
    """The whole command line (its `--help` is in the README and compared by a test)."""
    parser = argparse.ArgumentParser(prog="secdesk", description="The security help desk in your chat.")
    parser.add_argument("--version", action="version", version=f"secdesk {__version__}")
    parser.add_argument("--folder", type=Path, help="where secdesk.toml lies (default: this folder)")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, help_) in COMMANDS.items():
        commands.add_parser(name, help=help_, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors are one clear line on standard error, never a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    module = importlib.import_module(f"bot.cli.{COMMANDS[options.command][0]}")
    own = argparse.ArgumentParser(prog=f"secdesk {options.command}", description=COMMANDS[options.command][1])
    module.arguments(own)
    try:
        return int(module.run(own.parse_args(rest), lambda: load_settings(options.folder)))
    except ContentError as error:
        print(error, file=sys.stderr)
        print(f"\n{len(error.faults)} fault(s). Nothing was changed.", file=sys.stderr)
        return 1
    except SecdeskError as error:
        print(f"secdesk: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130
