"""`secdesk sop` as people use it: a run from the first step to a file that anybody can check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.app import App
from bot.app.contents import Contents
from bot.cli import main, sop
from bot.settings import Settings
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, House
from tests.fakes.procedures import DAILY, TAKEOVER, with_procedures

contents, home = fakes.contents, fakes.home
Sop = Callable[..., tuple[int, str, str]]


@pytest.fixture
def house(tmp_path: Path, home: Path, contents: Contents) -> Iterator[House]:
    from adapters.stores.open import open_db

    made = House(home, open_db("", tmp_path), with_procedures(contents, home / "own", takeover=TAKEOVER, daily=DAILY))
    yield made
    made.close()
    made.db.close()


@pytest.fixture
def run(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sop:
    """The command on this house instead of one that it opens itself."""

    @contextmanager
    def opened(_settings: Settings) -> Iterator[App]:
        yield house.app

    monkeypatch.setattr(sop, "opened", opened)
    monkeypatch.chdir(house.folder)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["sop", *arguments])
        house.clock.forward(60)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_a_run_from_the_first_step_to_the_last(run: Sop, house: House) -> None:
    assert "takeover" in run()[1]
    assert "yes: Yes → second" in run("show", "takeover")[1]
    assert (
        "RUN-1    takeover                     step 1 of 5 (revoke), Sam Ortiz"
        in run("start", "takeover", "--as", SAM)[1]
    )
    assert run("done", "RUN-1", "--as", SAM) == (1, "", "secdesk: What shows that it was done? Write a few words.\n")
    assert "--option no: No" in run("done", "run-1", "--as", SAM, "--text", "Revoked.")[1]
    assert "step 4 of 5 (tell)" in run("answer", "RUN-1", "--as", SAM, "--option", "no")[1]
    assert "Ines Brandt" in run("handover", "RUN-1", "--as", SAM, "--to", INES, "--text", "End of shift.")[1]
    assert "done" in run("done", "RUN-1", "--as", INES, "--link", "https://logs.example/1")[1]
    code, said, _ = run("status", "RUN-1")
    assert (code, [line.split()[2] for line in said.splitlines()[1:]]) == (
        0, ["start", "done", "answer", "hand_over", "done", "finish"],
    )  # fmt: skip
    assert run("verify")[:2] == (0, "1 run(s) checked, 0 not whole.\n")


def test_why_is_needed_for_what_is_not_done(run: Sop) -> None:
    run("start", "takeover", "--as", SAM)
    assert run("skip", "RUN-1", "--as", SAM)[2] == "secdesk: Write why in a few words.\n"
    assert "(partner)" in run("cannot", "RUN-1", "--as", SAM, "--text", "No access.")[1]
    assert run("note", "RUN-1", "--as", SAM, "--text", "Asked the partner.")[0] == 0
    assert "aborted" in run("abort", "RUN-1", "--as", SAM, "--text", "False alarm.")[1]
    assert (
        run("note", "RUN-1", "--as", SAM, "--text", "More.")[2]
        == "secdesk: RUN-1 is over. Nothing can be added to it.\n"
    )


def test_a_file_is_evidence_and_two_kinds_at_once_are_not(run: Sop, house: House, tmp_path: Path) -> None:
    proof = tmp_path / "queue.csv"
    proof.write_text("a,b\n")
    run("start", "daily", "--as", SAM)
    assert run("done", "RUN-1", "--as", SAM, "--text", "x", "--file", str(proof))[2].startswith(
        "secdesk: one kind of evidence"
    )
    assert run("done", "RUN-1", "--as", SAM, "--file", str(tmp_path / "none"))[2].endswith(
        "none: No such file or directory\n"
    )
    assert "done" in run("done", "RUN-1", "--as", SAM, "--file", str(proof))[1]
    assert [row["name"] for row in house.rows("SELECT name FROM procedure_file")] == ["queue.csv"]


def test_an_export_verifies_and_one_that_was_changed_does_not(run: Sop, house: House, tmp_path: Path) -> None:
    run("start", "takeover", "--as", SAM)
    run("done", "RUN-1", "--as", SAM, "--text", "Revoked at 14:07.")
    path = tmp_path / "run.json"
    assert run("export", "RUN-1", "--out", str(path))[0] == 0
    assert "whole" in run("verify", str(path))[1]
    path.write_text(path.read_text("utf-8").replace("14:07", "15:07"), "utf-8")
    assert run("verify", str(path))[:2] == (1, f"{path}: the evidence of record 2 was changed\n")
    with house.db.tx() as tx:
        tx.execute("UPDATE procedure_record SET step = 'tell' WHERE seq = 2")
    assert run("verify", "RUN-1")[:2] == (1, "RUN-1: row 2 was edited\n1 run(s) checked, 1 not whole.\n")


@pytest.mark.parametrize("form", ["csv", "pdf"])
def test_the_other_forms_are_written_where_it_is_said(run: Sop, house: House, form: str) -> None:
    run("start", "takeover", "--as", SAM)
    assert run("export", "RUN-1", "--format", form)[1].startswith(f"RUN-1.{form}: ")
    assert (house.folder / f"RUN-1.{form}").stat().st_size > 100
    (row,) = house.rows("SELECT subject FROM audit WHERE action = 'run.export'")
    assert "RUN-1" == row["subject"]


def test_nobody_and_nothing_is_refused_in_one_line(run: Sop) -> None:
    for arguments, says in [
        (("start", "takeover"), "secdesk: say who does it: secdesk sop start takeover --as PERSON\n"),
        (
            ("start", "takeover", "--as", DANA),
            "secdesk: This procedure is started by the help desk or by those who keep it.\n",
        ),
        (("start", "takeover", "--as", "nobody"), "secdesk: nobody is not in people.yaml; see `secdesk people list`\n"),
        (("show",), "secdesk: say which: secdesk sop show NAME\n"),
        (
            ("show", "RUN-9"),
            "secdesk: there is no procedure and no run RUN-9; see secdesk sop list and secdesk sop status\n",
        ),
        (
            ("export", "RUN-9"),
            "secdesk: there is no procedure and no run RUN-9; see secdesk sop list and secdesk sop status\n",
        ),
    ]:
        assert run(*arguments) == (1, "", says)


def test_json_is_what_a_script_reads(run: Sop) -> None:
    run("start", "takeover", "--as", SAM)
    assert [one["id"] for one in json.loads(run("list", "--json")[1])] == ["daily", "takeover"]
    assert json.loads(run("status", "--json")[1])[0]["step"] == "revoke"
    assert json.loads(run("status", "RUN-1", "--json")[1])["records"][0]["action"] == "start"
    assert len(json.loads(run("show", "takeover", "--json")[1])["sha256"]) == 64
