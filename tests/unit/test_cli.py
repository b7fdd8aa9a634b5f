"""The command line as people use it: every command, its help, and what it says when something is wrong."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import re
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from adapters.stores.open import FILE as DATABASE
from bot.app import refuse_samples
from bot.app.contents import load_contents
from bot.cli import COMMANDS, main
from bot.cli.init import QUESTIONS
from bot.errors import ConfigError
from bot.settings import load_settings
from tests.warm import data_folder, loaded_once

CORPUS = Path(__file__).parent.parent / "corpus" / "mail"
ANSWERS = [
    "Acme", "@acme.example, https://www.acme.example", "Europe/Berlin", "+49 30 123456", "+49 170 1234567", "Jo Doe",
    "Jo.Doe@acme.example", "", "", "",
]  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the commands that read; those that write use the people and numbers they make."""
    return data_folder(request.config, tmp_path_factory.mktemp("cli"))


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Path
) -> Iterator[Run]:
    """Runs a command in this process, in an empty folder, and puts back what it changed in the process."""
    for name in [name for name in os.environ if name.startswith("SECDESK_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("SECDESK_DATA", str(data))
    monkeypatch.setenv("SECDESK_SEARCH", "words")
    monkeypatch.setattr("bot.app.load_contents", loaded_once)
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level

    def command(*arguments: str, stdin: str = "", **env: str) -> Ran:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, re.sub(r"Preparing the search: .*\n", "", said.err))  # on a slow machine only

    yield command
    gc.unfreeze()
    root.handlers[:] = kept
    root.setLevel(level)


def one_line(ran: Ran) -> str:
    """What a failed command said: one line on standard error, nothing else."""
    assert ("", 1) == (ran.out, ran.err.count("\n")), ran
    assert ran.err.startswith("secdesk: ")
    return ran.err.removeprefix("secdesk: ").strip()


# help and what is not understood


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith(f"usage: secdesk {command} ")
    options = re.findall(r"^  (--?[a-z-]+|[a-z]+)(.*)$", ran.out.split("\n\n", 2)[2], re.M)
    bare = [name for name, rest in options if not rest.strip() and name != "usage"]
    long_ones = [name for name in bare if not re.search(rf"^  {re.escape(name)}.*\n {{10,}}\S", ran.out, re.M)]
    assert [] == long_ones, "every option says what it is for"


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'bot.app', 'numpy', 'pydantic', 'yaml', 'starlette', 'dbos', 'asyncio', 'bot.content'}"
    for arguments in (["--help"], ["ask", "--help"], ["serve", "--help"], ["init", "--help"], ["eval", "--help"]):
        code = (
            f"import sys\nfrom bot.cli import main\ntry: main({arguments})\nexcept SystemExit: pass\n"
            f"print('loaded', sorted({heavy} & set(sys.modules)))"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "loaded []" == ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["ask"], "the following arguments are required: question"),
        (["ask", "hi", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["lint", "--folder"], "argument --folder: expected one argument"),
        (["nudge"], "the following arguments are required: VERB"),
        (["tickets", "--state", "lost"], "invalid choice: 'lost'"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_2(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert 2 == ran.code
    assert said in one_line(ran)


# settings


@pytest.mark.parametrize(
    "order", [lambda folder: ["--folder", folder, "lint"], lambda folder: ["lint", "--folder", folder]]
)
def test_the_folder_may_stand_before_or_after_the_command(
    run: Run, tmp_path: Path, order: Callable[[str], list[str]]
) -> None:
    (tmp_path / "secdesk.toml").write_text("[storage]\nsize = 3\n", "utf-8")
    ran = run(*order(str(tmp_path)))
    assert 1 == ran.code
    assert f'{tmp_path}/secdesk.toml: "storage.size" is not a setting; the settings are' in one_line(ran)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[storage\n", "this is not valid TOML"),
        ("port = 1\n", '"port" stands outside a [section]'),
        ("[server]\nport = 'many'\n", "server.port must be a whole number, not 'many'"),
        ("[server]\nport = 70000\n", "server.port: 70000 is not a port"),
        ("[storage]\ndatabase = 'postgresql://u:secret-word@h/d'\n", "holds a password; set SECDESK_DATABASE"),
        (b"\xff\xfe[", "this is not valid TOML"),
        (None, "Is a directory"),
    ],
)
def test_a_settings_file_that_is_wrong_is_said_in_one_line(run: Run, toml: str | bytes | None, said: str) -> None:
    path = Path("secdesk.toml")
    if toml is None:
        path.mkdir()
    else:
        path.write_bytes(toml.encode() if isinstance(toml, str) else toml)
    ran = run("ask", "hello")
    assert 1 == ran.code
    assert said in one_line(ran)
    assert "secret-word" not in ran.err


def test_a_number_from_the_environment_that_is_none(run: Run) -> None:
    ran = run("lint", SECDESK_PORT="abc")
    assert (1, "SECDESK_PORT: server.port must be a whole number, not 'abc'") == (ran.code, one_line(ran))


def test_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    ran = run("--folder", str(tmp_path / "nowhere"), "lint")
    assert 1 == ran.code
    assert f"there is no folder {tmp_path}/nowhere; `secdesk init {tmp_path}/nowhere` makes one" == one_line(ran)


# the data folder


@pytest.mark.parametrize("command", [["ask", "hello"], ["people"], ["serve", "--port", "0"]])
def test_a_data_folder_that_cannot_be_used(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for place, why in ((tmp_path / "file", "it is a file"), (tmp_path / "file" / "below", "Not a directory")):
        ran = run(*command, SECDESK_DATA=str(place))
        assert 1 == ran.code
        assert f"the data folder {place} cannot be used ({why}): mend it, or set SECDESK_DATA" == one_line(ran)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    run: Run, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = data_folder(request.config, tmp_path)
    assert 0 == run("people", SECDESK_DATA=str(data)).code
    with sqlite3.connect(data / DATABASE) as connection:
        connection.execute("INSERT INTO migration (number, name, applied_at) VALUES (9000, 'from_the_future', 0)")
    before = (data / DATABASE).read_bytes()
    ran = run("people")
    assert 1 == ran.code
    assert "written by a newer Secdesk (it has step 9000 from_the_future" in one_line(ran)
    assert before == (data / DATABASE).read_bytes()


def test_a_full_disk_is_one_line(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """No file may grow (as on a full disk, but for this process alone)."""
    data = data_folder(request.config, tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main())", "people"],
        cwd=tmp_path, env={**os.environ, "SECDESK_DATA": str(data)}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    assert (1, "") == (ran.returncode, ran.stdout)
    assert (
        f"secdesk: the data folder {data} cannot be used (File too large): mend it, or set SECDESK_DATA\n" == ran.stderr
    )
    assert ["cache"] == sorted(path.name for path in data.iterdir()), "nothing half-written"


# asking


def test_ask_as_json_has_exactly_these_fields(run: Run) -> None:
    ran = run("ask", "How do I report a suspicious mail?", "--as", "dana.reyes", "--json")
    assert (0, "") == (ran.code, ran.err)
    asked = json.loads(ran.out)
    assert ["outcome", "entry", "suggestions", "confidence", "text"] == list(asked)
    assert asked["outcome"] in {"answer", "suggest", "escalate", "emergency", "confirm"}
    assert isinstance(asked["suggestions"], list)
    assert 0 <= asked["confidence"] <= 1
    assert asked["text"]


def test_ask_takes_words_without_quotes_and_finds_people_by_address(run: Run) -> None:
    quoted = run("ask", "how do I report a suspicious mail", "--as", "Dana.Reyes@northwind.example")
    bare = run("ask", "--as", "dana.reyes", "how", "do", "I", "report", "a", "suspicious", "mail")
    assert (0, quoted.out) == (bare.code, bare.out)


def test_an_emergency_is_an_emergency_here_too(run: Run) -> None:
    ran = run("ask", "--json", "I clicked the link and entered my password")
    assert (0, "emergency") == (ran.code, json.loads(ran.out)["outcome"])


def test_ask_keeps_nothing(run: Run, data: Path) -> None:
    before = run("tickets", "--state", "all").out
    run("ask", "I clicked the link and entered my password", "--as", "dana.reyes")
    assert before == run("tickets", "--state", "all").out
    assert b"clicked the link" not in b"".join(path.read_bytes() for path in data.glob("secdesk.db*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "hi", "--as", "nobody"], "nobody is not in people.yaml; see `secdesk people list`"),
        (["report", str(CORPUS / "wanted-en-list.eml"), "--as", "nobody"], "nobody is not in people.yaml"),
        (["console-link", "--as", "dana.reyes"], "dana.reyes is at the help desk"),
        (["people", "forget", "nobody"], "nobody is not known here; see secdesk people list"),
        (["token", "create", "x", "--for", "dana.reyes", "--scope", "see"], "dana.reyes has no role in the console"),
        (
            ["token", "create", "x", "--for", "sam.ortiz", "--scope", "see", "--days", "0"],
            "a token ends after 1 to 366 days",
        ),
        (["token", "revoke", "abc"], "there is no token abc that holds; see secdesk token list"),
        (["people", "forget"], "say whom: secdesk people forget ID"),
        (["tickets", "SEC-99999"], "there is no ticket SEC-99999"),
        (["report", "missing.eml"], "missing.eml: cannot be read (No such file or directory)"),
        (["report", "."], ".: cannot be read (Is a directory)"),
        (["eval", "mail"], "give a file to measure on: secdesk eval mail FILE"),
        (["eval", "emergency", "missing.yaml"], "missing.yaml is not there"),
        (["eval", "questions", "missing.tsv"], "missing.tsv is not there"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert 1 == ran.code
    assert said in one_line(ran)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("emergency", b"[]"), ("emergency", b"\xff\xfe\x00"), ("answers", b"{"), ("answers", None),
        ("questions", b"\xff\xfe\x00"), ("mail", b""), ("mail", None),
    ],
)  # fmt: skip
def test_a_file_in_another_form_is_said_in_one_line(run: Run, tmp_path: Path, what: str, content: bytes | None) -> None:
    path = tmp_path / "measured"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    ran = run("eval", what, str(path))
    assert 1 == ran.code
    assert str(path) in ran.err.splitlines()[0]


# the other commands


def test_report_gives_a_receipt_and_a_verdict(run: Run) -> None:
    ran = run("report", str(CORPUS / "phish-en-brand-login.eml"), "--as", "dana.reyes", "--json")
    assert (0, "") == (ran.code, ran.err)
    found = json.loads(ran.out)
    assert {"receipt", "ticket", "verdict", "confidence", "signs", "unchecked", "text"} == set(found)
    assert found["ticket"] in found["receipt"]
    shown = run("tickets", found["ticket"].lower())
    assert (0, True) == (shown.code, shown.out.startswith(found["ticket"]))
    assert found["ticket"] in run("tickets", "--state", "all").out
    assert run("report", str(CORPUS / "phish-en-brand-login.eml")).out.count(found["ticket"]) >= 1


def test_report_refuses_what_is_no_mail(run: Run) -> None:
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    ran = run("report", "picture.png")
    assert (1, "") == (ran.code, ran.err)
    assert ran.out.strip()


def test_people_tickets_audit_and_link(run: Run) -> None:
    people = run("people", "--json")
    assert 10 == len(json.loads(people.out))
    assert run("people").out.count("\n") == run("people", "list").out.count("\n") == 10
    assert re.fullmatch(r"\d+ rows, whole\n", run("audit", "verify").out)
    link = run("console-link", "--as", "sam.ortiz")
    assert (0, True) == (link.code, "http://127.0.0.1:8765/console/sign-in?token=" in link.out)


def test_a_token_is_made_listed_and_ended(run: Run) -> None:
    assert "There are no tokens. Make one" in run("token", "list").out
    made = run("token", "create", "Exports", "--for", "sam.ortiz", "--scope", "see", "--scope", "work", "--days", "7")
    secret, said = made.out.splitlines()
    assert (0, True) == (made.code, bool(re.fullmatch(r"secdesk_[\w-]{43}", secret)))
    name = re.findall(r"Token (\w{12}) acts as Sam Ortiz until", said)[0]
    listed = run("token", "list").out
    assert re.match(rf"{name}  good     until \S+ \S+ UTC  used never  Exports \(Sam Ortiz: see, work\)", listed)
    assert secret not in listed
    assert f"Token {name} has ended." in run("token", "revoke", name).out
    assert f"{name}  revoked" in run("token", "list").out


def test_forgetting_somebody_leaves_the_chain_whole(run: Run) -> None:
    run("report", str(CORPUS / "spam-en-pills.eml"), "--as", "ama.mensah")
    assert 0 == run("people", "forget", "ama.mensah").code
    assert (0, True) == ((verified := run("audit")).code, "whole" in verified.out)


def test_nudge_attendance_lists_everybody_in_a_course(run: Run) -> None:
    rows = json.loads(run("nudge", "attendance", "--json").out)
    assert {(row["course"], row["person"], row["done"], row["complete"]) for row in rows} == {
        ("admin-security", "Sam Ortiz", 0, False),
        ("admin-security", "Ines Brandt", 0, False),
    }
    assert "0 of 8" in run("nudge", "attendance").out


def test_nudge_plan_and_send(run: Run) -> None:
    plan = json.loads(run("nudge", "plan", "--json").out)
    assert {"person", "lesson", "when", "reason", "why"} == set(plan[0])
    assert all(row["why"] for row in plan)
    sent = run("nudge", "send", "--now")
    assert 0 == sent.code
    assert re.search(r"^\d+ sent, \d+ unreachable, \d+ not due$", sent.out, re.M)


def test_lint_says_every_fault_at_its_place(run: Run) -> None:
    Path("knowledge", "answers").mkdir(parents=True)
    Path("knowledge", "answers", "broken.yaml").write_text("schema: answer/1\n  nope: 1", "utf-8")
    Path("knowledge", "oncall.yaml").write_text("schema: oncall/1\nstart: 2026-01-05\nweekly: []\n", "utf-8")
    ran = run("lint")
    assert 1 == ran.code
    places = [line.split(": ")[0] for line in ran.out.splitlines()[:-1]]
    home = Path.cwd() / "knowledge"
    assert {f"{home}/answers/broken.yaml:2:7", f"{home}/oncall.yaml:3:1"} <= set(places)
    assert "nobody is on call, put at least one person under weekly" in ran.out
    as_json = json.loads(run("lint", "--json").out)
    assert len(places) == len(as_json["faults"])


def test_faults_in_content_do_not_keep_a_command_from_answering(run: Run) -> None:
    Path("knowledge").mkdir()
    Path("knowledge", "oncall.yaml").write_text("schema: oncall/1\nstart: 2026-01-05\nweekly: []\n", "utf-8")
    ran = run("ask", "I clicked the link and entered my password")
    assert 0 == ran.code
    assert "secdesk: 1 fault(s) in content, older content is used; see secdesk lint\n" == ran.err
    assert "+44 20 7946 0999" in ran.out or "+44 20 7946 0000" in ran.out


def test_faults_where_nothing_can_stand_in(run: Run) -> None:
    Path("knowledge").mkdir()
    Path("knowledge", "org.yaml").write_text("schema: org/1\nname: A\nvalues: {nonsense: x}\n", "utf-8")
    ran = run("ask", "hello")
    assert (1, "") == (ran.code, ran.out)
    assert f'{Path.cwd()}/knowledge/org.yaml:3:10: "nonsense" is not a value that content uses' in ran.err
    assert "fault(s) in content; `secdesk lint` checks all of it" in ran.err.splitlines()[-1]


def test_whoever_reads_our_output_may_stop(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-c", "from bot.cli import main; raise SystemExit(main())", "lint", "--notes"],
        cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (0, "") == (ran.returncode, ran.stderr)


# init


def test_init_asks_at_most_ten_questions() -> None:
    assert len(QUESTIONS) <= 10


def test_init_writes_a_folder_that_works(run: Run, tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "acme"
    ran = run("init", str(folder), stdin="\n".join(ANSWERS) + "\n")
    assert (0, "") == (ran.code, ran.err)
    assert re.findall(r"^ *(\d+)/\d+", ran.out, re.M) == [str(n) for n in range(1, len(QUESTIONS) + 1)]
    assert f"secdesk --folder {folder} doctor" in ran.out
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert ["knowledge/oncall.yaml", "knowledge/org.yaml", "knowledge/people.yaml", "secdesk.toml"] == files
    doctor = run("--folder", str(folder), "doctor", SECDESK_DATA=str(data), SECDESK_PAGERDUTY_KEY="k" * 32)
    assert (0, True) == (doctor.code, doctor.out.endswith("All that you asked for works.\n")), doctor
    assert "Acme" in doctor.out
    assert "sample values" not in doctor.out
    asked = run("--folder", str(folder), "ask", "I clicked the link and entered my password", "--as", "jo.doe")
    assert "+49 170 1234567" in asked.out or "+49 30 123456" in asked.out
    shown = load_contents(folder / "knowledge", data / "cache", date.today, "words")
    assert ["acme.example", "www.acme.example"] == shown.organisation.current.file.domains
    assert not shown.organisation.current.sample


def test_init_writes_where_the_folder_option_says(run: Run, tmp_path: Path) -> None:
    assert 0 == run("--folder", str(tmp_path / "new"), "init", stdin="\n".join(ANSWERS)).code
    assert (tmp_path / "new" / "secdesk.toml").is_file()


def test_init_asks_again_until_an_answer_will_do(run: Run, tmp_path: Path) -> None:
    answers = ["", *ANSWERS[:2], "Mars/Base", "Europe/Paris", "none", *ANSWERS[3:6], "no address", *ANSWERS[6:]]
    ran = run("init", str(tmp_path / "new"), stdin="\n".join(answers) + "\n")
    assert 0 == ran.code
    for said in (
        "This one is needed.",
        "That is not a time zone.",
        "That is not a phone number.",
        "That is not a mail address.",
    ):
        assert said in ran.out


def test_init_without_answers_writes_nothing(run: Run, tmp_path: Path) -> None:
    ran = run("init", str(tmp_path / "new"), stdin="Acme\n")
    assert 1 == ran.code
    assert "secdesk: No answer to “Your mail domains, with commas between them”" in ran.err
    assert not (tmp_path / "new").exists()


def test_init_writes_over_nothing_unless_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    run("init", str(folder), stdin="\n".join(ANSWERS))
    before = (folder / "secdesk.toml").read_text("utf-8")
    refused = run("init", str(folder), stdin="\n".join(ANSWERS))
    assert (1, True) == (refused.code, "secdesk.toml is there already" in one_line(refused))
    assert before == (folder / "secdesk.toml").read_text("utf-8")
    assert 0 == run("init", str(folder), "--force", stdin="\n".join(ANSWERS)).code


def test_init_writes_all_files_or_none(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "knowledge").write_text("a file in the way", "utf-8")
    ran = run("init", str(folder), stdin="\n".join(ANSWERS))
    assert (1, True) == (ran.code, "cannot be written" in ran.err)
    assert ["knowledge"] == [path.name for path in folder.iterdir()]


def test_names_with_quotes_survive_init(run: Run, tmp_path: Path) -> None:
    answers = ['Smith "&" Söhne: Ltd # 1 \\', *ANSWERS[1:]]
    assert 0 == run("init", str(tmp_path / "new"), stdin="\n".join(answers)).code
    assert 0 == run("lint", "--folder", str(tmp_path / "new")).code


# samples


class FakePlatform:
    """A real chat platform, as far as starting goes."""

    name = "platform"
    real = True


def test_a_real_chat_platform_refuses_sample_values(tmp_path: Path, data: Path) -> None:
    settings = load_settings(tmp_path, {"SECDESK_CHANNELS": "platform"})
    contents = load_contents(None, data / "cache", date.today, "words")
    org = contents.organisation.current
    assert org.sample, "the organisation that ships is marked as a sample"
    with pytest.raises(ConfigError, match="platform cannot start on sample values: run `secdesk init`"):
        refuse_samples(settings, org, {"platform": FakePlatform()})  # type: ignore[dict-item]
    real = type(org)(org.file.model_copy(update={"sample": False}), org.roles, org.groups, org.catalogue, org.words)
    refuse_samples(settings, real, {"platform": FakePlatform()})  # type: ignore[dict-item]


def test_a_channel_that_is_not_there(run: Run) -> None:
    ran = run("people", SECDESK_CHANNELS="web,pigeon")
    assert 1 == ran.code
    assert "channels.use: there is no channel pigeon; there are: web" == one_line(ran)


def test_due_times_are_made_again_and_words_are_searched(run: Run, data: Path) -> None:
    found = run("tickets", "--find", "nowhere", SECDESK_DATA=str(data))
    assert (0, "No tickets that are unresolved.\n") == (found.code, found.out)
    rebuilt = run("tickets", "--rebuild", SECDESK_DATA=str(data))
    assert (0, "0 due times were wrong and are right now.\n") == (rebuilt.code, rebuilt.out)
