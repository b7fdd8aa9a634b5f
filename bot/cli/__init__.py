"""The command line: `secdesk COMMAND`. One module a command, imported only when it is used.

Each module has `arguments(parser)`, which adds its options, and `run(options, settings)`, which does the work and
returns the exit code: 0 done, 1 refused or something is wrong, 2 not understood, 130 interrupted. Heavy imports stay
inside `run`, so that `--help` and a mistyped option cost nothing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from bot import __version__
from bot.errors import ConfigError, ContentError, SecdeskError
from bot.settings import Settings, load_settings

# command → (module, one line of help)
COMMANDS = {
    "serve": ("serve", "start Secdesk"),
    "init": ("init", "ask a few questions and write a working folder"),
    "doctor": ("doctor", "what is on, what is missing, how to mend it"),
    "lint": ("lint", "check every content file; all faults at once"),
    "import": ("import_answers", "take an existing FAQ as drafts, or tickets of Jira or ServiceNow"),
    "updates": ("updates", "what a new version brought and somebody has to decide"),
    "export": ("export", "give everything back: your knowledge, and with --all every table"),
    "backup": ("backup", "one encrypted file with everything that a new machine needs"),
    "restore": ("restore", "a backup into an empty place, or a look at whether it is whole"),
    "migrate": ("migrate", "bring the tables up to date, or try it with --dry-run"),
    "keys": ("keys", "a new master key without a pause"),
    "ask": ("ask", "ask a question, as somebody, without opening a ticket"),
    "report": ("report", "report a mail file"),
    "nudge": ("nudge", "plan or send lessons"),
    "tickets": ("tickets", "list and show tickets"),
    "partner": ("partner", "contracts, reports, reviews, actions and disputes with partners"),
    "sop": ("sop", "procedures: list, run step by step, export and verify the record"),
    "people": ("people", "list people, take a table in, forget one, hand over what one owns"),
    "privacy": ("privacy", "how long things are kept, legal holds, the data map, the file of one person"),
    "audit": ("audit", "verify the audit chain"),
    "console-link": ("console", "a new one-time sign-in link for the console"),
    "token": ("token", "make, list and end tokens of the HTTP API"),
    "eval": ("evaluate", "measure emergencies, answers or mail on a file"),
}
_FOLDER = "where secdesk.toml lies (default: this folder)"
_DEBUG = "show where an unexpected error came from"


class Parser(argparse.ArgumentParser):
    """Says what was not understood in one line and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"secdesk: {message} (see {self.prog} --help)\n")


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The command line. Only the named command gets its own options: those of the others need not be imported.

    (`secdesk --help` is in the README and compared by a test.)
    """
    parser = Parser(prog="secdesk", description="The security help desk in your chat.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"secdesk {__version__}")
    _common(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, (module, help_) in COMMANDS.items():
        own = commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", allow_abbrev=False)
        if name == command:
            importlib.import_module(f"bot.cli.{module}").arguments(own)
            _common(own, default=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors are one clear line on standard error, never a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _readable(sys.stdin, sys.stdout, sys.stderr)
    options = argparse.Namespace(debug=False)
    try:
        options = build_parser(_command(arguments)).parse_args(arguments)
        module = importlib.import_module(f"bot.cli.{COMMANDS[options.command][0]}")
        code = int(module.run(options, _settings(options.folder)))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        return _failed(error)
    return code


def _failed(error: Exception) -> int:
    """Say what went wrong, in one line (content faults: one line each)."""
    if isinstance(error, ContentError):
        said = f"{error}\nsecdesk: {len(error.faults)} fault(s) in content; `secdesk lint` checks all of it"
    elif isinstance(error, SecdeskError):
        said = f"secdesk: {error or type(error).__name__}"
    elif isinstance(error, OSError):
        said = f"secdesk: {error.filename or 'a file'}: {error.strerror or type(error).__name__}"
    elif isinstance(error, ImportError):
        said = f"secdesk: {error.name or error} cannot be loaded: install Secdesk again in an environment of its own"
    else:
        said = f"secdesk: something broke that should not ({type(error).__name__}: {error}); --debug shows where"
    print(said, file=sys.stderr)
    return 1


def _common(parser: argparse.ArgumentParser, default: object) -> None:
    """Options that may stand before or after the command."""
    parser.add_argument("--folder", type=Path, default=default, help=_FOLDER)
    parser.add_argument("--debug", action="store_true", default=default or False, help=_DEBUG)


def _command(arguments: Sequence[str]) -> str:
    """The command among the arguments, or ""."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--folder":
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return ""


def _settings(folder: Path | None) -> Callable[[], Settings]:
    def load() -> Settings:
        settings = load_settings(folder)
        if not settings.folder.is_dir():
            raise ConfigError(f"there is no folder {settings.folder}; `secdesk init {folder or ''}` makes one")
        return settings

    return load


def _readable(*streams: TextIO) -> None:
    """A terminal that lacks a character shows a stand-in; nothing breaks."""
    for stream in streams:
        if callable(change := getattr(stream, "reconfigure", None)):
            change(errors="replace")
