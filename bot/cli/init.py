"""`secdesk init`: at most ten questions, then a working folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from zoneinfo import available_timezones

from bot.app.contents import copy_words, lint
from bot.errors import ConfigError
from bot.settings import FILE, Settings

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


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", type=Path, default=Path(), help="folder to write (default: this one)")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    del settings  # there are none yet
    folder: Path = options.target.resolve()
    paths = [folder / FILE, *(folder / "knowledge" / name for name in ("org.yaml", "people.yaml", "oncall.yaml"))]
    there = [path for path in paths if path.exists()]
    if there and not options.force:
        raise ConfigError(f"{there[0]} is there already; use another folder, or --force to write over it")
    given = _ask_all()
    files = dict(zip(paths, _files(given), strict=True))
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write there ({error.strerror})") from error
    faults, _, _ = lint(folder / "knowledge")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(copy_words().say("en", "init.done", folder=folder))
    return 1 if faults else 0


def _ask_all() -> Mapping[str, str]:
    words, given = copy_words(), dict[str, str]()
    for number, (key, default) in enumerate(QUESTIONS, 1):
        question = words.say("en", f"init.{key}")
        while True:
            shown = f" [{default}]" if default and default != SKIP else " [skip]" if default == SKIP else ""
            print(f"{number}/{len(QUESTIONS)}  {question}{shown}: ", end="", flush=True)
            line = sys.stdin.readline()
            if not line and not default:
                raise ConfigError(f"no answer to “{question}”; run secdesk init again and answer it")
            value = line.strip() or default
            trouble = _trouble(key, value)
            if not trouble:
                break
            print("     " + words.say("en", trouble))
            if not line:
                raise ConfigError(words.say("en", trouble))
        given[key] = "" if value == SKIP else value
    return given


def _trouble(key: str, value: str) -> str:
    """The copy key of what is wrong with an answer, or ""."""
    if not value:
        return "init.needed"
    if key == "timezone" and value not in available_timezones():
        return "init.bad_timezone"
    if key in {"helpdesk_phone", "oncall"} and sum(char.isdigit() for char in value) < 3:
        return "init.bad_phone"
    if key == "oncall_email" and "@" not in value:
        return "init.bad_email"
    return ""


def _files(given: Mapping[str, str]) -> tuple[str, str, str, str]:
    person = given["oncall_email"].partition("@")[0].lower()
    domains = ", ".join(_quoted(part.strip()) for part in given["domains"].split(",") if part.strip())
    names = ("helpdesk_phone", "oncall", "report_address", "report_button", "reset_url")
    values = "\n".join(f"  {name}: {_quoted(given[name])}" for name in names if given[name])
    toml = '# Secdesk. Every setting: see README.md.\n[storage]\ndata = "secdesk-data"\n\n[knowledge]\nfolder = "knowledge"\n'
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
