"""An exported run for people: a paper for auditors, and rows for a spreadsheet. Both are made of the document that is checked
(`bot/procedures/exported.py`), so no form says what another does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.organisation import fill, pick
from bot.papers import Facts, Grid, Heading, Listed, NewPage, Paper, Part, Words
from bot.procedures.exported import Document
from bot.procedures.library import unpinned
from bot.procedures.shapes import Procedure

COLUMNS = (
    "seq", "ts_utc", "actor", "actor_role", "step_id", "step", "action", "detail", "evidence", "evidence_text",
    "evidence_sha256", "note", "note_sha256", "run_id", "procedure", "version", "sha256", "prev_hash", "hash",
)  # fmt: skip

STEPLESS = frozenset({"start", "follow"})  # these are about the run; the step they happened at says nothing


Texts = Mapping[tuple[int, str], Mapping[str, Any]]  # what was written, by row and part


class Say(Protocol):
    """Words of ours in the reader's language."""

    def __call__(self, key: str, **params: object) -> str: ...


@dataclass(frozen=True)
class Line:
    """One record as people read it. `evidence` and `note` are words, "" for none; `file` is the name of a file."""

    seq: int
    when: str
    who: str
    step: str
    what: str
    evidence: str
    note: str


@dataclass(frozen=True)
class Reader:
    """For whom it is put into words. `values` fill the steps, `called` names a role, an owner or the partner."""

    lang: str
    say: Say
    values: Mapping[str, str]
    called: Callable[[str], str]

    def text(self, texts: Mapping[str, str]) -> str:
        return fill(pick(texts, self.lang), self.values)[0]


def lines(made: Document, reader: Reader) -> list[Line]:
    """The records in words."""
    procedure, texts = unpinned(made["procedure"]["text"]), _texts(made)
    return [_line(made, procedure, record, texts, reader) for record in made["records"]]


def rows(made: Document, reader: Reader) -> Iterator[Sequence[object]]:
    """Rows under `COLUMNS`: the record as it is, with names, and with what was written beside its hash."""
    procedure, texts = unpinned(made["procedure"]["text"]), _texts(made)
    for record in made["records"]:
        seq, evidence, note = record["seq"], texts.get((record["seq"], "evidence")), texts.get((record["seq"], "note"))
        known = {**record, "step": _task(procedure, record["step_id"], reader), "actor": _name(made, record["actor"]),
                 "detail": _name(made, record["detail"]) if record["action"] == "hand_over" else record["detail"],
                 "evidence_text": (evidence["text"] or evidence["name"]) if evidence else "",
                 "note": (note["text"] or "") if note else "", "seq": seq}  # fmt: skip
        yield [known[name] for name in COLUMNS]


def paper(made: Document, reader: Reader, org: str, at: float, *, fault: str = "") -> Paper:
    """A paper about the run. `at`: when it was made. `fault`: what is wrong with the record, in words; "" if it is whole."""
    run, procedure, say = made["run"], unpinned(made["procedure"]["text"]), reader.say
    title = say("record.title", run=run["id"], title=reader.text(procedure.title))
    whole = (
        Words(say("record.broken", fault=fault), "alert")
        if fault
        else Words(say("record.whole", n=run["records"]), "strong")
    )
    parts: list[Part] = [
        Words(reader.text(procedure.purpose)), whole, Facts(tuple(_facts(made, say))), Heading(say("record.done")),
        Grid(
            (say("record.seq"), say("record.when"), say("record.who"), say("record.what"), say("record.proof")),
            tuple(
                (str(line.seq), line.when, line.who, _cell(line.what, line.step), _cell(line.evidence, line.note))
                for line in lines(made, reader)
            ),
            (0.5, 1.5, 1.6, 3.4, 3.0), title=say("record.done"),
        ),
        NewPage(), Heading(say("record.version", n=run["version"])),
        Listed(tuple(reader.text(step.texts) for step in procedure.steps), numbered=True),
        Words(say("record.sources", sources=_sources(procedure)), "muted"),
        Heading(say("record.chain")), Words(say("record.chain_about"), "muted"),
        Grid(
            (say("record.seq"), "SHA-256"), tuple((str(r["seq"]), r["hash"]) for r in made["records"]), (1.0, 12.0),
            title="SHA-256",
        ),
    ]  # fmt: skip
    subject = say("record.subject", org=org)
    return Paper(
        title,
        reader.lang,
        at,
        tuple(parts),
        org,
        subject,
        f"{org} · {run['id']} · {made['seal'][:16]}",
        say("papers.letters"),
    )


def _sources(procedure: Procedure) -> str:
    return "; ".join(f"{one.publisher}: {one.title}" for one in procedure.sources) or "–"


def _facts(made: Document, say: Say) -> Iterator[tuple[str, str]]:
    run, records = made["run"], made["records"]
    how = say(f"record.how.{run['how']}")
    yield say("record.state"), say(f"record.state.{run['state']}")
    yield say("record.started"), f"{_clock(run['started'])} · {how}"
    if records:
        yield say("record.by"), _name(made, records[0]["actor"])
    yield say("record.due"), _clock(run["due"])
    if run["ended"]:
        yield say("record.ended"), _clock(run["ended"])
    if run["ticket"]:
        yield say("record.ticket"), run["ticket"]
    yield say("record.procedure"), f"{run['procedure']} · {say('record.version_n', n=run['version'])}"
    yield say("record.sha256"), run["sha256"]
    yield say("record.head"), f"{run['records']}: {run['head']}"
    yield say("record.seal"), made["seal"]


def _line(
    made: Document, procedure: Procedure, record: Mapping[str, Any], texts: Texts, reader: Reader
) -> Line:  # fmt: skip
    say, action = reader.say, record["action"]
    evidence, note = texts.get((record["seq"], "evidence")), texts.get((record["seq"], "note"))
    name, role = _name(made, record["actor"]), record["actor_role"]
    what = say(f"record.act.{action}")
    if action == "hand_over":
        what = f"{what}: {_name(made, record['detail']) if record['detail'] != 'desk' else say('record.desk')}"
    elif action == "answer":
        what = f"{what}: {_option(procedure, record['step_id'], record['detail'], reader)}"
    return Line(
        record["seq"], _clock(record["ts_utc"]), f"{name} ({reader.called(role)})" if role not in ("secdesk", "") else name,
        "" if action in STEPLESS else _task(procedure, record["step_id"], reader), what,
        _shown(evidence, record["evidence_sha256"], say), (note["text"] or say("record.deleted")) if note else "",
    )  # fmt: skip


def _cell(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _shown(text: Mapping[str, Any] | None, sha256: str, say: Say) -> str:
    if text is None:
        return ""
    if text["kind"] == "file" and text["name"]:
        return say("record.file", name=text["name"], size=text["size"], hash=sha256)
    return text["text"] if text["text"] is not None else say("record.deleted")


def _task(procedure: Procedure, step: str, reader: Reader) -> str:
    return reader.text(procedure.step(step).texts) if step and procedure.has(step) else step


def _option(procedure: Procedure, step: str, option: str, reader: Reader) -> str:
    options = procedure.step(step).options if procedure.has(step) else []
    return next((reader.text(one.label) for one in options if one.id == option), option)


def _texts(made: Document) -> Texts:
    return {(text["seq"], text["part"]): text for text in made["texts"]}


def _name(made: Document, key: str) -> str:
    return "Secdesk" if key == "secdesk" else str(made["people"].get(key, key))


def _clock(moment: str) -> str:
    """`2026-11-24 18:09:00 UTC`."""
    return f"{moment[:10]} {moment[11:19]} UTC" if moment else ""
