"""`secdesk init`: at most ten questions, then a working folder."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.settings import FILE, Settings

if TYPE_CHECKING:
    from bot.organisation import Words

# key, default. The words of each question are in knowledge/copy (`init.<key>`).
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("name", ""),
    ("domains", ""),
    ("timezone", "Europe/London"),
    ("helpdesk_phone", ""),
    ("oncall", ""),
    ("oncall_name", ""),
    ("oncall_email", ""),
    ("report_address", "-"),
    ("report_button", "-"),
    ("reset_url", "-"),
)
SKIP = "-"
_PHONE = re.compile(r"[^a-zA-Z]*([0-9][^a-zA-Z]*){3,}(?:(?:ext\.?|x) ?[0-9]+)?")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)+")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", type=Path, help="folder to write (default: --folder, else this one)")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    from bot.app.contents import copy_words, lint  # noqa: PLC0415

    del settings  # there are none yet
    folder: Path = (options.target or options.folder or Path()).resolve()
    paths = [folder / FILE, *(folder / "knowledge" / name for name in ("org.yaml", "people.yaml", "oncall.yaml"))]
    there = [path for path in paths if path.exists()]
    if there and not options.force:
        raise ConfigError(f"{there[0]} is there already; use another folder, or --force to write over it")
    words = copy_words()
    _write(dict(zip(paths, _files(_ask_all(words)), strict=True)))
    faults, _, _ = lint(folder / "knowledge")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(words.say("en", "init.done", folder=folder))
    return 1 if faults else 0


def _write(files: Mapping[Path, str]) -> None:
    """All files or none: each is written beside its place first. Raises `ConfigError`."""
    drafts = {path: path.with_name(path.name + ".part") for path in files}
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            drafts[path].write_text(text, "utf-8")
        for path, draft in drafts.items():
            draft.replace(path)
    except OSError as error:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        raise ConfigError(f"{error.filename}: cannot be written ({error.strerror}); nothing was changed") from error


def _ask_all(words: Words) -> Mapping[str, str]:
    return {
        key: _ask(words, key, default, f"{number}/{len(QUESTIONS)}")
        for number, (key, default) in enumerate(QUESTIONS, 1)
    }


def _ask(words: Words, key: str, default: str, number: str) -> str:
    """One answer, asked for again until it will do. Raises `ConfigError` when nobody answers any more."""
    question = words.say("en", f"init.{key}")
    hint = {"": "", SKIP: f" [{words.say('en', 'init.skip')}]"}.get(default, f" [{default}]")
    while True:
        print(f"{number:>5}  {question}{hint}: ", end="", flush=True)
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            print()
        value = _tidy(key, line.strip() or default)
        trouble = _trouble(key, value)
        if not trouble:
            return "" if value == SKIP else value
        print(f"       {words.say('en', trouble)}")
        if not line:
            raise ConfigError(words.say("en", "init.no_answer", question=question))


def _tidy(key: str, value: str) -> str:
    """Domains as people write them (`@acme.com`, `https://acme.com/`), as bare names."""
    if key != "domains":
        return value
    bare = (re.sub(r"^(https?://|.*@)", "", part.strip().lower()).strip("/. ") for part in re.split(r"[,;\s]+", value))
    return ", ".join(part for part in bare if part)


def _trouble(key: str, value: str) -> str:
    """The copy key of what is wrong with an answer, or ""."""
    if not value:
        return "init.needed"
    if key == "timezone" and not _is_timezone(value):
        return "init.bad_timezone"
    if key in {"helpdesk_phone", "oncall"} and not _PHONE.fullmatch(value):
        return "init.bad_phone"
    if key == "domains" and not all(_DOMAIN.fullmatch(part) for part in value.split(", ")):
        return "init.bad_domains"
    if (key == "oncall_email" or (key == "report_address" and value != SKIP)) and not _ADDRESS.fullmatch(value):
        return "init.bad_email"
    return ""


def _is_timezone(value: str) -> bool:
    from zoneinfo import available_timezones  # noqa: PLC0415

    return value in available_timezones()


def _files(given: Mapping[str, str]) -> tuple[str, str, str, str]:
    person = given["oncall_email"].partition("@")[0].lower()
    domains = ", ".join(_quoted(part.strip()) for part in given["domains"].split(",") if part.strip())
    names = ("helpdesk_phone", "oncall", "report_address", "report_button", "reset_url")
    values = "\n".join(f"  {name}: {_quoted(given[name])}" for name in names if given[name])
    toml = "# Secdesk. Every setting is in the table of README.md.\n"
    toml += '[storage]\ndata = "secdesk-data"\n\n[knowledge]\nfolder = "knowledge"\n'
    org = (
        f"# Your organisation. Names that may stand under values: `secdesk lint --notes` lists those without one.\n"
        f"schema: org/1\nname: {_quoted(given['name'])}\nlanguage: en\ntimezone: {_quoted(given['timezone'])}\n"
        f"domains: [{domains}]\nvalues:\n{values}\ncountries: {{}}\nentities: {{}}\nowners: {{}}\n"
    )
    people = (
        "# Who works here. Roles: executive, hr_legal, regular, it_helpdesk; tag: high_risk.\nschema: people/1\npeople:\n"
        f"  - {{id: {_quoted(person)}, name: {_quoted(given['oncall_name'])}, email: {_quoted(given['oncall_email'])}, "
        f'roles: ["it_helpdesk"], phone: {_quoted(given["oncall"])}}}\n'
    )
    rota = (
        "# Who is called when somebody is in trouble. One week each, in this order, from `start`.\nschema: oncall/1\n"
        f'start: "2026-01-05"\nweekly: [{_quoted(person)}]\nsecond: []\nmanager: ""\noverrides: []\n'
    )
    return toml, org, people, rota


def _quoted(text: str) -> str:
    """A double-quoted YAML and TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
