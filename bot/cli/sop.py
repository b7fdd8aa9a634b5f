"""`secdesk sop`: what procedures there are, runs of them step by step, and their record as a file that anybody can check."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.opening import opened
from bot.errors import ConfigError, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App
    from bot.model import Person
    from bot.procedures.evidence import Evidence
    from bot.procedures.state import Run
    from bot.turn import Work

VERBS = (
    "list", "show", "start", "status", "done", "answer", "skip", "cannot", "handover", "note", "abort", "export", "verify",
)  # fmt: skip
ACTS = frozenset(VERBS[2:3] + VERBS[4:11])  # what somebody does: it is written down as theirs


def arguments(parser: argparse.ArgumentParser) -> None:
    says = (
        "list (default) and show procedures; start one; status of a run, or of all that are running; done, answer, skip, "
        "cannot, handover, note and abort are about a run's present step; export its record; verify records that are stored "
        "here, or an exported file"
    )
    parser.add_argument("verb", nargs="?", default="list", choices=VERBS, help=says, metavar="VERB")
    parser.add_argument("name", nargs="?", default="", help="a procedure, a run (RUN-7), or a file for verify")
    parser.add_argument(
        "--as", dest="person", default="", help="id or address of who does it; needed for all that changes a run"
    )
    parser.add_argument("--ticket", default="", help="start: the ticket that the run belongs to")
    parser.add_argument(
        "--text", default="", help="done: the evidence in words; skip, cannot, handover, note, abort: why"
    )
    parser.add_argument("--link", default="", help="done: the evidence as a link")
    parser.add_argument("--file", type=Path, help="done: the evidence as a file")
    parser.add_argument("--option", default="", help="answer: which one")
    parser.add_argument("--to", default="", help="handover: id or address (default: the desk)")
    parser.add_argument("--format", default="json", choices=["json", "csv", "pdf"], help="export: default json")
    parser.add_argument(
        "--out", type=Path, help="export: write here (default: RUN.FORMAT in this folder; - is standard output)"
    )
    parser.add_argument("--json", action="store_true", help="list, show, status: as JSON")


def run(options: argparse.Namespace, settings: Callable[[], Settings]) -> int:
    if options.verb in ACTS and not options.person:
        raise ConfigError(f"say who does it: secdesk sop {options.verb} {options.name or 'NAME'} --as PERSON")
    if options.verb not in ("list", "status", "verify") and not options.name:
        raise ConfigError(f"say which: secdesk sop {options.verb} NAME")
    with opened(settings()) as app:
        match options.verb:
            case "list":
                return _list(app, as_json=options.json)
            case "show":
                return _show(app, options)
            case "status":
                return _status(app, options)
            case "export":
                return _export(app, options)
            case "verify":
                return _verify(app, options.name)
            case _:
                return _act(app, options)


def _list(app: App, *, as_json: bool) -> int:
    library = app.contents.procedures.current
    found = [one.procedure for one in library.procedures.values()]
    if as_json:
        print(json.dumps([one.model_dump(mode="json", by_alias=True) for one in found], ensure_ascii=False))
        return 0
    for one in found:
        schedule = one.start.schedule
        when = f"every {schedule.every} at {schedule.at}" if schedule else ""
        print(f"{one.id:<28} v{one.version:<3} {one.state:<9} {len(one.steps):>2} steps  {one.minutes:>5} min  {when}")
    return 0


def _show(app: App, options: argparse.Namespace) -> int:
    one = app.contents.procedures.current.procedures.get(options.name)
    if one is None:
        return _status(app, options)
    procedure, lang = one.procedure, app.organisation().file.language
    if options.json:
        print(
            json.dumps({**procedure.model_dump(mode="json", by_alias=True), "sha256": one.sha256}, ensure_ascii=False)
        )
        return 0
    from bot.organisation import pick  # noqa: PLC0415

    print(
        f"{pick(procedure.title, lang)} (version {procedure.version}, kept by {procedure.owner}, review {procedure.review_due})"
    )
    print(pick(procedure.purpose, lang))
    for number, step in enumerate(procedure.steps, 1):
        print(f"{number:>3}. {step.id} [{step.who or 'desk'}, evidence: {step.evidence}] {pick(step.texts, lang)}")
        for option in step.options:
            print(f"       {option.id}: {pick(option.label, lang)} → {option.go}")
    return 0


def _status(app: App, options: argparse.Namespace) -> int:
    runs = app.procedures.runs
    if not options.name:
        found = runs.listed(state="running")
        if options.json:
            print(json.dumps([asdict(one) for one in found]))
            return 0
        for one in found:
            print(_line(app, one))
        print(f"{len(found)} running.")
        return 0
    one = _run(app, options.name)
    records = runs.records(one)
    if options.json:
        print(json.dumps({"run": asdict(one), "records": [asdict(record) for record in records]}, ensure_ascii=False))
        return 0
    print(_line(app, one))
    for record in records:
        proof = f" [{record.evidence}]" if record.evidence != "none" else ""
        who = app.identities.name(record.actor)
        print(
            f"{record.seq:>4}  {record.ts_utc}  {record.action:<9} {record.step_id:<24} {record.detail:<12} {who}{proof}"
        )
    return 0


def _line(app: App, one: Run) -> str:
    procedure = app.procedures.runs.pinned(one)
    if not one.running:
        return f"{one.id:<8} {one.procedure_id:<28} {one.state}"
    holder = app.identities.name(one.holder) if one.holder else "the desk"
    since = datetime.fromtimestamp(one.started_at, UTC).strftime("%Y-%m-%d %H:%M")
    at = f"step {procedure.number(one.step)} of {len(procedure.steps)} ({one.step})"
    return f"{one.id:<8} {one.procedure_id:<28} {at}, {holder}, since {since} UTC"


def _act(app: App, options: argparse.Namespace) -> int:
    person = app.identities.meet_all([app.person(options.person)], app.clock.now())[0]
    done = app.work(lambda work: _change(app, work, options, person))
    app.deliver_waiting()  # the card of whoever has it now; what cannot be sent from here waits for `serve`
    print(_line(app, done))
    if done.running:
        step = app.procedures.runs.pinned(done).step(done.step)
        print(app.procedures.runs.cards.task(step, person, person.language))
        for option in step.options:
            print(f"  --option {option.id}: {option.label.get(person.language) or option.label['en']}")
    return 0


def _change(app: App, work: Work, options: argparse.Namespace, person: Person) -> Run:
    runs, verb = app.procedures.runs, options.verb
    if verb == "start":
        if options.ticket:
            app.tickets.get(options.ticket)
        ticket = options.ticket.strip().upper()
        once = f"ticket:{ticket}:{options.name}" if ticket else ""
        return runs.start(work, options.name, person, ticket=ticket, how="ticket" if ticket else "hand", once=once)
    one = _run(app, options.name)
    if verb == "note":
        return runs.note(work, one.id, person, options.text)
    if verb == "abort":
        return runs.abort(work, one.id, person, options.text)
    if verb == "handover":
        to = app.identities.meet(work.tx, app.person(options.to), work.at) if options.to else None
        return runs.hand_over(work, one.id, person, to, options.text)
    at = (one.id, one.step, one.step_seq, person)
    if verb == "done":
        return runs.done(work, *at, _evidence(options))
    if verb == "answer":
        return runs.answer(work, *at, options.option)
    return (runs.skip if verb == "skip" else runs.cannot)(work, *at, options.text)


def _evidence(options: argparse.Namespace) -> Evidence | None:
    from bot.model import File  # noqa: PLC0415
    from bot.procedures.evidence import Evidence  # noqa: PLC0415

    given = [bool(options.text), bool(options.link), options.file is not None]
    if sum(given) > 1:
        raise ConfigError("one kind of evidence: --text, --link or --file")
    if options.file is not None:
        return Evidence("file", file=File(options.file.name, options.file.read_bytes()))
    if options.link:
        return Evidence("link", options.link)
    return Evidence("text", options.text) if options.text else None


def _export(app: App, options: argparse.Namespace) -> int:
    one = _run(app, options.name)
    file = app.procedures.exports.file(one, options.format, app.organisation().file.language, app.clock.now())
    who = app.identities.meet_all([app.person(options.person)], app.clock.now())[0].key if options.person else "secdesk"
    app.work(lambda work: work.audit(who, "run.export", one.id, form=options.format))
    if str(options.out) == "-":
        sys.stdout.buffer.write(file.data)
        return 0
    path = options.out or Path(file.name)
    path.write_bytes(file.data)
    print(f"{path}: {len(file.data):,} bytes")
    return 0


def _verify(app: App, name: str) -> int:
    """0 if everything is whole, else 1."""
    exports, runs = app.procedures.exports, app.procedures.runs
    if name and Path(name).is_file():
        try:
            trouble = exports.file_trouble(Path(name).read_bytes())
        except ValueError as error:
            trouble = str(error)
        print(f"{name}: {trouble or 'whole, signed by this installation, and as it is stored here'}")
        return 1 if trouble else 0
    found = [_run(app, name)] if name else runs.listed(limit=100_000)
    bad = 0
    for one in found:
        if trouble := exports.trouble(one):
            print(f"{one.id}: {trouble}")
            bad += 1
    print(f"{len(found)} run(s) checked, {bad} not whole.")
    return 1 if bad else 0


def _run(app: App, name: str) -> Run:
    try:
        return app.procedures.runs.get(name)
    except NotFound:
        raise NotFound(
            f"there is no procedure and no run {name}; see secdesk sop list and secdesk sop status"
        ) from None
