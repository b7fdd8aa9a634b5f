"""The record of a dispute: rows that are only added, each with the hash of the one before; anybody can check it without us.

hash = sha256 of the row as JSON without its hash (sorted keys, no spaces, ASCII). Words of people are not in a row but beside it:
the row holds sha256(salt + words). So somebody can be forgotten, and the record stays whole.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from bot import hash_chain
from bot.hash_chain import canonical, digest, salted

SCHEMA = "secdesk-dispute/1"
FIELDS = ("dispute", "seq", "at", "actor", "kind", "detail", "prev")


def row_hash(row: Mapping[str, Any]) -> str:
    """The hash of a row; `detail` is a mapping."""
    return digest(canonical({name: row[name] for name in FIELDS}))


def sealed_words(words: str) -> tuple[str, str]:
    """(salt, hash) of somebody's words."""
    salt = secrets.token_hex(16)
    return salt, salted(salt, words)


def fault(records: Sequence[Mapping[str, Any]], texts: Sequence[Mapping[str, Any]], head: Mapping[str, Any]) -> str:
    """What is wrong with a record, its words and its end; "" if nothing. Words that were taken out are no fault."""
    rows = ((row["seq"], row["prev"], row["hash"], row_hash(row)) for row in records)
    if found := hash_chain.fault(rows, (head["seq"], head["hash"])):
        return found
    if not records:
        return "the record is empty"
    promised = {(row["seq"], name): mark for row in records for name, mark in row["detail"].get("words", {}).items()}
    for text in texts:
        mark = promised.get((text["seq"], text["name"]))
        if mark is None:
            return f"words at row {text['seq']} were added"
        if text["words"] is not None and salted(text["salt"], text["words"]) != mark:
            return f"the words at row {text['seq']} were edited"
    return ""


def fault_of_file(data: bytes) -> str:
    """What is wrong with an exported dispute; "" if nothing."""
    try:
        found = json.loads(data)
        if found["schema"] != SCHEMA:
            return "this is not the export of a dispute"
        return fault(found["records"], found["texts"], found["head"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "this is not the export of a dispute"
