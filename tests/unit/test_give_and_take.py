"""Handing over what somebody owns, getting everything back, and lint with golden questions, as commands."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot.settings import load_settings
from tests.unit import test_cli
from tests.unit.test_cli import Ran
from tests.warm import data_folder

pytestmark = pytest.mark.slow

run, Run = test_cli.run, Callable[..., Ran]
OWN = """\
# The organisation's own.
schema: org/1
sample: true
name: "Acme"
timezone: "Europe/London"
domains: ["acme.example"]
values: {helpdesk_phone: "+44 20 7946 0000", oncall: "+44 20 7946 0999"}
owners: {awareness: "Awareness", service-desk: "Service desk"}
keepers:
  awareness: ["sam.ortiz"]   # since May
  service-desk: ["sam.ortiz", "ines.brandt"]
"""
ROTA = """\
schema: oncall/1
start: 2026-01-05
# one week each
weekly: ["sam.ortiz", "ines.brandt"]
second: ["ines.brandt"]
manager: "sam.ortiz"
overrides:
  - {start: 2026-12-24, end: 2026-12-26, who: "sam.ortiz"}
"""


PEOPLE = """\
schema: people/1
people:
  - {id: "sam.ortiz", name: "Sam Ortiz", roles: ["it_helpdesk"]}
  - {id: "ines.brandt", name: "Ines Brandt", roles: ["it_helpdesk"]}
  - {id: "dana.reyes", name: "Dana Reyes", roles: ["regular"]}
"""


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data folder of its own: these commands write."""
    return data_folder(request.config, tmp_path)


@pytest.fixture
def own(run: Run) -> Path:
    """An organisation's folder in the current one, with an answer that Sam owns."""
    folder = Path("knowledge")
    (folder / "answers").mkdir(parents=True)
    (folder / "org.yaml").write_text(OWN)
    (folder / "oncall.yaml").write_text(ROTA)
    (folder / "people.yaml").write_text(PEOPLE)
    text = shipped("public-wifi")
    owner = re.search(r'^owner: "?([a-z-]+)"?', text, re.M)
    assert owner is not None
    (folder / "answers" / "public-wifi.yaml").write_text(text.replace(owner[0], 'owner: "sam-ortiz"  # for now'))
    return folder


def shipped(name: str) -> str:
    return (files("knowledge") / "answers" / f"{name}.yaml").read_text("utf-8")


# handing over


def test_everything_somebody_owns_goes_to_another(run: Run, own: Path) -> None:
    asked = run("ask", "I clicked the link and entered my password", "--as", "dana.reyes")
    assert 0 == asked.code
    tried = run("people", "hand-over", "sam.ortiz", "ines.brandt", "--dry-run")
    assert (0, OWN) == (tried.code, (own / "org.yaml").read_text())
    assert "3 file(s), 0 ticket(s) and 0 draft(s) would go to ines.brandt" in tried.out
    done = json.loads(run("people", "hand-over", "sam.ortiz", "ines.brandt", "--json").out)
    assert {
        "org.yaml": "keepers",
        "oncall.yaml": "manager, overrides, weekly",
        "answers/public-wifi.yaml": "owner",
    } == done["files"]
    lines = [re.sub(" +#", " #", line) for line in (own / "org.yaml").read_text().splitlines()]
    assert {'  awareness: ["ines.brandt"] # since May', '  service-desk: ["ines.brandt"]'} <= set(lines)
    rota = (own / "oncall.yaml").read_text()
    assert "sam.ortiz" not in rota
    assert 'weekly: ["ines.brandt", "ines.brandt"]' in rota
    assert "# one week each" in rota
    assert 'owner: "ines-brandt" # for now' in re.sub(" +", " ", (own / "answers" / "public-wifi.yaml").read_text())
    assert 0 == run("lint", "--quick").code
    assert "0 file(s)" in run("people", "hand-over", "sam.ortiz", "ines.brandt").out


REGISTER = """\
schema: register/1
# what we send
surveys:
  # twice a year
  - {name: "Pulse", sender: "pulse@acme.example", domains: ["acme.example"], until: 2099-06-30, owner: sam-ortiz}
  - {name: "Canteen", sender: "food@acme.example", domains: ["acme.example"], until: 2099-06-30, owner: awareness}
"""


def test_owners_inside_a_file_go_along(run: Run, own: Path) -> None:
    (own / "register.yaml").write_text(REGISTER)
    done = json.loads(run("people", "hand-over", "sam.ortiz", "ines.brandt", "--json").out)
    assert "surveys" == done["files"]["register.yaml"]
    text = (own / "register.yaml").read_text()
    assert ["ines-brandt", "awareness"] == re.findall(r'owner: "?([a-z-]+)', text)
    assert {"# what we send", "# twice a year"} <= {line.strip() for line in text.splitlines()}
    assert 0 == run("lint", "--quick").code


def test_duty_that_was_taken_over_goes_along(run: Run, own: Path, data: Path) -> None:
    from bot.cli.opening import opened

    (own / "oncall.yaml").write_text('schema: oncall/1\nstart: 2026-01-05\nweekly: ["dana.reyes"]\nmanager: ""\n')
    with opened(load_settings(Path())) as app:
        met = app.work(lambda work: app.identities.meet(work.tx, app.person("sam.ortiz"), work.at))
        app.work(lambda work: app.calling.duty.take(work, met))
        assert "sam.ortiz" == app.oncall.on_duty(app.clock.now())[0]
    assert 0 == run("people", "hand-over", "sam.ortiz", "ines.brandt").code
    with opened(load_settings(Path())) as app:
        assert "ines.brandt" == app.oncall.on_duty(app.clock.now())[0]


def test_tickets_and_drafts_go_along(run: Run, own: Path, data: Path) -> None:
    from bot.cli.opening import opened
    from bot.model import Action, Message

    with opened(load_settings(Path())) as app:
        dana, sam, ines = (app.person(name) for name in ("dana.reyes", "sam.ortiz", "ines.brandt"))
        app.desk.handle(Message("k1", dana, app.web_place(dana), action=Action("tickets.person")))
        sam = app.work(lambda work: app.identities.meet(work.tx, sam, work.at))
        (ticket,) = app.tickets.queue()
        app.work(lambda work: app.tickets.claim(work, ticket.number, sam))
        filed = app.authoring.filed("qr-code")
        assert filed is not None
        app.work(app.authoring.save(sam, "qr-code", filed.text.replace("camera", "own camera"), (filed.sha, 0)))
    ran = run("people", "hand-over", "sam.ortiz", "ines.brandt")
    assert "1 ticket(s) and 1 draft(s) went to ines.brandt" in ran.out, ran
    with opened(load_settings(Path())) as app:
        ines = app.person("ines.brandt")
        assert ines.key == app.tickets.get(ticket.number).assignee
        change = app.authoring.open_change("qr-code")
        assert change is not None
        assert ines.key == change.author
        assert "people.hand_over" in [row["action"] for row in app.db.query("SELECT action FROM audit")]
        assert app.verify_audit().ok


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say from whom to whom: secdesk people hand-over ID ID"),
        (("sam.ortiz",), "say from whom to whom: secdesk people hand-over ID ID"),
        (("sam.ortiz", "nobody"), "nobody is not in people.yaml; see secdesk people list"),
        (("nobody", "ines.brandt"), "nobody owns nothing here; see secdesk people list"),
        (("sam.ortiz", "SAM.ORTIZ"), "name two people"),
    ],
)
def test_what_cannot_be_handed_over(run: Run, own: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said == test_cli.one_line(run("people", "hand-over", *arguments))
    assert OWN == (own / "org.yaml").read_text()


def test_all_files_or_none(run: Run, own: Path) -> None:
    text = (own / "answers" / "public-wifi.yaml").read_text()
    (own / "answers" / "public-wifi.yaml").write_text(re.sub(r"^author: .*$", "author: x", text, flags=re.M))
    assert 1 == run("lint", "--quick").code  # a fault that was there before is nobody's business here
    assert 0 == run("people", "hand-over", "sam.ortiz", "ines.brandt").code


# everything back


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_back(run: Run, own: Path, data: Path, tmp_path: Path) -> None:
    mail = tmp_path / "odd.eml"
    mail.write_bytes(b"From: a@b.example\nSubject: Odd\n\nPay now.\n")
    assert 0 == run("report", str(mail), "--as", "dana.reyes").code
    ran = run("export", "--all", str(tmp_path / "out"), "--json")
    assert 0 == ran.code, ran
    said = json.loads(ran.out)
    out = tmp_path / "out"
    assert OWN == (out / "knowledge" / "own" / "org.yaml").read_text()
    assert shipped("qr-code") == (out / "knowledge" / "shipped" / "answers" / "qr-code.yaml").read_text("utf-8")
    rows: dict[str, list[Any]] = {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in (out / "tables").iterdir()
    }
    assert {name: len(found) for name, found in rows.items()} == said["tables"]
    assert {"ticket", "ticket_event", "audit", "identity", "answer_change", "question", "migration"} <= set(rows)
    assert set() == {"slack_install", "console_link", "console_session", "slack_state"} & set(rows)
    assert {"dana.reyes"} <= {row["sealed"]["id"] for row in rows["identity"]}
    (one,) = rows["mail"]
    assert mail.read_bytes() == (out / one["body"]["file"]).read_bytes()
    assert "0025_authoring.sql" in tree(out / "schema")
    readme = (out / "README.txt").read_text()
    assert "tables/identity.jsonl says who they are" in readme
    assert "slack_install" in readme
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*")}
    assert {0o600, 0o700} == modes


def test_without_all_it_is_the_knowledge_alone(run: Run, own: Path, tmp_path: Path) -> None:
    ran = run("export", str(tmp_path / "out"))
    assert (0, False) == (ran.code, (tmp_path / "out" / "tables").exists())
    assert "answers/public-wifi.yaml" in tree(tmp_path / "out" / "knowledge" / "own")


def test_nothing_is_written_over(run: Run, own: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    assert "is not empty: name a folder that is" in test_cli.one_line(run("export", "--all", str(tmp_path / "out")))
    assert {"mine.txt"} == tree(tmp_path / "out")


# importing, and lint with golden questions


def test_import_lists_bad_rows_and_says_what_to_do_next(run: Run, tmp_path: Path) -> None:
    sheet = tmp_path / "faq.csv"
    sheet.write_text("question,answer\nWhere do I get a new badge?,At reception.\n,nothing\n")
    ran = run("import", "answers", str(sheet), "--owner", "service-desk", "--as", "sam.ortiz")
    assert (1, "faq.csv: line 3: the question is empty\n") == (ran.code, ran.err)
    assert "1 draft(s) written in" in ran.out
    assert "1 row(s) could not be taken" in ran.out
    text = Path("knowledge", "answers", "where-do-i-get-a-new-badge.yaml").read_text()
    assert ('state: "draft"' in text, 'author: "sam-ortiz"' in text, 'owner: "service-desk"' in text) == (
        True,
        True,
        True,
    )
    as_json = json.loads(run("import", "answers", str(sheet), "--json", "--dry-run").out)
    assert [2, 3] == [told["row"] for told in as_json["bad"]]
    assert 0 == run("lint", "--quick").code
    sheet.write_bytes(b"PK\x03\x04broken")
    assert "is damaged" in test_cli.one_line(run("import", "answers", str(sheet)))
    assert "No such file" in test_cli.one_line(run("import", "answers", str(tmp_path / "none.csv")))


def test_lint_asks_golden_questions_where_answers_of_ones_own_change_something(run: Run) -> None:
    Path("knowledge", "answers").mkdir(parents=True)
    text = shipped("public-wifi")
    own = Path("knowledge", "answers", "public-wifi.yaml")
    own.write_text(text.replace("reviewed: ", "reviewed:  "))
    assert 0 == json.loads(run("lint", "--json").out)["golden"]  # nothing that the search sees
    own.write_text(
        text.replace("golden:\n  en:\n", 'golden:\n  en:\n    - "the printer is out of paper again, who fills it"\n')
    )
    ran = run("lint", "--json")
    said = json.loads(ran.out)
    assert (1, True) == (ran.code, said["golden"] > 1000)
    (fault,) = said["faults"]
    assert 'golden question "the printer is out of paper again, who fills it" does not find this entry' in fault["what"]
    assert "the printer" in own.read_text().splitlines()[fault["line"] - 1]
    assert 0 == run("lint", "--quick").code
