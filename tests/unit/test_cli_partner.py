"""`secdesk partner`: contracts, an empty month, the agenda, whose a ticket is, and files that are checked without a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from icalendar import Calendar

from bot.hash_chain import FIRST
from bot.partners import chain
from tests.fakes.paper_reader import pdf_text
from tests.unit import test_cli
from tests.unit.test_cli import Run

data, run = test_cli.data, test_cli.run


def test_contracts_are_listed_and_shown(run: Run) -> None:
    assert "Brightwell Managed Security" in run("partner", "list").out
    shown = run("partner", "show").out
    assert ("Brightwell Managed Security (C-2025-17" in shown, "Promises kept this month: no tickets" in shown) == (
        True,
        True,
    )
    wrong = run("partner", "show", "nobody")
    assert (wrong.code, wrong.err.strip()) == (1, "secdesk: there is no partner nobody; there are: brightwell")


def test_a_report_of_an_empty_month_on_the_screen_and_in_files(run: Run, tmp_path: Path) -> None:
    said = run("partner", "report", "--month", "2026-02").out
    assert ("No tickets" in said, "100.0" in said) == (True, False)
    pdf, text = tmp_path / "r.pdf", tmp_path / "r.json"
    assert run("partner", "report", "--month", "2026-02", "--pdf", str(pdf), "--export", str(text)).code == 0
    assert "No tickets" in pdf_text(pdf.read_bytes())
    assert json.loads(text.read_text("utf-8"))["body"]["figures"]["rates"] == []
    wrong = run("partner", "report", "--month", "2026-13")
    assert (wrong.code, "2026-13 is not a month" in wrong.err) == (1, True)
    assert "say who does this" in run("partner", "report", "--month", "2026-02", "--issue").err
    assert (
        "does not work tickets" in run("partner", "report", "--month", "2026-02", "--issue", "--as", "dana.reyes").err
    )


def test_the_agenda_comes_as_text_and_as_a_calendar_file(run: Run, tmp_path: Path) -> None:
    assert "1. Promises kept" in run("partner", "agenda").out
    path = tmp_path / "review.ics"
    assert run("partner", "agenda", "--ics", str(path)).code == 0
    assert "Service review with Brightwell" in str(Calendar.from_ical(path.read_bytes()).to_ical())
    assert "No action is open." in run("partner", "actions").out
    assert "No disputes." in run("partner", "dispute").out


@pytest.mark.parametrize(
    ("arguments", "said"), [(["SEC-9", "us"], "SEC-9"), (["SEC-9", "nobody"], "There are: brightwell, us")]
)
def test_a_ticket_goes_to_who_is_there(run: Run, arguments: list[str], said: str) -> None:
    ran = run("partner", "hand", *arguments, "--as", "sam.ortiz")
    assert (ran.code, said in ran.err) == (1, True)


def test_a_file_is_checked_without_a_database(run: Run, tmp_path: Path) -> None:
    salt, mark = chain.sealed_words("Ten per cent")
    row = {"dispute": "DIS-1", "seq": 1, "at": 1.5, "actor": "p_1", "kind": "offer", "detail": {"words": {"text": mark}},
           "prev": FIRST}  # fmt: skip
    row["hash"] = chain.row_hash(row)
    found = {"schema": chain.SCHEMA, "records": [row], "head": {"seq": 1, "hash": row["hash"]},
             "texts": [{"seq": 1, "name": "text", "salt": salt, "words": "Ten per cent"}]}  # fmt: skip
    path = tmp_path / "d.json"
    path.write_text(json.dumps(found), "utf-8")
    assert run("partner", "verify", str(path)).code == 0
    for broken in ("Five per cent", None):
        found["texts"][0]["words"] = broken  # type: ignore[index]
        path.write_text(json.dumps(found), "utf-8")
        assert run("partner", "verify", str(path)).code == (0 if broken is None else 1)  # taken out is no fault
    path.write_text("[]", "utf-8")
    ran = run("partner", "verify", str(path))
    assert (ran.code, ran.out.strip()) == (1, "this is not the export of a dispute")


def test_lint_of_contracts_alone(run: Run) -> None:
    ran = run("partner", "lint")
    assert (ran.code, ran.out.strip().splitlines()[-1]) == (0, "0 fault(s) in contracts")
