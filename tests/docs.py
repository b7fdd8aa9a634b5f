"""The generated parts of the documents. `python -m tests.docs --write` refreshes them; a test compares."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bot.cli import build_parser
from bot.settings import settings_table

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
COLUMNS = "100"  # of a terminal, for `--help`
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)


def help_text() -> str:
    """`secdesk --help` in a terminal of a hundred columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        return build_parser().format_help()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


PARTS: Mapping[str, Callable[[], str]] = {
    "help": lambda: f"```\n{help_text().strip()}\n```",
    "settings": settings_table,
}


def refreshed(text: str) -> str:
    """A document with each `<!-- name -->` … `<!-- /name -->` made anew. Raises `ValueError` where a marker is missing."""
    for name, make in PARTS.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md needs {start} and {end}, once each")
        head, rest = text.split(start)
        text = f"{head}{start}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


def documents() -> list[Path]:
    """Every Markdown file that is ours."""
    skipped = {".venv", "node_modules", ".secdesk", ".git", ".pytest_cache"}
    found = [path for path in ROOT.rglob("*.md") if not skipped & set(path.relative_to(ROOT).parts)]
    return sorted(found)


def links(path: Path) -> Iterator[tuple[str, Path]]:
    """`(as written, file it leads to)` of every relative link and picture of a document, code left out."""
    for target in _LINK.findall(_FENCED.sub("", path.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield target, (path.parent / target.partition("#")[0]).resolve() if not target.startswith("#") else path


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", _FENCED.sub("", path.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def main() -> int:
    """Write, or say what is not current."""
    before = README.read_text("utf-8")
    after = refreshed(before)
    if before == after:
        return 0
    if "--write" not in sys.argv[1:]:
        print("README.md is not current: python -m tests.docs --write")
        return 1
    README.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
