"""The JSON Schema that editors check answer files with, generated from the models.

`python -m bot.answering.schema` writes it; a test fails while the file is not current. A file names it in its first line:
`# yaml-language-server: $schema=../schemas/answer.schema.json`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from bot.answering.entries import Entry
from bot.content import editor_schema

FILE = "schemas/answer.schema.json"


def answer_schema() -> str:
    """The schema as text, keys in a stable order."""
    return editor_schema(Entry, "Answer entry (answer/1)")


def schema_path() -> Path:
    """Where it is kept."""
    return Path(str(files("knowledge").joinpath(FILE)))


if __name__ == "__main__":
    schema_path().parent.mkdir(exist_ok=True)
    schema_path().write_text(answer_schema(), encoding="utf-8")
