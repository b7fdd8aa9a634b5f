"""The console's pages of procedures: followed step by step, by the right people, with a record that can be taken out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.procedures import SqlProcedureStore
from bot.procedures import exported
from tests.fakes.paper_reader import pdf_text
from tests.fakes.web import Fixture
from tests.fakes.web_roles import signed_in_as
from tests.unit.test_web_security import csrf, signed_in

NASTY = "<script>alert(1)</script>\u202e=1+1"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def begin(client: Any, name: str = "takeover", **fields: str) -> str:
    """Start a run; its address."""
    sent = {"csrf": csrf(client, "/console/procedures/takeover"), "event": f"start-{name}", "name": name, **fields}
    done = client.post("/console/procedures/start", data=sent)
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def press(client: Any, run: str, verb: str, file: tuple[str, bytes] | None = None, **fields: str) -> str:
    """Send a form of the page of a run as it stands now, and follow; the page then."""
    page = client.get(run).text
    hidden = {name: found[1] for name in ("csrf", "event", "step", "visit")
              if (found := re.search(rf'name="{name}" value="([^"]*)"', page))}  # fmt: skip
    sent = {**hidden, **fields}
    done = client.post(f"{run}/{verb}", data=sent, files={"file": file} if file else None)
    assert done.status_code == 303, done.text
    return str(client.get(done.headers["location"]).text)


def through(client: Any, run: str) -> str:
    """All steps of a run, the way without an administrator."""
    press(client, run, "done", text=f"closed {NASTY} hunter2")
    press(client, run, "answer", option="no")
    return press(client, run, "done", file=("proof of it.pdf", b"%PDF-1"))


def the(fixture: Fixture) -> Any:
    assert fixture.services.procedures
    return fixture.services.procedures


def test_a_run_from_start_to_end(fixture: Fixture, sam: Any) -> None:
    assert "Account taken over" in sam.get("/console/procedures").text
    run = begin(sam)
    page = sam.get(run).text
    assert ("Revoke the sessions." in page, "Step 1 of 5" in page, "Record checked" in page) == (True, True, True)
    assert "RUN-1 · Account taken over" in sam.get("/console/procedures").text
    page = through(sam, run)
    assert "Which step was slow or wrong?" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]=1+1 [removed]" in page
    assert "<script>alert" not in page
    assert "hunter2" not in page
    assert [r.action for r in the(fixture).runs.records(the(fixture).runs.get("RUN-1"))][-1] == "finish"


def test_a_step_without_its_evidence_is_not_done(sam: Any) -> None:
    run = begin(sam)
    assert "Step 1 of 5" in press(sam, run, "done", text="")
    assert "Step 2 of 5" in press(sam, run, "done", text="closed at 9:14")


def test_a_file_comes_back_as_a_download_and_only_from_its_run(fixture: Fixture, sam: Any) -> None:
    run = begin(sam)
    page = through(sam, run)
    found = re.search(r'href="(/console/runs/RUN-1/files/\w+)"', page)
    assert found
    answer = sam.get(found[1])
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1", "application/octet-stream")
    assert answer.headers["content-disposition"].startswith('attachment; filename="proof_of_it.pdf"')
    other = begin(sam, event="again")
    assert sam.get(f"{other}/files/{found[1].rsplit('/', 1)[1]}").status_code == 404
    assert [("RUN-1",)] == [
        (r["subject"],) for r in fixture.db.query("SELECT subject FROM audit WHERE action = 'run.file'")
    ]


def test_a_second_press_of_the_same_form_and_a_press_that_came_too_late(sam: Any) -> None:
    run = begin(sam)
    page = sam.get(run).text
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf", "event", "step", "visit")
    }  # type: ignore[index]
    for event in (hidden["event"], hidden["event"], "another"):
        sam.post(f"{run}/done", data={**hidden, "event": event, "text": "closed"})
    page = sam.get(run).text
    assert "Step 2 of 5" in page
    assert page.count("<strong>Done</strong>") == 1


def test_four_eyes_and_what_somebody_may_not_do_is_not_offered(fixture: Fixture, sam: Any) -> None:
    run = begin(sam)
    press(sam, run, "done", text="closed")
    page = press(sam, run, "answer", option="yes")
    assert "You did the step that this one checks" in page
    assert f'action="{run}/done"' not in page
    current = the(fixture).runs.get("RUN-1")
    sent = {"csrf": csrf(sam, run), "event": "x", "step": "second", "visit": str(current.step_seq)}
    sam.post(f"{run}/done", data=sent)
    assert the(fixture).runs.get("RUN-1").step == "second"
    ines = signed_in(fixture, "ines.brandt")
    assert f'action="{run}/done"' in ines.get(run).text
    assert "Step 4 of 5" in press(ines, run, "done")


def test_hand_over_skip_cannot_note_follow_and_break_off(fixture: Fixture, sam: Any) -> None:
    run = begin(sam)
    assert "Handed over." in press(sam, run, "hand", to="ines.brandt", text="I am off at five")
    assert "You follow RUN-1 now." in press(sam, run, "follow")
    assert "The note is in the record." in press(sam, run, "note", text="rang her twice")
    assert "Step 5 of 5" in press(sam, run, "cannot", text="the system is down")
    assert "Step 2 of 5" in press(sam, run, "skip", text="the partner is here already")
    assert "RUN-1 is broken off." in press(sam, run, "abort", text="a drill")
    found = the(fixture).runs.get("RUN-1")
    actions = [record.action for record in the(fixture).runs.records(found)]
    assert ["start", "hand_over", "note", "cannot", "skip", "abort"] == [a for a in actions if a != "follow"]
    assert sam.get("/console/runs/RUN-9").status_code == 404
    assert sam.post(f"{run}/explode", data={"csrf": csrf(sam, run)}).status_code == 404


def test_a_page_reads_the_record_once(fixture: Fixture, sam: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, reads = begin(sam), list[str]()
    records = SqlProcedureStore.records
    monkeypatch.setattr(SqlProcedureStore, "records", lambda store, run: reads.append(run) or records(store, run))
    assert "RUN-1" in sam.get(run).text
    assert reads == ["RUN-1"]


@pytest.mark.parametrize("form", ["json", "csv", "pdf"])
def test_the_record_as_a_file(fixture: Fixture, sam: Any, form: str) -> None:
    run = begin(sam)
    through(sam, run)
    answer = sam.get(f"{run}/export/{form}")
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="RUN-1.{form}"')
    if form == "json":
        assert exported.trouble(json.loads(answer.content)) == ""
        assert the(fixture).exports.file_trouble(answer.content) == ""
    elif form == "csv":
        assert "'=1+1" not in answer.text  # it stands inside a text, not at its start
        assert answer.text.count("\r\n") >= 5
        assert "closed <script>" in answer.text
    else:
        text = pdf_text(answer.content)
        assert "RUN-1: Account taken over" in text
        assert "closed <script>alert(1)</script>[U+202E]=1+1 [removed]" in text
        assert "The record is whole: 5 entries" in text
    assert sam.get(f"{run}/export/exe").status_code == 404
    assert fixture.db.query("SELECT subject FROM audit WHERE action = 'run.export'") == [{"subject": "RUN-1"}]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE procedure_record SET actor = 'somebody' WHERE seq = 2", "row 2 was edited"),
        ("DELETE FROM procedure_record WHERE seq = 5", "the chain ends at row 4 and should end at row 5"),
        ("DELETE FROM procedure_record WHERE seq = 1", "row 1 is missing"),
    ],
)
def test_a_record_that_was_changed_here_is_red_everywhere(fixture: Fixture, sam: Any, sql: str, what: str) -> None:
    run = begin(sam)
    through(sam, run)
    kept = sam.get(f"{run}/export/json").content
    with fixture.db.tx() as tx:
        tx.execute(sql)
    page = sam.get(run).text
    assert ("Record not whole" in page, what in page) == (True, True)
    assert the(fixture).exports.file_trouble(kept)
    assert "The record is not whole" in pdf_text(sam.get(f"{run}/export/pdf").content)


def test_a_chain_made_anew_does_not_match_the_audit_log(fixture: Fixture, sam: Any) -> None:
    from bot.hash_chain import FIRST
    from bot.procedures.chain import Record, hashed

    through(sam, begin(sam))
    runs, before = the(fixture).runs, FIRST
    run = runs.get("RUN-1")
    with fixture.db.tx() as tx:
        for record in runs.records(run):
            new = hashed(Record(**{**vars(record), "actor_role": "ciso", "prev_hash": before}))
            tx.execute("UPDATE procedure_record SET actor_role = 'ciso', prev_hash = :p, hash = :h WHERE seq = :s",
                       p=before, h=new.hash, s=record.seq)  # fmt: skip
            before = new.hash
        tx.execute("UPDATE procedure_run SET head = :h", h=before)
    assert runs.fault(runs.get("RUN-1")) == ""
    assert the(fixture).exports.trouble(runs.get("RUN-1")) == "row 1 is not the one in the audit log"


def test_from_a_ticket_what_fits_it_stands_first(fixture: Fixture, sam: Any) -> None:
    from bot.turn import TicketRequest

    person = fixture.person("tom.whitaker")
    request = TicketRequest(person.key, fixture.chat_of(person.key), "report", "Odd mail", "Odd", "S1")  # type: ignore[arg-type]
    number = fixture.work(lambda work: fixture.tickets.open(work, request)).number
    page = sam.get(f"/console/tickets/{number}").text
    assert page.index('<option value="takeover">') < page.index('<option value="daily">')
    run = begin(sam, ticket=number)
    assert the(fixture).runs.get("RUN-1").ticket == number
    assert f'href="{run}"' in sam.get(f"/console/tickets/{number}").text
    assert run == begin(sam, ticket=number, event="again")
    assert sam.get("/console/procedures/nothing").status_code == 404
    assert "SEC-999" not in sam.get("/console/procedures").text


def test_what_was_slow_becomes_a_proposal_that_its_owner_decides(fixture: Fixture, sam: Any) -> None:
    run = begin(sam)
    through(sam, run)
    assert "Thank you" in press(sam, run, "propose", step="revoke", text=f"Say where {NASTY}")
    page = sam.get("/console/procedures/takeover").text
    assert ("Say where &lt;script&gt;" in page, "about step 1" in page) == (True, True)
    assert "1 proposed" in sam.get("/console/procedures").text
    proposal = re.search(r'name="proposal" value="(\w+)"', page)
    assert proposal
    sent = {"csrf": csrf(sam, "/console/procedures/takeover"), "proposal": proposal[1]}
    sam.post("/console/procedures/takeover/decline", data={**sent, "event": "a", "why": ""})
    assert the(fixture).improving.get(proposal[1]).state == "open"
    sam.post("/console/procedures/takeover/accept", data={**sent, "event": "b"})
    sam.post("/console/procedures/takeover/decline", data={**sent, "event": "c", "why": "no"})
    assert the(fixture).improving.get(proposal[1]).state == "accepted"
    assert "To be written" in sam.get("/console/procedures/takeover").text


def test_the_calendar_and_without_the_forms_token(fixture: Fixture, sam: Any) -> None:
    page = sam.get("/console/procedures/calendar").text
    assert page.count("Daily check") >= 28
    assert sam.post("/console/procedures/start", data={"name": "takeover"}).status_code == 403
    assert the(fixture).runs.listed() == []


@pytest.mark.parametrize("role", ["viewer", "author"])
def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(fixture: Fixture, sam: Any, role: str) -> None:
    run = begin(sam)
    looker = signed_in_as(fixture, role, who="ines.brandt")
    page = looker.get(run).text
    assert ("Revoke the sessions." in page, f'action="{run}' in page) == (True, False)
    assert "/procedures/start" not in looker.get("/console/procedures/takeover").text
    assert looker.get(f"{run}/export/json").status_code == 200
    token = csrf(looker, run)
    for address in (f"{run}/done", f"{run}/abort", "/console/procedures/start"):
        assert (
            looker.post(address, data={"csrf": token, "event": "e", "name": "takeover", "text": "x"}).status_code == 403
        )
    assert [record.action for record in the(fixture).runs.records(the(fixture).runs.get("RUN-1"))] == ["start"]
