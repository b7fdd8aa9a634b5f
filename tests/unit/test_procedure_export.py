"""The record of a run outside of Secdesk: the README's script and our own rule find every edit, deletion and reordering."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.hash_chain import FIRST, salted
from bot.procedures import exported
from bot.procedures.chain import Record, file_hash, hashed, moment
from bot.procedures.evidence import Written
from bot.procedures.state import Run

README = Path(__file__).resolve().parents[2] / "README.md"
VERSION = "schema: procedure/1\nid: stolen-laptop\ntitle: {en: Lost « device » \U0001f4bb}\n"
SHA = hashlib.sha256(VERSION.encode()).hexdigest()
NOTE, PROOF = "ticket 4711 — «done» \u202e", "https://example.org/a?b=ü"


class Stored:
    """A run of five records: evidence as a link, as a file, and a note."""

    def __init__(self) -> None:
        self.kept: list[Record] = []
        rows = [
            ("start", "lock", "hand", "none", "", ""), ("done", "lock", "", "link", salted("s1", PROOF), ""),
            ("skip", "wipe", "required", "none", "", salted("s2", NOTE)), ("done", "tell", "", "file", file_hash(b"pdf"), ""),
            ("finish", "", "", "none", "", ""),
        ]  # fmt: skip
        before = FIRST
        for seq, (action, step, detail, evidence, proof, note) in enumerate(rows, 1):
            actor, at = f"p{seq % 2}", moment(1_800_000_000.0 + 60 * seq)
            record = hashed(
                Record(
                    "RUN-7",
                    seq,
                    at,
                    actor,
                    "analyst",
                    "stolen-laptop",
                    3,
                    SHA,
                    step,
                    action,
                    detail,
                    evidence,
                    proof,
                    note,
                    before,
                )
            )
            self.kept.append(record)
            before = record.hash
        self.run = Run("RUN-7", 7, "stolen-laptop", 3, SHA, "hand", "", "SEC-1", "p1", 1_800_000_000.0, 1_800_003_600.0, "done",
                       "", 5, 0.0, "", 5, before, ended_at=1_800_000_300.0)  # fmt: skip
        self.texts = {
            (2, "evidence"): Written(2, "evidence", "link", "p0", "t1", PROOF, "s1"),
            (3, "note"): Written(3, "note", "text", "p1", "t2", NOTE, "s2"),
            (4, "evidence"): Written(4, "evidence", "file", "p0", "f1", name="form.pdf", size=3),
        }

    def records(self, _run: Run) -> list[Record]:
        return self.kept

    def version_text(self, _run: Run) -> str:
        return VERSION

    def written(self, _run: Run) -> dict[tuple[int, str], Written]:
        return self.texts


def digest(purpose: str, data: bytes) -> str:
    return hashlib.sha256(b"key" + purpose.encode() + data).hexdigest()


def made(stored: Stored | None = None) -> exported.Document:
    stored = stored or Stored()
    document = exported.document(stored.run, stored, {"p0": "Sam Ortiz", "p1": "Zoë"}.__getitem__, digest)
    return dict(json.loads(exported.dumped(document)))


def script() -> str:
    """The README's script."""
    blocks = [
        block for block in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S) if "prev_hash" in block
    ]
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture(scope="module")
def faults() -> Callable[[dict[str, Any]], list[str]]:
    """The rule of the script, without starting it anew for each case (one test below does)."""
    space: dict[str, Any] = {}
    exec(script().partition("found = list(")[0], space)
    return lambda document: list(space["faults"](document))


def reseal(document: dict[str, Any]) -> None:
    """What a forger who knows the format, but does not make the chain anew, would do."""
    document["seal"] = exported._seal(document)


def edit_actor(document: dict[str, Any]) -> None:
    document["records"][1]["actor"] = "p1"


def edit_rehashed(document: dict[str, Any]) -> None:
    record = document["records"][1]
    record["actor"] = "p1"
    record["hash"] = hashed(Record(**record)).hash


def edit_last_rehashed(document: dict[str, Any]) -> None:
    record = document["records"][-1]
    record["ts_utc"] = "2026-01-01T00:00:00.000Z"
    record["hash"] = hashed(Record(**record)).hash


def cut(place: int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        del document["records"][place]

    return change


def cut_last_and_say_so(document: dict[str, Any]) -> None:
    del document["records"][-1]
    document["run"] |= {"records": 4, "head": document["records"][-1]["hash"]}


def cut_all(document: dict[str, Any]) -> None:
    document["records"], document["texts"] = [], []


def cut_all_and_say_so(document: dict[str, Any]) -> None:
    cut_all(document)
    document["run"] |= {"records": 0, "head": FIRST}


def swap(document: dict[str, Any]) -> None:
    records = document["records"]
    records[1], records[2] = records[2], records[1]


def swap_renumbered(document: dict[str, Any]) -> None:
    swap(document)
    for number, record in enumerate(document["records"], 1):
        record["seq"] = number


def edit_note(document: dict[str, Any]) -> None:
    next(text for text in document["texts"] if text["part"] == "note")["text"] = "all was well"


def edit_version(document: dict[str, Any]) -> None:
    document["procedure"]["text"] += "# nothing to see\n"


def other_version(document: dict[str, Any]) -> None:
    edit_version(document)
    document["run"]["sha256"] = hashlib.sha256(document["procedure"]["text"].encode()).hexdigest()


def twice(document: dict[str, Any]) -> None:
    document["records"].insert(2, document["records"][1])


FORGED = {
    "edit": edit_actor, "edit, rehashed": edit_rehashed, "edit of the last, rehashed": edit_last_rehashed, "first": cut(0),
    "middle": cut(2), "last": cut(-1), "last, and the header says so": cut_last_and_say_so, "swap": swap,
    "swap, renumbered": swap_renumbered, "twice": twice, "note": edit_note, "version": edit_version,
    "other version": other_version, "all": cut_all, "all, and the header says so": cut_all_and_say_so,
}  # fmt: skip


def test_the_true_file_is_whole_for_both(faults: Callable[[dict[str, Any]], list[str]]) -> None:
    document = made()
    assert faults(document) == []
    assert exported.trouble(document) == ""
    assert exported.signed(document, digest)
    assert exported.differs(document, Stored().kept) == ""


@pytest.mark.parametrize("sealed_anew", [False, True])
@pytest.mark.parametrize("what", FORGED)
def test_a_forged_file_is_found_out_by_both(
    faults: Callable[[dict[str, Any]], list[str]], what: str, sealed_anew: bool
) -> None:
    document = made()
    FORGED[what](document)
    if sealed_anew:
        reseal(document)
    assert faults(document), what
    assert exported.trouble(document), what


@pytest.mark.parametrize(
    "change",
    [lambda d: d["people"].update(p0="Zoë", p1="Sam Ortiz"), lambda d: d["run"].update(ticket="SEC-2"),
     lambda d: d["texts"].pop(0), lambda d: d.update(note="approved")],
)  # fmt: skip
def test_what_no_record_holds_is_held_by_the_seal(faults: Callable[[dict[str, Any]], list[str]], change: Any) -> None:
    document = made()
    change(document)
    assert faults(document) == ["something in the file was changed after it was made"]
    assert exported.trouble(document) == "something in the file was changed after it was made"


def test_whoever_makes_everything_anew_is_found_out_by_us() -> None:
    forger = Stored()
    forger.kept = forger.kept[:1]
    for record in Stored().kept[1:]:
        changed = Record(**{**vars(record), "actor": "p1", "prev_hash": forger.kept[-1].hash, "hash": ""})
        forger.kept.append(hashed(changed))
    document = exported.document(forger.run, forger, str, lambda _purpose, _data: "a signature they cannot make")
    document["run"]["head"] = forger.kept[-1].hash
    assert exported.trouble(document) == ""
    assert not exported.signed(document, digest)
    assert exported.differs(document, Stored().kept) == "record 2 is not the one that is stored here"


def test_records_that_are_gone_from_the_store_are_missed() -> None:
    assert exported.differs(made(), Stored().kept[:3]) == "2 record(s) are not stored here any more"


def test_what_was_deleted_is_null_and_the_chain_stays_whole(faults: Callable[[dict[str, Any]], list[str]]) -> None:
    stored = Stored()
    del stored.texts[3, "note"]
    document = made(stored)
    assert [text["text"] for text in document["texts"]] == [PROOF, None, None]
    assert (faults(document), exported.trouble(document)) == ([], "")


@pytest.mark.parametrize(
    "junk", [{}, {"schema": "other"}, {"schema": exported.SCHEMA}, {**made(), "records": [{}]}, {**made(), "run": None}]
)
def test_what_is_no_export_is_said_to_be_none(junk: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="this is no"):
        exported.trouble(junk)


def test_the_script_runs_on_its_own_and_is_short(tmp_path: Path) -> None:
    lines = script().strip().splitlines()
    assert len(lines) <= 40
    assert re.findall(r"^(?:import|from) .*", script(), re.M) == ["import hashlib, json, sys"]
    program, file = tmp_path / "verify.py", tmp_path / "RUN-7.json"
    program.write_text(script(), "utf-8")

    def run(document: dict[str, Any]) -> tuple[int, str]:
        file.write_bytes(exported.dumped(document))
        done = subprocess.run([sys.executable, "-I", program, file], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    assert run(made()) == (0, "The record is whole.")
    bad = copy.deepcopy(made())
    cut(-1)(bad)
    code, said = run(bad)
    assert code == 1
    assert "the last record is not the one" in said
