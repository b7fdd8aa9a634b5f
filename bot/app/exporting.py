"""Everything back: the knowledge as files, every table as JSON lines, what was sealed opened, reported mails as mails.

The folder says in its own README what is in it; the migrations that lie beside it are the description of the tables. What is
left out is named there too: keys of chat platforms, and links and sessions of the console.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from adapters.stores.export import SEALED, SECRET, SqlExport
from bot.errors import ConfigError
from bot.organisation import Words
from bot.ports import Db, Row, Vault

ANCHORS = "audit.anchors"


@dataclass(frozen=True)
class Exported:
    """What was written: rows by table, files by folder."""

    folder: Path
    tables: dict[str, int]
    files: dict[str, int]


def export_knowledge(own: Path, target: Path) -> dict[str, int]:
    """The organisation's own files as they are, and those that ship, under `knowledge/`. Raises `ConfigError`, `OSError`."""
    prepare(target)
    shipped = files("knowledge")
    counts = {"knowledge/own": _copied(own, target / "knowledge" / "own") if own.is_dir() else 0}
    with as_file(shipped) as place:
        counts["knowledge/shipped"] = _copied(place, target / "knowledge" / "shipped")
    return counts


def export_all(db: Db, vault: Vault, own: Path, data: Path, target: Path, words: Words) -> Exported:
    """All of it into an empty folder that only we can read. Raises `ConfigError`, `OSError`."""
    counts = export_knowledge(own, target)
    tables = {}
    export = SqlExport(db)
    _folder(target / "tables")
    for table in export.tables():
        tables[table] = _table(export, vault, table, target)
    counts["schema"] = _schema(target / "schema")
    if (data / ANCHORS).is_file():
        _write(target / ANCHORS, (data / ANCHORS).read_bytes())
    for folder in ("mails", "attachments"):
        counts[folder] = len(list((target / folder).iterdir())) if (target / folder).is_dir() else 0
    said = words.say("en", "export.readme", secret=", ".join(sorted(SECRET)))
    _write(target / "README.txt", (said.replace(". ", ".\n") + "\n").encode())
    _write(target / "tables.json", json.dumps(tables, indent=2).encode())
    return Exported(target, tables, counts)


def prepare(target: Path) -> None:
    """An empty folder. Raises `ConfigError` if there is anything in it."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is not empty: name a folder that is, or that is not there yet")
    _folder(target)


def _table(export: SqlExport, vault: Vault, table: str, target: Path) -> int:
    """One table as JSON lines; what it holds as files goes beside."""
    count = 0
    with _private(target / "tables" / f"{table}.jsonl") as out:
        for row in export.rows(table):
            out.write(
                json.dumps(_opened(row, vault, table, target), ensure_ascii=False, default=_plain).encode() + b"\n"
            )
            count += 1
    return count


def _opened(row: Row, vault: Vault, table: str, target: Path) -> dict[str, Any]:
    if table not in SEALED:
        return row
    key, column, purpose, kind = SEALED[table]
    try:
        data = vault.unseal(purpose, bytes(row[column]))
    except Exception:  # one row that cannot be opened keeps nobody from the others
        return {**row, column: {"sealed": base64.b64encode(bytes(row[column])).decode()}}
    if kind != "file":
        return {**row, column: json.loads(data) if kind == "json" else data.decode()}
    folder, ending = ("mails", ".eml") if table == "mail" else ("attachments", Path(_safe(str(row["name"]))).suffix)
    name = f"{folder}/{_safe(str(row[key]))}{ending}"
    _folder((target / name).parent)
    _write(target / name, data)
    return {**row, column: {"file": name}}


def _plain(value: object) -> object:
    """What JSON has no form for: bytes that nobody of ours opens."""
    return {"bytes": base64.b64encode(bytes(value)).decode()} if isinstance(value, bytes | memoryview) else str(value)


def _schema(target: Path) -> int:
    return _each(files("adapters.stores") / "sql", lambda item: item.name.endswith(".sql"), target)


def _copied(source: Path, target: Path) -> int:
    """Every YAML and text file below a folder, links left where they are."""
    count = 0
    for path in sorted(source.rglob("*")):
        if path.suffix in (".yaml", ".md", ".json") and path.is_file() and not path.is_symlink():
            place = target / path.relative_to(source)
            _folder(place.parent)
            _write(place, path.read_bytes())
            count += 1
    return count


def _each(source: Traversable, wanted: Callable[[Traversable], bool], target: Path) -> int:
    _folder(target)
    found = [item for item in source.iterdir() if wanted(item)]
    for item in found:
        _write(target / item.name, item.read_bytes())
    return len(found)


def _folder(path: Path) -> None:
    """With every folder above it that is not there yet, each for us alone."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, data: bytes) -> None:
    with _private(path) as out:
        out.write(data)


def _private(path: Path) -> Any:
    """A new file that only we can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _safe(name: str) -> str:
    return "".join(char for char in name if char.isalnum() or char in "-_.") or "unnamed"
