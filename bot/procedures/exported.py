"""A run as one JSON document that anybody can check with nothing but SHA-256; the README prints the script.

`run` is the header: what was run, on which version, how it ended, how many records there are and the hash of the last one.
`seal` is the hash of everything else in the document, so nothing in it changes unseen, names of people included; the records
are a chain of their own (`bot/procedures/chain.py`). Both are without a key. `signature` is our keyed digest of the seal:
whoever writes the whole document anew is found out by `secdesk sop verify`, which also compares it with what is stored here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from bot import hash_chain
from bot.hash_chain import canonical, salted
from bot.procedures.chain import Record, fault, moment
from bot.procedures.evidence import Written
from bot.procedures.state import Run

SCHEMA = "secdesk-run/1"
PURPOSE = "procedure.export"
ENDS = frozenset({"finish", "abort", "cannot"})
OVER = frozenset({"done", "stopped", "aborted"})
Document = dict[str, Any]


class Reads(Protocol):
    """What is read of a run (`bot.procedures.ledger.Ledger`)."""

    def records(self, run: Run) -> list[Record]: ...

    def version_text(self, run: Run) -> str: ...

    def written(self, run: Run) -> dict[tuple[int, str], Written]: ...


def document(run: Run, runs: Reads, name_of: Callable[[str], str], digest: Callable[[str, bytes], str]) -> Document:
    """The document. `digest` is the vault's: (purpose, bytes) → text. What was deleted since is `null`; its hash stays."""
    records, written = runs.records(run), runs.written(run)
    header = {
        "id": run.id, "procedure": run.procedure_id, "version": run.version, "sha256": run.sha256, "state": run.state,
        "how": run.how, "ticket": run.ticket, "started": moment(run.started_at), "due": moment(run.due_at),
        "ended": moment(run.ended_at) if run.ended_at else "", "records": len(records),
        "head": records[-1].hash if records else "",
    }  # fmt: skip
    made: Document = {
        "schema": SCHEMA, "run": header, "procedure": {"sha256": run.sha256, "text": runs.version_text(run)},
        "records": [asdict(record) for record in records],
        "texts": [_text(record, part, written.get((record.seq, part))) for record in records for part in _parts(record)],
        "people": {key: name_of(key) for key in sorted(_people(records))},
    }  # fmt: skip
    made["seal"] = _seal(made)
    made["signature"] = digest(PURPOSE, made["seal"].encode())
    return made


def dumped(made: Document) -> bytes:
    """The file."""
    return (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode()


def trouble(made: Mapping[str, Any]) -> str:
    """What is wrong with a document by itself; "" if nothing. Raises `ValueError` for something that is none of ours."""
    try:
        if made["schema"] != SCHEMA:
            raise ValueError(f"this is not {SCHEMA}")
        return _trouble(made)
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"this is no export of a run ({type(error).__name__}: {error})") from error


def signed(made: Mapping[str, Any], digest: Callable[[str, bytes], str]) -> bool:
    """Whether we have made a document. Its seal has to be right for that to mean anything."""
    return bool(made["signature"] == digest(PURPOSE, str(made["seal"]).encode()))


def differs(made: Mapping[str, Any], stored: Sequence[Record]) -> str:
    """What of a document is not as it is stored here; "" if nothing. A run may have gone on since."""
    for given, record in zip(made["records"], stored, strict=False):
        if given != asdict(record):
            return f"record {record.seq} is not the one that is stored here"
    missing = len(made["records"]) - len(stored)
    return f"{missing} record(s) are not stored here any more" if missing > 0 else ""


def _trouble(made: Mapping[str, Any]) -> str:
    run, records = made["run"], [Record(**record) for record in made["records"]]
    if found := fault(records, (run["records"], run["head"])):
        return found
    if any(
        (record.run_id, record.sha256, record.procedure) != (run["id"], run["sha256"], run["procedure"])
        for record in records
    ):
        return "a record belongs to another run"
    if hash_chain.digest(made["procedure"]["text"]) != run["sha256"]:
        return "the procedure in the file is not the version that was run"
    if run["state"] in OVER and not (records and records[-1].action in ENDS):
        return "the record of how it ended is missing"
    for text in made["texts"]:
        expected = getattr(records[text["seq"] - 1], f"{text['part']}_sha256")
        if text["text"] is not None and salted(text["salt"], text["text"]) != expected:
            return f"the {text['part']} of record {text['seq']} was changed"
    return "" if made["seal"] == _seal(made) else "something in the file was changed after it was made"


def _seal(made: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in made.items() if name not in ("seal", "signature")}
    return hash_chain.digest(canonical(rest))


def _parts(record: Record) -> list[str]:
    return [part for part in ("evidence", "note") if getattr(record, f"{part}_sha256")]


def _text(record: Record, part: str, found: Written | None) -> dict[str, Any]:
    """What was written, or a file's name: its bytes are not in the document, its hash is in the record."""
    kind = record.evidence if part == "evidence" else "text"
    plain = found is not None and found.kind != "file"
    return {
        "seq": record.seq, "part": part, "kind": kind, "name": found.name if found else "", "size": found.size if found else 0,
        "salt": found.salt if found else "", "text": found.text if found and plain else None,
    }  # fmt: skip


def _people(records: Sequence[Record]) -> set[str]:
    handed = {record.detail for record in records if record.action == "hand_over"}
    return ({record.actor for record in records} | handed) - {"secdesk", "desk", ""}
